"""The cells of docs/interop.md: one file of every format under every selector and kind of key, in three directions.

What a cell is, and which cannot hold, stands in tests/interop.py. Both programs run as processes, in one repository
under one `.sops.yaml`.
"""

from __future__ import annotations

import configparser
import io
import json
import os
import re
import shutil
import subprocess
import tempfile
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

import pytest
import yaml
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.rsa import generate_private_key
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, PublicFormat
from dotenv import dotenv_values

import ksecrets
from ksecrets.errors import KsecretsError
from tests import interop
from tests.conftest import Cli, Repo, Result
from tests.interop import DIRECTIONS, FORMATS, HOLDS, KEY_TYPES, SELECTORS, Cell
from tests.keys.test_pgp import new_key
from tests.peers.test_gcp_azure import AZURE, GCP, azure, gcp
from tests.services import Aws, Vault

__all__ = ["azure", "gcp"]  # fixtures

Values = dict[tuple[str | int, ...], object]
Record = Callable[[str, object], None]


# -- the files ---------------------------------------------------------------------------------------------------------


class Document(NamedTuple):
    """name: of the file. text: its plaintext. edited: paths of the two values that are changed in turns; fresh: one of
    a value that is added. A binary file has none: it is changed as a whole, in an editor, and must be text for that."""

    name: str
    text: bytes
    edited: tuple[tuple[str, ...], tuple[str, ...]] = ((), ())
    fresh: tuple[str, ...] = ()


DOCUMENTS = {
    "yaml": Document(
        "secrets.yaml",
        b"""\
# the shop
replicas: 3
db:
    # enc: changed in May
    password: "s3cr\\"et"
    host:   db.example.org   # inside
    user_plain: app
    token_secret: t0ken
price: 1.10
debug: true
nothing: null
zone_unencrypted: a
list_secret: [one, "two", 3]

motd: |
    line one
      line two
# plain: everybody knows
region: eu
last: "\xc3\xa9\xe6\x97\xa5"
""",
        (("db", "password"), ("last",)),
        ("added",),
    ),
    "json": Document(
        "secrets.json",
        b"""\
{
  "replicas": 3, "db": {"password": "s3cr\\"et",
         "host": "db.example.org", "user_plain": "app", "token_secret": "t\\u0030ken"},
  "price": 1.10, "debug": true, "nothing": null,
  "zone_unencrypted": "a",
  "list_secret": ["one", "two", 3], "region": "eu",

  "last": "\xc3\xa9\xe6\x97\xa5"
}
""",
        (("db", "password"), ("last",)),
        ("added",),
    ),
    "dotenv": Document(
        "secrets.env",
        b"""\
# the shop
REPLICAS=3
# enc: changed in May
DB_PASSWORD=s3cr=et
HOST=db.example.org

user_plain=app
token_secret=t0ken
zone_unencrypted=a
# plain: everybody knows
REGION=eu
LAST=\xc3\xa9\xe6\x97\xa5
""",
        (("DB_PASSWORD",), ("LAST",)),
        ("ADDED",),
    ),
    "ini": Document(
        "secrets.ini",
        b"""\
; the shop
[db]
; enc: changed in May
password = s3cr=et
host=db.example.org
user_plain = app

[web]
token_secret = t0ken
zone_unencrypted = a
; plain: everybody knows
region = eu
last = \xc3\xa9\xe6\x97\xa5
""",
        (("db", "password"), ("web", "last")),
        ("web", "added"),
    ),
    "binary": Document("secrets.bin", b"\x7fELF\r\n\x00\xff\xfe\xed\xa0\x80" + bytes(range(256)) + b"\nlast"),
}


def flat(tree: object, path: tuple[str | int, ...] = ()) -> Values:
    """{path: scalar} of mappings and lists."""
    if not isinstance(tree, (dict, list)):
        return {path: tree}
    entries = tree.items() if isinstance(tree, dict) else enumerate(tree)
    return {found: value for key, inner in entries for found, value in flat(inner, (*path, key)).items()}


def read(format: str, data: bytes) -> Values:
    """The values of a plaintext or of an encrypted file, without its metadata, by a reader that is not ours."""
    text = data.decode()
    tree: Any
    if format == "yaml":
        tree = yaml.safe_load(text)
    elif format in ("json", "binary"):
        tree = json.loads(text)
    elif format == "dotenv":
        tree = dict(dotenv_values(stream=io.StringIO(text), interpolate=False))
    else:
        parser = configparser.RawConfigParser()
        parser.optionxform = str  # type: ignore[assignment,method-assign]  # names keep their case
        parser.read_string(text)
        tree = {section: dict(parser[section]) for section in parser.sections()}
    return {
        path: value for path, value in flat(tree).items() if path[0] != "sops" and not str(path[0]).startswith("sops_")
    }


