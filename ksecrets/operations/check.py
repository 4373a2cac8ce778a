"""check: whether files are encrypted as the configuration says and, where an identity opens them, MAC and seal hold.

Made for CI: it needs no key for most of it, never shows a value, looks at every file whatever is wrong with another,
and starts a few processes of git for a whole repository. Files are looked at in several processes; what is found does
not depend on how many there are, nor does its order.
"""

from __future__ import annotations

import os
import stat

from ksecrets.errors import KsecretsError, RuleViolation
from ksecrets.operations.ahead import open_ahead
from ksecrets.operations.examine import examine
from ksecrets.operations.findings import CODES, Finding, Report, render
from ksecrets.operations.known import lost_seal
from ksecrets.operations.reading import refuse_vanished_rules
from ksecrets.operations.rewrap.workers import WORTH_IT, processes, spread
from ksecrets.operations.session import Place, Session
from ksecrets.operations.wanted import NO_FILE, YAML, Wanted
from ksecrets.storage.missing import missing

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from ksecrets.rules.policy import Policy

    Progress = Callable[[int, int], None]

_LARGEST = 1 << 28  # bytes
_OWN = (".ksecrets.yaml", ".sops.yaml", ".gitattributes", ".gitignore", ".gitmodules")


def check(paths: Sequence[str] = (), *, progress: Progress | None = None, session: Session | None = None) -> Report:
    """Check files and what is below folders; without paths the whole repository around the working folder.

    In git: tracked files, and those that are neither tracked nor ignored. Looked at are the files that the rules name
    and every other YAML file that is encrypted; a file that is named here in any case. progress: called with the
    number of files that were looked at and that of all.

    Raises KsecretsError only where a path does not exist or git fails; everything else is a finding.
    """
    session = session or Session()
    return _Check(session).run(paths, progress)


class _Looked:
    """What one file came to, small enough to travel between processes.

    real: without links; None where the file does not count and `findings` are all that is to be said. source: what
    the rules have about it, by their own place (`_source`). rotate_after: days, where the rules have it. lastmodified:
    by its metadata. notes: remarks that came up.
    """

    __slots__ = (
        "encrypted",
        "findings",
        "kid",
        "lastmodified",
        "moved",
        "notes",
        "path",
        "real",
        "rotate_after",
        "sealed",
        "source",
        "verified",
    )

    def __init__(self, path: str, findings: Sequence[Finding] = ()) -> None:
        self.path = path
        self.real: str | None = None
        self.findings = list(findings)
        self.source: str | None = None
        self.kid: str | None = None
        self.rotate_after: int | None = None
        self.lastmodified: str | None = None
        self.encrypted = self.sealed = self.moved = False
        self.verified: bool | None = None
        self.notes: list[str] = []


