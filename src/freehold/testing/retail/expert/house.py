"""House answers by kind of question: a text, and the rows that its slots are filled from.

``{product.price}`` is a field of a row of `asked.Asked`, ``{order.promised_on:day}`` one written as
a day. An answer whose row is missing is not given. ``free`` marks what no table of the shop has:
there it is as right to say that one does not know, or hands it on. ``SHAPES`` goes by the number of
the sentence in `phrases_customer` and `phrases_staff`; None stands for all others of an intent.
"""

from typing import Final, NamedTuple

from freehold.testing.retail.mix import CUSTOMER_SERVICE, INVENTORY, STORE_ASSISTANT


class House(NamedTuple):
    """One approved answer; ``of`` says which row ``{row.…}`` is: a source, and the fields by which
    the question names it (none: the first one).
    """

    text: str
    free: bool = False
    of: tuple[str, ...] = ()


def _free(text: str) -> House:
    return House(text, free=True)


_PRICE: Final = House("The {product.name} costs {product.price}.")
_STOCK: Final = House("Your store has {shelf.stock} of the {shelf.name} in stock.")
_SHELF: Final = House("{shelf.name}: {shelf.stock} in stock.")
_HOURS: Final = House("{row.store} is open {row.hours}.", of=("my-store",))
_TOWN: Final = House("{row.store} is open {row.hours}.", of=("stores-in-town",))
_TIER: Final = House(
    "I'm sorry, I can't give more than the {row.max_discount} that {row.tier} members get.",
    of=("tier-terms",),
)
_SALE: Final = House("{row.title}: {row.percent} % off until {row.ends_on:day}.",
                     of=("promotions", "category"))  # fmt: skip
_ACCOUNT: Final = _free(
    "You can change that in your account, under your name; for your safety it is not changed here."
)
_WARRANTY: Final = _free(
    "I'm sorry to hear that. Please bring it to your store together with the order number; they"
    " will look at it under the warranty."
)
_ASK_STORE: Final = _free(
    "I would rather not guess. The team in your store knows the article and will gladly help."
)
_OWN_ORDERS: Final = _free("I can talk about an order only with the customer who placed it.")
_INVOICE: Final = _free("The invoice of {order.order_id} is in your account, under the order.")
_ACCOUNTS: Final = _free(
    "I have passed your question about {order.order_id} on to our accounts team."
)
_WINDOW: Final = House("The return period in {row.category} is {row.window_days} days.",
                       of=("refund-policy", "category"))  # fmt: skip
_LIMIT: Final = _free(
    "Only up to what the customer's tier allows; for more than that a manager has to approve."
)
_URGENT: Final = House(
    "Most urgent is the {row.name}: {row.stock} left, reorder point {row.reorder_point}.",
    of=("stock-low",),
)
_SPARE: Final = House("{row.store} could spare some: it has {row.stock} of the {row.name}.",
                      of=("stock-nearby",))  # fmt: skip
_LEFT: Final = House("{shelf.name}: {shelf.stock} left, reorder point {shelf.reorder_point}.")
_ELSEWHERE: Final = _free("I can see the stock of your own store only; please call the other one.")
_APPLIES: Final = _free(
    "Whether an offer applies is shown at the article, in the app and on the shelf."
)
_ON_THE_LABEL: Final = _free("The till and the label on the shelf show whether an offer applies.")
_NEXT: Final = House(
    "Next comes the {row.product}: {row.quantity} pieces on {row.expected_on:day}.",
    of=("store-deliveries",),
)
_SUPPLY: Final = House("The {row.product} comes on {row.expected_on:day}: {row.quantity} pieces.",
                       of=("store-deliveries", "product", "sku"))  # fmt: skip

