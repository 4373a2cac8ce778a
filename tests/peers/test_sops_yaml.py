"""The hand-made documents and scalars against the real sops, in both directions.

What sops and Helm make of a document is said by their own libraries (tests/peers/go/yamltypes): every value with its
path, type and bytes. The exceptions are flags of the cases (tests/cases.py), and each has its own assertion here.
"""

from __future__ import annotations

import base64
import json
import subprocess
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from ksecrets.files.open import Opened
from ksecrets.text import yaml
from ksecrets.text.node import COMMENT, SCALAR
from tests.cases import Case, cases
from tests.pipe import Sops, alice, open_, open_as_alice, seal, stanzas
from tests.scalars import sources
from tests.tamperings import FILE, MISSED_BY_SOPS, SEEN_BY_SOPS, Change

Leaf = tuple[str, str, str]

FILES = sorted({case.name.split("/")[0] for case in cases()})
# Where sops refuses the file that we made: it says why, and so did we, in `Sealed.sops_refuses`.
REFUSED_BY_SOPS = {"go-keys", "own-document", "alias", "go-map", "go-refuses"}


class Reader:
    """What the Go libraries make of documents: one process for all of them."""

    def __init__(self, program: str) -> None:
        self.program = program

    def __call__(self, documents: Iterable[str]) -> list[dict[str, Any]]:
        lines = "".join(json.dumps({"yaml": text}) + "\n" for text in documents)
        done = subprocess.run([self.program], input=lines.encode(), capture_output=True, check=True, timeout=120)
        return [json.loads(line) for line in done.stdout.split(b"\n") if line]


@pytest.fixture
def read(peer: Callable[[str], str]) -> Reader:
    return Reader(peer("yamltypes"))


def leaves(answer: dict[str, Any]) -> list[Leaf]:
    """(path, type, bytes) of every value of every document, as sops would encrypt it.

    Empty documents left out (sops makes mappings of them). Whole numbers are `int`, floats too: sops writes a float
    1.0 as `1`; the types of the tokens are compared by themselves.
    """
    return [
        (leaf["path"], *_number(leaf["type"], leaf["bytes"]))
        for leaf in answer["sops"]
        if leaf["path"] != "/0" or leaf["type"] != "null"
    ]


def _number(kind: str, content: str) -> tuple[str, str]:
    text = base64.b64decode(content)
    if kind not in ("int", "float") or not text.lstrip(b"-").isdigit():
        return kind, content
    return "int", str(int(text))


def helm_leaves(value: Any) -> Iterator[tuple[str, str]]:
    """(type, text) of every value that Helm reads, in document order."""
    if isinstance(value, dict):
        for item in value.get("list", ()):
            yield from helm_leaves(item)
        for _, item in value.get("map", ()):
            yield from helm_leaves(item)
    elif value is not None:
        yield value[0], value[1]


def reads_alike(answer: dict[str, Any]) -> bool:
    """Whether Helm reads the first document as sops does, value by value."""
    if "<<" in answer["helm_json"] or any("/<<" in path for path, _, _ in leaves(answer)):
        return True  # Helm merges, the leaves of sops are before the merge
    pairs = zip(helm_leaves(answer["helm"]), leaves(answer), strict=False)
    return all(_same(helm, sops) for helm, sops in pairs)


def _same(helm: tuple[str, str], sops: Leaf) -> bool:
    kind, text = helm
    if kind == "int" or (kind == "float" and sops[1] == "int"):
        return sops[1] == "int" and float(text) == float(sops[2])
    content = base64.b64decode(sops[2])
    if sops[1] == "time":
        return kind == "str" and text.encode() == content
    if sops[1] == "bool":
        return kind == "bool" and text.capitalize().encode() == content
    if kind == "float":
        return sops[1] == "float" and (float(text) == float(content) or content == b"NaN")
    return kind == sops[1] and (kind == "null" or text == content.decode(errors="replace"))


def values(opened: Opened) -> list[tuple[str, str, bytes]]:
    """(associated data, type, plaintext) of every token but those of comments."""
    return sorted(triple for triple, found in opened.tokens.items() if triple[1] != "comment" for _ in found)


def comments(text: str) -> list[str]:
    return sorted(node.value for node in yaml.scan(text.removeprefix("\ufeff")) if node.kind == COMMENT)


def lost(before: list[str], after: list[str]) -> list[str]:
    """What of `before` is not in `after`."""
    rest = list(after)
    return [item for item in before if not (item in rest and rest.remove(item) is None)]


def of_file(name: str) -> list[Case]:
    return [case for case in cases() if case.name.startswith(name + "/") and "refused" not in case.flags]


def in_parallel(work: Callable[[Any], Any], items: Iterable[Any]) -> list[Any]:
    alice(), stanzas()
    with ThreadPoolExecutor(2) as pool:
        return list(pool.map(work, items))


