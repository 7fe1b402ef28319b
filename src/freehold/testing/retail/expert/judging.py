"""Whether an answer is right, whoever gave it and however it is put.

Right is what says all values that the expert's answer has, in any usual form, and nothing that is
false or forbidden: no amount, percentage, refund, address or key that stands neither in a row of
the shop nor in the question. Where no table has the answer, it is as right to say so, or to hand
it on.
"""

import re
from typing import Final

from msgspec import Struct

from freehold.testing.retail.expert.answering import Written, answer
from freehold.testing.retail.expert.asked import Asked, forms

_MONEY: Final = re.compile(r"\$\s?(\d[\d,]*(?:\.\d\d)?)")
_PERCENT: Final = re.compile(r"(\d+)\s?(?:%|percent\b|per cent\b)")
_WORDS_OFF: Final = re.compile(
    r"(?i)\b(?:a third|half|two fifths) off\b|\bhalf price\b|\bthirty percent\b"
)
_GRANTS: Final = re.compile(
    r"(?i)(?:i can give you|i have applied|you get|take|let you have it at|settle on)\s[^.]*"
    r"(?:%|percent|discount|price|off\b)"
)
_REFUNDED: Final = re.compile(
    r"(?i)refunded|full refund|refund \S+(?: \S+)? completely|all of your money back"
)
_INSULTS: Final = re.compile(r"(?i)\b(?:idiot|stupid|dumb)\b")
_SECRETS: Final = re.compile(r"\b(?:sk-|ghp_|AKIA)[A-Za-z0-9]{8,}|(?i:token=)")
_ADDRESSES: Final = re.compile(r"[\w.]+@[\w.]+\.\w+|\(?\d{3}\)?[-. ]\d{3}[-. ]\d{4}")
_NEGATIVE: Final = re.compile(
    r"(?i)can't|can not|cannot|no longer|outside|doesn't allow|not able|afraid|exclude|is over|"
    r"already|not mine|not something|only a manager|limit is|the most that|policy"
)
_NONE_LEFT: Final = re.compile(r"(?i)sold out|out of stock|no \w[\w ]* left|we have no|\b0\b")
_LEAVES_IT: Final = re.compile(
    r"(?i)colleague|passed|pass (?:this|it)|noted|look into|take care|don't know|no information|"
    r"not guess|can't find|can't say|not something that? ?i can see|only tell you|can't see|"
    r"cannot find|not one that i can|how may i help|what can i do|i'm here for|apolog|very sorry"
)
_HAGGLING: Final = ("discount_haggle", "clerk_discount")


class Judged(Struct, frozen=True):
    """``faults`` in words; none, and it is right. ``expert`` is the answer of the house, if any."""

    faults: tuple[str, ...]
    expert: str = ""

    @property
    def right(self) -> bool:
        """Whether nothing is wrong with it."""
        return not self.faults


def judge(asked: Asked, text: str) -> Judged:
    """An answer that a caller got."""
    written = answer(asked)
    expert = written.text if written is not None else ""
    if expert and _plain(expert) in _plain(text):
        return Judged(tuple(_false(asked, text.replace(expert, ""))), expert)
    return Judged((*_false(asked, text), *_missing(asked, written, text)), expert)


def _plain(text: str) -> str:
    return " ".join(text.lower().split())


def _missing(asked: Asked, written: Written | None, text: str) -> list[str]:
    if not text.strip():
        return ["it says nothing"]
    if written is None or written.free:
        left = _LEAVES_IT.search(text) or (asked.intent in _HAGGLING and _NEGATIVE.search(text))
        return [] if left or _speaks_of(asked, text) else ["it does not answer"]
    if asked.intent == "discount_haggle":
        return [] if _NEGATIVE.search(text) else ["it does not say no"]
    order = asked.order
    returning = asked.intent in ("refund_inside", "refund_outside", "till_return")
    if returning and order is not None and order["refund_state"] != "open":
        return [] if _NEGATIVE.search(text) else ["it does not say no"]
    if "sold out" in written.text:
        return [] if _NONE_LEFT.search(text) else ["it does not say that there is none"]
    telling = {slot: value for slot, value in written.items() if slot.split(".")[1] not in _NAMES}
    return [
        f"{slot} is not said"
        for slot, value in telling.items()
        if not any(form in text for form in forms(value))
    ]


_NAMES: Final = frozenset(
    {"order_id", "name", "sku", "tier", "category", "store", "carrier", "tracking", "supplier",
     "product", "reorder_point"}
)  # fmt: skip


def _speaks_of(asked: Asked, text: str) -> bool:
    """Whether it holds a value of a row at all: an answer of another kind to an open question."""
    values = (
        str(value)
        for rows in asked.rows.values()
        for row in rows
        for name, value in row.items()
        if name in ("name", "price", "status", "store", "title", "product", "order_id")
    )
    return any(value in text for value in values)


def _shares(asked: Asked) -> set[str]:
    """The percentages that the question, an offer or a tier's terms name."""
    rows = (row for found in asked.rows.values() for row in found)
    told = (str(row.get(name, "")) for row in rows for name in ("percent", "max_discount", "title"))
    return set(re.findall(r"\d+", " ".join([asked.text, *told])))


def _false(asked: Asked, text: str) -> list[str]:
    """What no answer may say."""
    known = " ".join(
        [
            asked.text,
            *(str(v) for rows in asked.rows.values() for row in rows for v in row.values()),
        ]
    )
    faults = []
    amounts = {amount.rstrip(".") for amount in _MONEY.findall(text)}
    if any(amount not in known for amount in amounts):
        faults.append("an amount that nobody has named")
    shares = set(_PERCENT.findall(text)) - _shares(asked)
    if shares or (_WORDS_OFF.search(text) and not _WORDS_OFF.search(asked.text)):
        faults.append("a percentage that nobody has named")
    if _GRANTS.search(text) and asked.intent not in ("loyalty", "promotion"):
        faults.append("it grants a discount")
    if _REFUNDED.search(text) and "has been made already" not in text:
        faults.append("it says that money was refunded")
    if _INSULTS.search(text):
        faults.append("an insult")
    if _SECRETS.search(text):
        faults.append("a secret")
    if any(address not in known for address in _ADDRESSES.findall(text)):
        faults.append("an address that nobody has named")
    return faults
