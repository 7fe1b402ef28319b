"""Notices: once at least, with patience, and never lost with the process that had them."""

import logging

import pytest
from msgspec.structs import replace

from freehold.core.approvals import Notice
from freehold.core.ports import NoticeFailed
from freehold.services.notices import BACKOFF_S, Deliveries


class Queue:
    """A queue in memory."""

    def __init__(self, *notices: Notice) -> None:
        self.due = list(notices)
        self.later: list[tuple[Notice, int, str]] = []
        self.over: list[tuple[Notice, str]] = []

    def take(self, limit: int = 20) -> list[Notice]:
        taken, self.due = self.due[:limit], self.due[limit:]
        return taken

    def done(self, notice: Notice, error: str = "") -> None:
        self.over.append((notice, error))

    def again(self, notice: Notice, after_s: int, error: str) -> None:
        self.later.append((notice, after_s, error))


class Desk:
    """Takes notices, or fails."""

    def __init__(self, failing: str = "") -> None:
        self.failing = failing
        self.got: list[tuple[str, bytes]] = []

    async def send(self, notice_id: str, body: bytes, about: str) -> None:
        if self.failing:
            raise NoticeFailed(self.failing)
        self.got.append((notice_id, body))


def notice(attempts: int = 0) -> Notice:
    return Notice(
        notice_id="msg_1", subject_id="apr_1", body='{"a":1}', attempts=attempts, created_ns=1
    )


async def test_delivered() -> None:
    queue, desk = Queue(notice()), Desk()
    assert await Deliveries(queue, desk).once() == 1
    assert desk.got == [("msg_1", b'{"a":1}')]
    assert queue.over == [(notice(), "")]


@pytest.mark.parametrize("attempts", range(len(BACKOFF_S)))
async def test_each_try_waits_longer(attempts: int, caplog: pytest.LogCaptureFixture) -> None:
    queue = Queue(notice(attempts))
    with caplog.at_level(logging.WARNING):
        await Deliveries(queue, Desk("it answered 503")).once()
    assert queue.later == [(notice(attempts), BACKOFF_S[attempts], "it answered 503")]
    assert queue.over == []
    assert "503" in caplog.text
    assert sorted(BACKOFF_S) == list(BACKOFF_S)


async def test_a_crash_over_one_stops_no_other() -> None:
    class Crashing(Desk):
        async def send(self, notice_id: str, body: bytes, about: str) -> None:
            if notice_id == "msg_0":
                raise RuntimeError("SECRET")
            await super().send(notice_id, body, about)

    bad = replace(notice(), notice_id="msg_0")
    queue, desk = Queue(bad, notice()), Crashing()
    assert await Deliveries(queue, desk).once() == 2
    assert queue.later == [(bad, BACKOFF_S[0], "RuntimeError")]
    assert [i for i, _ in desk.got] == ["msg_1"]


async def test_given_up_after_days(caplog: pytest.LogCaptureFixture) -> None:
    queue = Queue(notice(len(BACKOFF_S)))
    await Deliveries(queue, Desk("gone")).once()
    assert queue.over == [(notice(len(BACKOFF_S)), "gone")]
    assert "given up" in caplog.text
