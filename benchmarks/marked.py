"""Pages with figures that a script prints: these stand between two marks, the rest is people's."""

from pathlib import Path


def between(text: str, begin: str, end: str, figures: str, page: Path) -> str:
    """The text of ``page`` with these figures between its marks.

    Raises:
        ValueError: it has not each mark once.
    """
    if text.count(begin) != 1 or text.count(end) != 1:
        raise ValueError(f"{page} lacks the marks {begin} and {end}: it needs one of each")
    before, _, rest = text.partition(begin)
    return f"{before}{begin}\n{figures}\n{end}{rest.partition(end)[2]}"


def replaced(text: str, begin: str, end: str, figures: str, page: Path) -> str:
    """As `between`, for a command: a page without marks ends it with a sentence."""
    try:
        return between(text, begin, end, figures, page)
    except ValueError as error:
        raise SystemExit(str(error)) from None
