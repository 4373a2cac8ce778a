"""check: whether files are encrypted as the configuration says and, where an identity opens them, MAC and seal hold.

Made for CI: it needs no key for most of it, never shows a value, looks at every file whatever is wrong with another,
and starts a few processes of git for a whole repository.
"""

from __future__ import annotations

import os
import stat

from ksecrets.errors import KsecretsError, RuleViolation
from ksecrets.operations.examine import Examined, examine
from ksecrets.operations.findings import CODES, Finding, Report, render
from ksecrets.operations.known import lost_seal
from ksecrets.operations.reading import refuse_vanished_rules
from ksecrets.operations.session import Place, Session
from ksecrets.operations.wanted import NO_FILE, YAML, Wanted

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from ksecrets.rules.policy import Policy

_LARGEST = 1 << 28  # bytes
_OWN = (".ksecrets.yaml", ".sops.yaml", ".gitattributes", ".gitignore", ".gitmodules")


def check(paths: Sequence[str] = (), *, session: Session | None = None) -> Report:
    """Check files and what is below folders; without paths the whole repository around the working folder.

    In git: tracked files, and those that are neither tracked nor ignored. Looked at are the files that the rules name
    and every other YAML file that is encrypted; a file that is named here in any case.

    Raises KsecretsError only where a path does not exist or git fails; everything else is a finding.
    """
    session = session or Session()
    return _Check(session).run(paths)


class _Check:
    """One run over many files."""

    __slots__ = ("_done", "_tops", "_wanted", "report", "session")

    def __init__(self, session: Session) -> None:
        self.session = session
        self.report = Report()
        self._tops: dict[str, Place] = {}  # of every folder that rules were asked for: repositories, or outside of git
        self._done: dict[str, Examined] = {}
        self._wanted = Wanted()

    def run(self, paths: Sequence[str]) -> Report:
        report = self.report
        for path in paths or [_around(self.session)]:
            if os.path.isdir(path):
                for file in self.below(path):
                    self.file(file, named=False)
            elif os.path.lexists(path):
                if self.rules_hold(os.path.dirname(path) or "."):
                    self.file(path, named=True)
            else:
                raise KsecretsError("no such file", file=path)
        self.same_data_keys()
        self.lost_seals()
        self.environments()
        self.clones()
        for done in self._done.values():
            report.findings += done.findings
            if done.verified is not None:
                report.verified += done.verified
                if not done.verified:
                    report.unverified.append(done.place.path)
        report.files = len(self._done)
        report.findings.sort(key=lambda finding: (finding.file, finding.line or 0))
        report.unverified.sort()
        return report

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

    def file(self, path: str, *, named: bool) -> None:
        """Check one file, if it is one to be checked."""
        try:
            kind = os.lstat(path).st_mode
        except OSError:
            return  # git knows it, and it is not there: deleted
        name = os.path.basename(path)
        try:
            place = self.session.place(path)
        except KsecretsError as error:
            self.found(Finding.of(error, "symlink" if isinstance(error, RuleViolation) else "config", path))
            return
        if not stat.S_ISREG(kind) and not (named and os.path.isfile(path)):
            return  # of a link the file that it leads to is checked, under its own name
        if place.relative in _OWN and not named:
            return
        if place.environment is None and not named and not name.endswith(YAML):
            return
        real = place.real or path
        if real in self._done:
            return
        try:
            with open(path, "rb", buffering=0) as stream:
                raw = stream.read(_LARGEST)
        except OSError as error:
            self.found(Finding("not-yaml", "error", path, f"cannot be read: {os.strerror(error.errno or 0).lower()}"))
            return
        plaintext = self._wanted.plaintext(place)
        if plaintext is None and not named and b"sops" not in raw:
            return
        done = examine(place, raw, self.session, plaintext)
        if done.encrypted or plaintext is not None or named:
            self._done[real] = done

    # -- over all files ------------------------------------------------------------------------------------------------

    def same_data_keys(self) -> None:
        """A finding for every file whose data key another one has, too (docs/threat-model.md)."""
        first: dict[str, Examined] = {}
        for done in sorted(self._done.values(), key=lambda done: done.moved):  # so that the copy is the other one
            if done.kid is None:
                continue
            other = first.setdefault(done.kid, done)
            if other is not done:
                done.add(
                    "same-data-key",
                    "error",
                    f"has the data key of {other.place.path}: one was copied from the other",
                    hint=f"ksecrets updatekeys {done.place.path}",
                )

    def lost_seals(self) -> None:
        """Unsealed files of which git has a sealed version: an error, whatever the rules require."""
        unsealed = [done for done in self._done.values() if done.encrypted and not done.sealed]
        for top in dict.fromkeys(done.place.top for done in unsealed):
            files = [done for done in unsealed if done.place.top == top]
            repository = self.session.repository(files[0].place)
            if repository is None:
                continue
            with repository.batch() as batch:
                for done in files:
                    ref = lost_seal(done.place, self.session, batch)
                    for finding in done.findings if ref is not None else ():
                        if finding.code == "seal-missing":
                            finding.severity = "error"
                            finding.message = f"has no seal, and is sealed in {ref}: sops wrote it, or it was removed"
                            finding.hint = f"ksecrets seal {done.place.path}"

    def environments(self) -> None:
        """Warnings about the rules themselves, once each."""
        seen: dict[str, Policy] = {}
        for done in self._done.values():
            if done.place.policy is not None:
                seen.setdefault(done.place.policy.rule or done.place.policy.source, done.place.policy)
        for source, policy in seen.items():
            where, _, _ = source.rpartition(" ")
            file, _, line = where.rpartition(":")
            number = int(line) if line.isdigit() else None
            for warning in policy.warnings:
                self.found(Finding("min-readers", "warning", file, warning, line=number))
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
        if all((other.code, other.file, other.line, other.message) != same for other in self.report.findings):
            self.report.findings.append(finding)


def _around(session: Session) -> str:
    """The folder that `check` without paths is about: the repository, or the folder of the rules, or this one."""
    try:
        place = session.place(NO_FILE)
    except KsecretsError:
        return "."
    folder = place.top or (place.rules.root if place.rules is not None else None)
    return os.path.relpath(folder) if folder is not None else "."


__all__ = ["CODES", "Finding", "Report", "check", "render"]
