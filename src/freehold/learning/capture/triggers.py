"""Whether an exchange is worth learning from, and why."""

from collections.abc import Mapping

from msgspec import Struct

from freehold.core.call_errors import NO_FAILURE
from freehold.core.capturing import ANY, CaptureSpec, covers
from freehold.core.decisions import MILLION
from freehold.core.trail import Trail
from freehold.core.trials import lot
from freehold.learning.capture.witnessed import Witnessed, expected_of, mattered

_WELL = frozenset({"allowed", "transformed"})
_MOST_WEIGHT = 1_000_000 * MILLION


class Judged(Struct, frozen=True, kw_only=True):
    """Why an exchange is a case.

    Attributes:
        chance: in millionths, that it became one, as `core.cases.Case` has it.
        drawn: only a draw took it.
    """

    reasons: tuple[str, ...]
    chance: int = MILLION

    @property
    def drawn(self) -> bool:
        """Whether a draw alone took it, so that it does not count towards a day's cases."""
        return self.chance < MILLION


def judge(spec: CaptureSpec, seen: Witnessed, *, full: bool = False) -> Judged | None:
    """Whether an exchange that has ended becomes a case.

    The draw is made of the exchange's id, so that it comes out the same whenever it is made. What
    went well is taken with the larger of the two shares, since one draw decides about both.

    Args:
        full: the day has had all its cases, so that only the random share is taken.
    """
    reasons = tuple(_reasons(spec, seen))
    if reasons and not full:
        drawn = (*reasons, "random") if _draw(seen.exchange_id) < spec.random else reasons
        return Judged(reasons=drawn)
    shares = [("random", spec.random)]
    if not reasons and went_well(spec, seen):
        shares.append(("success", spec.success))
    if max(share for _, share in shares) == 0:
        return None
    number = _draw(seen.exchange_id)
    taken = tuple(name for name, share in shares if number < share)
    if not taken:
        return None
    return Judged(reasons=(*reasons, *taken), chance=max(share for _, share in shares))


def went_well(spec: CaptureSpec, seen: Witnessed) -> bool:
    """Whether it was answered, and whoever answered was sure of it as far as they say."""
    if seen.outcome not in _WELL or not seen.answered:
        return False
    sure = seen.confidence
    return sure is None or sure >= spec.low_confidence


def _draw(exchange_id: str) -> int:
    """A number from 0 to a million, evenly spread, the same for the same exchange: the last 48 bits
    of its id (UUIDv7) are random, and no draw about models or shadows is made of them alone.
    """
    try:
        return int(exchange_id[-12:], 16) * MILLION >> 48
    except ValueError:  # an id of another making
        return lot("case", exchange_id)


def unremarkable(spec: CaptureSpec, trail: Trail) -> bool:
    """Whether nothing can make a case of an exchange that has just ended, as it is with most: in a
    microsecond, before anything is put together about it.
    """
    if spec.rules and _ruled(spec.rules, trail):
        return False
    if trail.held is not None or trail.approval:
        return False
    if spec.detectors and (trail.findings or trail.answer_findings):
        found = {one.detector for one in (*trail.findings, *trail.answer_findings)}
        if any(covers(spec.detectors, name) for name in found):
            return False
    least = spec.low_confidence
    for call in trail.calls:
        if call.error_kind or (call.confidence is not None and call.confidence < least):
            return False
    if trail.routed is not None and least:
        expected = expected_of(trail)
        if expected is not None and expected < least:
            return False
    if spec.out_of_scope and trail.screened is not None and not trail.screened.in_scope:
        return False
    number = _draw(trail.arrival.exchange_id)
    return number >= spec.random and number >= spec.success


def _ruled(rules: frozenset[str], trail: Trail) -> bool:
    """Whether a rule fired that makes a case: a named one, or with ``*`` one that mattered."""
    any_rule = ANY in rules
    named = len(rules) > any_rule
    for firing in trail.firings:
        if firing.fired and (
            (any_rule and mattered(firing.obligations))
            or (named and covers(rules - {ANY}, firing.rule))
        ):
            return True
    return False


def _reasons(spec: CaptureSpec, seen: Witnessed) -> list[str]:
    reasons: list[str] = []
    if seen.rules and spec.rules:
        any_rule, named = ANY in spec.rules, spec.rules - {ANY}
        reasons += [
            f"rule:{name}"
            for name in seen.rules
            if (any_rule and name in seen.mattered) or covers(named, name)
        ]
    if seen.detectors and spec.detectors:
        reasons += [f"detector:{name}" for name in seen.detectors if covers(spec.detectors, name)]
    if spec.abstained:
        unsure = (one.model for one in seen.tried if one.error_kind == "unsure")
        reasons += [f"abstained:{model}" for model in dict.fromkeys(unsure)]
    if spec.fallback:
        reasons += _failures(seen)
    if spec.low_confidence:
        sure = seen.confidence
        if sure is not None and sure < spec.low_confidence:
            reasons.append(f"low_confidence:{seen.answered}")
    if seen.human and spec.human:
        reasons.append(f"human:{seen.human}")
    if seen.out_of_scope and spec.out_of_scope:
        reasons.append("out_of_scope")
    return reasons


def _failures(seen: Witnessed) -> list[str]:
    """The models that failed where another one answered, or where none did. One that answered when
    it was asked again needed no other; where nobody wanted the answer any more, nobody knows.
    """
    failed = dict.fromkeys(one.model for one in seen.tried if one.error_kind not in NO_FAILURE)
    if seen.answered:
        return [f"fallback:{model}" for model in failed if model != seen.answered]
    if any(one.error_kind == "hung_up" for one in seen.tried):
        return []
    return [f"unanswered:{model}" for model in failed]


def bad_score(spec: CaptureSpec, metric: str, score: int) -> bool:
    """Whether an answer with this score (millionths, the best is a million) is a case."""
    return score < spec.feedback.get(metric, spec.feedback.get(ANY, 0))


def good_score(spec: CaptureSpec, exchange_id: str, metric: str, score: int) -> Judged | None:
    """Of answers that were told to be good, the share of what went well: those that were not taken
    when they ended have no second draw.
    """
    if not spec.success or bad_score(spec, metric, score) or _draw(exchange_id) >= spec.success:
        return None
    share = max(spec.success, spec.random)
    return Judged(reasons=(f"success:{metric}",), chance=share)


def uncertainty(seen: Witnessed) -> int:
    """How little whoever answered was sure, in millionths; one that abstained was not at all sure
    enough. 0 where nobody says.
    """
    if seen.confidence is not None:
        return MILLION - seen.confidence
    unsure = [one.confidence or 0 for one in seen.tried if one.error_kind == "unsure"]
    return MILLION - max(unsure) if unsure else 0


def value(spec: CaptureSpec, intent: str, attributes: Mapping[str, str]) -> int:
    """What getting it right is worth, in millionths: the product of its weights."""
    worth = spec.intents.get(intent, MILLION)
    for name, weights in spec.attributes.items():
        worth = worth * weights.get(attributes.get(name, ""), MILLION) // MILLION
    return min(worth, _MOST_WEIGHT)
