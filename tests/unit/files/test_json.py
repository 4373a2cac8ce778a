"""JSON through the pipe: every byte comes back, and nothing can be changed on the way."""

from __future__ import annotations

import json
import time
from random import Random
from typing import Any

import pytest

from ksecrets.errors import AlreadyEncrypted, NotEncrypted, SyntaxRefused, Tampered
from ksecrets.files.formats import by_name
from ksecrets.files.open import Opened
from ksecrets.files.seal import Sealed
from tests import pipe
from tests.jsondocs import BEYOND_SOPS, Writer

JSON = by_name("json")
FILE = """\
{
  "name": "app",
  "db": {"password": "s3cr\\u0065t", "port": 5432, "ratio": 1.0, "on": true, "no": null, "empty": ""},
  "hosts": [
    "a",
    "b"
  ]
}
"""


def seal(text: str, **options: Any) -> Sealed:
    return pipe.seal(text, format=JSON, **options)


def open_(text: str, **options: Any) -> Opened:
    return pipe.open_(text, format=JSON, **options)


def unsealed(text: str) -> str:
    """The text as sops leaves it: without our block, laid out anew."""
    tree = json.loads(text, object_pairs_hook=lambda pairs: pairs)
    tree = [(key, [each for each in value if each[0] != "ksecrets"] if key == "sops" else value) for key, value in tree]

    def written(value: Any) -> str:
        if isinstance(value, list) and value and isinstance(value[0], tuple):
            return "{" + ",".join(f"{json.dumps(key)}: {written(inner)}" for key, inner in value) + "}"
        if isinstance(value, list):
            return "[" + ",".join(map(written, value)) + "]"
        return json.dumps(value)

    return written(tree)


def test_any_document_comes_back_to_the_byte() -> None:
    random = Random(20261121)
    for number in range(400):
        text = ("\ufeff" if number % 20 == 0 else "") + Writer(random).document()
        sealed = seal(text)
        opened = open_(sealed.text, keep_tokens=True)
        assert opened.plaintext == text
        assert opened.sealed
        again = seal(text, old=opened)
        assert again.text == sealed.text
        assert again.kept == again.values
        json.loads(sealed.text.removeprefix("\ufeff"))  # it is JSON for everybody


@pytest.mark.parametrize(
    "text",
    [
        "{}",
        "{ }",
        "{\n}\n",
        "{\r\n}",
        '{"a":1}',
        '{"a": 1}\n',
        '{\n"a": 1\n}',
        '{\n\t"a": 1}',
        '{\n    "a": {\n        "b": []\n    }\n}\n\n',
        '{"a": {"sops": {"mac": 1}}}',
        '\ufeff{"a": "b"}',
        '{"ä": "\\ud800"}',
        *[f'{{"a": {number}}}' for number in BEYOND_SOPS],
    ],
)
def test_layouts_come_back(text: str) -> None:
    assert open_(seal(text).text).plaintext == text


def test_the_metadata_stands_as_the_last_entry_in_the_layout_of_the_others() -> None:
    sealed = seal(FILE).text
    head, block = sealed.split('  "sops": {\n')
    assert head.endswith("  ],\n")
    assert block.startswith('    "age": [\n      {\n        "enc": "')
    assert block.endswith('    "version": "3.13.3"\n  }\n}\n')
    assert seal('{"a":1}').text.startswith('{"a":"ENC[')
    assert '],"ksecrets":{"environment":"dev","format":"json","kid":"' in seal('{"a":1}').text
    assert '\n\t"sops": {\n\t\t"age": [\n\t\t\t{' in seal('{\n\t"a": 1\n}').text
    assert '\r\n "sops": {\r\n  "age": [' in seal('{\r\n "a": 1}').text


def test_only_what_changed_changes() -> None:
    opened = open_(seal(FILE).text, keep_tokens=True)
    before = seal(FILE).text.splitlines()
    after = seal(FILE.replace('"b"', '"c"'), old=opened, lastmodified="2026-01-02T00:00:00Z").text.splitlines()
    changed = [old for old, new in zip(before, after, strict=True) if old != new]
    assert [line.split(":")[0].strip() for line in changed] == ['"ENC[AES256_GCM,data', '"lastmodified"', '"mac"']


