"""The commands for the beginning, and about the program itself."""

from __future__ import annotations

from ksecrets.cli.table import PQ, Argument, Command, Option

_HELM = Option("--helm", "This Helm; else $HELM_BIN, else the one of the PATH.", metavar="PATH", file=True)
_GLOBS = Option("--files", "The files of the environment: patterns as git has them.", metavar="GLOB", many=True)

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
            PQ,
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
            PQ,
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
            PQ,
        ),
        text="By default it is added to the file where sops also looks.",
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
    Command("version", "cli.main:version", "Print the version.", hot=True),
    Command(
        "completion",
        "cli.setup:completion",
        "Print the completion script of a shell.",
        arguments=(Argument("shell", "bash|zsh|fish"),),
        text='bash: eval "$(ksecrets completion bash)" in ~/.bashrc. zsh: the same with zsh in ~/.zshrc. '
        "fish: ksecrets completion fish > ~/.config/fish/completions/ksecrets.fish.",
    ),
)
