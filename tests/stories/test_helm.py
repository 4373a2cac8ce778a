"""Helm with encrypted values, on both Helms: through `helm secrets`, through secrets://, and seen by the kernel.

Nothing of this needs a cluster: where Helm insists on one for a dry run, a small server answers its questions.
"""

from __future__ import annotations

import http.server
import json
import os
import re
import shlex
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from ksecrets.start import command
from tests.charts import FILES, MORE, PLAIN, SECRETS, Made, Shop, checkout
from tests.conftest import ROOT, Cli
from tests.trace import CANARY, NO_DISK, WRITES, assert_no_disk, assert_nowhere, traced

# -- helm secrets ------------------------------------------------------------------------------------------------------


def test_encrypted_and_plain_files_in_any_order(shop: Shop) -> None:
    """The last one wins, as in Helm; types are those of the plaintext."""
    assert shop.template("-f", SECRETS) == {"db": {"password": CANARY}, "order": "first", "from": "prod"}
    both = shop.template("-f", "plain.yaml", "--values", SECRETS)
    assert both == {"db": {"password": CANARY}, "order": "first", "from": "prod", "extra": [1, 2]}
    assert shop.template(f"--values={SECRETS}", "-fplain.yaml") == {**both, "order": "plain"}
    assert shop.template("-f", f'{SECRETS},plain.yaml,{MORE},"a,b.yaml"') == {
        **both,
        "more": {"pin": "0042", "true": 1.1},
        "order": "more",
        "comma": True,
    }
    assert shop.template("-f", SECRETS, "-f", "plain.yaml", "-f", SECRETS) == both
    assert (
        shop.template("-f", f"secrets://{SECRETS}", "-f", f"?{MORE},?no.yaml", "--set", "order=set")["order"] == "set"
    )
    assert shop.template("-f", os.path.abspath(SECRETS), "-f", f"secrets://{os.path.abspath(MORE)}")["order"] == "more"


def test_a_stream_is_read_once_and_decrypted(shop: Shop) -> None:
    encrypted = (shop.folder / SECRETS).read_text()
    assert shop.template("-f", "-", "-f", "plain.yaml", input=encrypted)["db"] == {"password": CANARY}
    assert shop.template("-f", "-", input="order: stream\n")["order"] == "stream"
    script = f'{shlex.quote(shop.helm)} secrets template r app -f <(cat {SECRETS}) -f <(echo "order: pipe")'
    done = subprocess.run(["bash", "-c", script], capture_output=True, text=True, timeout=60)
    assert CANARY in done.stdout, done.stderr
    assert '\\"order\\":\\"pipe\\"' in done.stdout


def test_set_file(shop: Shop) -> None:
    """Decrypted text for an encrypted file; anything else as it is."""
    got = shop.template("--set-file", f"a={SECRETS},b=secrets://{MORE},d=script.sh", "--set-file", "c=blob.bin")
    assert got["a"] == FILES[SECRETS]
    assert got["b"] == FILES[MORE]
    assert got["d"] == PLAIN["script.sh"]
    assert "sops" in str(got["c"])


def test_the_globals_of_helm_arrive(shop: Shop) -> None:
    """Helm takes them away from a plugin's command line, and gives them as HELM_* variables."""
    for argv in (
        ["-n", "shop", "secrets", "template", "r", "app"],
        ["--namespace=shop", "secrets", "template", "r", "app"],
        ["secrets", "-n", "shop", "template", "r", "app"],
        ["secrets", "template", "-n", "shop", "r", "app"],
        ["secrets", "template", "r", "app", "--namespace", "shop"],
        ["secrets", "template", "r", "app", "-nshop"],
        ["secrets", "--burst-limit", "5", "template", "--debug", "r", "app", "--kube-context", "x", "-n", "shop"],
    ):
        manifest = shop.rendered(*argv, "-f", SECRETS)
        assert manifest["metadata"] == {"name": "all", "namespace": "shop"}, argv
        assert CANARY in str(manifest)
    assert "DEBUG" not in shop("secrets", "env").stderr.upper()
    seen = shop("--debug", "--kube-context", "there", "secrets", "env").stdout
    assert 'HELM_DEBUG="true"' in seen
    assert 'HELM_KUBECONTEXT="there"' in seen


