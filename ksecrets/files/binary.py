"""A binary file: any bytes, as the one value of a JSON text, ``{"data": "ENC[...]", "sops": {...}}``.

There is nothing to scan in the plaintext and nothing to splice, so this is the pipe of `files.open` and `files.seal`
for one value. The plaintext is text in which what is no UTF-8 stands as Python's surrogate escapes. No selector counts:
the value is always encrypted (sops, cmd/sops/main.go, `getEncryptConfig`; stores/json/store.go, `BinaryStore`).
"""

from __future__ import annotations

from ksecrets.envelope.metadata import DEFAULT_SELECTOR
from ksecrets.errors import SyntaxRefused, Tampered
from ksecrets.files import proof
from ksecrets.text import json
from ksecrets.text.node import BLOCK, DOUBLE, LIST, MAP, SCALAR, Node
from ksecrets.values import token as tokens
from ksecrets.values.cipher import TAG_LENGTH, SyntheticIVs
from ksecrets.values.mac import Mac
from ksecrets.values.seal import spelled

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from ksecrets.envelope.metadata import Metadata
    from ksecrets.files.formats import Format
    from ksecrets.files.open import Opened
    from ksecrets.files.seal import Sealed, Tokens
    from ksecrets.values.cipher import DataKey
    from ksecrets.values.seal import Seal

KEY = "data"
_AAD = KEY + ":"


def open_body(body: str, opened: Opened, tree: Any, *, require_seal: bool, ignore_mac: bool, keep_tokens: bool) -> str:
    """The plaintext, after MAC and seal have been found good. Arguments and errors as in `files.opening`."""
    seal = proof.expected(opened, require_seal=require_seal, ignore_mac=ignore_mac)
    node = _value(body, tree)
    mac = Mac()
    kind, content = "str", b""
    if node.value:
        try:
            sealed, iv, kind = tokens.read(node.value)
        except ValueError as error:
            raise Tampered(f"not a token that ksecrets or sops writes: {error}", line=node.line, path=KEY) from None
        found = opened.data_key.decrypt(sealed, iv, _AAD.encode())
        if found is None:
            raise Tampered("the token does not belong here or was changed", line=node.line, path=KEY)
        if kind not in ("str", "bytes"):
            raise Tampered(f"the value has the type {kind}, and that of a binary file is str", line=node.line, path=KEY)
        content = found
        mac.add(content)
        opened.values = 1
        if keep_tokens:
            opened.tokens[_AAD, kind, content] = [(node.value, iv, node)]
    if seal is not None:
        _count(seal, kind, content)
    proof.verify(opened, mac, seal, ignore_mac=ignore_mac)
    return content.decode("utf-8", "surrogateescape")


def seal_body(body: str, data_key: DataKey, metadata: Metadata, format: Format, old: Tokens) -> Sealed:
    """Encrypt and seal one plaintext; the result is not verified yet."""
    from ksecrets.files.seal import Sealed

    result = Sealed()
    content = body.encode("utf-8", "surrogateescape")
    metadata = metadata.replace(selector=DEFAULT_SELECTOR, mac_only_encrypted=False)
    seal = proof.begin(data_key, metadata, format)
    mac = Mac()
    token = ""
    if content:
        mac.add(content)
        known = old.get((_AAD, "str", content))
        if known:
            token = known[0][0]
        else:
            iv = SyntheticIVs(data_key).new(_AAD.encode(), "str", content)
            sealed = data_key.encrypt(content, iv, _AAD.encode())
            token = tokens.write(sealed[:-TAG_LENGTH], iv, sealed[-TAG_LENGTH:], "str")
        result.kept = 1 if known else 0
        result.values = 1
    _count(seal, "str", content)
    step = "\t" if format.indent is None else " " * format.indent
    wrapper = f'{{\n{step}"{KEY}": "{token}"\n}}\n'
    placement = format.placement(wrapper)
    place = placement.at_end(1)
    result.body = wrapper
    entry = placement.text(proof.finished(metadata, data_key, format, mac, seal, {}), "")
    result.text = wrapper[:place] + entry + wrapper[place:]
    return result


def _value(body: str, tree: Any) -> Node:
    """The value of an encrypted text, which has that and its metadata, and nothing else."""
    values = []
    for node in json.scan(body):
        if node.kind == BLOCK:
            if node.value != tree:
                raise Tampered("two metadata blocks that differ", line=node.line)
        elif node.kind == SCALAR or (node.kind in (MAP, LIST) and node.key is not None):
            values.append(node)
    if len(values) != 1 or values[0].key != KEY or values[0].style != DOUBLE or values[0].kind != SCALAR:
        raise SyntaxRefused(
            f"not an encrypted binary file: it has something else than `{KEY}` and its metadata",
            hint="read it as what it is, with --input-type json or yaml",
        )
    return values[0]


def _count(seal: Seal, kind: str, content: bytes) -> None:
    """What the seal says of the one document: an object with one value."""
    seal.event("D")
    seal.event("{")
    if content:
        seal.encrypted(KEY, '"', None, False, *spelled(kind, content), None)
    else:
        seal.readable(KEY, '"', None, False, "")
    seal.event("}")
    seal.event("d")
