"""What users of helm-secrets call, on both Helms: its words, options, addresses and variables.

docs/from-helm-secrets.md names the tests of helm-secrets that these stand for.
"""

from __future__ import annotations

import base64
import http.server
import json
import os
import shlex
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from ksecrets import _version
from tests.charts import FILES, MORE, SECRETS, Made, Pgp, Shop
from tests.conftest import ROOT, Cli
from tests.trace import CANARY, assert_nowhere

VALS = ("-b", "vals")
PIN = "4711,'\"\\ {x}\n $HOME ünïcode"


# -- options -----------------------------------------------------------------------------------------------------------


def test_options_stand_before_the_command(shop: Shop) -> None:
    wanted = shop.template("-f", SECRETS)
    for options in (
        ["-q"],
        ["--quiet"],
        ["-b", "sops"],
        ["--backend", "sops"],
        ["--backend=sops"],
        ["-a", "--verbose"],
        ["--backend-args", '--verbose --output-type "yaml"'],
        ["--backend-args=--verbose"],
        ["--ignore-missing-values"],
        ["--ignore-missing-values", "false"],
        ["--decrypt-secrets-in-tmp-dir"],
        ["--decrypt-secrets-in-tmp-dir=true"],
        ["--evaluate-templates", "false"],
        ["--evaluate-templates=false", "--evaluate-templates-decode-secrets", "-q", "-b", "sops", "-a", "--verbose"],
    ):
        assert shop.values("secrets", *options, "template", "r", "app", "-f", SECRETS) == wanted, options


def test_an_option_that_makes_no_sense_says_so(shop: Shop) -> None:
    for options, message in (
        (["-b"], "error: the value of -b is missing"),
        (["--backend=nonexists"], "error: there is no secret backend nonexists"),
        (["-b", "tests/custom-backend.sh"], "error: there is no secret backend tests/custom-backend.sh"),
        (["--ignore-missing-values=maybe"], "error: --ignore-missing-values is true or false, not maybe"),
        (["-a", "--ignore-mac"], "error: --ignore-mac is not for what Helm will deploy"),
    ):
        done = shop("secrets", *options, *([] if options == ["-b"] else ["template", "r", "app", "-f", SECRETS]))
        assert (done.returncode, done.stdout) == (2 if "plugin" not in done.stdout else 0, ""), done.stderr
        assert done.stderr.startswith(message), done.stderr


def test_backends_can_be_forbidden(shop: Shop) -> None:
    allowed = {"HELM_SECRETS_ALLOWED_BACKENDS": "sops,noop"}
    done = shop("secrets", "-b", "vals", "template", "r", "app", env=allowed)
    assert done.stderr.startswith("error: the secret backend vals is not allowed here\n")
    for file in (f"vals!{SECRETS}", f"secrets://vals!{SECRETS}", "secrets+literal://vals!ref+echo://a"):
        done = shop("secrets", "template", "r", "app", "--set-file", f"a={file}", env=allowed)
        assert done.stderr.startswith("error: the secret backend vals is not allowed here\n"), file
    done = shop("secrets", "template", "r", "app", "--set", "a=vals!ref+echo://a", env=allowed)
    assert done.stderr.startswith("error: the secret backend vals is not allowed here\n")
    done = shop("template", "r", "app", "-f", f"secrets://vals!{SECRETS}", env=allowed)
    assert done.stderr.startswith("error: the secret backend vals is not allowed here\n")
    assert shop("secrets", "template", "r", "app", "-f", f"sops!{SECRETS}", env=allowed).returncode == 0


def test_variables_mean_what_the_options_mean(shop: Shop) -> None:
    (shop.folder / "ref.yaml").write_text("a: ref+echo://bb\n")
    for env, argv, wanted in (
        ({"HELM_SECRETS_BACKEND": "vals"}, [], "bb"),
        ({"HELM_SECRETS_BACKEND": "vals"}, ["-b", "noop"], "ref+echo://bb"),
        ({"HELM_SECRETS_BACKEND": ""}, ["-b", "vals"], "bb"),
        ({"HELM_SECRETS_BACKEND_ARGS": "--verbose"}, ["-b", "vals"], "bb"),
    ):
        done = shop("secrets", *argv, "template", "r", "app", "-f", "ref.yaml", env=env)
        assert f'\\"a\\":\\"{wanted}\\"' in done.stdout, done.stderr
    missing = {"HELM_SECRETS_IGNORE_MISSING_VALUES": "true"}
    for argv in (["-f", "no.yaml"], ["--set-file", "a=no.yaml"], ["-f", "secrets://no.yaml"]):
        assert shop("secrets", "template", "r", "app", *argv, env=missing).returncode == 0
        assert shop("secrets", "template", "r", "app", *argv).returncode == 1
        assert (
            shop("secrets", "--ignore-missing-values", "false", "template", "r", "app", *argv, env=missing).returncode
            == 1
        )
        assert shop("secrets", "--ignore-missing-values", "template", "r", "app", *argv).returncode == 0
    assert shop("template", "r", "app", "-f", "secrets://no.yaml", env=missing).returncode == 0


