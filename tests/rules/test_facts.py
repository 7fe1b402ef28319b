"""The values behind the declared facts: every one is computed, with the type that was declared."""

from typing import Any

import pytest

from freehold.core.ask import Message, ToolCall
from freehold.core.decisions import Finding
from freehold.core.features import Features
from freehold.core.handoffs import Grounded, Piece
from freehold.core.principal import Principal
from freehold.core.spec import Disclaimer
from freehold.rules.declared import DECLARED, DeclaredFact, default_of
from freehold.rules.disclaimers import FACT, Disclaimers
from freehold.rules.facts import (
    answer_facts,
    complete,
    grounded_facts,
    request_facts,
    stream_facts,
)
from freehold.text.facts import extract
from tests.stages import made

FINDING = Finding(
    detector="pii.email", version="1", kind="email", label="pii", where="message:0", start=0, end=3
)
ADA = Principal(
    id="ada",
    verified=True,
    roles=frozenset({"manager", "clerk"}),
    clearances=frozenset({"pii"}),
    attributes={"tier": "gold", "store": ""},
)
PRICES = Piece(
    source="prices", title="", text='{"price": 19.99, "was": "1,299"}', trusted=True,
    labels=frozenset({"prices"}),
)  # fmt: skip
ANSWER = (
    "You get 30 % off $5 and $19.99 for 3 pieces. It ships in 2 days, on May 3, 2026. "
    "We will refund you."
)
TOOL = {"type": "function", "function": {"name": "f"}}
EXPECTED: dict[str, Any] = {
    "request.digits": 4,
    "request.lines": 1,
    "request.intent": "discounts",
    "request.intent_score": 870_000,
    "stream.sentence": "That is it.",
    "stream.sentences": 3,
    "stream.chars": 90,
    "stream.elapsed_ms": 1200,
    "stream.ended": True,
    "app.id": "service",
    "app.tenant": "north",
    "app.tenants": ["chain", "north"],
    "app.purpose": "customer service",
    "app.risk": "high",
    "principal.id": "ada",
    "principal.verified": True,
    "principal.roles": ["clerk", "manager"],
    "principal.clearances": ["pii"],
    "request.operation": "chat",
    "request.model": "gpt",
    "request.text": "Is 20 % off $40 ok?",
    "request.chars": 19,
    "request.words": 6,
    "request.questions": 1,
    "request.code": True,
    "request.language": "en",
    "request.turns": 2,
    "request.tools": 1,
    "request.in_scope": True,
    "request.scope": 700_000,
    "request.labels": ["pii"],
    "request.findings": ["email"],
    "context.sources": ["prices"],
    "context.failed": ["stock"],
    "context.labels": ["prices"],
    "answer.text": ANSWER,
    "answer.chars": len(ANSWER),
    "answer.model": "large",
    "answer.labels": ["pii"],
    "answer.missing_disclaimers": ["Terms apply."],
    "answer.tools": ["look_up"],
}
VALUES = {
    "request.percents": [2000],
    "request.money": [4000],
    "answer.percents": [3000],
    "answer.money": [500, 1999],
    "answer.quantities": [3000],
    "answer.durations": [172_800],
    "answer.dates": [20_576],
    "answer.commitments": [0],
    "answer.ungrounded_money": [500],
    "answer.ungrounded": [3000, 500, 3000, 172_800, 20_576],
}


@pytest.fixture(scope="module")
def grounded() -> Grounded:
    asked = made.ask(
        Message(role="system", content="Be kind."),
        "Is 20 % off $40 ok?",
        model="gpt",
        tools=(TOOL,),
    )
    return made.grounded(
        asked,
        made.app(risk="high"),
        pieces=(PRICES,),
        failed=("stock",),
        labels=frozenset({"pii"}),
        findings=(FINDING, FINDING),
        principal=ADA,
        features=Features(
            chars=19, words=6, questions=1, code=True, language="en", digits=4, lines=1
        ),
        intent=("discounts", 870_000),
        scope=700_000,
    )


def facts_of(grounded: Grounded, names: set[str]) -> dict[str, Any]:
    call = ToolCall(id="c", name="look_up", arguments="{}")
    checked = made.checked(made.sendable(grounded), ANSWER, tool_calls=(call,), findings=(FINDING,))
    answered = answer_facts(names, checked, extract(ANSWER), texts=[ANSWER], last=True)
    if FACT in names:
        needed = Disclaimers((Disclaimer(text="Terms apply."), Disclaimer(text=ANSWER)))
        answered[FACT] = needed.missing({}, [ANSWER])
    answered |= stream_facts(names, "That is it.", 3, 90, 1200, ended=True)
    return answered | grounded_facts(names, grounded)


