"""The word lists and sentences beside this module: facts and words of our own.

In `tables`, `named`, `placed`, `groups`, `timed` and `plain` hold sentences, one a line, with
`[one|or another]` and `{slot}`; the other files hold words, apart by `|` or line ends.
"""

from pathlib import Path

_TABLES = Path(__file__).parent / "tables"


def words(name: str) -> list[str]:
    """The entries of a list."""
    text = (_TABLES / f"{name}.txt").read_text(encoding="utf-8")
    return [entry for line in text.splitlines() for entry in line.split("|") if entry.strip()]


def sentences(name: str) -> list[str]:
    """The sentences of a table; `\\n` in them is a line end."""
    text = (_TABLES / f"{name}.txt").read_text(encoding="utf-8")
    return [line.replace("\\n", "\n") for line in text.splitlines() if line.strip()]


def inflected(word: str) -> list[str]:
    """A word with its regular endings; some of them exist for no reader, and do no harm."""
    if len(word) < 4:
        return [word] * 4
    stem = word.removesuffix("e")
    plural = f"{word[:-1]}ies" if word.endswith("y") and word[-2] not in "aeiou" else f"{word}s"
    return [word, word, word, plural, f"{stem}ed", f"{stem}ing", f"{stem}er"]
