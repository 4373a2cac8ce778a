"""Opening: what comes back without a seal, what never comes out, and files that were broken at random."""

from __future__ import annotations

import re
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ksecrets.errors import KsecretsError, NotEncrypted, Tampered
from ksecrets.files.open import Opened, open_text, read_metadata
from ksecrets.text import yaml
from ksecrets.text.node import ALIAS, LIST, MAP, SCALAR
from ksecrets.text.resolve import resolve
from ksecrets.values import token as tokens
from ksecrets.values.mac import Mac
from tests.cases import cases
from tests.documents import documents, is_yaml, write
from tests.pipe import KEY, open_, seal
from tests.tamperings import FILE, TOKEN, strip_extension

GOOD = [case for case in cases() if not case.flags & {"refused", "refused-or-go"}]

Meaning = list[tuple[int, tuple[str | int, ...], str, str, bytes | None]]


def meaning(text: str) -> Meaning:
    """Every value with its path and type; every collection and alias with its path."""
    found: Meaning = []
    for node in yaml.scan(text.removeprefix("\ufeff")):
        if node.kind == SCALAR:
            if not node.value and node.frame.parent is None:
                continue
            kind, content = resolve(node.value, plain=not node.style, tag=node.tag)
            found.append((SCALAR, node.path(), node.key_form or "", kind, content))
        elif node.kind == ALIAS or (node.kind in (MAP, LIST) and node.path()):
            found.append((node.kind, node.path(), node.key_form or "", node.value, None))
    return found


# -- without a seal ----------------------------------------------------------------------------------------------------


def unsealed(text: str, **options: str) -> Opened:
    """What comes back where only the tokens and sops's MAC are left."""
    stripped = strip_extension(seal(text, **options).text)
    assert "ksecrets" not in stripped
    opened = open_(stripped)
    assert not opened.sealed
    assert opened.metadata.extension is None
    return opened


def test_every_document_means_the_same_without_its_seal() -> None:
    """Sources may differ (1.10 is 1.1), values do not: not their types, their structure, nor what is readable."""
    for case in GOOD:
        opened = unsealed(case.text)
        assert meaning(opened.plaintext) == meaning(case.text), case


@given(documents())
@settings(max_examples=100, deadline=None)
def test_generated_documents_mean_the_same_without_a_seal(text: str) -> None:
    try:
        opened = unsealed(text)
    except KsecretsError:
        assert text[-1:] not in "\r\n"
        return
    assert meaning(opened.plaintext) == meaning(text)


@pytest.mark.parametrize(
    ("source", "restored"),
    [
        ("1.10", "1.1"),
        ("yes", '"yes"'),
        ("0644", "420"),
        ("1.0", "1.0"),
        ("1e3", "1000.0"),
        ("TRUE", "true"),
        ("2020-01-01", "2020-01-01T00:00:00Z"),
        ("'it''s'", "'it''s'"),
        ('"a\\tb"', '"a\\tb"'),
        ("word", "word"),
        ("!!str 5", '!!str "5"'),
        ("12:30", "12:30"),
        ("no", '"no"'),
        ("[1.10, yes, x]", '[1.1, "yes", "x"]'),
        ("one\n  two", "one two"),
        ("|\n  one\n  two", "|\n  one\n  two"),
        (">\n  one\n  two", "|\n  one two"),
        (">-\n  one\n  two", "|-\n  one two"),
    ],
)
def test_what_is_emitted_without_a_residue(source: str, restored: str) -> None:
    """Read alike by Helm and by sops: plain only where both agree."""
    assert unsealed(f"a: {source}\nb: c\n").plaintext == f"a: {restored}\nb: c\n"


def test_a_comment_behind_a_block_stays_a_comment() -> None:
    sealed = seal("a: |-\n  one\n  two\nb: c\n").text
    plain = strip_extension(re.sub(rf"\|-\n  {TOKEN}", r"\1 # note", sealed, count=1))
    opened = open_(plain)
    assert opened.plaintext == 'a: "one\\ntwo" # note\nb: c\n'


@pytest.mark.parametrize("behind", ["\n\n", "\n  # deep\n", "\n   \n"])
def test_nothing_runs_into_a_block(behind: str) -> None:
    sealed = seal("a: |+\n  one\n  two\n\nb: c\n").text
    plain = strip_extension(re.sub(rf"\|-\n  {TOKEN}\n", lambda found: found.group(1) + behind, sealed, count=1))
    opened = open_(plain)
    assert meaning(opened.plaintext)[0][4] == b"one\ntwo\n\n"


# -- as sops writes ----------------------------------------------------------------------------------------------------


