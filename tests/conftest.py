"""What the tests stand on: a home without the developer's keys, git repositories, the installed program, real peers.

Peers are the real sops, age and Helm that `./dev peers` builds. They are looked up in its cache folder first, then
on the PATH. A test whose peer is absent is skipped and says so; with ``KSECRETS_REQUIRE_PEERS=1`` it fails.
"""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import hypothesis
import pytest

from tests.browser import Browser
from tests.cluster import cluster
from tests.services import aws, strict_aws, vault

__all__ = ["aws", "cluster", "strict_aws", "vault"]  # fixtures that stand elsewhere

ROOT = Path(__file__).resolve().parent.parent

# A job in the background of a script ignores SIGINT, one under nohup SIGHUP, and what the tests start would inherit it.
# A handler that does nothing ignores it just as well and is not inherited.
for _signal in (signal.SIGINT, getattr(signal, "SIGHUP", signal.SIGINT)):
    if signal.getsignal(_signal) is signal.SIG_IGN:
        signal.signal(_signal, lambda *_: None)

# Read once, before any test's environment hides them.
_REQUIRE_PEERS = os.environ.get("KSECRETS_REQUIRE_PEERS") == "1"
_PATH = os.environ.get("PATH", os.defpath)
_CACHE = Path(
    os.environ.get("KSECRETS_PEERS")
    or Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "ksecrets-peers"
)

# Whatever could bring the developer's keys, agents, editor, configuration or Argo CD's habits into a test.
_HIDDEN_PREFIXES = (
    "SOPS_",
    "KSECRETS_",
    "HELM_",
    "GIT_",
    "XDG_",
    "AGE_",
    "AWS_",
    "GOOGLE_",
    "AZURE_",
    "VAULT_",
    "BAO_",
    "ARGOCD_",
)
_HIDDEN = (
    "DBUS_SESSION_BUS_ADDRESS",
    "EDITOR",
    "GNUPGHOME",
    "KUBECONFIG",
    "NO_COLOR",
    "PYTHONPATH",
    "SSH_AUTH_SOCK",
    "VISUAL",
)

_GITCONFIG = """\
[user]
	name = Test Person
	email = test@example.org
[init]
	defaultBranch = main
[commit]
	gpgSign = false
[gc]
	auto = 0
[maintenance]
	auto = false
"""


# Time limits for single examples only say how busy the machine is.
hypothesis.settings.register_profile("ksecrets", deadline=None)
hypothesis.settings.load_profile("ksecrets")


@pytest.fixture(scope="session")
def _homes() -> Iterator[Path]:
    with tempfile.TemporaryDirectory(prefix="ksecrets-homes-", ignore_cleanup_errors=True) as folder:
        yield Path(folder)


