"""How the server's process is set up once it listens."""

import gc
import sys
from collections.abc import Iterator

import pytest

from freehold.server.serving import collect_seldom, switch_soon
from freehold.stages.monitoring.process import PAUSES


@pytest.fixture
def as_before() -> Iterator[None]:
    thresholds, interval, callbacks = gc.get_threshold(), sys.getswitchinterval(), [*gc.callbacks]
    yield
    gc.set_threshold(*thresholds)
    gc.callbacks[:] = callbacks
    gc.unfreeze()
    sys.setswitchinterval(interval)


@pytest.mark.usefixtures("as_before")
def test_a_thread_that_computes_gives_way_before_anybody_notices() -> None:
    switch_soon()
    assert sys.getswitchinterval() <= 0.001


@pytest.mark.usefixtures("as_before")
def test_garbage_is_collected_seldom_and_each_pause_is_counted_once() -> None:
    collect_seldom()
    collect_seldom()
    assert gc.callbacks.count(PAUSES) == 1
    assert gc.get_threshold()[0] >= 10_000
    assert gc.get_freeze_count() > 0
    gc.collect()
    assert any('generation="2"' in line for line in PAUSES.render())
