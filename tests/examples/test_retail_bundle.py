"""The retail bundle: it holds together, its queries find what they should, its rules fire."""

import runpy
import sqlite3
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import orjson
import pytest

from freehold.bundle.check import check
from freehold.bundle.resolve import ResolvedBundle, resolve
from freehold.core.spec import AppSpec, RuleSpec
from freehold.rules.program import check_expression, conditions
from freehold.stages.context.binding import identifiers, terms
from freehold.testing.retail import mix, open_readonly, regions, traffic
from freehold.testing.retail.traffic import Call
from freehold.text.facts import extract

RETAIL = Path(__file__).resolve().parents[2] / "examples" / "retail"
BUNDLE = RETAIL / "bundle"
APPS = (mix.CUSTOMER_SERVICE, mix.STORE_ASSISTANT, mix.INVENTORY)
ADDRESSES = {
    "FREEHOLD_SIMULATOR_URL": "http://127.0.0.1:8711/v1",
    "FREEHOLD_RETAIL_DB": "sqlite:///nowhere.sqlite",
    "FREEHOLD_DELIVERY_URL": "http://127.0.0.1:8712/deliveries",
}


@pytest.fixture(scope="module")
def bundle() -> ResolvedBundle:
    report = check(BUNDLE, compile_rule=check_expression)
    assert report.problems == ()
    assert report.bundle is not None
    return resolve(report.bundle, report.hash, lookup=ADDRESSES.get)


@pytest.fixture(scope="module")
def db(chain: Path) -> Iterator[sqlite3.Connection]:
    with closing(open_readonly(chain)) as opened:
        opened.row_factory = sqlite3.Row
        yield opened


@pytest.fixture(scope="module")
def calls(chain: Path) -> list[Call]:
    return list(traffic.day(1_000, 4, chain))


# --- the tree ------------------------------------------------------------------------------------


def test_tenants_are_the_stores_of_the_database(
    bundle: ResolvedBundle, chain: Path, db: sqlite3.Connection
) -> None:
    stores = {row["id"]: row["region_id"] for row in db.execute("SELECT id, region_id FROM stores")}
    assert bundle.tenants == {"harbor-and-pine", *regions(chain), *stores}
    for store, region in stores.items():
        assert bundle.path(store) == ("harbor-and-pine", region, store)


def test_the_store_list_is_what_the_script_writes() -> None:
    made = runpy.run_path(str(RETAIL / "make_stores.py"))["text"]()
    assert (BUNDLE / "tenants" / "stores.yaml").read_text(encoding="utf-8") == made


def test_every_region_runs_every_app_under_the_chains_rule(
    bundle: ResolvedBundle, chain: Path
) -> None:
    for tenant in (*regions(chain), "store-0001", "store-1600"):
        for app_id in APPS:
            app = bundle.app_for(tenant, app_id)
            assert app.rules[0].id == "discount-over-20"
            assert app.require_identity
            assert all(rule.owner and rule.why for rule in app.rules)


def test_what_a_tenant_tightens_holds(bundle: ResolvedBundle) -> None:
    chain = bundle.app_for("northshore", mix.CUSTOMER_SERVICE)
    capital = bundle.app_for("capital", mix.CUSTOMER_SERVICE)
    assert chain.content_kept == "redacted"
    assert (capital.content_kept, capital.allowed_regions) == ("none", {"on-premises"})
    assert bundle.app_for("store-1203", mix.INVENTORY).allowed_regions == {"on-premises"}
    assert bundle.app_for("store-0007", mix.INVENTORY).limits.requests_per_minute == 120


def test_only_the_small_model_may_see_personal_data(bundle: ResolvedBundle) -> None:
    app = bundle.app_for("northshore", mix.CUSTOMER_SERVICE)
    frontier, small = app.models["simulated-frontier"], app.models["simulated-small"]
    assert {"pii", "personal", "trade"} & frontier.clearances == set()
    assert {"pii", "personal", "trade", "orders"} <= small.clearances
    assert frontier.simulated
    assert small.simulated
    assert {"personal", "trade", "orders"} & app.redactable_labels == set()


# --- the sources ---------------------------------------------------------------------------------


def _params(app: AppSpec, source: str, call: Call) -> dict[str, str]:
    (spec,) = (spec for spec in app.sources if spec.id == source)
    text = str([m for m in call.messages if m["role"] == "user"][-1]["content"])
    values = {"request.terms": terms(text), "request.ids": identifiers(text), "request.text": text}
    for name in ("customer_id", "tier", "store", "region"):
        values[f"principal.attributes.{name}"] = call.claims.get(name, "")
    return {name: values[path] for name, path in spec.bind.items()}


