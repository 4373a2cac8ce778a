"""The quick look that nearly every file passes: is there anything in a plaintext that its readers do not agree on?

`check` says what it is (operations/examine.py) by a closer look, at a node for each thing. Here ordinary scalars and
collections come without nodes (`text.node.Lane`), and whatever is not ordinary is a reason for the closer look: so a
file with a finding is looked at twice, and the ten thousand others once.
"""

from __future__ import annotations

from ksecrets.files.sopsreads import Watch
from ksecrets.text import yaml
from ksecrets.text.dialect import differs
from ksecrets.text.node import COMMENT, DOCUMENT, DOCUMENT_END, END, MAP, PLAIN, Functions
from ksecrets.text.resolve import sops_refuses
from ksecrets.values.token import PREFIX

TYPE_CHECKING = False
if TYPE_CHECKING:
    from ksecrets.text.node import Frame

_KEPT = 1 << 14
_plain_keys: set[str] = set()
"""Keys, written without quotes, that everybody reads alike; for all files of a process. Keys are no secrets."""


def is_ordinary(text: str) -> bool:
    """Whether a plaintext has no scalar and no key that Helm, sops and Flux read differently, none that sops refuses,
    no token, no alias, no anchored key: nothing for the closer look. Raises SyntaxRefused as `yaml.scan`.
    """
    reasons: list[str] = []
    watch = Watch(reasons)
    entry = watch.entry

    def leaf(
        value: str,
        style: str,
        tag: str | None,
        anchor: str | None,
        start: int,
        end: int,
        line: int,
        frame: Frame,
        key: str | int | None,
        form: str | None,
    ) -> None:
        if form is not None:
            entry(key, form, line)
            if form == "" and key not in _plain_keys:
                look(key)
            if key == "<<":
                reasons.append("a merge key")
        if value[:4] == PREFIX:
            reasons.append("perhaps a token")
        elif (style == PLAIN or tag is not None) and (
            differs(value, plain=style == PLAIN, tag=tag) or sops_refuses(value, plain=style == PLAIN, tag=tag)
        ):
            reasons.append("a scalar")

    def begin(kind: int, key: str | int | None, form: str | None, line: int) -> None:
        if form == "" and key not in _plain_keys:
            look(key)
        watch.begin(kind, key, form, line)

    def look(key: str | int | None) -> None:
        if differs(str(key), plain=True, tag=None):
            reasons.append("a key")
        elif len(_plain_keys) < _KEPT:
            _plain_keys.add(str(key))

    for node in yaml.scan(text, lane=Functions(leaf, begin, lambda _: watch.end())):
        kind = node.kind
        if kind not in _USUAL or (kind == MAP and (node.key is not None or node.anchor is not None or node.tag)):
            return False
        watch.node(node)
        if reasons:
            return False
    return not reasons


_USUAL = frozenset((COMMENT, DOCUMENT, DOCUMENT_END, END, MAP))
"""Nodes of a file of plain mappings; of MAP only the root comes as one."""
