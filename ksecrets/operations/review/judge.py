"""check BASE..HEAD: every finding about a change, by the rules of BASE, from objects of git, without a key.

(One thing gets better with a key: whether a new data key was made by somebody who knew the one before it.)

What the change did not touch is not judged again: `ksecrets check` without a range is about the state of every file.
One thing needs all of HEAD: whether a changed file shares its data key with another one.
"""

from __future__ import annotations

from ksecrets.errors import ConfigError, KsecretsError, UsageError
from ksecrets.operations.examine import Examined, examine
from ksecrets.operations.findings import CODES, Finding, Report
from ksecrets.operations.review import configs, files
from ksecrets.operations.review.links import crossing
from ksecrets.operations.review.snapshot import LARGEST, Snapshot
from ksecrets.operations.review.treerules import OWN, TreeRules
from ksecrets.operations.session import Session
from ksecrets.operations.wanted import YAML
from ksecrets.repository.repository import Repository, top_level
from ksecrets.repository.trees import of_commit

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

    from ksecrets.operations.session import Place
    from ksecrets.repository.batch import Batch
    from ksecrets.repository.trees import Entry

# What a configuration of HEAD explains: where its rules differ from BASE's, that is a finding about the configuration.
_EXPLAINED = ("readers", "threshold", "selector", "environment", "seal-missing", "no-rule")


def review(
    base: str,
    head: str = "HEAD",
    paths: Sequence[str] = (),
    *,
    merge_base: bool = False,
    allow: Sequence[str] = (),
    session: Session | None = None,
) -> Report:
    """Judge what leads from one commit to another.

    base, head: revisions. merge_base: what changed counts from where the two parted, as in `A...B`; files are judged by
    the rules of `base` as it is now, so that a change that began before somebody left brings nobody back. paths: only
    files at or below these, relative to the working folder; the configuration is judged in any case. allow: codes of
    findings that were agreed on, and are warnings then.

    Raises KsecretsError outside of a repository and for what is no revision; everything else is a finding.
    """
    session = session or Session()
    unknown = [code for code in allow if code not in CODES]
    if unknown:
        raise UsageError(
            f"no finding has the code {unknown[0]!r}", hint="the codes stand in brackets at the end of each finding"
        )
    top = top_level(".")
    if top is None:
        raise ConfigError("this is not a git repository, so there is nothing to compare")
    repository = Repository(top)
    new = repository.resolve(head)
    old = judge = repository.resolve(base)
    if merge_base:
        parted = repository.merge_base(old, new)
        if parted is None:
            raise KsecretsError(
                f"{base} and {head} have no commit in common", hint=f"git fetch --unshallow; or {base}.."
            )
        old = parted
    chosen = [repository.relative(path) for path in paths]
    with repository.batch() as batch:
        work = _Review(repository, batch, session, (base, judge, old), (head, new))
        report = work.run(chosen)
    for finding in report.findings:
        if finding.code in allow:
            finding.severity = "warning"
    report.findings.sort(key=lambda finding: (finding.severity, finding.file, finding.line or 0))
    return report


