"""The people, orders and products that a day's traffic is about, read from the database."""

import sqlite3
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from freehold.testing.retail.database import open_readonly
from freehold.testing.retail.dice import Dice


@dataclass(frozen=True, slots=True)
class Customer:
    """A customer as the identity provider and the traffic know them."""

    id: str
    name: str
    email: str
    phone: str
    tier: str
    language: str
    store: str
    region: str


@dataclass(frozen=True, slots=True)
class Order:
    """An order and what was bought first."""

    id: str
    customer: Customer
    status: str
    refund_state: str
    bought: str
    late: bool
    promised_on: str


@dataclass(frozen=True, slots=True)
class Product:
    """A product by its names."""

    sku: str
    name: str
    keyword: str
    category: str
    brand: str
    price_cents: int
    hazmat: bool


@dataclass(frozen=True, slots=True)
class Shop:
    """A store; `stocked` are the SKUs that it keeps."""

    id: str
    city: str
    region: str
    stocked: tuple[str, ...]


# Which orders a pool holds, as a condition on (status, refund state, late).
POOLS: Final = ("any", "moving", "late", "open", "closed", "cancellable", "delivered")


class World:
    """Everything that templates are filled with. Read once, then only in memory."""

    def __init__(
        self,
        shops: dict[str, Shop],
        products: dict[str, Product],
        orders: list[Order],
        suppliers: list[str],
    ) -> None:
        self.shops = shops
        self.shop_ids = tuple(shops)
        self.products = products
        self.skus = tuple(products)
        self.hazmat = tuple(p for p in products.values() if p.hazmat)
        self.suppliers = tuple(suppliers)
        self._regions: dict[str, list[str]] = {}
        for shop in shops.values():
            self._regions.setdefault(shop.region, []).append(shop.id)
        self._pools: dict[tuple[str, str], list[Order]] = {}
        for order in orders:
            for pool in _pools_of(order):
                self._pools.setdefault((pool, order.customer.language), []).append(order)

    @classmethod
    def read(cls, path: Path) -> "World":
        """Read the database at `path`. Raises `sqlite3.Error` if it is not one of ours."""
        with closing(open_readonly(path)) as db:
            stocked: dict[str, list[str]] = {}
            for store, sku in db.execute("SELECT store_id, sku FROM stock ORDER BY 1, 2"):
                stocked.setdefault(store, []).append(sku)
            shops = {
                store: Shop(store, city, region, tuple(stocked.get(store, ())))
                for store, city, region in db.execute(
                    "SELECT id, city, region_id FROM stores ORDER BY id"
                )
            }
            products = {
                sku: Product(sku, name, keyword, category, brand, price, bool(hazmat))
                for sku, name, keyword, category, brand, price, hazmat in db.execute(
                    "SELECT sku, name, keyword, category, brand, price_cents, hazmat"
                    " FROM products ORDER BY sku"
                )
            }
            suppliers = [row[0] for row in db.execute("SELECT name FROM suppliers ORDER BY id")]
            return cls(shops, products, _orders(db), suppliers)

    def order(self, dice: Dice, pool: str, language: str = "en") -> Order:
        """An order of this pool, of a customer who speaks this language if there is one."""
        for key in ((pool, language), (pool, "en"), ("any", "en")):
            if found := self._pools.get(key):
                return dice.pick(found)
        raise LookupError("the database has no orders of English-speaking customers")

    def other_order(self, dice: Dice, customer: Customer) -> Order:
        """An order of somebody else."""
        while True:
            order = self.order(dice, "any")
            if order.customer.id != customer.id:
                return order

    def product(self, dice: Dice, store: str) -> Product:
        """Mostly something that the store keeps, sometimes something that it does not."""
        stocked = self.shops[store].stocked
        skus = stocked if stocked and dice.chance(0.8) else self.skus
        return self.products[dice.pick(skus)]

    def nearby(self, dice: Dice, store: str) -> Shop:
        """A store of the same region."""
        return self.shops[dice.pick(self._regions[self.shops[store].region])]


def _orders(db: sqlite3.Connection) -> list[Order]:
    people = {
        row[0]: Customer(*row)
        for row in db.execute(
            "SELECT id, name, email, phone, tier, language, home_store, region_id"
            " FROM customers ORDER BY id"
        )
    }
    rows = db.execute(
        """SELECT o.id, o.customer_id, o.status, o.refund_state, p.name,
             coalesce(o.delivered_on, '9999') > o.promised_on, o.promised_on
           FROM orders o JOIN order_items i ON i.order_id = o.id AND i.line = 1
           JOIN products p ON p.sku = i.sku ORDER BY o.id"""
    )
    return [
        Order(order, people[customer], status, state, bought, bool(late), promised)
        for order, customer, status, state, bought, late, promised in rows
    ]


def _pools_of(order: Order) -> tuple[str, ...]:
    pools = ["any"]
    if order.status in ("placed", "packed", "shipped"):
        pools.append("moving")
        if order.status != "shipped":
            pools.append("cancellable")
    if order.status == "delivered":
        pools.append("delivered")
    if order.late and order.status in ("shipped", "delivered"):
        pools.append("late")
    if order.refund_state in ("open", "closed"):
        pools.append(order.refund_state)
    return tuple(pools)
