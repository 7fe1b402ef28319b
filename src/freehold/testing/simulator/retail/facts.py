"""What the clerk can know: the rows in the context blocks of a request.

A gateway puts context into a system message like this, one block for each source:

    <context source="orders" id="ctx-1" trust="trusted">
    [{"id": "W-20417", "status": "shipped", "promised_on": "2026-03-02", "total_cents": 4599}]
    </context>

Rows are a JSON list, one JSON object, JSON objects line by line, or a table with `|` between the
columns; anything else is prose. Column names vary from shop to shop, so each fact is looked for
under several.
"""

from __future__ import annotations

import html
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

import orjson

from freehold.testing.simulator.asks import Message

Row = Mapping[str, Any]

_BLOCK: Final = re.compile(r"<context\b([^>]*)>\s*(.*?)\s*</context>", re.DOTALL)
_ATTRIBUTE: Final = re.compile(r'([\w-]+)\s*=\s*"([^"]*)"')

_PRICE: Final = ("price", "unit_price", "list_price", "price_usd", "amount")
_STOCK: Final = ("stock", "quantity", "on_hand", "in_stock", "available", "units", "qty")
_NAME: Final = ("name", "product_name", "product", "title", "item")
_ORDER_ID: Final = ("order_id", "order_number", "order_no", "order")
_DUE: Final = (
    "delivery_date",
    "promised_on",
    "expected_delivery",
    "estimated_delivery",
    "delivery",
    "expected_on",
    "eta",
)
_PERCENT: Final = ("percent_off", "discount_percent", "percent", "discount_pct", "discount")
_CURRENCIES: Final = {"USD": "$", "EUR": "€", "GBP": "£"}


@dataclass(frozen=True, slots=True)
class Product:
    """A product; price and stock as they will be said, if they are known."""

    name: str
    price: str | None = None
    stock: str | None = None
    store: str | None = None
    category: str | None = None
    reorder_point: str | None = None
    sku: str | None = None


@dataclass(frozen=True, slots=True)
class Order:
    """An order; dates are ISO 8601 days where the source has them so."""

    id: str
    status: str | None = None
    total: str | None = None
    due: str | None = None
    delivered: str | None = None
    items: str | None = None
    refund_state: str | None = None
    refund_until: str | None = None


@dataclass(frozen=True, slots=True)
class Promotion:
    """Something on offer; `percent` is a number as text, without its sign."""

    title: str
    percent: str | None = None
    until: str | None = None
    code: str | None = None


@dataclass(frozen=True, slots=True)
class Delivery:
    """Goods on their way to a store."""

    product: str
    quantity: str | None = None
    due: str | None = None
    status: str | None = None


@dataclass(slots=True)
class Facts:
    """All that the context says, sorted into kinds."""

    products: list[Product] = field(default_factory=list)
    orders: list[Order] = field(default_factory=list)
    promotions: list[Promotion] = field(default_factory=list)
    hours: list[str] = field(default_factory=list)
    store: str | None = None
    store_id: str | None = None
    customer: str | None = None
    tier: str | None = None
    email: str | None = None
    deliveries: list[Delivery] = field(default_factory=list)
    return_days: dict[str, str] = field(default_factory=dict)
    top_discounts: dict[str, str] = field(default_factory=dict)

    def order(self, wanted: str | None) -> Order | None:
        """The order with this id; the first one where none is asked for."""
        if wanted is None:
            return self.orders[0] if self.orders else None
        plain = _bare(wanted)
        return next((order for order in self.orders if _bare(order.id) == plain), None)


def _bare(identifier: str) -> str:
    return re.sub(r"\W", "", identifier).upper()


def said(value: object) -> str:
    """A value as a person would say it."""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, float) and value == int(value):
        return f"{value:.0f}"
    return str(value)


def pick(row: Row, names: Iterable[str]) -> str | None:
    """The first of these columns that has a value."""
    for name in names:
        value = row.get(name)
        if value is not None and value != "" and not isinstance(value, dict | list):
            return said(value)
    return None