def values(format: str, plaintext: bytes) -> Values:
    return {("data",): plaintext} if format == "binary" else read(format, plaintext)


def chosen(format: str, encrypted: bytes) -> tuple[set[tuple[str | int, ...]], set[tuple[str | int, ...]]]:
    """The paths of the values that are encrypted, and of those that are not. Null is neither."""
    found = {
        path: isinstance(value, str) and value.startswith("ENC[") for path, value in read(format, encrypted).items()
    }
    found.pop(("nothing",), None)
    return {path for path in found if found[path]}, {path for path in found if not found[path]}


# -- the keys ----------------------------------------------------------------------------------------------------------


class Key(NamedTuple):
    """rule: fields of the creation rule. sops, ours: the environment in which each program has an identity."""

    rule: dict[str, object]
    sops: dict[str, str]
    ours: dict[str, str]


@cache
def age_identity(program: str, number: int, *options: str) -> tuple[str, str]:
    """(recipient, identity), made by the real age-keygen; the same one for a number, for a whole run."""
    done = subprocess.run([program, *options], capture_output=True, text=True, timeout=60, check=True)
    public = re.search(r"^# public key: (\S+)$", done.stdout, re.MULTILINE)
    assert public is not None
    return public[1], done.stdout.splitlines()[-1]


@pytest.fixture(scope="module")
def gpg_home(find_peer: Callable[[str], str]) -> Iterator[tuple[str, str]]:
    """A GNUPGHOME (short, for its sockets) and the fingerprint of the one key in it."""
    find_peer("gpg")
    folder = Path(tempfile.mkdtemp(prefix="kg"))
    yield str(folder), new_key(folder, "somebody")
    subprocess.run(["gpgconf", "--homedir", folder, "--kill", "all"], check=False)
    shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture
def make_key(request: pytest.FixtureRequest, age_keygen: str, tmp_path: Path) -> Callable[[str], Key]:
    """`make_key(row)`: what stands behind a row of the page; a service is started when it is asked for."""

    def make(row: str) -> Key:
        if row == "age":
            public, secret = age_identity(age_keygen, 1)
            return Key({"age": public}, {"SOPS_AGE_KEY": secret}, {"SOPS_AGE_KEY": secret})
        if row == "age-several":
            several = [age_identity(age_keygen, number) for number in (1, 2, 3)]
            rule: dict[str, object] = {"age": ",".join(public for public, _ in several)}
            return Key(rule, {"SOPS_AGE_KEY": several[2][1]}, {"SOPS_AGE_KEY": several[1][1]})
        if row == "age-pq":
            public, secret = age_identity(age_keygen, 1, "-pq")
            assert public.startswith("age1pq1")
            return Key({"age": public}, {"SOPS_AGE_KEY": secret}, {"SOPS_AGE_KEY": secret})
        if row.startswith("age-ssh-"):
            private = Ed25519PrivateKey.generate() if row == "age-ssh-ed25519" else generate_private_key(65537, 3072)
            file = tmp_path / "id"
            file.write_bytes(private.private_bytes(Encoding.PEM, PrivateFormat.OpenSSH, NoEncryption()))
            file.chmod(0o600)
            recipient = private.public_key().public_bytes(Encoding.OpenSSH, PublicFormat.OpenSSH).decode()
            environ = {"SOPS_AGE_SSH_PRIVATE_KEY_FILE": str(file)}
            return Key({"age": recipient}, environ, environ)
        if row == "shamir":
            several = [age_identity(age_keygen, number) for number in (1, 2, 3)]
            groups = [{"age": [public]} for public, _ in several]
            one, two, three = (secret for _, secret in several)
            rule = {"shamir_threshold": 2, "key_groups": groups}
            return Key(rule, {"SOPS_AGE_KEY": f"{one}\n{two}"}, {"SOPS_AGE_KEY": f"{three}\n{two}"})
        if row == "pgp":
            home, fingerprint = request.getfixturevalue("gpg_home")
            return Key({"pgp": fingerprint}, {"GNUPGHOME": home}, {"GNUPGHOME": home})
        if row == "aws":
            server: Aws = request.getfixturevalue("aws")
            return Key({"kms": server.new_key()}, server.environ(), server.environ())
        if row == "vault":
            bao: Vault = request.getfixturevalue("vault")
            rule = {"hc_vault_transit_uri": f"{bao.url}/v1/transit/keys/{bao.new_key()}"}
            return Key(rule, bao.environ(), bao.environ())
        request.getfixturevalue(row)  # its settings are in this process's environment
        return Key({"gcp_kms": GCP} if row == "gcp" else {"azure_keyvault": AZURE}, {}, {})

    return make


