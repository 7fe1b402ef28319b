"""Having cases labelled again: where a label looks wrong, where the guideline has changed since,
where whoever labelled them can't be relied on. Earlier labels are kept, and do not count any more.
"""

from collections.abc import Collection, Iterable
from typing import Any, Literal

import numpy as np
from msgspec import Struct

from freehold.core.cases import Read
from freehold.core.errors import RequestError
from freehold.core.labels import Label, QueueSpec, Standing, TaskState
from freehold.learning.agreement.hints import Floats, hints
from freehold.learning.selection import candidate
from freehold.services.labelling_book import LabelBook
from freehold.services.labelling_gold import Golds, Settled, outdated
from freehold.services.labelling_people import Labeler, may_decide

Why = Literal["hint", "guideline", "labeler", "asked"]
SETTLED: tuple[TaskState, ...] = ("settled",)
_WRONG, _RIGHT = "wrong", "right"


class Doubted(Struct, frozen=True, kw_only=True):
    """A case whose label looks wrong.

    Attributes:
        given: what its labels came to; ``likely`` what others like it say.
        quality: 0 to 1, how likely the label is right.
        by: who said so.
    """

    case_id: str
    task_id: str
    given: str
    likely: str
    quality: float
    by: tuple[str, ...]


class Again:
    """The use cases of whoever has cases labelled again."""

    def __init__(self, book: LabelBook, golds: Golds) -> None:
        self._book = book
        self._golds = golds

    def hints(self, queue: QueueSpec) -> list[Doubted]:
        """Settled cases whose label does not fit those of cases like them, the least likely first:
        intents, where the queue asks for them; else whether the model's answer was right. Decided
        ones are left out: somebody has looked twice.

        Raises:
            TrainingError: the extra ``learn`` is not installed.
            StorageError: the store or the vault can't be read.
        """
        vectors, kept = _vectors(self._golds.settled(queue))
        if not kept:
            return []
        found = hints(vectors, [_class(queue, one) for one in kept])
        ids = [kept[one.place].case.case_id for one in found]
        standings = self._book.store.standings(queue.name, ids)
        doubted = []
        for one, case_id in zip(found, ids, strict=True):
            gold, standing = kept[one.place].outcome.gold, standings.get(case_id)
            if gold is None or standing is None or gold.settled == "adjudicated":
                continue
            doubted.append(
                Doubted(
                    case_id=case_id,
                    task_id=standing.task.task_id,
                    given=one.given,
                    likely=one.likely,
                    quality=one.quality,
                    by=gold.labelers,
                )
            )
        return doubted

    def stale(self, queue: QueueSpec) -> list[str]:
        """Settled cases of which a label that counts was given under another guideline than the one
        that holds now.
        """
        return self._cases(queue, outdated(queue, self._book.store.labels(queue.name)))

    def by_labeler(self, queue: QueueSpec, name: str) -> list[str]:
        """Settled cases for which this person's label counts."""
        return self._cases(queue, self._book.store.labels(queue.name, labeler=name))

    def _cases(self, queue: QueueSpec, labels: Iterable[Label]) -> list[str]:
        ids = {one.label_id for one in labels}
        tasks = self._book.store.tasks(queue.name, SETTLED, 100_000)
        return [s.task.case_id for s in tasks if ids & {one.label_id for one in s.counted}]

    def reopen(
        self, queue: QueueSpec, case_ids: Collection[str], who: Labeler, why: Why
    ) -> list[str]:
        """Have these labelled again; those that were settled until now.

        Raises:
            LabelError: they do not decide here.
            RequestError: one of them is no case of this queue that anybody has labelled.
            StorageError, AuditError: it can't be done, or recorded, so it is not.
        """
        may_decide(who, queue)
        wanted = list(dict.fromkeys(case_ids))
        standings = self._book.store.standings(queue.name, wanted)
        for case_id in wanted:
            standing = standings.get(case_id)
            if standing is None or not who.reaches(standing.task.tenant, self._book.bundle):
                said = f"Nobody has labelled a case {case_id[:80]!r} in queue `{queue.name}`."
                raise RequestError(said, param="cases")
        return [case_id for case_id in wanted if self._reopened(standings[case_id], who, why)]

    def _reopened(self, standing: Standing, who: Labeler, why: Why) -> bool:
        task = standing.task
        details: dict[str, Any] = {"queue": task.queue, "case": task.case_id, "why": why}
        details |= {"labels": len(standing.counted), **who.told}
        done = self._book.store.reopen(
            task.task_id,
            self._book.clock.now_ns(),
            lambda: self._book.log(
                "label.reopened", who.name, task.task_id, details, tenant=task.tenant
            ),
        )
        if done:
            self._book.cases.move([task.case_id], "open")
        return done


def _vectors(settled: Iterable[Settled]) -> tuple[Floats, list[Settled]]:
    """Those that are gold and have a vector as long as the first one's."""
    kept: list[Settled] = []
    vectors: list[Floats] = []
    for one in settled:
        vector = _vector(one)
        fits = vector is not None and (not vectors or len(vector) == len(vectors[0]))
        if one.outcome.gold is not None and vector is not None and fits:
            kept.append(one)
            vectors.append(vector)
    return (np.stack(vectors) if vectors else np.zeros((0, 0), dtype=np.float32)), kept


def _vector(one: Settled) -> Floats | None:
    """Of the question, length one; ``None`` where it has none."""
    return candidate(Read(case=one.case, moment=one.moment)).vector


def _class(queue: QueueSpec, one: Settled) -> str:
    gold = one.outcome.gold
    if gold is None:
        return ""
    if "intent" in queue.ask:
        return gold.intent
    return _WRONG if gold.rejected else _RIGHT