@pytest.fixture(autouse=True)
def clean_home(_homes: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A new, empty HOME (with a git identity); nothing of the developer's own is to be seen. Returns it."""
    for name in list(os.environ):
        if name.startswith(_HIDDEN_PREFIXES) or name in _HIDDEN:
            monkeypatch.delenv(name)
    home = Path(tempfile.mkdtemp(dir=_homes))
    (home / ".gitconfig").write_text(_GITCONFIG)
    settings = {
        "HOME": str(home),
        "XDG_CONFIG_HOME": str(home / ".config"),
        "XDG_CACHE_HOME": str(home / ".cache"),
        "XDG_DATA_HOME": str(home / ".local/share"),
        "XDG_STATE_HOME": str(home / ".local/state"),
        "GIT_CONFIG_NOSYSTEM": "1",
        "GIT_TERMINAL_PROMPT": "0",
        "GIT_PAGER": "cat",
        "LC_ALL": "C.UTF-8",
        "TZ": "UTC",
        # sops asks its release server otherwise.
        "SOPS_DISABLE_VERSION_CHECK": "1",
        # The real keyring of a desktop session is not a place for test keys.
        "PYTHON_KEYRING_BACKEND": "keyring.backends.null.Keyring",
    }
    for name, value in settings.items():
        monkeypatch.setenv(name, value)
    return home


# -- peers -------------------------------------------------------------------------------------------------------------


def _find_peer(name: str) -> str:
    """The absolute path of a peer's program, or the end of the test."""
    in_cache = f"{name}/helm" if name in ("helm3", "helm4") else f"bin/{name}"
    found = shutil.which(str(_CACHE / in_cache)) or _on_path(name)
    if found is None:
        reason = f"{name} is neither in {_CACHE} (./dev peers builds it) nor on the PATH"
        if _REQUIRE_PEERS:
            pytest.fail(reason, pytrace=False)
        pytest.skip(reason)
    return os.path.abspath(found)


def _on_path(name: str) -> str | None:
    if name not in ("helm3", "helm4"):
        return shutil.which(name, path=_PATH)
    found = shutil.which(name, path=_PATH) or shutil.which("helm", path=_PATH)
    if found is None:
        return None
    version = subprocess.run(
        [found, "version", "--template", "{{.Version}}"], capture_output=True, text=True, timeout=30
    )
    return found if version.stdout.startswith(f"v{name[-1]}") else None


@pytest.fixture(scope="session")
def find_peer() -> Callable[[str], str]:
    """The same as ``peer``, for servers that stand for a whole run."""
    return _find_peer


@pytest.fixture
def peer() -> Callable[[str], str]:
    """``peer("name")``: the path of any peer, the helpers of tests/peers/go/ too."""
    return _find_peer


@pytest.fixture
def rare_peer() -> Callable[[str], str]:
    """The same for one that takes too long for CI: its tests are skipped, always, where nobody built it by its name.

    When they ran last stands in docs/verification.md.
    """

    def find(name: str) -> str:
        found = shutil.which(str(_CACHE / "bin" / name)) or shutil.which(name, path=_PATH)
        if found is None:
            pytest.skip(f"{name} is not built by default: docs/verification.md says how")
        return found

    return find


@pytest.fixture
def sops() -> str:
    return _find_peer("sops")


@pytest.fixture
def age() -> str:
    return _find_peer("age")


@pytest.fixture
def age_keygen() -> str:
    return _find_peer("age-keygen")


@pytest.fixture
def helm3() -> str:
    return _find_peer("helm3")


@pytest.fixture
def helm4() -> str:
    return _find_peer("helm4")


@pytest.fixture(params=["helm3", "helm4"])
def helm(request: pytest.FixtureRequest) -> str:
    """The path of a Helm; the test runs once with each."""
    return _find_peer(request.param)


@pytest.fixture
def strace() -> str:
    return _find_peer("strace")


# -- the browser -------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="session")
def _browsers() -> Iterator[list[Browser]]:
    """The one browser of this run, once a test has asked for it."""
    started: list[Browser] = []
    yield started
    for each in started:
        each.quit()


@pytest.fixture
def browser(_browsers: list[Browser], tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    """A real browser with an empty window, see tests/browser.py; Chromium and its driver are peers."""
    if not _browsers:
        profile = tmp_path_factory.mktemp("chromium")
        _browsers.append(Browser(_find_peer("chromium"), _find_peer("chromedriver"), profile))
    yield _browsers[0]
    _browsers[0].reset()


# -- git ---------------------------------------------------------------------------------------------------------------


class Repo(os.PathLike[str]):
    """A git repository on a disk. ``repo / "a/b.yaml"`` is a Path in it; it is the working folder of the test."""

    def __init__(self, path: Path) -> None:
        self.path = path
        path.mkdir(parents=True, exist_ok=True)
        self.git("init", "--quiet")

    def __truediv__(self, name: str | os.PathLike[str]) -> Path:
        return self.path / name

    def __fspath__(self) -> str:
        return str(self.path)

    def git(self, *argv: str, check: bool = True, env: Mapping[str, str] | None = None) -> str:
        """Runs git here; returns its stdout. A failure is an error that shows stderr, unless ``check`` is off."""
        done = subprocess.run(
            ["git", *argv], cwd=self.path, env={**os.environ, **(env or {})}, capture_output=True, text=True, timeout=60
        )
        if check and done.returncode != 0:
            raise AssertionError(f"git {' '.join(argv)} (exit {done.returncode})\n{done.stdout}{done.stderr}")
        return done.stdout

    def write(self, name: str, content: str | bytes) -> Path:
        """Writes a file, its folders too; text goes in as it is, without a translation of line ends."""
        path = self.path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content.encode() if isinstance(content, str) else content)
        return path

    def commit(self, message: str = "change") -> str:
        """Commits everything; returns the commit's id."""
        self.git("add", "--all")
        self.git("commit", "--quiet", "--allow-empty", "--message", message)
        return self.git("rev-parse", "HEAD").strip()


@pytest.fixture
def repo(tmp_path: Path, clean_home: Path, monkeypatch: pytest.MonkeyPatch) -> Repo:
    """A fresh git repository, which is the working folder."""
    fresh = Repo(tmp_path / "repo")
    monkeypatch.chdir(fresh.path)
    return fresh


# -- the program -------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Result:
    """How a run of the program ended. ``out`` and ``err`` are bytes; ``stdout`` and ``stderr`` the same as text."""

    argv: tuple[str, ...]
    code: int
    out: bytes
    err: bytes

    @property
    def stdout(self) -> str:
        return self.out.decode()

    @property
    def stderr(self) -> str:
        return self.err.decode()

    def ok(self) -> Result:
        """This result, which must be a success."""
        assert self.code == 0, str(self)
        return self

    def __str__(self) -> str:
        both = (self.out + self.err).decode(errors="replace")
        return f"{' '.join(self.argv)} (exit {self.code})\n{both}"


class Cli:
    """Runs the installed program as a process of its own.

    ``cli(["get", "-", "a.b"], input=b"...")`` or ``cli("get", "-", "a.b", input=b"...")``.
    ``program`` is the command line that starts it, for tests that hand it to git, Helm or strace.
    """

    def __init__(self, program: Sequence[str]) -> None:
        self.program = tuple(program)

    def __call__(
        self,
        *argv: str | os.PathLike[str] | Sequence[str | os.PathLike[str]],
        input: bytes | str = b"",
        env: Mapping[str, str] | None = None,
        cwd: str | os.PathLike[str] | None = None,
        timeout: float = 60,
    ) -> Result:
        words: list[str] = []
        for word in argv:
            group = [word] if isinstance(word, (str, os.PathLike)) else word
            words += [os.fspath(each) for each in group]
        done = subprocess.run(
            [*self.program, *words],
            input=input.encode() if isinstance(input, str) else input,
            env={**os.environ, **(env or {})},
            cwd=cwd,
            capture_output=True,
            timeout=timeout,
        )
        return Result(("ksecrets", *words), done.returncode, done.stdout, done.stderr)


@pytest.fixture(scope="session")
def cli() -> Cli:
    """The ksecrets beside this Python; where it is not installed, the tree's, isolated in the same way."""
    installed = Path(sys.executable).with_name("ksecrets")
    if installed.exists():
        return Cli([str(installed)])
    start = f"import sys; sys.path.insert(0, {str(ROOT)!r}); from ksecrets.cli.main import main; sys.exit(main())"
    return Cli([sys.executable, "-I", "-c", start])