# -- the three directions ----------------------------------------------------------------------------------------------


class Broken(Exception):
    """What a cell does not hold; its text is what a reason has to show."""


def held(condition: bool, otherwise: str) -> None:
    if not condition:
        raise Broken(otherwise)


class Both:
    """sops and ksecrets in one repository, each with an identity of its own, at files of one format."""

    def __init__(self, repo: Repo, sops: str, cli: Cli, format: str, key: Key, selector: str) -> None:
        """selector: the row that this is about, or nothing where it is about the key."""
        self.repo, self.cli, self.format, self.key, self.selector = repo, cli, format, key, selector
        self.program = sops
        self.document = DOCUMENTS[format]
        self.ours = repo.write(f"ours-{self.document.name}", self.document.text)
        self.theirs = repo.write(f"theirs-{self.document.name}", self.document.text)
        self.shared = repo.write(f"shared-{self.document.name}", b"text\n") if format == "binary" else self.ours
        self.session = ksecrets.Session({**os.environ, **key.ours})

    def sops(self, *words: str | Path, **env: str) -> bytes:
        argv = [self.program, *map(str, words)]
        environ = {**os.environ, **self.key.sops, **env}
        done = subprocess.run(argv, cwd=self.repo.path, env=environ, capture_output=True, timeout=60)
        held(done.returncode == 0, str(Result(("sops", *argv[1:]), done.returncode, b"", done.stderr)))
        return done.stdout

    def ksecrets(self, *words: str | Path, input: str = "", **env: str) -> bytes:
        done = self.cli(*words, input=input, env={**self.key.ours, **env})
        held(done.code == 0, str(done))
        return done.out

    def values(self, plaintext: bytes) -> Values:
        return values(self.format, plaintext)

    def sops_opens_ours(self) -> None:
        held(self.ksecrets("decrypt", self.ours) == self.document.text, "ksecrets: not to the byte")
        expected = self.values(self.document.text)
        held(self.values(self.sops("decrypt", self.ours)) == expected, "sops reads other values")

    def we_open_theirs(self) -> None:
        expected = self.values(self.document.text)
        held(self.values(self.ksecrets("decrypt", self.theirs)) == expected, "ksecrets reads other values")

    def edit_in_turns(self) -> None:
        """sops changes one value and we another, then the other way round, then we add one."""
        now = self.values(self.read_shared())
        first, last = self.document.edited
        for turn, (by_sops, by_us) in enumerate(((first, last), (last, first), (first, self.document.fresh)), 1):
            self.change_by_sops(by_sops, f"sops {turn}")
            now[by_sops or ("data",)] = self.stored(f"sops {turn}")
            before = self.read_shared()
            held(self.values(before) == now, f"turn {turn}: ksecrets reads other values")
            self.change_by_us(by_us, f"we {turn}")
            now[by_us or ("data",)] = self.stored(f"we {turn}")
            after = self.read_shared(require_seal=True)
            held(self.values(after) == now, f"turn {turn}: ksecrets reads other values after its change")
            if by_us in self.document.edited:
                held(_differ_in_one_line(before, after), f"turn {turn}: ksecrets changed other bytes")
            held(self.values(self.sops("decrypt", self.shared)) == now, f"turn {turn}: sops reads other values")

    def read_shared(self, require_seal: bool = False) -> bytes:
        """What ksecrets makes of the file that both edit; in this process, as a new one each time takes too long."""
        try:
            text = ksecrets.decrypt(str(self.shared), require_seal=require_seal, session=self.session).text
        except KsecretsError as error:
            raise Broken(f"ksecrets: {error}") from None
        return text.encode("utf-8", "surrogateescape")

    def stored(self, text: str) -> object:
        return text.encode() if self.format == "binary" else text

    def change_by_sops(self, path: tuple[str, ...], text: str) -> None:
        if self.format == "binary":
            self.sops("edit", self.shared, EDITOR=self.editor(text))
        else:
            self.sops("set", self.shared, "".join(f'["{key}"]' for key in path), json.dumps(text))

    def change_by_us(self, path: tuple[str, ...], text: str) -> None:
        if self.format == "binary":
            self.ksecrets("edit", self.shared, EDITOR=self.editor(text))
        else:
            self.ksecrets("set", self.shared, ".".join(path), input=text + "\n")

    def editor(self, text: str) -> str:
        """A program that writes this text into the file that it is started with."""
        return f"cp {self.repo.write('.git/new', text)}"

    def select_alike(self, file: Path) -> None:
        """The values that the document has are encrypted in this file as in the one of sops, and its metadata names the
        same selector. Where it is about the selector: that is the one of the rule, and it tells values apart."""
        ours, theirs = (each.read_bytes() for each in (file, self.theirs))
        for name in SELECTORS if self.format != "binary" else ():  # of a binary file, sops writes none
            held((name.encode() in ours) == (name.encode() in theirs), f"the metadata says otherwise: {name}")
            held(name.encode() in ours or name != self.selector or name == "default", f"not in the metadata: {name}")
        encrypted, readable = found = chosen(self.format, ours)
        encrypted.discard(self.document.fresh)
        readable.discard(self.document.fresh)
        held(found == chosen(self.format, theirs), f"other values are encrypted than by sops: {encrypted}")
        held(bool(encrypted), "no value is encrypted")
        held(bool(readable) or not self.selector, "no value stays readable")


