"""From which score on a responder answers, and what chance to be right a score has."""

import math
from collections.abc import Sequence

from msgspec import Struct

from freehold.core.decisions import MILLION

UNPROVED = 900_000
"""The line where too few examples were held back to draw one: questions that are all but the
same, and no other near.
"""
_SURE = 0.9
_TIMES = 4
"""No answer is given that is so many times likelier wrong than all may be, however few there are of
its kind: what all together may have of wrong ones is not for the last of them to use up."""
FLOOR = 160_000
"""Nor is one that is so far from all that was approved, whatever the examples held back say: they
have little of what is asked almost alike and means something else.
"""


STRANGERS = 20
"""So many of the examples held back must have been left to others. With fewer, little shows where
it must not answer; with none, only questions that are all but the same are answered."""


class Tried(Struct, frozen=True):
    """One example that was held back: the score of the best answer in millionths, and whether it
    was right. Without any answer there is nothing to count, but that it was asked.
    """

    score: int
    right: bool


class Line(Struct, frozen=True, kw_only=True):
    """What came of it.

    Attributes:
        line: the score from which an answer is given.
        chances: (score, chance) both ascending, in millionths.
        asked, answered, right: of the examples held back.
        bound: with nine chances of ten, no larger share of answers is wrong.
        proved: whether there were enough.
    """

    line: int
    chances: tuple[tuple[int, int], ...]
    asked: int
    answered: int
    right: int
    bound: float
    proved: bool


def draw(tried: Sequence[Tried], asked: int, alpha: float, *, others: int) -> Line:
    """The lowest line at which (wrong + 1) / (answered + 1) is at most ``alpha``, or a higher one,
    from which on answers are likely enough.

    Args:
        others: how many of those asked were left to others.

    With n examples held back that come like the questions of later, the chance that a question is
    answered wrongly is then at most ``alpha``: the line is never lower than the one of conformal
    risk control (Angelopoulos et al. 2022), which has n + 1 where this has the answered ones alone.
    ``bound`` is Clopper and Pearson's for the share of wrong ones among what is answered.
    """
    ranked = sorted(tried, key=lambda one: -one.score)
    line, wrong = 0, 0
    for number, one in enumerate(ranked, 1):
        wrong += not one.right
        last = number == len(ranked) or ranked[number].score < one.score
        if last and (wrong + 1) / (number + 1) <= alpha:
            line = one.score
    chances = _chances(ranked)
    if line:
        least = (1 - _TIMES * alpha) * MILLION
        likely = next((score for score, sure in chances if sure >= least), -1)
        floor = UNPROVED - (UNPROVED - FLOOR) * min(others, STRANGERS) // STRANGERS
        line = max(line, floor, likely) if likely >= 0 else 0
    proved = line > 0
    line = line or UNPROVED
    given = [one for one in ranked if one.score >= line]
    right = sum(one.right for one in given)
    return Line(
        line=line,
        chances=chances,
        asked=asked,
        answered=len(given),
        right=right,
        bound=upper(len(given) - right, len(given)),
        proved=proved,
    )


def upper(wrong: int, count: int, sure: float = _SURE) -> float:
    """Clopper and Pearson's upper bound of a share."""
    if wrong >= count:
        return 1.0
    low, high = wrong / count, 1.0
    for _ in range(60):
        middle = (low + high) / 2
        if _at_most(wrong, count, middle) > 1 - sure:
            low = middle
        else:
            high = middle
    return high


def _at_most(wrong: int, count: int, share: float) -> float:
    """The chance of at most so many of ``count``, each with that chance."""
    if share <= 0:
        return 1.0
    if share >= 1:
        return 0.0
    logs = math.log(share), math.log1p(-share)
    return sum(
        math.exp(
            math.lgamma(count + 1)
            - math.lgamma(n + 1)
            - math.lgamma(count - n + 1)
            + n * logs[0]
            + (count - n) * logs[1]
        )
        for n in range(wrong + 1)
    )


def _chances(ranked: Sequence[Tried]) -> tuple[tuple[int, int], ...]:
    """Isotonic regression (pool adjacent violators), each pool by Laplace's rule of succession."""
    pools: list[list[int]] = []  # score from, right, count
    for one in reversed(ranked):
        if pools and pools[-1][0] == one.score:
            pools[-1][1] += one.right
            pools[-1][2] += 1
        else:
            pools.append([one.score, int(one.right), 1])
        # the newest pool is the highest: it may not be worse than the one below
    merged: list[list[int]] = []
    for pool in pools:
        merged.append(pool)
        while len(merged) > 1 and merged[-1][1] * merged[-2][2] <= merged[-2][1] * merged[-1][2]:
            _, right, count = merged.pop()
            merged[-1][1] += right
            merged[-1][2] += count
    found: list[tuple[int, int]] = []
    highest = 0
    for score, right, count in merged:
        highest = max(highest, MILLION * (right + 1) // (count + 2))
        found.append((score, highest))
    return tuple(found) or ((UNPROVED, MILLION // 2),)
