"""Questions side by side, and the order in which local and remote ones are asked."""

from __future__ import annotations

import threading
import time
from collections.abc import Sequence

import pytest

from ksecrets.envelope.metadata import Metadata
from ksecrets.envelope.parallel import LIMIT, each
from ksecrets.envelope.recipient import Stanza
from ksecrets.envelope.wrap import unwrap, wrap, wrap_groups
from ksecrets.errors import EXIT_NO_KEY, NoIdentity, ServiceFailed, Tampered

KEY = bytes(range(32))


def test_results_stand_in_their_order_and_failures_in_their_place() -> None:
    def work(number: int) -> int:
        time.sleep(0.001 * (number % 5))
        if number % 7 == 0:
            raise ValueError(number)
        return number * 2

    found = each(work, range(100))
    assert [str(one) for one in found] == [str(n) if n % 7 == 0 else str(n * 2) for n in range(100)]
    assert isinstance(found[7], ValueError)


@pytest.mark.parametrize("limit", [1, 3, LIMIT])
def test_no_more_than_the_limit_at_a_time(limit: int) -> None:
    lock = threading.Lock()
    now = most = 0

    def work(_number: int) -> None:
        nonlocal now, most
        with lock:
            now += 1
            most = max(most, now)
        time.sleep(0.005)
        with lock:
            now -= 1

    before = threading.active_count()
    each(work, range(60), limit=limit)
    assert most == limit
    assert threading.active_count() <= before


def test_none_and_one() -> None:
    assert each(str, []) == []
    assert each(str, [1]) == ["1"]


class Wrapper:
    """A recipient of a service, which waits for the others to be asked as well."""

    service = "kms"
    remote = True

    def __init__(self, name: str, barrier: threading.Barrier | None = None, fails: bool = False) -> None:
        self.name = name
        self.barrier = barrier
        self.fails = fails

    def identity_fields(self) -> dict[str, str]:
        return {"arn": self.name}

    def wrap(self, data_key: bytes) -> Stanza:
        if self.barrier is not None:
            self.barrier.wait(5)
        if self.fails:
            raise ServiceFailed(f"{self.name}: access denied", reason="denied")
        return Stanza("kms", {"arn": self.name, "enc": data_key.hex()})


def test_services_wrap_side_by_side_and_stand_in_their_order() -> None:
    barrier = threading.Barrier(3)
    stanzas = wrap(KEY, [Wrapper(name, barrier) for name in "abc"])
    assert [stanza.fields["arn"] for stanza in stanzas] == ["a", "b", "c"]
    barrier = threading.Barrier(4)
    groups = wrap_groups(KEY, [[Wrapper("a", barrier), Wrapper("b", barrier)], [Wrapper("c", barrier)] * 2], 2)
    assert [[stanza.fields["arn"] for stanza in group] for group in groups] == [["a", "b"], ["c", "c"]]
    assert groups[0][0].enc == groups[0][1].enc != groups[1][0].enc


def test_one_that_cannot_wrap_fails_all() -> None:
    with pytest.raises(ServiceFailed, match="b: access denied"):
        wrap(KEY, [Wrapper("a"), Wrapper("b", fails=True), Wrapper("c")])


class Opener:
    """An identity that opens stanzas of its name, or fails."""

    public: str | None = None

    def __init__(self, where: str, answer: bytes | Exception | None) -> None:
        self.where = where
        self.answer = answer
        self.asked = 0

    def unwrap(self, stanzas: Sequence[Stanza]) -> bytes | None:
        self.asked += 1
        if isinstance(self.answer, Exception):
            raise self.answer
        return self.answer


METADATA = Metadata(
    lastmodified="2026-11-21T09:52:25Z",
    mac="m",
    version="3.13.3",
    groups=((Stanza("kms", {"arn": "a", "created_at": "2026-11-21T09:52:25Z", "enc": "x"}),),),
)


def test_what_is_at_hand_is_asked_first_and_then_nobody_else() -> None:
    here, there = Opener("here", KEY), Opener("there", KEY)
    assert unwrap(METADATA, [here], remote=[there]) == (KEY, here)
    assert there.asked == 0
    here.answer = None
    assert unwrap(METADATA, [here], remote=[there]) == (KEY, there)


def test_a_failure_stops_nobody_and_each_is_named() -> None:
    failed = ServiceFailed("KMS a: no answer", reason="timeout")
    other = ServiceFailed("Vault b: access denied", reason="denied")
    last = Opener("last", KEY)
    assert unwrap(METADATA, [Opener("x", Tampered("damaged"))], remote=[Opener("a", failed), last])[0] == KEY
    with pytest.raises(ServiceFailed) as caught:
        unwrap(METADATA, [], remote=[Opener("a", failed), Opener("b", other), Opener("c", None)])
    assert str(caught.value) == "KMS a: no answer\n  and: Vault b: access denied"


def test_who_is_not_let_in_is_no_reader() -> None:
    denied = [ServiceFailed(f"{name}: access denied", reason="denied") for name in "ab"]
    late = ServiceFailed("c: no answer", reason="timeout")
    for failures, code in ((denied, EXIT_NO_KEY), ([*denied, late], 1), ([late], 1)):
        for each_failure in failures:
            each_failure.exit_code = 1
        with pytest.raises(ServiceFailed) as caught:
            unwrap(METADATA, [], remote=[Opener("x", failure) for failure in failures])
        assert caught.value.exit_code == code


def test_a_wrong_length_is_no_data_key() -> None:
    with pytest.raises(Tampered, match="has 16 bytes instead of 32"):
        unwrap(METADATA, [], remote=[Opener("a", bytes(16))])


def test_nobody_opens_it() -> None:
    with pytest.raises(NoIdentity) as caught:
        unwrap(METADATA, [Opener("here", None)], remote=[Opener("there", None)])
    assert "tried:   here, there" in str(caught.value)
