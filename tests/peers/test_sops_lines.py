"""dotenv and INI against the real sops: the hand-made files of tests/lines.py, in both directions.

The table says what sops makes of each file; here sops is asked whether it is so. Then: what we encrypt sops reads as
it reads its own, what sops encrypts we read as sops does, and what we encrypt comes back to the byte.
"""

from __future__ import annotations

import io
import subprocess
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import pytest
from dotenv import dotenv_values

from ksecrets.errors import KsecretsError
from ksecrets.files.formats import by_name
from tests.lines import DOTENV, INI, REFUSED, Case
from tests.pipe import Sops, alice, open_as_alice, seal, stanzas

CASES = {"dotenv": DOTENV, "ini": INI}
FORMATS = list(CASES)


def wrong(cases: list[Case], check: Callable[[Case], str | None]) -> list[str]:
    """What a check has to say of the cases; two at a time, as each waits for sops."""
    alice(), stanzas()
    with ThreadPoolExecutor(2) as pool:
        found = list(pool.map(check, cases))
    return [f"{case.text!r}: {message}" for case, message in zip(cases, found, strict=True) if message]


@pytest.mark.parametrize("name", FORMATS)
def test_there_are_enough(name: str) -> None:
    assert len({case.text for case in CASES[name]}) == len(CASES[name]) >= 100


@pytest.mark.parametrize("name", FORMATS)
def test_what_sops_makes_of_it(sops: str, name: str) -> None:
    def check(case: Case) -> str | None:
        client = Sops(sops, name)
        encrypted = client.encrypt(case.text)
        back = client.decrypt(encrypted) if encrypted is not None else None
        found = REFUSED if back is None else back
        return None if found == case.by_sops else f"sops makes {found!r} of it"

    found = wrong(CASES[name], check)
    assert not found, "\n".join(found)


@pytest.mark.parametrize("comments", ["auto", "keep", "encrypt"])
@pytest.mark.parametrize("name", FORMATS)
def test_sops_reads_what_we_write(sops: str, name: str, comments: str) -> None:
    format = by_name(name)
    cases = CASES[name]
    if comments != "auto":
        cases = [case for case in cases if "#" in case.text or ";" in case.text]

    def check(case: Case) -> str | None:
        client = Sops(sops, name)
        try:
            sealed = seal(case.text, format=format, real=True, comments=comments)
        except KsecretsError as error:
            known = case.refused or (case.encrypting if comments == "encrypt" else "")
            return None if known and known in error.message else f"refused: {error.message}"
        if case.refused:
            return "not refused"
        if case.note not in "; ".join(sealed.sops_refuses) or bool(case.note) != bool(sealed.sops_refuses):
            return f"we say of sops: {sealed.sops_refuses}"
        if open_as_alice(sealed.text, format=format, require_seal=True).plaintext != case.text:
            return "not to the byte"
        output = client.decrypt(sealed.text)
        if case.by_sops == REFUSED and case.ours is None:
            return f"sops reads {output!r}" if output is not None else None
        if output is None:
            return f"sops: {client.error.strip()}"
        expected = case.ours if case.ours is not None else case.by_sops
        if comments == "encrypt":
            expected = case.encrypting or expected
        return None if output == expected else f"sops reads {output!r}"

    found = wrong(cases, check)
    assert not found, "\n".join(found)


@pytest.mark.parametrize("name", FORMATS)
def test_we_read_what_sops_writes(sops: str, name: str) -> None:
    format = by_name(name)

    def check(case: Case) -> str | None:
        client = Sops(sops, name)
        encrypted = client.encrypt(case.text)
        if encrypted is None or case.by_sops == REFUSED:
            return None
        try:
            ours = open_as_alice(encrypted, format=format).plaintext
        except KsecretsError as error:
            return str(error)
        expected = case.from_sops if case.from_sops is not None else case.by_sops
        return None if ours == expected else f"we read {ours!r}"

    found = wrong(CASES[name], check)
    assert not found, "\n".join(found)


def test_a_value_that_is_no_text(sops: str) -> None:
    """sops encrypts any bytes; what is no UTF-8 we cannot give out, and say so."""
    for name, text in (("dotenv", "A=\udcff\n"), ("ini", "[s]\na = \udcff\n")):
        encrypted = Sops(sops, name).encrypt(text)
        assert encrypted is not None
        with pytest.raises(KsecretsError, match="no UTF-8"):
            open_as_alice(encrypted, format=by_name(name))


# -- who reads the plaintext -------------------------------------------------------------------------------------------

CONSUMED = """\
# database
DB_HOST=db.example.org
export DB_USER="app user"
DB_PASSWORD='p$ss"w0rd#1'

URL="postgres://u:p@h/db?x=1&y=2"
EMPTY=
LINES="one\\ntwo"
QUOTED="say \\"hi\\""
INLINE=x # a note
HOME_OF="${DB_HOST}/home"
"""


def by_shell(text: str) -> dict[str, str | None]:
    script = "set -a; . /dev/stdin; exec env -0"
    done = subprocess.run(
        ["sh", "-c", script], input=text.encode(), env={"PATH": "/usr/bin:/bin"}, capture_output=True, check=True
    )
    pairs = [entry.partition("=") for entry in done.stdout.decode().split("\0") if entry]
    return {name: value for name, _, value in pairs if name not in ("PATH", "PWD", "_", "SHLVL", "OLDPWD")}


def by_python(text: str) -> dict[str, str | None]:
    return dict(dotenv_values(stream=io.StringIO(text), interpolate=True))


@pytest.mark.parametrize("consumer", [by_shell, by_python])
@pytest.mark.parametrize("newline", ["\n", "\r\n"])
def test_consumers_read_what_the_author_wrote(
    sops: str, consumer: Callable[[str], dict[str, str | None]], newline: str
) -> None:
    """Through us, through sops after us, and through us after sops."""
    format = by_name("dotenv")
    # sops does not read an empty line that ends in CRLF.
    text = CONSUMED if newline == "\n" else CONSUMED.replace("\n\n", "\n").replace("\n", newline)
    meant = consumer(text)
    assert len(meant) == 9
    sealed = seal(text, format=format, real=True).text
    client = Sops(sops, "dotenv")
    encrypted = client.encrypt(text)
    assert encrypted is not None
    for found in (
        open_as_alice(sealed, format=format).plaintext,
        client.decrypt(sealed),
        open_as_alice(encrypted, format=format).plaintext,
    ):
        assert found is not None
        assert consumer(found) == meant
