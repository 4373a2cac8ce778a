"""guard: the last look before a commit, at what is staged and not at what lies in the working tree.

It stops what must never reach git: plaintext where a rule wants it encrypted, half of a decryption, readers that no
rule gives, conflict markers. It needs no key, and looks only at what the commit changes: the time does not grow with
the repository. Rules are those that are staged, too; that they are good rules is the matter of `check BASE..HEAD`.
"""

from __future__ import annotations

from ksecrets.errors import ConfigError
from ksecrets.operations.examine import examine
from ksecrets.operations.findings import Finding, Report
from ksecrets.operations.review.links import crossing
from ksecrets.operations.review.snapshot import LARGEST, Snapshot
from ksecrets.operations.review.treerules import OWN, TreeRules
from ksecrets.operations.session import Session
from ksecrets.operations.wanted import YAML
from ksecrets.repository import filtering
from ksecrets.repository.repository import Repository, top_level
from ksecrets.repository.trees import Entry, of_index, staged
from ksecrets.rules import FILE, SOPS_FILE

_FINISH = "resolve the conflict, then `git add` the file"


def guard(*, session: Session | None = None) -> Report:
    """What is wrong with the staged changes; only errors are in the report. Raises KsecretsError outside of git."""
    session = session or Session()
    top = top_level(".")
    if top is None:
        raise ConfigError("this is not a git repository, so nothing is staged")
    repository = Repository(top)
    report = Report()
    report.scope = "staged"
    changed = staged(repository)
    if not changed:
        return report
    # Where the working tree is plaintext, `git add -p` can stage a part of a change: no seal fits to that.
    opener = Session({**session.environ, "KSECRETS_PROMPT": "never"}) if filtering.in_use(repository) else None
    with repository.batch() as batch:
        index = Snapshot("the index", of_index(repository), batch)
        rules = TreeRules(index, top)
        findings = list(rules.problems)
        new_rules = any(entry.path == FILE or entry.path.endswith(SOPS_FILE) for entry in changed)
        if new_rules and not findings:
            # Files that did not change may now be ones that are to be encrypted: those of which a rule speaks.
            known = {entry.path for entry in changed}
            changed += [
                entry for entry in index.entries.values() if entry.path not in known and rules.environment(entry.path)
            ]
        for path in index.unmerged:
            if rules.environment(path) is not None:
                findings.append(Finding("conflict-markers", "error", path, "is in conflict", hint=_FINISH))
        for entry in changed:
            if entry.path.endswith("/" + FILE):
                text = f"only the {FILE} at the top of the repository counts, and this is another one"
                findings.append(Finding("config-nested", "error", entry.path, text))
            if entry.is_file and not entry.stage:
                findings += _file(entry, index, rules, opener)
                report.files += 1
        links = [entry.path for entry in changed if entry.path in index.links]
        if links:
            findings += crossing(rules, index, index, links)
    report.findings = [finding for finding in findings if finding.severity == "error"]
    return report


def _file(entry: Entry, index: Snapshot, rules: TreeRules, opener: Session | None) -> list[Finding]:
    """What is wrong with one staged file. opener: whose keys open it, None to open nothing."""
    path = entry.path
    if path in OWN:
        return []
    try:
        place = rules.place(path)
        plaintext = rules.plaintext(place)
    except ConfigError as error:
        return [Finding.of(error, "config", path)]
    if place.environment is None and not path.endswith(YAML):
        return []
    raw = index.raw(path)
    if raw is None or len(raw) > LARGEST:
        text = f"larger than {LARGEST >> 20} MB: it cannot be looked at"
        return [Finding("not-yaml", "error", path, text)] if plaintext == "error" else []
    if plaintext is None and b"sops" not in raw:
        return []
    done = examine(place, raw, opener or Session(), plaintext, keyless=opener is None)
    # A merge without a key holds no plaintext, nobody reads it, and it reaches whoever seals it by a commit only.
    findings = [finding for finding in done.findings if finding.code != "merge-pending"]
    return findings if done.encrypted or plaintext is not None else []
