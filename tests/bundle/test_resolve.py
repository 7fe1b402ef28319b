import tracemalloc
from pathlib import Path
from textwrap import dedent

import pytest
import yaml

from freehold.bundle.check import check
from freehold.bundle.resolve import ResolvedBundle, resolve
from freehold.bundle.unresolved import Unresolved
from freehold.core.errors import NotFound
from freehold.core.routes import LearnSpec, MetricSpec, ObjectiveSpec
from freehold.core.spec import ApprovalSpec
from tests.bundle.samples import edited, write


def resolved(folder: Path, **environment: str) -> ResolvedBundle:
    report = check(folder)
    assert report.bundle is not None, "\n".join(map(str, report.problems))
    return resolve(report.bundle, report.hash, lookup=environment.get)


def test_an_app_comes_with_everything_inherited(tmp_path: Path) -> None:
    bundle = resolved(write(tmp_path))
    app = bundle.app_for("1001", "service")
    assert (app.id, app.tenant, app.tenant_path) == ("service", "1001", ("chain", "north", "1001"))
    assert app.bundle_hash == bundle.hash
    assert [rule.id for rule in app.rules] == ["no-big-discount", "mark-money"]
    assert [rule.obligations[0].action for rule in app.rules] == ["require_approval", "annotate"]
    assert [source.id for source in app.sources] == ["orders", "stock"]
    assert app.route.candidates == ("gpt-5", "small")
    assert app.route.rules[0].prefer == ("small",)
    assert set(app.models) == {"gpt-5", "small", "embedder"}
    assert app.models["gpt-5"].input_price_nano == 1250
    assert app.models["gpt-5"].output_price_nano == 10_000
    assert app.models["gpt-5"].api_key_ref == "env:EXAMPLE_KEY"
    assert app.limits.requests_per_minute == 600
    assert app.approvals == ApprovalSpec(hours=168, webhook=False)
    assert app.attributes == {"tier": "guest", "store": ""}
    assert app.currency == "EUR"
    assert bundle.app_for("1001", "service") is app


def test_detectors_are_listed_one_by_one_with_safe_defaults(tmp_path: Path) -> None:
    detectors = {d.id: d for d in resolved(write(tmp_path)).app_for("chain", "service").detectors}
    assert detectors["secret.api_key"].mode == "enforce"
    assert detectors["secret.api_key"].action == "redact"
    assert detectors["injection.patterns"].mode == "observe"
    assert not any("*" in name for name in detectors)


def test_a_family_is_spelled_out_and_its_member_has_the_last_word(tmp_path: Path) -> None:
    files = edited(
        "content: redacted",
        "content: redacted\n      detectors:\n"
        "        pii.email: {action: annotate}\n"
        "        pii.*: {mode: observe, action: block, threshold: 0.3}",
    )
    app = resolved(write(tmp_path, files)).app_for("chain", "service")
    detectors = {d.id: d for d in app.detectors}
    assert detectors["pii.phone"].action == "block"
    assert detectors["pii.phone"].threshold == 300_000
    assert (detectors["pii.email"].mode, detectors["pii.email"].action) == ("observe", "annotate")
    assert detectors["secret.jwt"].mode == "enforce"


def test_models_that_a_tenant_rules_out_are_out_of_the_route(tmp_path: Path) -> None:
    files = edited("content: redacted", "content: redacted\n      models: [small]")
    files["apps/service.yaml"] = files["apps/service.yaml"].replace(
        "    embedding_route: vectors\n", ""
    )
    app = resolved(write(tmp_path, files)).app_for("1001", "service")
    assert app.route.candidates == ("small",)
    assert set(app.models) == {"small"}
    assert app.aliases == {}


def test_apps_of_another_branch_and_unknown_names_are_not_found(tmp_path: Path) -> None:
    bundle = resolved(write(tmp_path, edited("tenant: chain", "tenant: north")))
    assert bundle.app_for("north", "service").tenant == "north"
    for tenant, app in [("chain", "service"), ("nobody", "service"), ("north", "nothing")]:
        with pytest.raises(NotFound):
            bundle.app_for(tenant, app)
    assert bundle.is_descendant("1001", "chain")
    assert bundle.is_descendant("1001", "1001")
    assert not bundle.is_descendant("chain", "1001")
    assert not bundle.is_descendant("nobody", "chain")
    assert bundle.root == "chain"
    assert bundle.example == ("north", "service")
    assert bundle.tenants == {"chain", "north", "1001"}


def test_addresses_come_from_the_environment_and_all_missing_ones_are_named(tmp_path: Path) -> None:
    files = edited("https://api.example.com/v1", "env:MODEL_URL")
    files["apps/service.yaml"] = files["apps/service.yaml"].replace(
        "sqlite:orders.db", "env:DB_URL"
    )
    write(tmp_path, files)
    bundle = resolved(tmp_path, MODEL_URL="https://eu.example.com/v1/", DB_URL="sqlite:here.db")
    app = bundle.app_for("chain", "service")
    assert app.models["gpt-5"].base_url == "https://eu.example.com/v1"
    assert app.sources[0].url == "sqlite:///here.db"
    with pytest.raises(Unresolved, match=r"base_url needs MODEL_URL.*url needs DB_URL"):
        resolved(tmp_path)


