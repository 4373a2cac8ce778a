"""The files that a Helm command line names: found as Helm finds them, and replaced.

Helm parses with pflag and cobra, which this follows (spf13/pflag flag.go, string_slice.go; helm pkg/strvals):

    -f FILE  -fFILE  -f=FILE  -if FILE  --values FILE  --values=FILE     a list in CSV: a.yaml,"b,c.yaml"
    --set-file KEY=FILE,KEY={FILE,FILE}                                  with backslash escapes
    --set, --set-string, --set-json, --set-literal                       values, which may be references
    --                                                                   ends the options

The word after an option that takes a value is never an option, so that `--post-renderer-args -f` names no file. An
option that we do not know (of a plugin, of a later Helm) is taken to have no value of its own, so that the next word
is looked at too: a file is rather seen where there is none, which ends in an error, than missed, which would deploy
ciphertext.

How a file is written is a matter of address.py, what a list of ``--set`` means one of sets.py.
"""

from __future__ import annotations

from ksecrets.errors import UsageError
from ksecrets.helm.address import Address

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    Replace = Callable[[Address, bool], str | None]

VALUES_VERBS = frozenset({"install", "lint", "template", "upgrade"})
"""Helm's own commands that read values files. Other verbs are plugins, whose `-f` may mean something else."""
RENDERING_VERBS = frozenset({"diff", "install", "template", "upgrade"})
"""The commands that take a post-renderer, that of helm-diff too."""
_FILTER_VERBS = frozenset({"list", "ls"})  # Helm's own commands whose -f is something else

# The options of Helm 3 and Helm 4 that always take a value: the global ones, and those of VALUES_VERBS. A test compares
# them with the help of both. Left out are those with an optional value (--dry-run, --wait) and --server-side, which
# takes one in `upgrade` only.
_LONG = """
    api-versions burst-limit ca-file cert-file color colour content-cache description history-max key-file keyring
    kube-apiserver kube-as-group kube-as-user kube-ca-file kube-context kube-tls-server-name kube-token kube-version
    kubeconfig labels name-template namespace output output-dir password post-renderer post-renderer-args qps
    registry-config repo repository-cache repository-config set set-file set-json set-literal set-string show-only
    timeout username values version
"""
LONG_WITH_VALUE = frozenset(_LONG.split())
SHORT_WITH_VALUE = frozenset("aflnos")
SHORT_WITHOUT_VALUE = frozenset("ghi")

_VALUES = "values"
_SET_FILE = "set-file"
SETS = ("set-json", "set", "set-string", _SET_FILE, "set-literal")
"""The options that set values, in the order in which Helm goes by them, whatever their order in the command line; all
come after the values files (pkg/cli/values/options.go)."""
_FILES = frozenset({_VALUES, *SETS})
_FILES_SHORT = frozenset("f")


def verb(argv: Sequence[str]) -> str | None:
    """The command of Helm, `template` in ``-n shop template ...``; None where there is none."""
    for words, option, _ in _scan(argv):
        if option is None:
            return words[0]
        if option == "--":
            return words[1] if len(words) > 1 else None
    return None


def has_option(argv: Sequence[str], name: str) -> bool:
    """Whether the long option stands there, as an option (not as the value of one, not after `--`)."""
    return any(option == name for _, option, _ in _scan(argv))


def sets(argv: Sequence[str]) -> list[tuple[str, str]]:
    """The options that set values, each with its text, in the order of the command line."""
    if verb(argv) in _FILTER_VERBS:
        return []
    return [(option, value) for _, option, value in _scan(argv) if value is not None and option in SETS]


def with_sets(
    argv: Sequence[str], texts: Sequence[str], behind: Sequence[Sequence[str]], last: Sequence[str]
) -> list[str]:
    """The command line with other texts for `sets`, further words behind each, and words at the end of the options."""
    out: list[str] = []
    at = 0
    for words, option, value in _scan(argv):
        if option == "--":
            return [*out, *last, *words]
        if value is None or option not in SETS:
            out += words
            continue
        out += _with_value(words, value, texts[at])
        out += behind[at]
        at += 1
    return [*out, *last]


def with_options(argv: Sequence[str], more: Sequence[str]) -> list[str]:
    """The command line with further options."""
    out: list[str] = []
    for words, option, _ in _scan(argv):
        if option == "--":
            return [*out, *more, *words]
        out += words
    return [*out, *more]


def rewrite(argv: Sequence[str], replace: Replace) -> list[str]:
    """The command line with each values file as `replace` wants it; every other word as it is.

    replace: gets each file in the order of the command line, and whether it is one of ``--set-file``; returns the path
    for Helm, or None to leave the file out (of ``--set-file``: for an empty one). A file that comes back as it was
    written leaves its word as it was.

    Raises UsageError for a list of files that Helm could not read either.
    """
    if verb(argv) in _FILTER_VERBS:
        return list(argv)
    out: list[str] = []
    for words, option, value in _scan(argv):
        if value is None or option not in (_VALUES, _SET_FILE):
            out += words
            continue
        new = _rewrite_values(value, replace) if option == _VALUES else _rewrite_set_file(value, replace)
        out += _with_value(words, value, new)
    return out


def _with_value(words: Sequence[str], old: str, new: str) -> list[str]:
    """An option with another value, which is the end of its last word: --values=FILE, -fFILE, or on its own."""
    return [*words[:-1], words[-1][: len(words[-1]) - len(old)] + new]


