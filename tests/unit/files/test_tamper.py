"""Every change that somebody without the key can make: a sealed file tells, and nothing of it gets out."""

from __future__ import annotations

import re
import traceback

import pytest

from ksecrets.envelope.metadata import Extension
from ksecrets.errors import KsecretsError, NotEncrypted, SyntaxRefused, Tampered
from ksecrets.files.open import open_text
from ksecrets.values.cipher import DataKey
from tests.pipe import KEY, open_, seal
from tests.tamperings import FILE, HARMLESS, MISSED_BY_SOPS, SECRETS, SEEN_BY_SOPS, rewrite, strip_extension

SEALED = seal(FILE).text
UNSEALED = strip_extension(SEALED)
# What the parser or the strict reading of metadata catches before any seal.
OTHER_ERRORS = (SyntaxRefused,)


def assert_silent(error: KsecretsError) -> None:
    """Neither the message nor the traceback shows a value that was encrypted."""
    shown = "".join(traceback.format_exception(error)) + str(error) + repr(error.args) + repr(error.details)
    for secret in SECRETS:
        assert secret not in shown.replace("test_tamper.py", "")
    assert b"".join([bytes(range(32))]).hex() not in shown


def refused(text: str, **options: bool) -> KsecretsError:
    with pytest.raises((Tampered, *OTHER_ERRORS)) as caught:
        open_(text, **options)
    assert_silent(caught.value)
    return caught.value


def test_the_file_itself_opens() -> None:
    assert open_(SEALED, require_seal=True).plaintext == FILE
    opened = open_(UNSEALED)
    assert not opened.sealed
    assert "s3cret-value" in opened.plaintext


@pytest.mark.parametrize("name", MISSED_BY_SOPS)
def test_a_seal_tells_what_sops_misses(name: str) -> None:
    changed = MISSED_BY_SOPS[name](SEALED)
    assert changed != SEALED
    assert isinstance(refused(changed), Tampered)


# Changes to our own block, to what the strict reading of a token in place sees, or that a plain reader needs.
ONLY_SEALED = re.compile("environment|path|public id|residue")
STRICT = {"the MAC is emptied"}


@pytest.mark.parametrize("name", [name for name in MISSED_BY_SOPS if not ONLY_SEALED.search(name)])
def test_without_a_seal_they_go_unseen(name: str) -> None:
    """This is what the seal is for. Who wants more sets `require_seal`."""
    changed = MISSED_BY_SOPS[name](UNSEALED)
    if name == "a later document with a block of its own":
        assert open_(changed).plaintext
    elif name == "a commented value moves to another mapping":
        assert open_(changed).notes
    else:
        assert not open_(changed).sealed
    assert isinstance(refused(changed, require_seal=True), Tampered)


@pytest.mark.parametrize("name", SEEN_BY_SOPS)
@pytest.mark.parametrize("file", ["sealed", "unsealed"])
def test_what_sops_sees_we_see(name: str, file: str) -> None:
    text = SEALED if file == "sealed" else UNSEALED
    changed = SEEN_BY_SOPS[name](text)
    assert changed != text
    assert isinstance(refused(changed), Tampered)


@pytest.mark.parametrize("name", HARMLESS)
def test_what_means_nothing_breaks_no_seal(name: str) -> None:
    changed = HARMLESS[name](SEALED)
    assert changed != SEALED
    opened = open_(changed, require_seal=True)
    assert opened.sealed
    assert opened.values == open_(SEALED).values


def test_a_stripped_seal_is_refused_where_one_is_required() -> None:
    error = refused(UNSEALED, require_seal=True)
    assert isinstance(error, Tampered)
    assert error.hint is not None
    assert "no seal" in error.message


def test_a_seal_of_another_file_does_not_fit() -> None:
    """The whole metadata of one file, put under the values of another one with the same data key."""
    other = seal(FILE.replace("ab\n", "xy\n")).text
    at, other_at = SEALED.index("\nsops:"), other.index("\nsops:")
    refused(SEALED[:at] + other[other_at:])


def test_an_older_version_under_newer_metadata_is_refused() -> None:
    newer = seal(FILE.replace("s3cret-value", "another"), lastmodified="2026-02-01T00:00:00Z").text
    refused(SEALED[: SEALED.index("\nsops:")] + newer[newer.index("\nsops:") :])


def test_another_data_key_is_told_by_its_id() -> None:
    with pytest.raises(Tampered, match="kid differs"):
        open_text(SEALED, data_key_for=lambda _: DataKey(b"x" * 32))


