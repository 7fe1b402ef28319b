"""Fills sentence shapes with slots, tone and mistakes, and remembers what was put in."""

import re
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final

from freehold.testing.retail import names, phrases_extra
from freehold.testing.retail.dice import Dice
from freehold.testing.retail.rows import money, person
from freehold.testing.retail.world import Customer, Order, World

_CHOICE: Final = re.compile(r"\[([^\[\]|]*\|[^\[\]]*)\]")
_SLOT: Final = re.compile(r"\{(\w+)\}")
_WORD: Final = re.compile(r"(?<![\w{])[a-z]{5,}(?![\w}])")
_PERCENTS: Final = (5, 10, 10, 15, 15, 20, 20, 25, 25, 30, 30, 35, 40, 50)
_WEEKDAYS: Final = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
_MONTHS: Final = ("January", "February", "March", "April", "May")
_BASE62: Final = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"
_UPPER: Final = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567"
PERSONAL_SLOTS: Final = ("email", "phone", "card", "iban")


@dataclass(slots=True)
class Composer:
    """Fills the shapes of one call; the same slot keeps its value within the call.

    `personal` and `secrets` collect the literal values that a control should find.
    """

    dice: Dice
    world: World
    customer: Customer
    order: Order
    store: str
    language: str = "en"
    staff: bool = False
    personal: list[tuple[str, str]] = field(default_factory=list)
    secrets: list[str] = field(default_factory=list)
    filled: dict[str, str] = field(default_factory=dict)

    def sentence(self, shape: str, *, typos: bool = False) -> str:
        """One shape with its choices made and its slots filled."""
        text = _CHOICE.sub(lambda found: self.dice.pick(found[1].split("|")), shape)
        if typos:
            text = _misspelt(self.dice, text)
        return _SLOT.sub(lambda found: self._slot(found[1]), text)

    def _slot(self, name: str) -> str:
        value = self.filled.get(name)
        if value is None:
            value = self.filled[name] = self._value(name)
        if name in PERSONAL_SLOTS and (name, value) not in self.personal:
            self.personal.append((name, value))
        if name == "secret" and value not in self.secrets:
            self.secrets.append(value)
        return value

    def _value(self, name: str) -> str:
        if name in ("product", "sku", "keyword", "category", "brand", "price", "hazmat",
                    "product2", "sku2"):  # fmt: skip
            return self._goods(name)
        if name.startswith("other_"):
            return self._somebody_else(name)
        if name in PERSONAL_SLOTS or name in ("expiry", "secret"):
            return self._sensitive(name)
        make = _VALUES.get(name)
        if make is None:
            raise LookupError(f"no value for the slot {{{name}}}")
        return make(self)

    def _goods(self, name: str) -> str:
        if name == "hazmat":
            return self.dice.pick(self.world.hazmat).name
        # One product fills all the slots of its number, so that a sentence does not mix two.
        product = self.world.product(self.dice, self.store)
        if name in ("product2", "sku2"):
            self.filled |= {"product2": product.name, "sku2": product.sku}
        else:
            low, high = product.price_cents * 5 // 1000, product.price_cents * 12 // 1000
            price = f"${self.dice.between(max(1, low), max(2, high))}"
            self.filled |= {
                "product": product.name,
                "sku": product.sku,
                "keyword": product.keyword,
                "category": product.category,
                "brand": product.brand,
                "price": price if self.dice.chance(0.7) else money(product.price_cents),
            }
        return self.filled[name]

    def _somebody_else(self, name: str) -> str:
        other = self.world.other_order(self.dice, self.customer)
        self.filled |= {
            "other_order": other.id,
            "other_name": other.customer.name,
            "other_customer": other.customer.id,
        }
        return self.filled[name]

    def _sensitive(self, name: str) -> str:
        dice = self.dice
        match name:
            case "email":
                if not self.staff and dice.chance(0.7):
                    return self.customer.email
                first, last = person(dice).lower().split()
                return f"{first}.{last}@{dice.pick(names.MAIL_DOMAINS)}"
            case "phone":
                return self._phone()
            case "card":
                return dice.pick(phrases_extra.CARDS)
            case "iban":
                return dice.pick(phrases_extra.IBANS)
            case "expiry":
                return f"{dice.between(1, 12):02d}/{dice.between(27, 31)}"
        return _secret(dice)

    def _phone(self) -> str:
        # Ranges that the numbering authorities keep for fiction.
        if self.language == "de":
            return f"+49 30 23125 {self.dice.digits(3)}"
        if self.language == "fr":
            return f"+33 1 99 00 {self.dice.digits(2)} {self.dice.digits(2)}"
        area, _, line = self.customer.phone.removeprefix("+1 ").split("-")
        shapes = ("+1 {}-555-{}", "({}) 555-{}", "{}-555-{}", "+1{}555{}", "{}.555.{}")
        return self.dice.pick(shapes).format(area, line)


# The slots that need no more than one draw.
_VALUES: Final[dict[str, Callable[[Composer], str]]] = {
    "order": lambda c: c.order.id,
    "bought": lambda c: c.order.bought,
    "tier": lambda c: c.customer.tier,
    "given": lambda c: c.customer.name.split()[0],
    "percent": lambda c: str(c.dice.pick(_PERCENTS)),
    "qty": lambda c: str(c.dice.between(2, 24)),
    "number": lambda c: str(c.dice.between(2, 90)),
    "days": lambda c: str(c.dice.between(2, 9)),
    "weekday": lambda c: c.dice.pick(_WEEKDAYS),
    "month": lambda c: c.dice.pick(_MONTHS),
    "street": lambda c: f"{c.dice.between(1, 200)} {c.dice.pick(names.STREETS)}",
    "city": lambda c: c.world.nearby(c.dice, c.store).city,
    "store": lambda c: c.store,
    "store2": lambda c: c.world.nearby(c.dice, c.store).id,
    "supplier": lambda c: c.dice.pick(c.world.suppliers),
}


def _secret(dice: Dice) -> str:
    kinds = (
        ("sk-proj-", _BASE62, 48),
        ("AKIA", _UPPER, 16),
        ("ghp_", _BASE62, 36),
        ("sk_live_", _BASE62, 24),
        ("glpat-", _BASE62, 20),
        ("xoxb-2401", _BASE62[-10:], 8),
    )
    prefix, alphabet, length = dice.pick(kinds)
    secret = prefix + dice.text(alphabet, length)
    return f"{secret}-{dice.text(_BASE62, 24)}" if prefix.startswith("xoxb") else secret


def _misspelt(dice: Dice, text: str) -> str:
    """One or two slips of the finger, outside of slots and names."""
    words = list(_WORD.finditer(text))
    if not words:
        return text.lower() if "{" not in text else text
    for found in sorted(dice.sample(words, dice.between(1, 2)), key=lambda w: -w.start()):
        word = found[0]
        at = dice.between(1, len(word) - 2)
        slip = dice.pick(("swap", "drop", "double"))
        if slip == "swap":
            changed = word[:at] + word[at + 1] + word[at] + word[at + 2 :]
        elif slip == "drop":
            changed = word[:at] + word[at + 1 :]
        else:
            changed = word[:at] + word[at] + word[at:]
        text = text[: found.start()] + changed + text[found.end() :]
    return text
