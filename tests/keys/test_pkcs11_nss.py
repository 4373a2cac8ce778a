"""PKCS#11 keys against a second token in software: the softoken of NSS (Debian: libnss3-tools), which knows SHA-256."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from ksecrets.envelope.recipient import Identity, Recipient
from ksecrets.errors import ServiceFailed
from ksecrets.keys.pkcs11 import MODULE_VARIABLE, PIN_VARIABLE, Pkcs11Key
from ksecrets.keys.remote import Access, RemoteIdentity
from tests.conftest import _find_peer
from tests.keys.contract import KEY
from tests.keys.foreign import ForeignContract

PASSWORD = "a-password-of-nss"
TOKEN = "NSS%20Certificate%20DB"
_SOURCE = Path(__file__).with_name("standins") / "nss_module.c"


@pytest.fixture(scope="module")
def module(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The library, over a database with the keys `one` and `two`."""
    folder = tmp_path_factory.mktemp("nss")
    library = str(folder / "nss.so")
    subprocess.run([_find_peer("cc"), "-shared", "-fPIC", "-o", library, str(_SOURCE), "-ldl"], check=True)
    (folder / "password").write_text(PASSWORD + "\n")
    words = ["-N", "-d", f"sql:{folder}", "-f", str(folder / "password")]
    subprocess.run([_find_peer("certutil"), *words], check=True, capture_output=True)
    settings = {
        "NSS_LIBRARY": _softoken(),
        "NSS_PARAMETERS": f"configdir='sql:{folder}' certPrefix='' keyPrefix='' secmod='' flags= ",
    }
    os.environ.update(settings)
    import pkcs11

    token = pkcs11.lib(library).get_token(token_label="NSS Certificate DB")
    with token.open(rw=True, user_pin=PASSWORD) as session:
        for number, label in enumerate((b"one", b"two"), 1):
            session.generate_keypair(pkcs11.KeyType.RSA, 2048, store=True, label=label.decode(), id=bytes([number]))
    yield library
    for name in settings:
        del os.environ[name]


def _softoken() -> str:
    tool = shutil.which("certutil")
    linked = subprocess.run(["ldd", str(tool)], capture_output=True, text=True, check=True).stdout
    nss = next(line.split("=>")[1].split("(")[0].strip() for line in linked.splitlines() if "libnss3.so" in line)
    folder = Path(nss).resolve().parent
    return str(next(path for path in (folder / "libsoftokn3.so", folder / "nss/libsoftokn3.so") if path.exists()))


class NssContract(ForeignContract):
    service = "pkcs11"
    algorithm = ""

    @pytest.fixture(autouse=True)
    def _token(self, module: str, monkeypatch: pytest.MonkeyPatch) -> None:
        self.module = module
        self.used = 0
        for name, value in self.environ().items():
            monkeypatch.setenv(name, value)

    def environ(self) -> dict[str, str]:
        return {MODULE_VARIABLE: self.module, PIN_VARIABLE: PASSWORD, "KSECRETS_KEY_TIMEOUT": "10"}

    def key(self, name: str) -> Pkcs11Key:
        fields = {"uri": f"pkcs11:token={TOKEN};object={name}", "algorithm": self.algorithm}
        return Pkcs11Key(fields, Access(self.environ()))

    def pair(self) -> tuple[Recipient, Identity]:
        self.used += 1
        key = self.key(("one", "two")[self.used % 2])
        return key, RemoteIdentity(key)

    def secret_of(self, identity: Identity) -> str:
        return PASSWORD

    def test_the_key_of_another_does_not_open_it(self) -> None:
        with pytest.raises(ServiceFailed) as caught:
            self.key("two").open(self.key("one").wrap(KEY).enc)
        assert caught.value.reason == "refused"


class TestSha256(NssContract):
    pass


class TestSha1(NssContract):
    algorithm = "RSA-OAEP"
