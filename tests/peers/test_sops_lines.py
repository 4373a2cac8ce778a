"""dotenv and INI against the real sops: the hand-made files of tests/lines.py, in both directions.

The table says what sops makes of each file; here sops is asked whether it is so. Then: what we encrypt sops reads as
it reads its own, what sops encrypts we read as sops does, and what we encrypt comes back to the byte.
"""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import pytest

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

    def check(case: Case) -> str | None:
        client = Sops(sops, name)
        try:
            sealed = seal(case.text, format=format, real=True, comments=comments)
        except KsecretsError as error:
            return None if case.refused and case.refused in error.message else f"refused: {error.message}"
        if case.refused:
            return "not refused"
        if case.note not in "; ".join(sealed.sops_refuses) or bool(case.note) != bool(sealed.sops_refuses):
            return f"we say of sops: {sealed.sops_refuses}"
        if open_as_alice(sealed.text, format=format, require_seal=True).plaintext != case.text:
            return "not to the byte"
        output = client.decrypt(sealed.text)
        if case.by_sops == REFUSED:
            return f"sops reads {output!r}" if output is not None else None
        if output is None:
            return f"sops: {client.error.strip()}"
        expected = case.ours if case.ours is not None else case.by_sops
        return None if output == expected else f"sops reads {output!r}"

    found = wrong(CASES[name], check)
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
