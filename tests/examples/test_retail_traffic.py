"""A day's traffic: its shares, its variety, and that it fits the database it is about."""

import json
import re
from collections import Counter
from contextlib import closing
from pathlib import Path

import pytest

from freehold.testing.retail import mix, phrases_extra, traffic
from freehold.testing.retail.database import open_readonly
from freehold.testing.retail.traffic import Call

REQUESTS = 3_000


@pytest.fixture(scope="module")
def calls(chain: Path) -> list[Call]:
    return list(traffic.day(REQUESTS, 1, chain))


def _text(call: Call) -> str:
    return "\n".join(str(message["content"]) for message in call.messages if message["content"])


def _share(calls: list[Call], tag: str) -> float:
    return sum(tag in call.expect.tags for call in calls) / len(calls)


def test_the_same_seed_gives_the_same_day(chain: Path, calls: list[Call]) -> None:
    again = list(traffic.day(REQUESTS, 1, chain))
    other = list(traffic.day(REQUESTS, 2, chain))
    assert again == calls
    assert other != calls


def test_the_apps_share_the_day(calls: list[Call]) -> None:
    apps = Counter(call.app for call in calls)
    assert apps == {"customer-service": 1_800, "store-assistant": 750, "inventory": 450}
    assert len({call.store for call in calls}) > 1_000
    assert 0.49 < sum(call.stream for call in calls) / REQUESTS < 0.51


@pytest.mark.parametrize(
    ("tag", "share"),
    [
        ("contains_pii", 0.12),
        ("contains_secret", 0.007),
        ("contains_injection", 0.01),
        ("asks_discount", 0.08),
        ("refund_outside", 0.04),
        ("other_customer", 0.01),
        ("multi_turn", 0.2),
        ("tools", 0.06),
        ("typos", 0.12),
    ],
)
def test_every_special_kind_has_its_share(calls: list[Call], tag: str, share: float) -> None:
    assert _share(calls, tag) == pytest.approx(share, rel=0.04)


def test_a_short_day_shows_every_special_kind(chain: Path) -> None:
    for seed in range(5):
        short = list(traffic.day(200, seed, chain))
        tags = Counter(tag for call in short for tag in call.expect.tags)
        assert len(short) == 200
        for tag in ("contains_pii", "contains_secret", "contains_injection", "asks_discount",
                    "refund_outside", "other_customer", "multi_turn", "tools"):  # fmt: skip
            assert tags[tag] >= 1, tag


def test_texts_vary(calls: list[Call]) -> None:
    assert len({call.expect.shape for call in calls}) > 300
    assert len({call.expect.intent for call in calls}) >= 40
    assert len({call.messages[-1]["content"] for call in calls}) > 0.95 * REQUESTS
    languages = Counter(call.expect.language for call in calls)
    assert {language: languages[language] for language in ("de", "es", "fr")} == {
        "de": 50,
        "es": 50,
        "fr": 50,
    }


def test_nothing_is_left_to_fill(calls: list[Call]) -> None:
    for call in calls:
        assert not re.search(r"\{[a-z_0-9]+\}|\[[^\]]*\|", _text(call)), call


def test_what_was_planted_is_in_the_text_and_nothing_else_is(calls: list[Call]) -> None:
    address = re.compile(r"[\w.]+@[\w.]+\.(?:example|com|org|net)")
    for call in calls:
        text = _text(call)
        for _, value in call.expect.personal:
            assert value in text
        for secret in call.expect.secrets:
            assert secret in text
        planted = {value for kind, value in call.expect.personal if kind == "email"}
        assert set(address.findall(text)) == planted


