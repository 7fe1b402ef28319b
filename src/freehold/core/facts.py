"""What rules may know about a text: typed values with unit, span and polarity."""

from typing import Literal

import msgspec

FactKind = Literal["percent", "money", "date", "duration", "quantity", "commitment"]
Polarity = Literal["affirmed", "negated", "hypothetical"]


class TextFact(msgspec.Struct, frozen=True, kw_only=True):
    """One value found in a text.

    `value` and `upper` are integers, in the unit of the kind:

    - percent: basis points (30 % is 3000), unit "bp"
    - money: minor units of the ISO 4217 currency in `unit` (cents; yen have none)
    - date: days since 1970-01-01; unit "day", "ambiguous" (day and month could be
      swapped) or "no_year" (then read in 1970)
    - duration: seconds, unit "hour", "day", "business_day", ...
    - quantity: thousandths of the noun in `unit` ("piece")
    - commitment: 0; `role` is the class of the verb

    A range has its low end in `value` and its high end in `upper`. Fractions of a
    unit are rounded up, so that none slips under a limit. `start` and `end` are
    character offsets: `source[start:end] == text`. With `parsed` false, a phrase of
    this kind was seen that could not be read, and `value` is 0.
    """

    kind: FactKind
    value: int
    upper: int | None = None
    unit: str
    start: int
    end: int
    text: str
    polarity: Polarity
    role: str
    parsed: bool = True

    def cel(self) -> dict[str, str | int | bool]:
        """The fact as a CEL map; `upper` equals `value` where there is no range."""
        return {
            "kind": self.kind,
            "value": self.value,
            "upper": self.value if self.upper is None else self.upper,
            "unit": self.unit,
            "start": self.start,
            "end": self.end,
            "text": self.text,
            "polarity": self.polarity,
            "role": self.role,
            "parsed": self.parsed,
        }