def test_ignoring_the_mac_is_said_and_trusts_no_residue() -> None:
    changed = SEEN_BY_SOPS["a readable value is changed"](SEALED)
    opened = open_(changed, ignore_mac=True)
    assert not opened.verified
    assert not opened.sealed
    assert "ratio: 1.1\n" in opened.plaintext  # not 1.10, which the residue says
    # A token that does not open is an error even so.
    with pytest.raises(Tampered):
        open_(SEEN_BY_SOPS["tokens of two keys change places"](SEALED), ignore_mac=True)


@pytest.mark.parametrize(
    "change",
    [
        lambda text: text.replace("\nc: *x", "\nc: *y"),
        lambda text: text.replace("a: &x ", "a: ").replace("b: &y", "b: &x"),
        lambda text: text.replace("a: &x ", "a: &x\n  "),
        lambda text: text.replace("b: &y", "b: &x"),
    ],
    ids=["target", "anchor moved", "nothing", "second anchor of the name"],
)
def test_an_alias_stays_with_its_anchor(change: object) -> None:
    sealed = seal("a: &x same\nb: &y same\nc: *x\n").text
    changed = change(sealed)  # type: ignore[operator]
    assert changed != sealed
    if "&x\n" in changed:
        assert open_(changed).sealed  # white space
    else:
        refused(changed)


def test_renaming_an_anchor_everywhere_means_nothing() -> None:
    sealed = seal("a: &x one\nb: *x\n").text
    assert open_(sealed.replace("&x", "&name").replace("*x", "*name")).plaintext == "a: &name one\nb: *name\n"


def test_a_removed_reader_is_told() -> None:
    from ksecrets.envelope.recipient import Stanza

    two = tuple(Stanza("age", {"recipient": f"age1{name}", "enc": "x\n"}) for name in ("aa", "bb"))
    sealed = seal("a: b\n", groups=(two,)).text
    assert open_(sealed).sealed
    removed = sealed.replace("        - enc: |\n            x\n          recipient: age1bb\n", "")
    assert removed != sealed
    refused(removed)
    # Their order means nothing.
    swapped = sealed.replace("age1aa", "\0").replace("age1bb", "age1aa").replace("\0", "age1bb")
    assert open_(swapped).sealed


def test_key_groups_are_sealed_in_their_order() -> None:
    from ksecrets.envelope.recipient import Stanza

    groups = tuple((Stanza("age", {"recipient": f"age1{name}", "enc": "x\n"}),) for name in ("aa", "bb", "cc"))
    sealed = seal("a: b\n", groups=groups, shamir_threshold=3).text
    assert open_(sealed).sealed
    refused(sealed.replace("shamir_threshold: 3", "shamir_threshold: 2"))
    refused(sealed.replace("age1aa", "\0").replace("age1bb", "age1aa").replace("\0", "age1bb"))


@pytest.mark.parametrize(
    ("text", "change"),
    [
        ("a: |+\n  x\n", lambda text: text + "\n\n"),
        ("a: |\n  x\n", lambda text: text[:-1]),
        ("a: |\n  x", lambda text: text + "\n"),
        ("a_unencrypted: |\n  x\nb: c\nd_unencrypted: |\n  y\n", lambda text: text[:-1]),
        ("b: c\na_unencrypted: |+\n  x\n", lambda text: text + "\n\n"),
        ('a: " x"\n', lambda text: re.sub(r'"(ENC\[AES256_GCM,[^]]*type:str])"', r"|-\n  \1", text, count=1)),
        ("a: |-\n  x\n   y\n", lambda text: text.replace("|-\n", ">-\n", 1)),
        ('a: "x\\ny"\n', lambda text: re.sub(r'"(ENC\[AES256_GCM,[^]]*type:str])"', r"'\1'", text, count=1)),
        (
            "r:\n  p:\n    a: | # c\n      x: y\n    b: z\n",
            rewrite(
                r"^  p:\n    a: (.*\n) +(ENC.*\n)    b: ", r"      p:\n           a: \1            \2           b: "
            ),
        ),
        (
            "r:\n  p:\n    a: one\n      two\n    b: z\n",
            rewrite(r"^  p:\n    a: (.*\n)    b: ", r"        p:\n            a: \1            b: "),
        ),
    ],
    ids=[
        "keep",
        "clip",
        "line break",
        "readable clip",
        "readable keep",
        "space",
        "folded",
        "single",
        "indent",
        "plain",
    ],
)
def test_layout_does_not_change_a_value(text: str, change: object) -> None:
    """The seal leaves out white space and quotes. Where they would change a value, the file is refused."""
    sealed = seal(text).text
    changed = change(sealed)  # type: ignore[operator]
    assert changed != sealed
    assert open_(sealed).plaintext == text
    refused(changed)


