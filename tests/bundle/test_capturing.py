"""What apps capture: inherited, locked, and never more than the record keeps."""

from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from freehold.bundle.capturing import BASE, Capture, capture_leaves, capture_spec, capture_stricter
from freehold.bundle.check import check
from freehold.bundle.resolve import ResolvedBundle, resolve
from freehold.core.capturing import CaptureSpec, covers

BUNDLE = """\
freehold: 1
name: capturing
identity: {attributes: {tier: {default: none}, training: {default: 'no'}}}
metrics: {helpful: {}}
tenants:
  chain: {settings: {TOP}, lock: [LOCK], rules: ['no']}
  north: {parent: chain, settings: {NORTH}}
  south: {parent: chain}
models: {m: {base_url: "http://127.0.0.1:9/v1"}}
routes: {main: {candidates: [m]}}
rules: {no: {phase: request, when: 'false', do: [{block: {}}]}}
apps:
  desk: {tenant: chain, purpose: Is tested, route: main, intents: {refund: {examples: [a b, c d]}},
    APP}
"""


def written(folder: Path, *, top: str = "", north: str = "", app: str = "", lock: str = "") -> Path:
    text = BUNDLE.replace("TOP", top).replace("NORTH", north).replace("LOCK", lock)
    (folder / "bundle.yaml").write_text(text.replace("APP", app))
    return folder


def made(folder: Path, **parts: str) -> ResolvedBundle:
    report = check(written(folder, **parts))
    assert report.bundle is not None, [str(problem) for problem in report.problems]
    return resolve(report.bundle, report.hash, lookup=lambda _: None)


def spec_of(bundle: ResolvedBundle, tenant: str = "chain") -> CaptureSpec:
    found = bundle.app_for(tenant, "desk").capture
    assert found is not None
    return found


def problems(folder: Path, **parts: str) -> list[tuple[str, str]]:
    report = check(written(folder, **parts))
    return [(problem.code, problem.message) for problem in report.problems]


def test_without_a_section_nothing_is_captured(tmp_path: Path) -> None:
    assert made(tmp_path).app_for("chain", "desk").capture is None


def test_an_empty_section_has_a_sensible_meaning(tmp_path: Path) -> None:
    spec = spec_of(made(tmp_path, app="capture: {}"), "north")
    assert spec == CaptureSpec(
        owner="chain", keep_days=180, feedback={"*": 500_000},
        detectors=frozenset({"grounded.values", "promise.unauthorised"}),
    )  # fmt: skip
    assert (spec.share, spec.content, spec.random) == ("none", "redacted", 10_000)


def test_tenants_hand_it_down_and_apps_say_more(tmp_path: Path) -> None:
    bundle = made(
        tmp_path,
        top="capture: {share: down, when: {random: 0.5, feedback: {helpful: 0.2}}}",
        north="capture: {owner_tenant: north, per_day: 7}, retention_days: 30, content: none",
        app="capture: {content: full, "
        "value: {intents: {refund: 3}, attributes: {tier: {gold: 2}}}}",
    )
    chain, north = spec_of(bundle), spec_of(bundle, "north")
    assert (chain.owner, chain.share, chain.random) == ("chain", "down", 500_000)
    assert chain.feedback == {"helpful": 200_000}
    assert (chain.content, chain.keep_days, chain.per_day) == ("redacted", 180, 1_000)
    assert (chain.intents, chain.attributes) == (
        {"refund": 3_000_000}, {"tier": {"gold": 2_000_000}},
    )  # fmt: skip
    assert (north.owner, north.per_day, north.keep_days, north.content) == ("north", 7, 30, "none")


def test_below_one_that_captures_an_app_may_say_no(tmp_path: Path) -> None:
    bundle = made(tmp_path, top="capture: {}", app="capture: {enabled: false}")
    assert bundle.app_for("north", "desk").capture is None


def test_consent_is_a_value_of_an_attribute(tmp_path: Path) -> None:
    spec = spec_of(made(tmp_path, app="capture: {consent: {training: granted}}"))
    assert spec.allows({"training": "granted", "tier": "gold"})
    assert not spec.allows({"training": "no"})
    assert not spec.allows({})


