"""The clerk's sentences, by intent.

No sentence holds a figure, a date or a percentage of its own: whatever commits the shop comes
from the facts. So a checker that compares answers with the context finds fault only with what
the clerk says wrong on purpose.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

Phrases = tuple[str, ...]

# A sentence is used only if all its {slots} are known.
SENTENCES: Final[Mapping[str, Phrases]] = MappingProxyType(
    {
        "stock": (
            "Yes, we have {stock} of the {product} in stock{at_store}.",
            "There are {stock} units of the {product} available{at_store} right now.",
            "I can see {stock} of the {product} on our shelves{at_store}.",
            "The {product} is available{at_store}: the system shows {stock}.",
        ),
        "stock_none": (
            "I'm sorry, the {product} is sold out{at_store} at the moment.",
            "We have no {product} left{at_store} just now.",
            "Unfortunately the {product} is out of stock{at_store}.",
        ),
        "price": (
            "The {product} is {price}.",
            "The {product} costs {price} at the moment.",
            "You can get the {product} for {price}.",
            "We are selling the {product} at {price}.",
        ),
        "order_delivered": (
            "Your order {order} was delivered on {delivered}.",
            "According to our records order {order} arrived on {delivered}.",
            "Order {order} has been delivered; the date was {delivered}.",
        ),
        "order_status": (
            "Your order {order} is currently marked as {status}, with delivery expected on {due}.",
            "Order {order} is {status}. It should reach you by {due}.",
            "I have looked it up: order {order} is {status} and due on {due}.",
        ),
        "order_plain": (
            "Your order {order} is currently {status}.",
            "Order {order} has the status {status}.",
            "I can see order {order}; it is {status}.",
        ),
        "order_total": (
            "The total was {total}.",
            "It comes to {total} in all.",
            "That order came to {total}.",
        ),
        "refund_open": (
            "Order {order} can still be returned until {refund_until}, and I have noted your wish.",
            "You can send order {order} back until {refund_until}; shall I start the return?",
            "A return of order {order} is possible until {refund_until}.",
        ),
        "refund_closed": (
            "I'm sorry, but order {order} can no longer be returned under our policy.",
            "Order {order} is outside what our refund policy covers, so I can't promise one.",
            "Our policy doesn't allow a refund for order {order}, I'm afraid.",
        ),
        "refund_unclear": (
            "I can't decide on a refund myself, but I will pass order {order} to a colleague.",
            "Before anything else a colleague has to check whether order {order} qualifies.",
        ),
        "refund_days": (
            "In {category} you have {days} days to bring something back.",
            "For {category} the return period is {days} days.",
        ),
        "discount_top": (
            "The most that a {tier} customer can get is {top}%.",
            "For {tier} customers our limit is {top} percent.",
        ),
        "incoming": (
            "{quantity} of {product} are expected on {due}; the delivery is {status}.",
            "We expect {product} ({quantity}) on {due}, status: {status}.",
        ),
        "discount_refuse": (
            "I'm afraid I can't give you {asked}% off.",
            "We can not offer {asked} % here, much as I would like to.",
            "A discount of {asked} percent is not something that I may grant.",
        ),
        "discount_no": (
            "I'm not able to change the price, I'm afraid.",
            "Discounts beyond our promotions are not mine to give.",
            "I can't offer a special price on that.",
        ),
        "promotion": (
            "Right now we have {promotion}: {percent}% off until {until}.",
            "Our current offer is {promotion} with {percent} percent off, valid until {until}.",
            "There is {promotion}, which takes {percent}% off and runs until {until}.",
        ),
        "promotion_plain": (
            "Our current offer is {promotion}.",
            "Right now we have {promotion}.",
        ),
        "hours": (
            "{store} is open {hours}.",
            "The opening hours of {store} are: {hours}.",
            "You can visit {store} {hours}.",
        ),
        "comparison": (
            "The {product} is {price}, while the {other} is {other_price}.",
            "Between the two, the {product} costs {price} and the {other} {other_price}.",
            "You pay {price} for the {product} and {other_price} for the {other}.",
        ),
        "complaint": (
            "I'm very sorry about that; this is not how it should have gone.",
            "That must have been frustrating, and I apologise.",
            "Thank you for telling us, and please accept our apologies.",
        ),
        "complaint_next": (
            "I will pass this on to the store's manager.",
            "A colleague who can put this right will look into it.",
        ),
        "low": (
            "{product} is at {stock}{at_store}, below its reorder point of {reorder_point}.",
            "{product} needs attention{at_store}: {stock} left, reorder point {reorder_point}.",
        ),
        "listed": (
            "{product}: {stock}{at_store}.",
            "{product} stands at {stock}{at_store}.",
        ),
        "report_open": (
            "Here is what the stock system shows.",
            "This is the current picture.",
            "A short look at the shelves:",
        ),
        "report_fine": (
            "Nothing on this list is below its reorder point.",
            "No item here needs to be reordered yet.",
        ),
        "greeting": (
            "What can I do for you today?",
            "How may I help you?",
            "I'm here for questions about products, orders and our stores.",
        ),
        "request": (
            "I have passed your wish about order {order} on to the team.",
            "A colleague will take care of that for order {order}.",
            "I can't change that from here, but I have noted it.",
            "I have passed that on to a colleague who can do it.",
        ),
        "about": (
            "What I can see of the {product} is its price, {price}.",
            "I can only tell you that the {product} costs {price}.",
        ),
        "order_unseen": (
            "I can't see an order {order} among those that I may look at.",
            "Order {order} is not one that I can find for you.",
            "I have no order {order} in front of me, so I can't say.",
        ),
        "unknown": (
            "I don't know that, as I have nothing about it in front of me.",
            "I'm sorry, I have no information on that.",
            "I can't find anything about that, so I would rather not guess.",
            "That is not something I can see from here; a colleague in the store may know.",
        ),
    }
)

OPENERS: Final[Phrases] = (
    "Hi {name}, thanks for getting in touch.",
    "Hello {name}!",
    "Thank you for asking, {name}.",
    "Good to hear from you, {name}.",
)
PLAIN_OPENERS: Final[Phrases] = (
    "Thanks for getting in touch.",
    "Hello!",
    "Let me see.",
    "Happy to help.",
)
TIER_OPENERS: Final[Phrases] = (
    "As a {tier} member you come first with us, {name}.",
    "Thank you for being a {tier} customer, {name}.",
)
CLOSERS: Final[Phrases] = (
    "Is there anything else I can do for you?",
    "Let me know if you need anything else.",
    "Have a lovely day!",
    "I hope that helps.",
)
EMAIL_CLOSERS: Final[Phrases] = (
    "I will send a short summary to {email}.",
    "We will confirm this at {email}.",
    "If anything changes, we will write to {email}.",
)