def test_remarks_are_silent_when_asked_and_in_argo_cd(shop: Shop) -> None:
    shutil.copy(shop.folder / SECRETS, shop.folder / "env/prod/secrets-copy.yaml")
    argv = ["template", "r", "app", "-f", "env/prod/secrets-copy.yaml"]
    assert "note: " in shop("secrets", *argv).stderr
    assert "note: " in shop("template", "r", "app", "-f", "secrets://env/prod/secrets-copy.yaml").stderr
    assert shop("secrets", "-q", *argv).stderr == ""
    for env in ({"HELM_SECRETS_QUIET": "true"}, {"ARGOCD_APP_NAME": "shop"}):
        assert shop("secrets", *argv, env=env).stderr == ""
        getter = shop("template", "r", "app", "-f", "secrets://env/prod/secrets-copy.yaml", env=env)
        assert (getter.returncode, getter.stderr) == (0, "")
    assert "note: " in shop("secrets", *argv, env={"ARGOCD_APP_NAME": "shop", "HELM_SECRETS_QUIET": "false"}).stderr


def test_another_helm_by_variable(shop: Shop, tmp_path: Path) -> None:
    other = tmp_path / "other-helm"
    other.write_text(f'#!/bin/sh\necho other >&2\nexec {shlex.quote(shop.helm)} "$@"\n')
    other.chmod(0o755)
    done = shop("secrets", "template", "r", "app", "-f", SECRETS, env={"HELM_SECRETS_HELM_PATH": str(other)})
    assert done.stderr.startswith("other\n")
    assert CANARY in done.stdout


# -- verbs -------------------------------------------------------------------------------------------------------------


def test_decrypt_for_terraform(shop: Shop) -> None:
    for argv in (["--terraform", SECRETS], [SECRETS, "--terraform"], ["--terraform", f"sops!{SECRETS}"]):
        out = shop("secrets", "decrypt", *argv).stdout
        assert base64.b64decode(json.loads(out)["content_base64"]).decode() == FILES[SECRETS]
    done = shop("secrets", "decrypt", "--terraform", "plain.yaml")
    assert (done.returncode, done.stdout, done.stderr.split("\n")[0]) == (1, "", "error: plain.yaml: is not encrypted")
    assert shop("secrets", "encrypt", "--terraform", "plain.yaml").returncode == 2


def test_verbs_refuse_what_they_cannot_do(shop: Shop) -> None:
    for argv, code, message in (
        (["decrypt", "no.yaml"], 1, "error: no.yaml: "),
        (["decrypt", "plain.yaml"], 1, "error: plain.yaml: "),
        (["encrypt", "no.yaml"], 1, "error: no.yaml: "),
        (["-b", "vals", "encrypt", SECRETS], 2, "error: the backend vals cannot encrypt"),
        (["-b", "noop", "edit", SECRETS], 2, "error: the backend noop cannot edit"),
    ):
        done = shop("secrets", *argv)
        assert (done.returncode, done.stdout) == (code, ""), argv
        assert done.stderr.startswith(message), done.stderr
    for argv in (["decrypt"], ["encrypt"], ["edit"], ["view"]):
        assert shop("secrets", *argv).returncode == 2
        assert "Usage: ksecrets" in shop("secrets", *argv, "--help").stdout


def test_edit_of_a_file_that_is_not_there(shop: Shop) -> None:
    """Where no rule says who reads it, and where one does."""
    writer = {"EDITOR": "sh -c 'echo order: new >$0'"}
    done = shop("secrets", "edit", "elsewhere.yaml", env=writer)
    assert done.returncode != 0
    assert done.stderr.startswith("error: elsewhere.yaml: "), done.stderr
    assert not (shop.folder / "elsewhere.yaml").exists()
    done = shop("secrets", "edit", "env/prod/secrets-new.yaml", env=writer)
    assert (done.returncode, (shop.folder / "env/prod/secrets-new.yaml").exists()) == (0, True), done.stderr
    assert shop("secrets", "decrypt", "env/prod/secrets-new.yaml").stdout == "order: new\n"


def test_decrypt_resolves_references_with_vals(shop: Shop) -> None:
    (shop.folder / "ref.yaml").write_text("# kept\na: ref+echo://bb  # too\n")
    assert shop("secrets", *VALS, "decrypt", "ref.yaml").stdout == '# kept\na: "bb"  # too\n'
    assert shop("secrets", "decrypt", "vals!ref.yaml").stdout == '# kept\na: "bb"  # too\n'
    assert shop("secrets", *VALS, "view", SECRETS).stdout == FILES[SECRETS]


def test_the_version(shop: Shop) -> None:
    for word in ("--version", "-v"):
        assert shop("secrets", word).stdout == f"ksecrets {_version.__version__}\n"


