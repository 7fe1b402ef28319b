"""Rows as somebody gives them: JSON lines, CSV or Parquet; every mistake is told with its line."""

import csv
from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import UTC, datetime
from io import StringIO
from pathlib import Path
from typing import Any, TypeVar

import orjson

from freehold.core.errors import RequestError
from freehold.learning.datasets import tables

T = TypeVar("T")
MAX_CHARS = 1_000_000
"""So long may one row be."""
ASKED = ("messages", "prompt", "question", "text")
SAID = ("answer", "completion", "chosen")
RIGHT = (*SAID, "rejected", "label")
"""What says what is right, or wrong."""
ENDINGS = (".jsonl", ".ndjson", ".csv", ".parquet")
SKEW_NS = 300 * 1_000_000_000
"""So far may the clock that wrote a time be ahead of this one."""
EVER_NS = (1 << 63) - 1 - SKEW_NS
"""The last moment that can be kept: what bounds times where nobody says what time it is."""
_MOST_ERRORS = 20
_OBJECTS = ("messages", "pieces", "facts", "attributes")
_ROLES = frozenset({"system", "developer", "user", "assistant", "tool"})
Place = tuple[str, Any]


def each(path: Path, made: Callable[[Any], T]) -> Iterator[T]:
    """What ``made`` makes of the rows of a file, one by one; by its ending it is JSON lines, CSV or
    Parquet.

    Args:
        made: raises ``ValueError`` where a row can't be used.

    Raises:
        RequestError: when all was read, and some of it can't be used: the first twenty mistakes,
            with their lines; or nothing can be read, or no row is there.
    """
    wrong: list[str] = []
    return _made(_values(path, wrong), made, wrong, str(path))


def each_of(text: str, form: str, made: Callable[[Any], T]) -> Iterator[T]:
    """The same of a text that somebody sends, as ``jsonl`` or ``csv``.

    Raises:
        RequestError: as ``each``; or it is of no such form.
    """
    wrong: list[str] = []
    if form == "jsonl":
        lines = text.encode("utf-8", "surrogatepass").split(b"\n")
        return _made(_json(lines, wrong), made, wrong, "the text")
    if form == "csv":
        plain = StringIO(text.removeprefix("\ufeff"), newline="")
        return _made(_csv(plain, wrong), made, wrong, "the text")
    raise RequestError("A format is jsonl or csv.", param="format")


def _made(
    values: Iterable[Place], made: Callable[[Any], T], wrong: list[str], called: str
) -> Iterator[T]:
    found = False
    for place, value in values:
        found = True
        try:
            yield made(value)
        except ValueError as error:
            wrong.append(f"{place}: {error}")
        if len(wrong) > _MOST_ERRORS:
            break
    if wrong:
        more = "\n… and more" if len(wrong) > _MOST_ERRORS else ""
        listed = "\n".join(wrong[:_MOST_ERRORS])
        raise RequestError(f"nothing was imported from {called}:\n{listed}{more}")
    if not found:
        raise RequestError(f"nothing was imported from {called}: it has no row")


def _values(path: Path, wrong: list[str]) -> Iterator[Place]:
    ending = path.suffix.lower()
    if ending not in ENDINGS:
        raise RequestError(f"{path} ends with none of {', '.join(ENDINGS)}")
    try:
        if ending == ".parquet":
            with path.open("rb"):  # a folder, or nothing, is told in plain words
                pass
            for number, row in enumerate(tables.read(path), 1):
                given = {key: value for key, value in row.items() if value not in (None, "")}
                yield f"row {number}", _nested(given)
        elif ending == ".csv":
            with path.open(encoding="utf-8-sig", newline="") as text:
                yield from _csv(text, wrong)
        else:
            with path.open("rb") as file:
                yield from _json(file, wrong)
    except OSError as error:
        raise RequestError(f"{path} can't be read: {error.strerror or error}") from None


def _json(lines: Iterable[bytes], wrong: list[str]) -> Iterator[Place]:
    for number, line in enumerate(lines, 1):
        text = line.removeprefix(b"\xef\xbb\xbf") if number == 1 else line
        if not text.strip():
            continue
        try:
            yield f"line {number}", orjson.loads(text)
        except orjson.JSONDecodeError as error:
            wrong.append(f"line {number} is no JSON: {error}")
        if len(wrong) > _MOST_ERRORS:
            return


def _csv(lines: Iterable[str], wrong: list[str]) -> Iterator[Place]:
    csv.field_size_limit(2 * MAX_CHARS)
    reader = csv.DictReader(lines, strict=True)
    try:
        for row in reader:
            if None in row:
                wrong.append(f"line {reader.line_num}: it has more fields than the first line")
                continue
            given = {key: value for key, value in row.items() if value not in (None, "")}
            yield f"line {reader.line_num}", _nested(given)
    except csv.Error as error:
        wrong.append(f"line {reader.line_num}: {error}")
    except UnicodeDecodeError as error:
        wrong.append(f"it is not UTF-8 text: {error}")


