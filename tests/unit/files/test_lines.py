"""dotenv and INI through the pipe: to the byte, quiet, sealed, and nothing outside of the chosen values touched."""

from __future__ import annotations

import re
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ksecrets.envelope.metadata import Metadata
from ksecrets.envelope.recipient import Stanza
from ksecrets.errors import AlreadyEncrypted, KsecretsError, SyntaxRefused, Tampered
from ksecrets.files.formats import Format, by_name
from ksecrets.files.open import read_metadata
from ksecrets.text.node import SCALAR
from tests import linedocs
from tests.lines import DOTENV, INI, Case
from tests.pipe import FAKE_STANZA, open_, seal
from tests.tamperings import Change

TOKEN = re.compile(r"ENC\[AES256_GCM,data:[^\]]*\]")
CASES = [(name, case) for name, cases in (("dotenv", DOTENV), ("ini", INI)) for case in cases]
GOOD = [(name, case) for name, case in CASES if not case.refused]
FORMATS = [by_name("dotenv"), by_name("ini")]


@pytest.fixture(params=FORMATS, ids=lambda format: format.name)
def format(request: pytest.FixtureRequest) -> Format:
    found: Format = request.param
    return found


def back(text: str, format: Format) -> str:
    return open_(text, format=format, require_seal=True).plaintext


@pytest.mark.parametrize("comments", ["auto", "keep", "encrypt"])
@pytest.mark.parametrize(("name", "case"), GOOD, ids=repr)
def test_to_the_byte(name: str, case: Case, comments: str) -> None:
    format = by_name(name)
    try:
        sealed = seal(case.text, format=format, comments=comments)
    except SyntaxRefused as error:
        refusal = error.message
        assert comments == "encrypt"
        assert case.encrypting in refusal
        return
    assert back(sealed.text, format) == case.text
    assert read_metadata(sealed.text, format).extension is not None


@pytest.mark.parametrize(("name", "case"), GOOD, ids=repr)
def test_mac_over_what_is_encrypted_only(name: str, case: Case) -> None:
    format = by_name(name)
    assert back(seal(case.text, format=format, mac_only_encrypted=True).text, format) == case.text


@pytest.mark.parametrize(("name", "case"), [each for each in CASES if each[1].refused], ids=repr)
def test_refusals(name: str, case: Case) -> None:
    with pytest.raises((SyntaxRefused, AlreadyEncrypted), match=re.escape(case.refused)) as caught:
        seal(case.text, format=by_name(name))
    assert caught.value.line is not None


@pytest.mark.parametrize(("name", "case"), GOOD, ids=repr)
def test_a_second_time_nothing_moves(name: str, case: Case) -> None:
    format = by_name(name)
    first = seal(case.text, format=format)
    opened = open_(first.text, format=format, keep_tokens=True)
    again = seal(opened.plaintext, format=format, old=opened)
    assert again.text == first.text
    assert again.values == again.kept - sum(triple[1] == "comment" for triple in opened.tokens) or not again.values


def test_one_value_changes_three_lines(format: Format) -> None:
    text = {"dotenv": "A=1\nB=2\nC=3\n", "ini": "[s]\nA = 1\nB = 2\nC = 3\n"}[format.name]
    first = seal(text, format=format)
    opened = open_(first.text, format=format, keep_tokens=True)
    changed = seal(text.replace("2", "two"), format=format, old=opened, lastmodified="2026-02-02T00:00:00Z")
    pairs = zip(first.text.splitlines(), changed.text.splitlines(), strict=True)
    names = [before.partition("=")[0].strip().removeprefix("sops_") for before, after in pairs if before != after]
    assert names == ["B", "lastmodified", "mac"]


def test_a_long_name_of_our_own_does_not_move_the_lines_of_sops() -> None:
    format = by_name("ini")
    without = seal("[s]\na = 1\n", format=format).text
    with_residue = seal("[s]\na = 1 ; c\n", format=format).text
    assert "residues" not in without
    assert "residues" in with_residue
    kept = [line for line in without.splitlines() if line.startswith(("age", "version", "lastmodified"))]
    assert len(kept) == 4
    assert all(line in with_residue.splitlines() for line in kept)