def test_selectors_choose_by_keys() -> None:
    sealed = seal('{"a": {"b": 1, "password": "x"}, "c": ["y"]}', selector=("encrypted_regex", "^password$"))
    assert sealed.text.startswith('{"a": {"b": 1, "password": "ENC[')
    assert '"c": ["y"]' in sealed.text
    assert sealed.values == 1
    for only in (True, False):
        text = seal('{"a": 1, "b_unencrypted": 2}', mac_only_encrypted=only).text
        assert open_(text).plaintext == '{"a": 1, "b_unencrypted": 2}'
        assert open_(unsealed(text)).plaintext.replace(" ", "") == '{"a":1,"b_unencrypted":2}'


def test_what_sops_left_without_a_seal_is_given_by_its_values() -> None:
    text = unsealed(seal(FILE).text)
    opened = open_(text)
    assert not opened.sealed
    values = json.loads(opened.plaintext)
    assert values == json.loads(FILE)
    assert '"ratio": 1.0' in opened.plaintext  # it stays a float for sops
    with pytest.raises(Tampered, match="carries no seal"):
        open_(text, require_seal=True)


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ('"name": "ENC', '"title": "ENC'),
        ('"no": null', '"no": ""'),
        ('"empty": ""', '"empty": null'),
        ('"name": ', '"new": 1, "name": '),
        ('"name": ', '"new": null, "name": '),
        ('"format": "json"', '"format": "yaml"'),
        ('"format": "json"', '"format": "binary"'),
        ('"format": "json"', '"format": "ini"'),
        ('"format": "json"', '"format": "toml"'),
        ('"hosts": [', '"hosts": [[], '),
        ("type:int]", "type:str]"),
        ("type:float]", "type:int]"),
        ('"path": "env/dev', '"path": "env/prod'),
        ('"unencrypted_suffix": "_unencrypted"', '"unencrypted_suffix": "x"'),
        ('  "sops": {', '  "sops": {"mac": "x"}, "sops": {'),
    ],
)
def test_changes_are_seen(old: str, new: str) -> None:
    text = seal(FILE).text
    assert old in text
    with pytest.raises((Tampered, SyntaxRefused)):
        open_(text.replace(old, new, 1))


def test_items_cannot_change_places_and_residues_are_bound() -> None:
    text = seal(FILE).text
    lines = text.splitlines(keepends=True)
    first, second = (index for index, line in enumerate(lines) if line.startswith('    "ENC['))
    lines[first], lines[second] = lines[second].rstrip("\n") + ",\n", lines[first].replace(",\n", "\n")
    with pytest.raises(Tampered):
        open_("".join(lines))
    tree = json.loads(text)
    residues = tree["sops"]["ksecrets"]["residues"]
    assert len(residues) == 2  # of the escape and of 1.0
    one, two = residues
    residues[one], residues[two] = residues[two], residues[one]
    with pytest.raises(Tampered, match="residue"):
        open_(json.dumps(tree))


def test_layout_does_not_matter() -> None:
    tree = json.loads(seal(FILE).text)
    assert json.loads(open_(json.dumps(tree)).plaintext) == json.loads(FILE)
    assert open_(json.dumps(tree, indent=7)).sealed
    moved = {"sops": tree.pop("sops"), **tree}
    assert json.loads(open_(json.dumps(moved)).plaintext) == json.loads(FILE)


def test_the_name_need_not_say_that_it_is_json() -> None:
    text = seal(FILE).text
    for name in ("yaml", "binary"):
        assert pipe.open_(text, format=by_name(name)).plaintext == FILE
    assert pipe.open_(text).plaintext == FILE
    with pytest.raises((Tampered, NotEncrypted, SyntaxRefused)):
        pipe.open_(text, format=by_name("dotenv"))


def test_a_flow_mapping_of_yaml_stays_one() -> None:
    text = '{"a": 0644, b: [yes, "x"]}\n'
    sealed = pipe.seal(text).text
    assert pipe.open_(sealed).plaintext == text
    both = '{"a": 1, "b": [1.0, "x"]}\n'  # it could be either
    assert pipe.open_(pipe.seal(both).text).plaintext == both
    assert pipe.open_(pipe.seal(both).text, format=JSON).plaintext == both


