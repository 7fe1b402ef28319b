"""A day of the demo's loop: driven, judged by the scripted expert, and counted."""

import asyncio
import json
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Mapping
from itertools import chain
from random import Random
from typing import Any

import aiohttp
from msgspec import Struct

from freehold.app.terminal import record_service
from freehold.cli.demo.day import Demo
from freehold.ledger.index import ExchangeRow
from freehold.testing.retail.drive import Reply, drive, percentile
from freehold.testing.retail.expert.asked import Asked
from freehold.testing.retail.expert.judging import Judged, judge
from freehold.testing.retail.expert.shop import Shop
from freehold.testing.retail.traffic import Call

ANSWERED = ("allowed", "transformed")
_NANO = 1_000_000_000
ONE_BY_ONE = 1
"""Requests under way at once on a day whose latency is told. Where so many are that they wait for
one another, latency tells how long the queue is, not how long an answer takes.
"""
_THUMBS = 0.6
"""How many of those who got a wrong answer say so; nobody is asked, the thumbs are drawn."""


class Answer(Struct, frozen=True):
    """One call with what came of it; ``judged`` only where somebody got an answer."""

    call: Call
    asked: Asked
    exchange_id: str
    outcome: str
    text: str
    latency_ms: float
    judged: Judged | None = None


class DayFigures(Struct, frozen=True, kw_only=True):
    """What a day comes to. Shares are of the ``answered`` exchanges: those in which a model
    answered, and its answer, or what governance and rules made of it, reached the caller.

    Attributes:
        own_share: by custom models; ``accuracy``: right by the scripted expert.
        cost: in the bundle's currency, of all requests; ``cost_per_1000`` for that many.
        p50_ms, p95_ms: latency as the caller saw it, with one request under way at a time.
        p50_of, p95_of: the same by the model that answered; one that was asked after another had
            abstained has the time of both.
        faults: what was wrong, by how often.
    """

    requests: int
    answered: int
    own_share: float
    accuracy: float
    cost: float
    cost_per_1000: float
    p50_ms: float
    p95_ms: float
    models: dict[str, int]
    outcomes: dict[str, int]
    accuracy_of: dict[str, float]
    p50_of: dict[str, float]
    p95_of: dict[str, float]
    faults: dict[str, int]


class Days:
    """Drives parts of days through the demo's gateway.

    Args:
        own: names of custom models.
        progress: what is done, of how much, in words.
    """

    def __init__(self, demo: Demo, own: Iterable[str], progress: Callable[..., None]) -> None:
        self._demo = demo
        self._own = frozenset(own)
        self._progress = progress
        self._shop = Shop(demo.bundle, demo.database)

    def drive(
        self, calls: Iterable[Call], total: int, what: str, at_once: int = ONE_BY_ONE
    ) -> list[Answer]:
        """Send these calls; each answer that a caller got is judged."""
        found: list[Answer] = []

        def took(call: Call, reply: Reply) -> None:
            asked = Asked.of(call, self._shop.rows(call))
            got = reply.outcome in ANSWERED and bool(reply.text)
            found.append(
                Answer(
                    call=call,
                    asked=asked,
                    exchange_id=reply.trace_id,
                    outcome=reply.outcome or reply.error or "",
                    text=reply.text,
                    latency_ms=reply.latency_ms,
                    judged=judge(asked, reply.text) if got else None,
                )
            )
            self._progress(what, len(found), total)

        url, issuer = self._demo.running.url, self._demo.issuer
        asyncio.run(drive(calls, url, self._demo.key_of, issuer.token, at_once, on_reply=took))
        return found

    def thumbs(self, answers: Iterable[Answer]) -> int:
        """Customers and staff press a thumb below what they got; drawn, and named so.

        Returns:
            How many were told.
        """
        return asyncio.run(self._thumbs([a for a in answers if a.judged is not None]))

    async def _thumbs(self, answers: list[Answer]) -> int:
        told = 0
        async with aiohttp.ClientSession() as session:
            for answer in answers:
                right = answer.judged is not None and answer.judged.right
                if Random(answer.exchange_id).random() > _THUMBS:
                    continue
                metric = "useful" if answer.call.app == "store-assistant" else "helpful"
                said = {"exchange_id": answer.exchange_id, "metric": metric, "value": right}
                key = {"Authorization": f"Bearer {self._demo.key_of(answer.call)}"}
                place = f"{self._demo.running.url}/v1/feedback"
                async with session.post(place, data=json.dumps(said), headers=key) as reply:
                    told += reply.status == 200
        return told

    def rows(self, answers: Iterable[Answer]) -> dict[str, ExchangeRow]:
        """What the index knows of these exchanges, by id."""
        wanted = {answer.exchange_id for answer in answers}
        found: dict[str, ExchangeRow] = {}
        with record_service(self._demo.home) as records:
            before = None
            while wanted - found.keys():
                rows = records.recent(before=before, limit=5_000)
                found |= {row.exchange_id: row for row in rows if row.exchange_id in wanted}
                if len(rows) < 5_000:
                    break
                before = rows[-1].exchange_id
        return found

    def figures(self, answers: list[Answer]) -> DayFigures:
        """Count them."""
        rows = self.rows(answers)
        got = [a for a in answers if a.judged is not None and self._by(rows, a)]
        models = Counter(self._by(rows, answer) for answer in got)
        right = Counter(self._by(rows, a) for a in got if a.judged and a.judged.right)
        faults = Counter(f for a in got if a.judged for f in a.judged.faults)
        nano = sum(row.cost_nano or 0 for row in rows.values())
        times: dict[str, list[float]] = defaultdict(list)
        for answer in sorted(got, key=lambda one: one.latency_ms):
            times[self._by(rows, answer)].append(answer.latency_ms)
        every = sorted(chain.from_iterable(times.values()))
        own = sum(count for model, count in models.items() if self._is_own(model))
        many = max(1, len(got))
        return DayFigures(
            requests=len(answers),
            answered=len(got),
            own_share=round(own / many, 4),
            accuracy=round(sum(right.values()) / many, 4),
            cost=round(nano / _NANO, 6),
            cost_per_1000=round(nano / _NANO / max(1, len(answers)) * 1_000, 6),
            p50_ms=percentile(every, 50),
            p95_ms=percentile(every, 95),
            models=dict(models.most_common()),
            outcomes=dict(Counter(answer.outcome for answer in answers).most_common()),
            accuracy_of={model: round(right[model] / n, 4) for model, n in models.most_common()},
            p50_of={model: round(percentile(some, 50), 2) for model, some in times.items()},
            p95_of={model: round(percentile(some, 95), 2) for model, some in times.items()},
            faults=dict(faults.most_common(12)),
        )

    def _by(self, rows: Mapping[str, Any], answer: Answer) -> str:
        row = rows.get(answer.exchange_id)
        return str(row.model or "") if row is not None else ""

    def _is_own(self, model: str) -> bool:
        return model.partition("@")[0] in self._own
