"""The commands about values and whole files: what people and scripts type most."""

from __future__ import annotations

from ksecrets.cli.table import AWS, FILE, INPUT_TYPE, READERS, SAME_TYPES, Argument, Command, Option

_FILES = Argument("files", "FILE...", many=True, file=True)
_MAYBE_FILES = Argument("files", "[FILE]...", many=True, required=False, file=True)
_KEY = Argument("key", "PATH")
_OUTPUT = Option("--output", "Write to this file instead of standard output.", metavar="FILE", file=True)
_NAMED = Option("--filename-override", "The path by which the rules apply.", metavar="PATH", file=True)
_PATH_FORM = 'PATH is a.b[0].c, or as in sops \'["a"]["b"][0]\'.'
_DASH = "FILE - is standard input, and so is no FILE at all."
_REQUIRE_SEAL = Option("--require-seal", "Refuse a file without a valid seal.")
_COMMAND = Argument("command", "[COMMAND]", required=False)
_COMMAND_FORM = "COMMAND is one text for the shell; as words behind -- it is run without one. Its exit code is ours."
_USER = Option("--user", "Run the command as this user; only root can.", metavar="NAME")
_TYPES = (INPUT_TYPE, Option("--output-type", "Convert the values to this format first.", metavar="TYPE"))
_SELECTOR = (
    Option("--encrypted-regex", "Encrypt only under keys that match, where no rule says.", metavar="REGEX"),
    Option("--unencrypted-regex", "Leave readable what is under keys that match.", metavar="REGEX"),
    Option("--encrypted-suffix", "Encrypt only under keys that end so.", metavar="TEXT"),
    Option("--unencrypted-suffix", "Leave readable what is under keys that end so.", metavar="TEXT"),
    Option("--encrypted-comment-regex", "Encrypt only what a comment before it picks.", metavar="REGEX"),
    Option("--unencrypted-comment-regex", "Leave readable what a comment before it picks.", metavar="REGEX"),
    Option("--mac-only-encrypted", "sops's MAC covers only encrypted values; the seal covers all."),
)

