"""`ksecrets kustomize`: decrypted manifests for kustomize, as its exec generator (KRM functions, v1).

kustomize writes a ResourceList with the generator's configuration to standard input, and reads one with the generated
resources from standard output (``kustomize build --enable-alpha-plugins --enable-exec``). The configuration is that
of KSOPS:

    kind: ksecrets            # or ksops
    files: [db.secret.yaml]   # encrypted manifests
    secretFrom:               # encrypted files of any format, as `data` of a new Secret
      - {metadata: {name: tls}, type: Opaque, files: [ca.pem, KEY=FILE], binaryFiles: [tls.p12]}

The text of a manifest goes on as it is, only further to the right: so kustomize itself reads every scalar, and
nothing here decides what `yes` or `0o17` is. Nothing is written anywhere, and nothing is printed before all files
were verified.

Which files there are is said by a file of the repository, which a pull request can change. So all of them must be
encrypted, must be written as relative paths, and must lie in the repository by their real path.
"""

from __future__ import annotations

import os
import sys

from ksecrets.errors import EXIT_INTERRUPTED, KsecretsError
from ksecrets.helm import confine, guard
from ksecrets.helm.messages import say, say_error, say_notes

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Any

    from ksecrets import Session

_KINDS = ("ksecrets", "ksops")
_LISTS = ("files", "secretFrom")
_SECRET = ("metadata", "type", "files", "binaryFiles")
# What kustomize cannot read again of the JSON that it makes (go-yaml's reader; JSON escapes the others).
_CONTROLS = frozenset(map(chr, (*range(0x7F, 0x85), *range(0x86, 0xA0), 0xFEFF, 0xFFFE, 0xFFFF)))
_UNPRINTABLE = ("unprintable", None)
_FORM = "see docs/how-to/gitops.md, Kustomize"


class _Unprintable(Exception):
    """A scalar has one of _CONTROLS."""


def main() -> int:
    """Answer kustomize; returns the exit code."""
    from ksecrets import Session

    session = Session()
    try:
        try:
            answer = generate(sys.stdin.buffer.read(), session)
        finally:
            say_notes(session)
    except KsecretsError as error:
        return say_error(error)
    except KeyboardInterrupt:
        say("interrupted")
        return EXIT_INTERRUPTED
    try:
        sys.stdout.buffer.write(answer)
        sys.stdout.buffer.flush()
    except OSError as error:
        say(f"error: cannot write to kustomize: {error.strerror}")
        return 1
    return 0


def generate(resource_list: bytes, session: Session) -> bytes:
    """The ResourceList of what the configuration in `resource_list` asks for; paths are below the working folder.

    Raises KsecretsError: the configuration makes no sense, a path is not allowed, a file is not encrypted, cannot be
    opened, or is no manifest.
    """
    config = _configuration(resource_list)
    manifests = _paths(config.get("files"), "files")
    secrets = _mappings(config.get("secretFrom"), "secretFrom")
    named = [path for secret in secrets for field in _SECRET[2:] for _, path in _keyed(secret, field)]
    for path in (*manifests, *named):
        _check_place(path)
    session.open_ahead([*manifests, *named])
    items: list[str] = []
    for path in manifests:
        items += _documents(path, _decrypted(path, session).text)
    items += [_json(_secret(secret, session)) for secret in secrets]
    head = "apiVersion: config.kubernetes.io/v1\nkind: ResourceList\nitems:"
    return "".join([head, "\n" if items else " []\n", *(f"-\n{item}" for item in items)]).encode()


def _configuration(data: bytes) -> dict[str, Any]:
    import yaml

    try:
        resource_list = yaml.safe_load(data)
    except (yaml.YAMLError, ValueError, RecursionError):
        resource_list = None
    config = resource_list.get("functionConfig") if isinstance(resource_list, dict) else None
    if not isinstance(config, dict):
        raise KsecretsError("standard input is no ResourceList with a functionConfig", hint="kustomize calls this")
    if config.get("kind") not in _KINDS:
        raise KsecretsError("the kind of the generator is neither ksecrets nor ksops", hint=_FORM)
    items = resource_list.get("items") or []
    if any(not isinstance(item, dict) or item.get("kind") != config["kind"] for item in items):
        raise KsecretsError("this is a generator, and would lose what it transforms", hint="put it below `generators:`")
    unknown = sorted(str(key) for key in config if key not in (*_LISTS, "apiVersion", "kind", "metadata"))
    if unknown:
        raise KsecretsError(f"the generator has an unknown field {unknown[0]}", hint=_FORM)
    if not any(config.get(field) for field in _LISTS):
        raise KsecretsError("the generator names no files", hint=_FORM)
    return config


def _paths(value: object, field: str) -> list[str]:
    if value is None:
        return []
    if not isinstance(value, list) or not all(isinstance(each, str) and each for each in value):
        raise KsecretsError(f"{field} of the generator is no list of paths", hint=_FORM)
    return [str(each) for each in value]


