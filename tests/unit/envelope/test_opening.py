"""Key groups and many files: who is asked, how often, and side by side."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence

import pytest

from ksecrets.envelope.groups import split
from ksecrets.envelope.metadata import Metadata
from ksecrets.envelope.opening import Opening, ask_all
from ksecrets.envelope.recipient import Stanza
from ksecrets.envelope.wrap import unwrap
from ksecrets.errors import NoIdentity, ServiceFailed, Tampered

KEY = bytes(range(32))
GROUPS = 4


class Service:
    """Keys of a service, one for each group it `has`: their answers, and whom it was asked for."""

    def __init__(self, *has: int, answer: Callable[[int], bytes | None] | None = None) -> None:
        self.has = has
        self.asked: list[int] = []
        self.chosen: list[int] = []
        self.answer = answer or SHARES.__getitem__

    def for_stanzas(self, stanzas: Sequence[Stanza]) -> list[Holder]:
        number = int(stanzas[0].fields["arn"])
        self.chosen.append(number)
        return [Holder(self, number)] if number in self.has else []

    def __iter__(self) -> object:
        return iter(())


class Holder:
    def __init__(self, service: Service, number: int) -> None:
        self.service = service
        self.number = number
        self.where = f"key {number}"
        self.public = None

    def unwrap(self, _stanzas: Sequence[Stanza]) -> bytes | None:
        self.service.asked.append(self.number)
        return self.service.answer(self.number)


SHARES = split(KEY, GROUPS, 3)


def metadata(threshold: int = 3) -> Metadata:
    groups = tuple(
        (Stanza("kms", {"arn": str(number), "created_at": "2026-11-21T09:52:25Z", "enc": "x"}),)
        for number in range(GROUPS)
    )
    return Metadata(
        lastmodified="2026-11-21T09:52:25Z", mac="m", version="3.13.3", groups=groups, shamir_threshold=threshold
    )


def test_services_are_asked_for_just_what_is_missing() -> None:
    here, there = Service(1, 3), Service(0, 1, 2)
    assert unwrap(metadata(), here, remote=there)[0] == KEY  # type: ignore[arg-type]
    assert (here.asked, there.asked) == ([1, 3], [0])
    assert 1 not in there.chosen


def test_nobody_is_asked_where_it_cannot_be_enough() -> None:
    here, there = Service(1), Service(0)
    with pytest.raises(NoIdentity, match="2 of 3 key groups can be opened"):
        unwrap(metadata(), here, remote=there)  # type: ignore[arg-type]
    assert there.asked == []


def test_groups_do_not_wait_for_each_other() -> None:
    together = threading.Barrier(3, timeout=10)

    def answer(number: int) -> bytes:
        together.wait()
        return SHARES[number]

    there = Service(0, 1, 2, 3, answer=answer)
    assert unwrap(metadata(), (), remote=there)[0] == KEY  # type: ignore[arg-type]
    assert sorted(there.asked) == [0, 1, 2]


def test_another_group_is_asked_where_one_fails() -> None:
    def answer(number: int) -> bytes:
        if number == 1:
            raise ServiceFailed("key 1: access denied", reason="denied")
        return SHARES[number]

    there = Service(0, 1, 2, 3, answer=answer)
    assert unwrap(metadata(), (), remote=there)[0] == KEY  # type: ignore[arg-type]
    assert sorted(there.asked[:3]) == [0, 1, 2]
    assert there.asked[3:] == [3]
    fewer = Service(0, 1, 2, answer=answer)
    with pytest.raises(ServiceFailed, match="access denied"):
        unwrap(metadata(), (), remote=fewer)  # type: ignore[arg-type]


def test_a_share_of_another_length_is_none() -> None:
    there = Service(0, 1, 2, 3, answer=lambda number: SHARES[number] if number else KEY)
    assert unwrap(metadata(), (), remote=there)[0] == KEY  # type: ignore[arg-type]
    twins = Service(0, 1, 2, answer=lambda _number: SHARES[0])
    with pytest.raises(Tampered, match="do not belong together"):
        unwrap(metadata(), (), remote=twins)  # type: ignore[arg-type]


def test_files_do_not_wait_for_each_other() -> None:
    """Two files at the same time, and no more questions at a time than the limit."""
    together = threading.Barrier(6, timeout=10)

    def answer(number: int) -> bytes:
        together.wait()
        return SHARES[number]

    openings = [Opening(metadata()) for _ in range(2)]
    for opening in openings:
        assert opening.prepare(Service(0, 1, 2, answer=answer))  # type: ignore[arg-type]
        assert KEY.hex() not in repr(opening)
    ask_all(openings)
    assert [opening.result()[0] for opening in openings] == [KEY, KEY]


def test_a_bug_is_no_failure_of_a_service() -> None:
    def answer(_number: int) -> bytes:
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        unwrap(metadata(), (), remote=Service(0, 1, 2, answer=answer))  # type: ignore[arg-type]