def test_labels_decide_what_can_be_cut_out(tmp_path: Path) -> None:
    files = edited(
        "currency: EUR", "currency: EUR\nlabels:\n  health: {redactable: true}\n  board: {}"
    )
    app = resolved(write(tmp_path, files)).app_for("chain", "service")
    assert app.redactable_labels == {"pii", "secret", "health"}


def test_1600_stores_cost_nothing_before_and_little_after_their_first_request(
    tmp_path: Path,
) -> None:
    write(tmp_path)
    stores = {f"s{number}": {"parent": "north"} for number in range(1600)}
    (tmp_path / "stores.yaml").write_text(yaml.safe_dump({"tenants": stores}))
    bundle = resolved(tmp_path)
    tracemalloc.start()
    first = bundle.app_for("s0", "service")
    specs = [bundle.app_for(store, "service") for store in stores]
    used, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert all(spec.detectors is first.detectors for spec in specs)
    assert used < 1600 * 1500


def test_a_settings_text_in_yaml_comes_out_as_the_request_path_needs_it(tmp_path: Path) -> None:
    text = dedent("""\
        settings:
          audit: strict
          retention_days: 30
          require_identity: true
          regions: [eu]
          approvals: {expires_hours: 12}
          limits: {money_per_day: 12.5, max_output_tokens: 200}
        """)
    files = edited("    sources: [orders, stock]\n", "    sources: [orders, stock]\n"
                   + "".join(f"    {line}\n" for line in text.splitlines()))  # fmt: skip
    files["apps/service.yaml"] = files["apps/service.yaml"].replace(
        "    embedding_route: vectors\n", ""
    )
    app = resolved(write(tmp_path, files)).app_for("chain", "service")
    assert app.strict_audit
    assert app.retention_days == 30
    assert app.require_identity
    assert app.allowed_regions == frozenset({"eu"})
    assert app.limits.nano_per_day == 12_500_000_000
    assert app.limits.max_output_tokens == 200
    assert app.limits.requests_per_minute == 600
    assert app.approvals == ApprovalSpec(hours=12, webhook=False)


def test_an_attribute_comes_from_the_claim_of_its_own_name_unless_said_otherwise(
    tmp_path: Path,
) -> None:
    files = edited(
        'jwks: "file:jwks.json"', 'jwks: "file:jwks.json", attribute_claims: {store: shop_number}'
    )
    (issuer,) = resolved(write(tmp_path, files)).app_for("chain", "service").issuers
    assert issuer.attribute_claims == {"tier": "tier", "store": "shop_number"}


LEARNS = """\
candidates: [gpt-5, small]
    objective: {policy: learned, quality_floor: 0.8, explore: 0.05}
    learn: {learn_from: tree}"""


def learning(tmp_path: Path, settings: str = "") -> ResolvedBundle:
    files = edited("candidates: [gpt-5, small]", LEARNS)
    files["freehold.yaml"] = files["freehold.yaml"].replace(
        "tenants:\n", "metrics: {stars: {type: float, min: 1, max: 5, days: 7}}\ntenants:\n"
    )
    if settings:
        files["freehold.yaml"] = files["freehold.yaml"].replace(
            "north: {parent: chain}", f"north: {{parent: chain, settings: {{routing: {settings}}}}}"
        )
    return resolved(write(tmp_path, files))


def test_a_route_that_learns(tmp_path: Path) -> None:
    app = learning(tmp_path).app_for("1001", "service")
    assert app.route.objective == ObjectiveSpec(
        policy="learned", quality_floor=800_000, explore=50_000
    )
    assert app.route.learn == LearnSpec(metric="stars", owner="chain")
    assert app.embedding_route is not None
    assert app.embedding_route.objective == ObjectiveSpec()
    assert app.metrics["stars"] == MetricSpec(
        id="stars", boolean=False, least=1_000_000, most=5_000_000, days=7
    )


def test_a_tenant_may_aim_elsewhere(tmp_path: Path) -> None:
    bundle = learning(tmp_path, "{quality_floor: 0.5, money_per_request: 0.00023, explore: 0}")
    assert bundle.app_for("1001", "service").route.objective == ObjectiveSpec(
        policy="learned", quality_floor=500_000, explore=0, nano_per_request=230_000
    )
    assert bundle.app_for("chain", "service").route.objective.quality_floor == 800_000


def test_rules_of_a_route_rule_out(tmp_path: Path) -> None:
    files = edited("prefer: [small]", "exclude: [gpt-5], only: [small]")
    (rule,) = resolved(write(tmp_path, files)).app_for("chain", "service").route.rules
    assert (rule.prefer, rule.only, rule.exclude) == ((), {"small"}, {"gpt-5"})
