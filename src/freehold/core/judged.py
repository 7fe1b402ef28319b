"""What rules were shown, step by step, and what they read in words: inputs that a replay needs."""

from typing import Any, Literal

from msgspec import Struct

from freehold.core.handoffs import Discharge

SheetPhase = Literal["request", "route", "answer", "tool_call"]
Seen = Literal["facts", "whole", "kept"]


class Noted(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What came of reading words, which a record may not hold.

    Attributes:
        sheet: which facts of the step it is about.
        matched: places of the patterns that matched a text, in the order in which the rules that
            were judged together have them.
        folded: the same of the reading in plain characters; none where there was no second one.
        verdicts: of rules that read words in another way and did not simply stay silent, by their
            place: fired, or (null) could not be evaluated.
    """

    folded: tuple[int, ...] | None = None
    matched: tuple[int, ...] = ()
    sheet: Seen = "facts"
    verdicts: dict[str, bool | None] = {}


class Sheet(Struct, frozen=True):
    """One step at which rules were judged: references to what they were shown, copied nowhere.

    Attributes:
        facts: what the phase's rules saw.
        last: whether nothing of the answer was to follow.
        whole: what rules saw that need all of an answer, where that was something else.
        kept: what rules saw that rewrite sentences, where some had been rewritten before.
        left: whether any of the answer may have left before.
    """

    phase: SheetPhase
    facts: dict[str, Any]
    last: bool = True
    whole: dict[str, Any] | None = None
    kept: dict[str, Any] | None = None
    noted: tuple[Noted, ...] = ()
    left: bool = False


class Trial(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """How a route's model on trial stands to one request.

    Attributes:
        share: of the conversations, in millionths; 0 where it takes no part.
        newcomer: whether this conversation was drawn for it.
        barred: why it may not take this request; ``over``: why it takes none at all now.
        stage: of its trial, from 0; ``id`` names the trial.
    """

    barred: str = ""
    id: str = ""
    newcomer: bool = False
    over: str = ""
    share: int = 0
    stage: int = 0


class World(Struct, kw_only=True, omit_defaults=True):
    """What routing was told from outside, where that was anything at all.

    Attributes:
        stopped: models that an alert or a person has stopped, and the reason.
        unaffordable: models whose worst case did not fit what was left of the budgets.
        behind: models that the others come before, and the reason: an endpoint in trouble, an
            alert.
        floor: the quality that was asked for, in millionths, where that was more than the route's.
        trial: of the model on trial.
    """

    behind: dict[str, str] = {}
    floor: int = 0
    stopped: dict[str, str] = {}
    trial: Trial | None = None
    unaffordable: dict[str, str] = {}


class Inputs:
    """What decisions rest on that no other part of the record says.

    Attributes:
        sheets: the steps at which rules were judged, in order.
        leaks: how many findings in the answer were judged at once, each time that there were any;
            negative where it was too late to take them out.
        wanted: what routing worked out that a model must be able to take.
        world: what it was told from outside; none where there was nothing to say.
        discharged: demands of rules on the answer that persons have met.
    """

    __slots__ = ("discharged", "leaks", "sheets", "wanted", "world")

    def __init__(self) -> None:
        self.sheets: list[Sheet] = []
        self.leaks: list[int] = []
        self.wanted: Any = None
        self.world: World | None = None
        self.discharged: tuple[Discharge, ...] = ()

    def forget_answer(self) -> None:
        """Of an answer that broke off."""
        self.leaks.clear()
        self.sheets[:] = [s for s in self.sheets if s.phase in ("request", "route")]

    def forget_steps(self) -> None:
        """Those in which an answer's text was judged: it is judged anew."""
        self.sheets[:] = [s for s in self.sheets if s.phase != "answer"]
