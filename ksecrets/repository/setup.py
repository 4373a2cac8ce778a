"""What `init` does so that git treats secrets files right: lines of .gitattributes, and this clone's git config.

`.gitattributes` is for everybody and is committed: `-text` (git changes no line end, or decrypting would
not give back the same bytes), `diff=ksecrets` and `merge=ksecrets`. Our lines stand between two marks; every other
byte of the file is the user's and stays. The drivers that these name are set in each clone, because git starts no
program that a repository brings along.

A driver is the command of `ksecrets.start`. Where that Python or that file is gone (a venv that was removed), git
shows the encrypted text, and merges leave a conflict; without this, git would abort every diff and every merge.
"""

from __future__ import annotations

import os

from ksecrets.errors import ConfigError
from ksecrets.start import command
from ksecrets.storage import atomic

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from ksecrets.repository.repository import Repository

ATTRIBUTES = "-text diff=ksecrets merge=ksecrets"
BEGIN = "# begin ksecrets: written by `ksecrets init` from the configuration; changes between these lines are lost"
END = "# end ksecrets"
_BEGIN_MARK = "# begin ksecrets"


def set_up(repo: Repository, globs: Sequence[str]) -> list[str]:
    """Write the section of .gitattributes for these patterns, and set this clone's drivers.

    globs: path patterns of the configuration, relative to the top. Returns a line for each thing that
    changed, for the terminal; nothing for what was right already. Raises ConfigError where .gitattributes
    is a link, or its marks are broken, and KsecretsError where something cannot be written.
    """
    return [*write_attributes(repo, globs), *set_driver(repo)]


def is_set_up(repo: Repository) -> bool:
    """Whether this clone shows and merges encrypted files through the ksecrets that is running now."""
    return all(repo.config_get(name) == value for name, value in _settings().items())


def write_attributes(repo: Repository, globs: Sequence[str]) -> list[str]:
    """The first half of `set_up`."""
    path = os.path.join(repo.top, ".gitattributes")
    if os.path.islink(path):
        raise ConfigError("is a symbolic link, which git does not read", file=".gitattributes")
    if not os.path.lexists(path):
        if not globs:
            return []
        atomic.create(path, attributes("", globs))
        return [f"wrote .gitattributes ({_patterns(globs)})"]
    source = atomic.read(path)
    text = attributes(source.text, globs)
    if text == source.text:
        return []
    atomic.replace(path, text, expected=source)
    return [f"changed .gitattributes ({_patterns(globs)})"]


def set_driver(repo: Repository) -> list[str]:
    """The second half of `set_up`."""
    changed = False
    for name, value in _settings().items():
        if repo.config_get(name) != value:
            repo.config_set(name, value)
            changed = True
    return ["set the diff and merge drivers of this clone"] if changed else []


def attributes(before: str, globs: Iterable[str], given: str = ATTRIBUTES) -> str:
    """The text of .gitattributes with our section for these patterns, and every other byte as it was.

    given: the attributes that the patterns get.

    A section that is there is rewritten in its place; a new one goes to the end, where it wins over
    earlier lines (`* text=auto`). Without patterns the section is taken out. Line ends are those of the
    file. Raises ConfigError where a mark has lost its partner.
    """
    newline = "\r\n" if "\r\n" in before else "\n"
    lines = _lines(before)
    begins = [at for at, line in enumerate(lines) if line.startswith(_BEGIN_MARK)]
    ends = [at for at, line in enumerate(lines) if line.rstrip() == END]
    if len(begins) != len(ends) or len(begins) > 1 or (begins and begins[0] > ends[0]):
        raise ConfigError(
            f"`{_BEGIN_MARK}` and `{END}` do not enclose one section",
            file=".gitattributes",
            line=min(begins + ends) + 1,
            hint="remove both lines and what ksecrets wrote between them, then run this again",
        )
    patterns = list(dict.fromkeys(attribute_pattern(glob) for glob in globs))
    section = [f"{pattern} {given}" for pattern in patterns]
    ours = "".join(line + newline for line in (BEGIN, *section, END)) if section else ""
    if begins:
        return "".join(lines[: begins[0]]) + ours + "".join(lines[ends[0] + 1 :])
    if ours and before and not before.endswith("\n"):
        before += newline
    return before + ours


