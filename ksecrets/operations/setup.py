"""keygen, init, env add: from an empty repository to one that can be encrypted."""

from __future__ import annotations

import os

from ksecrets.errors import ConfigError, UsageError
from ksecrets.keys.age import keygen as generator
from ksecrets.keys.identities import keys_path
from ksecrets.operations.own import own_name, own_recipients, person_name
from ksecrets.operations.session import Session
from ksecrets.repository.repository import Repository, top_level
from ksecrets.repository.setup import set_up
from ksecrets.rules import FILE, edit
from ksecrets.rules.config import Config, parse
from ksecrets.storage import atomic

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

KEY, CONFIG, GIT, WARN, NEXT = "key", "config", "git", "warn", "next"


class Done:
    """What a set-up step did, for people.

    lines: (label, text) pairs in order; labels are ``key``, ``config``, ``git``, ``warn`` and ``next``.
    public: the recipient of the identity that was made or found, or None.
    """

    __slots__ = ("lines", "public")

    def __init__(self) -> None:
        self.lines: list[tuple[str, str]] = []
        self.public: str | None = None

    def say(self, label: str, text: str) -> None:
        self.lines.append((label, text))


def keygen(path: str | None = None, *, keyring: bool = False, pq: bool = False, session: Session | None = None) -> Done:
    """Make an age identity (X25519).

    path: a new file for it; by default it is added to the file where sops also looks (mode 0600). keyring: into the
    keyring of the system instead. pq: post-quantum (ML-KEM-768 with X25519). Raises ConfigError where the file exists,
    there is no keyring, or no ML-KEM.
    """
    session = session or Session()
    done = Done()
    identity = generator.generate(pq=pq)
    done.public = identity.public
    if keyring:
        if path is not None:
            raise UsageError("an identity goes either to a file or to the keyring")
        generator.keep_in_keyring(identity, session.environ)
        where = "the keyring of the system"
    elif path is not None:
        generator.write_new(path, identity)
        where = f"{path} (0600)"
    else:
        path = keys_path(session.environ)
        if path is None:
            raise ConfigError("no folder for keys is known", hint="name a file: ksecrets keygen -o FILE")
        generator.add_to(path, identity)
        where = f"{_tilde(path, session)} (0600)"
    done.say(KEY, f"created {where}: {identity.public}")
    return done


def init(
    *,
    name: str | None = None,
    env: str = "dev",
    files: Sequence[str] = (),
    keyring: bool = False,
    pq: bool = False,
    path: str = ".",
    session: Session | None = None,
) -> Done:
    """Set up the git repository around `path`: an identity, `.ksecrets.yaml`, git of this clone. Idempotent.

    name: of this person in the configuration (by default from git or the system). env: the first environment.
    files: its patterns (by default every ``ENV/secrets*.yaml``). keyring: where a new identity goes.
    pq: a new identity is post-quantum.
    Raises ConfigError outside of git.
    """
    session = session or Session()
    repository = _repository(path)
    done = Done()
    publics = own_recipients(session)
    if publics:
        done.say(KEY, f"found {publics[0]}")
    else:
        made = keygen(keyring=keyring, pq=pq, session=session)
        publics = [made.public or ""]
        done.lines += made.lines
    done.public = publics[0]
    file = os.path.join(repository.top, FILE)
    if os.path.lexists(file):
        config = parse(atomic.read(file).text)
        own = own_name(config, publics)
        done.say(CONFIG, f"kept {FILE} ({_summary(config)})")
        if own is None:
            done.say(WARN, f"none of your identities is a recipient in {FILE}: ask a reader to add {publics[0]}")
    else:
        own = name or person_name(repository, session)
        text = edit.new_config(own, publics[0], env, list(files) or default_files(env))
        config = parse(text)
        atomic.create(file, text)
        done.say(CONFIG, f"wrote {FILE} ({env}: {own})")
        if os.path.lexists(os.path.join(repository.top, ".sops.yaml")):
            done.say(WARN, f"{FILE} takes the place of .sops.yaml, which ksecrets no longer reads here")
    _set_up_git(repository, config, done)
    _warn_of_few(config, config.environments, done)
    done.say(NEXT, f"git add {FILE} .gitattributes; ksecrets encrypt -i {_example(config)}")
    return done