def test_awkward_names(shop: Shop) -> None:
    for part in (" with space", "a[b]{c}", "qu'ote \"d", "sp$cial&;(x)", "com,ma", "ünï"):
        name = f"env/prod/secrets{part}.yaml"
        (shop.folder / name).write_text("order: awkward\n")
        assert shop("secrets", "encrypt", "-i", name).returncode == 0, name
        assert shop("secrets", "decrypt", name).stdout == "order: awkward\n"
        assert shop("secrets", "edit", name, env={"EDITOR": "sed -i s/awkward/edited/"}).returncode == 0
        assert shop("secrets", "decrypt", name).stdout == "order: edited\n"
        field = '"' + name.replace('"', '""') + '"'
        assert shop.template("-f", field)["order"] == "edited"
        assert shop.template(f"--values={field}")["order"] == "edited"


# -- addresses ---------------------------------------------------------------------------------------------------------


def test_a_file_names_its_backend(shop: Shop) -> None:
    (shop.folder / "ref.yaml").write_text("a: ref+echo://bb\n")
    (shop.folder / "va!s.yaml").write_text("a: odd\n")
    assert shop.template("-f", f"sops!{SECRETS}", "-f", "vals!ref.yaml")["a"] == "bb"
    assert shop.template("-f", f"secrets://sops!{SECRETS}", "-f", "?secrets://vals!ref.yaml,?vals!no.yaml")["a"] == "bb"
    assert shop.template("-f", "noop!ref.yaml")["a"] == "ref+echo://bb"
    assert shop.template("-f", "va!s.yaml", "--set-file", "b=!va!s.yaml") | {"order": 0, "from": 0} == {
        "a": "odd",
        "b": "a: odd\n",
        "order": 0,
        "from": 0,
    }
    argv = ["template", "r", "app", "-f", "secrets://vals!ref.yaml", "--set-file", f"s=secrets://sops!{SECRETS}"]
    got = shop.values(*argv)
    assert (got["a"], got["s"]) == ("bb", FILES[SECRETS])
    assert shop("secrets", "template", "r", "app", "-f", f"nonexists!{SECRETS}").returncode == 1


def test_a_literal(shop: Shop) -> None:
    for argv in (
        ["--set-file", "a=secrets+literal://vals!ref+echo://va'l\"ue"],
        ["--set-file=a=secrets+literal://vals!ref+echo://va'l\"ue"],
    ):
        assert shop.template(*argv)["a"] == "va'l\"ue"
    assert shop.template("--set-file", "a=secrets+literal://plain!")["a"] == "plain!"
    assert shop.values("template", "r", "app", "--set-file", "a=secrets+literal://vals!ref+echo://bb")["a"] == "bb"
    env = {"HELM_SECRETS_BACKEND": "vals"}
    done = shop("template", "r", "app", "--set-file", "a=secrets+literal://ref+file://no.txt", env=env)
    assert done.returncode == 1
    assert done.stderr.startswith("error: no.txt: a reference to a file: cannot be read: "), done.stderr


@pytest.fixture
def key_file(shop: Shop, made: Made, monkeypatch: pytest.MonkeyPatch) -> str:
    """The key of `ci` in a file outside of the repository, and no other one at hand."""
    path = shop.folder.parent / "keys" / "ci.txt"
    path.parent.mkdir()
    path.write_text(made.keys["ci"])
    path.chmod(0o600)
    monkeypatch.delenv("KSECRETS_AGE_KEY")
    return str(path)


def test_a_key_from_a_file(shop: Shop, key_file: str) -> None:
    url = f"secrets+age-import://{key_file}?{SECRETS}"
    assert shop("secrets", "template", "r", "app", "-f", SECRETS).returncode == 4
    for argv in (["template", "r", "app"], ["secrets", "template", "r", "app"]):
        assert shop.values(*argv, "-f", url)["order"] == "first"
        assert shop.values(*argv, "-f", f"secrets+age-import://sops!{key_file}?{SECRETS}")["order"] == "first"
        assert shop.values(*argv, "-f", f"secrets+age-import://?{key_file}?no.yaml")["order"] == "chart"
        for name, said in (
            (f"secrets+age-import://{SECRETS}", "names no key and file"),
            (f"secrets+age-import:///no/key?{SECRETS}", "no identity opens it"),
        ):
            done = shop(*argv, "-f", name)
            assert done.returncode != 0
            assert said in done.stderr
        forbidden = shop(*argv, "-f", url, env={"HELM_SECRETS_ALLOW_AGE_IMPORT": "false"})
        assert forbidden.stderr.startswith("error: secrets+age-import:// is not allowed here\n")
    assert shop("secrets", "decrypt", url).stdout == FILES[SECRETS]


