"""What every remote key service promises beyond tests/keys/contract.py: how it fails, and for how long it may take.

A subclass names its real or stand-in server and makes keys that reach it through a given address; the proxy of
tests/keys/faulty.py then stands in between.
"""

from __future__ import annotations

import time
from collections.abc import Iterator

import pytest

from ksecrets.envelope.recipient import Identity, Recipient, Stanza
from ksecrets.errors import ServiceFailed
from ksecrets.keys.remote import RemoteIdentity, RemoteKey, RemoteKeys, pause
from tests.keys.contract import KEY, ServiceContract
from tests.keys.faulty import Faulty, cut, delay, drip, faulty, free_port, hang, status, truncate


class RemoteContract(ServiceContract):
    """Subclasses also set the following; `upstream` is `http://127.0.0.1:PORT` of the server."""

    upstream: str
    seconds = 3.0
    """KSECRETS_KEY_TIMEOUT of the keys that `key` makes."""
    throttled = status(429, b"{}")
    """How the service says that it was asked too often."""

    def key(self, url: str) -> RemoteKey:
        """A key of the server, reached through `url`, with `seconds` as the limit and a new Access."""
        raise NotImplementedError

    def again(self, key: RemoteKey, url: str) -> RemoteKey:
        """The same key, made anew with another Access and reached through `url`."""
        raise NotImplementedError

    def lie(self, key: RemoteKey, secret: bytes) -> bytes:
        """The body with which the service would answer a question for unwrapping, had it found `secret`."""
        raise NotImplementedError

    def pair(self) -> tuple[Recipient, Identity]:
        key = self.key(self.upstream)
        return key, RemoteIdentity(key)

    @pytest.fixture
    def proxy(self) -> Iterator[Faulty]:
        with faulty(self.upstream) as made:
            yield made

    @pytest.fixture
    def warm(self, proxy: Faulty) -> tuple[RemoteKey, Stanza]:
        """A key behind the proxy that has been used once (logins are done), and a stanza of it."""
        key = self.key(proxy.url)
        stanza = key.wrap(KEY)
        assert key.open(stanza.enc) == KEY
        proxy.seen.clear()
        return key, stanza

    def test_a_slow_answer_is_an_answer(self, proxy: Faulty, warm: tuple[RemoteKey, Stanza]) -> None:
        proxy.faults = [delay(0.3)]
        assert warm[0].open(warm[1].enc) == KEY

    @pytest.mark.parametrize("fault", [cut, truncate, status(503, b"busy"), "throttled"])
    def test_what_passes_is_tried_again(
        self, proxy: Faulty, warm: tuple[RemoteKey, Stanza], fault: object, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr("ksecrets.keys.remote.pause", lambda number: 0.01)
        one = self.throttled if fault == "throttled" else fault
        proxy.faults = [one, one]  # type: ignore[list-item]
        assert warm[0].open(warm[1].enc) == KEY
        assert len(proxy.seen) == 3
        proxy.faults = [one]  # type: ignore[list-item]
        assert warm[0].open(warm[0].wrap(KEY).enc) == KEY

    @pytest.mark.parametrize(
        ("fault", "reason"),
        [(cut, "cut"), (truncate, "cut"), (status(503, b"busy"), "unavailable"), ("throttled", "throttled")],
    )
    def test_what_does_not_pass_is_said(
        self,
        proxy: Faulty,
        warm: tuple[RemoteKey, Stanza],
        fault: object,
        reason: str,
        monkeypatch: pytest.MonkeyPatch,
    ) -> None:
        monkeypatch.setattr("ksecrets.keys.remote.pause", lambda number: 0.01)
        proxy.always = self.throttled if fault == "throttled" else fault  # type: ignore[assignment]
        for ask in (lambda: warm[0].open(warm[1].enc), lambda: warm[0].wrap(KEY)):
            warm[0].access.failed.clear()
            with pytest.raises(ServiceFailed) as caught:
                ask()
            assert caught.value.reason == reason
            self.says(caught.value, warm[0])

    @pytest.mark.parametrize("fault", [hang, drip])
    def test_a_server_that_takes_for_ever_is_left_in_time(
        self, proxy: Faulty, warm: tuple[RemoteKey, Stanza], fault: object
    ) -> None:
        proxy.always = fault  # type: ignore[assignment]
        began = time.monotonic()
        with pytest.raises(ServiceFailed) as caught:
            warm[0].open(warm[1].enc)
        assert time.monotonic() - began < self.seconds + 1.5
        assert caught.value.reason == "timeout"
        self.says(caught.value, warm[0])
        # the next file of this run does not wait for it again
        began = time.monotonic()
        with pytest.raises(ServiceFailed) as again:
            warm[0].open(warm[1].enc)
        assert time.monotonic() - began < 0.1
        assert again.value.reason == "timeout"
        self.says(again.value, warm[0])

    def test_why_it_was_tried_again_is_what_is_said(
        self, proxy: Faulty, warm: tuple[RemoteKey, Stanza], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """And not that there was no time for one more attempt."""
        monkeypatch.setattr("ksecrets.keys.remote.pause", lambda number: 0.01)
        proxy.faults = [status(503, b"busy")]
        proxy.always = hang
        with pytest.raises(ServiceFailed) as caught:
            warm[0].open(warm[1].enc)
        assert caught.value.reason == "unavailable"
        self.says(caught.value, warm[0])

    def test_nobody_listens(self, warm: tuple[RemoteKey, Stanza]) -> None:
        key = self.again(warm[0], f"http://127.0.0.1:{free_port()}")
        with pytest.raises(ServiceFailed) as caught:
            key.open(warm[1].enc)
        assert caught.value.reason == "unreachable"
        self.says(caught.value, warm[0])

    @pytest.mark.parametrize("body", [b"", b"[]", b"<html>login</html>", b"\xff\xfe", b"{}", b'{"data": 7}'])
    def test_an_answer_that_makes_no_sense(self, proxy: Faulty, warm: tuple[RemoteKey, Stanza], body: bytes) -> None:
        proxy.always = status(200, body, Content_Type="application/json")
        for ask in (lambda: warm[0].open(warm[1].enc), lambda: warm[0].wrap(KEY)):
            with pytest.raises(ServiceFailed) as caught:
                ask()
            assert caught.value.reason == "answer"
            self.says(caught.value, warm[0])

    def test_an_answer_without_an_end(self, proxy: Faulty, warm: tuple[RemoteKey, Stanza]) -> None:
        proxy.always = status(200, b" " * (2 << 20))
        with pytest.raises(ServiceFailed) as caught:
            warm[0].open(warm[1].enc)
        assert caught.value.reason == "answer"

    def test_a_redirect_is_not_followed(self, proxy: Faulty, warm: tuple[RemoteKey, Stanza]) -> None:
        with faulty(self.upstream) as elsewhere:
            for code in (301, 302, 307, 308):
                proxy.always = status(code, b"", Location=elsewhere.url + "/v1/x")
                with pytest.raises(ServiceFailed):
                    warm[0].open(warm[1].enc)
            assert elsewhere.seen == []

    @pytest.mark.parametrize("length", [0, 16, 31, 34, 64])
    def test_a_wrong_key_never_comes_through(self, proxy: Faulty, warm: tuple[RemoteKey, Stanza], length: int) -> None:
        proxy.always = status(200, self.lie(warm[0], bytes(length)), Content_Type="application/json")
        with pytest.raises(ServiceFailed) as caught:
            warm[0].open(warm[1].enc)
        assert caught.value.reason in ("wrong-key", "answer")
        self.says(caught.value, warm[0])

    def test_only_the_own_stanzas_are_sent(self, proxy: Faulty, warm: tuple[RemoteKey, Stanza]) -> None:
        key, stanza = warm
        name = next(iter(key.fields))
        other = Stanza(self.service, {**stanza.fields, name: stanza.fields[name] + "x"})
        assert RemoteIdentity(key).unwrap([other]) is None
        assert proxy.seen == []

    def test_a_file_cannot_have_a_service_asked_a_thousand_times(
        self, proxy: Faulty, warm: tuple[RemoteKey, Stanza]
    ) -> None:
        key, stanza = warm
        enc = self.key(proxy.url).wrap(KEY).enc
        proxy.seen.clear()
        many = [Stanza(self.service, {**stanza.fields, "enc": enc}) for _ in range(1000)]
        found = list(RemoteKeys(key.access, lambda service, fields: None, lambda *_: key).for_stanzas(many))
        assert len(found) == 1
        with pytest.raises(ServiceFailed):
            found[0].unwrap(many)
        assert 1 <= len(proxy.seen) <= 3

    def test_an_untrusted_key_is_not_made_to_speak(self, proxy: Faulty, warm: tuple[RemoteKey, Stanza]) -> None:
        key, stanza = warm
        keys = RemoteKeys(key.access, lambda service, fields: "as nobody trusts it", lambda *_: key)
        assert list(keys.for_stanzas([stanza])) == []
        assert keys.describe() == [f"{key.name}: not asked, as nobody trusts it"]
        assert proxy.seen == []

    def says(self, error: ServiceFailed, key: RemoteKey) -> None:
        """The message names the service and the key, once, and no secret."""
        assert error.message.startswith(f"{key.name}: ")
        assert error.message.count(key.name) == 1
        assert self.secret_of(RemoteIdentity(key)) not in str(error)
        assert KEY.hex() not in str(error)


def test_pauses_grow_and_are_random() -> None:
    seen = [[pause(number) for _ in range(200)] for number in range(8)]
    assert all(0 <= wait <= 4 for waits in seen for wait in waits)
    assert max(seen[0]) <= 0.2 < max(seen[4])
    assert len({round(wait, 6) for wait in seen[3]}) > 150
