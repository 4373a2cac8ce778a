"""Who is at the keyboard: the keys at hand, their name in the configuration, and a name for somebody new."""

from __future__ import annotations

from ksecrets.keys.identities import Identities

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

    from ksecrets.operations.session import Session
    from ksecrets.repository.repository import Repository
    from ksecrets.rules.config import Config


def own_recipients(session: Session) -> list[str]:
    """The age recipients of the identities at hand; ssh keys are not taken for it."""
    identities = Identities.from_environment(session.environ)
    found = [identity.public for identity in identities if identity.public and identity.public.startswith("age1")]
    for note in identities.notes:
        session.note(note)
    return list(dict.fromkeys(found))


def own_name(config: Config, publics: Sequence[str]) -> str | None:
    for public in publics:
        name = config.name_of("age", {"recipient": public})
        if name is not None:
            return name
    return None


def person_name(repository: Repository, session: Session) -> str:
    """A name for the configuration: the first word of git's user.name, else the system's user."""
    given = repository.user_name()
    words = (given or session.environ.get("USER") or session.environ.get("USERNAME") or "me").split()
    slug = "".join(letter if letter.isalnum() else "-" for letter in words[0].lower()) if words else ""
    return slug.strip("-") or "me"