def test_where_keys_may_lie(shop: Shop, key_file: str) -> None:
    """The prefix holds for the real path, too: neither `..` nor a link leads out of it."""
    folder = os.path.dirname(key_file)
    elsewhere = shop.folder.parent / "elsewhere"
    elsewhere.mkdir()
    (elsewhere / "link.txt").symlink_to(key_file)
    argv = ["template", "r", "app", "-f"]
    inside = {"HELM_SECRETS_KEY_LOCATION_PREFIX": f"{folder}/"}
    assert shop(*argv, f"secrets+age-import://{key_file}?{SECRETS}", env=inside).returncode == 0
    outside = {"HELM_SECRETS_KEY_LOCATION_PREFIX": f"{elsewhere}/"}
    for key in (key_file, f"{elsewhere}/link.txt", f"{elsewhere}/../keys/ci.txt"):
        done = shop(*argv, f"secrets+age-import://{key}?{SECRETS}", env=outside)
        assert done.stderr.startswith(f"error: {key}: a key file is not allowed here\n"), done.stderr


@pytest.fixture
def kubectl(shop: Shop, made: Made, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A kubectl that knows one Secret, and writes down how it was called; returns that file."""
    log = shop.folder.parent / "kubectl.log"
    answer = shop.folder.parent / "secret.json"
    data = {"key.txt": made.keys["ci"], "other": "x"}
    encoded = {name: base64.b64encode(text.encode()).decode() for name, text in data.items()}
    answer.write_text(json.dumps({"kind": "Secret", "data": encoded}))
    script = shop.folder.parent / "kube ctl"
    script.write_text(
        f'#!/bin/sh\necho "$@" >>{shlex.quote(str(log))}\n'
        f"env | grep -E '^(KSECRETS|SOPS)_AGE' >>{shlex.quote(str(log))}\n"
        'case "$3" in ci-key) cat '
        + shlex.quote(str(answer))
        + ';; *) echo "Error from server (NotFound)" >&2; exit 1;; esac\n'
    )
    script.chmod(0o755)
    monkeypatch.setenv("HELM_SECRETS_KUBECTL_PATH", str(script))
    return log


def test_a_key_from_the_cluster(
    shop: Shop, kubectl: Path, made: Made, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("KSECRETS_AGE_KEY", "")
    scheme = "secrets+age-import-kubernetes://"
    for argv in (["template", "r", "app", "-f"], ["secrets", "template", "r", "app", "-f"]):
        assert shop.values(*argv, f"{scheme}ci-key#key.txt?{SECRETS}")["order"] == "first"
        assert shop.values(*argv, f"{scheme}ops/ci-key#key.txt?{SECRETS}")["order"] == "first"
        for where, said in (
            ("ops/none#key.txt", "error: the Secret ops/none: kube ctl failed (exit 1)"),
            ("ops/ci-key#none", "error: the Secret ops/ci-key has no key none"),
            ("ops/ci-key", "error: ops/ci-key names no key of a Secret"),
            ("ops/--help#key.txt", "error: --help is no name of Kubernetes"),
        ):
            done = shop(*argv, f"{scheme}{where}?{SECRETS}")
            assert said in done.stderr
            assert done.returncode != 0
        forbidden = shop(
            *argv, f"{scheme}ci-key#key.txt?{SECRETS}", env={"HELM_SECRETS_ALLOW_AGE_IMPORT_KUBERNETES": "false"}
        )
        assert forbidden.stderr.startswith(f"error: {scheme} is not allowed here\n")
    calls = kubectl.read_text().splitlines()
    assert calls[0] == "get secret ci-key --output=json"
    assert calls[1] == "get secret ci-key --output=json --namespace=ops"
    # the key is in no file, and kubectl got none of ours
    assert not [line for line in calls if "AGE" in line]
    done = shop(
        "--kube-context", "there", *["secrets", "template", "r", "app", "-f", f"{scheme}ci-key#key.txt?{SECRETS}"]
    )
    assert done.returncode == 0
    assert kubectl.read_text().splitlines()[-1] == "get secret ci-key --output=json --context=there"


# -- from somewhere else -----------------------------------------------------------------------------------------------


class _Files(http.server.BaseHTTPRequestHandler):
    """Serves a folder; /moved/X redirects, /private/X asks for a password, others are counted."""

    folder: Path
    seen: list[tuple[str, str | None]]

    def do_GET(self) -> None:
        path = self.path.split("?")[0]
        self.seen.append((self.path, self.headers.get("Authorization")))
        if path.startswith("/moved/"):
            self.send_response(302)
            self.send_header("Location", path[len("/moved") :])
            self.end_headers()
            return
        wanted = "Basic " + base64.b64encode(b"me:pass word").decode()
        allowed = not path.startswith("/private/") or self.headers.get("Authorization") == wanted
        file = self.folder / path.removeprefix("/private").lstrip("/")
        code = 403 if not allowed else 200 if file.is_file() else 404
        body = file.read_bytes() if code == 200 else b""
        self.send_response(code)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:
        pass


@pytest.fixture
def web(shop: Shop) -> Iterator[str]:
    """The address of a server on this machine that has the repository's files."""
    _Files.folder, _Files.seen = shop.folder, []
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), _Files)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    yield f"http://127.0.0.1:{server.server_address[1]}"
    server.shutdown()
    server.server_close()
    thread.join()


