"""Persons, places and the like: what no pattern finds, read by the tagger of `freehold.text`.

The detectors share one pass over a text: whoever asks first pays for all of them.
"""

import math
import re
from collections.abc import Sequence
from typing import ClassVar

from freehold.core.decisions import Finding, Needs
from freehold.text.tagger import Tag
from freehold.text.tagger_file import shipped

_MAX_SCORE = 990_000
_BLANK = re.compile(r"\S\s+\S")
_CODE = re.compile(r"\w*\d{3}\w*")
_NAMES = frozenset({"PERSON", "TITLE", "PLACE", "NRP", "ORG"})


class _Pass:
    """The tags of the text that was read last, by label."""

    def __init__(self) -> None:
        self._last: tuple[str, dict[str, list[Tag]]] = ("", {})

    def read(self, text: str) -> dict[str, list[Tag]]:
        """The text's tags; labels that it has none of are missing."""
        last, tags = self._last
        if last is not text and last != text:
            tags = {}
            # one word alone (an id, a name of a function) says too little
            if _BLANK.search(text):
                for tag in shipped().tag(text):
                    # a flight's or an order's number is no name
                    if tag.label in _NAMES and _CODE.fullmatch(text, tag.start, tag.end):
                        continue
                    tags.setdefault(tag.label, []).append(tag)
            self._last = text, tags
        return tags


_SHARED = _Pass()


def _score(margin: float) -> int:
    """Millionths; the curve is what `scripts/tagger` prints for texts that it did not train on."""
    return min(_MAX_SCORE, round(1_000_000 / (1 + math.exp(-1.26 - 0.118 * margin))))


class NamedDetector:
    """Reports one of the tagger's labels. Observe it: what is a name is a matter of reading."""

    id: ClassVar[str] = ""
    kind: ClassVar[str] = ""
    tag: ClassVar[str] = ""
    why: ClassVar[str] = ""
    label: ClassVar[str] = "pii"
    needs: ClassVar[Needs] = "sentence"

    @property
    def version(self) -> str:
        """The model's own."""
        return shipped().version

    @property
    def kinds(self) -> frozenset[str]:
        """The one kind that it can find."""
        return frozenset({self.kind})

    def detect(self, text: str, folded: str, where: str) -> Sequence[Finding]:
        """Stretches of ``text`` with this detector's label; ``folded`` is not needed."""
        del folded
        tags = _SHARED.read(text).get(self.tag)
        if not tags:
            return ()
        return [
            Finding(
                detector=self.id,
                version=self.version,
                kind=self.kind,
                label=self.label,
                where=where,
                start=tag.start,
                end=tag.end,
                score=_score(tag.margin),
                explanation=self.why,
            )
            for tag in tags
        ]


class Person(NamedDetector):
    """Names of persons."""

    id = "pii.person"
    kind = "person"
    tag = "PERSON"
    why = "reads as a person's name"


class Title(NamedDetector):
    """Titles before names, and what somebody is by profession where it stands under a name."""

    id = "pii.title"
    kind = "title"
    tag = "TITLE"
    why = "reads as a person's title"


class Address(NamedDetector):
    """Street addresses, with postcode, town and country where they follow."""

    id = "pii.address"
    kind = "address"
    tag = "ADDRESS"
    why = "reads as a postal address"


class Postcode(NamedDetector):
    """Postcodes that stand alone."""

    id = "pii.postcode"
    kind = "postcode"
    tag = "POSTCODE"
    why = "reads as a postcode"


class Place(NamedDetector):
    """Towns, regions and countries."""

    id = "pii.place"
    kind = "place"
    tag = "PLACE"
    why = "reads as a place"


class Nationality(NamedDetector):
    """Nationalities, religions and political groups."""

    id = "pii.nationality"
    kind = "nationality"
    tag = "NRP"
    why = "reads as a nationality, religion or political group"


class Organisation(NamedDetector):
    """Companies, authorities, schools."""

    id = "pii.organisation"
    kind = "organisation"
    tag = "ORG"
    why = "reads as an organisation"


class Date(NamedDetector):
    """Days and years."""

    id = "pii.date"
    kind = "date"
    tag = "DATE"
    why = "reads as a date"


class Age(NamedDetector):
    """Ages of persons."""

    id = "pii.age"
    kind = "age"
    tag = "AGE"
    why = "reads as a person's age"