def _scan(argv: Sequence[str]) -> Iterator[tuple[list[str], str | None, str | None]]:
    """The words in groups: (words, long name of an option or None, its value or None).

    `--` comes as one group with all that follows. A word such as -if is one group, named by its last option.
    """
    words = list(argv)
    at = 0
    ours = True  # whether the options are those that we know: before the verb, and behind one of VALUES_VERBS
    has_verb = False
    while at < len(words):
        word = words[at]
        at += 1
        value: str | None = None
        takes_next = False
        if word == "--":
            yield words[at - 1 :], "--", None
            return
        if not word.startswith("-") or word == "-":
            if not has_verb:
                has_verb = True
                ours = word in VALUES_VERBS
            yield [word], None, None
            continue
        if word.startswith("--"):
            option, attached, text = word[2:].partition("=")
            value = text if attached else None
            takes_next = not attached and option in (LONG_WITH_VALUE if ours else _FILES)
        else:
            option, value, takes_next = _short(word, SHORT_WITH_VALUE if ours else _FILES_SHORT)
        if takes_next and at < len(words):
            yield [word, words[at]], option, words[at]
            at += 1
        else:
            yield [word], option, value


def _short(word: str, with_value: frozenset[str]) -> tuple[str, str | None, bool]:
    """The last option of a word of letters, its value in the word, and whether it takes the next word.

    parseSingleShortArg of pflag. Behind a letter that we do not know stands its value, as far as we can tell.
    """
    for at in range(1, len(word)):
        letter, rest = word[at], word[at + 1 :]
        name = _VALUES if letter == "f" else letter
        if len(rest) > 1 and rest[0] == "=":
            return name, rest[1:], False
        if letter in with_value:
            return name, rest or None, not rest
        if letter not in SHORT_WITHOUT_VALUE:
            return name, rest or None, False
    return word[-1], None, False


def _rewrite_values(value: str, replace: Replace) -> str:
    """A CSV list of files, as pflag's StringSlice reads it; the null device where no file is left."""
    specs = split_csv(value)
    new: list[str] = []
    for spec in specs:
        path = replace(Address(spec), False) if spec else spec
        if path is not None:
            new.append(path)
    if new == specs:
        return value
    if not new:
        import os

        return os.devnull
    return ",".join(_csv_field(path) for path in new)


def split_csv(value: str) -> list[str]:
    """The fields of one line of CSV as Go's encoding/csv reads it. Raises UsageError where Go gives an error."""
    if not value:
        return []
    if "\n" in value or "\r" in value:
        raise UsageError("a list of values files with a line break in it")
    fields: list[str] = []
    at = 0
    while True:
        if value.startswith('"', at):
            field = ""
            at += 1
            while True:
                end = value.find('"', at)
                if end < 0:
                    raise UsageError(f"a quote without its end in the list of values files {value}")
                field += value[at:end]
                at = end + 1
                if not value.startswith('"', at):
                    break
                field += '"'
                at += 1
            if at < len(value) and value[at] != ",":
                raise UsageError(f"text behind a quote in the list of values files {value}")
        else:
            end = value.find(",", at)
            field = value[at:] if end < 0 else value[at:end]
            if '"' in field:
                raise UsageError(f"a quote within a name in the list of values files {value}")
            at += len(field)
        fields.append(field)
        if at >= len(value):
            return fields
        at += 1


def _csv_field(path: str) -> str:
    if not path or "," in path or '"' in path:
        return '"' + path.replace('"', '""') + '"'
    return path


def _rewrite_set_file(value: str, replace: Replace) -> str:
    """``key=file,key={file,file}`` (pkg/strvals); what Helm will refuse stays as it is."""
    out: list[str] = []
    at = 0
    while at < len(value):
        start = at
        _, stop, at = until(value, at, "=,")
        if stop != "=":
            return ",".join([*out, value[start:]])
        head = value[start:at]
        if value.startswith("{", at):
            items: list[str] = []
            at += 1
            while stop != "}":
                item = at
                file, stop, at = until(value, at, ",}")
                if not stop:
                    return ",".join([*out, value[start:]])
                items.append(_new_item(file, value[item : at - 1], replace, ",}"))
            out.append(head + "{" + ",".join(items) + "}")
            if value.startswith(",", at):
                at += 1
        else:
            item = at
            file, stop, at = until(value, at, ",")
            out.append(head + _new_item(file, value[item : at - len(stop)], replace, ","))
    return ",".join(out)


def _new_item(file: str, source: str, replace: Replace, special: str) -> str:
    """The source text of one file. One that is left out is empty, as by the getter: its key has a value."""
    if not file:
        return source
    path = replace(Address(file), True)
    if path is None:
        import os

        path = os.devnull
    if path == file:
        return source
    for letter in "\\" + special:
        path = path.replace(letter, "\\" + letter)
    return "\\" + path if path.startswith("{") else path


def until(text: str, at: int, stops: str) -> tuple[str, str, int]:
    """The text up to a stop that no backslash precedes, that stop ("" at the end), and where it goes on.

    runesUntil of pkg/strvals.
    """
    found = ""
    while at < len(text):
        letter = text[at]
        at += 1
        if letter in stops:
            return found, letter, at
        if letter == "\\" and at < len(text):
            letter = text[at]
            at += 1
        found += letter
    return found, "", at
