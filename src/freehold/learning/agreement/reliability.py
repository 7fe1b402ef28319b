"""How reliable each labeler is, and what the labels of a case come to when that counts.

A. P. Dawid and A. M. Skene, "Maximum Likelihood Estimation of Observer Error-Rates Using the EM
Algorithm" (1979), with one error rate for each labeler ("one coin") instead of a whole matrix,
since experts label few cases of each kind, and with a prior, so that three labels prove nothing.
Gold items and adjudicated cases are known; they tie down who is right where labelers only
contradict each other.
"""

import math
from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import Literal

from msgspec import Struct

from freehold.core.decisions import MILLION
from freehold.learning.agreement.votes import Vote

PRIOR_RIGHT, PRIOR_WRONG = 4.0, 1.0
"""What is believed of a labeler whom nobody knows: right in four cases of five."""
ENOUGH = 5
"""Labels that can be held against others' or the truth, from which on somebody is more than new."""
DOUBTFUL = 0.5
"""Whoever is surely more often wrong than right is doubtful."""
CONTESTED = 0.75
"""A case whose best value is less sure than this wants somebody to decide."""
_ROUNDS = 200
_Z = 1.96
_TINY = 1e-12


class Labeler(Struct, frozen=True, kw_only=True):
    """One labeler.

    Attributes:
        labels: all of them; ``compared`` those of cases that somebody else has labelled too or
            whose truth is known.
        checked, right: of cases whose truth is known, and how many of these are right.
        accuracy: how often right, as it is believed; ``low``, ``high`` its 95 % interval (Wilson,
            on counts that include the prior).
        standing: ``new`` with too little to compare, ``doubtful``, or ``trusted``.
        weight: in millionths, what one label alone is worth: the chance that it is right, and no
            more than a guess for one who is doubtful.
    """

    name: str
    labels: int
    compared: int
    checked: int
    right: int
    accuracy: float
    low: float
    high: float
    standing: Literal["new", "doubtful", "trusted"]
    weight: int


class Settled(Struct, frozen=True, kw_only=True):
    """What the votes on one case come to; the fields of a `Gold`, and who was overruled.

    Attributes:
        weight: in millionths, the chance that ``value`` is right.
        labelers: who said so; ``against``: who said otherwise.
        contested: unsure enough that somebody should decide.
    """

    case_id: str
    value: str
    weight: int
    labelers: tuple[str, ...]
    against: tuple[str, ...]
    settled: Literal["single", "agreed", "majority", "adjudicated"]
    contested: bool


class Reliability(Struct, frozen=True, kw_only=True):
    """Labelers by name, the least reliable first; cases by id."""

    labelers: dict[str, Labeler]
    cases: dict[str, Settled]


def reliability(
    votes: Sequence[Vote], truth: Mapping[str, str] | None = None, *, values: int = 0
) -> Reliability:
    """Judge labelers and cases by each other.

    Args:
        votes: one of each labeler for each case.
        truth: case → the right value, of gold items and of what somebody has decided.
        values: how many there are to choose from; 0: as many as were ever given.
    """
    known = truth or {}
    by_case: dict[str, list[Vote]] = defaultdict(list)
    for vote in votes:
        by_case[vote.case_id].append(vote)
    count = max(2, values, len({vote.value for vote in votes} | set(known.values())))
    names = sorted({vote.labeler for vote in votes})
    compared = {case for case, given in by_case.items() if len(given) > 1 or case in known}
    accuracy = dict.fromkeys(names, PRIOR_RIGHT / (PRIOR_RIGHT + PRIOR_WRONG))
    believed: dict[str, dict[str, float]] = {}
    right = dict.fromkeys(names, 0.0)
    of_labeler = dict.fromkeys(names, 0)
    for case in compared:
        for vote in by_case[case]:
            of_labeler[vote.labeler] += 1
    for _ in range(_ROUNDS):
        believed = {
            case: _belief(given, accuracy, count, known.get(case))
            for case, given in by_case.items()
        }
        right = dict.fromkeys(names, 0.0)
        for case in compared:
            for vote in by_case[case]:
                right[vote.labeler] += believed[case].get(vote.value, 0.0)
        before, accuracy = (
            accuracy,
            {
                name: (right[name] + PRIOR_RIGHT) / (of_labeler[name] + PRIOR_RIGHT + PRIOR_WRONG)
                for name in names
            },
        )
        if max((abs(accuracy[n] - before[n]) for n in names), default=0) < 1e-7:
            break
    labelers = [
        _labeler(name, votes, known, right[name], of_labeler[name], count) for name in names
    ]
    labelers.sort(key=lambda one: (one.accuracy, one.name))
    doubtful = {one.name for one in labelers if one.standing == "doubtful"}
    for name in doubtful:
        accuracy[name] = 1 / count
    return Reliability(
        labelers={one.name: one for one in labelers},
        cases={
            case: _settled(case, given, _belief(given, accuracy, count, known.get(case)), known)
            for case, given in sorted(by_case.items())
        },
    )