def _mappings(value: object, field: str) -> list[dict[str, Any]]:
    if value is None:
        return []
    if not isinstance(value, list) or not all(isinstance(each, dict) for each in value):
        raise KsecretsError(f"{field} of the generator is no list of mappings", hint=_FORM)
    for each in value:
        unknown = sorted(str(key) for key in each if key not in _SECRET)
        if unknown:
            # envs: programs differ about what quotes in it mean.
            raise KsecretsError(f"{field} of the generator has an unknown field {unknown[0]}", hint=_FORM)
        if not isinstance(each.get("metadata"), dict) or not each["metadata"].get("name"):
            raise KsecretsError(f"{field} of the generator has no metadata.name", hint=_FORM)
    return value


def _keyed(secret: dict[str, Any], field: str) -> Iterator[tuple[str, str]]:
    """The key and the path of each file: KEY=PATH, or PATH, whose last part is the key."""
    for text in _paths(secret.get(field), field):
        key, found, path = text.partition("=")
        yield (key, path) if found else (os.path.basename(text), text)


def _check_place(path: str) -> None:
    if os.path.isabs(path) or path.startswith("\\") or ":" in path:
        raise KsecretsError("is an absolute path", file=path, hint="paths are relative to the kustomization")
    top = confine.repository_top(os.getcwd())
    if not confine.is_below(path, top):
        raise KsecretsError(f"lies outside of {top}", file=path, hint="a generator reads only files of its repository")


def _decrypted(path: str, session: Session) -> Any:
    from ksecrets import decrypt

    return decrypt(path, session=session)


def _secret(config: dict[str, Any], session: Session) -> dict[str, Any]:
    """A new Secret with the content of files, all of it as `data`, as kustomize's own secretGenerator makes it."""
    from binascii import b2a_base64

    data = {
        key: b2a_base64(_decrypted(path, session).data, newline=False).decode()
        for field in _SECRET[2:]
        for key, path in _keyed(config, field)
    }
    kind = {} if config.get("type") is None else {"type": str(config["type"])}
    return {"apiVersion": "v1", "kind": "Secret", "metadata": config["metadata"], **kind, "data": data}


def _json(value: object) -> str:
    """JSON in one line that is YAML as well: what YAML takes for a line end or refuses is escaped."""
    import json
    import re

    text = json.dumps(value, ensure_ascii=False)
    escaped = re.sub("[\x7f-\x9f\u2028\u2029\ufeff\ufffe\uffff]", lambda found: f"\\u{ord(found[0]):04x}", text)
    return f"  {escaped}\n"


def _documents(path: str, text: str) -> list[str]:
    """The documents of a manifest as items of a list: each line two columns further to the right.

    What YAML calls a line is cut here, so that no text begins an item of its own. That every value stayed what it was
    is seen by reading both.
    """
    import re

    guard.check(text.encode(), path, is_yaml=True, references=False, reader="kustomize")
    lines = re.findall("[^\n\r\x85\u2028\u2029]*(?:\r\n|[\n\r\x85\u2028\u2029])|[^\n\r\x85\u2028\u2029]+", text)
    documents: list[list[str]] = [[]]
    for line in lines:
        line = line.removeprefix("\ufeff")
        if re.match(r"(?:---|\.\.\.)(?:[ \t\r\n\x85\u2028\u2029]|$)", line):
            documents.append([])
            line = line[3:]
        documents[-1].append(line)
    items = []
    for each in documents:
        item = "".join(line if not line.strip() else f"  {line}" for line in each)
        item += "" if item.endswith(("\n", "\r")) else "\n"
        before, after = _nodes("".join(each)), _nodes(f"-\n{item}")
        if before is None:
            continue
        if before == _UNPRINTABLE:
            raise KsecretsError(
                "a value holds a control character, which kustomize refuses and then prints all of the manifest",
                file=path,
                hint="a Secret can hold it in `data`, as base64",
            )
        if before[0] != "mapping" or after != ("sequence", [before]):
            raise KsecretsError(
                "kustomize could not read it as a manifest",
                file=path,
                hint="a manifest is a mapping, without a YAML directive, and ends with a line break",
            )
        items.append(item)
    return items


def _nodes(text: str) -> tuple[str, Any] | None:
    """What YAML says, without deciding what a scalar means: for comparison. None: nothing."""
    import yaml

    loader: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    seen: dict[int, int] = {}

    def plain(node: Any) -> tuple[str, Any]:
        if id(node) in seen:
            return ("alias", seen[id(node)])
        seen[id(node)] = len(seen)
        if isinstance(node, yaml.ScalarNode):
            if any(letter in _CONTROLS for letter in node.value):
                raise _Unprintable
            return ("scalar", (node.tag, node.value))
        if isinstance(node, yaml.SequenceNode):
            return ("sequence", [plain(each) for each in node.value])
        return ("mapping", [(plain(key), plain(value)) for key, value in node.value])

    try:
        node = yaml.compose(text, Loader=loader)
        if isinstance(node, yaml.SequenceNode) and text.startswith("-\n"):
            return ("sequence", [plain(each) for each in node.value])  # numbered from the document, not from the list
        return None if node is None else plain(node)
    except _Unprintable:
        return _UNPRINTABLE
    except (yaml.YAMLError, ValueError, RecursionError):  # its words would hold some of the text
        return ("unreadable", None)
