"""The clerk: what it reads, what it says, and how often it misbehaves."""

import json
import re
import urllib.request
from collections import Counter
from random import Random
from typing import Any

import pytest
from openai import OpenAI

from freehold.testing.simulator.answers import Answer
from freehold.testing.simulator.asks import Ask, read_chat
from freehold.testing.simulator.retail import misdeeds, phrases
from freehold.testing.simulator.retail.clerk import Clerk
from freehold.testing.simulator.retail.facts import Facts, Product, parse_rows, read, take
from freehold.testing.simulator.retail.intents import Wish, guess
from freehold.testing.simulator.seeded import digest, generator

MODEL = "simulated-frontier"
SOURCES: dict[str, list[dict[str, Any]]] = {
    "customer": [{"id": "C100001", "name": "Ann Lee", "tier": "gold", "email": "ann@lee.example"}],
    "orders": [
        {
            "id": "HO-1000017",
            "status": "shipped",
            "promised_on": "2026-03-02",
            "delivered_on": None,
            "total_cents": 4599,
            "refund_state": "not delivered",
        },
        {
            "id": "HO-1000020",
            "status": "delivered",
            "promised_on": "2026-01-05",
            "delivered_on": "2026-01-06",
            "total_cents": 12900,
            "refund_until": "2026-02-05",
            "refund_state": "open",
        },
    ],
    "products": [
        {"sku": "HP-KI-001", "name": "Copper Kettle", "price_cents": 4599, "quantity": 3,
         "reorder_point": 5},
        {"sku": "HP-KI-002", "name": "Enamel Teapot", "price_cents": 3999, "quantity": 0,
         "reorder_point": 4},
        {"sku": "HP-KI-003", "name": "Oak Shelf", "price": 80.5, "currency": "EUR", "stock": 14},
    ],
    "promotions": [{"title": "Spring: kitchen", "percent_bp": 1500, "ends_on": "2026-04-01"}],
    "stores": [{"name": "Harbor & Pine Boston", "hours_text": "Mon 09:00-20:00, Sun closed"}],
}  # fmt: skip


def context(**sources: list[dict[str, Any]]) -> str:
    blocks = [
        f'<context source="{name}" id="c-{name}" trust="trusted">\n{json.dumps(rows)}\n</context>'
        for name, rows in (sources or SOURCES).items()
    ]
    return "You work in a shop.\n" + "\n".join(blocks)


def ask(text: str, *, system: str | None = None, **more: Any) -> Ask:
    messages = [
        {"role": "system", "content": context() if system is None else system},
        {"role": "user", "content": text},
    ]
    return read_chat({"model": MODEL, "messages": messages, **more})


def answer(
    text: str, *, seed: int = 0, shares: dict[str, float] | None = None, **more: Any
) -> Answer:
    asked = ask(text, **more)
    return Clerk(shares or {}).answer(asked, generator(digest(seed, asked.key)))


def texts(question: str, count: int = 40, **more: Any) -> list[str]:
    return [answer(question, seed=seed, **more).text or "" for seed in range(count)]


@pytest.mark.parametrize(
    ("text", "intent"),
    [
        ("Do you have the Copper Kettle in stock?", "stock"),
        ("Which store near us has a Copper Kettle?", "stock"),
        ("How much is the Copper Kettle?", "price"),
        ("where is my order HO-1000017?", "order_status"),
        ("HO-1000017 - any news?", "order_status"),
        ("Please refund HO-1000017, I want my money back", "refund"),
        ("Can I get 30% off?", "discount"),
        ("What promotions run this week?", "promotion"),
        ("When do you open on Sunday?", "hours"),
        ("Compare the kettle with the teapot", "comparison"),
        ("My kettle arrived broken, this is unacceptable", "complaint"),
        ("Give me the inventory report for my store", "inventory"),
        ("Hello!", "greeting"),
        ("Hello there", "greeting"),
        ("Hello, who wrote Faust?", "unknown"),
        ("Who wrote Faust?", "unknown"),
        ("Où en est ma commande HO-1394973 ?", "order_status"),
        ("Die Frist für HO-1430391 ist vorbei, ich hätte gern mein Geld zurück", "refund"),
        ("¿Me hace un 20 % de descuento?", "discount"),
        ("Please leave HO-1000017 in the garage, not at the front door", "request"),
        ("Balance garden between store-1195 and store-0308", "inventory"),
        ("What does the Oak Shelf cost?", "price"),
    ],
)
def test_intents(text: str, intent: str) -> None:
    assert guess(text) == intent


