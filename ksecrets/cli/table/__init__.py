"""Every command as data: its words, options and arguments, its help, and the function that does the work.

Three readers: `main` parses the complete command lines of hot commands by it, `clickapp` builds click's commands from
it, and `docs` writes docs/cli.md from it. The function gets the values by name: an option under its long name
(``in_place`` for ``--in-place``; a flag is a bool, any other option a str or None, with `many` a tuple of str), an
argument under its own. It returns an exit code, or None for 0.

The modules beside this one are the parts of the table.
"""

from __future__ import annotations

import sys

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence


class Option:
    """names: long name last. metavar: None for a flag. many: may be given several times. file: completes paths."""

    __slots__ = ("file", "help", "key", "many", "metavar", "names")

    def __init__(
        self, names: str, help: str, *, metavar: str | None = None, many: bool = False, file: bool = False
    ) -> None:
        self.names = tuple(names.split("/"))
        self.key = self.names[-1].lstrip("-").replace("-", "_")
        self.help = help
        self.metavar = metavar
        self.many = many
        self.file = file


class Argument:
    """key: its name for the function. many: takes all that is left. file: completes paths."""

    __slots__ = ("file", "key", "many", "metavar", "required")

    def __init__(
        self, key: str, metavar: str, *, required: bool = True, many: bool = False, file: bool = False
    ) -> None:
        self.key = key
        self.metavar = metavar
        self.required = required
        self.many = many
        self.file = file


class Command:
    """words: what the user types, ``env add``. run: ``module:function`` below `ksecrets`.

    summary: one line. text: more of the help, as paragraphs. hot: started again and again by git, Helm or scripts.
    whole: everything after the words, help too, goes to the function as one list of str, untouched. separator: the
    function also gets `after`, the words behind ``--``, or None where there is no ``--``.
    """

    __slots__ = ("arguments", "hidden", "hot", "options", "run", "separator", "summary", "text", "whole", "words")

    def __init__(
        self,
        words: str,
        run: str,
        summary: str,
        *,
        arguments: Sequence[Argument] = (),
        options: Sequence[Option] = (),
        text: str = "",
        hot: bool = False,
        hidden: bool = False,
        whole: bool = False,
        separator: bool = False,
    ) -> None:
        self.words = tuple(words.split(" "))
        self.run = run
        self.summary = summary
        self.text = text
        self.arguments = tuple(arguments)
        self.options = tuple(options)
        self.hot = hot
        self.hidden = hidden
        self.whole = whole
        self.separator = separator


QUIET = Option("-q/--quiet", "Say nothing on standard error but warnings and errors.")
"""For every command, before or after its name; it is no argument of the functions."""

CONFIG = Option(
    "--config", "Rules of sops for files that no configuration rules: as SOPS_CONFIG.", metavar="FILE", file=True
)
"""For every command, as QUIET."""

# What several parts of the table have.
FILE = Argument("file", "FILE", file=True)
JSON = Option("--json", "Print JSON.")
INPUT_TYPE = Option(
    "--input-type", "The format, where the name says another: yaml, json, dotenv, ini, binary.", metavar="TYPE"
)

SAME_TYPES = (INPUT_TYPE, Option("--output-type", "As --input-type: a file stays in its format.", metavar="TYPE"))
READERS = (
    Option("-a/--age", "Age recipients, with commas between them, where no rule names any.", metavar="RECIPIENT,..."),
    Option("-p/--pgp", "PGP fingerprints, likewise.", metavar="FINGERPRINT,..."),
    Option("-k/--kms", "AWS KMS keys, likewise.", metavar="ARN,..."),
    Option("--gcp-kms", "Google Cloud KMS keys, likewise.", metavar="RESOURCE,..."),
    Option("--azure-kv", "Azure Key Vault keys, likewise.", metavar="URL,..."),
    Option("--hc-vault-transit", "Vault Transit keys, likewise.", metavar="URL,..."),
    Option("--hckms", "Huawei Cloud KMS keys, likewise.", metavar="REGION:KEY,..."),
)

AWS = (
    Option("--aws-profile", "The profile of AWS for --kms.", metavar="NAME"),
    Option("--encryption-context", "The encryption context for --kms.", metavar="NAME:VALUE,..."),
)

PQ = Option("--pq", "A new key is post-quantum (ML-KEM-768 with X25519): git history is kept for long.")

GROUPS = {
    "env": "Environments: who reads which files.",
    "git": "What git needs to show encrypted files.",
    "helm": "What Helm needs to read encrypted files.",
    "recovery": "The key for the day on which all others are lost.",
    "config": "About the configuration file.",
}

_PARTS = ("called", "files", "state", "readers", "history", "start")


class _Commands:
    """All commands. A part of the table is imported when the one before it is through: what is called most, and by git
    and Helm, comes first, and whoever has found a command takes no more."""

    __slots__ = ()

    def __iter__(self) -> Iterator[Command]:
        for part in _PARTS:
            name = f"{__name__}.{part}"
            __import__(name)
            yield from sys.modules[name].COMMANDS


COMMANDS = _Commands()
