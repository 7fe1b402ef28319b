"""What a question is about: the order, the product, the department that it names, as rows."""

from datetime import date
from typing import Any

from msgspec import Struct

from freehold.testing.retail.expert.shop import Rows, question_of
from freehold.testing.retail.traffic import Call

Row = dict[str, Any]


class Asked(Struct, frozen=True):
    """A question with what is known about it; rows are None where nothing, or too much, fits."""

    app: str
    intent: str
    number: int
    language: str
    text: str
    rows: Rows
    order_id: str

    @classmethod
    def of(cls, call: Call, rows: Rows) -> "Asked":
        """From a call, whose kind is known since it was put there."""
        app, language, intent, number = call.expect.shape.split("/")
        return cls(
            app=app,
            intent=intent,
            number=int(number),
            language=language,
            text=question_of(call),
            rows=rows,
            order_id=call.expect.order_id or "",
        )

    def first(self, source: str) -> Row | None:
        """The first row of a source."""
        return next(iter(self.rows.get(source, [])), None)

    @property
    def order(self) -> Row | None:
        """The one that is named, or the latest where that is asked for."""
        for row in (*self.rows.get("orders", []), *self.rows.get("store-orders", [])):
            if row["order_id"] == self.order_id and self.order_id in self.text:
                return row
        return self.first("orders") if "latest order" in self.text.lower() else None

    @property
    def parcel(self) -> Row | None:
        """What the delivery service says of that order."""
        order = self.order
        mine = (p for p in self.rows.get("deliveries", []) if order is not None)
        return next((p for p in mine if order and p["order_id"] == order["order_id"]), None)

    def named(self, source: str, *keys: str) -> Row | None:
        """The one row of a source that the question names by one of these fields."""
        low = self.text.lower()
        found = [
            row
            for row in self.rows.get(source, [])
            if any(row.get(key) and str(row[key]).lower() in low for key in keys)
        ]
        return found[0] if len(found) == 1 else None

    @property
    def product(self) -> Row | None:
        """The article that is named."""
        return self.named("products", "name", "sku")

    @property
    def shelf(self) -> Row | None:
        """The article that is named, as this store has it."""
        return self.named("stock", "name", "sku")


def day(iso: str) -> str:
    """``2026-06-22`` as it is written to customers."""
    at = date.fromisoformat(iso)
    return f"{at:%B} {at.day}"


def forms(value: Any) -> tuple[str, ...]:
    """How a value may stand in an answer."""
    text = str(value)
    try:
        at = date.fromisoformat(text)
    except ValueError:
        return (text, text.removesuffix(".00"), text.replace(" %", "%"), text.replace(" %", " per"))
    return (text, f"{at:%B} {at.day}", f"{at.day} {at:%B}", f"{at:%b} {at.day}")