def test_values_by_http(shop: Shop, web: str, tmp_path: Path) -> None:
    url = f"{web}/{SECRETS}"
    assert shop.template("-f", url)["order"] == "first"
    assert shop.template("-f", f"{url}?a=b&c")["order"] == "first"
    assert shop.template("-f", f"secrets://{web}/moved/{SECRETS}", "-f", f"{web}/plain.yaml")["extra"] == [1, 2]
    assert shop.template("--set-file", f"a={url}")["a"] == FILES[SECRETS]
    assert shop.values("template", "r", "app", "-f", f"secrets://{url}")["order"] == "first"
    assert shop("secrets", "decrypt", url).stdout == FILES[SECRETS]
    for argv in (
        ["secrets", "template", "r", "app", "-f", f"{web}/404.yaml"],
        ["template", "r", "app", "-f", f"secrets://{web}/404.yaml"],
    ):
        done = shop(*argv)
        assert done.returncode == 1
        assert done.stderr.startswith(f"error: {web}/404.yaml: there is no such file\n")
        assert shop(*argv, env={"HELM_SECRETS_IGNORE_MISSING_VALUES": "true"}).returncode == 0
    missing = f"?{web}/404.yaml"
    assert shop.template("-f", missing, "--set-file", f"a={missing}") == {"order": "chart", "from": "chart", "a": ""}
    by_getter = ["template", "r", "app", "--set-file", f"a=secrets://{missing}"]
    assert shop.values(*by_getter)["a"] == shop.values("secrets", *by_getter)["a"] == ""


def test_passwords_of_http_go_to_their_host_and_into_no_message(shop: Shop, web: str, tmp_path: Path) -> None:
    private = web.replace("//", "//me:pass%20word@") + "/private/"
    assert shop.template("-f", private + SECRETS)["order"] == "first"
    assert shop.template("-f", web.replace("//", "//me:pass%20word@") + f"/moved/{SECRETS}")["order"] == "first"
    for file, code in (("no.yaml", "there is no such file"), (SECRETS, "cannot be fetched: HTTP 403")):
        user = private if code[0] == "t" else private.replace("pass%20", "wrong%20")
        done = shop("secrets", "template", "r", "app", "-f", user + file)
        assert done.stderr.startswith(f"error: {web}/private/{file}: {code}\n")
        assert "word" not in done.stderr.replace("password", "")
    netrc = tmp_path / "netrc"
    netrc.write_text('machine 127.0.0.1\nlogin me\npassword "pass word"\n')
    netrc.chmod(0o600)
    done = shop("secrets", "template", "r", "app", "-f", f"{web}/private/{SECRETS}", env={"NETRC": str(netrc)})
    assert CANARY in done.stdout, done.stderr


def test_variables_in_an_address(shop: Shop, web: str) -> None:
    url = web.replace("//", "//me:${TOKEN}@") + f"/private/{SECRETS}"
    for argv in (["secrets", "template", "r", "app", "-f", url], ["template", "r", "app", "-f", f"secrets://{url}"]):
        on = {"HELM_SECRETS_URL_VARIABLE_EXPANSION": "true", "TOKEN": "pass%20word"}
        if argv[0] == "secrets":  # Helm itself refuses such a URL
            assert CANARY in shop(*argv, env=on).stdout
            unset = shop(*argv, env={"HELM_SECRETS_URL_VARIABLE_EXPANSION": "true"})
            assert unset.stderr.startswith("error: the variable TOKEN of an address is not set\n")
        assert shop(*argv, env={"TOKEN": "pass%20word"}).returncode == 1