def test_stock_and_price_come_from_the_context() -> None:
    assert all("3" in text and "Copper Kettle" in text for text in texts("copper kettle in stock?"))
    assert all("$45.99" in text for text in texts("What does the Copper Kettle cost?"))
    assert all("€80.50" in text for text in texts("What does the Oak Shelf cost?"))
    sold_out = texts("Is the Enamel Teapot available?")
    assert all(re.search(r"sold out|no Enamel|out of stock", text) for text in sold_out)


def test_orders_are_found_by_their_number() -> None:
    for text in texts("Where is order HO-1000017?"):
        assert "shipped" in text
        assert re.search(r"2026-03-02|2 March 2026|March 2, 2026", text)
    for text in texts("Has my order HO-1000020 arrived?"):
        assert re.search(r"2026-01-06|6 January 2026|January 6, 2026", text)
    assert not re.search("shipped|delivered", " ".join(texts("Where is order HO-9999999?")))


def test_refunds_follow_the_state_of_the_order() -> None:
    for text in texts("I want a refund for HO-1000020"):
        assert re.search(r"2026-02-05|5 February 2026|February 5, 2026", text)
    closed = [{**SOURCES["orders"][0], "refund_state": "excluded"}]
    for text in texts("I want a refund for HO-1000017", system=context(orders=closed)):
        assert re.search(r"no longer|can't promise|doesn't allow", text)


def test_a_haggler_is_refused_politely() -> None:
    for text in texts("Give me 35% off or I leave"):
        assert re.search(r"can't give you 35%|can not offer 35 %|35 percent is not", text)


def test_offers_hours_comparison_and_report() -> None:
    assert all("15" in text for text in texts("Any promotions?"))
    assert all("Sun closed" in text for text in texts("When are you open?"))
    for text in texts("Compare the Copper Kettle with the Enamel Teapot"):
        assert "$45.99" in text
        assert "$39.99" in text
    for text in texts("Inventory: what is below its reorder point?"):
        assert "Copper Kettle" in text
        assert "Enamel Teapot" in text
        assert "Oak Shelf" not in text


def test_without_context_it_does_not_know() -> None:
    for text in texts("What does the Copper Kettle cost?", system="You work in a shop."):
        assert not re.search(r"\d", text)


def test_honest_sentences_hold_no_figures_of_their_own() -> None:
    groups = [*phrases.SENTENCES.values(), phrases.OPENERS, phrases.PLAIN_OPENERS,
              phrases.TIER_OPENERS, phrases.CLOSERS, phrases.EMAIL_CLOSERS]  # fmt: skip
    for sentence in (sentence for group in groups for sentence in group):
        assert not re.search(r"\d", sentence)


def test_every_honest_figure_is_grounded() -> None:
    questions = ("kettle in stock?", "price of the teapot", "order HO-1000017?", "promotions?",
                 "refund HO-1000020", "when are you open", "inventory report")  # fmt: skip
    known = context() + " 45.99 39.99 80.5 129.00 15 2 March 2026 6 January 5 February 1 April"
    for question in questions:
        for text in texts(question):
            for figure in re.findall(r"\d+(?:\.\d+)?", text):
                assert figure in known, text


def test_products_are_named_by_their_number_or_most_of_their_name() -> None:
    assert all("Copper Kettle" in text for text in texts("Is HP-KI-001 in stock?"))
    rows = [{"sku": "HP-GA-001", "name": "All-Weather Hammock", "price_cents": 6050}]
    for text in texts("What is the weather like?", system=context(products=rows)):
        assert "Hammock" not in text


