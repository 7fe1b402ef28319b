import asyncio
import contextlib
from typing import Any

import pytest

from freehold.core.errors import AuditError, KeyRefused, NotFound, ScopeRefused, StorageError
from freehold.ledger.shape import EVERYONE
from tests.conformance.harness import BUNDLE, KEY, Wired, written
from tests.conformance.wires import CHAT, body_for


class Resource:
    """Notes when it is opened and closed."""

    def __init__(self, name: str, log: list[str], *, fails: bool = False) -> None:
        self._name = name
        self._log = log
        self._fails = fails

    async def __aenter__(self) -> None:
        if self._fails:
            raise StorageError(f"{self._name} can't be opened")
        self._log.append(f"+{self._name}")

    async def __aexit__(self, *_: object) -> None:
        self._log.append(f"-{self._name}")


def made(tmp_path, **more: Any) -> Wired:
    return Wired(written(tmp_path, BUNDLE), gateway=more)


async def test_resources_open_in_order_and_close_in_reverse(tmp_path):
    log: list[str] = []
    w = made(tmp_path, resources=(Resource("a", log), Resource("b", log)))
    await w.gateway.open()
    assert log == ["+a", "+b"]
    await w.gateway.close()
    assert log == ["+a", "+b", "-b", "-a"]


async def test_what_is_open_is_closed_when_the_next_fails(tmp_path):
    log: list[str] = []
    w = made(tmp_path, resources=(Resource("a", log), Resource("b", log, fails=True)))
    with pytest.raises(StorageError):
        await w.gateway.open()
    assert log == ["+a", "-a"]
    assert w.gateway.ready() == (False, "starting")


async def test_no_version_goes_live_without_its_entry(tmp_path):
    log: list[str] = []
    w = made(tmp_path, resources=(Resource("a", log),))
    w.journal.failing["event"] = AuditError("disk full")
    with pytest.raises(AuditError):
        await w.gateway.open()
    assert log == ["+a", "-a"]
    assert not w.gateway.ready()[0]


async def test_it_takes_requests_while_it_is_open(tmp_path):
    w = made(tmp_path)
    for _ in range(2):
        with pytest.raises(StorageError) as raised:
            _ = w.gateway.journey
        assert raised.value.public == "The gateway is starting."
        await w.gateway.open()
        assert w.gateway.journey.bundle_hash
        await w.gateway.close()


async def test_background_work_that_dies_is_heard_and_closing_goes_on(tmp_path, caplog):
    log: list[str] = []

    async def dies(_: object) -> None:
        raise RuntimeError("the watcher broke")

    w = made(tmp_path, resources=(Resource("a", log),), background=(dies,))
    await w.gateway.open()
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    assert "the watcher broke" in caplog.text
    await w.gateway.close()
    assert log == ["+a", "-a"]


async def test_closing_closes_everything_whatever_fails(tmp_path):
    log: list[str] = []
    w = made(tmp_path, resources=(Resource("a", log),))
    await w.gateway.open()
    w.gateway._audit._gate.pass_(0)

    def fails() -> None:
        raise AuditError("disk full")

    w.gateway._audit.close = fails  # type: ignore[method-assign]
    with contextlib.suppress(AuditError):
        await w.gateway.close()
    assert log[-1] == "-a"


async def test_activation(tmp_path):
    w = made(tmp_path, started_by="terminal:ann")
    await w.gateway.open()
    first = w.gateway.journey
    w.gateway.activate(w.activator.first())
    assert w.gateway.journey is first, "the same version again changes nothing"
    (tmp_path / "0.yaml").write_text(BUNDLE.replace("Is tested", "Is tested again"))
    second = w.activator.first()
    w.gateway.reject("it says so")
    assert "rejected" in w.gateway.ready()[1]
    w.gateway.activate(second)
    assert w.gateway.journey.bundle_hash == second.hash != first.bundle_hash
    assert w.gateway.ready() == (True, f"ready {second.hash}")
    kinds = [r["kind"] for r in w.journal.records]
    assert kinds == ["bundle.activated", "bundle.rejected", "bundle.activated"]
    began, refused, changed = w.journal.records
    assert [r["tenant"] for r in w.journal.records] == [EVERYONE, "", EVERYONE]
    assert (began["actor"], began["details"]["because"]) == ("terminal:ann", "started")
    assert (changed["actor"], changed["details"]["because"]) == ("freehold", "changed")
    assert refused["actor"] == "freehold"
    # a version whose entry can't be written does not go live
    w.journal.failing["event"] = AuditError("disk full")
    (tmp_path / "0.yaml").write_text(BUNDLE)
    with pytest.raises(AuditError):
        w.gateway.activate(w.activator.first())
    assert w.gateway.journey.bundle_hash == second.hash


async def test_models_and_metrics_refuse_strangers(tmp_path):
    w = made(tmp_path)
    await w.gateway.open()
    with pytest.raises(KeyRefused):
        w.gateway.models("nobody", None)
    with pytest.raises(NotFound):
        w.gateway.models(KEY, "third")
    assert w.gateway.models(KEY, "first") == ["first"]
    with pytest.raises(ScopeRefused):
        w.gateway.metrics("", "10.0.0.1")
    assert b"freehold_requests_total" in w.gateway.metrics("", "::1")


async def test_not_ready_while_the_ledger_can_not_be_written(tmp_path):
    w = made(tmp_path)
    await w.gateway.open()
    w.journal.failing["*"] = AuditError("disk full")
    assert w.gateway.ready()[0], "nobody knows yet"
    assert (await w.ask(CHAT, body_for(CHAT))).status == 503
    assert w.gateway.ready() == (False, "the ledger can't be written")
    w.journal.failing.clear()
    assert w.gateway.ready()[0]
    assert (await w.ask(CHAT, body_for(CHAT))).status == 200


async def test_not_ready_while_a_check_says_why(tmp_path):
    said = [""]
    w = made(tmp_path, checks=(lambda: "", lambda: said[0]))
    await w.gateway.open()
    assert w.gateway.ready()[0]
    said[0] = "the store's writer is not running"
    assert w.gateway.ready() == (False, "the store's writer is not running")
