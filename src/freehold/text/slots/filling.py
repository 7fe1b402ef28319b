"""Filling a slot from the present context, or not at all."""

from collections.abc import Sequence

from msgspec import Struct

from freehold.text.slots.context import Context
from freehold.text.slots.finding import SAID, Origin, said_in
from freehold.text.slots.forms import write
from freehold.text.slots.rows import ASKED, Asked, pick

MOST_CHARS = 300
"""A longer value fills nothing."""


_STANDS_FOR_NOTHING = frozenset(
    "n/a n.a. - -- --- – — ? ?? none null nil unknown undefined unset tbd tba nan"
    " unbekannt keine keiner inconnu desconocido sconosciuto".split()
) | {"not available", "not applicable", "not set", "not known", "k. a.", "k.a."}  # fmt: skip
"""What systems write where they know nothing, in small letters."""


class Slot(Struct, frozen=True, kw_only=True):
    """A place in an answer, and every origin that no example has ruled out. All that there are in
    the present context must say the same. What has more than ``most`` characters is nothing like
    what stood there before. Where ``among`` says what it may be, it is one of these: a number that
    no example has shown to change, or a word for a state, which the rest may hang on, as long as
    few were seen.
    """

    any: tuple[Origin, ...]
    most: int = MOST_CHARS
    among: tuple[str, ...] = ()


def fill(slot: Slot, context: Context, asked: Asked) -> str | None:
    """The text for a slot; none if it is missing, not fit to be shown, or not beyond doubt."""
    if any(origin.source in context.failed for origin in slot.any):
        return None
    found: set[str | None] = set()
    named = False
    for origin in slot.any:
        if origin.source not in context.sources:
            continue
        by_name = origin.rule.startswith(ASKED)
        row = pick(origin.rule, origin.source, context, asked)
        if row is None and by_name:
            # another field of the same row may have been named instead
            continue
        named = True
        value = None if row is None else row.get(origin.field)
        text = (
            said_in(value, asked)
            if origin.form == SAID
            else write(origin.field, value, origin.form)
        )
        found.add(text if text is not None and fit(text) and len(text) <= slot.most else None)
    if not named or len(found) != 1:
        return None
    text = found.pop()
    if slot.among:  # what experts have approved there, such as a state called unknown
        return text if text in slot.among else None
    return None if text is None or blank(text) else text


def blank(text: str) -> bool:
    """Whether a value only says that there is none: `N/A`, a dash, `unknown`."""
    return text.strip().strip("()[]<>").casefold() in _STANDS_FOR_NOTHING


def fit(text: str) -> bool:
    """Whether a value may stand in an answer: one line of bounded length, nothing invisible."""
    return 0 < len(text) <= MOST_CHARS and text.isprintable() and bool(text.strip())


Segments = Sequence[str | int]


def written(
    segments: Segments, slots: Sequence[Slot], context: Context, asked: Asked
) -> str | None:
    """An answer of constants and slots (by their number); none if one can't be filled."""
    parts: list[str] = []
    for segment in segments:
        part = segment if isinstance(segment, str) else fill(slots[segment], context, asked)
        if part is None:
            return None
        parts.append(part)
    return "".join(parts)
