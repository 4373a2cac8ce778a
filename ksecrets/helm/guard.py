"""The last look at what Helm gets: no token of an encrypted value and no unresolved reference goes on in silence.

Without it, a file that nothing decrypted (a wrong backend, a plugin that is not installed, a token that was copied
into a plaintext file) is deployed as ``ENC[AES256_GCM,...]``, and found out when the service cannot log in.
"""

from __future__ import annotations

from ksecrets.errors import KsecretsError, SyntaxRefused

_TOKEN = "ENC[AES256_GCM,data:"
_REFERENCE = "ref+"


def check(data: bytes, name: str, *, is_yaml: bool, references: bool, reader: str = "Helm") -> None:
    """Raises KsecretsError with line and path where ciphertext, or with `references` a reference, is in the content.

    name: of the file, for the message. is_yaml: a values file, of which only the values count; else any text.
    reader: who would get it, for the message.
    """
    if _TOKEN.encode() not in data and not (references and _REFERENCE.encode() in data):
        return
    text = data.decode("utf-8", "replace")
    if not is_yaml:
        check_text(text, file=name, references=references, reader=reader)
        return
    from ksecrets.references.document import scalars

    try:
        for found in scalars(text, (_TOKEN, _REFERENCE)):
            check_text(found.value, file=name, line=found.line, path=found.path, references=references, reader=reader)
    except SyntaxRefused:
        check_text(text, file=name, references=references, reader=reader)


def check_text(
    text: str,
    *,
    file: str | None = None,
    line: int | None = None,
    path: str | None = None,
    references: bool,
    reader: str = "Helm",
) -> None:
    """The same for one value."""
    if _TOKEN in text:
        raise KsecretsError(
            f"is still encrypted: {reader} would deploy the ciphertext",
            file=file,
            line=line,
            path=path,
            hint="an encrypted file is decrypted as a whole; a token alone, or in another file, means nothing",
        )
    if not references or _REFERENCE not in text:
        return
    from ksecrets.references.expression import has_reference

    if has_reference(text):
        raise KsecretsError(
            f"is a reference that nothing resolves: {reader} would deploy it as it stands",
            file=file,
            line=line,
            path=path,
            hint="resolve references by -b vals or vals!FILE, or pass the file on as it is by noop!FILE",
        )