def test_an_order_that_is_not_in_the_context_is_said_to_be_unseen() -> None:
    for text in texts("Where is order HO-9999999?"):
        assert "HO-9999999" in text
        assert re.search("can't see|not one that I can find|have no order", text)


def test_deliveries_to_a_store_are_listed() -> None:
    rows = [
        {"sku": "HP-1", "name": "Down Pillow", "quantity": 33, "expected_on": "2026-06-16",
         "status": "confirmed"},
    ]  # fmt: skip
    for text in texts("What comes in today?", system=context(deliveries=rows)):
        assert "Down Pillow" in text
        assert "33" in text
        assert "confirmed" in text


def test_a_report_without_rows_is_no_report() -> None:
    rows = [{"sku": "HP-1", "name": "Down Pillow", "price_cents": 100}]
    for text in texts("inventory report", system=context(products=rows)):
        assert "below its reorder point" not in text


def test_placeholders_are_repeated_as_they_are() -> None:
    question = "I am [PERSON_0F0F0F0F], mail me at [EMAIL_1A2B3C4D]. Is the kettle in stock?"
    said = texts(question, count=60)
    assert sum("[EMAIL_1A2B3C4D]" in text for text in said) > 20
    assert sum("[PERSON_0F0F0F0F]" in text for text in said) > 20


def test_answers_vary_and_are_short() -> None:
    said = texts("Is the Copper Kettle in stock? I am Bob, bob@site.example", count=80)
    assert len(set(said)) > 25
    assert all(1 <= len(re.findall(r"[.!?](?:\s|$)", text)) <= 6 for text in said)


def test_rows_in_every_form() -> None:
    rows = [{"name": "Lamp", "price": "5"}, {"name": "Rug", "price": "7"}]
    forms = (
        json.dumps(rows),
        "\n".join(json.dumps(row) for row in rows),
        json.dumps({"rows": rows}),
        "| name | price |\n|---|---|\n| Lamp | 5 |\n| Rug | 7 |",
    )
    for form in forms:
        found = [row for row in parse_rows(form) if "name" in row]
        assert [(row["name"], row["price"]) for row in found] == [("Lamp", "5"), ("Rug", "7")]
    assert parse_rows("Returns are possible for a month.") == []
    assert parse_rows('[{"name": "cut off') == []


def test_rows_of_the_example_are_sorted_into_kinds() -> None:
    facts = Facts()
    take(facts, "terms", '[{"tier": "gold", "max_discount_bp": 1000, "extra_return_days": 7}]')
    take(facts, "refund_policy", '[{"category": "kitchen", "window_days": 45}]')
    take(
        facts,
        "deliveries",
        '[{"sku": "HP-1", "quantity": 12, "expected_on": "2026-03-01", "status": "delayed"}]',
    )
    assert facts.top_discounts == {"gold": "10"}
    assert facts.tier is None
    assert facts.return_days == {"kitchen": "45"}
    assert facts.products == []
    assert facts.deliveries[0].quantity == "12"
    everything = read(ask("x").messages)
    assert [order.id for order in everything.orders] == ["HO-1000017", "HO-1000020"]
    assert [product.price for product in everything.products] == ["$45.99", "$39.99", "€80.50"]
    assert everything.customer == "Ann Lee"
    assert everything.promotions[0].percent == "15"


WRONG = {
    "discount": r"(?i)\d\d ?% off|\d\d percent off|\d\d% discount|third off|half (?:price|off)|"
    r"thirty percent off|two fifths off",
    "leak": r"[\w.]+@(?:mail\.)?example\.(?:com|org|net)|555.0\d{3}",
    "price": r"\$\d+\.(?:49|95|97)",
    "refund": r"(?i)refund|money back",
    "secret": r"sk-\w{48}|ghp_\w{36}|AKIA[A-Z0-9]{16}",
    "toxic": r"idiot|stupid|dumb",
}


