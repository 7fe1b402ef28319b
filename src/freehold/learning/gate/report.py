"""What the gate found. No text of anybody is in it: examples are named by their ids."""

from typing import Any, Literal

import msgspec
from msgspec import Struct

FORMAT = "freehold.gate/1"


class Figure(Struct, frozen=True, kw_only=True):
    """A measured share or difference with its interval, and of how many examples."""

    value: float
    low: float
    high: float
    examples: int


class Criterion(Struct, frozen=True, kw_only=True):
    """One thing that the bundle asks. ``measured`` is ``None`` where nothing could be measured."""

    name: str
    asked: float
    measured: float | None
    met: bool
    why: str


class Slice(Struct, frozen=True, kw_only=True):
    """A part of the examples, such as one store's.

    Attributes:
        live, candidate: share of right answers today, and with the candidate. Where nothing is
            said today, these are the whole's and this part's, of what the candidate answers.
        better, worse: examples that only the candidate, or only today's, has right.
        chance: how likely so many worse ones are by chance, after Holm; 1 where it is not judged.
        judged: there are examples enough, or enough that changed.
        refused: it is worse than the bundle allows, and that is no chance.
    """

    by: str
    name: str
    examples: int
    live: float
    candidate: float
    difference: float
    better: int
    worse: int
    chance: float
    judged: bool
    refused: bool


class Changed(Struct, frozen=True, kw_only=True):
    """An example that is right with one of the two only, or breaks a rule with one only.

    Attributes:
        way: ``better`` or ``worse``, of being right; ``breaks`` a rule that today's answer keeps,
            ``mends`` one that it breaks.
        rules: those.
        part: ``held_out`` or ``regressions``.
    """

    id: str
    way: Literal["better", "worse", "breaks", "mends"]
    part: Literal["held_out", "regressions"] = "held_out"
    tenant: str = ""
    app: str = ""
    label: str = ""
    rules: tuple[str, ...] = ()


class Report(Struct, frozen=True, kw_only=True):
    """The whole of it.

    Attributes:
        verdict: ``passed`` where every criterion is met.
        reasons: one sentence for each that is not.
        against: what it was compared with: ``live``, ``recorded``, or nothing.
        accuracy: of what it answers; ``coverage``: of what has an answer; ``with_it``,
            ``without_it``: of everything, with the candidate before the models of today, and with
            these alone; ``difference`` of the two. ``None`` where nothing can be compared.
        negative_flips: share of everything that is right today and wrong with it (Yan et al. 2021);
            ``high`` is one-sided.
        over_answers: share that is answered of the questions that experts left without a right
            answer; ``over_answers_today``: the same of what is said today. ``low`` and ``high``
            are each one-sided.
        regressions: share of the regression set that is right or left to the next model.
        chance: of so many worse examples if nothing had changed (McNemar, one-sided).
        p50_ms, p95_ms: of an answer; ``cost``: mean price of one, in the bundle's currency.
        broken: rules and controls that its answers break and today's keep, with how many.
        set_aside: examples that were not judged, by why.
        slices: the worst first.
        notes: what whoever reads this must know.
    """

    verdict: Literal["passed", "refused"]
    reasons: tuple[str, ...]
    criteria: tuple[Criterion, ...]
    examples: int
    against: str = ""
    accuracy: Figure | None = None
    coverage: Figure | None = None
    with_it: Figure | None = None
    without_it: Figure | None = None
    difference: Figure | None = None
    negative_flips: Figure | None = None
    over_answers: Figure | None = None
    over_answers_today: Figure | None = None
    chance: float = 1.0
    regressions: Figure | None = None
    p50_ms: float | None = None
    p95_ms: float | None = None
    cost: float | None = None
    broken: dict[str, int] = {}
    set_aside: dict[str, int] = {}
    slices: tuple[Slice, ...] = ()
    changed: tuple[Changed, ...] = ()
    notes: tuple[str, ...] = ()

    def as_dict(self) -> dict[str, Any]:
        """For ``gate.json`` and ``--json``."""
        found: dict[str, Any] = msgspec.to_builtins(self)
        return {"format": FORMAT, **found}

    @property
    def passed(self) -> bool:
        """Whether it may go on."""
        return self.verdict == "passed"