def sops_file(body: str, values: list[tuple[str, str, bytes]], comments: str = "") -> str:
    """A file in sops's own layout: `{}` in `body` takes the tokens of (associated data, type, plaintext)."""
    mac = Mac()
    made = []
    for aad, kind, content in values:
        iv = bytes(range(32))
        sealed = KEY.encrypt(content, iv, aad.encode())
        made.append(tokens.write(sealed[:-16], iv, sealed[-16:], kind))
        if kind != "comment":
            mac.add(content)
    sealed = KEY.encrypt(mac.hexdigest().encode(), bytes(32), b"2026-01-01T00:00:00Z")
    token = tokens.write(sealed[:-16], bytes(32), sealed[-16:], "str")
    return body.format(*made) + (
        "sops:\n    age:\n        - recipient: age1qqqq\n          enc: |\n            x\n"
        f'    lastmodified: "2026-01-01T00:00:00Z"\n    mac: {token}\n'
        "    unencrypted_suffix: _unencrypted\n    version: 3.13.3\n"
    )


def test_comments_as_sops_writes_them() -> None:
    text = sops_file(
        "#{}\na: {} #{}\nlist:\n    - {}\n    - {}\n    - {}\nempty:\n    - {}\n",
        [
            (":", "comment", b" top"),
            ("a:", "str", b"x"),
            (":", "comment", b" behind"),
            ("list:", "comment", b" in a list"),
            ("list:", "str", b"item"),
            ("list:", "comment", b" at its end"),
            ("empty:", "comment", b" alone"),
        ],
    )
    assert open_(text).plaintext == (
        "# top\na: x # behind\nlist:\n    # in a list\n    - item\n    # at its end\nempty:\n    # alone\n    []\n"
    )


def test_a_comment_that_only_looks_encrypted_stays() -> None:
    token = tokens.write(b"x", bytes(32), bytes(16), "comment")
    text = sops_file(f"#{token}\na: {{}}\n", [("a:", "str", b"x")])
    opened = open_(text)
    assert opened.plaintext == f"#{token}\na: x\n"
    assert "line 1" in opened.notes[0]


def test_other_spellings_that_sops_reads() -> None:
    """An empty string and a null stay as they are; a value of type `bytes` is text."""
    text = sops_file('a: {}\nb: ""\nc: null\nd_unencrypted: 1\n', [("a:", "bytes", b"x"), ("", "str", b"1")])
    assert open_(text).plaintext == 'a: x\nb: ""\nc: null\nd_unencrypted: 1\n'


@pytest.mark.parametrize(
    ("kind", "content"),
    [
        ("int", b"x"),
        ("int", b""),
        ("float", b"1,5"),
        ("bool", b"yes"),
        ("time", b"now"),
        ("int", b"\xff"),
        ("bool", b"\xff"),
    ],
)
def test_a_plaintext_that_is_no_value_of_its_type(kind: str, content: bytes) -> None:
    """Whoever holds the key can write such a token; it is an error with a place, not a crash."""
    text = sops_file("a: {}\n", [("a:", kind, content)])
    with pytest.raises(Tampered) as caught:
        open_(text)
    assert caught.value.line == 1
    assert caught.value.path == "a"
    assert content.decode(errors="replace") not in str(caught.value) or len(content) < 2


def test_bytes_that_are_no_text() -> None:
    opened = open_(sops_file("a: {}\n", [("a:", "str", b"\xff\xfe")]))
    assert opened.plaintext == "a: !!binary //4=\n"


def test_two_metadata_blocks_of_sops_are_equal() -> None:
    text = sops_file("a: {}\n---\nb: {}\n", [("a:", "str", b"x"), ("b:", "str", b"z")])
    at = text.index("sops:")
    block = text[at:]
    both = text[: text.index("---")] + block + text[text.index("---") :]
    assert open_(both).plaintext == "a: x\n---\nb: z\n"
    with pytest.raises(Tampered):
        open_(both.replace("3.13.3", "3.13.2", 1))


# -- what comes with it ------------------------------------------------------------------------------------------------


def test_what_an_opened_file_says() -> None:
    sealed = seal(FILE)
    opened = open_(sealed.text, keep_tokens=True)
    assert opened.sealed
    assert opened.verified
    assert opened.values == sealed.values
    assert sum(len(found) for (_, kind, _), found in opened.tokens.items() if kind != "comment") == sealed.values
    assert "s3cret" not in repr(opened)
    assert open_(sealed.text).tokens == {}


def test_metadata_needs_no_key() -> None:
    metadata = read_metadata(seal(FILE).text)
    assert metadata.selector == ("unencrypted_suffix", "_unencrypted")
    for text in ("", "a: b\n", "not: [yaml\n"[:5]):
        with pytest.raises(NotEncrypted):
            read_metadata(text)


