"""What may not be said again: numbers, names and addresses that one case alone vouches for."""

import re
from collections import Counter, defaultdict
from collections.abc import Sequence

from freehold.core.facts import FactKind
from freehold.learning.trainers.responder_merging import Draft
from freehold.text.facts import extract

_COMMITS: frozenset[FactKind] = frozenset({"percent", "money", "date", "duration", "quantity"})
_MASKED = re.compile(r"\[[a-z ]+ removed\]")
"""What a tenant's rule took out of a text that it keeps: nobody approved these words."""
_HARD = re.compile(r"\S*[\d@]\S*|https?://\S+|\[[a-z ]+ removed\]")
_NAME = re.compile(r"(?<![.!?:\n•*-] )(?<=[\w,(] )[A-Z][\w'’-]+")
_EDGES = ".,;:!?()\"'"
_TWICE = 2


class Constants:
    """How many conversations have said what, in words that came from no context."""

    def __init__(self, drafts: Sequence[Draft]) -> None:
        said: dict[str, set[str]] = defaultdict(set)
        for draft in drafts:
            heard = {lesson.conversation for lesson in draft.lessons}
            for word in (*_hard(draft), *_names(draft)):
                said[word] |= heard
        self._said = Counter({word: len(heard) for word, heard in said.items()})

    def unvouched(self, draft: Draft) -> list[str]:
        """What in a draft commits the company or names somebody, and was approved only once: of a
        number in this answer itself, of a name anywhere.
        """
        masked = [word for part in draft.answer if isinstance(part, str)
                  for word in _MASKED.findall(part)]  # fmt: skip
        if masked:
            return masked
        heard = len({lesson.conversation for lesson in draft.lessons})
        numbers = _hard(draft) if heard < _TWICE else []
        return numbers + [name for name in _names(draft) if self._said[name] < _TWICE]


def commitments(text: str, language: str) -> list[str]:
    """Numbers, dates, amounts and addresses of a text, in words too."""
    found = [word.strip(_EDGES) for word in _HARD.findall(text)]
    return found + [f.text for f in extract(text, language, _COMMITS) if f.text not in found]


def _hard(draft: Draft) -> list[str]:
    language = draft.lessons[0].language
    constants = [part for part in draft.answer if isinstance(part, str)]
    # a slot is no word, so that what stands around it is read as it will be
    found = commitments("\x00".join(constants).replace("\x00", " _ "), language)
    return [word for word in found if any(word in part for part in constants)]


def _names(draft: Draft) -> list[str]:
    text = " _ ".join(part for part in draft.answer if isinstance(part, str))
    return _NAME.findall(text)
