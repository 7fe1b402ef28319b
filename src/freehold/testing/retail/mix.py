"""The plan of a day: how many requests of which kind, and when.

Weights are per mille of all requests. Quotas are met by largest remainders, and what must be
seen in a short day (held, refused and changed answers) is there from 100 requests on.
"""

from collections import Counter
from collections.abc import Hashable, Iterator
from dataclasses import dataclass
from typing import Final, TypeVar

from freehold.testing.retail import phrases_extra
from freehold.testing.retail.dice import Dice, Weighted
from freehold.testing.retail.phrases_customer import CUSTOMER
from freehold.testing.retail.phrases_staff import CLERK, PLANNER

H = TypeVar("H", bound=Hashable)

CUSTOMER_SERVICE: Final = "customer-service"
STORE_ASSISTANT: Final = "store-assistant"
INVENTORY: Final = "inventory"

SHAPES: Final = {CUSTOMER_SERVICE: CUSTOMER, STORE_ASSISTANT: CLERK, INVENTORY: PLANNER}

WEIGHTS: Final[dict[tuple[str, str], float]] = {
    **{
        (CUSTOMER_SERVICE, intent): weight
        for intent, weight in {
            "order_status": 82, "delivery_late": 36, "change_delivery": 20, "refund_inside": 40,
            "refund_outside": 40, "return_howto": 24, "warranty": 24, "price_question": 36,
            "stock_at_store": 33, "store_hours": 28, "promotion": 20, "discount_haggle": 70,
            "loyalty": 14, "damaged": 20, "cancel_order": 14, "payment": 10, "invoice": 7,
            "gift_card": 5, "account_update": 12, "product_advice": 21, "hazmat_shipping": 5,
            "complaint": 14, "small_talk": 7, "other_customer": 10, "injection": 8,
        }.items()
    },
    **{
        (STORE_ASSISTANT, intent): weight
        for intent, weight in {
            "shelf_stock": 60, "product_lookup": 40, "promotion_check": 25, "till_return": 34,
            "clerk_discount": 10, "other_store_stock": 25, "delivery_today": 15,
            "hazmat_handling": 8, "draft_reply": 17, "policy_question": 14.5, "injection": 1.5,
        }.items()
    },
    **{
        (INVENTORY, intent): weight
        for intent, weight in {
            "reorder": 40, "stock_summary": 30, "supplier_delay": 20, "transfer_plan": 20,
            "deliveries_due": 19.5, "slow_movers": 10, "supplier_mail": 10, "injection": 0.5,
        }.items()
    },
}  # fmt: skip

# Shares of all requests.
PERSONAL_SHARE: Final = 0.12
SECRET_SHARE: Final = 0.007
ABROAD_SHARE: Final = 0.05
MULTI_TURN_SHARE: Final = 0.2
TOOLS_SHARE: Final = 0.06
TYPO_SHARE: Final = 0.12

# Every shape of these intents holds personal data already.
PERSONAL_INTENTS: Final = frozenset({"account_update", "draft_reply", "supplier_mail"})

# Which orders an intent is about; see `world.POOLS`. Others take any order.
PLANNED_ORDERS: Final = {
    "order_status": "moving", "delivery_late": "late", "change_delivery": "moving",
    "refund_inside": "open", "refund_outside": "closed", "warranty": "delivered",
    "damaged": "open", "cancel_order": "cancellable", "till_return": "delivered",
}  # fmt: skip

_TAGS: Final = {
    "discount_haggle": "asks_discount", "clerk_discount": "asks_discount",
    "refund_outside": "refund_outside", "refund_inside": "refund_inside",
    "other_customer": "other_customer", "injection": "contains_injection",
}  # fmt: skip

_TOOL_INTENTS: Final = frozenset(
    {"order_status", "cancel_order", "refund_inside", "stock_at_store", "reorder",
     "stock_summary", "transfer_plan", "shelf_stock", "other_store_stock"}
)  # fmt: skip

# Requests by the hour of the day: doors open at eight, lunch and the way home are busy.
_HOURS: Final = {
    0: 2, 1: 1, 2: 1, 3: 1, 4: 1, 5: 2, 6: 6, 7: 15, 8: 38, 9: 58, 10: 72, 11: 80, 12: 88, 13: 76,
    14: 68, 15: 66, 16: 74, 17: 86, 18: 82, 19: 64, 20: 44, 21: 26, 22: 12, 23: 5,
}  # fmt: skip


