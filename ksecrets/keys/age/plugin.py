"""age plugins: `age1NAME1...` recipients and `AGE-PLUGIN-NAME-1...` identities, through the program age-plugin-NAME.

A plugin is a program that runs as you, and its name stands in a recipient, which anyone may propose for a
configuration. So a repository starts none: a recipient needs the name in your KSECRETS_AGE_PLUGINS, and an identity is
yours already. The program is looked for in the absolute folders of your PATH only. pyrage speaks the protocol
(https://c2sp.org/age-plugin).

Recipients `age1tag1...` and `age1tagpq1...` (keys in hardware) are wrapped without a program, and opened with one.
"""

from __future__ import annotations

import os

from ksecrets.envelope.recipient import check_length
from ksecrets.errors import ConfigError, KsecretsError
from ksecrets.keys.age.native import SERVICE, AgeIdentity, AgeRecipient
from ksecrets.keys.programs import find_program
from ksecrets.keys.prompt import Prompt, ask_line, show

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Any

    from ksecrets.envelope.recipient import Stanza

PLUGINS_VARIABLE = "KSECRETS_AGE_PLUGINS"
"""The names of plugins that may wrap, with commas or spaces between them."""
_NAME = frozenset("abcdefghijklmnopqrstuvwxyz0123456789+-._")
_TAGS = ("tag", "tagpq")
# what pyrage says where the plugin has no key for any stanza
_NOT_FOR_ME = "No matching keys found"


class PluginRecipient(AgeRecipient):
    """A recipient that the plugin `plugin` wraps for."""

    __slots__ = ("plugin",)

    def __init__(self, text: str, native: Any, plugin: str) -> None:
        super().__init__(text, native)
        self.plugin = plugin

    def _seal(self, data_key: bytes) -> str:
        import pyrage

        check_length(data_key)
        environ = os.environ
        if self.plugin not in environ.get(PLUGINS_VARIABLE, "").replace(",", " ").split():
            raise ConfigError(
                f"the recipient {self.text[:16]}... needs the program age-plugin-{self.plugin}, "
                "and a repository may not start programs",
                hint=f"if you know and want this plugin, set {PLUGINS_VARIABLE}={self.plugin}",
            )
        _require_program(self.plugin)
        person = _Person(Prompt(environ))
        try:
            through = pyrage.plugin.RecipientPluginV1(self.plugin, [self._native], [], person)
            enc: bytes = pyrage.encrypt(data_key, [through], armored=True)
        except pyrage.EncryptError as error:
            raise KsecretsError(f"age-plugin-{self.plugin}: {_one_line(error)}") from None
        finally:
            person.raise_interrupt()
        return enc.decode("ascii")


class PluginIdentity(AgeIdentity):
    """An identity that only its plugin can use. It may fit every recipient of the plugin, and those in hardware."""

    __slots__ = ("_prompt", "plugin")

    def __init__(self, native: Any, plugin: str, *, where: str, prompt: Prompt) -> None:
        super().__init__(native, where=where, kind=SERVICE, public=None)
        self.plugin = plugin
        self._prompt = prompt

    def fits(self, stanza: Stanza) -> bool:
        recipient = stanza.fields.get("recipient", "")
        return stanza.service == SERVICE and plugin_of(recipient) in (self.plugin, *_TAGS)

    def unwrap(self, stanzas: Sequence[Stanza]) -> bytes | None:
        """As Identity has it. Raises KsecretsError where the plugin cannot be started, or fails."""
        import pyrage

        fitting = [stanza for stanza in stanzas if self.fits(stanza)]
        if not fitting:
            return None
        if self._prompt.never:
            raise ConfigError(f"{self.where}: age-plugin-{self.plugin} may ask somebody, and asking is turned off")
        try:
            _require_program(self.plugin)
        except ConfigError as error:
            raise ConfigError(f"{self.where}: {error.message}", hint=error.hint) from None
        failure: KsecretsError | None = None
        for stanza in fitting:
            person = _Person(self._prompt)
            try:
                through = pyrage.plugin.IdentityPluginV1(self.plugin, [self._native], person)
                return bytes(pyrage.decrypt(stanza.enc.encode(), [through]))
            except pyrage.DecryptError as error:
                if str(error) != _NOT_FOR_ME:
                    text = f"{self.where}: age-plugin-{self.plugin}: {_one_line(error)}"
                    failure = failure or KsecretsError(text, hint="the plugin failed, or the wrapped key is damaged")
            finally:
                person.raise_interrupt()
        if failure is not None:
            raise failure
        return None


