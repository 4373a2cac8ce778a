"""All that ksecrets asks of git: one class, one process of git for each question (or for each batch).

A leaf: it knows the errors and git.py, where the process is, and nothing else of the package. Rules that
hold for every call:

- Revisions from a user are resolved first, behind ``--end-of-options``, and only object ids go on; paths
  are taken literally (``--literal-pathspecs``), behind ``--``.
- The repository is the one at `Repository.top`, wherever we are called from and whatever GIT_* says.
- Nothing that the repository's configuration names is started on the way: no file system monitor, no
  external diff, no textconv, no pager, no prompt. No lock is taken for what only reads.
"""

from __future__ import annotations

import os

from ksecrets.errors import KsecretsError
from ksecrets.repository.process import environment, failed, start

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from subprocess import Popen

    from ksecrets.repository.batch import Batch

    Change = tuple[str, str | None, str | None, str | None, str | None]

WORKTREE = object()
INDEX = object()
EMPTY = object()
"""What `Repository.changed` compares beside revisions: the files, the index, and the tree with no file."""

_MANY = 500  # paths: beyond, we ask git for everything and choose ourselves, as a command line has its limits


def top_level(path: str) -> str | None:
    """The folder above (or at) `path` whose ``.git`` is a repository, a worktree or a submodule; None if none.

    Looks at the disk only, in about a stat a level, and starts no process. `path` need not exist. A
    symbolic link to a file is not followed: it belongs to the repository that it stands in.
    """
    here = _real(path)
    while True:
        if _git_folder(here) is not None:
            return here
        above = os.path.dirname(here)
        if above == here:
            return None
        here = above


