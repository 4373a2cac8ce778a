"""Every command as data: its words, options and arguments, its help, and the function that does the work.

Three readers: `main` parses the complete command lines of hot commands by it, `clickapp` builds click's commands from
it, and `docs` writes docs/cli.md from it. The function gets the values by name: an option under its long name
(``in_place`` for ``--in-place``; a flag is a bool, any other option a str or None, with `many` a tuple of str), an
argument under its own. It returns an exit code, or None for 0.
"""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence


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

_FILE = Argument("file", "FILE", file=True)
_FILES = Argument("files", "FILE...", many=True, file=True)
_MAYBE_FILES = Argument("files", "[FILE]...", many=True, required=False, file=True)
_PATHS = Argument("paths", "[PATH]...", many=True, required=False, file=True)
_TREES = Argument("files", "[PATH]...", many=True, required=False, file=True)
_ENV = Option("--env", "Only files of this environment.", metavar="NAME")
_SINCE = Option("--changed-since", "Only files that differ from this revision.", metavar="REV")
_KEY = Argument("key", "PATH")
_OUTPUT = Option("--output", "Write to this file instead of standard output.", metavar="FILE", file=True)
_JSON = Option("--json", "Print JSON.")
_NAMED = Option("--filename-override", "The path by which the rules apply.", metavar="PATH", file=True)
_PATH_FORM = 'PATH is a.b[0].c, or as in sops \'["a"]["b"][0]\'.'
_HELM = Option("--helm", "This Helm; else $HELM_BIN, else the one of the PATH.", metavar="PATH", file=True)
_DASH = "FILE - is standard input, and so is no FILE at all."
_REQUIRE_SEAL = Option("--require-seal", "Refuse a file without a valid seal.")
_COMMAND = Argument("command", "[COMMAND]", required=False)
_COMMAND_FORM = "COMMAND is one text for the shell; as words behind -- it is run without one. Its exit code is ours."
_USER = Option("--user", "Run the command as this user; only root can.", metavar="NAME")
_GLOBS = Option("--files", "The files of the environment: patterns as git has them.", metavar="GLOB", many=True)

_INPUT_TYPE = Option(
    "--input-type", "The format, where the name says another: yaml, json, dotenv, ini, binary.", metavar="TYPE"
)
_TYPES = (_INPUT_TYPE, Option("--output-type", "Convert the values to this format first.", metavar="TYPE"))
_SAME_TYPES = (_INPUT_TYPE, Option("--output-type", "As --input-type: a file stays in its format.", metavar="TYPE"))

_READERS = (
    Option("-a/--age", "Age recipients, with commas between them, where no rule names any.", metavar="RECIPIENT,..."),
    Option("-p/--pgp", "PGP fingerprints, likewise.", metavar="FINGERPRINT,..."),
    Option("-k/--kms", "AWS KMS keys, likewise.", metavar="ARN,..."),
    Option("--gcp-kms", "Google Cloud KMS keys, likewise.", metavar="RESOURCE,..."),
    Option("--azure-kv", "Azure Key Vault keys, likewise.", metavar="URL,..."),
    Option("--hc-vault-transit", "Vault Transit keys, likewise.", metavar="URL,..."),
    Option("--hckms", "Huawei Cloud KMS keys, likewise.", metavar="REGION:KEY,..."),
)
_AWS = (
    Option("--aws-profile", "The profile of AWS for --kms.", metavar="NAME"),
    Option("--encryption-context", "The encryption context for --kms.", metavar="NAME:VALUE,..."),
)
_SELECTOR = (
    Option("--encrypted-regex", "Encrypt only under keys that match, where no rule says.", metavar="REGEX"),
    Option("--unencrypted-regex", "Leave readable what is under keys that match.", metavar="REGEX"),
    Option("--encrypted-suffix", "Encrypt only under keys that end so.", metavar="TEXT"),
    Option("--unencrypted-suffix", "Leave readable what is under keys that end so.", metavar="TEXT"),
    Option("--encrypted-comment-regex", "Encrypt only what a comment before it picks.", metavar="REGEX"),
    Option("--unencrypted-comment-regex", "Leave readable what a comment before it picks.", metavar="REGEX"),
    Option("--mac-only-encrypted", "sops's MAC covers only encrypted values; the seal covers all."),
)
_CHANGED_READERS = tuple(
    Option(f"--{verb}-{each.key.replace('_', '-')}", f"{what} the file's readers.", metavar=each.metavar)
    for verb, what in (("add", "Add to"), ("rm", "Take out of"))
    for each in _READERS
)