COMMANDS = (
    Command(
        "encrypt",
        "cli.files:encrypt",
        "Encrypt files.",
        arguments=(_MAYBE_FILES,),
        options=(
            Option("-i/--in-place", "Put the result in the place of each file."),
            _OUTPUT,
            _NAMED,
            *_TYPES,
            *READERS,
            *AWS,
            *_SELECTOR,
        ),
        text=f"Values that did not change keep their ciphertext. {_DASH} Several files need -i. Where a rule is about "
        "the file, options may say what it says, and nothing else; where none is, sops's variables name readers, too.",
        hot=True,
    ),
    Command(
        "decrypt",
        "cli.files:decrypt",
        "Decrypt files, byte for byte as they were.",
        arguments=(_MAYBE_FILES,),
        options=(
            Option("-i/--in-place", "Put the plaintext in the place of each file."),
            _OUTPUT,
            Option("--extract", "Print only the value at this path.", metavar="PATH"),
            Option("--ignore-mac", "Do not check that the file is unchanged. What is printed may be forged."),
            _REQUIRE_SEAL,
            _NAMED,
            INPUT_TYPE,
            Option("--output-type", "Convert the plaintext to this format: values only.", metavar="TYPE"),
        ),
        text=f"{_DASH} Several files need -i.",
        hot=True,
    ),
    Command(
        "edit",
        "cli.values:edit",
        "Edit the plaintext of a file, and encrypt it again.",
        arguments=(FILE,),
        options=(*SAME_TYPES, *READERS, *AWS, *_SELECTOR),
        text="The plaintext lies in memory, never on a disk, where the system has such a place. The editor is the "
        "first of $SOPS_EDITOR, $KSECRETS_EDITOR, $VISUAL and $EDITOR that is set, else vi. A file that does not exist "
        "is begun; the options are for this one, where no rule is about it.",
        hot=True,
    ),
    Command(
        "get",
        "cli.values:get",
        "Print one value.",
        arguments=(FILE, _KEY),
        options=(INPUT_TYPE,),
        text=f"{_PATH_FORM} FILE - is standard input. The value is printed as it is; a line break is added on a "
        "terminal only.",
        hot=True,
    ),
    Command(
        "set",
        "cli.values:set_value",
        "Set one value.",
        arguments=(FILE, _KEY, Argument("value", "[VALUE]", required=False)),
        options=(
            Option(
                "--value-file",
                "Read the value from this file (- for standard input), every byte of it.",
                metavar="FILE",
                file=True,
            ),
            Option("--value-stdin", "Read the value from standard input, every byte of it."),
            Option("--json", "The value is JSON: a number, true, null, a list, ..."),
            Option("--text", "The value is text, whatever it looks like."),
            Option("--idempotent", "As in sops; a value that is there already changes nothing in any case."),
            *SAME_TYPES,
        ),
        text=f"{_PATH_FORM} With a PATH in the form of sops, the value is what it is for sops, where it is JSON: "
        "'\"text\"', 5, {...}. Without a value, it is asked for on a terminal (and not shown); elsewhere standard "
        "input is read, and one line break at its end does not count. VALUE as an argument can be seen in the history "
        "of the shell and in the list of processes.",
        hot=True,
    ),
    Command(
        "unset",
        "cli.values:unset",
        "Remove one value with its key.",
        arguments=(FILE, _KEY),
        options=(Option("--idempotent", "Where there is no such value, do nothing."), *SAME_TYPES),
        text=_PATH_FORM,
        hot=True,
    ),
    Command(
        "filestatus",
        "cli.files:filestatus",
        'Print {"encrypted":true} or {"encrypted":false}; needs no key.',
        arguments=(FILE,),
        options=(INPUT_TYPE,),
        text="Looks at the metadata only; whether every value is encrypted as the rules say is for `check`.",
        hot=True,
    ),
    Command(
        "seal",
        "cli.files:seal",
        "Seal files that lost their seal, after a look at what changed.",
        arguments=(_FILES,),
        options=(Option("-y/--yes", "Do not ask; what changed is still shown."), INPUT_TYPE),
        text="For a file that sops wrote last. Shows which values changed since the last sealed version in git, on "
        "standard error and without the values, and asks.",
    ),
    Command(
        "exec-env",
        "cli.run:exec_env",
        "Run a command with the values of a file in its environment.",
        arguments=(FILE, _COMMAND),
        options=(
            Option("--pristine", "Only these values, nothing of the environment of ksecrets."),
            _USER,
            Option("--same-process", "As in sops; the command takes the place of ksecrets in any case."),
            INPUT_TYPE,
            _REQUIRE_SEAL,
        ),
        text=f"{_COMMAND_FORM} Values stand as the file has them, so that 0644 stays 0644. The command does not "
        "inherit the variables that lead to an identity. Names that make a loader or a shell run code (LD_PRELOAD, "
        "BASH_ENV) are refused.",
        separator=True,
        hot=True,
    ),
    Command(
        "exec-file",
        "cli.run:exec_file",
        "Run a command with the path of the decrypted file in place of {}.",
        arguments=(FILE, _COMMAND),
        options=(
            Option("--filename", "The name of the file, for a command that looks at it.", metavar="NAME"),
            Option("--no-fifo", "A regular file, for a command that reads it in no other way; in memory, if possible."),
            _USER,
            *_TYPES,
            _REQUIRE_SEAL,
        ),
        text=f"{_COMMAND_FORM} On Linux the path is that of anonymous memory, which can be read again and again; with "
        "--filename, and on other Unix systems, that of a named pipe, which every reader gets filled anew. Both are "
        "gone when the command and all that it started have ended, and no plaintext is on a disk. With --no-fifo a "
        "private file, in memory where the system has such a place. On Windows, always a private file on the disk, "
        "which is overwritten and removed at the end.",
        separator=True,
        hot=True,
    ),
)