@pytest.mark.parametrize(
    ("name", "text", "residues"),
    [
        ("dotenv", 'A="x y" # z\nB=\\n\\\\n\r\nexport C=\'"\'\n', 0),
        ("ini", '[s]\na = 1\nb = \'x\'\nc = "y"\nd = `z#`\ne = """v\nw"""\n', 0),
        ("ini", "[s]\na = 1 ; c\nb = x#y\nc = 'x' # d\n", 3),
    ],
)
def test_residues_are_rare(name: str, text: str, residues: int) -> None:
    sealed = seal(text, format=by_name(name))
    assert len(re.findall("__map_residues__", sealed.text)) == residues


@pytest.mark.parametrize(
    ("name", "text", "secrets"),
    [
        ("dotenv", '# a note\n#DB_PASSWORD=hunter2\nexport A="hunter3" # hunter4\nB=x=hunter5\n', 4),
        (
            "ini",
            "; a note\n\n; password = hunter2\n[s]\n# c\n; pw = hunter3\na = hunter4 ; hunter5\nb = x#hunter6\n",
            5,
        ),
        ("ini", '[s]\na = """\nhunter2\n[t]\nhunter3 = 1\n"""\nb = "hunter4;hunter5"\n', 4),
    ],
)
def test_no_secret_stays_readable(name: str, text: str, secrets: int) -> None:
    assert text.count("hunter") == secrets
    sealed = seal(text, format=by_name(name))
    assert "hunter" not in sealed.text
    if "a note" in text:
        assert "a note" in sealed.text


# -- tampering ---------------------------------------------------------------------------------------------------------

DOTENV_FILE = "# note\nA=alpha\nB=beta\nC_unencrypted=open\nD_unencrypted=\\nx\nE=\n#PASSWORD=old\nF=delta\n"
INI_FILE = (
    "; note\nz = alpha\n[s]\na = 'beta'\nb = `gam#ma` ; c\nc_unencrypted = open\nd =\n; PASSWORD = old\n"
    'e = """x\ny"""\n[t]\nf = delta\n'
)


def _swapped(text: str) -> str:
    """Two tokens exchanged."""
    first, second = TOKEN.findall(text)[:2]
    return text.replace(first, "\0").replace(second, first).replace("\0", second)


TAMPERINGS: dict[str, Change] = {
    "a readable value": lambda text: text.replace("open", "shut"),
    "a name": lambda text: text.replace("C_unencrypted", "X_unencrypted").replace("c_unencrypted", "x_unencrypted"),
    "two tokens exchanged": _swapped,
    "a token twice": lambda text: re.sub(r"(?m)^(A|z)( ?= ?)(ENC.*)$", r"\1\2\3\nA2\2\3", text, count=1),
    "a plaintext value added": lambda text: "X=1\n" + text,
    "an empty value added": lambda text: "X=\n" + text,
    "a readable value added": lambda text: "X_unencrypted=\n" + text,
    "an empty value filled": lambda text: text.replace("E=\n", "E=x\n").replace("d =\n", "d = x\n"),
    "a value emptied": lambda text: re.sub(r"(?m)^(A=|z = ).*$", r"\1", text),
    "a carriage return behind a token": lambda text: re.sub(r"(?m)^(A=.*)$", "\\1\r", text).replace("[s]", "[s2]"),
    "a line taken out": lambda text: re.sub(r"(?m)^(A=|z = ).*\n", "", text),
    "a type": lambda text: text.replace("type:str]", "type:int]", 1),
    "a reader added": lambda text: re.sub(
        r"(?m)^(sops_)?age__list_0__map_(enc|recipient)( *= ?)(.*)$",
        lambda found: (
            f"{found[0]}\n{found[1] or ''}age__list_1__map_{found[2]}{found[3]}"
            + (found[4] if found[2] == "enc" else "age1other")
        ),
        text,
    ),
    "the date": lambda text: text.replace("2026-01-01T00:00:00Z", "2026-01-02T00:00:00Z"),
    "the path": lambda text: text.replace("env/dev/secrets", "env/prod/secrets"),
    "the selector": lambda text: text.replace("_unencrypted\n", "_unencryptee\n"),
    "an extension of another key": lambda text: re.sub(
        r"(ksecrets__map_kid *= ?).*", r"\1AAAAAAAAAAAAAAAAAAAAAA", text
    ),
}


@pytest.mark.parametrize("name", TAMPERINGS)
def test_tampering_is_seen(format: Format, name: str) -> None:
    text = {"dotenv": DOTENV_FILE, "ini": INI_FILE}[format.name]
    sealed = seal(text, format=format)
    assert back(sealed.text, format) == text
    changed = TAMPERINGS[name](sealed.text)
    assert changed != sealed.text
    with pytest.raises((Tampered, SyntaxRefused)) as caught:
        open_(changed, format=format)
    assert not any(secret in str(caught.value) for secret in ("alpha", "beta", "gam#ma", "delta", "hunter"))


