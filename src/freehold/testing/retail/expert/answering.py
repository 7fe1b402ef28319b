"""What the expert writes: by the state of an order or a shelf, else as the house says."""

from string import Formatter
from typing import Any

from freehold.testing.retail.expert.asked import Asked, Row, day
from freehold.testing.retail.expert.house import SHAPES, House

_ORDER = ("order_status", "delivery_late")
_RETURN = ("refund_inside", "refund_outside")
_AT_THE_TILL = (1, 6)
_NO = {"stock": 0}
_COUNTS = {"stock_at_store": (1, 2, 3, 5, 10), "shelf_stock": (0, 1, 2, 3, 5, 6)}


class Written(dict[str, Any]):
    """The values that were put into an answer, by the slot; ``text`` is the answer."""

    text: str = ""
    free: bool = False

    def __bool__(self) -> bool:
        """An answer without any value is one too."""
        return True


class _Fill(Formatter):
    def __init__(self, written: Written) -> None:
        self._written = written

    def get_field(self, field_name: str, _args: Any, kwargs: Any) -> tuple[Any, str]:
        row, _, name = field_name.partition(".")
        value = kwargs[row][name]
        if value is None:
            raise LookupError(field_name)
        self._written[field_name] = value
        return value, row

    def format_field(self, value: Any, format_spec: str) -> Any:
        return day(value) if format_spec == "day" else str(value)


def answer(asked: Asked) -> Written | None:
    """The right answer in the words of the house; none for what the expert leaves to others."""
    if asked.language != "en":
        return None
    told = _by_state(asked)
    if told is not None:
        return _written(asked, told)
    shapes = SHAPES[asked.app].get(asked.intent, {})
    house = shapes.get(asked.number, shapes.get(None))
    return None if house is None else _written(asked, house)


def _written(asked: Asked, house: House) -> Written | None:
    rows: dict[str, Row | None] = {
        "order": asked.order,
        "product": asked.product,
        "shelf": asked.shelf,
        "parcel": asked.parcel,
    }
    if house.of:
        source, *keys = house.of
        rows["row"] = asked.named(source, *keys) if keys else asked.first(source)
    written = Written()
    try:
        written.text = _Fill(written).vformat(house.text, (), {k: v for k, v in rows.items() if v})
    except LookupError:
        return None
    written.free = house.free
    return written


def _by_state(asked: Asked) -> House | None:
    """Where the answer hangs on what a row says."""
    order = asked.order
    if asked.intent in _ORDER and order and asked.number not in _house_numbers(asked):
        return _of_order(order, asked.parcel)
    till = asked.intent == "till_return" and asked.number in _AT_THE_TILL
    if (asked.intent in _RETURN or till) and order:
        return _of_return(order, at_the_till=till)
    shelf, product = asked.shelf, asked.product
    counts = asked.intent in _COUNTS and asked.number in _COUNTS[asked.intent]
    if counts and shelf and shelf["stock"] == 0:
        return House("I'm sorry, the {shelf.name} is sold out in this store.")
    if asked.number == 8 and asked.intent in _COUNTS and not (asked.first("stock") or _NO)["stock"]:
        return House("I'm sorry, there is none in this store.")
    if asked.intent == "warranty" and asked.number == 0 and product:
        if product["warranty_months"]:
            return House("The {product.name} has a warranty of {product.warranty_months} months.")
        return House("The {product.name} has no warranty beyond what the law gives you.")
    if product and (asked.intent, asked.number) in _YES_OR_NO:
        field, yes, no = _YES_OR_NO[asked.intent, asked.number]
        return House(yes if product[field] else no)
    return None


_OPENED = (
    "The {product.name} can be returned within the return period.",
    "The {product.name} can't be returned once it has been opened.",
)
_YES_OR_NO = {
    ("return_howto", 5): ("returnable", *_OPENED),
    ("hazmat_shipping", 3): ("returnable", *_OPENED),
    ("product_lookup", 3): ("returnable", *_OPENED),
    ("product_lookup", 8): (
        "hazmat",
        "Yes, the {product.name} is hazmat.",
        "No, the {product.name} is no hazmat.",
    ),
}


def _house_numbers(asked: Asked) -> set[int | None]:
    return set(SHAPES[asked.app].get(asked.intent, {}))


def _of_order(order: Row, parcel: Row | None) -> House:
    match order["status"]:
        case "delivered":
            return House(
                "Our records show that {order.order_id} was delivered on {order.delivered_on:day}."
            )
        case "returned" | "cancelled":
            return House("Order {order.order_id} has been {order.status}; nothing is on its way.")
        case "shipped" if parcel and parcel.get("tracking"):
            return House(
                "{order.order_id} is on its way with {parcel.carrier} and should be with you by"
                " {parcel.expected_on:day}. The tracking number is {parcel.tracking}."
            )
        case "shipped":
            return House(
                "{order.order_id} has been shipped and should be with you by"
                " {order.promised_on:day}."
            )
    return House(
        "Order {order.order_id} is {order.status} and has not left us yet. We expect it to be with"
        " you by {order.promised_on:day}."
    )


def _of_return(order: Row, *, at_the_till: bool) -> House:
    match order["refund_state"]:
        case "open":
            return House("{order.order_id} can be returned until {order.refund_until:day}.")
        case "closed" if at_the_till:
            return House(
                "{order.order_id} could be returned until {order.refund_until:day}; now only a"
                " manager may accept it."
            )
        case "closed":
            return House(
                "I'm sorry, {order.order_id} could be returned until {order.refund_until:day}; that"
                " period is over."
            )
        case "excluded":
            return House("I'm sorry, our policy excludes {order.order_id} from returns.")
        case "done":
            return House("The refund for {order.order_id} has been made already.")
    return House("{order.order_id} has not been delivered yet; after that it can be returned.")
