"""Which formats there are: what the pipe asks of each, and which one a file has.

A format is one instance of `Format`, made in the module of its name from what `text/` knows of its text (``scan``, how
a token is carried) and what `envelope/` knows of its metadata. Modules are imported when the format is met, so a new
one costs the others nothing.
"""

from __future__ import annotations

from ksecrets.errors import SyntaxRefused, UsageError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from typing import Any, Final, Protocol

    from ksecrets.envelope.metadata import Tree
    from ksecrets.text.node import Frame, Lane, Node
    from ksecrets.text.path import Path

    class Scan(Protocol):
        def __call__(self, text: str, first_line: int = 1, lane: Lane | None = None) -> Iterator[Node]: ...

    class Resolve(Protocol):
        def __call__(self, value: str, *, plain: bool, tag: str | None) -> tuple[str, bytes | None]: ...

    class Refuses(Protocol):
        def __call__(self, value: str, *, plain: bool, tag: str | None) -> str | None: ...

    class Predicted(Protocol):
        def __call__(self, style: str, kind: str, value: str, indent: str = "", newline: str = "") -> str: ...

    class Placement(Protocol):
        """Where the metadata goes in one plaintext. Found while the text is walked, by the nodes of `Walk.values`."""

        def comment(self, node: Node) -> None:
            """A comment comes by."""

        def look(self, node: Node, document: int, root: Node | None) -> int | None:
            """The place, as soon as a node shows it; not before the end of any value that came before the node.

            node: of kind END or DOCUMENT_END. document, root: see `Walk`. Not called again once it gave a place.
            """

        def at_end(self, documents: int) -> int:
            """The place, where no node showed one. documents: how many there were."""

        def text(self, tree: Mapping[str, Tree], before: str) -> str:
            """What to insert. before: the encrypted text right before the place (its last piece)."""

    class Watch(Protocol):
        """Finds what sops refuses of the structure (see `files.sopsreads`)."""

        def node(self, node: Node) -> None: ...
        def entry(self, key: str | int | None, form: str, line: int) -> None: ...
        def merges_a_scalar(self, line: int) -> None: ...
        def begin(self, kind: int, key: str | int | None, form: str | None, line: int) -> None: ...
        def end(self) -> None: ...


_BREAKS: Final = "\r\n\x85\u2028\u2029"
_FIRST_LOOK: Final = 200  # characters

NAMES: Final = ("yaml", "json", "dotenv", "ini", "binary")
"""All formats of sops, by the names that ``--input-type`` takes."""


def one_line(comment: str) -> str | None:
    """`Format.comment` of most: the token of a value in its place must not bring lines of its own."""
    return None if any(newline in comment for newline in _BREAKS) else comment


def refuse_lost_groups(tree: Mapping[str, Tree]) -> None:
    """Raises SyntaxRefused for metadata that has no form in flat names: what is empty is not there in these, and a key
    group is empty for sops where all its readers are of services that sops does not have."""
    for number, group in enumerate(tree.get("key_groups", ()), 1):
        if isinstance(group, dict) and not any(group.values()):
            raise SyntaxRefused(
                f"all readers of the key group {number} are of services that sops does not have, and dotenv and INI"
                " have no place for such a group",
                hint="give the group a reader that sops has, too, such as an age key; or use YAML or JSON",
            )


class Nothing:
    """The `Watch` of a format in which sops reads every structure."""

    __slots__ = ()

    def __init__(self, reasons: list[str]) -> None:
        pass

    def node(self, node: Node) -> None:
        """Any node."""

    def entry(self, key: str | int | None, form: str, line: int) -> None:
        """An entry of a mapping."""

    def merges_a_scalar(self, line: int) -> None:
        """A plain key ``<<`` with a scalar behind it."""

    def begin(self, kind: int, key: str | int | None, form: str | None, line: int) -> None:
        """A collection opens."""

    def end(self) -> None:
        """A collection closes."""