@pytest.mark.parametrize(
    ("text", "error", "message"),
    [
        (
            f'{{"a": "ENC[AES256_GCM,data:YQ==,iv:{"A" * 43}=,tag:{"A" * 22}==,type:str]"}}',
            SyntaxRefused,
            "a token",
        ),
        ('{"sops": {}}', AlreadyEncrypted, "key `sops`"),
        ('{"sops": 1, "a": 2}', AlreadyEncrypted, "key `sops`"),
        ("[1]", SyntaxRefused, "something else than an object"),
        ("a: b", SyntaxRefused, "not JSON"),
        ('{"a": 1} {"b": 2}', SyntaxRefused, "behind the end"),
    ],
)
def test_refusals(text: str, error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        seal(text)


def test_what_sops_does_not_hold_is_said() -> None:
    for number, reason in zip(BEYOND_SOPS, ("rounds", "rounds", "64-bit floats"), strict=True):
        sealed = seal(f'{{"a": {number}}}')
        assert len(sealed.sops_refuses) == 1
        assert reason in sealed.sops_refuses[0]
    assert seal(FILE).sops_refuses == []
    assert seal('{"a": 1, "a": 2}').sops_refuses == []


def test_a_mutated_file_is_refused_or_says_the_same() -> None:
    random = Random(11)
    text = seal(FILE).text
    said = json.loads(FILE)
    for _ in range(1500):
        at = random.randrange(len(text))
        other = random.choice(('"', "{", "}", ",", "\n", " ", "0", "x", "\\", "\x00", "é", ""))
        length = random.choice((0, 1, 1, 5, 200))
        mutated = text[:at] + other + text[at + length :]
        try:
            opened = open_(mutated)
        except (Tampered, SyntaxRefused, NotEncrypted):
            continue
        if opened.sealed:
            assert json.loads(opened.plaintext) == said


def test_comments_have_no_place_in_json() -> None:
    """sops turns an encrypted comment of a YAML list into an item; it must not become a value here."""
    tree = json.loads(unsealed(seal('{"l": ["x"]}').text))
    tree["l"][0] = tree["l"][0].replace("type:str", "type:comment")
    with pytest.raises(Tampered):
        open_(json.dumps(tree))


def hostile() -> dict[str, str]:
    """Encrypted texts of a megabyte and more, made to take long or much."""
    text = seal('{"a": "x", "b": [1.0]}').text
    many = 1_000_000
    return {
        "token": text.replace("data:", "data:" + "A" * many, 1),
        "base64": text.replace("data:", "data:" + "!" * many, 1),
        "IV": text.replace(",iv:", ",iv:" + "A" * many, 1),
        "MAC": text.replace('"mac": "', '"mac": "' + "A" * many, 1),
        "blocks": "{" + '"sops": {},' * (many // 25) + '"a": 1}',
        "residues": text.replace('"residues": {', '"residues": {"AAAAAAAAAAAAAAAA": "' + "A" * many + '", ', 1),
        "line": text.replace('"a":', f'"pad_unencrypted": "{"y" * many}", "a":', 1),
        "keys": text.replace('"a":', '"k_unencrypted": 1, ' * (many // 50) + '"a":', 1),
        "depth": text.replace('"a":', '"d": ' + "[" * many + ', "a":', 1),
        "long keys": text.replace('"a":', ('{"' + "x" * 2_000 + '": ') * 500 + '"a":', 1),
        "NULs": text.replace('"a":', "\0" * many + '"a":', 1),
        "space": text.replace('"a":', " " * many + '"a" "', 1),
        "escapes": text.replace('"a":', '"b": "' + "\\ud800" * (many // 6) + '", "a":', 1),
        "readers": text.replace('"age": [', '"age": [' + '{"recipient":"age1x","enc":"y"},' * (many // 50), 1),
    }


@pytest.mark.parametrize("name", sorted(hostile()))
def test_hostile_files_end_in_a_clean_error_in_bounded_time(name: str) -> None:
    began = time.process_time()
    with pytest.raises((Tampered, SyntaxRefused, NotEncrypted)) as caught:
        open_(hostile()[name])
    assert time.process_time() - began < 5
    assert len(str(caught.value)) < 2_500
