"""The cryptographic bindings, both ways: taken directly, and through the public modules where that fails."""

from __future__ import annotations

import hashlib
import hmac
import importlib.util
import pickle
import sys
from types import ModuleType

import pytest
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from hypothesis import given
from hypothesis import strategies as st

from ksecrets.values import primitives
from ksecrets.values.cipher import DataKey, SyntheticIVs, base64url, length_prefixed


@pytest.fixture(params=["direct", "public"])
def bindings(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    """The module as it loads here, and as it loads where neither private binding is to be had."""
    if request.param == "public":
        monkeypatch.setitem(sys.modules, "_sha2", None)
        monkeypatch.setitem(sys.modules, "_sha256", None)
        monkeypatch.setitem(sys.modules, "cryptography.hazmat.bindings._rust", None)
    spec = importlib.util.spec_from_file_location("a_copy", primitives.__file__)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    if request.param == "public":
        assert module.aes_gcm is AESGCM
        assert module._sha512 is hashlib.sha512
        assert module.compare_digest is hmac.compare_digest
    return module


def test_aes_gcm(bindings: ModuleType) -> None:
    sealed = bindings.aes_gcm(b"k" * 32).encrypt(b"n" * 32, b"text", b"associated")
    assert sealed == AESGCM(b"k" * 32).encrypt(b"n" * 32, b"text", b"associated")
    assert bindings.aes_gcm(b"k" * 32).decrypt(b"n" * 32, sealed, b"associated") == b"text"


def test_hashes(bindings: ModuleType) -> None:
    state = bindings.sha512()
    state.update(b"one")
    state.update(b"two")
    assert state.hexdigest() == hashlib.sha512(b"onetwo").hexdigest()
    keyed = bindings.hmac_sha256(b"key")
    copy = keyed.copy()
    keyed.update(b"te")
    keyed.update(b"xt")
    assert keyed.digest() == keyed.digest() == hmac.digest(b"key", b"text", "sha256")
    assert copy.digest() == hmac.digest(b"key", b"", "sha256")
    assert bindings.keyed_hasher(b"key")(b"text") == keyed.digest()


def test_hashes_for_long_texts(bindings: ModuleType) -> None:
    def hashed() -> tuple[bytes, bytes, bytes]:
        state = bindings.sha512()
        state.update(b"x" * 1000)
        keyed = bindings.hmac_sha256(b"key")
        keyed.update(b"text")
        return state.digest(), keyed.digest(), bindings.keyed_hasher(b"key")(b"text")

    begun = bindings.hmac_sha256(b"key")
    before = hashed()
    bindings.expect_long_texts()
    begun.update(b"text")
    assert hashed() == before == (hashlib.sha512(b"x" * 1000).digest(), begun.digest(), begun.digest())


# RFC 4231, test cases 1, 2, 3, 4, 6 and 7 (5 is cut to 16 bytes).
HMAC_VECTORS = [
    (b"\x0b" * 20, b"Hi There", "b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7"),
    (b"Jefe", b"what do ya want for nothing?", "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843"),
    (b"\xaa" * 20, b"\xdd" * 50, "773ea91e36800e46854db8ebd09181a72959098b3ef8c122d9635514ced565fe"),
    (bytes(range(1, 26)), b"\xcd" * 50, "82558a389a443c0ea4cc819899f2083a85f0faa3e578f8077a2e3ff46729665b"),
    (
        b"\xaa" * 131,
        b"Test Using Larger Than Block-Size Key - Hash Key First",
        "60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54",
    ),
    (
        b"\xaa" * 131,
        b"This is a test using a larger than block-size key and a larger than block-size data. "
        b"The key needs to be hashed before being used by the HMAC algorithm.",
        "9b09ffa71b942fcb27635fbcd5b0e944bfdc63644f0713938a7f51535c3a35e2",
    ),
]


@pytest.mark.parametrize(("key", "message", "expected"), HMAC_VECTORS)
def test_hmac_gives_what_its_rfc_says(key: bytes, message: bytes, expected: str) -> None:
    keyed = primitives.hmac_sha256(key)
    keyed.update(message)
    assert keyed.digest().hex() == primitives.keyed_hasher(key)(message).hex() == expected


@given(st.binary(max_size=200), st.lists(st.binary(max_size=200), max_size=4))
def test_hmac_is_that_of_the_standard_library(key: bytes, parts: list[bytes]) -> None:
    keyed = primitives.hmac_sha256(key)
    for part in parts:
        keyed = keyed.copy()
        keyed.update(part)
    message = b"".join(parts)
    assert keyed.digest() == primitives.keyed_hasher(key)(message) == hmac.digest(key, message, "sha256")


@pytest.mark.parametrize("length", [0, 1, 63, 64, 65, 128])
def test_hmac_of_keys_around_a_block(length: int) -> None:
    assert primitives.keyed_hasher(b"k" * length)(b"m") == hmac.digest(b"k" * length, b"m", "sha256")


def test_hkdf_gives_what_its_rfc_says() -> None:
    """RFC 5869, appendix A.1: the first block of the output."""
    derived = primitives.hkdf_sha256(b"\x0b" * 22, bytes(range(13)), bytes(range(0xF0, 0xFA)))
    assert derived.hex() == "3cb25f25faacd57a90434f64d0362f2a2d2d0a90cf1a5a4c5db02d56ecc4c5bf"


@given(st.binary(max_size=100), st.binary(max_size=100), st.binary(max_size=100))
def test_hkdf(key: bytes, salt: bytes, info: bytes) -> None:
    assert primitives.hkdf_sha256(key, salt, info) == HKDF(hashes.SHA256(), 32, salt, info).derive(key)


def test_hkdf_both_ways(bindings: ModuleType) -> None:
    assert bindings.hkdf_sha256(b"k", b"s", b"i") == HKDF(hashes.SHA256(), 32, b"s", b"i").derive(b"k")
    assert bindings.compare_digest(b"a", b"a")
    assert not bindings.compare_digest(b"a", b"b")


def test_a_data_key_shows_nothing_of_itself() -> None:
    key = DataKey(b"secret-key-of-32-bytes-in-total!")
    assert repr(key) == str(key) == f"{key}" == "DataKey(...)"
    assert not hasattr(key, "__dict__")
    with pytest.raises(TypeError, match="not to be pickled"):
        pickle.dumps(key)
    assert key.wrapped_by(lambda raw: raw) == b"secret-key-of-32-bytes-in-total!"
    for length in (0, 16, 31, 33):
        with pytest.raises(ValueError, match="32 bytes"):
            DataKey(b"x" * length)


def test_new_data_keys_differ() -> None:
    assert len({DataKey.new().kid for _ in range(20)}) == 20


def test_what_does_not_fit_does_not_open() -> None:
    key = DataKey(b"k" * 32)
    sealed = key.encrypt(b"text", b"n" * 32, b"a:")
    assert key.decrypt(sealed, b"n" * 32, b"a:") == b"text"
    assert key.decrypt(sealed, b"n" * 32, b"b:") is None
    assert key.decrypt(sealed, b"m" * 32, b"a:") is None
    assert key.decrypt(sealed[:-1] + bytes([sealed[-1] ^ 1]), b"n" * 32, b"a:") is None
    assert DataKey(b"x" * 32).decrypt(sealed, b"n" * 32, b"a:") is None


@given(st.lists(st.binary(max_size=4), max_size=5), st.lists(st.binary(max_size=4), max_size=5))
def test_length_prefixed_is_one_to_one(left: list[bytes], right: list[bytes]) -> None:
    assert (length_prefixed(*left) == length_prefixed(*right)) == (left == right)


def test_base64url() -> None:
    assert base64url(b"\xff\xfe\xfd\xfc") == "__79_A"


def test_a_kept_iv_is_not_given_again() -> None:
    key = DataKey(b"k" * 32)
    first, second = SyntheticIVs(key), SyntheticIVs(key)
    zero = first.new(b"a:", "str", b"x")
    one = first.new(b"a:", "str", b"x")
    assert zero != one
    second.keep(zero)
    assert second.new(b"a:", "str", b"x") == one
    third = SyntheticIVs(key)
    third.keep(one)
    assert third.new(b"a:", "str", b"x") == zero
    assert third.new(b"a:", "str", b"x") not in (zero, one)
    others = {third.new(*each) for each in ((b"b:", "str", b"x"), (b"a:", "int", b"x"), (b"a:", "str", b"y"))}
    assert len(others | {zero, one}) == 5
