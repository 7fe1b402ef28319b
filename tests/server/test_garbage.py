"""What an exchange held is freed with it, and leaves the garbage collector nothing to look for.

A circle of references waits for the collector, which stops every other exchange while it looks.
"""

import gc
from typing import Any

import pytest

from freehold.testing.fakes import FakeProvider
from tests.conformance.harness import BUNDLE, KEY, Wired, call, wired
from tests.conformance.wires import CHAT, CHATS, body_for

ALLOWED = "It costs $5, and 30 % off is not possible."
REFUSED = "It costs $5, and you get 30 % off."
RULED = BUNDLE.replace("route: main, embedding", "route: main, rules: [small], embedding")
RULE = """\
rules:
  small:
    phase: answer
    when: answer.percents.exists(p, p.polarity == "affirmed" && p.upper > 2000)
    do:
      - block: {}
"""
OURS = frozenset({"Trail", "Exchange", "Watch", "Checker", "Progress", "Arrival", "Plan"})


async def circles(w: Wired, path: str = CHAT, **asked: Any) -> set[str]:
    """The kinds of our own things that only the collector could free after one exchange."""
    gc.collect()
    gc.disable()
    gc.set_debug(gc.DEBUG_SAVEALL)
    try:
        await call(w.door, path, **asked)
        gc.collect()
        return {type(thing).__name__ for thing in gc.garbage} & OURS
    finally:
        gc.set_debug(0)
        gc.garbage.clear()
        gc.enable()


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize("said", [ALLOWED, REFUSED])
@pytest.mark.parametrize("path", CHATS)
async def test_an_exchange(tmp_path, path, said, stream):
    async with wired(tmp_path, RULED, RULE, provider=FakeProvider(said)) as w:
        body = body_for(path, stream=stream)
        await call(w.door, path, body)  # fills caches
        assert await circles(w, path, body=body) == set()


async def test_a_request_with_another_key(tmp_path):
    async with wired(tmp_path) as w:
        assert await circles(w, body=body_for(CHAT), key=f"{KEY}x") == set()