def test_helms_exit_code_and_streams_come_through(shop: Shop) -> None:
    for argv in (
        ["template", "r", "nowhere", "-f", SECRETS],
        ["template", "r", "app", "-f", SECRETS, "--no-such-option"],
        ["lint", "nowhere"],
        ["no-such-command"],
    ):
        plain = shop(*[word for word in argv if word not in ("-f", SECRETS)])
        wrapped = shop("secrets", *argv)
        assert plain.returncode == wrapped.returncode == 1
        assert wrapped.stdout == plain.stdout
        # what Helm says of the plugin comes last
        assert plain.stderr.strip().splitlines()[-1] in wrapped.stderr
    assert shop("secrets", "version", "--short").stdout == shop("version", "--short").stdout
    assert shop("secrets", "template", "--help").stdout.startswith("\nRender chart templates locally")


def test_what_cannot_be_decrypted_stops_before_helm_starts(shop: Shop, made: Made) -> None:
    """Exit codes are those of ksecrets; nothing is rendered, also of the files that are fine."""
    (shop.folder / "broken.yaml").write_text((shop.folder / SECRETS).read_text().replace("from: ENC", "form: ENC"))
    (shop.folder / "env/prod/secrets-plain.yaml").write_text("a: b\n")
    ci = {"KSECRETS_AGE_KEY": made.keys["ci"]}
    for argv, env, code, message in (
        (["-f", SECRETS, "-f", "no.yaml"], {}, 1, "error: no.yaml: no such file"),
        (["-f", SECRETS, "-f", "broken.yaml"], {}, 5, "error: broken.yaml:5: form: "),
        (["-f", SECRETS, "--set-file", "k=broken.yaml"], {}, 5, "error: broken.yaml:5: form: "),
        (["-f", SECRETS, "-f", "env/dev/secrets.yaml"], ci, 4, "error: env/dev/secrets.yaml: no identity opens it"),
        (["-f", "env/prod/secrets-plain.yaml"], {}, 1, "error: env/prod/secrets-plain.yaml: is plaintext, and prod"),
        (["-f", SECRETS, "--ignore-mac"], {}, 2, "error: --ignore-mac"),
        (["-f", 'a"b'], {}, 2, "error: "),
    ):
        done = shop("secrets", "template", "r", "app", "--output-dir", "out", *argv, env=env)
        assert done.returncode == code, done.stderr
        assert done.stdout == ""
        assert done.stderr.startswith(message)
        assert "Traceback" not in done.stderr
        assert not (shop.folder / "out").exists()
    assert CANARY in shop("secrets", "template", "r", "app", "-f", SECRETS, env=ci).stdout


def test_the_words_of_helm_secrets(shop: Shop) -> None:
    assert shop("secrets", "decrypt", SECRETS).stdout == FILES[SECRETS]
    assert shop("secrets", "view", SECRETS).stdout == FILES[SECRETS]
    before = (shop.folder / SECRETS).read_bytes()
    assert shop("secrets", "decrypt", "-i", SECRETS).returncode == 0
    assert (shop.folder / SECRETS).read_text() == FILES[SECRETS]
    assert shop("secrets", "encrypt", "-i", SECRETS).returncode == 0
    assert b"ENC[" in (shop.folder / SECRETS).read_bytes()
    (shop.folder / SECRETS).write_bytes(before)
    edited = shop("secrets", "edit", SECRETS, env={"EDITOR": "sed -i s/first/edited/"})
    assert edited.returncode == 0, edited.stderr
    assert shop.template("-f", SECRETS)["order"] == "edited"
    assert shop("secrets", "decrypt", "--ignore-mac", SECRETS).returncode == 2
    assert shop("secrets", "dir").stdout == f"{os.environ['HELM_PLUGINS']}/secrets\n"
    for argv in ([], ["--help"], ["-h"], ["help"]):
        done = shop("secrets", *argv)
        code = 0 if argv else 1  # as helm-secrets has it
        first = done.stdout.split("\n")[0]
        assert (done.returncode, first) == (code, "Usage: helm secrets [OPTIONS] COMMAND [ARGS...]")


# -- a cluster that says just enough -----------------------------------------------------------------------------------

