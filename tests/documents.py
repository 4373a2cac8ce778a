"""Generated YAML documents: text as people write it, not as a library dumps it.

`write` makes one document from a source of random numbers; `documents` is the same as a hypothesis strategy. Every
style of scalar in every place, comments everywhere, anchors, tags, flow in block, blank lines, odd indentation, all
kinds of line ends and chomping. With ``for_sops`` it holds nothing that sops refuses or loses (docs/file-format.md,
"What sops does not read"), so that values can be compared one by one.
"""

from __future__ import annotations

from random import Random

from hypothesis import strategies as st

from ksecrets.errors import SyntaxRefused
from ksecrets.text import libyaml

PLAIN = (
    "a",
    "word",
    "two words",
    "three  spaced   words",
    "x:y",
    "x#y",
    "it's",
    'a "q" b',
    "http://host/p?q=1&r=2",
    "C:\\dir\\f",
    "-x",
    "user@host",
    "50%",
    "a,b",
    "[".join("ab"),
    "}".join("ab"),
    "${VAR}",
    "$(cmd)",
    "a: b".replace(": ", ":"),
    "äöü",
    "日本語",
    "😀",
    "é",
    "0",
    "1",
    "-7",
    "+3",
    "0644",
    "0o17",
    "0x1F",
    "0b11",
    "1_000",
    "1.10",
    "1.0",
    "-2.50",
    "1e3",
    ".5",
    "5.",
    ".inf",
    "-.INF",
    ".nan",
    "12345678901234567",
    "9223372036854775807",
    "123456789012345678.5",
    "true",
    "True",
    "FALSE",
    "yes",
    "No",
    "on",
    "OFF",
    "y",
    "n",
    "2020-01-01",
    "2020-01-01T10:00:00Z",
    "2020-1-1 1:02:03",
    "10:30",
    "1:2:3",
    "~",
    "null",
    "NULL",
    "Null",
    "=",
    "ENC",
    "ENC[x",
    "a]",
    "nbsp\u00a0here",
    "a\ttab",
    "\u200bzero",
    "long " + "word " * 40 + "end",
)
FLOW_PLAIN = tuple(
    text for text in PLAIN if not set(text) & set(",[]{}?:") and not text.startswith("=") and "\t" not in text
)
QUOTED = (
    "",
    "a",
    "two words",
    " lead",
    "trail ",
    "it's",
    'say "x"',
    "back\\slash",
    "# no comment",
    "a: b",
    "- item",
    "1.10",
    "true",
    "null",
    "2020-01-01",
    "~",
    "*x",
    "&y",
    "!z",
    "%p",
    "@a",
    "`b",
    "{c",
    "[d",
    "ENC[AES256_GCM,x]",
    "😀",
    "日本",
    "é",
    "{{ .Values.x }}",
    "yes",
)
ESCAPED = (
    "a\\nb",
    "a\\tb",
    "\\u00e9",
    "\\x41",
    "\\U0001F600",
    "a\\\\b",
    '\\"',
    "a\\nb\\n",
    "x\\ry",
    "\\0",
    "\\L\\N",
    "\\e",
    "a\\_b",
)
LINES = (
    "text",
    "two words",
    "# not a comment",
    "key: value",
    "- item",
    "a 'b' \"c\"",
    "C:\\x",
    "{json: 1}",
    "日本",
    "😀",
    "---x",
    "trailing  ",
    "-----BEGIN-----",
    "0644",
    "\\n",
    "%x",
    "tab\there",
)
COMMENTS = (
    " prose",
    " a sentence: with a colon",
    " password: old",
    "key=value",
    " - item",
    "",
    "# double",
    " äöü 😀",
    " token: 'x' # more",
    " ENC",
    " -- helm-docs",
    " @param a [string]",
    " trailing  ",
    "\ttab",
    " http://x/y",
)
KEYS = (
    "a",
    "b",
    "key",
    "long-key",
    "under_score",
    "dot.key",
    "with space",
    "slash/key",
    "Ünï",
    "日本",
    "x_unencrypted",
    "UPPER",
    "k8s.io/name",
    "'single'",
    '"double"',
    '"with: colon"',
    "'it''s'",
    '"esc\\tape"',
    "a#b",
    "$x",
    "yes",
    "on",
    "<",
    "0x",
    "1a",
    "true1",
)


