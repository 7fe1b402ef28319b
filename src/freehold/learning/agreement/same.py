"""Whether two written answers say the same, as far as that can be told without a model.

They do where they differ in few words, and in none that matters: a number, or a word that denies.
That is strict on purpose: two answers wrongly told apart cost a second look, two wrongly taken for
one teach a model something false.
"""

import re
import unicodedata
from collections import Counter
from collections.abc import Sequence

from freehold.text.negation_words import cues

ALIKE = 0.85
"""F1 over words from which on two answers may be the same."""
_WORD = re.compile(r"\d[\d.,:/-]*\d|\d|[^\W\d_]+(?:['’][^\W\d_]+)*|[%€$£¥]")
_DENIES = frozenset("yes ja oui sí si sì sim".split()).union(
    *(cues(language) for language in ("en", "de", "fr", "es", "it", "pt", "nl"))
)
_MOST_CHARS = 20_000


def plain(text: str) -> str:
    """Without what makes no other answer of it: case, blanks, width, the marks at its end."""
    return " ".join(unicodedata.normalize("NFKC", text).casefold().split()).rstrip(".!? ")


def words(text: str) -> Counter[str]:
    """The words and numbers of at most 20,000 characters, each as often as it stands there."""
    low = plain(text[:_MOST_CHARS]).replace("’", "'")
    return Counter(_WORD.findall(low))


def overlap(one: Counter[str], two: Counter[str]) -> float:
    """F1 over words, 0 to 1; 1 where both have none."""
    total = one.total() + two.total()
    return 2 * (one & two).total() / total if total else 1.0


def same(one: str, two: str) -> bool:
    """Whether two answers say the same."""
    if plain(one) == plain(two):
        return True
    first, second = words(one), words(two)
    if not first or not second or overlap(first, second) < ALIKE:
        return False
    differ = (first - second) + (second - first)
    return not any(word in _DENIES or not word[0].isalpha() for word in differ)


def representatives(answers: Sequence[str]) -> list[int]:
    """For each answer the place of the first one that says the same, so that answers can be votes.

    An answer is held against those that stand for a group only, so a chain of small differences
    can't join two that differ much.
    """
    leads: list[int] = []
    found = []
    for place, answer in enumerate(answers):
        lead = next((one for one in leads if same(answers[one], answer)), place)
        if lead == place:
            leads.append(place)
        found.append(lead)
    return found


def denials(text: str) -> frozenset[str]:
    """The words of a text that deny, or only agree."""
    return frozenset(words(text)) & _DENIES