INI_TAMPERINGS: dict[str, Change] = {
    "a section renamed": lambda text: text.replace("[t]", "[u]"),
    "an entry moved to another section": lambda text: re.sub(r"(?s)(\[t\]\n)(f = [^\n]*\n)", r"\2\1", text),
    "a section taken out": lambda text: text.replace("[t]\n", ""),
    "quotes taken off": lambda text: re.sub(r"a = '(ENC.*)'", r"a = \1", text),
    "a comment sign before a token": lambda text: re.sub(r"a = '(ENC)", r"a = ;'\1", text),
    "a backslash behind a token": lambda text: re.sub(r"(?m)^(z = .*)$", r"\1 \\", text),
    "a quote opened before a token": lambda text: text.replace("z = ENC", 'z = """ENC'),
    "another kind of quotes": lambda text: re.sub(r"e = \"\"\"(ENC.*?)\"\"\"", r"e = '\1'", text),
}


@pytest.mark.parametrize("name", INI_TAMPERINGS)
def test_tampering_with_ini_is_seen(name: str) -> None:
    format = by_name("ini")
    sealed = seal(INI_FILE, format=format)
    changed = INI_TAMPERINGS[name](sealed.text)
    assert changed != sealed.text
    with pytest.raises((Tampered, SyntaxRefused)):
        open_(changed, format=format)


def test_a_comment_behind_a_token_is_refused() -> None:
    """Without a key one can add a comment. It must not close the quotes of the value that comes back, nor become a part
    of it for readers that know no comments behind a value."""
    format = by_name("ini")
    sealed = seal(INI_FILE, format=format)
    for behind in ("; x", "# x", "; '", '; "', "; `", '; """', "; it`s", "\t;", "; \\", '; "" "'):
        for line in ("z", "a", "b", "e", "f"):
            changed = re.sub(rf"(?m)^({line} = .*)$", lambda found: f"{found[1]} {behind}", sealed.text)  # noqa: B023
            assert changed != sealed.text
            with pytest.raises(SyntaxRefused, match=r"behind an encrypted value|backslash|behind the quotes"):
                open_(changed, format=format)


def test_an_encrypted_comment_put_behind_a_value_does_not_close_its_quotes() -> None:
    """Its associated data are its section, not its line: it can be moved there without a key."""
    format = by_name("ini")
    text = "[s]\n; it`s\na_unencrypted = `x` ; c\nb = `y` ; d\n"
    sealed = seal(text, format=format, comments="encrypt").text
    assert back(sealed, format) == text
    first, second = re.findall(r"ENC\[[^]]*type:comment\]", sealed)
    behind_readable = sealed.replace(f"; {first}\n", "").replace(second, first)
    behind_token = re.sub(r"(?m)^(b = .*)$", lambda found: f"{found[1]} ; {first}", sealed)
    for changed in (behind_readable, behind_token):
        assert changed != sealed
        with pytest.raises((Tampered, SyntaxRefused)):
            open_(changed, format=format)


def test_white_space_that_nobody_reads_does_not_break_the_seal() -> None:
    format = by_name("ini")
    sealed = seal("[s]\na = 1\n\n[t]\nb = `x`\n", format=format).text
    spaced = re.sub(r"(?m) = (.*)$", r"   =\t\1  ", sealed.replace("\n", "\n\n"))
    assert values(open_(spaced, format=format).plaintext, format) == [(("s", "a"), "1"), (("t", "b"), "x")]


@pytest.mark.parametrize(("old", "new"), [("\nb = ", "\n b = "), ("\nb = ", "\nb : "), ("\n[t]", "\n\t[t]")])
def test_how_a_line_begins_is_sealed(old: str, new: str) -> None:
    """Other readers of INI take an indented line for a part of the value before, and may not know `:`."""
    format = by_name("ini")
    sealed = seal("[s]\na = 1\nb = 2\n[t]\nc = 3\n", format=format).text
    changed = sealed.replace(old, new, 1)
    assert changed != sealed
    with pytest.raises(Tampered, match="seal"):
        open_(changed, format=format)


