"""One step of the rules' work, as the record has it: the facts that they saw."""

from collections.abc import Mapping, Sequence
from typing import Any, cast

from freehold.core.judged import Noted, Seen, Sheet, SheetPhase
from freehold.rules.declared import Phase

_SEEN: tuple[Seen, ...] = ("facts", "whole", "kept")


def seen_as(sheet: Mapping[str, Any], sheets: Sequence[Mapping[str, Any]]) -> Seen:
    """Which of the step's facts these are."""
    return _SEEN[next(place for place, one in enumerate(sheets) if one is sheet)]


def step_of(
    phase: Phase,
    sheets: Sequence[Mapping[str, Any]],
    last: bool,
    noted: list[Noted],
    left: bool,
) -> Sheet:
    """The step for the record: references, nothing is copied."""
    facts, whole, kept = cast(Sequence[dict[str, Any]], sheets)
    return Sheet(
        cast(SheetPhase, phase),
        facts,
        last,
        None if whole is facts else whole,
        None if kept is facts else kept,
        tuple(noted),
        left,
    )
