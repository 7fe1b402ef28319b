"""Dates of birth: a date is personal where the words before it say so."""

import re
from typing import ClassVar

from freehold.stages.governance.detectors.base import PatternDetector, Shape, Spans

_MONTH = (
    r"(?:jan(?:uary|uar)?|feb(?:ruary|ruar)?|mar(?:ch)?|maerz|apr(?:il)?|may|mai|june?|juni|july?"
    r"|juli|aug(?:ust)?|sept?(?:ember)?|o[ck]t(?:ober)?|nov(?:ember)?|de[cz](?:ember)?|enero|marzo"
    r"|abril|mayo|junio|julio|agosto|fevrier|avril|juin|juillet|aout)"
)
_YEAR = r"(?:19|20)[0-9]{2}"
_DATE = (
    rf"(?:{_YEAR}[\-/.][0-9]{{1,2}}[\-/.][0-9]{{1,2}}"
    rf"|[0-9]{{1,2}}[\-/.][0-9]{{1,2}}[\-/.](?:{_YEAR}|[0-9]{{2}})"
    rf"|{_MONTH}\.? [0-9]{{1,2}}(?:st|nd|rd|th)?,? {_YEAR}"
    rf"|[0-9]{{1,2}}(?:st|nd|rd|th)?\.? (?:of |de )?{_MONTH}\.?,? (?:de )?{_YEAR})"
)
_WORD = (
    r"(?:(?:\b|_)(?:dob|d\.o\.b\.?|born|geboren|geb\.|geburts(?:datum|tag)|naissance|nacimiento"
    r"|nacid[oa])|(?:\b|_|of)birth(?:[ _]?date|dt)?|\bbirthday (?:is|was))"
)
_APART = r"[^0-9A-Za-z.!?]"
_END = re.compile(rf"{_DATE}$", re.IGNORECASE)


def _birth_date(folded: str, start: int, end: int) -> Spans:
    date = _END.search(folded, start, end)
    if date is None or folded[end : end + 1].isalnum():
        return ()
    return ((date.start(), end, 920_000),)


class BirthDate(PatternDetector):
    """A date right behind "born on", "date of birth" or `dob`, as profiles and people write it."""

    id = "pii.birth_date"
    shapes: ClassVar[tuple[Shape, ...]] = (
        Shape(
            kind="birth_date",
            pattern=(
                rf"{_WORD}{_APART}{{1,8}}(?:(?:on|is|was|the|as|of|am|le|el){_APART}{{1,4}}){{0,2}}"
                rf"{_DATE}"
            ),
            gate=r"dob|d\.o\.b|birth|born|geb\.|gebor|geburts|naissance|nacimiento|nacid[oa]",
            score=920_000,
            why="a date behind a word for birth",
            any_case=True,
            check=_birth_date,
        ),
    )
    # after such a word a date may follow, however it is written, for as long as one could be
    live: ClassVar[tuple[str, ...]] = (rf"{_WORD}[^!?]{{0,60}}$",)
