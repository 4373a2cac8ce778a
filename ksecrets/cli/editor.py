"""The user's editor on a plaintext that never touches a disk.

The file lies in `ksecrets.storage.private`, under its own name, so that the editor knows its language. Editors are told
not to keep what they see: Vim and Neovim get no swap, backup and undo files and no viminfo/shada, nano no backup; a
graphical editor is told to wait. An editor that we do not know may still write files elsewhere: docs/threat-model.md.
"""

from __future__ import annotations

import os
import shlex
import subprocess
import sys

from ksecrets.cli import streams
from ksecrets.errors import EXIT_INTERRUPTED, KsecretsError
from ksecrets.operations.session import Session
from ksecrets.storage.private import Folder

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from types import TracebackType

VARIABLES = ("SOPS_EDITOR", "KSECRETS_EDITOR", "VISUAL", "EDITOR")
"""Where the editor's command line stands; the first that is not empty counts."""

# Before the user's own settings, and again after them.
_TINY = ("-n", "-c", "set nobackup nowritebackup")
_VIM = ("-n", "-i", "NONE", "--cmd", "set noswf", "-c", "set noswf nobackup nowritebackup noundofile viminfo=")
_NEOVIM = ("-n", "-i", "NONE", "--cmd", "set noswf", "-c", "set noswf nobackup nowritebackup noundofile shada=")
_WAIT = ("--wait",)
_OPTIONS: dict[str, tuple[str, ...]] = {
    "vim": _VIM,
    "vim.tiny": _TINY,
    "gvim": ("--nofork", *_VIM),
    "mvim": ("--nofork", *_VIM),
    "nvim": _NEOVIM,
    "nano": ("--ignorercfiles", "--nowrap"),
    "code": _WAIT,
    "code-insiders": _WAIT,
    "codium": _WAIT,
    "cursor": _WAIT,
    "subl": _WAIT,
    "zed": _WAIT,
    "atom": _WAIT,
    "mate": ("-w",),
    "kate": ("--block",),
}
_VIMS = frozenset({"vim", "gvim", "mvim", "nvim"})
_WAITING = frozenset({"--wait", "-w", "--block", "-b"})
_SHELL = frozenset("|&;<>()$`*?[#~\n")


class Editor:
    """The callable that `ksecrets.edit` wants, for the length of a `with` block; then the plaintext is gone.

    path: of the encrypted file, for the name that the editor sees. The file stays between two calls, so that a refused
    text is edited further; the user is asked first where there is a terminal.
    """

    def __init__(self, path: str, environ: Mapping[str, str] | None = None) -> None:
        self.path = path
        self.environ: Mapping[str, str] = os.environ if environ is None else environ
        self._folder = Folder()
        self._file = ""

    def __enter__(self) -> Editor:
        # Before anything is decrypted: an editor that cannot be found needs no plaintext.
        self._argv = command(self.environ)
        self._folder.__enter__()
        if self._folder.note:
            streams.message(f"note: {self._folder.note}")
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._folder.__exit__(kind, error, trace)

    def __call__(self, plaintext: str, problem: str | None) -> str:
        """Let the user edit; gives the new text. problem: what was wrong with it the last time.

        Raises KsecretsError where the editor fails, or the user drops the changes.
        """
        if problem is None:
            self._file = self._folder.write(os.path.basename(self.path), plaintext)
        else:
            self._ask(problem)
        self._run()
        return self._folder.read(self._file)

    def _ask(self, problem: str) -> None:
        streams.message(f"error: {problem}")
        if not _has_terminal():
            raise KsecretsError("the edited text is refused; nothing was written", file=self.path)
        if sys.stderr is not None:
            sys.stderr.write("press Enter to edit it again, or q and Enter to drop the changes: ")
            sys.stderr.flush()
        answer = sys.stdin.readline()
        if not answer or answer.strip().lower() in ("q", "quit"):
            raise KsecretsError("the changes are dropped; nothing was written", file=self.path)

    def _run(self) -> None:
        argv = [*self._argv, self._file]
        try:
            code = subprocess.run(argv, env=Session(self.environ).child_environment(), check=False).returncode
        except OSError as error:
            raise KsecretsError(
                f"the editor cannot be started: {argv[0]}: {os.strerror(error.errno or 0).lower()}",
                hint="set EDITOR to a program that is installed",
            ) from None
        except KeyboardInterrupt:
            raise Interrupted("interrupted; nothing was written", file=self.path) from None
        if code != 0:
            raise KsecretsError(f"the editor failed (exit {code}); nothing was written", file=self.path)


class Interrupted(KsecretsError):
    """Ctrl-C while the editor ran."""

    exit_code = EXIT_INTERRUPTED


def command(environ: Mapping[str, str]) -> list[str]:
    """The editor's command line, without the file: words, as a shell would split them.

    A command with shell syntax is given to sh, as git does it; it still gets the file as its last argument.
    """
    found = next((environ[name] for name in VARIABLES if environ.get(name, "").strip()), "vi")
    if set(found) & _SHELL and os.name == "posix":
        return ["/bin/sh", "-c", f'{found} "$@"', found]
    try:
        words = shlex.split(found, posix=os.name == "posix")
    except ValueError:
        raise KsecretsError(f"the editor's command line has unbalanced quotes: {found}") from None
    return [*words, *_missing_options(words)]


def _missing_options(words: Sequence[str]) -> tuple[str, ...]:
    """What an editor that we know must be told, beyond what the user tells it."""
    name = os.path.basename(words[0]).lower().removesuffix(".exe").removesuffix(".cmd")
    if name in ("vi", "vim", "ex", "view"):
        name = _behind(words[0], name)
    options = _OPTIONS.get(name, ())
    return () if name not in _VIMS and set(words) & _WAITING else options


def _behind(program: str, name: str) -> str:
    """`vi` is Vim, Neovim or something smaller: what its link leads to says which."""
    import shutil

    real = os.path.basename(os.path.realpath(shutil.which(program) or program))
    if real.startswith("nvim"):
        return "nvim"
    if real == "vim.tiny":
        return real
    return "vim" if real.startswith("vim") else name


def _has_terminal() -> bool:
    return sys.stdin is not None and sys.stdin.isatty() and sys.stderr is not None and sys.stderr.isatty()
