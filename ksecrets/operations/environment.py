"""environment: the values of one file as environment variables, for `exec-env`."""

from __future__ import annotations

from ksecrets.errors import KsecretsError
from ksecrets.operations.reading import open_file, read
from ksecrets.operations.session import Session
from ksecrets.text.extract import extract, is_collection
from ksecrets.text.node import ALIAS, DOCUMENT_END, KEY, LIST, MAP, PLAIN, SCALAR
from ksecrets.text.path import format as format_path

TYPE_CHECKING = False
if TYPE_CHECKING:
    from ksecrets.files.open import Opened
    from ksecrets.text.node import Node

# With these in its environment, a loader or a shell runs what they name before the program that was asked for. Anybody
# who has public keys can write a file that decrypts (docs/threat-model.md), and these are never somebody's secret.
_RUNS_CODE = ("LD_", "DYLD_", "BASH_ENV", "BASH_FUNC_", "ENV", "PROMPT_COMMAND", "IFS")


def environment(
    path: str, *, input_type: str | None = None, require_seal: bool = False, session: Session | None = None
) -> dict[str, str]:
    """The values of one file by their keys, decrypted and verified, in the file's order. input_type: its format,
    where it is not the one that its name says.

    Each value is what the file says, a number as it is written (`0644`, `1.10`; sops gives 420 and 1.1), a null the
    empty text (sops: ``<nil>``). Of several documents the first counts, as for sops.

    Raises as `decrypt` does, and KsecretsError, naming the key, for what no environment can hold: values below others,
    names with ``=``, NULs; for a name that comes twice; and for names that make a loader or a shell run code.
    """
    session = session or Session()
    reading = read(path, None, session, input_type)
    opened = open_file(reading, session, require_seal=require_seal)
    try:
        if opened.format.name == "binary":
            raise KsecretsError("holds no variables, but one binary value", hint="exec-file hands it over as a file")
        return _variables(opened, session, path)
    except KsecretsError as error:
        raise error.at(path) from None


def _variables(opened: Opened, session: Session, path: str) -> dict[str, str]:
    found: dict[str, str] = {}
    documents = 0
    for node in opened.format.scan(opened.plaintext.removeprefix("\ufeff")):
        if node.kind == DOCUMENT_END:
            documents += 1
        # A node of the first document whose frame is the mapping at the top; of a collection it is the collection's.
        if documents or node.kind not in (SCALAR, ALIAS, MAP, LIST, KEY) or node.frame.in_key:
            continue
        name = node.path()
        if not name:
            if node.kind in (SCALAR, LIST):
                raise KsecretsError("holds no variables: a mapping is expected", line=node.line)
            continue
        if len(name) > 1:
            continue  # what it is below has been refused, or it is below an alias
        found[_name(node, found, opened)] = _value(node, opened)
    if documents > 1:
        session.note("only the first of its documents counts", path)
    return found


def _name(node: Node, found: dict[str, str], opened: Opened) -> str:
    name = node.path()[0]
    if opened.format.name == "dotenv" and isinstance(name, str):
        name = name.removeprefix("export ").strip(" ")
    if not isinstance(name, str) or not name or "=" in name or "\0" in name:
        raise KsecretsError("is no name for a variable", path=format_path((name,)), line=node.line)
    if name in found:
        raise KsecretsError("comes twice", path=format_path((name,)), line=node.line)
    if any(name.startswith(each) if each.endswith("_") else name == each for each in _RUNS_CODE):
        raise KsecretsError(
            "is a variable that makes other programs run code, and is not set from a file",
            path=name,
            line=node.line,
            hint=f"set it in the command: {name}=... PROGRAM",
        )
    return name


def _value(node: Node, opened: Opened) -> str:
    path = node.path()
    several = node.kind in (MAP, LIST, KEY) or (node.kind == ALIAS and is_collection(opened.plaintext, path))
    if several:
        raise KsecretsError(
            "several values stand here, and a variable holds one", path=format_path(path), line=node.line
        )
    plain = node.style == PLAIN
    if node.kind == ALIAS:
        value = extract(opened.plaintext, path)
    elif (plain or node.tag) and opened.format.resolve(node.value, plain=plain, tag=node.tag)[1] is None:
        value = ""
    else:
        value = node.value
    if "\0" in value:
        raise KsecretsError("a variable cannot hold a NUL", path=format_path(path), line=node.line)
    return value
