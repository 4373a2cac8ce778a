"""PGP through the user's own gpg: it has the keys, and its agent asks for passphrases and cards.

As sops does it (pgp/keysource.go), but stricter: a recipient is a full fingerprint, so that nobody with a key of the
same short id is written for; gpg never runs without a time limit; and it sees none of the variables that hold other
identities. SOPS_GPG_EXEC names another gpg. Where nobody may be asked (git's drivers) it uses what its agent has.
"""

from __future__ import annotations

import os

from ksecrets.envelope.recipient import Stanza, check_length
from ksecrets.errors import ConfigError, KsecretsError, Tampered
from ksecrets.keys.identities import child_environment
from ksecrets.keys.programs import find_program
from ksecrets.keys.prompt import Prompt

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

SERVICE = "pgp"
EXEC_VARIABLE = "SOPS_GPG_EXEC"
_LENGTHS = (40, 64)
_HEX = frozenset("0123456789abcdefABCDEF")
# gpg alone is done at once; a person needs time to find a card and type its PIN
_SECONDS, _SECONDS_WITH_A_PERSON = 60, 600


class PgpRecipient:
    """Whoever holds the private key of a fingerprint; its public key must be in the user's keyring."""

    __slots__ = ("fingerprint",)

    service = SERVICE

    def __init__(self, fingerprint: str) -> None:
        self.fingerprint = fingerprint

    def identity_fields(self) -> dict[str, str]:
        return {"fp": self.fingerprint}

    def wrap(self, data_key: bytes) -> Stanza:
        """As Recipient has it. Raises KsecretsError where gpg has no usable public key of this fingerprint."""
        import time

        check_length(data_key)
        # whom to trust is said by the configuration, with the whole fingerprint
        words = ("--trust-model", "always", "--no-default-recipient", "--no-encrypt-to", "--armor", "--encrypt")
        environ = os.environ
        code, out, said = _run([*words, "--recipient", self.fingerprint], data_key, Prompt(environ), environ)
        if code or not out.startswith(b"-----BEGIN PGP MESSAGE-----"):
            raise KsecretsError(
                f"gpg cannot encrypt for {self.fingerprint}: {said or f'exit {code}'}",
                hint=f"is its public key there, and not expired? `gpg --list-keys {self.fingerprint}`",
            )
        created = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
        fields = {"fp": self.fingerprint, "created_at": created, "enc": out.decode("ascii").replace("\r\n", "\n")}
        return Stanza(SERVICE, fields)

    def __repr__(self) -> str:
        return f"<PgpRecipient {self.fingerprint}>"


class PgpIdentity:
    """Every private key that the user's gpg has."""

    __slots__ = ("_environ", "_owned", "_prompt", "public", "where")

    def __init__(self, environ: Mapping[str, str], prompt: Prompt) -> None:
        self.where = environ.get(EXEC_VARIABLE) or "gpg"
        self.public: str | None = None
        self._environ = environ
        self._prompt = prompt
        self._owned: dict[str, bool] = {}

    def unwrap(self, stanzas: Sequence[Stanza]) -> bytes | None:
        """As Identity has it. Only stanzas that are labelled with a key of the user's are given to gpg."""
        failure: KsecretsError | None = None
        for stanza in stanzas:
            fingerprint = stanza.fields.get("fp", "")
            if stanza.service != SERVICE or not self._owns(fingerprint):
                continue
            # a data key is 32 bytes, and what is compressed could be anything
            words = ["--max-output", "1024", "--decrypt"]
            code, out, said = _run(words, stanza.enc.encode(), self._prompt, self._environ)
            if not code and out:
                return out
            if _is_damage(said):
                failure = failure or Tampered(f"the data key wrapped for pgp {fingerprint} is damaged ({said})")
            else:
                failure = failure or KsecretsError(f"gpg cannot decrypt for {fingerprint}: {said or f'exit {code}'}")
        if failure is not None:
            raise failure
        return None

    def _owns(self, fingerprint: str) -> bool:
        if fingerprint not in self._owned:
            self._owned[fingerprint] = False
            # sops takes key ids, too; what is no number is no key, and could be read as an option
            if len(fingerprint) >= 8 and _HEX.issuperset(fingerprint):
                words = ["--with-colons", "--list-secret-keys", fingerprint]
                self._owned[fingerprint] = _run(words, b"", self._prompt, self._environ)[0] == 0
        return self._owned[fingerprint]

    def __repr__(self) -> str:
        return f"<PgpIdentity {self.where}>"


def recipient(fields: dict[str, str]) -> PgpRecipient:
    """The recipient of the fingerprint `fields["fp"]`: 40 or 64 hexadecimal digits. Raises ConfigError otherwise."""
    fingerprint = fields.get("fp", "")
    if not _HEX.issuperset(fingerprint) or len(fingerprint) not in _LENGTHS:
        shown = "".join(c if c.isprintable() else "?" for c in fingerprint[:64])
        raise ConfigError(
            f"not a full PGP fingerprint: {shown}", hint="`gpg --fingerprint NAME` shows the 40 digits of a key"
        )
    return PgpRecipient(fingerprint)


def _run(words: list[str], data: bytes, prompt: Prompt, environ: Mapping[str, str]) -> tuple[int, bytes, str]:
    """Exit code, standard output, and the last thing that gpg said. Raises KsecretsError where it cannot run."""
    import subprocess

    program = environ.get(EXEC_VARIABLE) or "gpg"
    if os.path.basename(program) == program:
        program = find_program(program, environ, hint=f"install GnuPG, or name it in {EXEC_VARIABLE}")
    argv = [program, "--batch", "--quiet"]
    argv += [] if prompt.terminal else ["--no-tty"]
    argv += ["--pinentry-mode", "error"] if prompt.never else []
    limit = _SECONDS_WITH_A_PERSON if prompt.terminal else _SECONDS
    child = {**child_environment(environ), "LC_ALL": "C"}
    try:
        done = subprocess.run([*argv, *words], input=data, env=child, capture_output=True, timeout=limit, check=False)
    except subprocess.TimeoutExpired:
        raise KsecretsError(f"gpg did not answer within {limit} seconds") from None
    except OSError as error:
        raise ConfigError(f"{program}: cannot be run: {error.strerror}") from None
    lines = [line for line in done.stderr.decode("utf-8", "replace").splitlines() if line.startswith("gpg: ")]
    said = "".join(c if c.isprintable() else "?" for c in lines[-1][5:])[:200] if lines else ""
    return done.returncode, done.stdout, said


def _is_damage(said: str) -> bool:
    asked = ("pinentry", "passphrase", "cancel", "agent", "card", "secret key")
    return not any(word in said.lower() for word in asked)
