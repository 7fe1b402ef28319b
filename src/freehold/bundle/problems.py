"""What is wrong with a bundle, and where: values that a person, an editor or a build can read."""

import difflib
import re
from collections.abc import Collection, Iterable
from typing import Literal, NamedTuple

from msgspec import Struct

Severity = Literal["error", "warning"]


class Spot(NamedTuple):
    """A place in a file; line and column count from 1, as editors do."""

    file: str
    line: int
    column: int

    def __str__(self) -> str:
        return f"{self.file}:{self.line}:{self.column}"


class Problem(Struct, frozen=True, kw_only=True):
    """One thing to mend.

    Attributes:
        code: stable name, listed in ``docs/reference/bundle.md`` (``ref.model``).
        file: relative to the bundle's folder, with forward slashes.
        line, column: from 1; 0 where the problem is the file or the folder itself.
        path: the value that it is about, dotted (``apps.chat.route``).
        suggestion: what to write instead, or empty.
    """

    severity: Severity
    code: str
    file: str
    line: int
    column: int
    path: str
    message: str
    suggestion: str = ""

    def as_dict(self) -> dict[str, str | int]:
        """The fields by name, as JSON shows them."""
        return {name: getattr(self, name) for name in self.__struct_fields__}

    def __str__(self) -> str:
        where = f"{self.file}:{self.line}:{self.column}" if self.line else self.file
        said = f"{self.message}; {self.suggestion}" if self.suggestion else self.message
        return f"{where}: {self.severity}: {said} [{self.code}]"


class Problems:
    """Collects problems, so that a check never stops at the first."""

    def __init__(self) -> None:
        self._found: dict[tuple[str, int, int, str, str], Problem] = {}

    def add(
        self,
        code: str,
        spot: Spot,
        message: str,
        *,
        path: Iterable[str | int] = (),
        suggestion: str = "",
        severity: Severity = "error",
    ) -> None:
        """Note one problem; the same one at the same place is noted once."""
        problem = Problem(
            severity=severity,
            code=code,
            file=spot.file,
            line=spot.line,
            column=spot.column,
            path=dotted(path),
            message=message,
            suggestion=suggestion,
        )
        self._found.setdefault((*spot, code, message), problem)

    def __len__(self) -> int:
        return len(self._found)

    def warn(
        self,
        code: str,
        spot: Spot,
        message: str,
        *,
        path: Iterable[str | int] = (),
        suggestion: str = "",
    ) -> None:
        """Note something that works, and is probably not meant."""
        self.add(code, spot, message, path=path, suggestion=suggestion, severity="warning")

    def sorted(self) -> tuple[Problem, ...]:
        """All of them in reading order."""
        return tuple(
            sorted(
                self._found.values(), key=lambda p: (p.file, p.line, p.column, p.code, p.message)
            )
        )


def dotted(path: Iterable[str | int]) -> str:
    """``("apps", "chat", "rules", 0)`` as ``apps.chat.rules[0]``."""
    text = ""
    for part in path:
        if isinstance(part, int):
            text += f"[{part}]"
        else:
            text += f".{part}" if text else part
    return text


def nearest(word: str, known: Iterable[str]) -> str | None:
    """The known name that somebody may have meant by ``word``."""
    by_folded: dict[str, str] = {}
    for name in sorted(known):
        by_folded.setdefault(_fold(name), name)
    near = difflib.get_close_matches(_fold(word), by_folded, n=1, cutoff=0.6)
    return by_folded[near[0]] if near else None


def did_you_mean(word: str, known: Iterable[str]) -> str:
    """``did you mean `gpt-5`?``, or nothing where no known name is near."""
    near = nearest(word, known)
    return f"did you mean `{near}`?" if near is not None else ""


def one_of(known: Iterable[str], limit: int = 8) -> str:
    """The names to choose from, as a reader likes them; only the first few of many."""
    names = sorted(known)
    if not names:
        return ""
    shown = ", ".join(f"`{name}`" for name in names[:limit])
    return shown if len(names) <= limit else f"{shown} and {len(names) - limit} more"


def missing(what: str, name: str, known: Collection[str]) -> str:
    """That there is no such name, with the one that may be meant and those that there are."""
    near = did_you_mean(name, known)
    there = f"There is {one_of(known)}." if known else "There is none."
    return f"there is no {what} `{name[:80]}`" + (f": {near} {there}" if near else f". {there}")


def _fold(name: str) -> str:
    return re.sub(r"[-_. ]", "", name.casefold()) or name