def test_card_numbers_and_ibans_pass_their_checksums() -> None:
    for card in phrases_extra.CARDS:
        digits = [int(c) for c in card if c.isdigit()]
        odd, even = digits[-1::-2], digits[-2::-2]
        assert (sum(odd) + sum(d * 2 - 9 * (d > 4) for d in even)) % 10 == 0, card
    for iban in phrases_extra.IBANS:
        plain = iban.replace(" ", "")
        turned = plain[4:] + plain[:4]
        assert int("".join(str(int(c, 36)) for c in turned)) % 97 == 1, iban


def test_a_customers_order_is_their_own(chain: Path, calls: list[Call]) -> None:
    with closing(open_readonly(chain)) as db:
        owner = dict(db.execute("SELECT id, customer_id FROM orders"))
        people = {row[0]: row[1:] for row in db.execute(
            "SELECT id, tier, home_store, region_id FROM customers")}  # fmt: skip
        state = dict(db.execute("SELECT id, refund_state FROM orders"))
    seen = 0
    for call in calls:
        order, claims = call.expect.order_id, call.claims
        if call.app != mix.CUSTOMER_SERVICE:
            assert "customer_id" not in claims
            assert "tier" not in claims
            continue
        assert claims["roles"] == ["customer"]
        assert (claims["tier"], claims["store"], claims["region"]) == people[claims["customer_id"]]
        if order is not None:
            assert owner[order] == claims["customer_id"]
            seen += 1
        if order and "refund_outside" in call.expect.tags:
            assert state[order] == "closed"
        if order and "refund_inside" in call.expect.tags:
            assert state[order] == "open"
        if "other_customer" in call.expect.tags:
            others = set(re.findall(r"HO-\d+", _text(call)))
            assert all(owner[o] != claims["customer_id"] for o in others)
    assert seen > 600


def test_staff_have_their_roles(calls: list[Call]) -> None:
    roles = Counter((call.app, tuple(call.claims["roles"])) for call in calls)
    assert roles["inventory", ("planner",)] == 450
    managers = roles["store-assistant", ("clerk", "manager")]
    assert 60 < managers < 180
    assert roles["store-assistant", ("clerk",)] == 750 - managers


def test_clerks_are_asked_about_orders_of_their_own_store(chain: Path, calls: list[Call]) -> None:
    with closing(open_readonly(chain)) as db:
        store_of = dict(db.execute("SELECT id, store_id FROM orders"))
    asked = [c for c in calls if c.app == mix.STORE_ASSISTANT and c.expect.order_id]
    assert len(asked) > 40
    assert all(store_of[call.expect.order_id] == call.claims["store"] for call in asked)


def test_the_day_has_business_hours(calls: list[Call]) -> None:
    times = [call.at_s for call in calls]
    assert times == sorted(times)
    assert times[0] >= 0
    assert times[-1] < 86_400
    open_hours = sum(8 * 3_600 <= at < 21 * 3_600 for at in times)
    assert open_hours / REQUESTS > 0.85


def test_bodies_are_openai_requests(calls: list[Call]) -> None:
    for call in calls:
        body = json.loads(json.dumps(call.body()))
        assert body["messages"][-1]["role"] in ("user", "tool")
        assert body.get("stream", False) is call.stream
        assert ("tools" in body) is ("tools" in call.expect.tags)
        if "tool_result" in call.expect.tags:
            asked, told = body["messages"][-2:]
            assert asked["tool_calls"][0]["id"] == told["tool_call_id"]
            json.loads(asked["tool_calls"][0]["function"]["arguments"])
        if "multi_turn" in call.expect.tags:
            assert sum(m["role"] == "user" for m in body["messages"]) > 1


def test_intents_with_personal_data_always_have_some(calls: list[Call]) -> None:
    for call in calls:
        if call.expect.intent in mix.PERSONAL_INTENTS:
            assert call.expect.personal, call


def test_any_number_of_requests(chain: Path) -> None:
    for count in (0, 1, 7, 99):
        assert len(list(traffic.day(count, 3, chain))) == count
    with pytest.raises(ValueError, match="negative"):
        list(traffic.day(-1, 3, chain))
