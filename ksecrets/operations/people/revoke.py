"""revoke: somebody reads environments no longer. What they have read before is what `exposure` lists."""

from __future__ import annotations

from ksecrets.errors import KsecretsError
from ksecrets.operations.people.keys import keys_of
from ksecrets.operations.people.rewrap import Change, carry_out, plan
from ksecrets.operations.people.scope import scope
from ksecrets.operations.session import Session
from ksecrets.rules import members

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from ksecrets.operations.rewrap.run import Progress


def revoke(
    name: str,
    environments: Sequence[str] = (),
    *,
    confirm: Callable[[Change, int], bool] | None = None,
    path: str = ".",
    progress: Progress | None = None,
    session: Session | None = None,
) -> Change:
    """Take somebody out of these environments (none given: out of the configuration), and give every file concerned a
    new data key. Resumable.

    confirm: asked with the change and the number of files before anything is written; None: not asked. Where no
    identity at hand opens a file, the configuration is changed all the same: its path is in `closed` of the result,
    `check` stays red for it, and nothing can be written to it until somebody with access runs `updatekeys`. progress:
    called with the numbers of files done and of all.

    Raises ConfigError for unknown names and where nobody would be left, RuleViolation where files would get new
    readers.
    """
    session = session or Session()
    found = scope(session, path)
    chosen = list(dict.fromkeys(environments))
    gone = name not in found.config.recipients and name not in found.config.pending
    if gone and not chosen and keys_of(name, found):
        text = found.source.text  # an earlier run changed the configuration; perhaps it was interrupted
    else:
        text = members.revoke(found.source.text, name, chosen or None)
    made = plan(found, text, name, chosen or list(found.config.environments), session, adds=False)
    if made.nothing:
        return made.change
    if confirm is not None and not confirm(made.change, len(made.work)):
        raise KsecretsError("not confirmed; nothing was written", hint="--yes confirms without asking")
    return carry_out(made, session, progress)
