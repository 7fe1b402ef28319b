"""Alerts in a bundle: what they mean, and what can't be."""

from pathlib import Path

import pytest

from freehold.bundle.alerting import BUILT_IN
from freehold.core.alerts import WATCHES, AlertSpec, Subject
from freehold.services.bundles import check_bundle, described_bundle

BUNDLE = """\
freehold: 1
name: watched
MORE
egress: {allow: [desk.example.com]}
tenants: {main: {}}
models: {m: {base_url: "http://127.0.0.1:9/v1"}}
routes: {main: {candidates: [m]}}
apps: {app: {tenant: main, purpose: Is tested, route: main}}
"""
HOOK = 'monitoring: {webhook: {url: "https://desk.example.com/in", secret: "env:DESK"}}'


def write(folder: Path, alert: str, more: str = "") -> Path:
    text = BUNDLE.replace("MORE", more) + f"alerts:\n  a: {alert}\n"
    (folder / "bundle.yaml").write_text(text, encoding="utf-8")
    return folder


def spec(folder: Path, alert: str, more: str = "") -> AlertSpec:
    return next(s for s in described_bundle(write(folder, alert, more)).alerts if s.name == "a")


def test_what_is_left_out_comes_from_the_watch(tmp_path: Path) -> None:
    found = spec(tmp_path, "{watch: quality, of: {route: main}}")
    assert found.subject == Subject("route", "main")
    assert (found.direction, found.least, found.when) == ("down", 0.05, "drift")
    assert found.reactions == ()
    assert not found.webhook


def test_money_is_in_nano_units_and_floors_in_millionths(tmp_path: Path) -> None:
    found = spec(
        tmp_path,
        "{watch: cost, of: {app: app}, when: above, value: 0.0015, notify: [webhook],"
        " reactions: [{raise_floor: {to: 0.85, route: main}}, {stop: {model: m, intent: i}}]}",
        HOOK,
    )
    assert found.value == 1_500_000
    floor, stop = found.reactions
    assert (floor.kind, floor.floor, floor.minutes) == ("raise_floor", 850_000, 60)
    assert (stop.kind, stop.model, stop.intent, stop.minutes) == ("stop", "m", "i", 0)
    assert found.webhook


@pytest.mark.parametrize(
    ("alert", "code"),
    [
        ('{watch: language, of: {model: "*"}}', "alert.watch"),
        ("{watch: language, of: {app: app}, when: above, value: 1}", "alert.value"),
        ("{watch: cost, of: {app: app}, when: above}", "alert.value"),
        ("{watch: cost, of: {app: app, model: m}}", "alert.of"),
        ("{watch: cost, of: {}}", "alert.of"),
        ("{watch: cost, of: {app: nobody}}", "ref.app"),
        ("{watch: cost, of: {app: app}, reactions: [{demote: {}}]}", "alert.reaction"),
        ("{watch: cost, of: {model: m}, reactions: [{demote: {model: x}}]}", "ref.model"),
        ("{watch: cost, of: {model: m}, reactions: [{}]}", "alert.reaction"),
        ("{watch: cost, of: {model: m}, reactions: [{raise_floor: {to: 0.5}}]}", "alert.reaction"),
        ("{watch: cost, of: {model: m}, notify: [webhook]}", "alert.webhook"),
        ("{watch: costs, of: {model: m}}", "shape.choice"),
    ],
)
def test_what_cannot_be_is_said_with_its_place(tmp_path: Path, alert: str, code: str) -> None:
    report = check_bundle(write(tmp_path, alert))
    codes = {problem.code for problem in report.errors}
    assert code in codes or (code.startswith("shape") and any(c.startswith("shape") for c in codes))
    assert all(":" in str(problem) for problem in report.errors)


def test_a_webhook_needs_its_host_allowed(tmp_path: Path) -> None:
    hook = HOOK.replace("desk.example.com", "other.example.com")
    report = check_bundle(write(tmp_path, "{watch: cost, of: {model: m}}", hook))
    assert [problem.code for problem in report.errors] == ["egress.host"]


def test_those_that_come_along_only_log_and_give_way(tmp_path: Path) -> None:
    found = described_bundle(write(tmp_path, "{watch: cost, of: {model: m}}")).alerts
    assert {s.name for s in found} == {"a", *(s.name for s in BUILT_IN)}
    assert not any(s.reactions or s.webhook for s in BUILT_IN)
    assert all(s.subject.kind in WATCHES[s.watch].subjects for s in BUILT_IN)
    off = described_bundle(
        write(tmp_path, "{watch: cost, of: {model: m}}", "monitoring: {defaults: false}")
    )
    assert [s.name for s in off.alerts] == ["a"]
    text = (tmp_path / "bundle.yaml").read_text().replace("  a: {", "  model-slower: {")
    (tmp_path / "bundle.yaml").write_text(text.replace("monitoring: {defaults: false}", ""))
    (own,) = [s for s in described_bundle(tmp_path).alerts if s.name == "model-slower"]
    assert own.watch == "cost"