_ANSWERS: dict[str, dict[str, object]] = {
    "/version": {"major": "1", "minor": "33", "gitVersion": "v1.33.0"},
    "/api": {"kind": "APIVersions", "versions": ["v1"]},
    "/apis": {"kind": "APIGroupList", "apiVersion": "v1", "groups": []},
    "/api/v1": {"kind": "APIResourceList", "groupVersion": "v1", "resources": []},
}

_RELEASE = """\
- name: old
  namespace: default
  version: 1
  info: {status: deployed}
  chart: {metadata: {name: app, version: 0.0.1, apiVersion: v2}}
  manifest: ""
"""


class _Answers(http.server.BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        answer = _ANSWERS.get(self.path.split("?")[0])
        body = json.dumps(answer).encode()
        self.send_response(200 if answer else 404)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:
        pass


@pytest.fixture
def cluster(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Discovery over HTTP, and Helm's own storage in memory, with one release in it."""
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), _Answers)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    (tmp_path / "releases.yaml").write_text(_RELEASE)
    monkeypatch.setenv("HELM_KUBEAPISERVER", f"http://127.0.0.1:{server.server_port}")
    monkeypatch.setenv("HELM_DRIVER", "memory")
    monkeypatch.setenv("HELM_MEMORY_DRIVER_DATA", str(tmp_path / "releases.yaml"))
    yield
    server.shutdown()
    server.server_close()


@pytest.mark.usefixtures("cluster")
def test_install_upgrade_and_lint_get_the_values(shop: Shop) -> None:
    for verb in (["install", "new"], ["upgrade", "--install", "new"], ["upgrade", "old"], ["upgrade", "-i", "old"]):
        for prefix, scheme in ((["secrets"], ""), ([], "secrets://")):
            got = shop.values(*prefix, *verb, "app", "--dry-run=client", "-f", "plain.yaml", "-f", scheme + SECRETS)
            assert got == {"db": {"password": CANARY}, "order": "first", "from": "prod", "extra": [1, 2]}
    (shop.folder / "app/values.schema.json").write_text(
        json.dumps({"properties": {"db": {"properties": {"password": {"const": CANARY}}}}, "required": ["db"]})
    )
    assert shop("lint", "app").returncode == 1
    assert shop("secrets", "lint", "app", "-f", "env/dev/secrets.yaml").returncode == 1
    for argv in (["secrets", "lint", "app", "-f", SECRETS], ["lint", "app", "-f", f"secrets://{SECRETS}"]):
        done = shop(*argv)
        assert done.returncode == 0, done.stdout


# -- the getter --------------------------------------------------------------------------------------------------------


def test_the_getter(shop: Shop) -> None:
    """Paths from the working folder, absolute ones, several files, plaintext; each gives the values that it should."""
    here = ["template", "r", "app"]
    expected = {"db": {"password": CANARY}, "order": "first", "from": "prod"}
    assert shop.values(*here, "-f", f"secrets://{SECRETS}") == expected
    assert shop.values(*here, "-f", f"secrets://{os.path.abspath(SECRETS)}") == expected
    assert shop.values("template", "r", "../app", "-f", f"secrets://../{SECRETS}", cwd="env") == expected
    mixed = shop.values(
        *here, "-f", "plain.yaml", "-f", f"secrets://{SECRETS},secrets://{MORE}", "-f", "secrets://plain.yaml"
    )
    assert mixed == {**expected, "more": {"pin": "0042", "true": 1.1}, "order": "plain", "extra": [1, 2]}
    assert shop.values(*here, "--set-file", f"a=secrets://{SECRETS}")["a"] == FILES[SECRETS]
    assert shop.values(*here, "-f", "secrets://?no.yaml") == {"order": "chart", "from": "chart"}


def test_the_getter_fails_with_a_clear_line(shop: Shop, made: Made) -> None:
    (shop.folder / "env/prod/secrets-plain.yaml").write_text("a: b\n")
    (shop.folder / "broken.yaml").write_text((shop.folder / SECRETS).read_text().replace("from: ENC", "form: ENC"))
    for url, message in (
        ("secrets://no.yaml", "error: no.yaml: no such file"),
        ("secrets://app", "error: app: cannot be read: Is a directory"),
        ("secrets://broken.yaml", "error: broken.yaml:5: form: "),
        ("secrets://env/prod/secrets-plain.yaml", "error: env/prod/secrets-plain.yaml: is plaintext, and prod"),
        ("secrets://http://nowhere.invalid/a.yaml", "error: http://nowhere.invalid/a.yaml: cannot be fetched: "),
        ("secrets://env/dev/secrets.yaml", "error: env/dev/secrets.yaml: no identity opens it"),
    ):
        done = shop("template", "r", "app", "-f", url, env={"KSECRETS_AGE_KEY": made.keys["ci"]})
        assert done.returncode == 1
        assert done.stdout == ""
        assert done.stderr.startswith(message), done.stderr