def _nested(row: dict[str, Any]) -> dict[str, Any]:
    """Tables hold JSON as text."""
    for name in _OBJECTS:
        value = row.get(name)
        if isinstance(value, str):
            try:
                row[name] = orjson.loads(value)
            except orjson.JSONDecodeError:
                continue  # it is told as what it is not
    for name in ("weight", "at_ns"):
        value = row.get(name)
        if isinstance(value, str):
            try:
                row[name] = float(value) if name == "weight" else int(value)
            except ValueError:
                continue
    return row


def known(value: Any, names: frozenset[str]) -> dict[str, Any]:
    """The row, where it is an object that has no other names.

    Raises:
        ValueError: it is none.
    """
    if not isinstance(value, dict):
        raise ValueError("it is no JSON object")
    unknown = sorted(set(value) - names)
    if unknown:
        raise ValueError(f"`{unknown[0][:40]}` is not known; a row has {', '.join(sorted(names))}")
    return value


def sized(messages: tuple[dict[str, Any], ...], *texts: str) -> None:
    """Raises: ValueError: it is too long to be one row."""
    size = sum(len(tables.said(message)) for message in messages) + sum(map(len, texts))
    if size > MAX_CHARS:
        raise ValueError(f"it has {size} characters; {MAX_CHARS} at most")


def asked(value: Mapping[str, Any]) -> tuple[tuple[dict[str, Any], ...], str]:
    """What was asked; and the answer, where it is the last of the messages."""
    named = [name for name in ASKED if value.get(name)]
    if "messages" in named:  # our own tables have the question beside them
        named = ["messages"]
    if not named:
        raise ValueError(f"it has none of {', '.join(ASKED)}: nothing is asked")
    if len(named) > 1:
        raise ValueError(f"it has {' and '.join(named)}: say what was asked once")
    given = value[named[0]]
    if isinstance(given, str):
        if not given.strip():
            raise ValueError(f"`{named[0]}` is empty")
        return ({"role": "user", "content": given},), ""
    messages = _messages(given, named[0])
    answer = ""
    given_apart = any(value.get(name) for name in SAID)
    if messages and messages[-1]["role"] == "assistant" and not given_apart:
        answer = messages[-1]["content"]
        if not isinstance(answer, str):
            raise ValueError("the answer is no text")
        messages = messages[:-1]
    if not any(m["role"] == "user" for m in messages):
        raise ValueError("no message is the user's: nothing is asked")
    return messages, answer


def _messages(given: Any, name: str) -> tuple[dict[str, Any], ...]:
    if not isinstance(given, list):
        raise ValueError(f"`{name}` is neither a text nor a list of messages")
    messages = objects_of(given, name)
    for message in messages:
        if message.get("role") not in _ROLES:
            raise ValueError(f"a message's `role` is none of {', '.join(sorted(_ROLES))}")
        if not isinstance(message.get("content", ""), str | list | None):
            raise ValueError("a message's `content` is no text")
    return tuple({**m, "content": m.get("content") or ""} for m in messages)


def text_of(value: Mapping[str, Any], name: str) -> str:
    """A field as text; empty where it is not there. Raises: ValueError: it is none."""
    given = value.get(name)
    if given is None:
        return ""
    if isinstance(given, list) and name in (*SAID, "rejected"):
        given = _only_answer(given, name)
    if not isinstance(given, str):
        raise ValueError(f"`{name}` is no text")
    return given


def _only_answer(given: list[Any], name: str) -> Any:
    """TRL writes answers as a list of one message."""
    if len(given) != 1 or not isinstance(given[0], dict):
        raise ValueError(f"`{name}` is neither a text nor one message")
    return given[0].get("content")


def objects_of(given: Any, name: str) -> list[dict[str, Any]]:
    """Raises: ValueError: it is no list of objects."""
    if not isinstance(given, list) or not all(isinstance(one, dict) for one in given):
        raise ValueError(f"`{name}` is no list of objects")
    return given


def object_of(given: Any, name: str) -> dict[str, Any]:
    """Raises: ValueError: it is no object."""
    if not isinstance(given, dict):
        raise ValueError(f"`{name}` is no object")
    return given


def moment_of(value: Mapping[str, Any], now_ns: int = EVER_NS) -> int:
    """Nanoseconds since the epoch, of ``at`` or ``at_ns``; 0 where neither is there.

    Raises:
        ValueError: it is no time, or one that is yet to come.
    """
    found = _moment(value)
    if ahead(found, now_ns):
        name = "at" if value.get("at") is not None else "at_ns"
        raise ValueError(f"`{name}` lies in the future: {str(value[name])[:40]}")
    return found


def ahead(at_ns: int, now_ns: int) -> bool:
    """Whether a moment is yet to come, and that is no matter of clocks that differ a little."""
    return at_ns > now_ns + SKEW_NS


def _moment(value: Mapping[str, Any]) -> int:
    at_ns: Any = value.get("at_ns", 0)
    at = value.get("at")
    if isinstance(at, str):
        try:
            moment = datetime.fromisoformat(at)
        except ValueError:
            raise ValueError(f"`at` is no time like 2026-11-21T01:30:00Z: {at[:40]!r}") from None
        moment = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
        return int(moment.timestamp() * 1_000_000) * 1_000
    if at is not None or isinstance(at_ns, bool) or not isinstance(at_ns, int) or at_ns < 0:
        raise ValueError("`at_ns` is no number of nanoseconds, or `at` no text")
    return int(at_ns)
