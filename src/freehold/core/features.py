"""Cheap signals of a text."""

from msgspec import Struct


class Features(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Cheap signals of the newest user text, made once and read by rules, routes and the record.

    ``words`` are runs of characters between white space; for Chinese, Japanese and Korean they say
    little. ``uppercase`` is the share of capitals among the letters. Scores and shares are
    millionths. ``code``: looks like program text.
    """

    chars: int = 0
    code: bool = False
    digits: int = 0
    language: str = "und"
    language_score: int = 0
    lines: int = 0
    questions: int = 0
    uppercase: int = 0
    urls: int = 0
    words: int = 0

    @property
    def read_as(self) -> str:
        """The language in which to read the text: English where none can be told."""
        return "en" if self.language == "und" else self.language
