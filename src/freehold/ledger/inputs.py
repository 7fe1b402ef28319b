"""What a replay needs besides facts and findings, as the record holds it."""

from collections.abc import Sequence

from msgspec import UNSET, Struct, UnsetType

from freehold.core.handoffs import Discharge
from freehold.core.judged import Noted, SheetPhase, World
from freehold.ledger.steps import Change


class Step(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One step at which rules were judged.

    Attributes:
        number: of a tool call, among those of the answer.
        last: whether nothing of the answer was to follow; ``left``: whether any of it may have left
            before.
        facts: what changed in the facts since the answer's step before. Where there is one step,
            only what is nowhere else in the record.
        whole: what rules saw otherwise that need all of the answer; ``kept``: that rewrite
            sentences.
    """

    facts: dict[str, Change] = {}
    kept: dict[str, Change] | UnsetType = UNSET
    last: bool = True
    left: bool = False
    noted: tuple[Noted, ...] = ()
    number: int = 0
    phase: SheetPhase
    whole: dict[str, Change] | UnsetType = UNSET


class Wanted(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What a model had to be able to take, besides what findings, sources and the app say.

    Attributes:
        capabilities: that the request asked for; left out where it was only to chat.
        longest: the ceiling on an answer, in tokens.
        prompt: estimated tokens of all of it; ``whole`` of what must fit a window at once, where
            that is less; ``least`` of what is left where context and older turns are left out,
            where a model's window is too small for the whole.
    """

    capabilities: tuple[str, ...] = ()
    least: int | UnsetType = UNSET
    longest: int = 0
    prompt: int = 0
    whole: int | UnsetType = UNSET


class Inputs(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """All of it; what is absent had nothing to say."""

    discharged: tuple[Discharge, ...] = ()
    leaks: Sequence[int] = ()
    steps: Sequence[Step] = ()
    wanted: Wanted | UnsetType = UNSET
    world: World | UnsetType = UNSET
