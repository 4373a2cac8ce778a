"""An encrypted text with conflict markers: what git puts into the working tree, and into its objects.

Between the markers stand tokens, never plaintext. The MAC is empty, so that a file whose markers were taken out by hand
is read by nobody before `ksecrets resolve` has merged it.
"""

from __future__ import annotations

from ksecrets.envelope.metadata import Extension, Metadata
from ksecrets.errors import KsecretsError
from ksecrets.files.open import BOM, read_metadata
from ksecrets.files.seal import seal_text
from ksecrets.operations.merging.plaintext import side
from ksecrets.repository.mergefile import merge_with_markers
from ksecrets.text import yaml
from ksecrets.text.node import BLOCK

TYPE_CHECKING = False
if TYPE_CHECKING:
    from ksecrets.files.open import Opened
    from ksecrets.operations.merging.plaintext import Segments
    from ksecrets.operations.session import Place


def conflicted_text(place: Place, segments: Segments, base: str, ours: Opened, theirs: Opened, tokens: Opened) -> str:
    """The merge with each conflict as tokens of ours and of theirs, all else merged.

    base: the encrypted text, "" for none. tokens: the version whose tokens are kept where values are unchanged. Only
    under the one data key of both sides: nothing is encrypted under a key that it does not stand under already.
    Otherwise, and where a side of the conflicts is no file of its own, it is git's merge of the encrypted texts.
    """
    if ours.data_key.kid == theirs.data_key.kid:
        try:
            return _marked(*(_sealed(place, side(segments, which), ours, tokens) for which in ("ours", "theirs")))
        except (KsecretsError, NoBlock):
            pass
    return merge_with_markers(base, ours.text, theirs.text)


class NoBlock(Exception):
    """The metadata does not stand on lines of its own."""


def _sealed(place: Place, plaintext: str, ours: Opened, tokens: Opened) -> str:
    policy = place.policy
    metadata: Metadata = ours.metadata.replace(
        mac="", extension=Extension(kid=ours.data_key.kid, environment=place.environment, path=place.relative)
    )
    if policy is not None:  # what is encrypted is never for the file to say
        selector = (policy.selector.kind, policy.selector.value)
        metadata = metadata.replace(selector=selector, mac_only_encrypted=policy.mac_only_encrypted)
    comments = policy.comments if policy is not None else "auto"
    return seal_text(
        plaintext,
        data_key=ours.data_key,
        metadata=metadata,
        format=ours.format,
        comments=comments,
        old_tokens=tokens.tokens,
    ).text


def _marked(ours: str, theirs: str) -> str:
    """Two sealed texts as one with conflict markers around the lines that differ; the metadata are those of ours."""
    head, block, tail = parts(ours)
    other_head, _, other_tail = parts(theirs)
    newline = "\r\n" if "\r\n" in head else "\n"
    return _compared(head, other_head, newline) + block + _compared(tail, other_tail, newline)


def parts(text: str) -> tuple[str, str, str]:
    """The lines before the metadata block, the block with an empty MAC, and the lines behind it.

    Raises NoBlock where the last line has no end: markers could not stand behind it.
    """
    body = text.removeprefix(BOM)
    shift = len(text) - len(body)
    span = next(((node.start + shift, node.end + shift) for node in yaml.scan(body) if node.kind == BLOCK), None)
    if span is None:
        raise NoBlock
    start = text.rfind("\n", 0, span[0]) + 1
    end = text.find("\n", span[1] - 1) + 1 or len(text)
    block = text[start:end]
    if not block.lstrip(" ").startswith("sops:") or not text.endswith("\n"):
        raise NoBlock
    return text[:start], block.replace(read_metadata(text).mac, '""', 1), text[end:]


def _compared(ours: str, theirs: str, newline: str) -> str:
    from difflib import SequenceMatcher

    left, right = ([line + "\n" for line in text.split("\n")[:-1]] for text in (ours, theirs))
    first = 0
    while first < min(len(left), len(right)) and left[first] == right[first]:
        first += 1
    found = left[:first]
    for kind, a, b, c, d in SequenceMatcher(None, left[first:], right[first:], autojunk=False).get_opcodes():
        mine, others = left[first + a : first + b], right[first + c : first + d]
        if kind == "equal":
            found += mine
        else:
            found += ["<<<<<<< ours", newline, *mine, "=======", newline, *others, ">>>>>>> theirs", newline]
    return "".join(found)