_PQ = Option("--pq", "A new key is post-quantum (ML-KEM-768 with X25519): git history is kept for long.")

GROUPS = {
    "env": "Environments: who reads which files.",
    "git": "What git needs to show encrypted files.",
    "helm": "What Helm needs to read encrypted files.",
    "recovery": "The key for the day on which all others are lost.",
    "config": "About the configuration file.",
}

COMMANDS = (
    Command(
        "init",
        "cli.setup:init",
        "Set up a git repository: a key, .ksecrets.yaml, and git of this clone.",
        options=(
            Option("--name", "Your name in the configuration (default: from git).", metavar="NAME"),
            Option("--env", "The first environment (default: dev).", metavar="NAME"),
            _GLOBS,
            Option("--keyring", "Keep a new key in the keyring of the system."),
            _PQ,
        ),
        text="Makes an age key only where there is none. Can be run again: what is there stays.",
    ),
    Command(
        "env add",
        "cli.setup:env_add",
        "Add an environment with readers of its own.",
        arguments=(Argument("name", "NAME"),),
        options=(
            Option("--machine", "Make a key for a machine of this name.", metavar="NAME"),
            _PQ,
            _GLOBS,
            Option("--reader", "Who reads it (default: you).", metavar="NAME", many=True),
        ),
        text="The private key of a new machine goes to standard output, and nowhere else.",
    ),
    Command(
        "keygen",
        "cli.setup:keygen",
        "Make an age key.",
        options=(
            Option("-o/--output", "Into this new file.", metavar="FILE", file=True),
            Option("--keyring", "Into the keyring of the system."),
            _PQ,
        ),
        text="By default it is added to the file where sops also looks.",
    ),
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
            *_READERS,
            *_AWS,
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
            _INPUT_TYPE,
            Option("--output-type", "Convert the plaintext to this format: values only.", metavar="TYPE"),
        ),
        text=f"{_DASH} Several files need -i.",
        hot=True,
    ),
    Command(
        "edit",
        "cli.values:edit",
        "Edit the plaintext of a file, and encrypt it again.",
        arguments=(_FILE,),
        options=(*_SAME_TYPES, *_READERS, *_AWS, *_SELECTOR),
        text="The plaintext lies in memory, never on a disk, where the system has such a place. The editor is the "
        "first of $SOPS_EDITOR, $KSECRETS_EDITOR, $VISUAL and $EDITOR that is set, else vi. A file that does not exist "
        "is begun; the options are for this one, where no rule is about it.",
        hot=True,
    ),
    Command(
        "get",
        "cli.values:get",
        "Print one value.",
        arguments=(_FILE, _KEY),
        options=(_INPUT_TYPE,),
        text=f"{_PATH_FORM} FILE - is standard input. The value is printed as it is; a line break is added on a "
        "terminal only.",
        hot=True,
    ),
    Command(
        "set",
        "cli.values:set_value",
        "Set one value.",
        arguments=(_FILE, _KEY, Argument("value", "[VALUE]", required=False)),
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
            *_SAME_TYPES,
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
        arguments=(_FILE, _KEY),
        options=(Option("--idempotent", "Where there is no such value, do nothing."), *_SAME_TYPES),
        text=_PATH_FORM,
        hot=True,
    ),
    Command(
        "updatekeys",
        "cli.rewrap:updatekeys",
        "Make the readers of files those of the configuration.",
        arguments=(_TREES,),
        options=(
            _ENV,
            _SINCE,
            _INPUT_TYPE,
            Option("--dry-run", "Say what would change, and write nothing; needs no key."),
            Option("-y/--yes", "As in sops; nothing is asked in any case."),
            _JSON,
        ),
        text="Without PATH: every file of the repository that a rule is about; of a folder those below it. Where a "
        "reader was taken out, the file gets a new data key. Files that are in order are not opened. One that fails "
        "does not stop the others; interrupted, the same command goes on with what is left.",
    ),
    Command(
        "rotate",
        "cli.rewrap:rotate",
        "Give files new data keys; the values stay.",
        arguments=(_TREES,),
        options=(
            Option("-i/--in-place", "As in sops; files are changed in place in any case."),
            _ENV,
            _SINCE,
            Option("--older-than", "Only where the data key is at least so old (90d, 12w, 6m, 1y).", metavar="TIME"),
            Option("--due", "Only where it is older than `rotate-after` of the configuration."),
            *_CHANGED_READERS,
            *_AWS,
            *_SAME_TYPES,
            Option("--dry-run", "Say what would change, and write nothing; needs no key."),
            _JSON,
        ),
        text="Which files, and what happens when one fails, is as for `updatekeys`. The age of a data key is what git "
        "and the file tell. A file whose readers are not those of the configuration is refused: `updatekeys` is first. "
        "--add-* and --rm-* are for files that no rule is about; where one is, they must lead to what it says.",
    ),
    Command(
        "exec-env",
        "cli.run:exec_env",
        "Run a command with the values of a file in its environment.",
        arguments=(_FILE, _COMMAND),
        options=(
            Option("--pristine", "Only these values, nothing of the environment of ksecrets."),
            _USER,
            Option("--same-process", "As in sops; the command takes the place of ksecrets in any case."),
            _INPUT_TYPE,
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
        arguments=(_FILE, _COMMAND),
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
    Command(
        "filestatus",
        "cli.files:filestatus",
        'Print {"encrypted":true} or {"encrypted":false}; needs no key.',
        arguments=(_FILE,),
        options=(_INPUT_TYPE,),
        text="Looks at the metadata only; whether every value is encrypted as the rules say is for `check`.",
        hot=True,
    ),
    Command(
        "request",
        "cli.people:request",
        "Ask to read an environment.",
        arguments=(Argument("env", "ENV"),),
        options=(
            Option("--name", "Your name in the configuration (default: from git).", metavar="NAME"),
            Option("--age", "An age recipient (default: that of your key).", metavar="RECIPIENT"),
            Option("--ssh-key", "A file of ssh public keys; - is standard input.", metavar="FILE", file=True),
            Option("--machine", "The key is that of a machine."),
        ),
        text="Writes name and public key under `pending` of .ksecrets.yaml, which opens nothing, and prints the "
        "fingerprint of the key, for whoever grants it.",
    ),
    Command(
        "grant",
        "cli.people:grant",
        "Let somebody read environments.",
        arguments=(Argument("name", "NAME"), Argument("envs", "[ENV]...", many=True, required=False)),
        options=(
            Option("--fingerprint", "What NAME says that the fingerprint is; it must be so.", metavar="SHA256:..."),
            Option("--beside", "Where ENV has shares: whose group NAME goes into.", metavar="NAME"),
            Option("-y/--yes", "Do not ask: the fingerprint was compared."),
        ),
        text="Without ENV: what NAME asked for. Shows the fingerprint of the key and asks whether NAME has confirmed "
        "it in another way than through this repository. Then writes the configuration, and re-wraps every file of "
        "these environments; no value changes. Interrupted, the same command goes on.",
    ),
    Command(
        "revoke",
        "cli.people:revoke",
        "Take environments away from somebody.",
        arguments=(Argument("name", "NAME"), Argument("envs", "[ENV]...", many=True, required=False)),
        options=(Option("-y/--yes", "Do not ask."),),
        text="Without ENV: all of them, and NAME out of the configuration. Every file that NAME reads gets a new data "
        "key. Where you cannot open a file, the change is prepared (exit 4), and `check` stays red until somebody who "
        "can runs `updatekeys`. Interrupted, the same command goes on. What NAME has read before, NAME may still know.",
    ),
    Command(
        "exposure",
        "cli.people:exposure",
        "List every value that somebody could ever read.",
        arguments=(Argument("name", "NAME"),),
        options=(_JSON,),
        text="From git: all branches and tags, through renames, by every key that ever stood under NAME in the "
        "configuration (or for an age recipient in its place). A Markdown checklist, without values; ticked is what is "
        "not in use any more. Needs no key; with one, it also knows values that changed together with their data key.",
    ),
    Command(
        "resolve",
        "cli.merge:resolve",
        "Finish a merge that git left in conflict.",
        arguments=(_FILE,),
        text="Merges the three versions that git keeps, value by value, also where git merged without the driver. "
        "Where both sides changed the same value, the editor shows the plaintext with conflict markers, in memory as "
        "for `edit`. Merge the configuration first: its readers are the file's. The result is added to the index.",
    ),
    Command(
        "sync",
        "cli.merge:sync",
        "Bring the base branch in, merge encrypted files, and seal what others merged without a key.",
        arguments=(Argument("base", "[BASE]", required=False),),
        options=(
            Option("--allow", "Findings of this code were agreed on, as for `check`.", metavar="CODE", many=True),
        ),
        text="BASE is by default the default branch of the remote, as last fetched. First the branch is judged as by "
        "`check BASE...HEAD`: one that adds a reader or brings an old version back is refused. Then git merges BASE, "
        "encrypted files are merged as by `resolve`, and the result is committed. What goes wrong takes the merge "
        "back. For yourself, and for a CI job that has a key, on branches whose author has none.",
    ),
    Command(
        "access",
        "cli.people:access",
        "Show who reads what, and since when.",
        options=(_JSON, Option("--html", "Write one HTML page to this file.", metavar="FILE", file=True)),
        text="Readers by environments, from the files themselves, against what the configuration says. Since when: by "
        "the commits of this clone. Needs no key.",
    ),
    Command(
        "doctor",
        "cli.doctor:doctor",
        "Find what does not work here, with the commands that repair it.",
        options=(_JSON,),
        text="Looks at the private keys of this machine, at git of this clone, at Helm's plugins, and at what killed "
        "writes left behind. Changes nothing. Exits with 1 where something does not work.",
    ),
    Command(
        "recovery add",
        "cli.recovery:add",
        "Make an offline key that reads every environment.",
        arguments=(Argument("name", "[NAME]", required=False),),
        options=(
            Option("--passphrase-file", "Read its passphrase here (default: asked for).", metavar="FILE", file=True),
            Option("--svg", "Also write the key as a QR code to this new file.", metavar="FILE", file=True),
            _PQ,
        ),
        text="The private key goes to standard output, once and under a passphrase, as `age -p` has it; on a terminal "
        "as a QR code, too. Adds it to `defaults.readers` and re-wraps every file. QR codes need ksecrets[qr].",
    ),
    Command(
        "recovery test",
        "cli.recovery:test",
        "Prove that a recovery key opens every file.",
        arguments=(_FILE,),
        text="FILE holds the private key; - is standard input. No other key is used, nothing is written, no value is "
        "shown.",
    ),
    Command(
        "seal",
        "cli.files:seal",
        "Seal files that lost their seal, after a look at what changed.",
        arguments=(_FILES,),
        options=(Option("-y/--yes", "Do not ask; what changed is still shown."), _INPUT_TYPE),
        text="For a file that sops wrote last. Shows which values changed since the last sealed version in git, on "
        "standard error and without the values, and asks.",
    ),
    Command(
        "diff",
        "cli.diff:diff",
        "Show which values changed, decrypted.",
        arguments=(Argument("words", "[REV [REV]] [--] [PATH]...", many=True, required=False, file=True),),
        options=(
            Option("--redact", "Show which values changed, not what they are."),
            _JSON,
            Option("--markdown", "With --redact, between two revisions: a comment for a pull request."),
            Option("--exit-code", "Exit with 1 where there are differences."),
        ),
        text="Without REV, the working tree against the index; with one, the working tree against it; with two, or "
        "REV..REV, the second against the first. Where the values cannot be opened, it still says which changed. "
        "With --redact between two revisions the findings of `check BASE..HEAD` come first; no key is needed.",
        separator=True,
        hot=True,
    ),
    Command(
        "log",
        "cli.history:log",
        "Show which values changed when, by whom; needs no key.",
        arguments=(
            Argument("file", "[FILE]", required=False, file=True),
            Argument("key", "[PATH]", required=False),
        ),
        options=(Option("--rev", "Begin with this commit (default: HEAD).", metavar="REV"), _JSON),
        text="Of one file through its renames, of a folder, or of the whole repository; of one value with PATH. Tells "
        "values that were added, changed, removed or moved from those that were only encrypted again: under a new data "
        "key, whether a value changed cannot be known, and is not guessed.",
    ),
    Command(
        "blame",
        "cli.history:blame",
        "Show for each value of a file when it last really changed, and by whom; needs no key.",
        arguments=(_FILE,),
        options=(_JSON,),
    ),
    Command(
        "scan",
        "cli.history:scan",
        "Find plaintext that history already has; needs no key.",
        arguments=(_PATHS,),
        options=(_JSON,),
        text="In every branch, tag and stash: values that the rules want encrypted, by the path that their file "
        "had then. The values are not shown. Exits with 6 where there are any.",
    ),
    Command(
        "report",
        "cli.history:report",
        "Write what became of the secrets as one HTML page.",
        options=(
            Option("--html", "Write the page to this file; - is standard output.", metavar="FILE", file=True),
            Option("--rev", "Begin with this commit (default: HEAD).", metavar="REV"),
        ),
        text="What changed over time, secrets by age and environment, data keys that are due, differences between "
        "environments. The page needs nothing else, runs no script, and holds no value. Needs no key.",
    ),
    Command(
        "drift",
        "cli.history:drift",
        "Show which keys one environment has and the other lacks, and types that differ; needs no key.",
        arguments=(Argument("left", "ENV|FILE", file=True), Argument("right", "ENV|FILE", file=True)),
        options=(
            Option("--values", "Also secrets that are the same in both, by their paths; this takes keys for both."),
            _JSON,
            Option("--exit-code", "Exit with 1 where there is drift."),
        ),
        text="Of two environments, files belong together whose paths differ by the name of the environment only. Items "
        "of lists count by what they have, not by their index. Values are never shown.",
    ),
    Command(
        "check",
        "cli.report:check",
        "Check that files are encrypted as the configuration says, or what a change does to them.",
        arguments=(Argument("paths", "[BASE..HEAD] [PATH]...", many=True, required=False, file=True),),
        options=(
            _JSON,
            Option("--sarif", "Print SARIF 2.1.0, which code hosts show at the lines."),
            Option("--markdown", "Print Markdown, for a comment at a pull request."),
            Option("--allow", "Of a change: findings of this code are warnings.", metavar="CODE", many=True),
        ),
        text="Encrypted, for these readers, and where an identity opens them, MAC and seal hold. Without PATH: the "
        "whole repository. With BASE..HEAD: what changed between two commits, judged by the configuration of BASE, "
        "from git's objects, without a key; A...B begins where the two parted. Values are never shown.",
        hot=True,
    ),
    Command(
        "guard",
        "cli.report:guard",
        "Refuse a commit that would bring secrets into git: for a pre-commit hook.",
        text="Looks at what is staged, not at the working tree, and needs no key: plaintext where a rule wants it "
        "encrypted, a half-decrypted file, readers that no rule gives, conflict markers. Says nothing where all is "
        "well.",
        hot=True,
    ),
    Command(
        "info",
        "cli.report:info",
        "Describe an encrypted file; needs no key.",
        arguments=(_FILE,),
        options=(_JSON, _INPUT_TYPE),
        hot=True,
    ),
    Command(
        "git setup",
        "cli.setup:git_setup",
        "Set up git of this clone (a fresh clone needs it once).",
        options=(
            Option("--hooks", "Also run `guard` before each commit, beside your own hook."),
            Option("--filter", "Plaintext working copies: git encrypts what you add, and decrypts what it checks out."),
            Option("--no-filter", "No plaintext working copies any more."),
        ),
    ),
    Command(
        "git filter",
        "gitting.filter:main",
        "Encrypt and decrypt files for git: git calls this.",
        hot=True,
        hidden=True,
    ),
    Command(
        "git textconv",
        "gitting.textconv:main",
        "Print a file for git diff: decrypted, or as it is.",
        arguments=(Argument("path", "FILE", file=True),),
        text="Never fails: what cannot be decrypted is printed as it is.",
        hot=True,
        hidden=True,
    ),
    Command(
        "git merge",
        "gitting.merge:main",
        "Merge three versions of a file: git calls this.",
        arguments=(
            Argument("base", "BASE", file=True),
            Argument("ours", "OURS", file=True),
            Argument("theirs", "THEIRS", file=True),
            Argument("path", "PATH"),
        ),
        hot=True,
        hidden=True,
    ),
    Command(
        "helm install-plugin",
        "cli.setup:helm_install",
        "Install the plugins for the Helm at hand.",
        options=(Option("--force", "Take out other plugins that stand in the way."), _HELM),
    ),
    Command(
        "helm uninstall-plugin",
        "cli.setup:helm_uninstall",
        "Remove the plugins again.",
        options=(_HELM,),
    ),
    Command(
        "helm wrap",
        "helm.wrapper:main",
        "Run Helm with encrypted values files: `helm secrets` calls this.",
        arguments=(Argument("argv", "HELM-COMMAND [ARGUMENT]...", many=True, required=False),),
        hot=True,
        whole=True,
    ),
    Command(
        "helm getter",
        "helm.getter:main",
        "Print the file of a secrets:// address: Helm calls this.",
        arguments=(Argument("argv", "CERT KEY CA ADDRESS", many=True, required=False),),
        hot=True,
        hidden=True,
        whole=True,
    ),
    Command(
        "kustomize",
        "helm.kustomize:main",
        "Print decrypted manifests for kustomize: its exec generator.",
        text="kustomize calls this, for a generator of kind ksecrets or ksops with `files:`. Reads a ResourceList from "
        "standard input, and prints one.",
        hot=True,
    ),
    Command("version", "cli.main:version", "Print the version.", hot=True),
    Command(
        "completion",
        "cli.setup:completion",
        "Print the completion script of a shell.",
        arguments=(Argument("shell", "bash|zsh|fish"),),
        text='bash: eval "$(ksecrets completion bash)" in ~/.bashrc. zsh: the same with zsh in ~/.zshrc. '
        "fish: ksecrets completion fish > ~/.config/fish/completions/ksecrets.fish.",
    ),
    Command(
        "config show",
        "cli.config:show",
        "Show what holds for a file, and which line of the configuration says so.",
        arguments=(_FILE,),
        options=(_JSON,),
        text="The file need not exist: only its path counts. Needs no key.",
    ),
    Command(
        "config export",
        "cli.config:export",
        "Print the configuration as a .sops.yaml.",
        options=(Option("--sops", "For sops: the same readers and selectors by its own choice of rule."),),
        text="To standard output. What cannot be said there stands in its comments, and on standard error.",
    ),
    Command("config schema", "cli.setup:schema", "Print the JSON Schema of .ksecrets.yaml, for editors."),
)

EXIT_CODES = (
    (0, "Done."),
    (1, "Failed; or `diff --exit-code` found differences."),
    (2, "The command line makes no sense."),
    (3, "A bug in ksecrets."),
    (4, "No identity at hand opens the file, and no key service lets us in."),
    (5, "Tampered: a token, the MAC or the seal does not hold. Nothing was printed or written."),
    (6, "`check` or `scan` found something."),
    (130, "Interrupted (Ctrl-C)."),
    (141, "Nobody reads the output any more (a closed pipe)."),
)

ENVIRONMENT = (
    ("KSECRETS_AGE_KEY, SOPS_AGE_KEY", "Age identities themselves."),
    ("KSECRETS_AGE_KEY_FILE, SOPS_AGE_KEY_FILE", "A file of age identities."),
    ("KSECRETS_AGE_KEY_CMD, SOPS_AGE_KEY_CMD", "A command that prints age identities."),
    ("KSECRETS_AGE_SSH_PRIVATE_KEY_FILE, SOPS_AGE_SSH_PRIVATE_KEY_FILE", "An ssh private key."),
    ("KSECRETS_AGE_SSH_PRIVATE_KEY_CMD, SOPS_AGE_SSH_PRIVATE_KEY_CMD", "A command that prints an ssh private key."),
    ("KSECRETS_KEYRING", "1: look for identities in the keyring of the system; 0: never."),
    ("KSECRETS_PASSPHRASE_CMD", "A command that prints the passphrase of the key that KSECRETS_PASSPHRASE_FOR names."),
    ("KSECRETS_PROMPT", "never: ask nobody, even where there is a terminal."),
    ("KSECRETS_AGE_PLUGINS", "The age plugins that may be started to write for a recipient (`yubikey,se`)."),
    ("SOPS_GPG_EXEC", "The gpg for PGP keys."),
    ("KSECRETS_PKCS11_MODULE, KSECRETS_PKCS11_PIN", "The library of a PKCS#11 token (an absolute path), and its PIN."),
    ("FORTANIX_API_KEY", "The API key of an app of Fortanix DSM."),
    ("KSECRETS_TRUSTED_KEYS", "Keys in services that may be asked, whatever repository names them (with spaces)."),
    ("KSECRETS_REMOTE_KEYS", "1: key services may be asked under git's drivers, too; 0: never."),
    ("KSECRETS_KEY_TIMEOUT", "How many seconds one key of a service may take in all; 20 by default."),
    ("KSECRETS_HIDE", "Further variables that no program gets that ksecrets starts (with spaces; `AWS_*`)."),
    ("SOPS_GCP_KMS_ENDPOINT", "Another address of Google Cloud KMS; SOPS_GCP_KMS_UNIVERSE_DOMAIN: another cloud."),
    ("SOPS_AGE_RECIPIENTS, SOPS_PGP_FP", "Readers of new files that no rule is about, as `--age` and `--pgp`."),
    ("SOPS_KMS_ARN, SOPS_GCP_KMS_IDS", "The same, as `--kms` and `--gcp-kms`."),
    ("SOPS_AZURE_KEYVAULT_URLS, SOPS_VAULT_URIS", "The same, as `--azure-kv` and `--hc-vault-transit`."),
    ("SOPS_HUAWEICLOUD_KMS_IDS", "The same, as `--hckms`."),
    (
        "KSECRETS_REFERENCES",
        "Under Helm: the services of `ref+...` that may be asked, with commas; see from-helm-secrets.",
    ),
    (
        "KSECRETS_ARGOCD_CHECKOUTS",
        "In Argo CD's repo-server: the folder of its checkouts, whose files may be named by absolute paths.",
    ),
    ("KSECRETS_REQUIRE_SEAL", "1: as `--require-seal`, for every command."),
    ("SOPS_EDITOR, KSECRETS_EDITOR, VISUAL, EDITOR", "The editor of `edit`; the first that is set."),
    ("SOPS_HC_VAULT_ALLOWLIST", "The only Vault addresses that may be contacted, with commas; `all` or `none`."),
    ("SOPS_CONFIG", "A .sops.yaml that holds for files that no .ksecrets.yaml rules, instead of the nearest one."),
    ("NO_COLOR", "Set to anything: no colours."),
    ("KSECRETS_TRACEBACK", "1: show the traceback of a bug (without values)."),
)