def test_a_getter_of_another_plugin(shop: Shop, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """``toy://`` stands for git+https:// and the like: Helm fetches the file, we decrypt it."""
    plugins = tmp_path / "plugins"
    shutil.copytree(os.environ["HELM_PLUGINS"], plugins, symlinks=True)
    (plugins / "toy").mkdir()
    (plugins / "toy/plugin.yaml").write_text(
        'name: toy\nversion: "1.0.0"\nusage: u\ndescription: d\ndownloaders:\n- command: "get"\n  protocols: ["toy"]\n'
    )
    (plugins / "toy/get").write_text('#!/bin/sh\ncat "${4#toy://}"\n')
    (plugins / "toy/get").chmod(0o755)
    monkeypatch.setenv("HELM_PLUGINS", str(plugins))
    assert shop.template("-f", f"toy://{SECRETS}")["order"] == "first"
    assert shop.template("-f", f"secrets://toy://{SECRETS}", "--set-file", "a=toy://blob.bin")["order"] == "first"
    assert shop.values("template", "r", "app", "-f", f"secrets://toy://{SECRETS}")["order"] == "first"
    done = shop("secrets", "template", "r", "app", "-f", "other://x")
    assert "error: other://x: Helm cannot fetch it" in done.stderr


# -- where files may lie -----------------------------------------------------------------------------------------------


def test_paths_can_be_restricted(shop: Shop) -> None:
    (shop.folder / "link.yaml").symlink_to(SECRETS)
    absolute = os.path.abspath(SECRETS)
    for name, path in (
        ("SYMLINKS", "link.yaml"),
        ("ABSOLUTE_PATH", absolute),
        ("PATH_TRAVERSAL", f"app/../{SECRETS}"),
        ("PATH_TRAVERSAL", f"../repo/{SECRETS}"),
    ):
        variable = f"HELM_SECRETS_VALUES_ALLOW_{name}"
        for argv in (
            ["secrets", "template", "r", "app", "-f", path],
            ["template", "r", "app", "-f", f"secrets://{path}"],
        ):
            assert shop(*argv).returncode == 0
            assert shop(*argv, env={variable: "true"}).returncode == 0
            done = shop(*argv, env={variable: "false"})
            assert done.returncode == 1
            assert done.stderr.startswith(f"error: {path}: ")
            assert f"hint: see {variable}\n" in done.stderr


def test_in_argo_cd_files_stay_in_the_repository(shop: Shop, tmp_path: Path) -> None:
    """By the real path; what lies in the repository may be reached by any way, and variables may allow more."""
    outside = tmp_path / "outside.yaml"
    outside.write_text("order: outside\n")
    (shop.folder / "app/link.yaml").symlink_to(outside)
    (shop.folder / "app/inside.yaml").symlink_to(shop.folder / SECRETS)
    env = {"ARGOCD_APP_NAME": "shop"}
    for path, variable in (
        (str(outside), "ABSOLUTE_PATH"),
        ("../../outside.yaml", "PATH_TRAVERSAL"),
        ("link.yaml", "SYMLINKS"),
    ):
        for argv in (["secrets", "template", "r", ".", "-f", path], ["template", "r", ".", "-f", f"secrets://{path}"]):
            done = shop(*argv, cwd="app", env=env)
            assert done.returncode == 1
            assert done.stderr.startswith(f"error: {path}: lies outside of {shop.folder}\n"), done.stderr
            said = {**env, f"HELM_SECRETS_VALUES_ALLOW_{variable}": "true"}
            assert shop(*argv, cwd="app", env=said).returncode == 0
            assert shop(*argv, cwd="app").returncode == 0
    for path in (f"../{SECRETS}", "inside.yaml", os.path.abspath(SECRETS)):
        assert shop("template", "r", ".", "-f", f"secrets://{path}", cwd="app", env=env).returncode == 0


# -- files as the tests of helm-secrets have them ----------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("secrets-windows.yaml", "order: windows\r\nlist:\r\n- a\r\n"),
        ("secrets-newlines.yaml", "order: |+\n  text\n\n\n"),
        ("secrets-empty.yaml", ""),
        ("secrets.yaml.gotpl.yaml", "order: gotpl\n"),
        ("secrets-list.yaml", "imagePullSecrets: [fr, 'en', \"de\"]\n"),
    ],
)
def test_every_kind_of_values_file(shop: Shop, name: str, text: str) -> None:
    path = f"env/prod/{name}"
    (shop.folder / path).write_bytes(text.encode())
    if text:
        assert shop("secrets", "encrypt", "-i", path).returncode == 0
        out = subprocess.run([shop.helm, "secrets", "decrypt", path], capture_output=True, timeout=60).stdout
        assert out == text.encode()
    else:
        path = name
        (shop.folder / path).write_bytes(b"")
    wrapped = shop.template("-f", path, "--set-file", f"all={path}")
    assert wrapped["all"] == text
    assert wrapped == shop.values(
        "template", "r", "app", "-f", f"secrets://{path}", "--set-file", f"all=secrets://{path}"
    )


def test_what_is_no_yaml_is_helms_to_refuse(shop: Shop) -> None:
    (shop.folder / "invalid.yaml").write_text("a: [\n")
    for argv in (
        ["secrets", "template", "r", "app", "-f", "invalid.yaml"],
        ["template", "r", "app", "-f", "secrets://invalid.yaml"],
    ):
        done = shop(*argv)
        assert (done.returncode, done.stdout) == (1, "")
        assert "error converting YAML to JSON" in done.stderr


def test_a_decrypted_file_beside_is_not_used(shop: Shop) -> None:
    """helm-secrets takes FILE.dec where it lies there, however old it is."""
    dec = shop.folder / f"{SECRETS}.dec"
    dec.write_text("order: stale\n")
    assert shop.template("-f", SECRETS)["order"] == "first"
    assert dec.read_text() == "order: stale\n"