def _minor(text: str) -> str:
    """Cents, or basis points, as whole units: "1999" is "19.99"."""
    digits = text.lstrip("-")
    if not digits.isdigit():
        return text
    sign = text[: len(text) - len(digits)]
    return f"{sign}{int(digits) // 100}.{int(digits) % 100:02}"


def money(row: Row, names: Iterable[str]) -> str | None:
    """An amount with its currency sign, from a column in units or in cents."""
    sign = str(row.get("currency") or "USD")
    sign = _CURRENCIES.get(sign, f"{sign} ")
    for name in names:
        for column in (f"{name}_cents", f"{name}_minor"):
            if (text := pick(row, (column,))) is not None:
                return sign + _minor(text)
        if (text := pick(row, (name,))) is not None:
            if not text[0].isdigit():
                return text
            return sign + (f"{float(text):.2f}" if re.fullmatch(r"\d+\.\d", text) else text)
    return None


def percent(row: Row) -> str | None:
    """A percentage without its sign, from a column in percent or in basis points."""
    for name in ("percent_bp", "discount_bp", "discount_basis_points", "percent_basis_points"):
        if (text := pick(row, (name,))) is not None:
            return _minor(text).removesuffix(".00")
    text = pick(row, _PERCENT)
    return None if text is None else text.rstrip("% ")


def parse_rows(text: str) -> list[Row]:
    """Rows in any of the forms named above; an empty list for prose."""
    stripped = text.strip()
    if stripped[:1] in ("[", "{"):
        try:
            value = orjson.loads(stripped)
        except orjson.JSONDecodeError:
            return _json_lines(stripped)
        return _rows_of(value)
    lines = [line for line in stripped.splitlines() if "|" in line]
    return _table(lines) if len(lines) > 1 else []


def _rows_of(value: object) -> list[Row]:
    if isinstance(value, list):
        return [row for row in value if isinstance(row, dict)]
    if not isinstance(value, dict):
        return []
    for name in ("rows", "items", "results", "data", "products", "orders"):
        if isinstance(value.get(name), list):
            return [value, *(row for row in value[name] if isinstance(row, dict))]
    return [value]


def _json_lines(text: str) -> list[Row]:
    rows: list[Row] = []
    for line in text.splitlines():
        try:
            value = orjson.loads(line.strip().rstrip(","))
        except orjson.JSONDecodeError:
            continue
        rows += _rows_of(value)
    return rows


def _table(lines: list[str]) -> list[Row]:
    cells = [[cell.strip() for cell in line.strip().strip("|").split("|")] for line in lines]
    header = [name.lower().replace(" ", "_") for name in cells[0]]
    return [
        dict(zip(header, row, strict=True))
        for row in cells[1:]
        if len(row) == len(header) and not set("".join(row)) <= set("-: ")
    ]


def _take_order(facts: Facts, source: str, row: Row) -> bool:
    found = pick(row, _ORDER_ID)
    looks = "status" in row and ("promised_on" in row or "total" in row or "total_cents" in row)
    if found is None and (looks or ("order" in source and "status" in row)):
        found = pick(row, ("id", "number"))
    if found is None:
        return False
    items = row.get("items_text", row.get("items"))
    facts.orders.append(
        Order(
            found,
            pick(row, ("status", "state", "order_status")),
            money(row, ("total", "order_total", "amount")),
            pick(row, _DUE),
            pick(row, ("delivered_on", "delivered_at", "delivered")),
            items if isinstance(items, str) else None,
            pick(row, ("refund_state", "refundable", "refund_status")),
            pick(row, ("refund_until", "return_until", "returnable_until")),
        )
    )
    return True


