"""Real values files, of a folder that `KSECRETS_CORPUS` names; nothing of them is in this repository.

Every file that libyaml reads comes back to the byte, with every way to treat comments; and a sample of them agrees
with sops in both directions. For many charts at once: clone them below one folder.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from random import Random

import pytest

from ksecrets.errors import KsecretsError
from ksecrets.files.seal import Sealed
from tests.documents import is_yaml
from tests.peers.test_sops_yaml import Reader, comments, leaves, lost, values
from tests.pipe import Sops, alice, open_, open_as_alice, seal, stanzas

# Read before the tests' environment hides it.
FOLDER = os.environ.get("KSECRETS_CORPUS", "")
SAMPLE = 300
# The closed list of docs/file-format.md, as far as a plaintext of its own can be on it.
LISTED = (
    "a byte order mark inside the text",
    "no white space behind an anchor or a tag",
    "levels deep",
    "a readable block scalar ends the file without a line break",
)

pytestmark = pytest.mark.skipif(not FOLDER, reason="KSECRETS_CORPUS names no folder of YAML files")


def texts() -> list[tuple[str, str]]:
    """(name, text) of every YAML file below the folder: UTF-8, and read by libyaml."""
    found = []
    for path in sorted(Path(FOLDER).rglob("*")):
        if not path.is_file() or path.suffix not in (".yaml", ".yml", ""):
            continue
        try:
            text = path.read_bytes().decode("utf-8")
        except UnicodeDecodeError:
            continue
        if is_yaml(text):
            found.append((str(path.relative_to(FOLDER)), text))
    return found


@pytest.fixture(scope="module")
def corpus() -> list[tuple[str, str]]:
    found = texts()
    assert found, f"no YAML file below {FOLDER}"
    return found


@pytest.fixture
def read(peer: Callable[[str], str]) -> Reader:
    return Reader(peer("yamltypes"))


def sealed_or_listed(text: str) -> Sealed | None:
    try:
        return seal(text, real=True)
    except KsecretsError as error:
        if any(reason in error.message for reason in LISTED) or "reserved" in error.message:
            return None
        raise


def sample(corpus: list[tuple[str, str]], size: int = SAMPLE) -> list[tuple[str, str]]:
    return Random(1).sample(corpus, min(size, len(corpus)))


def in_parallel(work: Callable[[tuple[str, str]], str | None], items: list[tuple[str, str]]) -> list[str]:
    alice(), stanzas()
    with ThreadPoolExecutor(2) as pool:
        return [line for line in pool.map(work, items) if line is not None]


def test_every_file_comes_back_to_the_byte(corpus: list[tuple[str, str]]) -> None:
    wrong = []
    for name, text in corpus:
        for mode in ("auto", "keep", "encrypt"):
            try:
                sealed = seal(text, comments=mode)
                opened = open_(sealed.text, require_seal=True, keep_tokens=True)
                if opened.plaintext != text or seal(text, comments=mode, old=opened).text != sealed.text:
                    wrong.append(f"{name}: {mode}: not the same")
            except KsecretsError as error:
                if "reserved" not in error.message and not any(reason in error.message for reason in LISTED):
                    wrong.append(f"{name}: {mode}: {error}")
    assert wrong == []


def test_sops_reads_a_sample(corpus: list[tuple[str, str]], sops: str, read: Reader) -> None:
    def check(item: tuple[str, str]) -> str | None:
        name, text = item
        sealed = sealed_or_listed(text)
        if sealed is None:
            return None
        client = Sops(sops)
        output = client.decrypt(sealed.text)
        before, after = read([text, output or ""])
        if output is None:
            # `%YAML 1.2` of a later document is no structure, so nothing is said of it beforehand.
            known = sealed.sops_refuses or before.get("sops_error") or "incompatible YAML document" in client.error
            return None if known else f"{name}: sops refuses: {client.error.strip()}"
        if sealed.sops_refuses and "alias" not in sealed.sops_refuses[0]:
            return f"{name}: sops reads it, and we say: {sealed.sops_refuses[0]}"
        if leaves(before) == leaves(after) or before.get("sops_error"):
            return None
        own = client.encrypt(text)
        (theirs,) = read([(client.decrypt(own) if own else None) or ""])
        if leaves(theirs) != leaves(before):
            return None  # go-yaml's writer loses it
        return f"{name}: lost {lost(leaves(before), leaves(after))}, new {lost(leaves(after), leaves(before))}"

    assert in_parallel(check, sample(corpus)) == []


def test_we_read_a_sample_that_sops_wrote(corpus: list[tuple[str, str]], sops: str, read: Reader) -> None:
    def check(item: tuple[str, str]) -> str | None:
        name, text = item
        client = Sops(sops)
        encrypted = client.encrypt(text)
        own = client.decrypt(encrypted) if encrypted is not None else None
        if encrypted is None or own is None:
            return None
        opened = open_as_alice(encrypted, keep_tokens=True)
        after, by_sops = read([opened.plaintext, own])
        if leaves(after) != leaves(by_sops):
            return f"{name}: lost {lost(leaves(by_sops), leaves(after))}, new {lost(leaves(after), leaves(by_sops))}"
        missing = lost([each for each in comments(own) if not each.startswith("ENC[")], comments(opened.plaintext))
        if missing:
            return f"{name}: comments lost: {missing}"
        sealed = sealed_or_listed(text)
        if sealed is not None and not sealed.sops_refuses:
            ours = open_(sealed.text, keep_tokens=True)
            if values(ours) != values(opened):
                return f"{name}: other types or plaintexts in the tokens"
        return None

    assert in_parallel(check, sample(corpus)) == []