class Format:
    """One file format, as the pipe (`files.open`, `files.seal`) handles it.

    name: as in `NAMES`; it stands in the seal.

    Of the text (without byte order mark):
    scan: its nodes, see `text.node`. The metadata comes as one node BLOCK with its tree, in a frame at the top.
    resolve: (type, canonical bytes) that sops makes of a scalar; None for the bytes of a null. Asked for plain and
    tagged scalars only: all others are ``str``.
    sops_refuses: why sops cannot read a scalar, or None. watch: makes a `Watch` for one text.

    Of the metadata:
    find: its tree, as quickly as possible, or None; a guess, compared with the BLOCK node later. search: the same, by
    scanning. cut: (start, end, sure) of what to take out of an encrypted text for a BLOCK node (and whether it stands
    in a document of its own); not sure: the plaintext is read again and compared. placement: makes a `Placement` for a
    plaintext. indented: the same with a number of spaces a level. indent: that number, or None; see `with_indent`.

    Of a token:
    carried: the source of a token in the place of a scalar (its style, frame, source, and the token): new source, its
    style, and for `predicted` indentation and line break. Not asked where a plain scalar stands outside of a flow
    collection: there the token itself is the new source, and the value its predicted source; a format that needs more
    gives its scalars another style.
    predicted: the source that a carrier predicts for a value. fits: whether that means the value.
    keeps_its_meaning: whether a source of several lines means in its place what it meant when it was sealed.
    restored: a source for a value of which no original is known.
    list_comments: sops writes an encrypted comment in a list as an item.

    Of comments and what is around the text:
    comment: the text of an encrypted comment as it goes into the plaintext, None where it would be more than a comment.
    commented: the nodes in the order in which a selector by comments takes them, where that is not the text's.
    keeps_mark: a byte order mark is a part of the text, and of what `scan` gets.

    Of values in a plaintext:
    set_value: the text with a value at a path. unset_value: the text without one. Both keep every other byte (see
    `text.patch`). set_indented: the first with a number of spaces a level. blank: how a new file of this path begins in
    an editor.

    refusal: for a plaintext whose encryption does not give it back, the reason that the format knows, or None.
    """

    __slots__ = (
        "_indented",
        "_set_indented",
        "blank",
        "carried",
        "comment",
        "commented",
        "cut",
        "find",
        "fits",
        "indent",
        "keeps_its_meaning",
        "keeps_mark",
        "list_comments",
        "name",
        "placement",
        "predicted",
        "refusal",
        "resolve",
        "restored",
        "scan",
        "search",
        "set_value",
        "sops_refuses",
        "unset_value",
        "watch",
    )

    def __init__(
        self,
        name: str,
        *,
        scan: Scan,
        resolve: Resolve,
        sops_refuses: Refuses,
        watch: Callable[[list[str]], Watch],
        find: Callable[[str], Any | None],
        search: Callable[[str], Any | None],
        cut: Callable[[str, Node, bool], tuple[int, int, bool]],
        placement: Callable[[str], Placement],
        carried: Callable[[str, Frame, str, str], tuple[str, str, str, str]],
        predicted: Predicted,
        fits: Callable[[str, str], bool],
        keeps_its_meaning: Callable[[str, str, Node], bool],
        restored: Callable[[str, Node, str, bytes], str],
        set_value: Callable[[str, Path, object], str] | None = None,
        unset_value: Callable[[str, Path], str] | None = None,
        blank: Callable[[str], str] = lambda _: "",
        list_comments: bool = False,
        comment: Callable[[str], str | None] = one_line,
        commented: Callable[[str], Iterator[Node]] | None = None,
        keeps_mark: bool = False,
        refusal: Callable[[str], SyntaxRefused | None] = lambda _: None,
        indented: Callable[[str, int], Placement] | None = None,
        set_indented: Callable[[str, Path, object, int], str] | None = None,
    ) -> None:
        self.name = name
        self.scan = scan
        self.resolve = resolve
        self.sops_refuses = sops_refuses
        self.watch = watch
        self.find = find
        self.search = search
        self.cut = cut
        self.placement = placement
        self.carried = carried
        self.predicted = predicted
        self.fits = fits
        self.keeps_its_meaning = keeps_its_meaning
        self.restored = restored
        self.set_value = set_value or self._no_value
        self.unset_value = unset_value or self._no_value
        self.blank = blank
        self.list_comments = list_comments
        self.comment = comment
        self.commented = commented or scan
        self.keeps_mark = keeps_mark
        self.refusal = refusal
        self.indent: int | None = None
        self._indented = indented
        self._set_indented = set_indented

    def __repr__(self) -> str:
        return f"<Format {self.name}>"

    def with_indent(self, indent: int) -> Format:
        """This format with other lines where ksecrets writes new ones: so many spaces a level. Nothing that is there
        changes, so in a text that shows an indentation of its own, new lines follow that one."""
        from copy import copy

        indented = self._indented
        if indented is None:
            return self
        made = copy(self)
        made.indent = indent
        made.placement = lambda text: indented(text, indent)
        set_indented = self._set_indented
        if set_indented is not None:
            made.set_value = lambda text, path, value: set_indented(text, path, value, indent)
        return made

    def _no_value(self, text: str, path: Path, value: object = None) -> str:
        raise UsageError(f"{self.name} files have no values that can be set one by one", hint="use `ksecrets edit`")