class Repository:
    """The git repository (or worktree, or submodule) whose top folder is `top`, as `top_level` gives it.

    Paths are relative to `top`, with slashes, as git writes them; `relative` makes them. Every method
    raises KsecretsError where git is missing, refuses the repository, or fails.
    """

    __slots__ = ("_environment", "top")

    def __init__(self, top: str) -> None:
        self.top = os.path.realpath(top)
        self._environment: dict[str, str] | None = None

    # -- where things are ----------------------------------------------------------------------------------------------

    def git_dir(self) -> str:
        """The absolute path of the git folder; a linked worktree has one of its own."""
        found = _git_folder(self.top)
        if found is None:
            raise KsecretsError("not a git repository", file=self.top)
        return found

    def common_dir(self) -> str:
        """The absolute path of the git folder that all worktrees of this repository share."""
        own = self.git_dir()
        try:
            with open(os.path.join(own, "commondir"), encoding="utf-8", errors="surrogateescape") as file:
                return os.path.normpath(os.path.join(own, file.read().rstrip("\n")))
        except FileNotFoundError:
            return own

    def relative(self, path: str) -> str:
        """`path` of the file system (from the working folder) as a path of this repository.

        Raises KsecretsError where it lies outside. A link to a file is not followed, links of folders are.
        """
        inside = os.path.relpath(_real(path), self.top).replace(os.sep, "/")
        if inside == ".." or inside.startswith("../") or os.path.isabs(inside):
            raise KsecretsError("is outside the repository", file=path, details=(f"repository: {self.top}",))
        return inside

    # -- objects -------------------------------------------------------------------------------------------------------

    def resolve(self, revision: str) -> str:
        """The id of the commit that `revision` names (anything of gitrevisions(7) for one commit)."""
        if revision and revision[0] not in "-^" and "\0" not in revision:
            code, out, _ = self._try("rev-parse", "--verify", "--quiet", "--end-of-options", revision + "^{commit}")
            if code == 0:
                return out.decode("ascii").strip()
        if revision == "HEAD":
            raise KsecretsError("this repository has no commit yet", file=self.top, hint="git commit, then again")
        raise KsecretsError(f"{revision!r} is no commit of this repository", hint="name a branch, a tag or a commit id")

    def has_commit(self) -> bool:
        """Whether HEAD is born: a new repository has no commit."""
        return self._exists("HEAD")

    def merge_base(self, one: str, other: str) -> str | None:
        """The id of the commit where the histories of two revisions parted, None where they share none."""
        code, out, err = self._try("merge-base", self.resolve(one), self.resolve(other))
        if code > 1:
            raise failed("merge-base", err)
        return out.decode("ascii").strip() if code == 0 else None

    def blob(self, spec: str) -> bytes | None:
        """The bytes of a blob: an object id, ``REVISION:path`` or ``:0:path`` (the index).

        None where there is no such blob, also where REVISION does not exist: `resolve` says that clearly.
        """
        if not spec or spec.startswith("-") or "\0" in spec:
            return None
        code, out, _ = self._try("cat-file", "blob", spec)
        return out if code == 0 else None

    def id_of(self, content: str | bytes) -> str:
        """The id that git gives to a blob with this content; nothing is stored."""
        raw = content.encode("utf-8") if isinstance(content, str) else content
        return self._output("hash-object", "--stdin", "--no-filters", input=raw).decode("ascii").strip()

    def blob_id(self, spec: str) -> str | None:
        """The id of what ``REVISION:path`` names, None where there is nothing."""
        if not spec or spec.startswith("-") or "\0" in spec:
            return None
        code, out, _ = self._try("rev-parse", "--verify", "--quiet", "--end-of-options", spec)
        return out.decode("ascii").strip() if code == 0 else None

    def last_change(self, path: str) -> str | None:
        """The id of the commit behind HEAD that gave the file at `path` its content; None where there is none.

        Of a merge commit that took it over from one side, it is that side's.
        """
        code, out, _ = self._try("rev-list", "--max-count=1", "HEAD", "--", path)
        return out.decode("ascii").strip() or None if code == 0 else None

    def batch(self) -> Batch:
        """One process that gives many blobs; use it in a `with` block."""
        from ksecrets.repository.batch import Batch

        return Batch(self)

    def index_blob(self, path: str) -> bytes | None:
        """The file at `path` as it is staged; None where it is not (also while a merge conflicts there)."""
        return self.blob(f":0:{path}")

    def head_blob(self, path: str) -> bytes | None:
        """The file at `path` in the commit that is checked out, None where it or the commit is missing."""
        return self.blob(f"HEAD:{path}")

    # -- lists of files ------------------------------------------------------------------------------------------------

    def changed(self, old: str | object, new: str | object, paths: Sequence[str] = ()) -> list[Change]:
        """What differs between two of: a revision, INDEX, WORKTREE (only as `new`), EMPTY (only as `old`).

        A list of (status, old path, new path, old blob id, new blob id), in git's order. Status is
        git's letter: A added, D deleted, M changed, R renamed, U unmerged. An added file has no
        old path and id, a deleted one no new ones, and files of the worktree have no new id: read them.
        Only regular files: one that turned into a link or a submodule counts as deleted. `paths`: only
        these files, and what is below these folders.
        """
        words = ["diff", "--raw", "-z", "--no-abbrev", "-M", "--no-ext-diff", "--no-textconv", "--no-color"]
        words += ["--ignore-submodules=all", "--no-relative", "-O/dev/null"]
        if new is INDEX:
            words.append("--cached")
        if old is EMPTY:
            words.append(self._output("hash-object", "-t", "tree", "--stdin", input=b"").decode("ascii").strip())
        elif isinstance(old, str):
            words.append(self.resolve(old))
        elif old is not INDEX or new is not WORKTREE:
            raise ValueError("git compares the index with the worktree, and revisions with anything")
        if isinstance(new, str):
            words.append(self.resolve(new))
        words.append("--")
        few = len(paths) <= _MANY
        out = self._output(*words, *(paths if few else ()))
        found = list(_raw_changes(out))
        if few:
            return found
        return [each for each in found if _below(each[1], paths) or _below(each[2], paths)]

    def ls_files(self, paths: Sequence[str] = (), *, untracked: bool = False) -> list[str]:
        """The tracked files, sorted; `paths`: only these, and what is below these folders.

        untracked: also files that git neither tracks nor ignores.
        """
        words = ["ls-files", "-z", "--cached"]
        if untracked:
            words += ["--others", "--exclude-standard"]
        few = len(paths) <= _MANY
        out = self._output(*words, "--", *(paths if few else ()))
        found = sorted({os.fsdecode(name) for name in out.split(b"\0") if name})
        return found if few else [name for name in found if _below(name, paths)]

    def tree_files(self, revision: str, paths: Sequence[str] = ()) -> list[tuple[str, str]]:
        """(path, blob id) of the regular files of a commit, in git's order; `paths` as for `ls_files`."""
        out = self._output("ls-tree", "-r", "-z", "--full-tree", self.resolve(revision))
        found = []
        for entry in out.split(b"\0"):
            head, _, name = entry.partition(b"\t")
            if head.startswith(b"100"):
                found.append((os.fsdecode(name), head.split(b" ")[2].decode("ascii")))
        return [each for each in found if _below(each[0], paths)] if paths else found

    def files_with(self, word: str) -> list[str]:
        """The files of the working tree, tracked or not, but not the ignored ones, that hold this text on a line."""
        words = ["grep", "-l", "-z", "-F", "--no-color", "--no-textconv", "--full-name", "--untracked", "-e", word]
        code, out, err = self._try(*words)
        if code > 1:
            raise failed("grep", err)
        return sorted(os.fsdecode(name) for name in out.split(b"\0") if name)

    def time_of_head(self) -> int | None:
        """When the commit at HEAD was made, by its own word, in seconds since 1970; None where there is none."""
        code, out, _ = self._try("log", "-1", "--format=%ct", "--no-show-signature", "HEAD")
        return int(out) if code == 0 and out.strip().isdigit() else None

    def is_ignored(self, path: str) -> bool:
        """Whether git would leave this untracked file out (.gitignore and its like)."""
        code, _, err = self._try("check-ignore", "--quiet", "--", "./" + path)  # "./": a colon would be magic
        if code > 1:
            raise failed("check-ignore", err)
        return code == 0

    # -- trust and configuration ---------------------------------------------------------------------------------------

    def trusted_ref(self) -> str | None:
        """The full name of the ref whose contents we trust, as far as git can tell, or None.

        It is what others have agreed on, not what is checked out. In this order: ``ksecrets.trustedRef``
        of git's configuration (never of a file in the tree); the default branch of the remote as last
        fetched (``refs/remotes/origin/HEAD``, else its ``main`` or ``master``; `checkout.defaultRemote`,
        ``origin`` or the only remote); ``HEAD`` where there is no remote.

        None where nothing can be trusted: no commit yet, or a remote that was never fetched from.
        Raises KsecretsError where the configured ref does not exist.
        """
        settings = self.settings()
        chosen = settings.get("ksecrets.trustedref", [""])[-1]
        if chosen:
            full = self._full_name(chosen)
            if full is None:
                raise KsecretsError(
                    f"git's ksecrets.trustedRef is {chosen!r}, which does not exist here",
                    hint="fetch it, or: git config ksecrets.trustedRef refs/remotes/origin/main",
                )
            return full
        remotes = [key[len("remote.") : -len(".url")] for key in settings if key.startswith("remote.")]
        if not remotes:
            return "HEAD" if self.has_commit() else None
        preferred = settings.get("checkout.defaultremote", [""])[-1]
        for name in (preferred, "origin", remotes[0] if len(remotes) == 1 else ""):
            if name in remotes:
                break
        else:
            return None
        return self._default_branch(name)

    def _default_branch(self, remote: str) -> str | None:
        prefix = f"refs/remotes/{remote}/"
        code, out, _ = self._try("symbolic-ref", "--quiet", prefix + "HEAD")
        candidates = [out.decode("utf-8", "surrogateescape").strip()] if code == 0 else []
        for ref in (*candidates, prefix + "main", prefix + "master"):
            if ref.startswith(prefix) and self._exists(ref):
                return ref
        return None

    def add(self, path: str) -> None:
        """Put the file at `path`, as it is in the working tree, into the index: it no longer conflicts."""
        self._output("add", "--", path)

    def config_get(self, name: str) -> str | None:
        """The last value of `name` in this clone's own configuration, None where it is not set."""
        code, out, err = self._try("config", "--local", "-z", "--get", name)
        if code > 1:
            raise failed("config", err)
        return out.rstrip(b"\0").decode("utf-8", "surrogateescape") if code == 0 else None

    def user_name(self) -> str | None:
        """`user.name` of git's whole configuration, or None."""
        code, out, _ = self._try("config", "-z", "--get", "user.name")
        return out.rstrip(b"\0").decode("utf-8", "surrogateescape") if code == 0 else None

    def config_set(self, name: str, value: str) -> None:
        """Set `name` to the one `value` in this clone's own configuration (all worktrees share it)."""
        self._output("config", "--local", "--replace-all", name, value)

    def config_unset(self, name: str) -> None:
        """Take every value of `name` out of this clone's own configuration."""
        code, _, err = self._try("config", "--local", "--unset-all", name)
        if code not in (0, 5):  # 5: it was not set
            raise failed("config", err)

    def settings(self) -> dict[str, list[str]]:
        """What says whom to trust in git's whole configuration: lower-case key (names kept) -> values."""
        pattern = r"^(remote\..*\.url|ksecrets\.(trustedref|trustedkey|remotekeys)|checkout\.defaultremote)$"
        code, out, err = self._try("config", "-z", "--get-regexp", pattern)
        if code > 1:
            raise failed("config", err)
        settings: dict[str, list[str]] = {}
        for entry in out.split(b"\0"):
            if entry:
                key, _, value = entry.decode("utf-8", "surrogateescape").partition("\n")
                settings.setdefault(key, []).append(value)
        return settings

    def _full_name(self, ref: str) -> str | None:
        """`ref` (short or full) as a full name, so that a branch called like it cannot step in later."""
        if ref.startswith("-"):
            return None
        code, out, _ = self._try("rev-parse", "--verify", "--quiet", "--symbolic-full-name", "--end-of-options", ref)
        full = [line for line in out.decode("utf-8", "surrogateescape").split("\n") if line.startswith("refs/")]
        if code == 0 and full and self._exists(full[0]):
            return full[0]
        return ref if self._exists(ref) else None  # HEAD, or a commit id

    def _exists(self, revision: str) -> bool:
        return self._try("rev-parse", "--verify", "--quiet", "--end-of-options", revision + "^{commit}")[0] == 0

    # -- git itself ----------------------------------------------------------------------------------------------------

    def _output(self, *words: str, input: bytes | None = None) -> bytes:
        code, out, err = self._try(*words, input=input)
        if code != 0:
            raise failed(words[0], err)
        return out

    def _try(self, *words: str, input: bytes | None = None) -> tuple[int, bytes, bytes]:
        process = self.start(*words)
        out, err = process.communicate(input)
        # A refusal of the whole repository is not an answer to the question.
        if process.returncode == 128 and (b"dubious ownership" in err or b"not a git repository" in err):
            raise failed(words[0], err)
        return process.returncode, out, err

    def start(self, *words: str) -> Popen[bytes]:
        """A process of git in this repository; for this module and its batch."""
        if self._environment is None:
            self._environment = environment(os.environ, self.top, self.git_dir())
        return start(words, self.top, self._environment)


