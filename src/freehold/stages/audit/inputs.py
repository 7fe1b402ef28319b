"""Writing down what a replay needs besides facts and findings."""

from collections.abc import Sequence
from typing import Any

from msgspec import UNSET, UnsetType

from freehold.core.judged import Sheet
from freehold.core.trail import Trail
from freehold.ledger.inputs import Inputs, Step, Wanted
from freehold.ledger.steps import Change, changes
from freehold.stages.audit import build

_EXTRA = ("answer.ungrounded", "answer.ungrounded_money")
"""Facts about an answer that neither ``facts`` nor ``answer_facts`` has."""
_PLAIN = frozenset({"chat"})


def inputs(trail: Trail, steps: Sequence[Step]) -> Inputs:
    """For the record of how an exchange ended."""
    given = trail.inputs
    wanted = given.wanted
    return Inputs(
        steps=steps or (),
        leaks=given.leaks or (),
        discharged=trail.discharged or given.discharged,
        wanted=UNSET if wanted is None else _wanted(wanted),
        world=given.world or UNSET,
    )


def steps(trail: Trail) -> Sequence[Step]:
    """The steps of which there is anything to say: most often none."""
    sheets = trail.inputs.sheets
    answers, told = 0, False
    for sheet in sheets:
        if sheet.noted:
            told = True
        if sheet.phase == "answer":
            answers += 1
            facts = sheet.facts
            if facts.get("answer.ungrounded") or facts.get("answer.ungrounded_money"):
                told = True
            if sheet.whole is not None or sheet.kept is not None:
                answers += 1
    if answers < 2:
        return _one(sheets) if told else ()
    return _many(sheets)


def _one(sheets: Sequence[Sheet]) -> list[Step]:
    """Of an answer that was judged at once: only what stands nowhere else in the record."""
    written: list[Step] = []
    number = -1
    for sheet in sheets:
        number += sheet.phase == "tool_call"
        found: dict[str, Change] = {}
        if sheet.phase == "answer":
            extra = {name: sheet.facts[name] for name in _EXTRA if sheet.facts.get(name)}
            found = {name: {"is": value} for name, value in build.facts(extra).items()}
        if sheet.noted or found:
            place = number if sheet.phase == "tool_call" else 0
            written.append(Step(phase=sheet.phase, number=place, facts=found, noted=sheet.noted))
    return written


def _many(sheets: Sequence[Sheet]) -> list[Step]:
    """Of one that was judged step by step: all that changed from one to the next."""
    others = [sheet for sheet in sheets if sheet.phase != "answer"]
    before: dict[str, Any] = {}
    written: list[Step] = []
    for sheet in sheets:
        if sheet.phase == "answer":
            after = build.facts(sheet.facts)
            written.append(_step(sheet, before, after))
            before = after
    return [*_one(others), *written]


def words(trail: Trail, steps: Sequence[Step]) -> list[dict[str, Any]]:
    """The words that those steps' facts leave out, step by step, to be sealed. A tool call's
    arguments come last, call by call.
    """
    answers = [sheet for sheet in trail.inputs.sheets if sheet.phase == "answer"]
    told = sum(step.phase == "answer" for step in steps)
    found: list[dict[str, Any]] = []
    if told == 1 and answers[0].whole is None and answers[0].kept is None:
        extra = {name: answers[0].facts[name] for name in _EXTRA if answers[0].facts.get(name)}
        found.append({"facts": changes({}, build.worded(extra))})
    elif told:
        before: dict[str, Any] = {}
        for sheet in answers:
            after = build.worded(sheet.facts)
            one: dict[str, Any] = {"facts": changes(before, after)}
            for name, other in (("whole", sheet.whole), ("kept", sheet.kept)):
                if other is not None:
                    one[name] = changes(after, build.worded(other))
            found.append(one)
            before = after
    calls = [sheet for sheet in trail.inputs.sheets if sheet.phase == "tool_call"]
    return [*found, *(build.worded(sheet.facts) for sheet in calls)]


def _step(sheet: Sheet, before: dict[str, Any], after: dict[str, Any]) -> Step:
    def beside(other: dict[str, Any] | None) -> dict[str, Change] | UnsetType:
        return UNSET if other is None else changes(after, build.facts(other))

    return Step(
        phase=sheet.phase,
        last=sheet.last,
        left=sheet.left,
        facts=changes(before, after),
        whole=beside(sheet.whole),
        kept=beside(sheet.kept),
        noted=sheet.noted,
    )


def _wanted(wanted: Any) -> Wanted:
    return Wanted(
        capabilities=() if wanted.capabilities == _PLAIN else tuple(sorted(wanted.capabilities)),
        least=UNSET if wanted.least is None else wanted.least,
        longest=wanted.longest,
        prompt=wanted.prompt,
        whole=UNSET if wanted.whole == wanted.prompt else wanted.whole,
    )