def test_flags_without_a_value_and_two_dashes(shop: Shop) -> None:
    for argv in (
        ["template", "r", "app", "-f", SECRETS, "--kube-insecure-skip-tls-verify"],
        ["template", "r", "app", "-f", SECRETS, "--kube-insecure-skip-tls-verify=true"],
        ["template", "--insecure-skip-tls-verify=true", "-f", SECRETS, "r", "app"],
        ["template", "-f", SECRETS, "--set", "a=1\n2", "--", "r", "app"],
    ):
        assert shop.values("secrets", *argv)["order"] == "first"
    assert shop("secrets", "lint", "-f", SECRETS, "--", "app").returncode == 0


def test_a_chart_from_somewhere_else(shop: Shop, web: str) -> None:
    assert shop("package", "app").returncode == 0
    chart = f"{web}/app-0.1.0.tgz"
    for argv in (
        ["secrets", "template", "r", chart, "-f", f"{web}/{SECRETS}?a=b"],
        ["secrets", "template", "r", chart, "--set-file", f"a=secrets://{web}/{SECRETS}?a=b&c", "-f", SECRETS],
        ["template", "r", chart, "-f", f"secrets://{web}/{SECRETS}?a=b"],
    ):
        assert shop.values(*argv)["order"] == "first"


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("file.txt", "one line\nno end"),
        ("file.json", '{"a": {"b": [1, "two"]}}\n'),
        ("file.properties", "a.b = c\n"),
        ("file.yaml", "a:\n    b: c\n"),
    ],
)
def test_files_that_sops_encrypted(shop: Shop, made: Made, sops: str, name: str, text: str) -> None:
    """sops picks the format by the name, and so do we: what it encrypted as a whole comes back as it was."""
    key = next(line for line in made.keys["me"].splitlines() if "public key" in line).split(": ")[1]
    folder = shop.folder.parent / "sopsed"
    folder.mkdir()
    (folder / name).write_text(text)
    subprocess.run([sops, "encrypt", "--age", key, "-i", name], cwd=folder, check=True, capture_output=True)
    for argv in (["--set-file", f"a={folder / name}"], ["--set-file", f"a=secrets://{folder / name}"]):
        for verb in (["secrets", "template"], ["template"]):
            if verb[0] == "template" and "secrets://" not in argv[1]:
                continue
            got = shop.values(*verb, "r", "app", *argv)["a"]
            assert (json.loads(str(got)) if name == "file.json" else got) == (
                json.loads(text) if name == "file.json" else text
            )


def test_json_that_helm_secrets_encrypted_is_yaml(shop: Shop, made: Made, sops: str, cli: Cli) -> None:
    """It calls sops with `--input-type yaml` for every name, and such a file stays YAML with us."""
    key = next(line for line in made.keys["me"].splitlines() if "public key" in line).split(": ")[1]
    name = "secrets.json"
    path = shop.folder / name
    path.write_text('{"order": "json"}\n')
    as_yaml = ["--encrypt", "--input-type", "yaml", "--output-type", "yaml", "--in-place"]
    subprocess.run([sops, "--age", key, *as_yaml, name], cwd=shop.folder, check=True, capture_output=True)
    assert shop.template("-f", name)["order"] == "json"
    assert shop.values("template", "r", "app", "-f", f"secrets://{name}")["order"] == "json"
    assert shop("secrets", "decrypt", name).stdout == "order: json\n"
    done = shop("secrets", "edit", name, env={"EDITOR": "sed -i s/json/edited/"})
    assert done.returncode == 0, done.stderr
    assert "\nsops:\n" in path.read_text()
    cli("set", name, "pin", "1", cwd=shop.folder).ok()
    assert shop("secrets", "decrypt", name).stdout == 'order: edited\npin: "1"\n'


# -- PGP ---------------------------------------------------------------------------------------------------------------


@pytest.fixture
def in_memory(monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """The folder in memory in which private folders are made: one of our own, since others may be at work, too."""
    folder = Path(tempfile.mkdtemp(dir="/dev/shm", prefix="kt"))
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(folder))
    yield folder
    shutil.rmtree(folder)


def test_a_private_folder_would_be_seen(in_memory: Path) -> None:
    script = "from ksecrets.storage.private import Folder; f = Folder(); f.__enter__(); print(f.path)"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True, cwd=ROOT)
    assert [str(path) for path in in_memory.iterdir()] == [done.stdout.strip()]


