"""What can be said of an encrypted file without any key."""

from __future__ import annotations

from ksecrets.envelope.metadata import Metadata, identity_fields
from ksecrets.errors import Tampered
from ksecrets.files.choice import Choice
from ksecrets.files.open import BOM, read_metadata
from ksecrets.operations.writing import refuse_other_readers
from ksecrets.rules.policy import Reader
from ksecrets.rules.selector import Selector
from ksecrets.text.node import BLOCK, PLAIN, SCALAR
from ksecrets.values.token import PREFIX, is_token

TYPE_CHECKING = False
if TYPE_CHECKING:
    from ksecrets.files.formats import Format
    from ksecrets.operations.session import Place
    from ksecrets.rules.policy import Policy


class Inspected:
    """An encrypted text as it looks from outside.

    sealed: it says that it carries a seal (whether that holds, only a reader can tell). values: number of tokens.
    readers: by the rules' names. environment: under which it was sealed. plaintext_lines: lines of values that are
    plaintext and that the selector of `policy` wants encrypted (a half-decrypted file, or a rule that changed).
    is_binary: it is a binary file: one value, which no selector leaves readable.
    readable_tokens: lines of tokens that the selector would leave readable.
    """

    __slots__ = (
        "environment",
        "is_binary",
        "metadata",
        "place",
        "plaintext_lines",
        "readable_tokens",
        "readers",
        "sealed",
        "values",
    )

    def __init__(self, metadata: Metadata, place: Place) -> None:
        self.metadata = metadata
        self.place = place
        self.is_binary = _is_binary(metadata, place)
        self.sealed = metadata.extension is not None
        self.environment = metadata.extension.environment if metadata.extension is not None else None
        self.values = 0
        self.plaintext_lines: list[int] = []
        self.readable_tokens: list[int] = []
        self.readers: list[Reader] = []
        for group in metadata.groups:
            for stanza in group:
                fields = identity_fields(stanza)
                self.readers.append(Reader(place.reader_name(stanza.service, fields), "person", stanza.service, fields))

    def is_as_the_rules_say(self) -> bool:
        """Whether selector, environment and path are those that the rules give the file (readers not looked at)."""
        place = self.place
        policy = place.policy
        if policy is not None and not (self.chosen_by(policy) and policy.environment == self.environment):
            return False
        extension = self.metadata.extension
        path = extension.path if extension is not None else None
        return not self.plaintext_lines and (path == place.relative or place.relative is None)

    def chosen_by(self, policy: Policy) -> bool:
        """Whether the file's own selector is that of the rules. For a binary file there is nothing to choose."""
        wanted = (policy.selector.kind, policy.selector.value), policy.mac_only_encrypted
        return self.is_binary or wanted == (self.metadata.selector, self.metadata.mac_only_encrypted)

    def refuse_other_readers(self, policy: Policy) -> None:
        """Raises RuleViolation where the readers are not those of the rules."""
        refuse_other_readers(self.metadata, policy, self.place)

    def look(self, text: str, format: Format) -> None:
        """Count tokens and find the lines; one pass over the text.

        Raises Tampered where the text has a metadata block that says something else: sops would read the first one.
        """
        body = text.removeprefix(BOM)
        policy = self.place.policy if not self.is_binary else None
        selector = policy.selector if policy is not None else Selector(*self.metadata.selector)
        choice = Choice(selector, format.commented(body) if selector.by_comment else (), body)
        for node in format.scan(body):
            if node.kind == BLOCK and Metadata.from_tree(node.value) != self.metadata:
                raise Tampered("has metadata blocks that differ", line=node.line)
            if node.kind != SCALAR or node.value == "" or node.frame.in_key:
                continue
            token = node.value.startswith(PREFIX) and is_token(node.value)
            chosen = choice.of(node)
            if token:
                self.values += 1
                if not chosen:
                    self.readable_tokens.append(node.line)
            elif chosen:
                plain = node.style == PLAIN
                if format.resolve(node.value, plain=plain, tag=node.tag)[1]:
                    self.plaintext_lines.append(node.line)


def _is_binary(metadata: Metadata, place: Place) -> bool:
    if metadata.extension is not None:
        return metadata.extension.format == "binary"
    return place.format().name == "binary"


def inspect(text: str, place: Place) -> Inspected:
    """Look at an encrypted text. The selector is that of the rules, else the file's own.

    Raises NotEncrypted, Tampered, SyntaxRefused; needs no key and contacts nobody.
    """
    format = place.format(text)
    seen = Inspected(read_metadata(text, format), place)
    seen.look(text, format)
    return seen