def env_add(
    name: str,
    *,
    machine: str | None = None,
    pq: bool = False,
    deliver: Callable[[str], None] | None = None,
    files: Sequence[str] = (),
    readers: Sequence[str] = (),
    path: str = ".",
    session: Session | None = None,
) -> Done:
    """Add an environment with readers of its own to `.ksecrets.yaml`. Idempotent.

    machine: also make an identity for a machine of that name; its private key goes to `deliver` (as the text of an
    identity file) before anything is written, and nowhere else. pq: that identity is post-quantum. readers: names from
    the configuration; by default the person whose identity is at hand. files: patterns, by default every
    ``NAME/secrets*.yaml``.
    """
    session = session or Session()
    repository = _repository(path)
    file = os.path.join(repository.top, FILE)
    if not os.path.lexists(file):
        raise ConfigError(f"there is no {FILE} yet", hint="ksecrets init")
    source = atomic.read(file)
    config = parse(source.text)
    names = list(readers)
    if not names:
        own = own_name(config, own_recipients(session))
        if own is None:
            raise ConfigError(
                f"none of your identities is a recipient in {FILE}", hint="say who reads it: --reader NAME"
            )
        names = [own]
    done = Done()
    text = source.text
    if machine is not None:
        names.append(machine)
        if machine in config.recipients:
            done.say(KEY, f"kept {machine} (its private key was given out when it was made)")
        else:
            if deliver is None:
                raise UsageError("there is nowhere to give the machine's private key to")
            identity = generator.generate(pq=pq)
            text = edit.add_recipient(text, machine, {"age": identity.public}, "machine")
            edit.add_environment(text, name, list(files) or _files_of(config, name), names)  # refuse before delivery
            deliver(identity.text)
            done.public = identity.public
            done.say(KEY, f"created {machine} {identity.public}: its private key is on standard output only")
    text = edit.add_environment(text, name, list(files) or _files_of(config, name), names)
    config = parse(text)
    if text == source.text:
        done.say(CONFIG, f"kept {FILE} ({name} is there)")
    else:
        atomic.replace(file, text, expected=source)
        done.say(CONFIG, f"added {name} to {FILE}: {', '.join(names)}")
    _set_up_git(repository, config, done)
    _warn_of_few(config, (name,), done)
    done.say(NEXT, f"ksecrets encrypt -i {_example(config, name)}")
    return done


def git_setup(
    *, hooks: bool = False, filter: bool | None = None, path: str = ".", session: Session | None = None
) -> Done:
    """Set up git of this clone for the configuration that is there (a fresh clone needs it once).

    hooks: with the guard as a hook, beside the user's own. filter: with plaintext working copies, without them, or
    None: as it is.
    """
    repository = _repository(path)
    file = os.path.join(repository.top, FILE)
    if not os.path.lexists(file):
        raise ConfigError(f"there is no {FILE} here", hint="ksecrets init")
    done = Done()
    config = parse(atomic.read(file).text)
    _set_up_git(repository, config, done)
    from ksecrets.repository import filtering

    if filter:
        for line in filtering.turn_on(repository, _globs(config)):
            done.say(GIT, line)
            done.say(WARN, "secrets will lie on the disk in plaintext, for every program that you start")
            done.say(
                NEXT, "ksecrets decrypt -i FILE... && git add FILE...; later checkouts are plaintext by themselves"
            )
    elif filter is False:
        for line in filtering.turn_off(repository):
            done.say(GIT, line)
            done.say(NEXT, "ksecrets encrypt -i FILE... && git add FILE...")
    if hooks:
        from ksecrets.repository.hooks import install

        for line in install(repository) or ["the guard is installed"]:
            done.say(GIT, line)
    return done


def default_files(env: str) -> list[str]:
    """The patterns of an environment that was given none."""
    return [f"**/{env}/secrets*.yaml"]


def _files_of(config: Config, name: str) -> list[str]:
    """The patterns that an environment has already, so that adding it again is no change."""
    known = config.environments.get(name)
    return [glob.pattern for glob in known.globs] if known is not None else default_files(name)


def _repository(path: str) -> Repository:
    top = top_level(path)
    if top is None:
        raise ConfigError("this is not a git repository", hint="git init, then again")
    return Repository(top)


def _set_up_git(repository: Repository, config: Config, done: Done) -> None:
    changed = set_up(repository, _globs(config))
    for line in changed or ["is set up for this clone"]:
        done.say(GIT, line)
    from ksecrets.repository import filtering

    if filtering.is_on(repository):
        for line in filtering.turn_on(repository, _globs(config)):
            done.say(GIT, line)


def _globs(config: Config) -> list[str]:
    return [glob.pattern for environment in config.environments.values() for glob in environment.globs]


def _warn_of_few(config: Config, names: Iterable[str], done: Done) -> None:
    """What is to be said when an environment is made; not again with every value that is written."""
    for name in names:
        environment = config.environments[name]
        if len(environment.readers) == 1:
            done.say(WARN, f"{name} has one reader: lose this key, lose the secrets")
            continue
        for warning in environment.policy_of(None, config.file, config.sops_compatible).warnings:
            done.say(WARN, warning)


def _summary(config: Config) -> str:
    names = list(config.environments)
    return ", ".join(names[:4]) + (", ..." if len(names) > 4 else "") if names else "no environments"


def _example(config: Config, env: str | None = None) -> str:
    """A file name that the patterns of an environment take, for a command to be copied."""
    env = env or next(iter(config.environments), "dev")
    for glob in config.environments[env].globs if env in config.environments else ():
        name = "/".join(map(_named, glob.pattern.split("/")))
        if glob.matches(name) and name.isprintable() and " " not in name:
            return name
    return "FILE"


def _named(part: str) -> str:
    """A name that a part of a pattern takes; a `*` in front or at the end stands for something."""
    if part == "**":
        return "env"
    if part.startswith("*"):
        part = "app" + part[1:]
    if part.endswith(".*"):
        part = part[:-1] + "yaml"
    return part.replace("*", "").replace("?", "x")


def _tilde(path: str, session: Session) -> str:
    home = session.environ.get("HOME", "")
    return "~" + path[len(home) :] if home and path.startswith(home + os.sep) else path
