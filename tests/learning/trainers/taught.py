"""A small shop's approved answers, with the context that each had."""

from datetime import date, timedelta

import orjson

from freehold.core.ask import Message
from freehold.core.local import Beside
from freehold.core.training import Example

ASKS = ("where is my order {}?", "When will {} arrive?", "{} - any news?")


def piece(source, rows, *, trusted=True):
    return {"source": source, "text": orjson.dumps(rows).decode(), "trusted": trusted}


def order(number, status="shipped", promised="2026-07-09", total="$12.50", **more):
    return {
        "order_id": f"HO-{number}",
        "status": status,
        "ordered_on": "2026-05-01",
        "promised_on": promised,
        "total": total,
        **more,
    }


def said_of(row):
    """What an expert writes."""
    day = date.fromisoformat(row["promised_on"])
    written = f"{day:%B} {day.day}"
    return {
        "placed": f"Your order {row['order_id']} has been placed and should be with you by"
        f" {written}.",
        "shipped": f"Good news: {row['order_id']} is on its way and arrives by {written}.",
        "delivered": f"Our records show that {row['order_id']} was delivered.",
    }[row["status"]]


def example(number, question, rows, answer, **fields):
    rows = {"orders": rows} if not isinstance(rows, dict) or "order_id" in rows else rows
    return Example(
        id=f"case-{number}",
        conversation=f"talk-{number}",
        messages=({"role": "user", "content": question},),
        pieces=tuple(piece(source, found) for source, found in rows.items()),
        answer=answer,
        **fields,
    )


def orders(count=60, held_back=15):
    """Examples about orders in three states, asked for in three ways."""
    made = []
    for number in range(count):
        day = date(2026, 6, 1) + timedelta(days=number)
        status = ("placed", "shipped", "delivered")[number % 3]
        row = order(1_000_000 + 7 * number, status, day.isoformat(), f"${number * 3 + 5}.50")
        question = ASKS[number // 3 % 3].format(row["order_id"])
        split = "validation" if number >= count - held_back else "train"
        made.append(example(number, question, row, said_of(row), split=split))
    return made


def asked(text):
    return [Message(role="user", content=text)]


def beside(failed=(), **sources):
    pieces = tuple(piece(name.replace("_", "-"), rows) for name, rows in sources.items())
    return Beside(pieces=pieces, failed=failed)
