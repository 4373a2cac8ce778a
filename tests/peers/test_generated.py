"""Generated documents against the real sops, in both directions: two thousand in every run.

A sops process takes 20 ms and more, so documents go in streams of fifty (`---` between them). Every document is
compared by itself: values, types, comments, and what Helm reads. The first of each stream carries the metadata block.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from random import Random

import pytest

from ksecrets.errors import SyntaxRefused
from tests.documents import Writer, is_yaml
from tests.peers.test_sops_yaml import Reader, comments, leaves, lost, reads_alike, values
from tests.pipe import Sops, alice, open_, open_as_alice, seal, stanzas

LENGTH = 50
STREAMS = max(1, int(os.environ.get("KSECRETS_TEST_DOCUMENTS") or 2000) // LENGTH)
# A run has a seed of its own; a failure names it, and KSECRETS_TEST_SEED brings it back.
SEED = int(os.environ.get("KSECRETS_TEST_SEED") or int.from_bytes(os.urandom(4)))
MARKER = re.compile(r"^---\n", re.MULTILINE)


def document(random: Random) -> str:
    """One document that sops reads, with a marker at its start and a line break at its end."""
    while True:
        text = Writer(random, for_sops=True).document().removeprefix("---\n").removeprefix("--- # start\n")
        text = re.sub(r"\.\.\.( # end)?\n?$", "", text)
        text = f"---\n{text if text.endswith(chr(10)) else text + chr(10)}"
        if is_yaml(text):
            return text.replace("\n", "\r\n") if random.randrange(10) == 0 else text


def stream(number: int) -> list[str]:
    random = Random(f"{SEED}/{number}")
    return [document(random) for _ in range(LENGTH)]


def in_parallel(work: Callable[[int], list[str]]) -> list[str]:
    alice(), stanzas()
    with ThreadPoolExecutor(2) as pool:
        return [line for found in pool.map(work, range(STREAMS)) for line in found]


@pytest.fixture
def read(peer: Callable[[str], str]) -> Reader:
    return Reader(peer("yamltypes"))


def split(text: str) -> list[str]:
    """The documents of a stream that sops wrote."""
    return MARKER.split(text)


def lost_by_sops(client: Sops, read: Reader, text: str) -> bool:
    """Whether sops loses a value of this document on its own: go-yaml writes some comments and blocks in lists so that
    nobody can read them again."""
    encrypted = client.encrypt(text)
    output = client.decrypt(encrypted) if encrypted is not None else None
    before, after = read([text, output or ""])
    return leaves(before) != leaves(after)


def test_sops_reads_what_we_write(sops: str, read: Reader) -> None:
    def check(number: int) -> list[str]:
        texts = stream(number)
        sealed = seal("".join(texts), real=True, comments=("auto", "keep", "encrypt")[number % 3])
        if sealed.sops_refuses:
            return [f"stream {number}: we say that sops refuses it: {sealed.sops_refuses[0]}"]
        client = Sops(sops)
        output = client.decrypt(sealed.text)
        if output is None:
            return [f"stream {number}: {client.error.strip()}"]
        parts = split(output)
        if len(parts) != LENGTH:
            return [f"stream {number}: {len(parts)} documents came back"]
        answers = read([*texts, *parts])
        answers = [
            *answers[:LENGTH],
            *[
                before if leaves(before) != leaves(after) and lost_by_sops(client, read, text) else after
                for text, before, after in zip(texts, answers[:LENGTH], answers[LENGTH:], strict=True)
            ],
        ]
        return [
            f"stream {number}: {lost(leaves(before), leaves(after))} lost:\n{text}"
            for text, before, after in zip(texts, answers[:LENGTH], answers[LENGTH:], strict=True)
            if leaves(before) != leaves(after)
        ]

    wrong = in_parallel(check)
    assert not wrong, f"KSECRETS_TEST_SEED={SEED}: {len(wrong)}: " + "\n".join(wrong[:5])


def test_we_read_what_sops_writes(sops: str, read: Reader) -> None:
    def check(number: int) -> list[str]:
        texts = stream(number)
        client = Sops(sops)
        encrypted = client.encrypt("".join(texts))
        if encrypted is None:
            return [f"stream {number}: {client.error.strip()}"]
        their_own = client.decrypt(encrypted)
        if their_own is None:
            return [f"stream {number}: sops does not read what it wrote: {client.error.strip()}"]
        opened = open_as_alice(encrypted, keep_tokens=True)
        same_tokens = values(opened) == values(open_(seal("".join(texts)).text, keep_tokens=True))
        wrong = [] if same_tokens else [f"stream {number}: other types or plaintexts in the tokens"]
        ours, theirs = split(opened.plaintext), split(their_own)
        if len(ours) != LENGTH or len(theirs) != LENGTH:
            return [f"stream {number}: {len(ours)} documents, {len(theirs)} by sops"]
        answers = read([*texts, *ours, *theirs])
        for index, (text, mine, other) in enumerate(zip(texts, ours, theirs, strict=True)):
            before, after, by_sops = answers[index::LENGTH]
            if leaves(after) != leaves(by_sops):
                wrong.append(f"stream {number}: {lost(leaves(by_sops), leaves(after))} lost:\n{text}")
            elif leaves(before) != leaves(after) and not lost_by_sops(client, read, text):
                wrong.append(f"stream {number}: {lost(leaves(before), leaves(after))} lost in sops:\n{text}")
            elif not reads_alike(after):
                wrong.append(f"stream {number}: Helm reads it otherwise:\n{mine}")
            try:
                # sops cannot open every comment of its own: go-yaml gave some another place.
                missing = lost([each for each in comments(other) if not each.startswith("ENC[")], comments(mine))
                if missing:
                    wrong.append(f"stream {number}: comments lost: {missing}:\n{text}")
            except SyntaxRefused as error:
                wrong.append(f"stream {number}: {error}:\n{mine}")
        return wrong

    wrong = in_parallel(check)
    assert not wrong, f"KSECRETS_TEST_SEED={SEED}: {len(wrong)}: " + "\n".join(wrong[:5])