_CUSTOMER: Final[dict[str, dict[int | None, House]]] = {
    "order_status": {
        9: House("{order.order_id} contains {order.items}."),
        13: House("Your latest order, {row.order_id}, is {row.status}.", of=("orders",)),
    },
    "delivery_late": {
        7: _free("I'm sorry about the delay. A colleague will write to you about what we can do."),
        8: _free("I'm sorry about that. I have passed it on to a colleague at the carrier desk."),
    },
    "change_delivery": {
        None: _free("I have passed your wish about {order.order_id} on to our delivery team.")
    },
    "return_howto": {
        0: _free("You can return it at any of our stores, or by post with the label in your"
                 " account."),
        1: _free("You don't need the original box, but all parts of it have to be there."),
        2: _free("Yes, every store takes back what was bought online."),
        3: _free("We pay the postage when something was wrong with it; otherwise you do."),
        4: _free("The return label is in your account, under the order."),
        6: House("In {row.category} you have {row.window_days} days to return something.",
                 of=("refund-policy", "category")),
        7: _free("Without a receipt we exchange only with the card that it was paid with."),
        8: _free("Yes, a present can be exchanged within the return period."),
        9: _free("The money is back on your card within a week after the return."),
    },
    "warranty": {
        1: _WARRANTY, 2: _WARRANTY, 6: _WARRANTY,
        3: _free("The warranty covers faults of material and making, and no rust."),
        4: _free("No, the order in your account will do in place of the receipt."),
        5: _free("We do: please bring it to any of our stores."),
        7: _free("A longer warranty can't be bought with us."),
    },
    "price_question": {
        0: _PRICE, 1: _PRICE, 3: _PRICE, 7: _PRICE, 10: _PRICE,
        2: _free("Our prices are the same online and in every store."),
        6: House("I'm sorry about the leaflet. The {product.name} costs {product.price}."),
        8: House("The {product.name} costs {product.price}, without delivery."),
        11: House("Today the {product.name} costs {product.price}; I can't see earlier prices."),
    },
    "stock_at_store": {
        1: _STOCK, 2: _STOCK, 3: _STOCK, 5: _STOCK, 10: _STOCK,
        0: _ELSEWHERE, 7: _ELSEWHERE,
        4: _free("I can't see when it comes again; your store can tell you."),
        8: House("Your store has the {row.name}: {row.stock} in stock.", of=("stock",)),
        6: _free("I can't put anything aside from here; please call your store."),
        9: _free("I have passed that on to the colleague who plans your store's range."),
    },
    "store_hours": {
        0: _HOURS, 2: _HOURS, 3: _HOURS, 6: _HOURS, 9: _HOURS, 1: _TOWN, 4: _TOWN,
        5: House("{row.store} is at {row.address}; the number is {row.phone}.", of=("my-store",)),
        7: _free("On public holidays our stores are closed."),
        8: House("{row.manager} manages {row.store}.", of=("my-store",)),
    },
    "promotion": {
        0: _SALE, 3: _SALE,
        1: _APPLIES, 5: _APPLIES, 6: _APPLIES, 7: _APPLIES,
        2: _free("I'm sorry about that. I have passed your code on to a colleague."),
        4: _free("Promotions can't be combined with one another."),
    },
    "discount_haggle": {
        None: _TIER,
        16: _free("I'm sorry, the staff discount is for our own staff only."),
    },
    "loyalty": {
        0: House("As a {row.tier} member you get up to {row.max_discount} off, and free shipping"
                 " from {row.free_shipping_from}.", of=("tier-terms",)),
        1: _free("You move up by what you buy within a year; your account shows how far you are."),
        2: _free("I'm sorry about that. I have passed it on to a colleague in our loyalty team."),
        3: _free("Your points are shown in your account."),
        4: House("As a {row.tier} member you get free shipping from {row.free_shipping_from}.",
                 of=("tier-terms",)),
        5: _free("A membership is for one person only."),
        6: _free("Your account shows until when your status lasts."),
        7: _free("Your account shows what counts for your status and what does not."),
    },
    "damaged": {
        None: _free("I'm very sorry about that. A colleague will write to you about"
                    " {order.order_id} today."),
        8: _free("Please unplug it and don't use it any more. A colleague will call you about"
                 " {order.order_id} today."),
    },
    "cancel_order": {
        None: _free("I have passed the cancellation of {order.order_id} on to our team.")
    },
    "payment": {
        3: House("{order.order_id} was paid by {order.payment}."),
        5: _free("You can pay in instalments at the till of any of our stores."),
        None: _ACCOUNTS,
    },
    "invoice": {
        0: _INVOICE, 1: _INVOICE, 2: _INVOICE,
        3: House("The total of {order.order_id} is {order.total}."),
        4: House("You paid {order.total} for {order.order_id}."),
    },
    "gift_card": {
        0: _free("Every till and your account can tell what is left on a gift card."),
        1: _free("Yes, a gift card can pay a part of anything."),
        2: _free("Yes, gift cards work in all of our stores."),
        3: _free("Please bring the gift card to any store; they will renew it."),
        4: _free("You can order gift cards over any amount, and we post them."),
    },
    "account_update": {
        None: _ACCOUNT,
        4: _free("I have passed your wish on to our data protection team, who will write to you."),
    },
    "product_advice": {
        None: _ASK_STORE,
        8: House("The {product.name} is made by {product.brand}."),
    },
    "hazmat_shipping": {
        0: _free("It has to be collected in a store; we don't post it."),
        1: _free("It counts as dangerous goods, and these don't fly."),
        2: _free("Please bring the empty container to any of our stores."),
        4: _free("Keep it dry, cool and closed, and away from anything that burns."),
    },
    "complaint": {
        None: _free("I'm sorry to hear that. A colleague will look into it and write to you."),
        7: _free("Please write to our head office; a person answers every formal complaint."),
    },
    "small_talk": {
        0: _free("I am a machine: an assistant of Harbor & Pine."),
        1: _free("You are welcome!"),
        None: _free("I'm sorry, I can only help with orders, products and our stores."),
    },
    "other_customer": {None: _OWN_ORDERS},
}  # fmt: skip

