"""A row from a case: what was asked, and what is now known to be right."""

import re
from collections.abc import Collection
from typing import Any

from msgspec import Struct
from msgspec.structs import replace

from freehold.core.cases import Case, Moment, Read
from freehold.core.decisions import MILLION
from freehold.core.labels import Gold
from freehold.core.training import Example
from freehold.learning.datasets.lineage import Draft, Source
from freehold.text.language import spoken

SETTLED: tuple[Source, ...] = ("label", "correction", "approval", "success")
"""What may settle a case, the surest first; a case has one row."""
NO_TRUTH = "nobody has said what is right"
NOT_WANTED = "settled in a way that was not asked for"
_APPROVED, _DECLINED = "human:approved", "human:declined"
_RULED = frozenset({_APPROVED, _DECLINED, "human:amended"})
"""What an approver's decision is as a reason, in full: ``human:`` stands before other words too."""
_WELL = {"success", "random"}
_PLACEHOLDER = re.compile(r"\[[A-Za-z][A-Za-z0-9_]{0,47}_[0-9A-Fa-f]{8}\]")


class Truth(Struct, frozen=True, kw_only=True):
    """What is right, who settled it, and how far to trust it."""

    source: Source
    answer: str = ""
    rejected: str = ""
    label: str = ""
    weight: int = MILLION
    by: tuple[str, ...] = ()
    queue: str = ""


def draft_of(
    read: Read,
    gold: Gold | None,
    wanted: Collection[Source] = SETTLED,
    *,
    success_weight: int = MILLION,
) -> Draft | str:
    """The row of a case, or why there is none.

    Args:
        gold: what its labels come to; it goes before all else.
        success_weight: in millionths, what an answer weighs that nobody objected to.
    """
    case, moment = read.case, read.moment
    if moment is None:
        return f"its texts are {read.fate}" if read.fate != "none" else "no texts were kept"
    truth = _truth(case.reasons, moment, gold, success_weight)
    if truth is None:
        return NO_TRUTH
    if truth.source not in wanted:
        return NOT_WANTED
    messages = _messages(moment)
    if not any(message.get("role") == "user" for message in messages):
        return "nothing was asked"
    row = _row(case, moment, messages, truth)
    return Draft(
        row=replace(row, language=spoken(row.question)),
        source=truth.source,
        exchange=case.exchange_id,
        owner=case.owner,
        queue=truth.queue,
        by=truth.by,
    )


def incident_of(read: Read) -> Draft | str:
    """The row of an answer that was wrong, or why there is none: with the right answer where
    somebody gave one, else with only what was said (``rejected``), which must not be said again.
    """
    made = draft_of(read, None, ("correction", "approval"))
    if isinstance(made, Draft):
        return made if made.row.rejected else "it was approved"
    moment = read.moment
    if moment is None or made not in (NO_TRUTH, NOT_WANTED):
        return made
    said, messages = moment.said or moment.released, _messages(moment)
    if not said or not any(message.get("role") == "user" for message in messages):
        return "nothing was asked, or nothing was said"
    row = _row(read.case, moment, messages, Truth(source="incident", rejected=said))
    return Draft(
        row=replace(row, language=spoken(row.question)),
        source="incident",
        exchange=read.case.exchange_id,
        owner=read.case.owner,
    )


def _row(case: Case, moment: Moment, messages: tuple[dict[str, Any], ...], truth: Truth) -> Example:
    return Example(
        id=case.case_id,
        messages=messages,
        conversation=case.conversation,
        at_ns=case.at_ns,
        tenant=case.tenant,
        app=case.app,
        pieces=moment.pieces,
        facts=moment.facts,
        answer=truth.answer,
        rejected=truth.rejected,
        label=truth.label,
        weight=truth.weight,
    )


def _truth(
    reasons: tuple[str, ...], moment: Moment, gold: Gold | None, success_weight: int
) -> Truth | None:
    kinds = {reason.partition(":")[0] for reason in reasons}
    if gold is not None:
        return Truth(
            source="label",
            answer=gold.answer,
            rejected=gold.rejected,
            label=gold.intent,
            weight=gold.weight,
            by=gold.labelers,
            queue=gold.queue,
        )
    said = moment.released or moment.said
    ruled = _RULED.intersection(reasons)
    if moment.correction:
        rejected = said if said != moment.correction else ""
        source: Source = "approval" if ruled else "correction"
        return Truth(source=source, answer=moment.correction, rejected=rejected)
    if len(ruled) == 1 and said:
        if ruled == {_APPROVED}:
            return Truth(source="approval", answer=said)
        if ruled == {_DECLINED}:
            return Truth(source="approval", rejected=said)
    if "success" in kinds <= _WELL and said:
        return Truth(source="success", answer=said, weight=success_weight)
    return None


def _messages(moment: Moment) -> tuple[dict[str, Any], ...]:
    """What the model was sent, context included, unless more was hidden from it than is hidden in
    what is kept of the question: then placeholders would stand where the right answer has values.
    """
    if not moment.sent:
        return moment.asked
    hidden = set(_PLACEHOLDER.findall(str(moment.sent))) - set(
        _PLACEHOLDER.findall(f"{moment.asked}{moment.pieces}")
    )
    return moment.asked if hidden else moment.sent
