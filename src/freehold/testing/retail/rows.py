"""Makes the rows of the stores' side: regions, stores, products, stock, deliveries."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, timedelta

from freehold.testing.retail import catalogue, names
from freehold.testing.retail.dice import Dice, Weighted

Row = tuple[object, ...]
# store, SKU, quantity, reorder point, sold last week
StockRow = tuple[str, str, int, int, int]

_WEEKDAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")


@dataclass(frozen=True, slots=True)
class Store:
    """What later tables need to know of a store."""

    id: str
    region_id: str


@dataclass(frozen=True, slots=True)
class Product:
    """What later tables need to know of a product; `window_days` is its refund window."""

    sku: str
    name: str
    category: str
    price_cents: int
    returnable: bool
    window_days: int
    supplier_id: str


def person(dice: Dice) -> str:
    """An invented name."""
    return f"{dice.pick(names.GIVEN)} {dice.pick(names.FAMILY)}"


def phone(dice: Dice, area_code: str) -> str:
    """A number in the 555-0100 to 555-0199 range that is kept for fiction."""
    return f"+1 {area_code}-555-01{dice.between(0, 99):02d}"


def slug(name: str) -> str:
    """A name as the local part of an address."""
    return "".join(c for c in name.lower().replace(" ", ".") if c.isalnum() or c == ".")


def money(cents: int) -> str:
    """Cents as people write dollars."""
    return f"${cents // 100:,}.{cents % 100:02d}"


def regions(seed: int) -> list[Row]:
    """One row a region."""
    dice = Dice(seed, "regions")
    return [(key, name, person(dice), codes[0]) for key, name, _, codes in names.REGIONS]


def stores(seed: int, count: int) -> tuple[list[Row], list[Row], list[Store]]:
    """Rows of `stores` and of `store_hours`, and the stores in brief."""
    dice = Dice(seed, "stores")
    regions_by_weight = Weighted({region[0]: float(region[2]) for region in names.REGIONS})
    codes = {region[0]: region[3] for region in names.REGIONS}
    towns = dice.shuffled([a + b for a in names.TOWN_FIRST for b in names.TOWN_LAST])
    rows: list[Row] = []
    hours: list[Row] = []
    brief: list[Store] = []
    for i in range(count):
        store_id = f"store-{i + 1:04d}"
        region_id = regions_by_weight.draw(dice)
        town = towns[i % len(towns)]
        street = dice.pick(names.STREETS)
        address = f"{dice.between(1, 260)} {street}, {town}"
        opened = date(1987, 3, 1) + timedelta(days=dice.between(0, 13_500))
        week = _week(dice)
        text = "; ".join(
            f"{_WEEKDAYS[day]} {opens}-{closes}" if opens else f"{_WEEKDAYS[day]} closed"
            for day, (opens, closes) in enumerate(week)
        )
        rows.append(
            (store_id, f"Harbor & Pine {town}, {street}", region_id, town, address,
             phone(dice, dice.pick(codes[region_id])), person(dice), opened.isoformat(), text)
        )  # fmt: skip
        hours += [(store_id, day, opens, closes) for day, (opens, closes) in enumerate(week)]
        brief.append(Store(store_id, region_id))
    return rows, hours, brief


def _week(dice: Dice) -> list[tuple[str | None, str | None]]:
    opens, closes = dice.pick((("08:00", "20:00"), ("09:00", "19:00"), ("09:00", "21:00")))
    late = dice.pick(("21:00", "22:00"))
    weekday: list[tuple[str | None, str | None]] = [(opens, closes)] * 4
    sunday = (None, None) if dice.chance(0.25) else ("10:00", "17:00")
    return [*weekday, (opens, late), ("09:00", "20:00"), sunday]


def suppliers(seed: int) -> list[Row]:
    """One row a supplier."""
    dice = Dice(seed, "suppliers")
    return [
        (f"SUP-{i + 1:02d}", name, f"orders@{slug(name).replace('.', '')}.example",
         phone(dice, "800"), dice.between(3, 21))
        for i, name in enumerate(names.SUPPLIERS)
    ]  # fmt: skip


def products(seed: int, supplier_rows: list[Row]) -> tuple[list[Row], list[Product]]:
    """Three products of each kind, in different styles: the rows, and the products in brief."""
    dice = Dice(seed, "products")
    supplier_ids = [str(row[0]) for row in supplier_rows]
    rows: list[Row] = []
    brief: list[Product] = []
    for category in catalogue.CATEGORIES:
        usual = dice.sample(supplier_ids, 3)
        for number, (kind, style) in enumerate(
            (kind, style) for kind in category.kinds for style in dice.sample(category.styles, 3)
        ):
            sku = f"HP-{category.prefix}-{number + 1:03d}"
            # Prices end in .00, .50 or .95, as price tags do.
            dollars = max(5, kind.price_cents * dice.between(70, 145) // 10_000)
            price = dollars * 100 + dice.pick((0, 50, 95))
            supplier = dice.pick(usual)
            name = f"{style} {kind.noun}"
            rows.append(
                (sku, name, kind.noun.lower(), category.name, dice.pick(names.BRANDS), price,
                 kind.warranty, int(kind.returnable), int(kind.hazmat), supplier)
            )  # fmt: skip
            brief.append(
                Product(sku, name, category.name, price, kind.returnable,
                        category.window_days, supplier)
            )  # fmt: skip
    return rows, brief


def refund_policy() -> list[Row]:
    """One row a category."""
    return [(c.name, c.window_days, c.excluded) for c in catalogue.CATEGORIES]


def tier_terms() -> list[Row]:
    """One row a customer tier."""
    return [(tier, *terms[1:]) for tier, terms in catalogue.TIERS.items()]


def promotions(seed: int, goods: list[Product], today: date) -> list[Row]:
    """Promotions on products, categories and regions; about half of them run on `today`."""
    dice = Dice(seed, "promotions")
    region_ids = [region[0] for region in names.REGIONS]
    categories = [c.name for c in catalogue.CATEGORIES]
    rows: list[Row] = []
    for i in range(72):
        product = dice.pick(goods) if i % 3 == 0 else None
        category = dice.pick(categories) if i % 3 == 1 else None
        region = dice.pick(region_ids) if i % 3 == 2 or dice.chance(0.3) else None
        start = today + timedelta(days=dice.between(-40, 20))
        end = start + timedelta(days=dice.between(5, 30))
        percent = dice.pick((500, 750, 1_000, 1_000, 1_200, 1_500, 1_500, 2_000))
        what = product.name if product else category or "everything in store"
        title = f"{dice.pick(('Spring', 'Summer', 'Weekend', 'Members', 'Clearance'))}: {what}"
        rows.append(
            (f"PR-{i + 1:03d}", title, product.sku if product else None, category, region,
             percent, start.isoformat(), end.isoformat())
        )  # fmt: skip
    return rows


def stock(seed: int, shops: list[Store], goods: list[Product]) -> Iterator[StockRow]:
    """60 to 120 products for each store; a few are out of stock or under the reorder point."""
    dice = Dice(seed, "stock")
    skus = [product.sku for product in goods]
    for store in shops:
        for sku in sorted(dice.sample(skus, dice.between(60, 120))):
            reorder = dice.between(2, 12)
            quantity = 0 if dice.chance(0.06) else dice.between(1, reorder * 4)
            yield store.id, sku, quantity, reorder, dice.between(0, reorder + 3)


def deliveries(
    seed: int, stock_rows: list[StockRow], goods: list[Product], today: date
) -> list[Row]:
    """What suppliers will bring: for most products under their reorder point, a delivery."""
    dice = Dice(seed, "deliveries")
    supplier = {product.sku: product.supplier_id for product in goods}
    rows: list[Row] = []
    for store_id, sku, quantity, reorder, _ in stock_rows:
        if quantity >= reorder or dice.chance(0.5):
            continue
        status = dice.pick(("confirmed", "confirmed", "in transit", "in transit", "delayed"))
        days = dice.between(6, 20) if status == "delayed" else dice.between(0, 9)
        rows.append(
            (f"DL-{len(rows) + 1:06d}", supplier[sku], store_id, sku, reorder * 3,
             (today + timedelta(days=days)).isoformat(), status)
        )  # fmt: skip
    return rows