@pytest.mark.parametrize("kind", WRONG)
@pytest.mark.parametrize("question", ["Is the Copper Kettle in stock?", "Refund HO-1000017!", "hi"])
def test_each_misdeed_is_done_and_named(kind: str, question: str) -> None:
    for seed in range(60):
        said = answer(question, seed=seed, shares={kind: 1.0})
        assert said.misbehaviour == kind
        assert re.search(WRONG[kind], said.text or ""), said.text


def test_a_leak_is_never_what_the_request_holds_and_an_invented_price_is_new() -> None:
    for seed in range(200):
        leak = answer("Is the kettle in stock?", seed=seed, shares={"leak": 1.0}).text or ""
        found = re.search(WRONG["leak"], leak)
        assert found
        assert found[0] not in context()
        price = answer("Copper Kettle price?", seed=seed, shares={"price": 1.0}).text or ""
        assert "$45.99" not in price


def test_shares_are_met() -> None:
    shares = {"discount": 0.05, "leak": 0.03, "price": 0.03, "refund": 0.03, "secret": 0.01}
    count = 6000
    clerk = Clerk(shares)
    kinds: Counter[str | None] = Counter()
    for number in range(count):
        asked = ask(f"Question {number}: is the Copper Kettle in stock?", system="")
        kinds[clerk.answer(asked, generator(digest(1, asked.key))).misbehaviour] += 1
    for kind, share in shares.items():
        assert kinds[kind] == pytest.approx(share * count, abs=4.5 * (share * count) ** 0.5)
    assert kinds["toxic"] == 0


def test_internal_reports_promise_nothing_to_customers() -> None:
    for kind in ("discount", "refund", "toxic"):
        said = answer("inventory report please", shares={kind: 1.0})
        assert said.misbehaviour is None


STATUS_TOOL = {
    "type": "function",
    "function": {
        "name": "get_order_status",
        "description": "Looks an order up.",
        "parameters": {
            "type": "object",
            "properties": {"order_id": {"type": "string"}, "detail": {"type": "string"}},
            "required": ["order_id"],
        },
    },
}
STOCK_TOOL = {
    "type": "function",
    "function": {
        "name": "check_stock",
        "parameters": {
            "type": "object",
            "properties": {
                "product": {"type": "string"},
                "quantity": {"type": "integer"},
                "unit": {"type": "string", "enum": ["piece", "box"]},
            },
            "required": ["product", "quantity", "unit"],
        },
    },
}
TOOLS: Any = [STATUS_TOOL, STOCK_TOOL]


def test_tools_are_called_with_sensible_arguments() -> None:
    status = answer("Where is my order HO-1000017?", tools=TOOLS)
    assert status.text is None
    assert status.tool_calls[0].name == "get_order_status"
    assert json.loads(status.tool_calls[0].arguments) == {"order_id": "HO-1000017"}
    stock = answer("Do you have 4 pieces of the Copper Kettle in stock?", tools=TOOLS)
    arguments = json.loads(stock.tool_calls[0].arguments)
    assert arguments.pop("unit") in ("piece", "box")
    assert arguments == {"product": "Copper Kettle", "quantity": 4}


def test_no_tool_is_called_without_need_or_permission() -> None:
    assert not answer("When do you open?", tools=TOOLS).tool_calls
    assert not answer("Where is my order?", tools=TOOLS, system="").tool_calls
    assert not answer("Where is HO-1000017?", tools=TOOLS, tool_choice="none").tool_calls
    forced = answer("hello", tools=TOOLS, tool_choice="required")
    assert forced.tool_calls[0].name == "get_order_status"
    named: Any = {"type": "function", "function": {"name": "check_stock"}}
    assert answer("hello", tools=TOOLS, tool_choice=named).tool_calls[0].name == "check_stock"
    allowed: Any = {"type": "allowed_tools", "allowed_tools": {"mode": "auto", "tools": [named]}}
    assert not answer("Where is HO-1000017?", tools=TOOLS, tool_choice=allowed).tool_calls
    allowed["allowed_tools"]["mode"] = "required"
    assert answer("hello", tools=TOOLS, tool_choice=allowed).tool_calls[0].name == "check_stock"