class _Check:
    """One run over many files."""

    __slots__ = ("_done", "_seen", "_tops", "_wanted", "report", "session")

    def __init__(self, session: Session) -> None:
        self.session = session
        self.report = Report()
        self._tops: dict[str, Place] = {}  # of every folder that rules were asked for: repositories, or outside of git
        self._done: dict[str, _Looked] = {}
        self._seen: set[tuple[object, ...]] = set()
        self._wanted = Wanted()

    def run(self, paths: Sequence[str], progress: Progress | None) -> Report:
        report = self.report
        files: list[tuple[str, bool]] = []
        for path in paths or [_around(self.session)]:
            if os.path.isdir(path):
                files += [(file, False) for file in self.below(path)]
            elif os.path.lexists(path):
                if self.rules_hold(os.path.dirname(path) or "."):
                    files.append((path, True))
            else:
                raise missing(path)
        self.look_at(files, progress)
        self.same_data_keys()
        self.lost_seals()
        self.overdue()
        self.environments()
        self.clones()
        for done in self._done.values():
            report.findings += done.findings
            if done.verified is not None:
                report.verified += done.verified
                if not done.verified:
                    report.unverified.append(done.path)
        report.files = len(self._done)
        if not report.files and not report.findings and all(place.rules is None for place in self._tops.values()):
            self.session.note("nothing was checked: there is no .ksecrets.yaml here, and no file that is encrypted")
        report.findings.sort(key=lambda finding: (finding.file, finding.line or 0))
        report.unverified.sort()
        return report

    def look_at(self, files: Sequence[tuple[str, bool]], progress: Progress | None) -> None:
        """Look at (path, named) each, and keep what came of it, in their order."""
        open_ahead([path for path, _ in files], self.session)
        results: list[_Looked | None] = [None] * len(files)
        count = processes() if len(files) >= WORTH_IT else 1
        begun = 0
        while begun < len(files):
            looked = results[begun] = self.file(files[begun])
            begun += 1
            if progress is not None:
                progress(begun, len(files))
            # Once an identity was asked for, all that needs a passphrase has had it: no two processes ask.
            if count > 1 and looked is not None and looked.verified is not None:
                break
        rest = files[begun:]
        done = begun
        count = min(count, processes())  # a token may have been asked meanwhile
        for index, looked in spread(rest, self.file, count) if rest else ():
            results[begun + index] = looked
            done += 1
            if progress is not None:
                progress(done, len(files))
        for looked in results:
            if looked is None:
                continue
            for note in looked.notes:
                self.session.note(note)
            if looked.real is None:
                for finding in looked.findings:
                    self.found(finding)
            else:
                self._done.setdefault(looked.real, looked)

    # -- which files ---------------------------------------------------------------------------------------------------

    def below(self, folder: str) -> Iterator[str]:
        """The files below a folder, as paths from the working folder."""
        if not self.rules_hold(folder):
            return
        from ksecrets.repository.repository import Repository, top_level

        top = top_level(folder)
        if top is None:
            for above, folders, names in os.walk(folder):
                folders[:] = sorted(name for name in folders if name != ".git")
                yield from (os.path.normpath(os.path.join(above, name)) for name in sorted(names))
            return
        repository = Repository(top)
        here = os.path.realpath(os.curdir)
        for name in repository.ls_files([repository.relative(folder)], untracked=True):
            yield name if here == top else os.path.relpath(os.path.join(top, *name.split("/")), here)

    def rules_hold(self, folder: str) -> bool:
        """Whether the configuration can be read; what is wrong with it is a finding."""
        try:
            place = self.session.place(os.path.join(folder, NO_FILE))
            key = place.top or (place.rules.root if place.rules is not None else "")
            if key in self._tops:
                return True
            refuse_vanished_rules(place, self.session)
            if place.rules is not None and place.rules.kind == "ksecrets":
                place.rules.config.check()  # type: ignore[union-attr]
            self._tops[key] = place
        except KsecretsError as error:
            self.found(Finding.of(error, "config", folder))
            return False
        return True

    def file(self, item: tuple[str, bool]) -> _Looked | None:
        """Look at one file, if it is one to be checked; in whatever process this is."""
        path, named = item
        notes = self.session.notes
        known = len(notes)
        looked = self._file(path, named)
        if looked is not None:
            looked.notes = notes[known:]
        return looked

    def _file(self, path: str, named: bool) -> _Looked | None:
        try:
            kind = os.lstat(path).st_mode
        except OSError:
            return None  # git knows it, and it is not there: deleted
        try:
            place = self.session.place(path)
        except KsecretsError as error:
            code = "symlink" if isinstance(error, RuleViolation) else "config"
            return _Looked(path, [Finding.of(error, code, path)])
        if not stat.S_ISREG(kind) and not (named and os.path.isfile(path)):
            return None  # of a link the file that it leads to is checked, under its own name
        if place.relative in _OWN and not named:
            return None
        if place.environment is None and not named and not path.endswith(YAML):
            return None
        try:
            with open(path, "rb", buffering=0) as stream:
                raw = stream.read(_LARGEST)
        except OSError as error:
            why = f"cannot be read: {os.strerror(error.errno or 0).lower()}"
            return _Looked(path, [Finding("not-yaml", "error", path, why)])
        plaintext = self._wanted.plaintext(place)
        if plaintext is None and not named and b"sops" not in raw:
            return None
        done = examine(place, raw, self.session, plaintext)
        if not (done.encrypted or plaintext is not None or named):
            return None
        looked = _Looked(path, done.findings)
        looked.real = place.real or path
        looked.encrypted, looked.sealed, looked.moved = done.encrypted, done.sealed, done.moved
        looked.verified, looked.kid = done.verified, done.kid
        looked.lastmodified = done.metadata.lastmodified if done.metadata is not None else None
        if place.policy is not None:
            looked.source, looked.rotate_after = _source(place.policy), place.policy.rotate_after
        return looked

    # -- over all files ------------------------------------------------------------------------------------------------

    def same_data_keys(self) -> None:
        """A finding for every file whose data key another one has, too (docs/threat-model.md)."""
        first: dict[str, _Looked] = {}
        for done in sorted(self._done.values(), key=lambda done: done.moved):  # so that the copy is the other one
            if done.kid is None:
                continue
            other = first.setdefault(done.kid, done)
            if other is not done:
                what = f"has the data key of {other.path}: one was copied from the other"
                hint = f"ksecrets updatekeys {done.path}"
                done.findings.append(Finding("same-data-key", "error", done.path, what, hint=hint))

    def lost_seals(self) -> None:
        """Unsealed files of which git has a sealed version: an error, whatever the rules require."""
        unsealed = [
            (self.session.place(done.path), done) for done in self._done.values() if done.encrypted and not done.sealed
        ]
        for top in dict.fromkeys(place.top for place, _ in unsealed):
            files = [(place, done) for place, done in unsealed if place.top == top]
            repository = self.session.repository(files[0][0])
            if repository is None:
                continue
            with repository.batch() as batch:
                for place, done in files:
                    ref = lost_seal(place, self.session, batch)
                    for finding in done.findings if ref is not None else ():
                        if finding.code == "seal-missing":
                            finding.severity = "error"
                            finding.message = f"has no seal, and is sealed in {ref}: sops wrote it, or it was removed"
                            finding.hint = f"ksecrets seal {done.path}"

    def overdue(self) -> None:
        """A warning for every data key that is older than `rotate-after` of its environment."""
        due = [done for done in self._done.values() if done.rotate_after is not None and done.lastmodified is not None]
        if not due:
            return
        from ksecrets.operations.ages import Ages

        ages = Ages(self.session)
        for done in due:
            ages.prepare(done.path)
            age = ages.of(self.session.place(done.path), done.kid, done.lastmodified or "")
            if done.rotate_after is not None and age >= done.rotate_after:
                what = f"its data key is {age} days old, and rotate-after asks for a new one after {done.rotate_after}"
                hint = f"ksecrets rotate {done.path}, and new values where old ones may be known"
                done.findings.append(Finding("rotate-due", "warning", done.path, what, hint=hint))

    def environments(self) -> None:
        """Warnings about the rules themselves, once each."""
        seen: dict[str, str] = {}
        for done in self._done.values():
            if done.source is not None:
                seen.setdefault(done.source, done.path)
        for source, path in seen.items():
            policy = self.session.place(path).policy
            assert policy is not None
            where, _, _ = source.rpartition(" ")
            file, _, line = where.rpartition(":")
            number = int(line) if line.isdigit() else None
            for warning in policy.warnings:
                self.found(Finding("min-readers", "warning", file, warning, line=number))
            if policy.classical:
                names = ", ".join(reader.name for reader in policy.classical)
                what = (
                    f"{policy.environment or 'this rule'} mixes post-quantum readers with others, which count: {names}"
                )
                hint = "ksecrets keygen --pq for each of them; what history holds under the old keys stays as it is"
                self.found(Finding("pq-mixed", "warning", file, what, line=number, hint=hint))
            if len(policy.recipients) == 1 and not policy.warnings:
                who = policy.recipients[0].name
                what = f"{policy.environment or 'this rule'} has one reader, {who}: lose this key, lose the secrets"
                self.found(Finding("one-reader", "warning", file, what, line=number))

    def clones(self) -> None:
        """A warning where this clone does not show differences; not in CI, where nobody looks at them."""
        if self.session.environ.get("CI", "") not in ("", "0", "false"):
            return
        from ksecrets.repository.setup import is_set_up

        for place in self._tops.values():
            repository = self.session.repository(place)
            if place.rules is None or place.rules.kind != "ksecrets" or repository is None:
                continue
            if not is_set_up(repository):
                self.found(
                    Finding(
                        "git-setup",
                        "warning",
                        os.path.relpath(place.rules.file),
                        "this clone does not show differences of encrypted files",
                        hint="ksecrets git setup",
                    )
                )

    def found(self, finding: Finding) -> None:
        """Add a finding about no examined file, once."""
        same = (finding.code, finding.file, finding.line, finding.message)
        if same not in self._seen:
            self._seen.add(same)
            self.report.findings.append(finding)


def _source(policy: Policy) -> str:
    """What decided about a file: the rule, or else the environment, with file and line."""
    return policy.rule or policy.source


def _around(session: Session) -> str:
    """The folder that `check` without paths is about: the repository, or the folder of the rules, or this one."""
    try:
        place = session.place(NO_FILE)
    except KsecretsError:
        return "."
    folder = place.top or (place.rules.root if place.rules is not None else None)
    return os.path.relpath(folder) if folder is not None else "."


__all__ = ["CODES", "Finding", "Report", "check", "render"]