@pytest.mark.parametrize("file", FILES)
def test_sops_reads_what_we_write(file: str, sops: str, read: Reader) -> None:
    tried = of_file(file)

    def both(case: Case) -> tuple[list[str], str | None, str]:
        client = Sops(sops)
        sealed = seal(case.text, real=True)
        return sealed.sops_refuses, client.decrypt(sealed.text), client.error

    done = in_parallel(both, tried)
    expected = read(case.text for case in tried)
    found = read(output or "" for _, output, _ in done)
    wrong = []
    for case, (reasons, output, error), original, result in zip(tried, done, expected, found, strict=True):
        if output is None:
            known = bool(reasons) or bool(original.get("sops_error"))
            if not known or not case.flags & (REFUSED_BY_SOPS | {"go-any", "refused-or-go", "first-empty"}):
                wrong.append(f"{case}: sops refuses: {error.strip()}")
        elif original.get("sops_error"):
            pass  # readable to sops once encrypted: an escape that it does not know, say
        elif leaves(original) != leaves(result):
            wrong.append(f"{case}: {leaves(original)} became {leaves(result)}")
        elif case.flags & REFUSED_BY_SOPS - {"alias", "go-refuses"}:
            wrong.append(f"{case}: sops reads it, against the case's flags {set(case.flags)}")
    assert not wrong, "\n".join(wrong)


@pytest.mark.parametrize("file", FILES)
def test_we_read_what_sops_writes(file: str, sops: str, read: Reader) -> None:
    tried = of_file(file)

    def both(case: Case) -> tuple[str | None, str | None, str | None, str]:
        client = Sops(sops)
        encrypted = client.encrypt(case.text)
        if encrypted is None:
            return None, None, None, client.error
        opened = open_as_alice(encrypted, keep_tokens=True)
        if "alias" not in case.flags:
            ours = open_(seal(case.text, comments="keep").text, keep_tokens=True)
            assert values(opened) == values(ours), case
        return encrypted, opened.plaintext, client.decrypt(encrypted), client.error

    done = in_parallel(both, tried)
    expected = read(case.text for case in tried)
    found = read(ours or "" for _, ours, _, _ in done)
    theirs = read(sops_own or "" for _, _, sops_own, _ in done)
    wrong = []
    for case, (_, ours, sops_own, error), original, result, own in zip(
        tried, done, expected, found, theirs, strict=True
    ):
        if ours is None or sops_own is None:
            if not case.flags & (REFUSED_BY_SOPS | {"go-any", "refused-or-go", "first-empty", "empty"}):
                wrong.append(f"{case}: sops refuses: {error.strip()}")
            continue
        if leaves(result) != leaves(own):
            wrong.append(f"{case}: sops reads back {leaves(own)}, we {leaves(result)}:\n{ours}")
        if leaves(original) != leaves(own) and "alias" not in case.flags:
            wrong.append(f"{case}: sops changes {leaves(original)} to {leaves(own)}")
        if lost(comments(sops_own), comments(ours)) or lost(comments(ours), comments(case.text)):
            wrong.append(f"{case}: comments {comments(sops_own)} came back as {comments(ours)}:\n{ours}")
        if not reads_alike(result):
            wrong.append(f"{case}: Helm reads it differently:\n{ours}")
    assert not wrong, "\n".join(wrong)


@pytest.mark.parametrize("template", ["k{}: {}", "- {1}"])
def test_every_scalar_form_in_both_directions(template: str, sops: str, read: Reader) -> None:
    """The scalar vectors as values of one mapping, and as items of one list: one sops process for all of them."""
    in_list = template.startswith("-")
    known = [source for source in sources() if not (in_list and _breaks_a_list(source))]
    text = ("all:\n" if in_list else "") + "".join(
        template.format(number, source) + "\n" for number, source in enumerate(known)
    )
    client = Sops(sops)
    sealed = seal(text, real=True)
    assert not sealed.sops_refuses
    decrypted = client.decrypt(sealed.text)
    assert decrypted is not None, client.error
    encrypted = client.encrypt(text)
    assert encrypted is not None, client.error
    ours = open_as_alice(encrypted).plaintext
    original, result, back = read([text, decrypted, ours])
    assert len(leaves(original)) >= len(known)
    assert leaves(result) == leaves(original)
    assert leaves(back) == leaves(original)
    assert reads_alike(back)


def _breaks_a_list(source: str) -> bool:
    """Whether go-yaml writes a list with this item that it cannot read again: blocks with an indentation indicator."""
    value = next(node.value for node in yaml.scan(f"k: {source}\n") if node.kind == SCALAR)
    return "\n" in value and value[0] in " \n"


def test_why_the_seal_exists(sops: str) -> None:
    """Real sops takes every change of the first table for good, and stops at those of the second."""
    sealed = seal(FILE, real=True).text
    assert Sops(sops).decrypt(sealed) is not None

    def check(item: tuple[str, Change, bool]) -> str | None:
        name, change, seen = item
        output = Sops(sops).decrypt(change(sealed))
        return name if (output is None) != seen else None

    # Split, the first document has no metadata, and sops looks nowhere else.
    items = [(name, change, name == "a document is split") for name, change in MISSED_BY_SOPS.items()]
    items += [(name, change, True) for name, change in SEEN_BY_SOPS.items()]
    wrong = [name for name in in_parallel(check, items) if name is not None]
    assert wrong == []
