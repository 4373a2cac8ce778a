"""What a hot command imports, and how the program starts: deterministic where a timed test would not be."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

import ksecrets
from tests.conftest import ROOT, Cli, Repo

# In start-up time, a library is worth a whole decryption (docs/architecture.md, "Start-up").
HEAVY = {
    "_hashlib", "argparse", "ast", "asyncio", "base64", "click", "collections", "contextlib", "cryptography.exceptions",
    "cryptography.hazmat.primitives", "dataclasses", "datetime", "email", "enum", "functools", "git", "hashlib",
    "hmac", "http", "importlib.metadata", "importlib.resources", "inspect", "json", "keyring", "logging", "pathlib",
    "random", "re", "rich", "ruamel", "secrets", "shlex", "shutil", "socket", "ssl", "string", "subprocess",
    "tempfile", "threading", "traceback", "typing", "urllib", "uuid", "yaml.loader", "zipfile",
}  # fmt: skip
ALLOWED = {
    "__future__", "_operator", "_sha2", "_sha256", "_sha512", "_struct", "atexit", "binascii", "errno",
    "importlib", "resource", "struct", "time", "types", "warnings", "zlib",
    # libraries: their bindings, and what these cannot do without
    "_cffi_backend", "_openssl", "cryptography", "pyrage", "yaml", "cython_runtime",
}  # fmt: skip


def modules(tmp_path: Path, *words: str) -> set[str]:
    """What this command line imports, beyond what an isolated Python has; it must succeed."""
    out = tmp_path / "modules.json"
    script = (
        "import sys\nbefore = set(sys.modules)\n"
        f"sys.path.append({str(ROOT)!r})\n"
        "from ksecrets.cli.main import main\n"
        f"code = main({list(words)!r})\n"
        "found = '\\n'.join([str(code), *sorted(set(sys.modules) - before)])\n"
        f"open({str(out)!r}, 'w').write(found)\n"
    )
    done = subprocess.run([sys.executable, "-I", "-c", script], capture_output=True, timeout=60)
    assert done.returncode == 0, done.stderr
    code, *names = out.read_text().split("\n")
    assert code == "0", done.stderr
    return set(names)


def too_many(names: set[str]) -> set[str]:
    """Of these modules, what is neither ours nor allowed."""
    return {name for name in names if name.split(".")[0] != "ksecrets" and (_is_heavy(name) or not _is_allowed(name))}


def _is_heavy(name: str) -> bool:
    return any(name == heavy or name.startswith(heavy + ".") for heavy in HEAVY)


def _is_allowed(name: str) -> bool:
    return name.split(".")[0] in ALLOWED or name.startswith("_cython_")


def test_version_imports_next_to_nothing(tmp_path: Path) -> None:
    assert modules(tmp_path, "--version") == {
        "__future__",
        "ksecrets",
        "ksecrets._version",
        "ksecrets.cli",
        "ksecrets.cli.main",
        "ksecrets.cli.streams",
        "ksecrets.errors",
    }


@pytest.fixture(params=["rules", "no rules"])
def encrypted(request: pytest.FixtureRequest, repo: Repo, cli: Cli) -> Path:
    """An encrypted file with values, a residue and comments, under a configuration and without one."""
    text = "a: 1.10\nb:\n  - secret # note\n  - |\n    two\n    lines\n"
    if request.param == "rules":
        cli("init").ok()
        path = repo.write("env/dev/secrets.yaml", text)
        cli("encrypt", "-i", path).ok()
    else:
        public = ksecrets.keygen().public
        assert public is not None
        path = repo.write("plain.yaml", text)
        cli("encrypt", "-i", "--age", public, path).ok()
    return path


@pytest.mark.parametrize(
    "line",
    ["decrypt FILE", "get FILE b[0]", "git textconv FILE", "helm getter C K A secrets://FILE"],
    ids=lambda line: line.split(" FILE")[0],
)
def test_hot_commands_import_nothing_heavy(line: str, encrypted: Path, tmp_path: Path) -> None:
    names = modules(tmp_path, *(word.replace("FILE", str(encrypted)) for word in line.split()))
    assert not too_many(names)
    assert "ksecrets.cli.clickapp" not in names
    assert "yaml._yaml" in names  # it did decrypt


def test_the_check_above_can_fail(encrypted: Path, tmp_path: Path) -> None:
    names = modules(tmp_path, "decrypt", "--", str(encrypted))  # through click
    assert {"click", "re", "typing", "enum"} <= too_many(names)


# -- starting ----------------------------------------------------------------------------------------------------------

MAIN = ROOT / "ksecrets/__main__.py"


@pytest.mark.parametrize("options", [["-I"], []], ids=["isolated", "plain"])
def test_main_starts_as_a_file_and_never_from_the_working_folder(options: list[str], tmp_path: Path) -> None:
    for name in ("ksecrets", "yaml", "resource"):
        (tmp_path / f"{name}.py").write_text("raise SystemExit('from the working folder')")
    done = subprocess.run(
        [sys.executable, *options, MAIN, "decrypt", "none.yaml"], cwd=tmp_path, capture_output=True, text=True
    )
    assert done.stderr.startswith("error: none.yaml: no such file\nhint: ")
    assert done.returncode == 1


def test_main_starts_without_an_installation(tmp_path: Path) -> None:
    # `-S`: no site-packages, so nothing is installed; the folder above is put last, and holds nothing over the library
    for path in ("__init__.py", "__main__.py", "_version.py", "errors.py", "cli/__init__.py", "cli/main.py",
                 "cli/streams.py"):  # fmt: skip
        copy = tmp_path / "ksecrets" / path
        copy.parent.mkdir(parents=True, exist_ok=True)
        copy.write_bytes((ROOT / "ksecrets" / path).read_bytes())
    (tmp_path / "os.py").write_text("raise SystemExit('shadowed')")
    done = subprocess.run(
        [sys.executable, "-I", "-S", tmp_path / "ksecrets/__main__.py", "--version"], capture_output=True, text=True
    )
    assert (done.stdout, done.stderr) == (f"ksecrets {ksecrets.__version__}\n", "")


def test_no_core_dumps(tmp_path: Path) -> None:
    script = (
        f"import sys, resource; sys.path.append({str(ROOT)!r})\n"
        "from ksecrets.cli.main import main\nmain(['decrypt', 'none'])\n"
        "print(resource.getrlimit(resource.RLIMIT_CORE))"
    )
    done = subprocess.run([sys.executable, "-I", "-c", script], cwd=tmp_path, capture_output=True, text=True)
    assert done.stdout == "(0, 0)\n"


@pytest.mark.parametrize(
    ("before", "normal"),
    [("", False), ("import atexit; atexit.register(print, 'at the end');", True), ("import threading;", True)],
)
def test_the_end_is_quick_only_where_nothing_is_left_to_do(before: str, normal: bool) -> None:
    script = (
        f"import sys; sys.path.append({str(ROOT)!r}); {before} sys.argv[1:] = ['--version']\n"
        "from ksecrets.cli.main import main\nmain()\nprint('normal')"
    )
    done = subprocess.run([sys.executable, "-I", "-c", script], capture_output=True, text=True)
    assert done.returncode == 0
    assert done.stdout.startswith(f"ksecrets {ksecrets.__version__}\n")
    assert ("normal" in done.stdout) is normal
    assert ("at the end" in done.stdout) is ("atexit" in before)
