"""What is wired: warnings at an activation, and readiness while a part has died."""

import asyncio
import logging

import pytest

from freehold.app import gateway_store as module
from freehold.app.gateway import make_gateway
from freehold.storage.writer import Writer
from tests.conformance.harness import BUNDLE, written

KEYED = BUNDLE.replace('first: {base_url: "http://127.0.0.1:1/v1"', """first:
    {api_key: "env:NOT_SET_HERE", headers: {x-org: "env:SET_HERE", x-project: "env:NEITHER"},
    base_url: "http://127.0.0.1:1/v1\"""")  # fmt: skip


@pytest.fixture(autouse=True)
def environment(monkeypatch):
    for name in ("FREEHOLD_DATABASE_URL", "NOT_SET_HERE", "NEITHER"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("SET_HERE", "the-value")


async def test_a_model_without_its_key_is_told_at_each_activation(tmp_path, caplog):
    caplog.set_level(logging.WARNING, "freehold.gateway")
    gateway = make_gateway(written(tmp_path / "bundle", KEYED), tmp_path / "home", index=False)
    await gateway.open()
    try:
        assert [r.getMessage() for r in caplog.records] == [
            "model first can't be called: the environment variable NOT_SET_HERE is not set",
            "model first can't be called: the environment variable NEITHER is not set",
        ]
    finally:
        await gateway.close()


async def test_without_its_writer_it_is_not_ready(tmp_path, monkeypatch):
    dies = False
    take = Writer._take
    monkeypatch.setattr(Writer, "_take", lambda w, s: ([], True) if dies else take(w, s))
    gateway = make_gateway(written(tmp_path / "bundle", BUNDLE), tmp_path / "home", index=False)
    await gateway.open()
    try:
        assert gateway.ready()[0]
        with monkeypatch.context() as slow:
            slow.setattr(module, "_STALE_NS", -1)
            assert "stuck" in gateway.ready()[1]
        dies = True
        stopped = (False, "the store's writer is not running")
        for _ in range(500):  # the vault has a writer of its own, which may stop first
            if gateway.ready() == stopped:
                break
            await asyncio.sleep(0.02)
        assert gateway.ready() == stopped
    finally:
        await gateway.close()