def _real(path: str) -> str:
    """Absolute, with the links of its folders followed, but not one at its end that leads to a file."""
    whole = os.path.abspath(path)
    if os.path.isdir(whole):
        return os.path.realpath(whole)
    return os.path.join(os.path.realpath(os.path.dirname(whole)), os.path.basename(whole))


def _git_folder(top: str) -> str | None:
    """The git folder of the repository at exactly `top`: ``.git`` itself, or where the file ``.git`` leads."""
    path = os.path.join(top, ".git")
    if os.path.isdir(path):
        # As git does: a folder that only happens to have the name does not count.
        return path if os.path.lexists(os.path.join(path, "HEAD")) else None
    try:
        with open(path, encoding="utf-8", errors="surrogateescape") as file:
            line = file.readline(8192)
    except OSError:
        return None
    if not line.startswith("gitdir:"):
        return None
    return os.path.normpath(os.path.join(top, line[len("gitdir:") :].strip()))


def _raw_changes(out: bytes) -> Iterable[Change]:
    """`git diff --raw -z`: ``:MODE MODE ID ID STATUS`` NUL path NUL, with a second path for R and C."""
    fields = iter(out.split(b"\0"))
    for head in fields:
        if not head:
            continue
        old_mode, new_mode, old_id, new_id, status = head[1:].split(b" ")
        letter = status[:1].decode("ascii")
        first = os.fsdecode(next(fields))
        second = os.fsdecode(next(fields)) if letter in "RC" else first
        # Regular files have mode 100644 or 100755; links, submodules and nothing at all have others.
        was, now = old_mode.startswith(b"100"), new_mode.startswith(b"100")
        if letter == "U":
            yield "U", first, first, None, None
        elif was and now:
            yield ("M" if letter == "T" else letter), first, second, _id(old_id), _id(new_id)
        elif was:
            yield "D", first, None, _id(old_id), None
        elif now:
            yield "A", None, second, None, _id(new_id)


def _id(raw: bytes) -> str | None:
    return None if not raw.strip(b"0") else raw.decode("ascii")


def _below(path: str | None, folders: Sequence[str]) -> bool:
    if path is None:
        return False
    return any(folder in ("", ".", path) or path.startswith(folder.rstrip("/") + "/") for folder in folders)