def test_a_pgp_key_from_a_file(shop: Shop, pgp: Pgp, in_memory: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is in a keyring in memory for as long as we run; nothing of it stays, and no agent."""
    url = f"secrets+gpg-import://{pgp.key}?{pgp.file}"
    assert shop("secrets", "template", "r", "app", "-f", pgp.file).returncode == 4
    for argv in (["template", "r", "app"], ["secrets", "template", "r", "app"]):
        for each in (url, f"secrets+gpg-import://sops!{pgp.key}?{pgp.file}"):
            assert shop.values(*argv, "-f", each)["order"] == "pgp"
        assert shop.values(*argv, "-f", f"secrets+gpg-import://?{pgp.key}?no.yaml")["order"] == "chart"
        forbidden = shop(*argv, "-f", url, env={"HELM_SECRETS_ALLOW_GPG_IMPORT": "false"})
        assert forbidden.stderr.startswith("error: secrets+gpg-import:// is not allowed here\n")
        wrong = shop(*argv, "-f", f"secrets+gpg-import://app/Chart.yaml?{pgp.file}")
        assert wrong.stderr.startswith("error: app/Chart.yaml: gpg does not take this key\n")
    for keys in (pgp.key, os.path.dirname(pgp.key), f"{os.path.dirname(pgp.key)}/"):
        monkeypatch.setenv("HELM_SECRETS_LOAD_GPG_KEYS", keys)
        assert shop.template("-f", pgp.file)["order"] == "pgp"
    monkeypatch.setenv("HELM_SECRETS_LOAD_GPG_KEYS", "/no/such/key")
    done = shop("secrets", "template", "r", "app", "-f", pgp.file)
    assert done.stderr.startswith("error: /no/such/key: cannot be read: No such file or directory\n")
    assert not list(in_memory.iterdir())
    assert not list(pgp.folder.glob("private-keys-v1.d/*"))


def test_a_pgp_key_from_the_cluster(shop: Shop, pgp: Pgp, monkeypatch: pytest.MonkeyPatch) -> None:
    secret = {"data": {"key.asc": base64.b64encode(Path(pgp.key).read_bytes()).decode()}}
    (shop.folder.parent / "secret.json").write_text(json.dumps(secret))
    kubectl = shop.folder.parent / "kubectl"
    kubectl.write_text(f"#!/bin/sh\nexec cat {shlex.quote(str(shop.folder.parent / 'secret.json'))}\n")
    kubectl.chmod(0o755)
    monkeypatch.setenv("HELM_SECRETS_KUBECTL_PATH", str(kubectl))
    scheme = "secrets+gpg-import-kubernetes://"
    for argv in (["template", "r", "app", "-f"], ["secrets", "template", "r", "app", "-f"]):
        for where in ("name#key.asc", "ops/name#key.asc", "sops!ops/name#key.asc"):
            assert shop.values(*argv, f"{scheme}{where}?{pgp.file}")["order"] == "pgp"
        missing = shop(*argv, f"{scheme}name#none?{pgp.file}")
        assert missing.stderr.startswith("error: the Secret name has no key none\n")
        forbidden = shop(
            *argv, f"{scheme}name#key.asc?{pgp.file}", env={"HELM_SECRETS_ALLOW_GPG_IMPORT_KUBERNETES": "false"}
        )
        assert forbidden.stderr.startswith(f"error: {scheme} is not allowed here\n")


# -- many at once, and killed ------------------------------------------------------------------------------------------


def test_fifty_at_once_in_one_checkout(shop: Shop, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """All get the right values; nothing appears beside the sources (helm-secrets: #381), nor as a temporary file."""
    (tmp_path / "tmp").mkdir()
    monkeypatch.setenv("TMPDIR", str(tmp_path / "tmp"))
    before = sorted(str(path) for path in shop.folder.rglob("*"))
    wanted = shop("secrets", "template", "r", "app", "-f", SECRETS, "-f", MORE).stdout
    argv = [shop.helm, "secrets", "template", "r", "app", "-f", SECRETS, "-f", MORE]

    def one(_: int) -> tuple[int, str]:
        done = subprocess.run(argv, capture_output=True, text=True, timeout=120)
        return done.returncode, done.stdout

    with ThreadPoolExecutor(50) as pool:
        done = list(pool.map(one, range(50)))
    assert done == [(0, wanted)] * 50
    assert sorted(str(path) for path in shop.folder.rglob("*")) == before
    assert not list((tmp_path / "tmp").iterdir())


def test_killed_at_any_moment_nothing_is_left(
    shop: Shop, pgp: Pgp, in_memory: Path, tmp_path: Path, clean_home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """SIGKILL to all of it, from the start of Helm to the end of its output: no plaintext, no keyring, no process."""
    (tmp_path / "tmp").mkdir()
    monkeypatch.setenv("TMPDIR", str(tmp_path / "tmp"))
    argv = [shop.helm, "secrets", "template", "r", "app", "-f", SECRETS]
    with_key = [*argv, "-f", f"secrets+gpg-import://{pgp.key}?{pgp.file}"]
    for words, moments in ((argv, 8), (with_key, 8)):
        started = time.monotonic()
        assert subprocess.run(words, capture_output=True, timeout=60).returncode == 0
        whole = time.monotonic() - started
        for moment in range(1, moments + 1):
            child = subprocess.Popen(
                words, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True
            )
            time.sleep(whole * moment / moments)
            try:
                os.killpg(child.pid, signal.SIGKILL)
            except ProcessLookupError:
                pass
            child.wait(timeout=30)
    limit = time.monotonic() + 20
    while list(in_memory.iterdir()) and time.monotonic() < limit:
        time.sleep(0.1)
    assert not list(in_memory.iterdir())
    assert_nowhere(tmp_path / "tmp", shop.folder, clean_home)
