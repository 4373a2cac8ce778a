"""Services that read what is here: echo, file, sops, envsubst (pkg/providers of helmfile/vals)."""

from __future__ import annotations

import os

from ksecrets.errors import KsecretsError
from ksecrets.references.data import mapping_of
from ksecrets.references.resolve import References, at_keys

TYPE_CHECKING = False
if TYPE_CHECKING:
    from ksecrets.references.expression import Reference


def echo(_: References, reference: Reference) -> object:
    """``ref+echo://TEXT``; with a fragment, TEXT is KEY/KEY/VALUE."""
    if not reference.keys:
        return reference.path.rstrip("/")
    parts = reference.path.split("/")
    if len(parts) < 2:
        raise KsecretsError("a reference to echo with #/KEY names KEY/VALUE")
    tree: object = parts[-1]
    for part in reversed(parts[:-1]):
        tree = {part: tree}
    return at_keys(tree, reference.keys, reference)


def file(references: References, reference: Reference) -> object:
    """``ref+file://PATH[?encode=base64][#/KEY]``: a file of the repository, as it is."""
    path = _path(references, reference)
    try:
        with open(path, "rb") as stream:
            raw = stream.read()
    except OSError as error:
        raise KsecretsError(f"a reference to a file: cannot be read: {error.strerror}", file=path) from None
    if reference.keys:
        return at_keys(mapping_of(_utf8(raw, path), reference), reference.keys, reference)
    if reference.parameters.get("encode", "raw") == "base64":
        import binascii

        return binascii.b2a_base64(raw, newline=False).decode()
    return _utf8(raw, path)


def sops(references: References, reference: Reference) -> object:
    """``ref+sops://PATH[#/KEY]``: an encrypted file of the repository, verified, as `ksecrets decrypt` opens it."""
    from ksecrets import decrypt

    if reference.parameters.get("key_type", "filepath") != "filepath":
        raise KsecretsError("a reference to sops names a file", hint="key_type=base64 is not supported")
    path = _path(references, reference)
    text = decrypt(path, session=references.session).text
    return at_keys(mapping_of(text, reference), reference.keys, reference) if reference.keys else text


def envsubst(references: References, reference: Reference) -> object:
    """``ref+envsubst://$NAME``: a text with variables of the environment, but those that hold identities."""
    import re

    environ = references.session.child_environment()

    def variable(found: re.Match[str]) -> str:
        name = found.group(1) or found.group(2)
        if name not in environ:
            raise KsecretsError(f"a reference to envsubst: the variable {name} is not set, or holds an identity")
        return environ[name]

    text = re.sub(r"\$(?:([A-Za-z_]\w*)|\{([A-Za-z_]\w*)\})", variable, reference.path.rstrip("/").strip())
    return at_keys(mapping_of(text, reference), reference.keys, reference) if reference.keys else text


def _path(references: References, reference: Reference) -> str:
    """The path of a reference, which must lead into the repository, through all links."""
    path = reference.path.rstrip("/")
    real = os.path.realpath(path)
    if real != references.top and not real.startswith(references.top.rstrip(os.sep) + os.sep):
        raise KsecretsError(f"a reference to {reference.service} leads out of the repository", file=path)
    return path


def _utf8(raw: bytes, path: str) -> str:
    try:
        return raw.decode("utf-8")
    except UnicodeDecodeError:
        pass  # its error would hold all of the bytes
    raise KsecretsError("a reference to a file: is not UTF-8 text", file=path, hint="?encode=base64")
