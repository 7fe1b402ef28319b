"""Whether a correction says anything: pairs that hardly differ teach a model nothing."""

from itertools import zip_longest

from freehold.learning.datasets.marks import words_of

_LONG = 5
_SLIPS = 2


def hardly_differ(chosen: str, rejected: str) -> bool:
    """Whether two answers differ in nothing but case, punctuation, spacing, or the spelling of long
    words (two letters each, one word in twenty). A number, and a short word such as `not`, counts.
    """
    one, other = words_of(chosen).split(), words_of(rejected).split()
    if one == other:
        return True
    if len(one) != len(other):
        return False
    differ = [(a, b) for a, b in zip_longest(one, other) if a != b]
    if len(differ) * 20 > max(len(one), 20):
        return False
    return all(_a_slip(a, b) for a, b in differ)


def _a_slip(one: str, other: str) -> bool:
    if min(len(one), len(other)) < _LONG or not (one.isalpha() and other.isalpha()):
        return False
    return _distance(one, other, _SLIPS) <= _SLIPS


def _distance(one: str, other: str, most: int) -> int:
    """Levenshtein's; more than ``most`` where it would be more."""
    if abs(len(one) - len(other)) > most:
        return most + 1
    row = list(range(len(other) + 1))
    for i, a in enumerate(one, 1):
        last, row[0] = row[0], i
        for j, b in enumerate(other, 1):
            last, row[j] = row[j], min(row[j] + 1, row[j - 1] + 1, last + (a != b))
    return row[-1]