def test_the_getter_prints_every_byte(cli: Cli, made: Made, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = checkout(made, tmp_path, monkeypatch)
    assert cli("helm", "getter", "", "", "", f"secrets://{SECRETS}").ok().stdout == FILES[SECRETS]
    assert cli("helm", "getter", "", "", "", "secrets://blob.bin").ok().out == PLAIN["blob.bin"]
    for name in ("blob.bin", "script.sh"):
        shutil.copy(folder / name, folder / "env/prod/secrets-other.yaml")
        refused = cli("helm", "getter", "", "", "", "secrets://env/prod/secrets-other.yaml")
        assert (refused.code, refused.out) == (1, b""), name
    assert cli("helm", "getter", "", f"secrets://{SECRETS}").code == 2
    assert cli("helm", "getter", "", "", "", "secrets://-").code == 2


# -- how Helm is started -----------------------------------------------------------------------------------------------

_FAKE = """\
import json, os, resource, sys
said = {
    "argv": sys.argv[1:],
    "environ": dict(os.environ),
    "core": resource.getrlimit(resource.RLIMIT_CORE),
    "pid": os.getpid(),
    "stdin": sys.stdin.read(),
    "files": [open(word).read() for word in sys.argv[1:] if word.startswith("/proc/")],
}
json.dump(said, sys.stdout)
"""


def fake_helm(tmp_path: Path, python: str) -> str:
    """A Helm that is a Python program."""
    (tmp_path / "fake.py").write_text(python)
    helm = tmp_path / "fake helm"
    helm.write_text(f'#!/bin/sh\nexec {shlex.quote(sys.executable)} {shlex.quote(str(tmp_path / "fake.py"))} "$@"\n')
    helm.chmod(0o755)
    return str(helm)


def wrap(*argv: str) -> list[str]:
    return [*command(), "helm", "wrap", *argv]


@pytest.mark.skipif(not hasattr(os, "memfd_create"), reason="this system has no memfd_create")
def test_what_helm_is_given(made: Made, tmp_path: Path, cli: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
    """All files from one process that asked for the key once; no secret in argv or environment; no identities."""
    checkout(made, tmp_path, monkeypatch)
    monkeypatch.setenv("HELM_BIN", fake_helm(tmp_path, _FAKE))
    asked = tmp_path / "asked"
    (tmp_path / "key").write_text(made.keys["me"])
    monkeypatch.delenv("KSECRETS_AGE_KEY")
    monkeypatch.setenv("KSECRETS_AGE_KEY_CMD", f"sh -c 'echo $SOPS_AGE_RECIPIENT >>{asked}; cat {tmp_path}/key'")
    monkeypatch.setenv("SOPS_AGE_KEY_FILE", "/nowhere")
    monkeypatch.setenv("SOMETHING", "else")
    monkeypatch.setenv("HELM_NAMESPACE", "shop")
    files = ["-f", SECRETS, "-f", MORE, "-f", "env/dev/secrets.yaml", "-f", SECRETS, "-f", "plain.yaml"]
    process = subprocess.Popen(
        wrap("diff", "upgrade", "r", "app", *files, "--", "-f", SECRETS),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    out, _ = process.communicate("what Helm reads", timeout=60)
    said = json.loads(out)
    assert said["pid"] == process.pid
    assert said["stdin"] == "what Helm reads"
    assert said["core"] == [0, 0]
    first, more, dev = said["argv"][5], said["argv"][7], said["argv"][9]
    assert len({first, more, dev}) == 3
    behind = ["--", "-f", SECRETS]
    given = ["-f", first, "-f", more, "-f", dev, "-f", first, "-f", "plain.yaml"]
    assert said["argv"] == ["diff", "upgrade", "r", "app", *given, *behind]
    assert said["files"] == [FILES[SECRETS], FILES[MORE], FILES["env/dev/secrets.yaml"], FILES[SECRETS]]
    assert not [name for name in said["environ"] if "AGE_" in name]
    assert (said["environ"]["SOMETHING"], said["environ"]["HELM_NAMESPACE"]) == ("else", "shop")
    assert CANARY not in str((said["argv"], said["environ"]))
    recipients = asked.read_text().split()
    assert len(recipients) == len(set(recipients)), "the key was asked for more than once"


def test_a_word_of_a_plugin_that_is_no_file(
    made: Made, tmp_path: Path, cli: Cli, monkeypatch: pytest.MonkeyPatch
) -> None:
    """helm-unittest's -f takes a pattern; only Helm's own commands know that it must be a file."""
    checkout(made, tmp_path, monkeypatch)
    monkeypatch.setenv("HELM_BIN", fake_helm(tmp_path, _FAKE))
    assert json.loads(cli("helm", "wrap", "unittest", "-f", "tests/*.yaml").ok().stdout)["argv"][-1] == "tests/*.yaml"
    assert cli("helm", "wrap", "lint", "app", "-f", "tests/*.yaml").code == 1


def test_exit_codes_and_signals(made: Made, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    checkout(made, tmp_path, monkeypatch)
    monkeypatch.setenv("HELM_BIN", fake_helm(tmp_path, "import sys; sys.exit(37)"))
    assert subprocess.run(wrap("lint", "-f", SECRETS), timeout=60).returncode == 37
    waits = "import signal, sys; print('ready', flush=True); signal.pause()"
    monkeypatch.setenv("HELM_BIN", fake_helm(tmp_path, waits))
    for number in (signal.SIGTERM, signal.SIGHUP, signal.SIGKILL):
        process = subprocess.Popen(wrap("lint", "-f", SECRETS), stdout=subprocess.PIPE, text=True)
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
        process.send_signal(number)
        assert process.wait(timeout=20) == -number
        process.stdout.close()


def test_no_helm_at_all(made: Made, tmp_path: Path, cli: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
    checkout(made, tmp_path, monkeypatch)
    done = cli("helm", "wrap", "lint", "-f", SECRETS, env={"HELM_BIN": str(tmp_path / "none")})
    assert done.code == 1
    assert done.stderr.splitlines() == [
        f"error: cannot start {tmp_path}/none: No such file or directory",
        "hint: set HELM_BIN to the path of Helm",
    ]


# -- installing --------------------------------------------------------------------------------------------------------


def test_helm_plugin_install_of_the_folders(
    helm: str, made: Made, cli: Cli, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """They start the ksecrets of the PATH. Installing ours over them, and taking them out, works too."""
    shop = Shop(checkout(made, tmp_path, monkeypatch), helm)
    # Helm 4 does not ask HELM_PLUGINS where to install to.
    monkeypatch.setenv("HELM_DATA_HOME", str(tmp_path / "data"))
    for name in ("secrets", "secrets-getter"):
        done = shop("plugin", "install", str(ROOT / "helm-plugin" / name))
        assert done.returncode == 0, done.stderr
    path = f"{tmp_path}/bin{os.pathsep}/usr/bin{os.pathsep}/bin"
    missing = shop("secrets", "template", "r", "app", "-f", SECRETS, env={"PATH": "/usr/bin:/bin"})
    assert missing.returncode == 127
    assert missing.stderr.startswith("error: there is no ksecrets on the PATH\n")
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin/ksecrets").write_text(f'#!/bin/sh\nexec {shlex.join(command())} "$@"\n')
    (tmp_path / "bin/ksecrets").chmod(0o755)
    for argv in (
        ["secrets", "template", "r", "app", "-f", SECRETS],
        ["template", "r", "app", "-f", f"secrets://{SECRETS}"],
    ):
        done = shop(*argv, env={"PATH": path})
        assert CANARY in done.stdout, done.stderr
    cli("helm", "install-plugin", env={"HELM_BIN": helm}).ok()
    assert shop.template("-f", SECRETS)["order"] == "first"
    cli("helm", "uninstall-plugin", env={"HELM_BIN": helm}).ok()
    assert "secrets" not in shop("plugin", "list").stdout


def test_awkward_paths(helm: str, made: Made, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Python, ksecrets and the plugin folder under paths that Helm would split or expand."""
    from ksecrets.helm import install

    shop = Shop(checkout(made, tmp_path, monkeypatch), helm)
    monkeypatch.setenv("HELM_PLUGINS", str(tmp_path / "plug ins'"))
    awkward = tmp_path / 'a "b" $HOME\'c; d'
    awkward.mkdir()
    python, start = awkward / "py thon", awkward / "__main__.py"
    python.write_text(f'#!/bin/sh\nexec {shlex.quote(sys.executable)} "$@"\n')
    python.chmod(0o755)
    start.write_text(f"import runpy\nrunpy.run_path({command()[-1]!r}, run_name='__main__')\n")
    monkeypatch.setattr(install, "command", lambda: [str(python), "-I", str(start)])
    install.install(helm)
    assert shop.template("-f", SECRETS)["order"] == "first"
    assert shop.values("template", "r", "app", "-f", f"secrets://{SECRETS}")["order"] == "first"


# -- where the plaintext went, by the kernel ---------------------------------------------------------------------------


@pytest.fixture
def own_temporary(tmp_path: Path, clean_home: Path, monkeypatch: pytest.MonkeyPatch) -> list[Path]:
    """The folders that hold everything such a run could leave behind."""
    (tmp_path / "tmp").mkdir()
    monkeypatch.setenv("TMPDIR", str(tmp_path / "tmp"))
    monkeypatch.setattr(tempfile, "tempdir", None)
    return [tmp_path / "tmp", tmp_path / "repo", clean_home]


def test_the_trace_would_see_a_file(strace: str, tmp_path: Path) -> None:
    """The check itself: a canary that is written to a disk, or that stands in an argv, is found."""
    for script in (f"printf %s-5e1f0c7a canary >{tmp_path}/file; cat {tmp_path}/file >{tmp_path}/copy", f": {CANARY}"):
        with pytest.raises(AssertionError):
            assert_no_disk(traced(strace, tmp_path, ["sh", "-c", script])[1])


def test_helm_secrets_writes_no_plaintext(shop: Shop, strace: str, tmp_path: Path, own_temporary: list[Path]) -> None:
    argv = [
        shop.helm,
        "secrets",
        "template",
        "r",
        "app",
        "-f",
        SECRETS,
        "-f",
        "plain.yaml",
        "--set-file",
        f"x={SECRETS}",
    ]
    out, seen = traced(strace, tmp_path, argv)
    assert CANARY in out
    assert assert_no_disk(seen) == {"/memfd:", "pipe:["}
    assert_nowhere(*own_temporary)


def test_the_getter_writes_no_plaintext(shop: Shop, strace: str, tmp_path: Path, own_temporary: list[Path]) -> None:
    out, seen = traced(strace, tmp_path, [shop.helm, "template", "r", "app", "-f", f"secrets://{SECRETS}"])
    assert CANARY in out
    assert assert_no_disk(seen) == {"pipe:["}
    assert_nowhere(*own_temporary)


def test_named_pipes_write_no_plaintext(
    helm: str,
    made: Made,
    strace: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    own_temporary: list[Path],
) -> None:
    """The same where the system has no memfd_create: Helm opens named pipes, whose content is in no file system."""
    folder = checkout(made, tmp_path, monkeypatch)
    monkeypatch.setenv("HELM_BIN", helm)
    start = (
        f"import os, sys; del os.memfd_create; sys.path.insert(0, {str(ROOT)!r}); "
        "from ksecrets.helm.wrapper import main; sys.exit(main(sys.argv[1:]))"
    )
    argv = [sys.executable, "-I", "-c", start, "template", "r", str(folder / "app"), "-f", SECRETS, "-f", MORE]
    out, seen = traced(strace, tmp_path, argv)
    assert CANARY in out
    assert '\\"order\\":\\"more\\"' in out
    # Of a named pipe strace shows the name, which is that of our private folder.
    named = {target for call, target in seen if call in WRITES and not target.startswith(NO_DISK)}
    assert len(named) == 1
    assert re.fullmatch(r".*/ksecrets-[0-9a-f]{32}/values-1", named.pop())
    assert_no_disk([each for each in seen if "/ksecrets-" not in each[1]])
    assert_nowhere(*own_temporary)
