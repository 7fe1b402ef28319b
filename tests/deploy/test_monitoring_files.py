"""Dashboard and alert rules load, and name only metrics and labels that a gateway shows."""

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from freehold.app.gateway import make_gateway
from tests.e2e.served import write_bundle

ROOT = Path(__file__).resolve().parents[2]
DASHBOARD = ROOT / "deploy" / "grafana" / "freehold.json"
RULES = ROOT / "deploy" / "prometheus" / "freehold-alerts.yaml"
PAGE = ROOT / "docs" / "reference" / "metrics.md"
_USE = re.compile(r"\b(freehold_[a-z0-9_]+)(?:\{([^}]*)\})?")
_SUFFIX = re.compile(r"_(bucket|sum|count)$")


def expressions() -> Iterator[str]:
    for panel in json.loads(DASHBOARD.read_text(encoding="utf-8"))["panels"]:
        yield from (target["expr"] for target in panel.get("targets", ()))
    for group in yaml.safe_load(RULES.read_text(encoding="utf-8"))["groups"]:
        yield from (rule["expr"] for rule in group["rules"])


def declared() -> dict[str, set[str]]:
    """Metric → its labels, as the reference has them."""
    rows = re.findall(r"^\| `(freehold_\w+)` \| \w+ \|([^|]*)\|", PAGE.read_text(), re.MULTILINE)
    return {name: set(re.findall(r"`(\w+)`", labels)) for name, labels in rows}


@pytest.fixture(scope="module")
def shown(tmp_path_factory: pytest.TempPathFactory) -> str:
    """What a gateway shows before anything came."""
    folder = tmp_path_factory.mktemp("shown")
    bundle = write_bundle(folder / "bundle", "http://127.0.0.1:9")
    gateway = make_gateway(bundle, folder / "home", index=False)
    return gateway.metrics("", "127.0.0.1").decode()


def test_every_metric_named_in_them_is_one_of_a_gateway(shown: str) -> None:
    families = set(re.findall(r"^# TYPE (\S+)", shown, re.MULTILINE))
    named = {name for expr in expressions() for name, _ in _USE.findall(expr)}
    assert len(named) > 25
    assert {_SUFFIX.sub("", name) if name not in families else name for name in named} <= families


def test_every_label_is_one_of_its_metric() -> None:
    labels = declared()
    for expr in expressions():
        for name, selector in _USE.findall(expr):
            base = name if name in labels else _SUFFIX.sub("", name)
            used = set(re.findall(r"(\w+)\s*(?:=~|!=|!~|=)", selector))
            assert used <= labels[base] | {"le"}, expr


def test_the_reference_has_every_metric_of_a_gateway_and_no_other(shown: str) -> None:
    families = set(re.findall(r"^# TYPE (freehold_\S+)", shown, re.MULTILINE))
    assert set(declared()) == families


def test_the_dashboard_is_whole() -> None:
    board: dict[str, Any] = json.loads(DASHBOARD.read_text(encoding="utf-8"))
    ids = [panel["id"] for panel in board["panels"]]
    assert len(ids) == len(set(ids))
    variables = {variable["name"] for variable in board["templating"]["list"]}
    used = set(re.findall(r"\$\{?(\w+)", json.dumps(board["panels"])))
    assert used - {"__rate_interval"} <= variables
    for panel in board["panels"]:
        place = panel["gridPos"]
        assert place["x"] + place["w"] <= 24
        assert panel["type"] == "row" or panel["targets"]


def test_the_rules_have_what_prometheus_wants() -> None:
    names = []
    for group in yaml.safe_load(RULES.read_text(encoding="utf-8"))["groups"]:
        assert group["name"]
        for rule in group["rules"]:
            names.append(rule["alert"])
            assert rule["labels"]["severity"] in ("info", "warning", "critical")
            assert rule["annotations"]["summary"]
            assert rule["expr"].count("(") == rule["expr"].count(")")
    assert len(names) == len(set(names))
