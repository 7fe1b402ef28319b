"""Shadow and canary of a route, as the bundle says them and as the request path has them."""

from pathlib import Path

import pytest

from freehold.bundle.check import check
from freehold.bundle.resolve import resolve
from freehold.core.trials import CanarySpec, Guardrails, ShadowSpec

BUNDLE = """\
freehold: 1
name: trials
tenants:
  main: {}
  child: {parent: main, settings: {models: [old]}}
models:
  old: {base_url: "http://127.0.0.1:1/v1"}
  new: {base_url: "http://127.0.0.1:1/v1"}
  newer: {base_url: "http://127.0.0.1:1/v1"}
routes:
  main:
    candidates: [old]
    shadow: SHADOW
    canary: CANARY
apps:
  app: {tenant: main, purpose: Is tested, route: main}
"""
SHADOW = "{model: new, share: 0.2, money_per_day: 0.5}"
CANARY = """{model: newer, stages: [0.1, 0.5], advance: evidence, doubt: 0.01,
      guardrails: {errors: 0.001, slow_ms: 500}}"""


def written(folder: Path, shadow: str = SHADOW, canary: str = CANARY) -> Path:
    text = BUNDLE.replace("SHADOW", shadow).replace("CANARY", canary)
    (folder / "bundle.yaml").write_text(text, "utf-8")
    return folder


def test_both_reach_the_request_path_with_their_models(tmp_path: Path) -> None:
    report = check(written(tmp_path))
    assert report.bundle is not None, "\n".join(map(str, report.problems))
    assert not report.problems, "models on trial are in use"
    bundle = resolve(report.bundle, report.hash, lookup={}.get)
    app = bundle.app_for("main", "app")
    assert app.route.shadow == ShadowSpec(model="new", share=200_000, nano_per_day=500_000_000)
    assert app.route.canary == CanarySpec(
        model="newer",
        stages=(100_000, 500_000),
        advance="evidence",
        doubt=10_000,
        guardrails=Guardrails(errors=1_000, slow_ms=500),
    )
    assert set(app.models) == {"old", "new", "newer"}
    child = bundle.app_for("child", "app")
    assert (child.route.shadow, child.route.canary) == (None, None), "its tenant allows neither"
    assert set(child.models) == {"old"}


@pytest.mark.parametrize(
    ("shadow", "canary", "code"),
    [
        ("{model: nwe}", CANARY, "ref.model"),
        ("{model: old}", CANARY, "route.trial"),
        (SHADOW, "{model: old}", "route.trial"),
        (SHADOW, "{model: newer, stages: [0.5, 0.1]}", ""),
        (SHADOW, "{model: newer, stages: []}", ""),
        (SHADOW, "{model: newer, stages: [0, 1]}", ""),
        (SHADOW, "{model: newer, stages: [1.5]}", ""),
        (SHADOW, "{model: newer, doubt: 0}", ""),
        ("{model: new, share: 2}", CANARY, ""),
        ("{model: new, money_per_day: -1}", CANARY, ""),
        ("{share: 0.1}", CANARY, ""),
    ],
)
def test_mistakes_are_told(tmp_path: Path, shadow: str, canary: str, code: str) -> None:
    report = check(written(tmp_path, shadow, canary))
    assert report.bundle is None
    assert any(code in problem.code for problem in report.errors)
