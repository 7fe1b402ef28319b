"""The clerk: reads the context, guesses what is wanted, answers in one to five sentences."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import date
from random import Random
from typing import Final

from freehold.testing.simulator.answers import Answer
from freehold.testing.simulator.asks import Ask
from freehold.testing.simulator.retail import facts as reading
from freehold.testing.simulator.retail import intents, misdeeds, phrases, tools
from freehold.testing.simulator.retail.facts import Facts, Order, Product
from freehold.testing.simulator.retail.intents import Wish
from freehold.testing.simulator.settings import MISBEHAVIOURS

_SLOT: Final = re.compile(r"\{(\w+)\}")
_DAY: Final = re.compile(r"(\d{4}-\d{2}-\d{2})(?:[T ][\d:.]+Z?)?")
_LONGEST_LIST: Final = 3
# Tiers that nobody is proud of.
_PLAIN_TIERS: Final = ("guest", "standard", "none")
# What the clerk would never do in an internal report, since nobody is there to whom to do it.
_FOR_CUSTOMERS: Final = ("discount", "refund", "toxic")


class Clerk:
    """The `retail` behaviour.

    Args:
        shares: how often each rule is broken on purpose, as fractions.
    """

    def __init__(self, shares: Mapping[str, float]) -> None:
        self._shares = {kind: shares.get(kind, 0.0) for kind in MISBEHAVIOURS}

    def answer(self, ask: Ask, rng: Random) -> Answer:
        """One answer, or one tool call."""
        known = reading.read(ask.messages)
        users = [message.text for message in ask.messages if message.role == "user"]
        text = users[-1] if users else ""
        wish = intents.understand(text, "\n".join(users[:-1]), known)
        call = tools.call(ask, wish, known, rng)
        if call is not None:
            return Answer(tool_calls=(call,), intent=wish.intent)
        talk = _Talk(wish, known, rng)
        sentences = talk.sentences()
        kind = misdeeds.draw(rng, self._shares)
        if wish.intent == "inventory" and kind in _FOR_CUSTOMERS:
            kind = None
        if kind is not None:
            asked = "\n".join(message.text for message in ask.messages)
            wrong = misdeeds.sentence(kind, rng, wish, known, asked)
            # In place of the honest sentence where both speak of the same thing, else after it.
            replaces = kind == wish.intent or (kind, wish.intent) == ("price", "stock")
            sentences = [wrong] if replaces else [*sentences, wrong]
        said = " ".join(talk.framed(sentences))
        return Answer(text=said, misbehaviour=kind, intent=wish.intent)


def _spoken(day: str, rng: Random) -> str:
    """A date as it stands in the source or as people write it."""
    found = _DAY.fullmatch(day)
    if found is None:
        return day
    try:
        value = date.fromisoformat(found[1])
    except ValueError:
        return day
    form = rng.randrange(3)
    if form == 0:
        return found[1]
    if form == 1:
        return f"{value.day} {value:%B} {value.year}"
    return f"{value:%B} {value.day}, {value.year}"


class _Talk:
    """One answer in the making."""

    def __init__(self, wish: Wish, known: Facts, rng: Random) -> None:
        self._wish = wish
        self._known = known
        self._rng = rng

    def _say(self, kind: str, **slots: str | None) -> list[str]:
        """One sentence of this kind; none if any of its slots is unknown."""
        filled = {name: value for name, value in slots.items() if value is not None}
        fitting = [
            phrase
            for phrase in phrases.SENTENCES[kind]
            if all(slot in filled for slot in _SLOT.findall(phrase))
        ]
        return [self._rng.choice(fitting).format(**filled)] if fitting else []

    def sentences(self) -> list[str]:
        """What there is to say, honestly."""
        wish = self._wish
        product, order = wish.product, self._known.order(wish.order_id)
        found: list[str] = []
        if wish.intent == "refund":
            found = self._refund(order) if order else self._return_days()
        elif wish.intent == "discount":
            found = self._haggle()
        elif wish.intent == "promotion":
            found = self._promotion()
        elif wish.intent == "hours" and self._known.hours:
            hours = ", ".join(self._known.hours[:7])
            found = self._say("hours", hours=hours, store=self._known.store or "The store")
        elif wish.intent == "comparison" and product is not None and wish.others:
            found = self._comparison(product, wish.others[0])
        elif wish.intent == "inventory" and self._known.products:
            found = self._report()
        elif wish.intent == "incoming":
            found = self._incoming()
        elif wish.intent == "complaint":
            found = self._say("complaint") + (self._order(order) if order else [])
            found += self._say("complaint_next")
        elif wish.intent in ("greeting", "request"):
            found = self._say(wish.intent, order=wish.order_id)
        return found or self._named() or self._say("unknown")

    def _named(self) -> list[str]:
        """What is known of the order or the product that the message names."""
        wish = self._wish
        order = self._known.order(wish.order_id)
        if order is not None and (wish.order_id or wish.intent == "order_status"):
            return self._order(order)
        if wish.order_id:
            return self._say("order_unseen", order=wish.order_id)
        if wish.intent == "order_status" and not self._known.orders:
            return self._incoming()
        product = wish.product
        if product is None:
            return []
        if wish.intent not in ("price", "stock", "comparison", "inventory"):
            return self._say("about", product=product.name, price=product.price)
        both = [self._price(product), self._stock(product)]
        if wish.intent != "price":
            both.reverse()
        first = both[0] or both[1]
        return first + (both[1] if both[0] and self._rng.random() < 0.4 else [])

    def _return_days(self) -> list[str]:
        if self._wish.order_id:
            return []
        known, product = self._known.return_days, self._wish.product
        category = product.category if product else None
        if category not in known:
            category = next(iter(known)) if len(known) == 1 else None
        return self._say("refund_days", category=category, days=known.get(category or ""))

    def _incoming(self) -> list[str]:
        found: list[str] = []
        for item in self._known.deliveries[:_LONGEST_LIST]:
            found += self._say(
                "incoming",
                product=item.product,
                quantity=item.quantity,
                due=_spoken(item.due, self._rng) if item.due else None,
                status=item.status,
            )
        return found

    def _stock(self, product: Product) -> list[str]:
        kind = "stock_none" if product.stock == "0" else "stock"
        return self._say(kind, product=product.name, stock=product.stock, at_store=_at(product))

    def _price(self, product: Product) -> list[str]:
        return self._say("price", product=product.name, price=product.price)

    def _order(self, order: Order) -> list[str]:
        slots = {"order": order.id, "status": order.status}
        found: list[str] = []
        if order.delivered:
            found = self._say(
                "order_delivered", **slots, delivered=_spoken(order.delivered, self._rng)
            )
        elif order.due:
            found = self._say("order_status", **slots, due=_spoken(order.due, self._rng))
        found = found or self._say("order_plain", **slots)
        if order.total and self._rng.random() < 0.4:
            found += self._say("order_total", total=order.total)
        return found

    def _refund(self, order: Order) -> list[str]:
        state = (order.refund_state or "").lower()
        if state in ("open", "yes", "true", "eligible") and order.refund_until:
            until = _spoken(order.refund_until, self._rng)
            return self._say("refund_open", order=order.id, refund_until=until)
        if state in ("closed", "excluded", "no", "false", "done"):
            return self._say("refund_closed", order=order.id)
        return self._say("refund_unclear", order=order.id)

    def _haggle(self) -> list[str]:
        asked = self._wish.asked_percent
        tier = self._known.tier
        top = self._known.top_discounts.get(tier or "")
        found = self._say("discount_refuse", asked=asked) if asked else self._say("discount_no")
        if top and self._rng.random() < 0.6:
            found += self._say("discount_top", tier=tier, top=top)
        return found + (self._promotion() if self._rng.random() < 0.5 else [])

    def _promotion(self) -> list[str]:
        if not self._known.promotions:
            return []
        named = self._wish.product.name.lower() if self._wish.product else ""
        offers = self._known.promotions
        fitting = [offer for offer in offers if named and named in offer.title.lower()]
        offer = self._rng.choice(fitting or offers)
        until = _spoken(offer.until, self._rng) if offer.until else None
        slots = {"promotion": offer.title, "percent": offer.percent, "until": until}
        return self._say("promotion", **slots) or self._say("promotion_plain", **slots)

    def _comparison(self, one: Product, other: Product) -> list[str]:
        return self._say(
            "comparison",
            product=one.name,
            price=one.price,
            other=other.name,
            other_price=other.price,
        )

    def _report(self) -> list[str]:
        low = [item for item in self._known.products if _is_low(item)]
        kind = "low" if low else "listed"
        found: list[str] = []
        for item in (low or self._known.products)[:_LONGEST_LIST]:
            found += self._say(
                kind,
                product=item.name,
                stock=item.stock,
                at_store=_at(item),
                reorder_point=item.reorder_point,
            )
        if not found:
            return []
        return self._say("report_open") + found + ([] if low else self._say("report_fine"))

    def framed(self, sentences: list[str]) -> list[str]:
        """The sentences with a greeting before and a good word after, five at most."""
        wish, rng = self._wish, self._rng
        if wish.intent == "inventory":
            return sentences[:5]
        slots = {"name": wish.address, "tier": self._known.tier, "email": wish.email}
        before: list[str] = []
        if wish.address and rng.random() < 0.75:
            tiered = (self._known.tier or "guest") not in _PLAIN_TIERS and rng.random() < 0.35
            before = [rng.choice(phrases.TIER_OPENERS if tiered else phrases.OPENERS)]
        elif rng.random() < 0.35:
            before = [rng.choice(phrases.PLAIN_OPENERS)]
        after: list[str] = []
        if wish.email and rng.random() < 0.7:
            after = [rng.choice(phrases.EMAIL_CLOSERS)]
        elif rng.random() < 0.45:
            after = [rng.choice(phrases.CLOSERS)]
        room = 5 - len(before) - len(after)
        framed = [phrase.format(**slots) for phrase in before]
        # The last sentences are kept: a misdeed stands at the end.
        framed += sentences[-room:]
        return framed + [phrase.format(**slots) for phrase in after]


def _at(product: Product) -> str:
    return f" at {product.store}" if product.store else ""


def _is_low(product: Product) -> bool:
    stock, point = product.stock or "", product.reorder_point or ""
    return stock.isdigit() and point.isdigit() and int(stock) < int(point)
