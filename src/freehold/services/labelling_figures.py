"""How queues do: progress, agreement, reliability, and what is to be labelled again."""

from collections import Counter
from typing import Any

from freehold.core.decisions import MILLION
from freehold.core.labels import QueueSpec
from freehold.core.subjects import DAY_NS
from freehold.learning.agreement import agreement, pairs
from freehold.learning.agreement.reliability import Labeler as Reliable
from freehold.learning.labelling.weighing import cast, judged
from freehold.services.labelling import Labelling
from freehold.services.labelling_gold import Golds, outdated, units
from freehold.services.labelling_people import Labeler
from freehold.services.labelling_views import label_dict


class Figures:
    """Counts and measures; of texts it tells nothing."""

    def __init__(self, labelling: Labelling, golds: Golds) -> None:
        self._labelling = labelling
        self._golds = golds

    def progress(self, queue: QueueSpec, who: Labeler) -> dict[str, Any]:
        """How far a queue is, and everybody in it."""
        book = self._labelling.book
        day = book.clock.now_ns() // DAY_NS * DAY_NS
        counts = book.store.counts(queue.name, who.name, queue.digest, day)
        return {
            "object": "labelling.progress",
            "queue": queue.name,
            "waiting": self._labelling.plans.count(queue, who),
            "settled": counts.states.get("settled", 0),
            "disputed": counts.states.get("disputed", 0),
            "escalated": counts.states.get("escalated", 0),
            "labels": sum(counts.verdicts.values()),
            "verdicts": counts.verdicts,
            "today": counts.today,
            "left_today": max(0, queue.per_day - counts.today) if queue.per_day else None,
            "median_ms": counts.median_ms,
            "yours": counts.yours,
            "yours_today": counts.yours_today,
            "outdated": counts.outdated,
        }

    def agreement(self, queue: QueueSpec) -> dict[str, Any]:
        """Krippendorff's alpha for each thing that is asked, pairs of labelers, and how reliable
        each of them is.

        Raises:
            StorageError: the store or the vault can't be read.
        """
        settled = self._golds.settled(queue)
        checks = self._golds.checks(queue)
        said = [*(one for case in settled for one in case.said), *checks]
        found: dict[str, Any] = {}
        for asked, some in units(queue, settled).items():
            level = "interval" if asked == "rating" else "nominal"
            told = agreement(some, level)  # type: ignore[arg-type]
            found[asked] = {
                "alpha": told.alpha, "low": told.low, "high": told.high,
                "cases": told.units, "says": told.says,
            }  # fmt: skip
        reliable = judged(queue, said)
        given = Counter(one.label.labeler for one in said if one.label.kind == "label")
        took: dict[str, list[int]] = {}
        for one in said:
            took.setdefault(one.label.labeler, []).append(one.label.took_ms)
        return {
            "object": "labelling.agreement",
            "queue": queue.name,
            "agreement": found,
            "labelers": [
                {
                    "name": name,
                    "labels": given.get(name, 0),
                    "compared": one.compared,
                    "accuracy": one.accuracy,
                    "low": one.low,
                    "high": one.high,
                    "checked": one.checked,
                    "right": one.right,
                    "standing": one.standing,
                    "says": _in_words(one),
                    "weight": one.weight / MILLION,
                    "median_ms": sorted(took[name])[len(took[name]) // 2],
                }
                for name, one in reliable.labelers.items()
            ],
            "pairs": [
                {"one": p.one, "two": p.two, "kappa": p.kappa, "cases": p.cases}
                for p in pairs(cast(queue, said))
            ],
        }

    def checks(self, queue: QueueSpec) -> dict[str, Any]:
        """How many cases there are whose answer is known, and how many answers people gave to such
        cases without knowing it.
        """
        return {
            "object": "labelling.gold",
            "queue": queue.name,
            "share": queue.gold_share / MILLION,
            "cases": self._golds.known(queue),
            "answers": len(self._golds.checks(queue)),
        }

    def relabel(self, queue: QueueSpec) -> list[dict[str, Any]]:
        """Labels that were given under another guideline than the one that holds now."""
        given = self._labelling.book.store.labels(queue.name)
        return [label_dict(label, None) for label in outdated(queue, given)]


def _in_words(one: Reliable) -> str:
    """What is to be thought of a labeler."""
    if one.standing == "new":
        return f"too little to tell: {one.compared} of their labels can be compared"
    known = f" {one.right} of {one.checked} right where the answer is known." if one.checked else ""
    if one.standing == "trusted":
        return f"right in {one.accuracy:.0%} of {one.compared} that can be compared.{known}"
    return (
        f"surely more often wrong than right.{known} Their labels count"
        f" {one.weight / MILLION:.0%} of a sure one in gold and datasets; have their cases labelled"
        " again, or tell them what the guideline means."
    )
