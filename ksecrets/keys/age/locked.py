"""Private keys under a passphrase: age's identity files (scrypt) and ssh keys, OpenSSH or PEM.

Imported when such a key is met, and opened when it is needed: an ssh key tells its public half without a passphrase,
an identity file does not. What was opened stays in memory of this process; nothing is written to a disk.
"""

from __future__ import annotations

from ksecrets.errors import ConfigError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from ksecrets.keys.prompt import Prompt

_ARMOR = b"-----BEGIN AGE ENCRYPTED FILE-----"


def open_file(content: bytes, where: str, prompt: Prompt | None) -> bytes:
    """The plaintext of an identity file that `age -p` encrypted. Raises ConfigError that names `where`."""
    import pyrage

    armored = content.lstrip()
    if armored.startswith(_ARMOR):
        content = armored

    def opens(passphrase: str) -> bytes | None:
        try:
            return bytes(pyrage.passphrase.decrypt(content, passphrase))
        except UnicodeEncodeError:
            return None
        except pyrage.DecryptError as error:
            if str(error) == "Decryption failed":
                return None
            raise ConfigError(f"{where}: not an identity file under a passphrase ({error})") from None

    return _ask(where, prompt).unlock(where, opens)


def open_ssh(content: bytes, where: str, prompt: Prompt | None) -> Any:
    """The pyrage identity of an ssh private key file under a passphrase. Raises ConfigError that names `where`."""
    import pyrage
    from cryptography.exceptions import UnsupportedAlgorithm
    from cryptography.hazmat.primitives import serialization as form

    load = form.load_ssh_private_key if b"BEGIN OPENSSH PRIVATE KEY" in content else form.load_pem_private_key

    def opens(passphrase: str) -> Any:
        try:
            return load(content, passphrase.encode("utf-8", "surrogateescape"))
        except UnsupportedAlgorithm as error:
            raise ConfigError(f"{where}: the way this ssh key is encrypted is not supported ({error})") from None
        except (ValueError, TypeError):
            return None

    key = _ask(where, prompt).unlock(where, opens)
    try:
        # in memory, in the one form that pyrage reads
        plain = key.private_bytes(form.Encoding.PEM, form.PrivateFormat.OpenSSH, form.NoEncryption())
        return pyrage.ssh.Identity.from_buffer(plain)
    except (pyrage.IdentityError, ValueError):
        raise ConfigError(f"{where}: not an ssh private key that age can use") from None


def _ask(where: str, prompt: Prompt | None) -> Prompt:
    if prompt is None:
        raise ConfigError(f"{where}: has a passphrase, and nobody can be asked for it here")
    return prompt
