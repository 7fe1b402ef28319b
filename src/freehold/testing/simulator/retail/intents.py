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
        r"below (?:the )?reorder|out of in|shelf for|shelves|what are we out",
    ),
    "incoming": (r"comes in|come in today|pallet|truck|supplier|expected until|when do we get",),
    "refund": (
        r"refund|money (?:back|for)|return(?:s|ed|able)?\b|send .{0,30}\bback\b|reimburs|go back",
        r"brings back|take it back|receipt",
    ),
    "discount": (
        r"discount|cheaper|better (?:price|deal)|price match|knock|haggl|% ?off|percent off",
        r"do (?:me )?a deal|lower (?:the|your) price|reduction|take off|\d ?(?:%|percent)",
    ),
    "promotion": (r"promotion|promo\b|special offer|on sale|coupon|offers?\b|voucher|deals\b",),
    "order_status": (
        r"where(?:'s| is) my|\border\b|parcel|package|deliver|track|arriv|shipp|on its way",
        r"in transit|any news|\blate\b|still not here|how long",
    ),
    "hours": (r"opens?\b|opening|clos(?:e|es|ing)\b|hours|what time|sunday|holiday",),
    "comparison": (
        r"compare|comparison|difference|versus|\bvs\b|which (?:one|is better)|\bbetter\b",
    ),
    "complaint": (
        r"complain|terrible|awful|rude|broken|damaged|disappoint|unacceptable|angry|worst",
        r"faulty|defective|never again|went wrong|scratch|cracked",
    ),
    "price": (r"price|costs?\b|how much|expensive|what do i pay",),
    "stock": (
        r"in stock|stock|available|availability|do you have|have any|carry|left\b|sold out",
        r"how many|is there (?:a|another)|system count|nearest store|which store",
    ),
    "greeting": (r"^\s*(?:hi|hello|hey|good (?:morning|afternoon|evening)|thanks|thank you)\b",),
}
_SIGNS: Final = tuple(
    (intent, re.compile("|".join(words), re.IGNORECASE)) for intent, words in _WORDS.items()
)

_ORDER: Final = re.compile(r"(?<![\w-])#?\s?([A-Z]{1,4}-?\d{4,}|\d{5,12})\b(?!-)")
_EMAIL: Final = re.compile(r"[\w.+-]+@[\w-]+\.[\w.-]*\w")
_NAME: Final = re.compile(r"\b(?:my name is|this is|i am|i'm)\s+([A-Z][a-z]+(?: [A-Z][a-z]+)?)")
_WORD: Final = re.compile(r"\w{3,}")
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
    best, most = "unknown", 0
    for intent, sign in _SIGNS:
        hits = len({hit.lower() for hit in sign.findall(text)})
        if hits > most:
            best, most = intent, hits
    return best


def _named(text: str, products: list[Product]) -> list[Product]:
    words = {word.lower().rstrip("s") for word in _WORD.findall(text)}
    scored: list[tuple[float, int, Product]] = []
    for at, product in enumerate(products):
        own = {word.lower().rstrip("s") for word in _WORD.findall(product.name)}
        if own and (hits := len(own & words)):
            scored.append((hits / len(own), -at, product))
    return [product for _, _, product in sorted(scored, key=lambda row: row[:2], reverse=True)]


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