def _fetch(
    db: sqlite3.Connection, app: AppSpec, source: str, call: Call
) -> list[dict[str, Any]] | None:
    """Rows, or None where a parameter can't be bound, as the gateway does it."""
    params = _params(app, source, call)
    if "" in params.values():
        return None
    (spec,) = (spec for spec in app.sources if spec.id == source)
    return [dict(row) for row in db.execute(spec.query, params)]


def test_every_query_runs_for_everybody_and_quickly(
    bundle: ResolvedBundle, db: sqlite3.Connection, calls: list[Call]
) -> None:
    found: dict[str, int] = {}
    took: dict[str, list[float]] = {}
    for call in calls:
        app = bundle.app_for(call.region, call.app)
        for spec in app.sources:
            if spec.type == "sql":
                began = time.perf_counter()
                rows = _fetch(db, app, spec.id, call)
                took.setdefault(spec.id, []).append(time.perf_counter() - began)
                found[spec.id] = found.get(spec.id, 0) + bool(rows)
                assert len(orjson.dumps(rows or [])) < spec.max_chars
    assert min(found.values()) > 0, found  # no source that never finds anything
    for source, times in took.items():
        assert sorted(times)[len(times) // 2] < 0.05, source


def test_customers_find_their_own_orders_and_no_others(
    bundle: ResolvedBundle, db: sqlite3.Connection, calls: list[Call]
) -> None:
    app = bundle.app_for("northshore", mix.CUSTOMER_SERVICE)
    owner = {row["id"]: row["customer_id"] for row in db.execute("SELECT * FROM orders")}
    seen = strangers = 0
    for call in calls:
        if call.app != mix.CUSTOMER_SERVICE:
            continue
        rows = _fetch(db, app, "orders", call) or []
        assert all(owner[row["order_id"]] == call.claims["customer_id"] for row in rows)
        if call.expect.order_id and call.expect.language == "en":
            assert call.expect.order_id in [row["order_id"] for row in rows]
            seen += 1
        elif "other_customer" in call.expect.tags and "HO-" in _params(app, "orders", call)["ids"]:
            assert rows == []
            strangers += 1
    assert seen > 150
    assert strangers > 2


def test_refundable_orders_follow_the_policy(
    bundle: ResolvedBundle, db: sqlite3.Connection, calls: list[Call]
) -> None:
    app = bundle.app_for("northshore", mix.CUSTOMER_SERVICE)
    counts = {"refund_inside": 0, "refund_outside": 0}
    for call in calls:
        for tag in counts.keys() & call.expect.tags:
            if call.expect.order_id:
                rows = _fetch(db, app, "refundable-orders", call)
                assert bool(rows) is (tag == "refund_inside"), call
                counts[tag] += 1
    assert min(counts.values()) > 15


def test_staff_get_nothing_that_is_bound_to_a_customer(
    bundle: ResolvedBundle, db: sqlite3.Connection, calls: list[Call]
) -> None:
    customers = bundle.app_for("northshore", mix.CUSTOMER_SERVICE)
    clerk = next(call for call in calls if call.app == mix.STORE_ASSISTANT)
    for source in ("orders", "refundable-orders", "customer-profile"):
        assert _fetch(db, customers, source, clerk) is None


def test_conditions_of_sources_tell_questions_apart(
    bundle: ResolvedBundle, calls: list[Call]
) -> None:
    wanted = {
        "store_hours": "my-store",
        "promotion": "promotions",
        "refund_outside": "refund-policy",
        "account_update": "customer-profile",
        "delivery_late": "deliveries",
        "other_store_stock": "stock-nearby",
        "deliveries_due": "store-deliveries",
        "supplier_delay": "supplier-terms",
    }
    hits: dict[str, list[bool]] = {intent: [] for intent in wanted}
    for call in calls:
        source = wanted.get(call.expect.intent)
        if source is not None:
            app = bundle.app_for(call.region, call.app)
            (spec,) = (spec for spec in app.sources if spec.id == source)
            text = str([m for m in call.messages if m["role"] == "user"][-1]["content"])
            (holds,) = conditions((spec.when,), "source").run({"request.text": text})
            hits[call.expect.intent].append(bool(holds))
    for intent, found in hits.items():
        assert sum(found) / len(found) > 0.5, (intent, wanted[intent])


# --- the rules -----------------------------------------------------------------------------------


def _fired(rule: RuleSpec, answer: str = "", **facts: Any) -> bool:
    """Whether the rule fires on this answer, with these facts (`_` stands for `.`)."""
    found = extract(answer)
    sheet: dict[str, Any] = {
        "answer.text": answer,
        "answer.tools": [],
        "answer.percents": [f.cel() for f in found if f.kind == "percent"],
        "answer.commitments": [f.cel() for f in found if f.kind == "commitment"],
        "answer.quantities": [f.cel() for f in found if f.kind == "quantity"],
        "answer.ungrounded_money": [f.cel() for f in found if f.kind == "money"],
        "context.sources": [],
        "context.failed": [],
        "principal.roles": ["customer"],
        "principal.attributes.tier": "guest",
        "request.text": "",
    }
    sheet.update({name.replace("__", "."): value for name, value in facts.items()})
    program = conditions((rule.when,), rule.phase)
    (verdict,) = program.run(sheet)
    assert verdict is not None, rule.id
    return verdict


def _rule(bundle: ResolvedBundle, rule_id: str) -> RuleSpec:
    return bundle.rules[rule_id]


@pytest.mark.parametrize(
    ("answer", "fires"),
    [
        ("I can give you 30 % off the kettle.", True),
        ("I have applied a 25% discount for you already.", True),
        ("Because you asked so nicely, you get half price.", True),
        ("Let's settle on a third off, then.", True),
        ("We could do 15 to 25 % off the kettle.", True),
        ("I can give you 20 % off the kettle.", False),
        ("I'm afraid I can't give you 30% off.", False),
        ("We can not offer 50 % here, much as I would like to.", False),
        ("The throw is 80 % wool and 20 % cotton.", False),
    ],
)
def test_no_discount_above_20_percent(bundle: ResolvedBundle, answer: str, fires: bool) -> None:
    assert _fired(_rule(bundle, "discount-over-20"), answer) is fires


@pytest.mark.parametrize(
    ("tier", "percent", "rule"),
    [
        ("guest", 5, None),
        ("guest", 8, "discount-below-platinum"),
        ("silver", 7, None),
        ("silver", 10, "discount-below-platinum"),
        ("gold", 10, None),
        ("gold", 12, "discount-below-platinum"),
        ("platinum", 15, None),
        ("platinum", 18, "discount-platinum"),
        ("platinum", 25, "discount-over-20"),
        ("guest", 25, "discount-over-20"),
    ],
)
def test_each_tier_has_its_own_limit(
    bundle: ResolvedBundle, tier: str, percent: int, rule: str | None
) -> None:
    answer = f"I can give you {percent} % off the kettle today."
    rules = ("discount-over-20", "discount-platinum", "discount-below-platinum")
    facts = {"principal__attributes__tier": tier}
    fired = [name for name in rules if _fired(_rule(bundle, name), answer, **facts)]
    assert fired == ([rule] if rule else [])


def test_the_tiers_limits_are_those_of_the_table(
    bundle: ResolvedBundle, db: sqlite3.Connection
) -> None:
    rules = [_rule(bundle, name) for name in ("discount-platinum", "discount-below-platinum")]
    for row in db.execute("SELECT tier, max_discount_bp FROM tier_terms"):
        limit = row["max_discount_bp"] // 100
        for percent in (limit, limit + 1):
            answer = f"You get {percent} % off."
            fired = [_fired(r, answer, principal__attributes__tier=row["tier"]) for r in rules]
            assert any(fired) is (percent > limit), (row["tier"], percent)


def test_a_promotion_is_only_watched(bundle: ResolvedBundle) -> None:
    answer = "Right now we have Summer: toys, which takes 15 % off and runs until 2026-06-30."
    facts = {"context__sources": ["products", "promotions"]}
    assert not _fired(_rule(bundle, "discount-below-platinum"), answer, **facts)
    watched = _rule(bundle, "discount-beside-promotion")
    assert _fired(watched, answer, **facts)
    assert watched.mode == "observe"


@pytest.mark.parametrize(
    ("answer", "fires"),
    [
        ("I've refunded order HO-1000003 in full.", True),
        ("A full refund for order HO-1000003 has been issued.", True),
        ("Don't worry, we will refund your order completely.", True),
        ("Our policy doesn't allow a refund for order HO-1000003, I'm afraid.", False),
        ("Order HO-1 is outside what our refund policy covers, so I can't promise one.", False),
    ],
)
def test_no_refund_that_the_policy_excludes(
    bundle: ResolvedBundle, answer: str, fires: bool
) -> None:
    rule = _rule(bundle, "refund-outside-policy")
    assert _fired(rule, answer) is fires
    assert not _fired(rule, answer, context__sources=["orders", "refundable-orders"])
    assert rule.obligations[0].action == "rewrite"
    # The replacement promises nothing itself.
    assert not _fired(rule, rule.obligations[0].template)


@pytest.mark.parametrize(
    ("text", "sources", "fires"),
    [
        ("where is ho-1000003", [], True),
        ("where is HO-1000003?", ["products"], True),
        ("where is HO-1000003?", ["orders"], False),
        ("where is my order?", [], False),
        ("Where is HO 1000003?", [], True),
        ("Where is HO 1000003?", ["orders"], False),
        ("Where are HO-1424306 and HO-1000003?", ["orders", "orders-of-others"], True),
    ],
)
def test_only_ones_own_orders(
    bundle: ResolvedBundle, text: str, sources: list[str], fires: bool
) -> None:
    rule = _rule(bundle, "only-own-orders")
    assert _fired(rule, request__text=text, context__sources=sources) is fires


def test_orders_that_can_not_be_told_apart_are_refused(bundle: ResolvedBundle) -> None:
    rule = _rule(bundle, "only-own-orders")
    facts = {"request__text": "HO-1000003?", "context__sources": ["orders"]}
    assert not _fired(rule, **facts)
    assert _fired(rule, **facts, context__failed=["orders-of-others"])


@pytest.mark.parametrize(
    "text",
    [
        "Where is {other}?",
        "Where are {own} and {other}?",
        "Where are {other} and {own}?",
        "Where is {other_spaced}?",
        "my orders {own_spaced}, {other_spaced}",
        "where is {other_lower}",
        "order {other_glued}",
        "HO - {other_digits}, please",
    ],
)
@pytest.mark.parametrize("stranger", [True, False])
def test_somebody_elses_order_is_seen_beside_ones_own(
    bundle: ResolvedBundle, db: sqlite3.Connection, text: str, stranger: bool
) -> None:
    query = (
        "SELECT customer_id, group_concat(id) FROM orders GROUP BY 1 HAVING count(*) > 1 LIMIT 2"
    )
    (customer, mine), (_, theirs) = db.execute(query)
    own, also = mine.split(",")[:2]
    other = theirs.split(",")[0] if stranger else also
    names = {
        "own": own, "own_spaced": own.replace("-", " "), "other": other,
        "other_spaced": other.replace("-", " "), "other_lower": other.lower(),
        "other_glued": other.replace("-", ""), "other_digits": other[3:],
    }  # fmt: skip
    said = text.format(**names)
    (spec,) = (
        spec
        for spec in bundle.app_for("northshore", mix.CUSTOMER_SERVICE).sources
        if spec.id == "orders-of-others"
    )
    assert conditions((spec.when,), "source").run({"request.text": said}) == [True]
    given = {"customer": customer, "ids": identifiers(said), "text": said}
    rows = [row["order_id"] for row in db.execute(spec.query, given)]
    assert rows == ([other] if stranger else [])


def test_the_other_rules_fire_and_keep_still(bundle: ResolvedBundle) -> None:
    def fired(name: str, answer: str = "", **facts: Any) -> bool:
        return _fired(_rule(bundle, name), answer, **facts)

    assert fired("return-tool-outside-policy", answer__tools=["start_return"])
    assert not fired("return-tool-outside-policy", answer__tools=["get_order"])
    assert fired("transfer-needs-approval", answer__tools=["plan_transfer"])
    assert fired("staff-only")
    for role in ("clerk", "manager", "planner"):
        assert not fired("staff-only", principal__roles=[role])
    assert fired("platinum-care", principal__attributes__tier="platinum")
    assert not fired("platinum-care")
    assert fired("rude-words", "What a stupid question.")
    assert fired("invented-price", "The kettle is only $3.95 today.")
    assert fired("delivery-guarantee", "I guarantee delivery by Friday.")
    assert fired("large-quantity", "Please order 900 units of the kettle.")
    assert not fired("large-quantity", "Please order 24 units of the kettle.")
    assert fired("refund-at-the-till", "We will refund the customer in full.")