def plugin_of(recipient: str) -> str | None:
    """The name in `age1NAME1...`, or None for a recipient of another kind."""
    name = recipient[4:].rpartition("1")[0] if recipient.startswith("age1") else ""
    return name if name and _NAME.issuperset(name) else None


def parse_recipient(text: str) -> AgeRecipient:
    """An `age1NAME1...`. Starts nothing. Raises ConfigError that says what is wrong."""
    import pyrage

    name = plugin_of(text)
    try:
        if name is None:
            raise pyrage.RecipientError("no plugin has such a name")
        if name in _TAGS:
            kind = getattr(pyrage, name, None)
            if kind is None:
                raise ConfigError(f"recipients {text[:12]}... need a newer pyrage", hint="pip install -U pyrage")
            return AgeRecipient(text, kind.Recipient.from_str(text))
        return PluginRecipient(text, pyrage.plugin.Recipient.from_str(text), name)
    except pyrage.RecipientError as error:
        raise ConfigError(
            f"not a recipient of an age plugin: {text[:16]}... ({error})",
            hint="a character is wrong, missing or too many",
        ) from None


def parse_identity(text: str, where: str, prompt: Prompt | None = None) -> PluginIdentity:
    """An `AGE-PLUGIN-NAME-1...`. Starts nothing.

    prompt: through which the plugin asks. Raises ConfigError that names `where`, never the text.
    """
    import pyrage

    try:
        native = pyrage.plugin.Identity.from_str(text)
        name = str(native.plugin())
    except pyrage.IdentityError:
        name = ""
    if not name or not _NAME.issuperset(name):
        raise ConfigError(f"{where}: not an identity of an age plugin (its name, checksum or length is wrong)")
    return PluginIdentity(native, name, where=where, prompt=prompt or Prompt(os.environ))


def _require_program(plugin: str) -> None:
    # in the PATH of the process, where pyrage looks
    find_program(f"age-plugin-{plugin}", os.environ, hint="install the plugin")


class _Person:
    """What a plugin asks for or says, at the terminal; None where nobody can be asked.

    Nothing may be raised here: pyrage gives up the whole process for it.
    """

    __slots__ = ("_interrupted", "_prompt")

    def __init__(self, prompt: Prompt) -> None:
        self._prompt = prompt
        self._interrupted = False

    def display_message(self, message: str) -> None:
        show(message)

    def confirm(self, message: str, yes_string: str, no_string: str | None) -> bool | None:
        answers = f"1 = {yes_string}" + (f", 2 = {no_string}" if no_string else "")
        given = self._ask(f"{message} ({answers}): ", secret=False)
        return None if given is None else given.strip() == "1"

    def request_public_string(self, description: str) -> str | None:
        return self._ask(f"{description}: ", secret=False)

    def request_passphrase(self, description: str) -> str | None:
        return self._ask(f"{description}: ", secret=True)

    def _ask(self, text: str, *, secret: bool) -> str | None:
        try:
            return ask_line(text, secret=secret) if self._prompt.terminal else None
        except KeyboardInterrupt:
            self._interrupted = True
        except Exception:
            pass
        return None

    def raise_interrupt(self) -> None:
        """Ctrl-C at a prompt, once the plugin has ended."""
        if self._interrupted:
            raise KeyboardInterrupt


def _one_line(error: Exception) -> str:
    # what a plugin says may hold anything; the isolating marks are those of pyrage's translations
    text = " ".join(str(error).replace("\u2068", "").replace("\u2069", "").split())
    return "".join(character if character.isprintable() else "?" for character in text)[:300]