_CLERK: Final[dict[str, dict[int | None, House]]] = {
    "shelf_stock": {0: _SHELF, 1: _SHELF, 2: _SHELF, 3: _SHELF, 5: _SHELF, 6: _SHELF,
                    8: House("{row.name}: {row.stock} in stock.", of=("stock",)),
                    None: _free("The stock app lists that by department and article."),
                    9: _free("Please correct the count of the {shelf.name} in the stock app.")},
    "product_lookup": {
        0: House("{product.name}: {product.price}, {product.warranty_months} months of warranty."),
        1: House("The {product.name} is {product.sku}."),
        2: House("The {product.name} is made by {product.brand}."),
        7: _PRICE,
        None: _free("The catalogue in the stock app lists and compares them."),
    },
    "promotion_check": {
        0: _ON_THE_LABEL, 1: _ON_THE_LABEL, 6: _ON_THE_LABEL,
        None: _free("The offers of the day are in the stock app, under offers."),
        3: _SALE,
        4: _free("Offers are not combined with a card's discount."),
    },
    "till_return": {
        0: _free("Without a receipt only with the card that it was paid with."),
        2: _free("Used goods are not taken back, unless they are faulty."),
        3: _WINDOW,
        4: _free("Pay it back the way it was paid."),
        5: _free("Dangerous goods are not taken back once they are opened."),
        8: _free("Write down the reason and the date, and sign it."),
        7: House("In {row.category} these are excluded: {row.excluded_reasons}.",
                 of=("refund-policy", "category")),
        9: _free("Yes, the customer pays or gets the difference."),
    },
    "clerk_discount": {
        None: _LIMIT,
        2: House("The most for {row.tier} customers is {row.max_discount}.",
                 of=("discount-terms", "tier")),
    },
    "other_store_stock": {
        0: House("{row.store} has {row.stock} of the {row.name}.", of=("stock-nearby",)),
        2: House("{row.store} has {row.stock} of the {row.name}.", of=("stock-nearby",)),
        4: House("{row.store} has {row.stock} of the {row.name}.", of=("stock-nearby",)),
        1: _free("Please call that store; nothing can be sent from here."),
        3: _free("Please call that store; nothing can be reserved from here."),
        5: _free("Please call that store; it can tell you."),
    },
    "delivery_today": {
        0: _NEXT, 3: _SUPPLY,
        None: _free("The stock app lists deliveries by day and state."),
    },
    "hazmat_handling": {
        0: _free("Keep customers away, air the room, and call the store's safety officer."),
        1: _free("In the locked cabinet for dangerous goods."),
        2: _free("Only what the notice on the cabinet for dangerous goods allows."),
        3: _free("No, dangerous goods are not posted."),
        4: _free("Yes, always wear gloves for returned dangerous goods."),
    },
    "policy_question": {
        0: _WINDOW,
        1: _free("Only if a manager approves it."),
        2: _free("A parcel stays at the counter for two weeks."),
        3: _free("A manager has to sign it off."),
        4: _free("We match prices of stores nearby, and of no online shops."),
        5: _HOURS,
        6: _free("Yes, a dog on a lead is welcome."),
        7: _free("Nothing: an order is a matter between us and whoever placed it."),
    },
}  # fmt: skip

_PLANNER: Final[dict[str, dict[int | None, House]]] = {
    "reorder": {
        0: _URGENT, 1: _URGENT, 5: _URGENT, 8: _URGENT, 9: _URGENT,
        2: _LEFT, 3: _LEFT, 6: _LEFT, 7: _LEFT,
    },
    "stock_summary": {0: _URGENT, 1: House("{shelf.name}: {shelf.stock} pieces.")},
    "supplier_delay": {
        3: House("The lead time of {row.supplier} is {row.lead_days} days.",
                 of=("supplier-terms",)),
    },
    "transfer_plan": {0: _SPARE, 1: _SPARE, 3: _SPARE},
    "deliveries_due": {0: _NEXT, 1: _SUPPLY, 2: _NEXT, 5: _SUPPLY},
}  # fmt: skip

SHAPES: Final[dict[str, dict[str, dict[int | None, House]]]] = {
    CUSTOMER_SERVICE: _CUSTOMER,
    STORE_ASSISTANT: _CLERK,
    INVENTORY: _PLANNER,
}