def test_the_key_is_asked_for_once_and_its_errors_come_through() -> None:
    asked = []

    def ask(metadata: object) -> object:
        asked.append(metadata)
        raise KsecretsError("no key today")

    with pytest.raises(KsecretsError, match="no key today"):
        open_text(seal(FILE).text, data_key_for=ask)  # type: ignore[arg-type]
    assert len(asked) == 1


def test_text_that_looks_like_a_block() -> None:
    """What stands in a block scalar or behind a comment is no metadata."""
    text = "a: |\n  x\nb: |\n\n  sops:\n    mac: y\n# sops:\nc: d\n"
    assert open_(seal(text).text).plaintext == text
    for tail in ("\nz: |\n  \nsops: {}\n"[:8], "\n# \nsops_unencrypted:\n  mac: x\n"):
        plain = f"a: b\n{tail.lstrip()}" if tail.strip() else "a: b\n"
        if is_yaml(plain):
            assert open_(seal(plain).text).plaintext == plain


@pytest.mark.parametrize("newline", ["\n", "\r\n", "\r"])
def test_the_block_is_found_with_any_line_ends(newline: str) -> None:
    text = "a: b\nc: d\n".replace("\n", newline)
    assert open_(seal(text).text, require_seal=True).plaintext == text


# -- at random ---------------------------------------------------------------------------------------------------------

NOISE = "aA0 \n\t:-#\"'[]{},|>&*!%@`\\=/+\r\u2028é\0"


def broken(random: Random, text: str) -> str:
    """One to three small changes anywhere in an encrypted file."""
    for _ in range(random.choice((1, 1, 1, 2, 3))):
        kind = random.randrange(10)
        at = random.randrange(len(text) + 1)
        if kind == 0:
            text = text[:at] + random.choice(NOISE) + text[at:]
        elif kind == 1:
            text = text[:at] + random.choice(NOISE) + text[at + 1 :]
        elif kind == 2:
            text = text[:at] + text[at + random.randrange(1, 30) :]
        elif kind == 3:
            text = text[:at]
        else:
            lines = text.splitlines(keepends=True)
            one, other = random.randrange(len(lines) or 1), random.randrange(len(lines) or 1)
            if not lines:
                continue
            if kind == 4:
                lines[one], lines[other] = lines[other], lines[one]
            elif kind == 5:
                lines.insert(other, lines[one])
            elif kind == 6:
                del lines[one]
            elif kind == 7:
                lines[one] = " " * random.randrange(5) + lines[one]
            elif kind == 8:
                lines[one] = lines[one].lstrip(" ")
            else:
                lines.insert(
                    one, random.choice(("\n", "# c\n", "  \n", "---\n", "x: y\n", "- z\n", "...\n", "  more\n"))
                )
            text = "".join(lines)
    return text


def check_broken(seed: int, text: str) -> None:
    """A sealed file that was broken is refused, or still says exactly the same."""
    random = Random(seed)
    sealed = seal(text).text
    original = meaning(text)
    for _ in range(12):
        changed = broken(random, sealed)
        try:
            opened = open_(changed, require_seal=True)
        except KsecretsError:
            continue
        assert meaning(opened.plaintext) == original, changed


@given(st.integers(0, 2**48))
@settings(max_examples=60, deadline=None)
def test_broken_files(seed: int) -> None:
    check_broken(seed, FILE)


@given(st.integers(0, 2**48))
@settings(max_examples=60, deadline=None)
def test_broken_files_of_any_kind(seed: int) -> None:
    text = write(Random(seed))
    if is_yaml(text) and (text[-1:] in "\r\n" or "_unencrypted" not in text):
        check_broken(seed, text)


@given(st.integers(0, 2**48))
@settings(max_examples=60, deadline=None)
def test_broken_files_without_a_seal_never_crash(seed: int) -> None:
    random = Random(seed)
    text = strip_extension(seal(FILE).text)
    for _ in range(12):
        try:
            open_(broken(random, text))
        except KsecretsError as error:
            assert "s3cret" not in str(error)  # noqa: PT017


@given(st.text(st.sampled_from("sops: \n-[]{}'\"|>#&*!a_magcENC,data=\t\r"), max_size=60))
@settings(max_examples=500, deadline=None)
def test_any_text_with_a_block_never_crashes(text: str) -> None:
    for each in (text, f"a: b\nsops:\n{text}", f"{text}\nsops:\n  mac: x\n", f"{{sops: {text}}}"):
        try:
            open_(each)
        except KsecretsError:
            pass
        else:
            raise AssertionError("a file without a MAC was opened")
