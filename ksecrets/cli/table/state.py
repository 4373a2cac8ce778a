"""The commands that say what is so, and whether it is as it should be."""

from __future__ import annotations

from ksecrets.cli.table import FILE, INPUT_TYPE, JSON, Argument, Command, Option

COMMANDS = (
    Command(
        "check",
        "cli.report:check",
        "Check that files are encrypted as the configuration says, or what a change does to them.",
        arguments=(Argument("paths", "[BASE..HEAD] [PATH]...", many=True, required=False, file=True),),
        options=(
            JSON,
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
        arguments=(FILE,),
        options=(JSON, INPUT_TYPE),
        hot=True,
    ),
    Command(
        "diff",
        "cli.diff:diff",
        "Show which values changed, decrypted.",
        arguments=(Argument("words", "[REV [REV]] [--] [PATH]...", many=True, required=False, file=True),),
        options=(
            Option("--redact", "Show which values changed, not what they are."),
            JSON,
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
        "doctor",
        "cli.doctor:doctor",
        "Find what does not work here, with the commands that repair it.",
        options=(JSON,),
        text="Looks at the private keys of this machine, at git of this clone, at Helm's plugins, and at what killed "
        "writes left behind. Changes nothing. Exits with 1 where something does not work.",
    ),
    Command(
        "config show",
        "cli.config:show",
        "Show what holds for a file, and which line of the configuration says so.",
        arguments=(FILE,),
        options=(JSON,),
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
