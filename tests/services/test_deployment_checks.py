"""Who may let a version of a custom model take which step."""

from types import SimpleNamespace
from typing import Any, cast

import pytest
from msgspec.structs import replace

from freehold.bundle.custom_models import CustomModel, Deploy
from freehold.core.deployments import Deployment
from freehold.core.errors import ApprovalError, GateRefused, RequestError
from freehold.core.principal import Principal
from freehold.services.deployment_checks import (
    By,
    approved,
    fits,
    free,
    gated,
    of_owner,
    passed,
)

CUSTOM = CustomModel(kind="responder", owner="north", deploy=Deploy(approval="model-owner"))
TREE = {"chain": ("chain",), "north": ("chain", "north"), "south": ("chain", "south")}
BUNDLE = cast(Any, SimpleNamespace(is_descendant=lambda tenant, top: top in TREE.get(tenant, ())))
ROW = Deployment(model="answers", version="v1-00000001", digest="d", state="canary", since_ns=1,
                 by="ann", deployer="ann")  # fmt: skip


def version(gate: dict[str, Any] | None = None, by: str = "terminal:tess", **content: str) -> Any:
    told = SimpleNamespace(
        kind=content.get("kind", "responder"),
        dataset=SimpleNamespace(owner=content.get("owner", "north")),
    )
    manifest = SimpleNamespace(content=told, by=by)
    return SimpleNamespace(
        id="answers@v1", model="answers", name="v1-00000001", gate=gate, manifest=manifest
    )


def person(name: str, *roles: str, tenant: str = "north", verified: bool = True) -> By:
    found = Principal(id=name, verified=verified, roles=frozenset(roles), tenant=tenant)
    return By(name=name, person=found)


@pytest.mark.parametrize("tenant", ["north", "chain"])
def test_a_second_person_with_the_role_may(tenant: str) -> None:
    approved(CUSTOM, ROW, version(), person("olga", "model-owner", tenant=tenant), BUNDLE)


@pytest.mark.parametrize(
    ("by", "why"),
    [
        (By(name="terminal:root"), "verified person"),
        (person("olga", "model-owner", verified=False), "verified person"),
        (person("olga", "manager"), "role model-owner"),
        (person("olga", "model-owner", tenant="south"), "belongs to `north`"),
        (person("olga", "model-owner", tenant=""), "belongs to `north`"),
        (person("ANN", "model-owner"), "themselves"),
        (person("Tess", "model-owner"), "themselves"),
    ],
)
def test_nobody_else_may(by: By, why: str) -> None:
    with pytest.raises(ApprovalError, match=why):
        approved(CUSTOM, ROW, version(), by, BUNDLE)


def test_what_nobody_verified_deployed_can_not_be_approved() -> None:
    unknown = replace(ROW, deployer="")
    with pytest.raises(ApprovalError, match="no verified identity deployed it"):
        approved(CUSTOM, unknown, version(), person("olga", "model-owner"), BUNDLE)


def test_without_a_role_nobody_is_asked_and_nobody_forces() -> None:
    free_of_it = CustomModel(kind="responder", owner="north")
    approved(free_of_it, ROW, version(), By(name="terminal:root"), BUNDLE)
    with pytest.raises(ApprovalError, match="names no role"):
        gated(version(), free_of_it, person("olga", "model-owner"), BUNDLE, force=True)


@pytest.mark.parametrize("gate", [None, {"verdict": "refused"}, {}, {"verdict": None}])
def test_only_a_gate_that_was_passed_lets_it_go_on(gate: dict[str, Any] | None) -> None:
    assert not passed(gate)
    with pytest.raises(GateRefused):
        gated(version(gate), CUSTOM, person("olga", "model-owner"), BUNDLE, force=False)
    with pytest.raises(ApprovalError):
        gated(version(gate), CUSTOM, person("olga", "clerk"), BUNDLE, force=True)
    assert gated(version(gate), CUSTOM, person("olga", "model-owner"), BUNDLE, force=True)
    assert not gated(version({"verdict": "passed"}), CUSTOM, By(name="x"), BUNDLE, force=False)


def test_a_verdict_counts_for_the_incidents_that_were_asked() -> None:
    before = version({"verdict": "passed", "incidents": "sha256:1"})
    assert not gated(before, CUSTOM, By(name="x"), BUNDLE, force=False, remembered="sha256:1")
    with pytest.raises(GateRefused, match="other past incidents now"):
        gated(before, CUSTOM, By(name="x"), BUNDLE, force=False, remembered="sha256:2")


def test_a_version_is_what_the_bundle_declares() -> None:
    fits(version(), CUSTOM)
    with pytest.raises(RequestError, match="is a classifier"):
        fits(version(kind="classifier"), CUSTOM)
    with pytest.raises(RequestError, match="belongs to `south`"):
        fits(version(owner="south"), CUSTOM)


def test_one_trial_at_a_time() -> None:
    with pytest.raises(RequestError, match="on trial"):
        free([ROW], version())


@pytest.mark.parametrize("tenant", ["north", "chain"])
def test_whoever_is_of_the_owner_or_above_deploys(tenant: str) -> None:
    of_owner(CUSTOM, person("nora", tenant=tenant), BUNDLE)
    of_owner(CUSTOM, By(name="terminal:root"), BUNDLE)


@pytest.mark.parametrize(
    "by",
    [
        person("nora", "model-owner", tenant="south"),
        person("nora", tenant=""),
        person("nora", verified=False),
    ],
)
def test_nobody_of_another_tenant_deploys(by: By) -> None:
    with pytest.raises(ApprovalError, match="belongs to `north`"):
        of_owner(CUSTOM, by, BUNDLE)