class _Review:
    """One run over two trees."""

    __slots__ = ("base", "head", "new_rules", "old_rules", "report", "rules", "session")

    def __init__(
        self, repository: Repository, batch: Batch, session: Session, old: tuple[str, str, str], new: tuple[str, str]
    ) -> None:
        self.session = session
        self.report = Report()
        label, judge, parted = old
        self.base = Snapshot(label, of_commit(repository, parted), batch)
        self.head = Snapshot(new[0], of_commit(repository, new[1]), batch)
        self.new_rules = TreeRules(self.head, repository.top)
        self.old_rules = self.rules = TreeRules(self.base, repository.top)
        if judge != parted:
            self.rules = TreeRules(Snapshot(label, of_commit(repository, judge), batch), repository.top)

    def run(self, chosen: Sequence[str]) -> Report:
        report, base, head = self.report, self.base, self.head
        report.findings += configs.compare(self.old_rules, self.new_rules, list(head.entries), base.label)
        by = base.label
        if self.rules.broken or not self.rules.exist:
            for problem in self.rules.problems:
                text = f"in {base.label}: {problem.message}; this change is judged by its own rules"
                report.findings.append(Finding("config", "error", problem.file, text, line=problem.line))
            self.rules, by = self.new_rules, head.label
        changed = [entry for entry in head.entries.values() if not entry.same(base.entries.get(entry.path))]
        if chosen:
            changed = [entry for entry in changed if _below(entry.path, chosen)]
        done = self.examined([entry for entry in changed if entry.is_file])
        links = [entry.path for entry in changed if not entry.is_file and entry.path in set(head.links)]
        report.findings += crossing(self.rules, base, head, links)
        self.same_data_keys(done)
        for each in done:
            report.findings += each.findings
        report.files = len(done)
        report.scope = f"changed from {base.label} to {head.label}, judged by the rules of {by} without a key"
        return report

    def examined(self, entries: Sequence[Entry]) -> list[Examined]:
        """The changed files that are encrypted, or are to be."""
        appeared = {entry.path for entry in entries if entry.path not in self.base.entries}
        origins = files.Origins(self.base, self.head, appeared)
        found = []
        for entry in entries:
            path = entry.path
            if path in OWN:
                continue
            try:
                place = self.rules.place(path)
            except ConfigError as error:
                self.report.findings.append(Finding.of(error, "config", path))
                continue
            was = self.base.metadata(path)
            if place.environment is None and was is None and not path.endswith(YAML):
                continue
            plaintext = self.rules.plaintext(place)
            raw = self.head.raw(path)
            if raw is None:
                if plaintext is not None or was is not None:
                    text = f"larger than {LARGEST >> 20} MB: nobody can look at it"
                    self.report.findings.append(Finding("not-yaml", "error", path, text))
                continue
            if plaintext is None and was is None and b"sops" not in raw:
                continue
            done = examine(place, raw, self.session, plaintext, keyless=True)
            if not done.encrypted and plaintext is None and was is None:
                continue
            self.head.know(path, done.metadata)
            self.explained(done, raw)
            origin = origins.of(path, entry.id, self.head.metadata(path))
            files.compare(done, self.rules, self.base, self.head, origin, self.session)
            found.append(done)
        return found

    def explained(self, done: Examined, raw: bytes) -> None:
        """Leave out what a change of the rules explains: that is a finding of its own, once and not for each file.

        It does where the file is wrong by the rules before the change, and right by those after it.
        """
        path = done.place.path
        if self.new_rules is self.rules or not any(finding.code in _EXPLAINED for finding in done.findings):
            return
        try:
            old, new = self.old_rules.place(path), self.new_rules.place(path)
        except ConfigError:
            return
        if new.policy is None:
            return
        after = self._codes(new, raw)
        before = set(_EXPLAINED) if self.old_rules is self.rules else self._codes(old, raw)
        explained = (before - after).intersection(_EXPLAINED)
        done.findings = [finding for finding in done.findings if finding.code not in explained]

    def _codes(self, place: Place, raw: bytes) -> set[str]:
        return {finding.code for finding in examine(place, raw, self.session, None, keyless=True).findings}

    def same_data_keys(self, done: Sequence[Examined]) -> None:
        """A finding for every changed file whose data key another file of HEAD has, too (docs/threat-model.md)."""
        mine = {each.place.path: each for each in done}
        kids = {each.kid: each for each in done if each.kid is not None}
        if not kids:
            return
        import re

        marks = re.compile(rb"kid\W{1,6}([A-Za-z0-9_-]{22})")
        first: dict[str, str] = {}
        for path, entry in self.head.entries.items():
            if path in mine or not entry.is_file or not path.endswith(YAML):
                continue
            raw = self.head.raw(path)
            if raw is None or kids.keys().isdisjoint(found.decode("ascii") for found in marks.findall(raw)):
                continue
            metadata = self.head.metadata(path)
            if metadata is not None and metadata.extension is not None:
                first.setdefault(metadata.extension.kid, path)
        for each in sorted(done, key=lambda each: (each.moved, each.place.path)):
            if each.kid is None:
                continue
            other = first.setdefault(each.kid, each.place.path)
            if other != each.place.path:
                each.add(
                    "same-data-key",
                    "error",
                    f"has the data key of {other}: one was copied from the other",
                    hint=f"ksecrets updatekeys {each.place.path}",
                )


def _below(path: str, folders: Sequence[str]) -> bool:
    return any(folder in ("", ".", path) or path.startswith(folder.rstrip("/") + "/") for folder in folders)