def values(text: str, format: Format) -> list[tuple[tuple[str | int, ...], str]]:
    return [(node.path(), node.value) for node in format.scan(text.removeprefix("\ufeff")) if node.kind == SCALAR]


# -- generated and hostile ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("comments", ["auto", "keep", "encrypt"])
def test_generated_files_come_back_to_the_byte(format: Format, comments: str) -> None:
    random = Random(f"{format.name}/{comments}")
    write = getattr(linedocs, format.name)
    refused = 0
    for number in range(300):
        text = write(random, number)
        try:
            list(format.scan(text))
        except SyntaxRefused:
            refused += 1
            continue
        assert back(seal(text, format=format, comments=comments).text, format) == text, text
    assert refused < 100


@given(st.data())
def test_any_text_is_kept_to_the_byte_or_refused(data: st.DataObject) -> None:
    format = data.draw(st.sampled_from(FORMATS))
    text = data.draw(st.text("aB=:[]\"'`;# \\n\n\r\té\ufeff", max_size=40) | st.text(max_size=40))
    try:
        list(format.scan(text if format.keeps_mark else text.removeprefix("\ufeff")))
    except KsecretsError:
        with pytest.raises(KsecretsError):
            seal(text, format=format)
        return
    try:
        sealed = seal(text, format=format)
    except AlreadyEncrypted:
        return
    assert back(sealed.text, format) == text


@given(st.data())
def test_a_mutated_file_opens_as_it_was_or_not_at_all(data: st.DataObject) -> None:
    """One stretch of an encrypted file exchanged: the values are what they were, or the file is refused."""
    format = data.draw(st.sampled_from(FORMATS))
    text = {"dotenv": DOTENV_FILE, "ini": INI_FILE}[format.name]
    whole = seal(text, format=format).text
    start = data.draw(st.integers(0, len(whole)))
    end = data.draw(st.integers(start, min(len(whole), start + 30)))
    piece = data.draw(
        st.sampled_from(
            ["", "\n", "\r", "=", '"', "`", '"""', "'", ";", "#", "[", "]", "\\", " ", "ENC[", "sops_", "A=1\n"]
        )
        | st.text(max_size=5)
    )
    changed = whole[:start] + piece + whole[end:]
    try:
        plaintext = open_(changed, format=format, require_seal=True).plaintext
    except KsecretsError as error:
        message = str(error)
    else:
        assert values(plaintext, format) == values(text, format)
        return
    assert not any(secret in message for secret in ("alpha", "beta", "gam#ma", "delta"))


def test_a_context_of_a_key_service_goes_there_and_back(format: Format) -> None:
    from ksecrets.envelope.recipient import Stanza

    kms = Stanza(
        "kms",
        {
            "arn": "arn:aws:kms:eu:1:key/a",
            "context": '{"env":"prod","role":"x"}',
            "created_at": "2026-01-01T00:00:00Z",
            "enc": "AA==",
            "aws_profile": "",
        },
    )
    sealed = seal("A=1\n", format=format, groups=((FAKE_STANZA,), (kms, FAKE_STANZA)), shamir_threshold=2)
    found: Metadata = read_metadata(sealed.text, format)
    assert found.groups == ((FAKE_STANZA,), (kms, FAKE_STANZA)) or found.groups == (
        (FAKE_STANZA,),
        (FAKE_STANZA, kms),
    )
    assert found.shamir_threshold == 2
    assert back(sealed.text, format) == "A=1\n"


def test_a_key_group_that_sops_knows_nothing_of(format: Format) -> None:
    """In flat names an empty group is no group; YAML and JSON have a place for it."""
    token = Stanza("pkcs11", {"uri": "pkcs11:token=a;object=b", "enc": "AAAA", "created_at": "2026-01-01T00:00:00Z"})
    both = ((FAKE_STANZA,), (FAKE_STANZA, token))
    text = seal(
        "[s]\na = 1\n" if format.name == "ini" else "A=1\n", format=format, groups=both, shamir_threshold=2
    ).text
    assert read_metadata(text, format).groups == both
    for groups in (((token,), (FAKE_STANZA,)), ((FAKE_STANZA,), (token,))):
        with pytest.raises(SyntaxRefused, match="are of services that sops does not have") as caught:
            seal("[s]\na = 1\n" if format.name == "ini" else "A=1\n", format=format, groups=groups, shamir_threshold=2)
        assert "such as an age key" in str(caught.value.hint)
        assert read_metadata(seal("a: 1\n", groups=groups, shamir_threshold=2).text).groups == groups