def _differ_in_one_line(before: bytes, after: bytes) -> bool:
    old, new = before.splitlines(keepends=True), after.splitlines(keepends=True)
    return len(old) == len(new) and sum(a != b for a, b in zip(old, new, strict=True)) == 1


def outcome(direction: str, both: Both) -> str:
    """HOLDS, or what did not. The selector is looked at last: a reason about it says that all else holds."""
    step, file = {
        "ours -> sops": (both.sops_opens_ours, both.ours),
        "sops -> ours": (both.we_open_theirs, both.theirs),
        "in turns": (both.edit_in_turns, both.shared),
    }[direction]
    try:
        step()
        both.select_alike(file)
    except Broken as broken:
        return str(broken)
    return HOLDS


ROWS = [("selectors", row) for row in SELECTORS]
# An age key with the default selector stands in both tables, and is run once.
ROWS += [("keys", row) for row in KEY_TYPES if row != "age"]


@pytest.mark.parametrize(("table", "row"), ROWS)
def test_a_row(
    table: str,
    row: str,
    sops: str,
    cli: Cli,
    repo: Repo,
    make_key: Callable[[str], Key],
    record_property: Record,
) -> None:
    """Each cell holds, or fails as its reason says: a reason that is no longer true is found here."""
    key = make_key(row if table == "keys" else "age")
    selector = SELECTORS[row] if table == "selectors" else {}
    repo.write(".sops.yaml", json.dumps({"creation_rules": [{**key.rule, **selector}]}))
    repo.commit("rules")  # a remote key is asked only where the trusted ref names it
    # Without a word of the rules, all of a binary file is encrypted: nothing is to be told apart.
    about = {format: "" if table == "keys" or (row, format) == ("default", "binary") else row for format in FORMATS}
    columns = {format: Both(repo, sops, cli, format, key, about[format]) for format in FORMATS}
    first = columns["yaml"]
    first.ksecrets("encrypt", "-i", *{file for both in columns.values() for file in (both.ours, both.shared)})
    wrong = []
    for column, both in columns.items():
        both.sops("encrypt", "-i", both.theirs)
        reason = interop.REASONS.get((table, row, column))
        for direction in DIRECTIONS:
            seen = outcome(direction, both)
            expected = HOLDS if reason is None else reason.shows
            if seen != expected:
                wrong.append(f"{column}, {direction}: {seen} (expected: {expected})")
            record_property("interop", [*Cell(table, row, column, direction), interop.text_of(reason)])
            if (table, row) == ("selectors", "default"):
                record_property("interop", [*Cell("keys", "age", column, direction), interop.text_of(reason)])
    assert not wrong, "\n".join(wrong)


# -- the page ----------------------------------------------------------------------------------------------------------


def test_the_page_is_this_matrix(find_peer: Callable[[str], str]) -> None:
    """The tests above hold each cell to `text_of`; the page has just these cells, and the pinned programs of today."""
    page = interop.PAGE.read_text("utf-8")
    line = re.search(r"^Run on \d{4}-\d\d-\d\d with .*$", page, re.MULTILINE)
    assert line is not None
    expected = {cell: interop.text_of(interop.reason_of(cell)) for cell in interop.all_cells()}
    assert page == interop.render(expected, line[0])
    for name, version in interop.versions(find_peer, "sops", "age").items():
        assert f"{name} {version}" in line[0]
