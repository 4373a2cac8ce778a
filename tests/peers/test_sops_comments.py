"""Which values a comment picks: ksecrets beside the real sops, value by value.

A comment that ksecrets gave to another item than sops would leave a secret in plaintext, or make a file that sops could
not read.
"""

from __future__ import annotations

import os
import random
import subprocess

import pytest

from ksecrets.text import yaml
from ksecrets.text.node import SCALAR
from ksecrets.values.token import is_token
from tests.pipe import Sops, alice, seal

KINDS = ["encrypted_comment_regex", "unencrypted_comment_regex"]
LAYOUTS = [
    # above the first item
    "# secret\na: v\nb: v\n",
    "# secret\n\na: v\nb: v\n",
    "# secret\n---\na: v\nb: v\n",
    "---\n# secret\n\na: v\nb: v\n",
    "# x\n# secret\n\n# y\na: v\nb: v\n",
    "# secret\n\n\n# more\n\na: v\nb: v\n",
    "%YAML 1.1\n# secret\n---\na: v\n",
    # between items
    "a: v\n# secret\nb: v\nc: v\n",
    "a: v\n# secret\n\nb: v\nc: v\n",
    "a: v\n\n# secret\n\nb: v\nc: v\n",
    "a: v\nb: v\n# secret\n",
    # after a nested collection
    "a:\n  b: v\n# secret\nc: v\nd: v\n",
    "a:\n  b: v\n# secret\n\nc: v\nd: v\n",
    "a:\n  b: v\n  # secret\nc: v\n",
    "a:\n  b:\n    c: v\n  # secret\n\n  d: v\ne: v\n",
    "a:\n  - v\n# secret\nb: v\nc: v\n",
    "a:\n  b:\n    c: v\n# secret\nd:\n  e: v\n  f: v\ng: v\n",
    # before a nested collection
    "a:\n  # secret\n  b: v\n  c: v\n",
    "a:\n# secret\n  b: v\n  c: v\nd: v\n",
    "a: # secret\n  b: v\n  c: v\nd: v\n",
    "a: # secret\n  - v\n  - v\nb: v\n",
    "a:\n  # secret\n\n  b: v\n  c: v\n",
    "a:\n  # secret\n  b:\n    c: v\n    d: v\n  e: v\n",
    # lists
    "a:\n  # secret\n  - v\n  - v\n",
    "a:\n  - v\n  # secret\n\n  - v\n",
    "a:\n  - v\n  # secret\n  - b: v\n    c: v\n  - v\n",
    "a:\n  - b: v # secret\n    c: v\n",
    "a:\n  -\n    # secret\n    b: v\n    c: v\n",
    # beside
    "a: v # secret\nb: v\n",
    'a: "v" # secret\n# other\nb: v\n',
    "a: [v, v] # secret\nb: v\n",
    "a: {b: v, c: v} # secret\nd: v\n",
    "a: [[v, v], v] # secret\nb: v\n",
    "a:\n  - {b: v, c: v} # secret\n  - [v, v]\n",
    # beside an item, before a collection
    "a:\n  - v # secret\n  - b: v\n    c: v\n",
    "a:\n  - v # secret\n  # other\n  - b: v\n",
    "a:\n  - [v, v] # secret\n  - b: v\n",
    "a:\n  - v # other\n  # secret\n  - b: v\n    c: v\n",
    "a:\n  - v # secret\n  - - v\n    - v\n",
    "a:\n  - {b: v} # secret\n  - - v\n",
    "a:\n  - b: v # secret\n  - c: v\n    d: v\n",
    "a:\n  - v # secret\n  - {b: v, c: v}\n",
    "a:\n  - v # secret\n  - &x\n    b: v\n",
    "a:\n  - v # secret\n  - # other\n    b: v\n    c: v\n",
    "a:\n  - v # other\n  - # secret\n    b: v\n    c: v\n",
    "# secret\na: {b: v, c: v}\nd: v\n",
    "# secret\na: &x v\nb: v\nc: v\n",
    # documents
    "a: v\n---\n# secret\nb: v\nc: v\n",
    "a: v\n---\n# secret\n\nb: v\nc: v\n",
    "a: v\n---\n# secret\n\n# other\nb: v\nc: v\n",
    "a: v\n---\n# other\n\n# secret\nb: v\nc: v\n",
    "a: v\n# secret\n---\nb: v\nc: v\n",
    "a:\n  b: v\n# secret\n---\nc: v\n",
]


