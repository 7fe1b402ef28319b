"""Reactions of alerts that would change nothing, and routers that are not there."""

from pathlib import Path

import pytest
import yaml

from freehold.bundle.check import check
from freehold.services.bundles import check_bundle

MODEL = {"base_url": "http://127.0.0.1:9/v1"}
LEARNS = {"policy": "learned", "quality_floor": 0.8}


def warned(folder: Path, reaction: object, *, of: object = None, **changed: object) -> list[str]:
    """What `alert.effect` warns of; two routes, one that learns and one that is written."""
    bundle = {
        "freehold": 1,
        "name": "watched",
        "tenants": {"main": {}},
        "metrics": {"solved": {"type": "boolean"}},
        "models": {"small": MODEL, "large": MODEL, "alone": MODEL, "guard": MODEL},
        "routes": {
            "learns": {"candidates": ["small", "large"], "objective": LEARNS},
            "written": {"candidates": ["alone"]},
        },
        "apps": {
            "one": {
                "tenant": "main", "purpose": "Is tested", "route": "learns",
                "intents": {"refund": {"examples": ["money back"]}},
            },
            "two": {"tenant": "main", "purpose": "Is tested", "route": "written"},
        },
        "alerts": {
            "a": {
                "watch": "quality", "of": of or {"route": "written"},
                "reactions": [reaction],
            }
        },
    }  # fmt: skip
    for path, value in changed.items():
        place: dict[str, object] = bundle
        *above, last = path.split("__")
        for key in above:
            place = place.setdefault(key, {})  # type: ignore[assignment]
        place[last] = value
    (folder / "bundle.yaml").write_text(yaml.safe_dump(bundle), encoding="utf-8")
    report = check_bundle(folder)
    assert report.ok, report.errors
    return [problem.message for problem in report.warnings if problem.code == "alert.effect"]


@pytest.mark.parametrize(
    ("reaction", "why"),
    [
        ({"raise_floor": {"to": 0.9}}, "does not learn"),
        ({"raise_floor": {"to": 0.7, "route": "learns"}}, "asks for 0.7 or more as it is"),
        ({"demote": {"model": "small"}}, "does not have `small`"),
        ({"demote": {"model": "alone"}}, "nobody beside it"),
        ({"stop": {"model": "guard", "route": "learns"}}, "does not have `guard`"),
        ({"stop": {"model": "small", "route": "learns", "intent": "refnd"}}, "no app has"),
    ],
)
def test_a_reaction_without_effect_is_a_warning(tmp_path: Path, reaction: object, why: str) -> None:
    (said,) = warned(tmp_path, reaction)
    assert why in said


@pytest.mark.parametrize(
    "reaction",
    [
        {"raise_floor": {"to": 0.9, "route": "learns"}},
        {"demote": {"model": "small", "route": "learns"}},
        {"stop": {"model": "alone"}},
        {"stop": {"model": "small", "route": "learns", "intent": "refund"}},
        {"open_case": {}},
    ],
)
def test_one_with_an_effect_is_none(tmp_path: Path, reaction: object) -> None:
    assert warned(tmp_path, reaction) == []


def test_of_every_route_one_that_learns_is_enough(tmp_path: Path) -> None:
    raised = {"raise_floor": {"to": 0.9}}
    every = {"route": "*"}
    assert warned(tmp_path, raised, of=every) == []
    (said,) = warned(tmp_path, raised, of=every, routes__learns__objective={})
    assert "no route learns" in said


def test_what_a_tenant_or_an_app_says_counts(tmp_path: Path) -> None:
    raised = {"raise_floor": {"to": 0.9}}
    for owner in ("tenants__main", "apps__two"):
        for aims in ({"policy": "learned"},):
            key = f"{owner}__settings"
            told = warned(
                tmp_path,
                raised,
                **{key: {"routing": aims}},
                routes__written__learn={"metric": "solved"},
            )
            assert told == []


def test_a_canary_may_be_stopped(tmp_path: Path) -> None:
    canary = {"model": "guard"}
    stop = {"stop": {"model": "guard", "route": "learns"}}
    assert warned(tmp_path, stop, routes__learns__canary=canary) == []


@pytest.mark.parametrize("place", ["routes__written__objective", "apps__two__settings__routing"])
def test_a_router_that_is_not_installed_is_a_warning(tmp_path: Path, place: str) -> None:
    warned(tmp_path, {"open_case": {}}, **{place: {"policy": "lerned"}})
    (said,) = [p for p in check_bundle(tmp_path).warnings if p.code == "route.policy"]
    assert "no router `lerned`" in said.message
    assert "did you mean `learned`" in said.suggestion
    assert said.line > 0
    known = check(tmp_path, router_ids=("static", "learned", "lerned"))
    assert "route.policy" not in {problem.code for problem in known.problems}
