"""The commands about who reads what."""

from __future__ import annotations

from ksecrets.cli.table import AWS, FILE, INPUT_TYPE, JSON, PQ, READERS, SAME_TYPES, Argument, Command, Option

_TREES = Argument("files", "[PATH]...", many=True, required=False, file=True)
_ENV = Option("--env", "Only files of this environment.", metavar="NAME")
_SINCE = Option("--changed-since", "Only files that differ from this revision.", metavar="REV")
_CHANGED_READERS = tuple(
    Option(f"--{verb}-{each.key.replace('_', '-')}", f"{what} the file's readers.", metavar=each.metavar)
    for verb, what in (("add", "Add to"), ("rm", "Take out of"))
    for each in READERS
)

COMMANDS = (
    Command(
        "updatekeys",
        "cli.rewrap:updatekeys",
        "Make the readers of files those of the configuration.",
        arguments=(_TREES,),
        options=(
            _ENV,
            _SINCE,
            INPUT_TYPE,
            Option("--dry-run", "Say what would change, and write nothing; needs no key."),
            Option("-y/--yes", "As in sops; nothing is asked in any case."),
            JSON,
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
            *AWS,
            *SAME_TYPES,
            Option("--dry-run", "Say what would change, and write nothing; needs no key."),
            JSON,
        ),
        text="Which files, and what happens when one fails, is as for `updatekeys`. The age of a data key is what git "
        "and the file tell. A file whose readers are not those of the configuration is refused: `updatekeys` is first. "
        "--add-* and --rm-* are for files that no rule is about; where one is, they must lead to what it says.",
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
        options=(JSON,),
        text="From git: all branches and tags, through renames, by every key that ever stood under NAME in the "
        "configuration (or for an age recipient in its place). A Markdown checklist, without values; ticked is what is "
        "not in use any more. Needs no key; with one, it also knows values that changed together with their data key.",
    ),
    Command(
        "access",
        "cli.people:access",
        "Show who reads what, and since when.",
        options=(JSON, Option("--html", "Write one HTML page to this file.", metavar="FILE", file=True)),
        text="Readers by environments, from the files themselves, against what the configuration says. Since when: by "
        "the commits of this clone. Needs no key.",
    ),
    Command(
        "recovery add",
        "cli.recovery:add",
        "Make an offline key that reads every environment.",
        arguments=(Argument("name", "[NAME]", required=False),),
        options=(
            Option("--passphrase-file", "Read its passphrase here (default: asked for).", metavar="FILE", file=True),
            Option("--svg", "Also write the key as a QR code to this new file.", metavar="FILE", file=True),
            PQ,
        ),
        text="The private key goes to standard output, once and under a passphrase, as `age -p` has it; on a terminal "
        "as a QR code, too. Adds it to `defaults.readers` and re-wraps every file. QR codes need ksecrets[qr].",
    ),
    Command(
        "recovery test",
        "cli.recovery:test",
        "Prove that a recovery key opens every file.",
        arguments=(FILE,),
        text="FILE holds the private key; - is standard input. No other key is used, nothing is written, no value is "
        "shown.",
    ),
)