def by_name(name: str) -> Format:
    """The format of a name. Raises UsageError for a name that is none."""
    if name == "yaml":
        from ksecrets.files.formats.yaml import YAML

        return YAML
    if name == "dotenv":
        from ksecrets.files.formats.dotenv import DOTENV

        return DOTENV
    if name == "ini":
        from ksecrets.files.formats.ini import INI

        return INI
    if name == "json":
        from ksecrets.files.formats.json import JSON

        return JSON
    if name == "binary":
        from ksecrets.files.formats.binary import BINARY

        return BINARY
    raise UsageError(f"no such format: {name}", hint=f"there are {', '.join(NAMES)}")


def seen(text: str) -> Format:
    """The format of an encrypted text by its looks. JSON and binary look alike: JSON; a seal tells them apart."""
    if "\nsops:" not in text and not text.startswith("sops:"):
        if text[:_FIRST_LOOK].lstrip("\ufeff \t\r\n").startswith("{"):
            from ksecrets.text import jsonblock

            try:
                if jsonblock.search(text.removeprefix("\ufeff")) is not None:
                    return by_name("json")
            except SyntaxRefused:
                pass  # a flow mapping of YAML
        elif "\nsops_mac=" in text or text.startswith("sops_mac="):
            return by_name("dotenv")
        elif "\n[sops]" in text or text.startswith("[sops]"):
            return by_name("ini")
    return by_name("yaml")


def for_file(path: str, text: str | None = None) -> Format:
    """The format of a file by its name; where that says nothing, and for standard input, by its looks.

    text: what stands in the file, where that is encrypted. Without it, a name that says nothing means binary, and
    standard input (``-``) YAML.
    """
    if path == "-":
        return seen(text) if text is not None else by_name("yaml")
    name = name_for(path)
    if text is not None:
        if name == "binary" and not _is_wrapper(text):
            return seen(text)
        # helm-secrets encrypts every file as YAML, so that its secrets.json is none any more.
        if name == "json" and "\nsops:" in text:
            return by_name("yaml")
    return by_name(name)


def _is_wrapper(text: str) -> bool:
    """Whether an encrypted text can be that of a binary file: its first key is ``data``."""
    start = text[:_FIRST_LOOK].lstrip("\ufeff \t\r\n")
    return start[:1] == "{" and start[1:].lstrip().startswith('"data"')


def name_for(path: str) -> str:
    """The name of the format that sops gives a path, by its end. Source: sops, cmd/sops/formats/formats.go."""
    if path.endswith((".yaml", ".yml")):
        return "yaml"
    if path.endswith(".json"):
        return "json"
    if path.endswith(".env"):
        return "dotenv"
    return "ini" if path.endswith(".ini") else "binary"