@pytest.mark.parametrize(
    ("top", "loose", "told"),
    [
        ("capture: {share: none}", "share: up", "`share` is `up` here, looser than `none`"),
        ("capture: {share: up}", "share: down", "`share` is `down` here"),
        ("capture: {when: {random: 0.01}}", "when: {random: 0.5}", "is `0.5` here, looser"),
        ("capture: {per_day: 5}", "per_day: 6", "is `6` here, looser than the `5`"),
        ("capture: {consent: {training: granted}}", "consent: {}", "is `{}` here, looser"),
        ("capture: {when: {rules: ['no']}}", "when: {rules: ['*']}", "is `[*]` here, looser"),
        ("capture: {when: {feedback: 0.2}}", "when: {feedback: {helpful: 0.3}}", "helpful: 0.3"),
        ("", "per_day: 1", "is `true` here, looser than the `false`"),
    ],
)
def test_what_is_locked_only_tightens(tmp_path: Path, top: str, loose: str, told: str) -> None:
    app = f"capture: {{{loose}}}"
    found = problems(tmp_path, top=top, app=app, lock="capture")
    assert found
    assert all(code == "lock.loosened" for code, _ in found)
    shown = " ".join(message for _, message in found).replace("the ", "")
    assert told.replace("the ", "") in shown


def test_what_is_named_is_declared(tmp_path: Path) -> None:
    app = (
        "capture: {when: {rules: [nope], detectors: [pii.emial, 'pii.*', 'x.*'], "
        "feedback: {helpfull: 0.5}}, consent: {trainin: a}, "
        "value: {intents: {refunds: 1}, attributes: {tiers: {}}}}"
    )
    assert {code for code, _ in problems(tmp_path, app=app)} == {
        "ref.rule", "ref.detector", "ref.metric", "ref.attribute", "ref.intent",
    }  # fmt: skip
    assert len(problems(tmp_path, app=app)) == 7


def test_cases_belong_to_a_tenant_above(tmp_path: Path) -> None:
    (found,) = problems(tmp_path, north="capture: {owner_tenant: south}")
    assert found[0] == "capture.owner"
    assert problems(tmp_path, north="capture: {owner_tenant: chain}") == []
    assert problems(tmp_path, app="capture: {owner_tenant: north}")[0][0] == "capture.owner"


def test_no_route_learns_from_texts(tmp_path: Path) -> None:
    folder = written(tmp_path)
    text = (folder / "bundle.yaml").read_text()
    text = text.replace("metrics: {helpful: {}}", "metrics: {helpful: {type: demonstration}}")
    text = text.replace("candidates: [m]", "candidates: [m], learn: {metric: helpful}")
    (folder / "bundle.yaml").write_text(text)
    assert [problem.code for problem in check(folder).problems] == ["metric.text"]


sets = st.frozensets(st.sampled_from(["*", "pii.*", "pii.email", "secret.*", "a"]))
scores = st.dictionaries(
    st.sampled_from(["helpful", "stars"]), st.integers(0, 9).map(lambda n: n / 10)
)


def optional(**fields: st.SearchStrategy[Any]) -> st.SearchStrategy[dict[str, Any]]:
    return st.fixed_dictionaries({}, optional=fields)


blocks = optional(
    enabled=st.booleans(),
    when=optional(
        rules=sets.map(sorted), detectors=sets.map(sorted), human=st.booleans(),
        feedback=scores | st.just(0.5), random=st.integers(0, 9).map(lambda n: n / 10),
    ),
    per_day=st.integers(0, 9), keep_days=st.integers(1, 9),
    consent=st.dictionaries(st.sampled_from("ab"), st.sampled_from("xy")),
    content=st.sampled_from(["redacted", "full"]),
    share=st.sampled_from(["none", "up", "down", "both"]),
).map(Capture.model_validate)  # fmt: skip


@given(blocks, blocks, blocks)
def test_stricter_is_a_meet(one: Capture, two: Capture, three: Capture) -> None:
    a, b, c = (BASE | capture_leaves(each) for each in (one, two, three))
    for leaf in BASE:
        name = leaf[-1]
        assert capture_stricter(name, a[leaf], b[leaf]) == capture_stricter(name, b[leaf], a[leaf])
        assert capture_stricter(name, a[leaf], a[leaf]) == a[leaf]
        assert capture_stricter(name, capture_stricter(name, a[leaf], b[leaf]), c[leaf]) == (
            capture_stricter(name, a[leaf], capture_stricter(name, b[leaf], c[leaf]))
        )


@given(blocks, blocks)
def test_the_stricter_of_two_captures_no_more_than_either(one: Capture, two: Capture) -> None:
    a, b = BASE | capture_leaves(one), BASE | capture_leaves(two)
    both = {leaf: capture_stricter(leaf[-1], a[leaf], b[leaf]) for leaf in BASE}
    specs = [capture_spec(each, "t", "full", 180) for each in (a, b, both)]
    if specs[2] is None:
        assert specs[0] is None or specs[1] is None
        return
    for other in specs[:2]:
        assert other is not None
        assert specs[2].keep_days <= other.keep_days
        for name in ("pii.email", "pii.card", "secret.key", "a", "b"):
            for kind in ("rules", "detectors"):
                if covers(getattr(specs[2], kind), name):
                    assert covers(getattr(other, kind), name)
