"""Drafts for tests."""

from typing import Any

from freehold.core.training import Example
from freehold.learning.datasets.lineage import Draft


class Ticking:
    """A clock that goes on by a second whenever it is asked."""

    def __init__(self) -> None:
        self.now = 1_790_000_000_000_000_000

    def now_ns(self) -> int:
        self.now += 1_000_000_000
        return self.now

    def monotonic_ns(self) -> int:
        return self.now


def draft(number: int, text: str = "", **more: Any) -> Draft:
    """Draft number ``number``, of a conversation of its own."""
    told = {
        "conversation": f"conv_{number}",
        "at_ns": number,
        "answer": f"It arrives in {number} days.",
        "language": "en",
        "tenant": "store-1",
        "app": "chat",
    } | {key: more.pop(key) for key in list(more) if key in Example.__struct_fields__}
    asked = ({"role": "user", "content": text or f"Where is my parcel number {number}?"},)
    row = Example(id=f"case_{number:05d}", messages=asked, **told)
    known = {"source": "label", "exchange": f"exch_{number}"} | more
    return Draft(row=row, **known)