def _take_terms(facts: Facts, row: Row) -> bool:
    """What a tier of customers may have at most, and how long a department takes goods back."""
    tier, category = pick(row, ("tier",)), pick(row, ("category", "department"))
    top = pick(row, ("max_discount_bp",))
    days = pick(row, ("window_days", "return_days", "refund_window_days"))
    if tier and top:
        facts.top_discounts[tier] = _minor(top).removesuffix(".00")
    if category and days:
        facts.return_days[category] = days
    # A customer's own row may carry the terms too.
    return bool(days or top) and "name" not in row and "email" not in row


def _take_delivery(facts: Facts, source: str, row: Row) -> bool:
    due = pick(row, ("expected_on", "expected", "arrives_on"))
    product = pick(row, ("product_name", "product", "name", "sku"))
    if due is None or product is None or ("quantity" not in row and "deliver" not in source):
        return False
    facts.deliveries.append(
        Delivery(product, pick(row, ("quantity", "units")), due, pick(row, ("status",)))
    )
    return True


def _take_promotion(facts: Facts, source: str, row: Row) -> bool:
    share = percent(row)
    if "promo" not in source and (share is None or "price" in row or "price_cents" in row):
        return False
    title = pick(row, ("title", "promotion", "name", "description", "code"))
    if title is None:
        return False
    until = pick(row, ("ends_on", "valid_until", "ends", "until", "end_date"))
    facts.promotions.append(Promotion(title, share, until, pick(row, ("code", "promo_code"))))
    return True


def _take_hours(facts: Facts, row: Row) -> bool:
    text = pick(row, ("hours_text", "hours", "opening_hours"))
    opens = pick(row, ("opens", "open", "open_time", "opens_at"))
    closes = pick(row, ("closes", "close", "close_time", "closes_at"))
    if text is None and (opens is None or closes is None):
        return False
    facts.store = facts.store or pick(row, ("store", "store_name", "name", "city"))
    day = pick(row, ("day", "weekday_name", "day_of_week"))
    text = text or f"from {opens} to {closes}"
    facts.hours.append(f"{text} on {day}" if day else text)
    return True


def _take_customer(facts: Facts, source: str, row: Row) -> bool:
    tier = pick(row, ("tier", "customer_tier", "loyalty_tier"))
    email = pick(row, ("email", "e_mail", "customer_email"))
    if tier is None and email is None and "customer" not in source:
        return False
    facts.tier = facts.tier or tier
    facts.email = facts.email or email
    facts.customer = facts.customer or pick(row, ("customer_name", "full_name", "name"))
    return True


def _take_product(facts: Facts, row: Row) -> bool:
    name = pick(row, _NAME) or pick(row, ("sku",))
    price, stock = money(row, _PRICE), pick(row, _STOCK)
    if name is None or (price is None and stock is None and "sku" not in row):
        return False
    facts.products.append(
        Product(
            name,
            price,
            stock,
            pick(row, ("store", "store_name", "city", "store_id")),
            pick(row, ("category",)),
            pick(row, ("reorder_point",)),
            pick(row, ("sku", "product_id")),
        )
    )
    return True


def take(facts: Facts, source: str, text: str) -> None:
    """Sort the rows of one block into `facts`; prose is left alone."""
    source = source.lower()
    for row in parse_rows(text):
        facts.store_id = facts.store_id or pick(row, ("store_id", "store_number"))
        if _take_order(facts, source, row) or _take_terms(facts, row):
            continue
        if _take_promotion(facts, source, row) or _take_delivery(facts, source, row):
            continue
        if not (_take_product(facts, row) or _take_hours(facts, row)):
            _take_customer(facts, source, row)


def read(messages: Iterable[Message]) -> Facts:
    """Everything that the system's context blocks and the newest tool results say."""
    facts = Facts()
    results: list[Message] = []
    for message in messages:
        if message.role in ("system", "developer"):
            for block in _BLOCK.finditer(message.text):
                named = dict(_ATTRIBUTE.findall(block[1]))
                take(facts, html.unescape(named.get("source", "")), block[2])
        elif message.role == "tool":
            results.append(message)
        elif message.role == "user":
            results.clear()
    for message in results:
        take(facts, message.name or "", message.text)
    return facts