def picked(text: str) -> list[bool]:
    """For every scalar outside of the metadata, in order: is it encrypted? sops makes items of comments in lists."""
    scalars = [node.value for node in yaml.scan(text) if node.kind == SCALAR]
    return [is_token(value) for value in scalars if not value.endswith("type:comment]")]


def by_sops(program: str, text: str, kind: str) -> str | None:
    options = [f"--{kind.replace('_', '-')}", "secret", "--input-type", "yaml", "--output-type", "yaml"]
    done = subprocess.run(
        [program, "--age", alice().public, *options, "--encrypt", "/dev/stdin"],
        input=text.encode(),
        capture_output=True,
        cwd="/",
        env={**os.environ, "SOPS_DISABLE_VERSION_CHECK": "1"},
        timeout=60,
    )
    return done.stdout.decode() if done.returncode == 0 else None


def agree(program: str, text: str, kind: str) -> list[bool]:
    """What both pick; and sops reads what we wrote."""
    theirs = by_sops(program, text, kind)
    assert theirs is not None, text
    ours = seal(text, real=True, selector=(kind, "secret"), comments="keep")
    assert picked(ours.text) == picked(theirs), text
    client = Sops(program)
    assert client.decrypt(ours.text) is not None, (text, client.error)
    return picked(theirs)


@pytest.mark.parametrize("text", LAYOUTS)
def test_a_comment_picks_what_it_picks_for_sops(text: str, sops: str) -> None:
    encrypted, readable = (agree(sops, text, kind) for kind in KINDS)
    assert [not each for each in readable] == encrypted


def test_most_of_these_pick_something_and_leave_something(sops: str) -> None:
    both = [text for text in LAYOUTS if len(set(picked(by_sops(sops, text, KINDS[0]) or ""))) == 2]
    assert len(both) > len(LAYOUTS) * 2 / 3


def document(seed: int) -> str:
    """A random document of mappings and lists with comments and empty lines between."""
    rng = random.Random(seed)
    lines: list[str] = []

    def gap(indent: str) -> None:
        for _ in range(rng.choice((0, 0, 1, 1, 2))):
            lines.append(rng.choice(("", indent + "# secret", indent + "# other")))

    def items(indent: str, depth: int, in_list: bool) -> None:
        for number in range(rng.randint(1, 3)):
            gap(indent)
            head = f"{indent}- " if in_list else f"{indent}k{len(lines)}{number}:"
            if rng.random() < 0.4 and depth < 3:
                at = len(lines)
                if not in_list or rng.random() < 0.4:
                    lines.append(head.rstrip() + rng.choice(("", "", " # secret")))
                    items(indent + "  ", depth + 1, rng.random() < 0.4)
                else:  # on the line of the dash, where no comment stands before it
                    items(indent + "  ", depth + 1, rng.random() < 0.4)
                    if lines[at].strip().startswith("#") or not lines[at]:
                        lines.insert(at, head.rstrip())
                    else:
                        lines[at] = head + lines[at].lstrip()
            else:
                value = rng.choice(("v", "v", "'q'", "[v, w]", "{x: v, z: w}"))
                lines.append(f"{head}{'' if in_list else ' '}{value}{rng.choice(('', '', ' # secret'))}")

    items("", 0, False)
    return "\n".join(lines) + "\n"


@pytest.mark.parametrize("first", range(0, 40, 20))
def test_random_layouts(first: int, sops: str) -> None:
    for seed in range(first, first + 20):
        agree(sops, document(seed), KINDS[seed % 2])