def _belief(
    given: Sequence[Vote], accuracy: Mapping[str, float], count: int, truth: str | None
) -> dict[str, float]:
    """The chance of each value that was given to a case; the rest is for what nobody said.

    Nobody's vote speaks for its opposite: one who is worse than chance counts as chance.
    """
    if truth is not None:
        return {truth: 1.0}
    values = list(dict.fromkeys(vote.value for vote in given))
    sure = [max(accuracy[vote.labeler], 1 / count) for vote in given]
    said = [math.log(a) for a in sure]
    unsaid = [math.log((1 - a) / (count - 1) + _TINY) for a in sure]
    logs = [
        sum(
            yes if vote.value == value else no
            for vote, yes, no in zip(given, said, unsaid, strict=True)
        )
        for value in values
    ]
    rest = count - len(values)
    if rest > 0:
        logs.append(math.log(rest) + sum(unsaid))
    most = max(logs)
    weights = [math.exp(one - most) for one in logs]
    total = sum(weights)
    return {value: weight / total for value, weight in zip(values, weights, strict=False)}


def _labeler(
    name: str,
    votes: Sequence[Vote],
    known: Mapping[str, str],
    right: float,
    compared: int,
    count: int,
) -> Labeler:
    own = [vote for vote in votes if vote.labeler == name]
    checked = [vote for vote in own if vote.case_id in known]
    seen = compared + PRIOR_RIGHT + PRIOR_WRONG
    accuracy = (right + PRIOR_RIGHT) / seen
    low, high = wilson(accuracy, seen)
    # the prior speaks for people whom nobody knows; of one who is known, what was seen does
    surely = wilson(right / compared, compared)[1] if compared else 1.0
    doubtful = compared >= ENOUGH and surely < DOUBTFUL
    return Labeler(
        name=name,
        labels=len(own),
        compared=compared,
        checked=len(checked),
        right=sum(vote.value == known[vote.case_id] for vote in checked),
        accuracy=accuracy,
        low=low,
        high=high,
        standing="doubtful" if doubtful else "trusted" if compared >= ENOUGH else "new",
        weight=round(
            MILLION * (_little(right, compared, count) if doubtful else max(accuracy, 1 / count))
        ),
    )


def _little(right: float, compared: int, count: int) -> float:
    """What a label of somebody doubtful is worth: how often they were right, and never more than a
    guess.
    """
    return min(1 / count, (right + 0.5) / (compared + 1))


def _settled(
    case: str, given: Sequence[Vote], belief: Mapping[str, float], known: Mapping[str, str]
) -> Settled:
    # the first of equals, so that the same votes come to the same
    value = max(sorted(belief), key=lambda one: belief[one])
    kinds = {vote.value for vote in given}
    how: Literal["single", "agreed", "majority", "adjudicated"] = "majority"
    if case in known:
        how = "adjudicated"
    elif len(given) == 1:
        how = "single"
    elif len(kinds) == 1:
        how = "agreed"
    return Settled(
        case_id=case,
        value=value,
        weight=round(MILLION * belief[value]),
        labelers=tuple(sorted(vote.labeler for vote in given if vote.value == value)),
        against=tuple(sorted(vote.labeler for vote in given if vote.value != value)),
        settled=how,
        contested=len(kinds) > 1 and case not in known and belief[value] < CONTESTED,
    )


def wilson(share: float, seen: float, z: float = _Z) -> tuple[float, float]:
    """The interval of a share of ``seen`` (Wilson 1927); from 0 to 1 where nothing was seen."""
    if seen <= 0:
        return 0.0, 1.0
    middle = (share + z * z / (2 * seen)) / (1 + z * z / seen)
    spread = share * (1 - share) / seen + z * z / (4 * seen * seen)
    half = z * math.sqrt(spread) / (1 + z * z / seen)
    return max(0.0, middle - half), min(1.0, middle + half)
