"""The commands about branches, and about what happened, from git alone."""

from __future__ import annotations

from ksecrets.cli.table import FILE, JSON, Argument, Command, Option

_PATHS = Argument("paths", "[PATH]...", many=True, required=False, file=True)

COMMANDS = (
    Command(
        "resolve",
        "cli.merge:resolve",
        "Finish a merge that git left in conflict.",
        arguments=(FILE,),
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
        "log",
        "cli.history:log",
        "Show which values changed when, by whom; needs no key.",
        arguments=(
            Argument("file", "[FILE]", required=False, file=True),
            Argument("key", "[PATH]", required=False),
        ),
        options=(Option("--rev", "Begin with this commit (default: HEAD).", metavar="REV"), JSON),
        text="Of one file through its renames, of a folder, or of the whole repository; of one value with PATH. Tells "
        "values that were added, changed, removed or moved from those that were only encrypted again: under a new data "
        "key, whether a value changed cannot be known, and is not guessed.",
    ),
    Command(
        "blame",
        "cli.history:blame",
        "Show for each value of a file when it last really changed, and by whom; needs no key.",
        arguments=(FILE,),
        options=(JSON,),
    ),
    Command(
        "scan",
        "cli.history:scan",
        "Find plaintext that history already has; needs no key.",
        arguments=(_PATHS,),
        options=(JSON,),
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
            JSON,
            Option("--exit-code", "Exit with 1 where there is drift."),
        ),
        text="Of two environments, files belong together whose paths differ by the name of the environment only. Items "
        "of lists count by what they have, not by their index. Values are never shown.",
    ),
)
