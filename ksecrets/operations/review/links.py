"""Symbolic links of a tree that lead from one environment into another, or out of the repository."""

from __future__ import annotations

from ksecrets.operations.findings import Finding

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from ksecrets.operations.review.snapshot import Snapshot
    from ksecrets.operations.review.treerules import TreeRules


def crossing(rules: TreeRules, base: Snapshot, head: Snapshot, links: Sequence[str]) -> Iterator[Finding]:
    """A finding for each of these links of HEAD through which a file has another environment than its own.

    docs/threat-model.md: a link in `prod` to a file of `dev` lets a reader of dev say what prod deploys.
    """
    for link in links:
        target = head.follow(link)
        names = [link] + [path for path in base.entries if path.startswith(link + "/")]
        if target is None:
            environment = next((found for found in map(rules.environment, names) if found is not None), None)
            if environment is not None:
                yield _finding(link, f"leads from {environment} out of the repository")
            continue
        if target in head.entries:
            pairs = [(link, target)]
        else:
            below = target + "/" if target else ""
            pairs = [(f"{link}/{path[len(below) :]}", path) for path in head.entries if path.startswith(below)]
            environment = rules.environment(link)
            if not pairs and environment is not None:
                yield _finding(link, f"leads from {environment} to what git does not keep: {target}")
        for name, path in pairs:
            wanted, own = rules.environment(name), rules.environment(path)
            if wanted is not None and wanted != own:
                yield _finding(link, f"leads from {wanted} to {own or 'no environment'}: {path}")
                break


def _finding(link: str, message: str) -> Finding:
    return Finding("symlink", "error", link, message, hint="keep a link and its target in one environment")