@pytest.mark.parametrize(
    "fact",
    # those of tool calls and of JSON have tests beside what computes them
    [f for f in DECLARED if not f.name.startswith("tool.") and f.type != "json"],
    ids=lambda fact: fact.name,
)
def test_every_declared_fact_is_computed(grounded: Grounded, fact: DeclaredFact) -> None:
    sheet = facts_of(grounded, {fact.name})
    assert set(sheet) == {fact.name}, "nobody computes it, so rules would see its default"
    value = sheet[fact.name]
    if fact.type == "records":
        assert [record["value"] for record in value] == VALUES[fact.name]
        assert all(set(record) >= {"upper", "polarity", "parsed"} for record in value)
    else:
        assert value == EXPECTED[fact.name]
        kinds = {"bool": bool, "int": int, "string": str, "strings": list}
        assert type(value) is kinds[fact.type]
    assert type(value) is type(default_of(fact.name))
    assert value != default_of(fact.name), "this example can't tell it from the default"


def test_only_what_is_asked_for_is_computed(grounded: Grounded) -> None:
    assert facts_of(grounded, {"app.id", "answer.chars"}) == {
        "app.id": "service",
        "answer.chars": len(ANSWER),
    }
    assert facts_of(grounded, set()) == {}


def test_attributes(grounded: Grounded) -> None:
    names = ["principal.attributes.tier", "principal.attributes.store", "principal.attributes.x"]
    sheet = request_facts(names, grounded.screened)
    assert sheet == {"principal.attributes.tier": "gold", "principal.attributes.store": ""}
    assert "principal.attributes.x" not in complete(names, sheet)


def test_what_is_absent_has_its_default() -> None:
    sheet = complete(["app.id", "request.percents", "context.failed"], {"app.id": "a"})
    assert sheet == {"app.id": "a", "request.percents": [], "context.failed": []}


def test_tools_are_known_only_at_the_end(grounded: Grounded) -> None:
    call = ToolCall(id="c", name="look_up", arguments="{}")
    checked = made.checked(made.sendable(grounded), "", tool_calls=(call,))
    for last, tools in ((False, []), (True, ["look_up"])):
        sheet = answer_facts({"answer.tools"}, checked, (), texts=[""], last=last)
        assert sheet == {"answer.tools": tools}


@pytest.mark.parametrize(
    ("written", "grounds"),
    [
        ('{"price": 19.99}', ["$19.99"]),
        ('{"cents": 1999}', ["$19.99", "$1,999"]),
        ('{"price": 5}', ["$5", "$5.00", "$0.05"]),
        ('{"price": "1,299.50"}', ["$1,299.50", "$1299.50"]),
        ('{"price": 1299.5}', ["$1,299.50", "$1299.50"]),
        ('{"sku": "SKU-1999", "v": "1.19.99"}', []),
        ("no numbers", []),
    ],
)
def test_money_is_grounded_in_trusted_pieces_only(written: str, grounds: list[str]) -> None:
    amounts = ["$19.99", "$1,999", "$5", "$5.00", "$0.05", "$1,299.50", "$1299.50", "$77.77"]
    pieces = (
        Piece(source="s", title="", text=written, trusted=True),
        Piece(source="web", title="", text="77.77", trusted=False),
    )
    sent = made.sendable(made.grounded(pieces=pieces))
    for amount in amounts:
        text = f"It costs {amount}."
        sheet = answer_facts(
            {"answer.ungrounded_money"}, made.checked(sent, text), extract(text),
            texts=[text], last=True,
        )  # fmt: skip
        assert (sheet["answer.ungrounded_money"] == []) is (amount in grounds), amount


def test_the_apps_own_prompt_grounds_too() -> None:
    app = made.app(system_prompt="Shipping is $4.95.")
    text = "Shipping is $4.95, express $9.95."
    checked = made.checked(made.sendable(made.grounded(spec=app)), text)
    sheet = answer_facts(
        {"answer.ungrounded_money"}, checked, extract(text), texts=[text], last=True
    )
    assert [fact["value"] for fact in sheet["answer.ungrounded_money"]] == [995]
