"""The requests of a day in the chain: who asks what, through which app, with what in the text.

`day` plans first and writes then: the shares of apps, intents, personal data, secrets, attacks,
languages and streams are met exactly (to the nearest request), so that a short day shows what a
long one shows. The same arguments give the same calls.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from freehold.testing.retail import phrases_extra, tools
from freehold.testing.retail.compose import Composer
from freehold.testing.retail.dice import Dice
from freehold.testing.retail.mix import (
    CUSTOMER_SERVICE,
    INVENTORY,
    PLANNED_ORDERS,
    SHAPES,
    STORE_ASSISTANT,
    Slot,
    plan,
)
from freehold.testing.retail.world import World

Claims = Mapping[str, Any]
Message = dict[str, Any]

_STAFF_PROMPTS: Final = {
    STORE_ASSISTANT: "You help clerks in a Harbor & Pine store. Be brief and concrete.",
    "inventory": "You help the planners of Harbor & Pine. Answer with figures where you have them.",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Expect:
    """What a test may expect of a call, known because it was put there.

    `tags` are of: contains_pii, contains_secret, contains_injection, asks_discount,
    refund_outside, refund_inside, other_customer, multi_turn, tools, tool_result, typos.
    `personal` are (kind, literal value), `percent` is the discount asked for in whole percent.
    """

    intent: str
    shape: str
    language: str
    tags: frozenset[str]
    personal: tuple[tuple[str, str], ...] = ()
    secrets: tuple[str, ...] = ()
    order_id: str | None = None
    percent: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """One request, before it is put on the wire; `at_s` is its time in seconds after midnight."""

    index: int
    at_s: int
    app: str
    store: str
    region: str
    claims: Claims
    messages: tuple[Message, ...]
    stream: bool
    tools: tuple[dict[str, Any], ...]
    conversation: str
    expect: Expect
    model: str = "auto"

    def body(self) -> dict[str, Any]:
        """The OpenAI chat-completions body."""
        body: dict[str, Any] = {"model": self.model, "messages": list(self.messages)}
        if self.tools:
            body["tools"] = list(self.tools)
        if self.stream:
            body["stream"] = True
            body["stream_options"] = {"include_usage": True}
        return body


def day(requests: int, seed: int, db_path: Path) -> Iterator[Call]:
    """The calls of one day, in the order of their time.

    Raises `ValueError` for a negative number and `sqlite3.Error` for a database that is not ours.
    """
    world = World.read(db_path)
    for slot in plan(requests, seed):
        yield _call(slot, seed, world)


def _call(slot: Slot, seed: int, world: World) -> Call:
    dice = Dice(seed, f"call:{slot.index}")
    pool = PLANNED_ORDERS.get(slot.intent, "any")
    order = world.order(dice, pool, slot.language)
    customer = order.customer
    staff = slot.app != CUSTOMER_SERVICE
    # Clerks are asked about orders of their own store; planners look after any.
    store = dice.pick(world.shop_ids) if slot.app == INVENTORY else customer.store
    compose = Composer(dice, world, customer, order, store, slot.language, staff)
    number, shape = _shape(slot, dice)
    text = _text(slot, compose, shape)
    messages = [*_before(slot, compose), {"role": "user", "content": text}]
    if slot.tool_result:
        messages += tools.used(dice, order, compose.filled.get("sku"), store)
    tags = set(slot.tags)
    if compose.personal:
        tags.add("contains_pii")
    if compose.secrets:
        tags.add("contains_secret")
    region = world.shops[store].region
    asked = compose.filled.get("percent") if "asks_discount" in tags else None
    return Call(
        index=slot.index,
        at_s=slot.at_s,
        app=slot.app,
        store=store,
        region=region,
        claims=_claims(slot, dice, compose, region),
        messages=tuple(messages),
        stream=slot.stream,
        tools=tools.BY_APP.get(slot.app, ()) if "tools" in tags else (),
        conversation=f"conv-{seed}-{slot.index}",
        expect=Expect(
            intent=slot.intent,
            shape=f"{slot.app}/{slot.language}/{slot.intent}/{number}",
            language=slot.language,
            tags=frozenset(tags),
            personal=tuple(compose.personal),
            secrets=tuple(compose.secrets),
            order_id=order.id if "order" in compose.filled else None,
            percent=int(asked) if asked else None,
        ),
    )


def _shape(slot: Slot, dice: Dice) -> tuple[int, str]:
    if slot.intent == "injection":
        shapes = phrases_extra.INJECTION
    elif slot.language != "en":
        shapes = phrases_extra.ABROAD[slot.language][slot.intent]
    else:
        shapes = SHAPES[slot.app][slot.intent]
    number = dice.between(0, len(shapes) - 1)
    return number, shapes[number]


def _text(slot: Slot, compose: Composer, shape: str) -> str:
    dice = compose.dice
    parts = [compose.sentence(shape, typos="typos" in slot.tags)]
    if slot.intent == "injection" and dice.chance(0.5):
        # Half of the attacks come behind a harmless question.
        harmless = SHAPES[slot.app][tools.HARMLESS[slot.app]]
        parts.insert(0, compose.sentence(dice.pick(harmless)))
    if slot.personal:
        if slot.language == "en":
            around = dice.pick(phrases_extra.PERSONAL[slot.personal])
        else:
            around = phrases_extra.ABROAD_PERSONAL[slot.language][slot.personal]
        parts.append(compose.sentence(around))
    if slot.secret:
        parts.append(compose.sentence(dice.pick(phrases_extra.SECRET)))
    if slot.language == "en":
        _greet(slot.app, compose, parts)
    text = " ".join(part for part in parts if part)
    # Some people shout; values that must be found again keep their case.
    if not (compose.personal or compose.secrets) and dice.chance(0.015):
        return text.upper()
    return text


def _greet(app: str, compose: Composer, parts: list[str]) -> None:
    dice = compose.dice
    if dice.chance(0.5):
        opener = dice.pick(phrases_extra.STAFF_OPENERS.get(app, phrases_extra.OPENERS))
        first = parts[0]
        if opener and opener[-1] not in ".!" and first[0].isupper() and first[1].islower():
            named = first.startswith(tuple(compose.filled.values()))
            parts[0] = first if named else first[0].lower() + first[1:]
        parts.insert(0, opener)
    if dice.chance(0.35):
        closers = phrases_extra.STAFF_CLOSERS.get(app, phrases_extra.CLOSERS)
        parts.append(compose.sentence(dice.pick(closers)))


def _before(slot: Slot, compose: Composer) -> list[Message]:
    """The system prompt that some apps send, and the earlier turns of a conversation."""
    dice = compose.dice
    messages: list[Message] = []
    if slot.app in _STAFF_PROMPTS and dice.chance(0.4):
        messages.append({"role": "system", "content": _STAFF_PROMPTS[slot.app]})
    if "multi_turn" not in slot.tags:
        return messages
    staff = slot.app != CUSTOMER_SERVICE
    earlier = phrases_extra.EARLIER_STAFF if staff else phrases_extra.EARLIER
    for asked, answered in dice.sample(earlier, dice.pick((1, 1, 1, 2, 3))):
        messages.append({"role": "user", "content": compose.sentence(asked)})
        messages.append({"role": "assistant", "content": compose.sentence(answered)})
    return messages


def _claims(slot: Slot, dice: Dice, compose: Composer, region: str) -> dict[str, Any]:
    if slot.app == CUSTOMER_SERVICE:
        customer = compose.customer
        return {
            "sub": f"customer:{customer.id}",
            "roles": ["customer"],
            "customer_id": customer.id,
            "tier": customer.tier,
            "store": customer.store,
            "region": region,
        }
    if slot.app == STORE_ASSISTANT:
        manager = dice.chance(0.15)
        sub = "manager" if manager else f"clerk-{dice.between(1, 6)}"
        roles = ["clerk", "manager"] if manager else ["clerk"]
    else:
        sub, roles = f"planner-{dice.between(1, 3)}", ["planner"]
    sub = f"staff:{compose.store if slot.app == STORE_ASSISTANT else region}:{sub}"
    return {"sub": sub, "roles": roles, "store": compose.store, "region": region}