@dataclass(slots=True)
class Slot:
    """One request of the plan, not yet written."""

    index: int
    app: str
    intent: str
    at_s: int
    stream: bool = False
    language: str = "en"
    personal: str = ""
    secret: bool = False
    tool_result: bool = False
    tags: tuple[str, ...] = ()


def plan(requests: int, seed: int) -> list[Slot]:
    """`requests` slots in the order of time. Raises `ValueError` if negative."""
    if requests < 0:
        raise ValueError(f"requests must not be negative, got {requests}")
    dice = Dice(seed, "plan")
    kinds = dice.shuffled(_kinds(requests))
    hours: Weighted[int] = Weighted({hour: float(weight) for hour, weight in _HOURS.items()})
    times = sorted(hours.draw(dice) * 3600 + dice.between(0, 3599) for _ in kinds)
    slots = [
        Slot(i, app, intent, at, tags=(_TAGS[intent],) if intent in _TAGS else ())
        for i, ((app, intent), at) in enumerate(zip(kinds, times, strict=True))
    ]
    for slot in _some(dice, slots, 0.5):
        slot.stream = True
    _speak_abroad(dice, slots)
    _add_personal(dice, slots)
    for slot in _some(dice, [s for s in slots if s.language == "en"], SECRET_SHARE, of=requests):
        slot.secret = True
    for slot in _some(dice, slots, MULTI_TURN_SHARE):
        slot.tags += ("multi_turn",)
    for slot in _some(dice, [s for s in slots if s.language == "en"], TYPO_SHARE, of=requests):
        slot.tags += ("typos",)
    able = [s for s in slots if s.intent in _TOOL_INTENTS]
    for slot in _some(dice, able, TOOLS_SHARE, of=requests):
        slot.tool_result = dice.chance(0.4)
        slot.tags += ("tools", "tool_result") if slot.tool_result else ("tools",)
    return slots


def _kinds(requests: int) -> list[tuple[str, str]]:
    """App and intent of every request: apps first, so that their shares are exact too."""
    by_app: dict[str, dict[tuple[str, str], float]] = {app: {} for app in SHAPES}
    for kind, weight in WEIGHTS.items():
        by_app[kind[0]][kind] = weight
    apps = Counter(_allot(requests, {app: sum(of.values()) for app, of in by_app.items()}))
    return [kind for app, count in apps.items() for kind in _allot(count, by_app[app])]


def _speak_abroad(dice: Dice, slots: list[Slot]) -> None:
    spoken = {intent for by_intent in phrases_extra.ABROAD.values() for intent in by_intent}
    able = [s for s in slots if s.app == CUSTOMER_SERVICE and s.intent in spoken]
    languages = sorted(phrases_extra.ABROAD)
    for i, slot in enumerate(_some(dice, able, ABROAD_SHARE, of=len(slots))):
        slot.language = languages[i % len(languages)]


def _add_personal(dice: Dice, slots: list[Slot]) -> None:
    there = sum(slot.intent in PERSONAL_INTENTS for slot in slots)
    able = [s for s in slots if s.intent not in PERSONAL_INTENTS and s.app == CUSTOMER_SERVICE]
    wanted = max(0, round(PERSONAL_SHARE * len(slots)) - there)
    kinds = ("email", "email", "phone", "phone", "card", "iban")
    for i, slot in enumerate(dice.sample(able, wanted)):
        slot.personal = kinds[i % len(kinds)]


def _some(dice: Dice, slots: list[Slot], share: float, of: int | None = None) -> list[Slot]:
    """A random part of `slots`: `share` of `of` requests (of `slots` themselves if not given)."""
    total = len(slots) if of is None else of
    wanted = round(share * total)
    if total >= 100:
        wanted = max(1, wanted)
    return dice.sample(slots, wanted)


def _allot(total: int, weights: dict[H, float]) -> Iterator[H]:
    """`total` keys in proportion to their weights, by largest remainders."""
    whole = sum(weights.values())
    exact = {key: total * weight / whole for key, weight in weights.items()}
    counts = {key: int(value) for key, value in exact.items()}
    left = total - sum(counts.values())
    by_remainder = sorted(exact, key=lambda key: (counts[key] - exact[key], str(key)))
    for key in by_remainder[:left]:
        counts[key] += 1
    for key, count in counts.items():
        for _ in range(count):
            yield key