class Writer:
    """Writes one document."""

    def __init__(self, random: Random, *, for_sops: bool) -> None:
        self.random = random
        self.for_sops = for_sops
        self.anchors: list[str] = []
        self.budget = 40  # nodes

    def chance(self, percent: int) -> bool:
        return self.random.randrange(100) < percent

    def pick(self, options: tuple[str, ...]) -> str:
        return options[self.random.randrange(len(options))]

    # -- documents ---------------------------------------------------------------------------------------------------

    def document(self) -> str:
        random = self.random
        kind = random.randrange(12)
        if kind == 0:
            text = self.flow_mapping(2, root=True) + self.trailing() + "\n"
        elif kind == 1 and not self.for_sops:
            text = self.block_list(0, 2)
        elif kind == 2 and not self.for_sops:
            text = self.inline(0, in_list=False) + "\n"
        else:
            text = self.block_mapping(random.choice((0, 0, 0, 2)), 3, in_list=False)
        text = self.gap(0) + text + self.gap(0)
        if self.chance(20):
            text = (
                self.pick(("---\n", "--- # start\n", "%YAML 1.1\n---\n", "---\n---\n")[: 2 if self.for_sops else 4])
                + text
            )
        if self.chance(5):
            text += self.pick(("...\n", "... # end\n"))
        if self.chance(15) and text.endswith("\n"):
            text = text[:-1]
        return text

    def stream(self) -> str:
        """One to three documents, with any line ends, perhaps behind a byte order mark."""
        parts = [self.document()]
        while self.chance(12) and len(parts) < 3:
            parts[-1] = parts[-1] if parts[-1].endswith("\n") else parts[-1] + "\n"
            self.anchors.clear()
            follower = self.document()
            parts.append(follower if follower.startswith("---") else "---\n" + follower.replace("%YAML 1.1\n", ""))
        text = "".join(parts)
        ends = self.random.randrange(10)
        if ends == 0:
            text = text.replace("\n", "\r\n")
        elif ends == 1 and not self.for_sops:
            text = text.replace("\n", "\r")
        elif ends == 2 and not self.for_sops:
            text = text.replace("\n", "\r\n", 1)
        return ("\ufeff" if self.chance(3) else "") + text

    def gap(self, indent: int) -> str:
        """Blank lines and comments of their own lines."""
        text = ""
        while self.chance(18):
            if self.chance(35):
                text += self.pick(("\n", "\n", "  \n"))
            else:
                text += " " * indent + "#" + self.comment() + "\n"
        return text

    def trailing(self) -> str:
        if self.chance(12):
            return self.pick((" ", "  ", "\t")) + "#" + self.comment()
        return self.pick(("", "", "", "", " ", "  "))

    def comment(self) -> str:
        """What stands behind a `#`. An empty comment before an item of a list makes sops write an item of its own."""
        return self.pick(COMMENTS) or (" x" if self.for_sops else "")

    # -- collections -------------------------------------------------------------------------------------------------

    def block_mapping(self, indent: int, depth: int, in_list: bool, first_gap: bool = True) -> str:
        used: set[str] = set()
        text = ""
        for number in range(self.random.randrange(1, 6)):
            if self.budget < 0 and number:
                break
            key = self.key(used)
            if number or first_gap:
                text += self.gap(indent) + " " * indent
            text += self.entry(key, indent, depth, in_list)
        return text

    def entry(self, key: str, indent: int, depth: int, in_list: bool) -> str:
        self.budget -= 1
        if self.chance(4):
            head = f"? {key}{self.trailing()}\n{' ' * indent}:"
        else:
            head = key + self.pick((":", ":", ":", ":", " :"))
        return head + self.value(indent, depth, in_list, below=False)

    def value(self, indent: int, depth: int, in_list: bool, below: bool) -> str:
        """What stands behind `key:` or `-`, to the end of its last line. below: the collection may be at `indent`."""
        kind = self.random.randrange(20)
        if depth > 0 and self.budget > 0:
            step = self.random.choice((1, 2, 2, 2, 4))
            if kind < 4:
                anchor = self.properties(collection=True)
                return f"{anchor}{self.trailing()}\n" + self.block_mapping(indent + step, depth - 1, in_list)
            if kind < 7:
                at = indent if not below and self.chance(50) else indent + step
                anchor = self.properties(collection=True)
                return f"{anchor}{self.trailing()}\n" + self.block_list(at, depth - 1)
            if kind == 7:
                anchor = self.properties(collection=True)
                # Behind a flow list in a list, sops writes a comment in the middle of the list.
                return f"{anchor} {self.flow(2)}{'' if self.for_sops and in_list else self.trailing()}\n"
        if kind == 8:
            return self.trailing() + "\n"  # null
        if kind == 9 and self.anchors and not self.for_sops:
            return f" *{self.random.choice(self.anchors)}{self.trailing()}\n"
        space = self.pick((" ", " ", " ", "  ", "   "))
        if kind in (10, 11, 12):
            return space + self.block_scalar(indent, in_list)
        if kind == 13:
            return f"{self.trailing()}\n{' ' * (indent + 2)}{self.inline(indent, in_list)}{self.trailing()}\n"
        return f"{space}{self.properties()}{self.inline(indent, in_list)}{self.trailing()}\n"

    def block_list(self, indent: int, depth: int) -> str:
        text = ""
        for _ in range(self.random.randrange(1, 5)):
            self.budget -= 1
            text += self.gap(indent) + " " * indent + "-"
            if depth > 0 and self.chance(30):
                text += " " + self.block_mapping(indent + 2, depth - 1, True, first_gap=False)
            elif depth > 0 and self.chance(8):
                text += " " + self.block_list(indent + 2, depth - 1).lstrip(" \n") if self.anchors else " []\n"
            else:
                text += self.value(indent, depth, True, below=True)
        return text

    def flow(self, depth: int) -> str:
        return self.flow_mapping(depth) if self.chance(50) else self.flow_list(depth)

    def flow_item(self, depth: int) -> str:
        self.budget -= 1
        if depth > 0 and self.chance(15):
            return self.flow(depth - 1)
        kind = self.random.randrange(4)
        if kind == 0:
            return "'" + self.pick(QUOTED).replace("'", "''") + "'"
        if kind == 1:
            return self.double(in_list=True)
        return (self.pick(("!!str ", "&f ", "!t ")) if self.chance(4) else "") + self.pick(FLOW_PLAIN)

    def flow_list(self, depth: int) -> str:
        items = [self.flow_item(depth) for _ in range(self.random.randrange(4))]
        return self.between("[", items, "]")

    def flow_mapping(self, depth: int, root: bool = False) -> str:
        used: set[str] = set()
        entries = []
        for _ in range(self.random.randrange(4)):
            key = self.key(used)
            if set(key) & set("{}[],<") or key.startswith("$"):
                continue
            entries.append(f"{key}: {self.flow_item(depth)}" if self.chance(93) else f"{key}: ")
        return self.between("{", entries, "}", root)

    def between(self, opening: str, items: list[str], closing: str, root: bool = False) -> str:
        if not items:
            return opening + self.pick(("", "", " ")) + closing
        separator = self.pick((", ", ", ", " , ", ",   "))
        comma = self.pick(("", "", "", ",", ", ")) if not items[-1].endswith(": ") else ""
        if root and self.chance(50):
            lines = [f"  {item},{self.trailing()}" for item in items[:-1]] + [
                f"  {items[-1]}{comma.strip()}{self.trailing()}"
            ]
            return opening + "\n" + "\n".join(lines) + "\n" + closing
        return opening + self.pick(("", " ")) + separator.join(items) + comma + self.pick(("", " ")) + closing

    # -- scalars -----------------------------------------------------------------------------------------------------

    def key(self, used: set[str]) -> str:
        for _ in range(20):
            key = self.pick(KEYS)
            bare = key.strip("'\"")
            if bare not in used:
                used.add(bare)
                return key
        used.add(name := f"key{len(used)}")
        return name

    def properties(self, collection: bool = False) -> str:
        space = " " if collection else ""
        if self.chance(4):
            name = f"n{len(self.anchors)}"
            self.anchors.append(name)
            return f"{space}&{name}" + ("" if collection else " ")
        if not collection and self.chance(4):
            return self.pick(("!!str ", "!local ", "! "))
        return ""

    def double(self, in_list: bool = False) -> str:
        text = self.pick(QUOTED).replace("\\", "\\\\").replace('"', '\\"')
        if self.chance(40):
            text += self.pick(ESCAPED)
        if in_list and self.for_sops and text[:1] == " ":
            text = "x" + text
        return f'"{text}"'

    def inline(self, indent: int, in_list: bool) -> str:
        kind = self.random.randrange(10)
        deeper = "\n" + " " * (indent + self.random.choice((2, 3, 6)))
        if kind == 0:
            return "'" + self.pick(QUOTED).replace("'", "''") + "'"
        if kind == 1:
            return self.double(in_list)
        if kind == 2:
            return f"word{deeper}more{self.pick(('', ' ', '  '))}{deeper}{self.pick(('end', '1.10', 'x: y'[:1]))}"
        if kind == 3:
            return f'"one{self.pick(("", " ", chr(92)))}{deeper}{self.pick(("two", "# three", "t: u"))}"'
        if kind == 4:
            return f"'one{self.pick(('', ' ', chr(10)))}{deeper}{self.pick(('two', 'it' + chr(39) * 2 + 's'))}'"
        return self.pick(PLAIN)

    def block_scalar(self, indent: int, in_list: bool) -> str:
        step = self.random.choice((1, 2, 2, 2, 4))
        pad = " " * (indent + step)
        chomping = self.pick(("", "", "-", "-", "+"))
        plain_start = in_list and self.for_sops
        lines = []
        for number in range(self.random.randrange(1, 5)):
            if number or not plain_start:
                if self.chance(15):
                    lines.append("")
                if self.chance(10) and number:
                    lines.append(pad + "  " + self.pick(LINES))
            lines.append(pad + self.pick(LINES))
        indicator = ""
        if not plain_start and self.chance(10):
            indicator = str(step)
            lines[0] = pad + self.pick(("", " ", "  ")) + self.pick(LINES)
        while self.chance(20):
            lines.append("")
        header = (
            self.pick(("|", "|", ">")) + self.pick((chomping + indicator, indicator + chomping)) + self.header_end()
        )
        return header + "\n" + "\n".join(lines) + "\n"

    def header_end(self) -> str:
        return self.pick(("", "", "", " ", " # header", " # token: x"))


def write(random: Random, *, for_sops: bool = False) -> str:
    """One stream of documents."""
    return Writer(random, for_sops=for_sops).stream()


def is_yaml(text: str) -> bool:
    """Whether libyaml reads it: about one in forty is beyond what people write."""
    try:
        for _ in libyaml.events(text.removeprefix("\ufeff")):
            pass
    except SyntaxRefused:
        return False
    return True


def documents(*, for_sops: bool = False) -> st.SearchStrategy[str]:
    """The same, for hypothesis. Drawn as seeds: the choices themselves would be more than it wants to keep."""
    return st.integers(0, 2**48).map(lambda seed: write(Random(seed), for_sops=for_sops)).filter(is_yaml)
