"""Which stretches of a text a test for words rests on."""

from collections.abc import Iterator

from freehold.rules.functions import pattern_of
from freehold.text.sentences import sentence_ends

_MOST = 16


def cuts(test: str, part: str, text: str) -> tuple[tuple[int, int], ...]:
    """What would have to go so that the test fails: the words, for a pattern the sentences in which
    it is found. None where that is more than a few.
    """
    if test == "matches":
        found = list(_sentences(part, text))
    elif test == "contains":
        found = list(_occurrences(part, text))
    else:
        end = len(part) if test == "startsWith" else len(text)
        found = [(end - len(part), end)] if part else []
    return tuple(found) if len(found) <= _MOST else ()


def _occurrences(part: str, text: str) -> Iterator[tuple[int, int]]:
    at = text.find(part) if part else -1
    while at >= 0:
        yield at, at + len(part)
        at = text.find(part, at + len(part))


def _sentences(pattern: str, text: str) -> Iterator[tuple[int, int]]:
    try:
        wanted = pattern_of(pattern)
    except ValueError:
        return
    start = 0
    for end in [*sentence_ends(text, 0, len(text)), len(text)]:
        if end > start and wanted.test(text[start:end]):
            yield start, end
        start = max(start, end)