def test_a_line_break_of_another_kind_in_a_block() -> None:
    """U+2028 is a line break to some readers only: the block that comes out has the ordinary one."""
    sealed = seal("a: |-\n  x\n  y\n").text
    assert open_(sealed.replace("|-\n", "|-\u2028", 1)).plaintext == "a: |-\n  x\n  y\n"


def test_plaintext_and_unfinished_files() -> None:
    for text in ("", "a: b\n", "- a\n", "{a: b}\n", "sop: x\n", "# sops:\n"):
        with pytest.raises(NotEncrypted):
            open_(text)
    for text in ("sops: x\n", "a: b\nsops: []\n", "a: b\nsops:\n", "sops: {}\n", "{sops: {mac: x}}"):
        refused(text)


def test_two_blocks_and_nested_blocks() -> None:
    block = SEALED[SEALED.index("\nsops:") + 1 :]
    refused(SEALED + block)  # twice in one mapping
    refused(SEALED + "---\n" + block)  # in a document of its own
    refused(SEALED + "---\n" + block.replace("3.13.3", "3.13.4"))
    unsealed_block = UNSEALED[UNSEALED.index("\nsops:") + 1 :]
    refused(UNSEALED + "---\na:\n" + unsealed_block.replace("3.13.3", "3.13.4"))
    # A block that is nested is a value like any other: it was not there when the file was sealed.
    refused(SEALED.replace("db:\n", "db:\n" + "".join(f"  {line}\n" for line in block.splitlines()), 1))


def test_the_extension_is_read_strictly() -> None:
    refused(SEALED.replace("        kid:", "        more: x\n        kid:"))
    refused(SEALED.replace('        version: "1"', '        version: "2"'))
    refused(SEALED.replace("        residues:\n", "        residues:\n            short: AAAA\n"))
    refused(SEALED.replace("    lastmodified: ", "    LastModified: "))
    refused(SEALED.replace("    lastmodified: ", "    lastmodified: &x "))


def test_the_sealed_environment_and_path_come_out() -> None:
    extension = open_(SEALED).metadata.extension
    assert extension is not None
    assert (extension.environment, extension.path, extension.kid) == ("dev", "env/dev/secrets.yaml", KEY.kid)
    bare = seal("a: b\n", extension=Extension(kid="")).text
    opened = open_(bare).metadata.extension
    assert opened is not None
    assert (opened.environment, opened.path) == (None, None)


def test_no_environment_is_not_the_empty_one() -> None:
    """Written as absent; an empty entry is none that ksecrets writes."""
    bare = seal("a: b\n", extension=Extension(kid="")).text
    refused(bare.replace("        kid:", "        environment: prod\n        kid:"))


def _to_the_second_document(text: str) -> str:
    at, end = text.index("\nsops:") + 1, text.index("---\nc:")
    return text[:at] + "---\n" + text[at:end] + text[end + 4 :]


@pytest.mark.parametrize(
    ("text", "change"),
    [
        ("a: b\n---\nc: d\n", _to_the_second_document),
        ("a: b\n", lambda text: text.replace("\nsops:\n", "\n? sops\n:\n")),
        ("{a: b}\n", lambda text: text.replace(',"sops":', ', ? "sops" :')),
        ("{a: b}\n", lambda text: re.sub(r'^\{(.*?\]"),("sops": .*\})\}\n', r"{\2, \1}\n", text)),
    ],
    ids=["documents become one", "a key is left", "a key is left in flow", "a comma is left"],
)
def test_the_metadata_in_an_odd_place_leaves_nothing_behind(text: str, change: object) -> None:
    sealed = seal(text).text
    changed = change(sealed)  # type: ignore[operator]
    assert changed != sealed
    refused(changed)


def test_the_metadata_in_another_place_of_the_mapping() -> None:
    sealed = seal("{a: b, c: d}\n").text
    moved = re.sub(r'^\{(.*?\]"), (.*\]"),("sops": .*\})\}\n', r"{\1,\3, \2}\n", sealed)
    assert moved != sealed
    assert open_(moved).plaintext == "{a: b, c: d}\n"


@pytest.mark.parametrize("file", ["sealed", "unsealed"])
def test_the_token_of_a_value_as_a_comment_brings_no_lines(file: str) -> None:
    """The type of a token is not authenticated, and comments are no part of the seal."""
    text = seal('a:\n- "x\\nadmin: true"\n- y\n').text
    text = text if file == "sealed" else strip_extension(text)
    found = re.search(r"ENC\[[^]]*type:str]", text)
    assert found is not None
    refused(text.replace("a:\n", "a:\n#" + found.group().replace("type:str", "type:comment") + "\n", 1))
