"""What a customer or a colleague wants, guessed from the words of the newest message."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final

from freehold.testing.simulator.retail.facts import Facts, Product
from freehold.testing.simulator.seeded import PLACEHOLDER

# Words that speak for an intent. The most different hits win; ties go to what stands first.
_WORDS: Final = {
    "inventory": (
        r"inventor|stock report|reorder|replenish|running low|low stock|sell-through|stock levels?",
        r"below (?:the )?reorder|out of in|shelf for|shelves|what are we out|weekly order|transfer",
        r"slow mover|far too many|total stock|didn't sell|run out first|balance|overstock",
    ),
    "incoming": (
        r"comes in|come in today|pallet|truck|supplier|expected until|when do we get|deliveries",
        r"on its way to store|in transit to",
    ),
    "refund": (
        r"refund|money (?:back|for)|return(?:s|ed|able)?\b|send .{0,30}\bback\b|reimburs|go back",
        r"brings back|take it back|rückgabe|zurückgeben|erstatt|geld zurück|\bfrist\b|rembours",
        r"reembols|devol",
    ),
    "discount": (
        r"discount|cheaper|better (?:price|deal)|price match|knock|haggl|% ?off|percent off",
        r"do (?:me )?a deal|lower (?:the|your) price|reduction|take off|\d ?(?:%|percent)|rabatt",
        r"remise|descuento",
    ),
    "promotion": (
        r"promotion|promo\b|special offer|on sale|coupon|offers?\b|voucher|deals\b|\bsale\b",
    ),
    "request": (
        r"\bcancel|change the|drop [a-z]{2}-|hold .{0,20}back|add a note|leave .{0,20} in the",
        r"split|i moved|deliver(?:ed)? to my|pick .{0,20} up at|update my",
        r"my new (?:address|number|mail)|send the confirmation|turn it into a mail|make a note",
        r"write (?:a|me)|draft|summarise",
    ),
    "order_status": (
        r"where(?:'s| is) my|\border\b|parcel|package|deliver|track|arriv|shipp|on its way|comes",
        r"in transit|any news|\blate\b|still not here|how long|bestellung|paket|commande|colis",
        r"pedido|paquete",
    ),
    "hours": (
        r"opens?\b|opening|clos(?:e|es|ing)\b|hours|what time|sunday|holiday|geöffnet|öffnungs",
        r"ouvert|horaire|abiert|horario",
    ),
    "comparison": (
        r"compare|comparison|difference|versus|\bvs\b|which (?:one|is better)|\bbetter\b",
    ),
    "complaint": (
        r"complain|terrible|awful|rude|broken|damaged|disappoint|unacceptable|angry|worst|leaks",
        r"faulty|defective|never again|went wrong|scratch|cracked|human being|missing from|treated",
    ),
    "price": (
        r"price|costs?\b|how much|expensive|what do i pay|preis|kostet|\bprix\b|coûte",
        r"precio|cuesta",
    ),
    "stock": (
        r"in stock|stock|available|availability|do you have|have any|carry|left\b|sold out",
        r"how many|is there (?:a|another)|system count|nearest store|which store",
        r"vorrätig|auf lager|disponib|avez-vous|tienen|haben sie",
    ),
}
_GREETING: Final = re.compile(
    r"\s*(?:hi|hello|hey|good (?:morning|afternoon|evening)|thanks|thank you)\b[^?]{0,25}",
    re.IGNORECASE,
)
_SIGNS: Final = tuple((intent, re.compile("|".join(words))) for intent, words in _WORDS.items())

_ORDER: Final = re.compile(r"(?<![\w-])#?\s?([A-Z]{1,4}-?\d{4,}|\d{5,12})\b(?!-)")
_EMAIL: Final = re.compile(r"[\w.+-]+@[\w-]+\.[\w.-]*\w")
_NAME: Final = re.compile(r"\b(?:my name is|this is|i am|i'm)\s+([A-Z][a-z]+(?: [A-Z][a-z]+)?)")
_WORD: Final = re.compile(r"\w{3,}")
_LONGEST: Final = 2000
_LEAST_NAMED: Final = 0.5
_PERCENT: Final = re.compile(r"\b(\d{1,2}) ?(?:%|percent)")


@dataclass(frozen=True, slots=True)
class Wish:
    """A message understood: what is wanted, and what it names."""

    intent: str
    order_id: str | None = None
    product: Product | None = None
    others: tuple[Product, ...] = ()
    asked_percent: str | None = None
    address: str | None = None
    email: str | None = None


def guess(text: str) -> str:
    """The intent of a message; `unknown` if nothing speaks for any."""
    # Lower case once: patterns that ignore case themselves take twice as long.
    best, most, lower = "unknown", 0, text[:_LONGEST].lower()
    for intent, sign in _SIGNS:
        hits = len(set(sign.findall(lower)))
        if hits > most:
            best, most = intent, hits
    if best == "unknown" and _GREETING.fullmatch(text):
        return "greeting"
    return best


def _named(text: str, products: list[Product]) -> list[Product]:
    """Products that a text names by their number, or by at least half the words of their names."""
    words = _stems(text)
    scored: list[tuple[float, int, Product]] = []
    for at, product in enumerate(products):
        own = _stems(product.name)
        share = len(own & words) / len(own) if own else 0.0
        if product.sku and product.sku.lower() in text.lower():
            share = 2.0
        if share >= _LEAST_NAMED:
            scored.append((share, -at, product))
    return [product for _, _, product in sorted(scored, key=lambda row: row[:2], reverse=True)]


def _stems(text: str) -> set[str]:
    return {word.lower().rstrip("s") for word in _WORD.findall(text)}


def _placeholder(text: str, kinds: tuple[str, ...]) -> str | None:
    for found in PLACEHOLDER.finditer(text):
        if found[1].startswith(kinds):
            return found[0]
    return None


def understand(text: str, said_before: str, facts: Facts) -> Wish:
    """The newest message in the light of what the user said before and of the facts.

    Args:
        text: the newest user message.
        said_before: all earlier user messages, for names and order ids given there.
    """
    named = _named(text, facts.products)
    # Order ids are looked for without placeholders, whose hex digits would pass for one.
    bare, before = PLACEHOLDER.sub(" ", text), PLACEHOLDER.sub(" ", said_before)
    orders = [*_ORDER.findall(bare), *_ORDER.findall(before)]
    order = next((found for found in orders if facts.order(found)), orders[0] if orders else None)
    asked = _PERCENT.search(bare)
    everything = f"{said_before}\n{text}"
    name = _NAME.search(everything)
    email = _EMAIL.search(everything)
    return Wish(
        guess(text),
        order or _placeholder(text, ("ORDER",)),
        named[0] if named else None,
        tuple(named[1:3]),
        asked[1] if asked else None,
        _placeholder(everything, ("PERSON", "NAME"))
        or (name[1] if name else None)
        or facts.customer,
        _placeholder(everything, ("EMAIL",)) or (email[0] if email else None),
    )