def attribute_pattern(glob: str) -> str:
    """A path pattern of the configuration as a pattern of .gitattributes (gitattributes(5)).

    Both mean git's `wildmatch` with paths, so that `*`, `?`, `[a-z]`, `**` and backslashes carry over as
    they are. Differences: ours always begins at the top, there a pattern without a slash would match in
    every folder, so we write the slash in front (which also takes their meaning from a leading `!`, `#`
    and `[attr]`): ``services/*/dev/secrets*.yaml`` is ``/services/*/dev/secrets*.yaml``. Blanks, quotes and
    control characters need a string in double quotes, in which a backslash is written twice.
    """
    if "\n" in glob or "\r" in glob or "\0" in glob:
        raise ConfigError("a path pattern with a line break cannot be written to .gitattributes")
    anchored = "/" + glob.lstrip("/")
    if not any(letter in ' \t"' or ord(letter) < 32 for letter in anchored):
        return anchored
    quoted = anchored.replace("\\", "\\\\").replace('"', '\\"')
    return '"' + "".join(letter if ord(letter) >= 32 else f"\\{ord(letter):03o}" for letter in quoted) + '"'


def textconv_command(python: str, start: str) -> str:
    """The value of diff.ksecrets.textconv, a command for git's sh, which adds the file's name to it.

    python: absolute path of the interpreter; start: absolute path of ``ksecrets/__main__.py``.
    """
    python, start = _quoted(python), _quoted(start)
    return (
        f'f() {{ if test -x {python} && test -f {start}; then exec {python} -I -S {start} git textconv "$1"; '
        "else echo 'ksecrets is gone; run its init again to read this' >&2; exec cat -- \"$1\"; fi; }; f"
    )


def merge_command(python: str, start: str) -> str:
    """The value of merge.ksecrets.driver. git puts names of temporary files in the place of %O, %A and %B, and the
    quoted path in that of %P (gitattributes(5)). Where ksecrets is gone, git's merge of the encrypted lines is left,
    as a conflict in any case.
    """
    python, start = (_quoted(word).replace("%", "%%") for word in (python, start))
    return (
        f'f() {{ if test -x {python} && test -f {start}; then exec {python} -I -S {start} git merge "$@"; '
        "else echo 'ksecrets is gone; run its init again to merge this' >&2; "
        'git merge-file -q -L ours -L base -L theirs "$2" "$1" "$3"; return 1; fi; }; f %O %A %B %P'
    )


def filter_command(python: str, start: str) -> str:
    """The value of filter.ksecrets.process. Where ksecrets is gone, git stores nothing and says so."""
    python, start = _quoted(python), _quoted(start)
    return (
        f"f() {{ if test -x {python} && test -f {start}; then exec {python} -I -S {start} git filter; "
        "else echo 'ksecrets is gone; run its `git setup --filter` again, or `git setup --no-filter`' >&2; "
        "exit 1; fi; }; f"
    )


def _quoted(word: str) -> str:
    import shlex

    if os.name == "nt":  # git's sh there takes both slashes, but backslashes are escapes elsewhere in git's config
        word = word.replace("\\", "/")
    return shlex.quote(word)


def _settings() -> dict[str, str]:
    python, *_, start = command()
    return {
        "diff.ksecrets.textconv": textconv_command(python, start),
        # A cache would keep plaintext in refs/notes (docs/threat-model.md).
        "diff.ksecrets.cachetextconv": "false",
        "merge.ksecrets.name": "ksecrets: encrypted files, value by value",
        "merge.ksecrets.driver": merge_command(python, start),
        # A base that git makes up of several (criss-cross merges) must not hold conflict markers.
        "merge.ksecrets.recursive": "binary",
    }


def _lines(text: str) -> list[str]:
    """Lines as git counts them, with their ends; str.splitlines knows more line ends than git."""
    parts = text.split("\n")
    return [part + "\n" for part in parts[:-1]] + ([parts[-1]] if parts[-1] else [])


def _patterns(globs: Sequence[str]) -> str:
    return "1 pattern" if len(globs) == 1 else f"{len(globs)} patterns"
