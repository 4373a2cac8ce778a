"""The commands that git, Helm and kustomize call, again and again."""

from __future__ import annotations

from ksecrets.cli.table import Argument, Command

COMMANDS = (
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
        "git filter",
        "gitting.filter:main",
        "Encrypt and decrypt files for git: git calls this.",
        hot=True,
        hidden=True,
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
)
