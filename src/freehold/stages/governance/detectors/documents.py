"""Numbers of passports and driving licences: most have no check digit, so the words before decide.

Sources: ICAO Doc 9303 part 4 (nine characters), DVLA (GB), AAMVA DL/ID card design standard (US).
"""

import re
from typing import ClassVar

from freehold.stages.governance.detectors.base import Check, PatternDetector, Shape, Spans

_APART = r"[^0-9A-Za-z.!?]"
_FILLER = (
    rf"{_APART}{{1,4}}"
    rf"(?:(?:number|num|no|nr|n|id|is|of|the|numero|nummer)\.?{_APART}{{1,4}}){{0,3}}"
)
_PASSPORT_WORD = (
    r"(?:\b|_)(?:passport|reisepass(?:nummer)?|passeport|pasaporte|passaporto|paspoort)"
)
_PASSPORT = r"(?:[A-Z]{1,3}[0-9]{6,8}|[0-9]{8,9}|[CFGHJKLMNPRTVWXYZ][0-9CFGHJKLMNPRTVWXYZ]{8})"
_LICENCE_WORD = (
    r"(?:\b|_)(?:(?:drivers?|driver's|driving)[ _\-]licen[cs]e|dl[ _](?:number|no|num)"
    r"|f(?:ue|u)hrerschein(?:nummer)?|permis de conduire|permiso de conducir|patente di guida"
    r"|rijbewijs)"
)
_LICENCE = (
    r"(?:[A-Z9]{5}[0-9]{6}[A-Z0-9]{5}|[A-Z]{1,2}-?[0-9]{5,14}|[A-Z][0-9]{3}(?:-[0-9]{2,4}){2,3}(?:-[0-9]{1,2})?"
    r"|[0-9]{7,10}|[A-Z][0-9]{2}[A-Z0-9]{6}[0-9][A-Z0-9])"
)


def _behind(value: str, digits: int, score: int) -> Check:
    """The value at the end of a match, if it has so many digits and ends there."""
    last = re.compile(rf"(?<![0-9A-Za-z]){value}$", re.IGNORECASE)

    def check(folded: str, start: int, end: int) -> Spans:
        found = last.search(folded, start, end)
        if found is None or folded[end : end + 1].isalnum():
            return ()
        if sum(char.isdigit() for char in found[0]) < digits:
            return ()
        return ((found.start(), end, score),)

    return check


class Passport(PatternDetector):
    """A passport's number right behind the word for it."""

    id = "pii.passport"
    shapes: ClassVar[tuple[Shape, ...]] = (
        Shape(
            kind="passport",
            pattern=rf"{_PASSPORT_WORD}{_FILLER}{_PASSPORT}",
            gate=r"passport|reisepass|passeport|pasaporte|passaporto|paspoort",
            score=900_000,
            why="written as a passport's number, behind the word for it",
            any_case=True,
            check=_behind(_PASSPORT, 4, 900_000),
        ),
    )
    live: ClassVar[tuple[str, ...]] = (rf"{_PASSPORT_WORD}[^!?]{{0,48}}$",)


class Licence(PatternDetector):
    """A driving licence's number right behind the words for it."""

    id = "pii.licence"
    shapes: ClassVar[tuple[Shape, ...]] = (
        Shape(
            kind="licence",
            pattern=rf"{_LICENCE_WORD}{_FILLER}{_LICENCE}",
            gate=r"licen[cs]e|\bdl[ _]|fu?e?hrerschein|permis|patente|rijbewijs",
            score=880_000,
            why="written as a driving licence's number, behind the words for it",
            any_case=True,
            check=_behind(_LICENCE, 5, 880_000),
        ),
    )
    live: ClassVar[tuple[str, ...]] = (rf"{_LICENCE_WORD}[^!?]{{0,36}}$",)
