"""Makes the rows of the customers' side: customers, orders and their items."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, timedelta

from freehold.testing.retail import catalogue, names
from freehold.testing.retail.dice import Dice, Weighted
from freehold.testing.retail.rows import Product, Row, Store, money, person, phone, slug

_LANGUAGES = Weighted({"en": 94.0, "es": 3.0, "de": 1.5, "fr": 1.5})
_TRACKING_LETTERS = "ABCDEFGHJKLMNPQRSTUVWXYZ"
# An order needs some days to be packed and brought; the promise allows one more.
_DELIVERED_AFTER = (2, 8)


def customers(seed: int, count: int, shops: list[Store], today: date) -> list[Row]:
    """One row a customer; e-mail addresses are unique and cannot be reached."""
    dice = Dice(seed, "customers")
    tiers = Weighted({tier: float(terms[0]) for tier, terms in catalogue.TIERS.items()})
    codes = {region[0]: region[3] for region in names.REGIONS}
    rows: list[Row] = []
    for i in range(count):
        name = person(dice)
        home = dice.pick(shops)
        mail = f"{slug(name)}{i + 11}@{dice.pick(names.MAIL_DOMAINS)}"
        joined = today - timedelta(days=dice.between(3, 4_000))
        rows.append(
            (f"C{100_000 + i}", name, mail, phone(dice, dice.pick(codes[home.region_id])),
             tiers.draw(dice), _LANGUAGES.draw(dice), home.id, home.region_id, joined.isoformat())
        )  # fmt: skip
    return rows


def orders(
    seed: int, count: int, customer_rows: list[Row], goods: list[Product], today: date
) -> Iterator[tuple[Row, list[Row]]]:
    """`count` orders, each with its items; members buy more often than guests."""
    dice = Dice(seed, "orders")
    buyers: list[Row] = []
    for row in customer_rows:
        share = {"guest": 1, "silver": 2, "gold": 3, "platinum": 5}[str(row[4])]
        buyers += [row] * share
    carts = Weighted({1: 45.0, 2: 28.0, 3: 16.0, 4: 8.0, 5: 3.0})
    extra_days = {tier: terms[3] for tier, terms in catalogue.TIERS.items()}
    for i in range(count):
        # Every customer orders at least once as long as there are orders enough.
        buyer = customer_rows[i] if i < len(customer_rows) else dice.pick(buyers)
        order_id = f"HO-{1_000_000 + i * 17 + dice.between(0, 16)}"
        cart = [
            (product, dice.pick((1, 1, 1, 2, 3)))
            for product in dice.sample(goods, carts.draw(dice))
        ]
        # Orders thin out towards the past: most questions are about recent ones.
        age = dice.between(0, dice.between(1, 400))
        yield (
            _order(dice, order_id, buyer, cart, today, age, extra_days[str(buyer[4])]),
            [
                (order_id, line + 1, product.sku, quantity, product.price_cents)
                for line, (product, quantity) in enumerate(cart)
            ],
        )


def _order(
    dice: Dice,
    order_id: str,
    buyer: Row,
    cart: list[tuple[Product, int]],
    today: date,
    age: int,
    extra_days: int,
) -> Row:
    ordered = today - timedelta(days=age)
    takes = dice.between(*_DELIVERED_AFTER)
    arrived = ordered + timedelta(days=takes)
    late = dice.chance(0.12)
    promised = ordered + timedelta(days=max(1, takes - dice.between(1, 4) if late else takes + 1))
    delivered: str | None = None
    until: date | None = None
    if dice.chance(0.04):
        status, state = "cancelled", "done"
    elif arrived > today:
        status, state = ("placed", "packed", "shipped")[min(2, age * 3 // takes)], "not delivered"
    else:
        delivered = arrived.isoformat()
        status = "returned" if dice.chance(0.05) else "delivered"
        windows = [product.window_days for product, _ in cart if product.returnable]
        until = arrived + timedelta(days=min(windows) + extra_days) if windows else None
        if status == "returned":
            state = "done"
        elif until is None:
            state = "excluded"
        else:
            state = "open" if until >= today else "closed"
    total = sum(product.price_cents * quantity for product, quantity in cart)
    text = "; ".join(
        f"{quantity} x {product.name} ({product.sku}) at {money(product.price_cents)}"
        for product, quantity in cart
    )
    paid = dice.pick(("card", "card", "card", "gift card", "invoice"))
    masked = "invoice" if paid == "invoice" else f"{paid} ending {dice.digits(4)}"
    tracking = None if status in ("placed", "packed", "cancelled") else _tracking(dice)
    return (
        order_id, buyer[0], buyer[6], status, ordered.isoformat(), promised.isoformat(),
        delivered, total, masked, tracking, text, until.isoformat() if until else None, state,
    )  # fmt: skip


def _tracking(dice: Dice) -> str:
    return f"HPX-{dice.text(_TRACKING_LETTERS, 4)}-{dice.digits(5)}"