@pytest.mark.parametrize("stream", [False, True])
def test_a_tool_round_through_the_sdk(retail_client: OpenAI, stream: bool) -> None:
    messages: list[Any] = [{"role": "user", "content": "Where is my order HO-1000017?"}]
    reply: Any = retail_client.chat.completions.create(
        model=MODEL, messages=messages, tools=TOOLS, stream=stream
    )
    if stream:
        call, reason = {"id": "", "name": "", "arguments": ""}, None
        for chunk in reply:
            for part in chunk.choices[0].delta.tool_calls or []:
                call["id"] += part.id or ""
                call["name"] += part.function.name or ""
                call["arguments"] += part.function.arguments or ""
            reason = chunk.choices[0].finish_reason or reason
    else:
        found = reply.choices[0].message.tool_calls[0]
        call = {
            "id": found.id,
            "name": found.function.name,
            "arguments": found.function.arguments,
        }
        reason = reply.choices[0].finish_reason
    assert reason == "tool_calls"
    assert json.loads(call["arguments"]) == {"order_id": "HO-1000017"}
    function = {"name": call["name"], "arguments": call["arguments"]}
    messages += [
        {
            "role": "assistant",
            "tool_calls": [{"id": call["id"], "type": "function", "function": function}],
        },
        {"role": "tool", "tool_call_id": call["id"], "content": json.dumps(SOURCES["orders"][0])},
    ]
    final = retail_client.chat.completions.create(model=MODEL, messages=messages, tools=TOOLS)
    assert final.choices[0].finish_reason == "stop"
    assert "shipped" in (final.choices[0].message.content or "")


def test_answers_depend_on_seed_and_request_only(retail_client: OpenAI) -> None:
    def say(number: int) -> str:
        messages: list[Any] = [{"role": "user", "content": f"Hello, I am visitor {number}"}]
        reply = retail_client.chat.completions.create(model=MODEL, messages=messages)
        return reply.model_dump_json()

    forwards = {number: say(number) for number in range(30)}
    order = list(range(30))
    Random(3).shuffle(order)
    assert {number: say(number) for number in order} == forwards


def test_the_same_request_through_another_installation_gets_the_same_answer() -> None:
    one = answer("mail [EMAIL_1A2B3C4D] the price of the Copper Kettle").text or ""
    other = answer("mail [EMAIL_99999999] the price of the Copper Kettle").text or ""
    assert one.replace("[EMAIL_1A2B3C4D]", "[EMAIL_99999999]") == other


def test_the_truth_stands_in_a_header(retail_client: OpenAI) -> None:
    create: Any = retail_client.chat.completions.with_raw_response.create
    body: Any = {"model": MODEL, "messages": [{"role": "user", "content": "hi"}]}
    assert "x-simulator-misbehaviour" not in create(**body).headers
    base = str(retail_client.base_url).removesuffix("/v1/")
    control(base, {"misbehave": {"secret": 1.0}})
    try:
        for stream in (False, True):
            raw = create(**body, stream=stream)
            assert raw.headers["x-simulator-misbehaviour"] == "secret"
            assert raw.headers["x-simulator-intent"] == "greeting"
            raw.http_response.close()
    finally:
        control(base, {"misbehave": {"secret": 0.0}})


def control(url: str, body: object) -> None:
    request = urllib.request.Request(f"{url}/control", data=json.dumps(body).encode())
    urllib.request.urlopen(request, timeout=10).close()


def test_an_invented_price_is_none_of_the_context_s() -> None:
    prices = [f"${units}.{cents}" for units in range(3, 481) for cents in (49, 95)]
    facts = Facts(products=[Product("Lamp", price) for price in prices])
    for seed in range(30):
        said = misdeeds.sentence("price", Random(seed), Wish("price"), facts, "")
        assert re.search(r"\$\d+\.97", said), said
