"""Property tests of how settings come down the tree."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from freehold.bundle.names import DETECTORS
from freehold.bundle.schema import Settings
from freehold.bundle.settings import (
    Effective,
    declared,
    defaults,
    detectors_of,
    extend,
    limits_of,
    loosened,
    stricter,
)

LOCKABLE = ("limits", "content", "retention_days", "sealing", "regions", "models", "detectors",
            "require_identity", "audit", "approvals", "tools", "routing")  # fmt: skip


def optional(**fields: st.SearchStrategy[Any]) -> st.SearchStrategy[dict[str, Any]]:
    return st.fixed_dictionaries({}, optional=fields)


uses = optional(
    mode=st.sampled_from(["enforce", "observe"]),
    action=st.sampled_from(["redact", "block", "annotate"]),
    late=st.sampled_from(["buffer", "terminate"]),
    threshold=st.integers(0, 20).map(lambda n: n / 20),
    phases=st.lists(st.sampled_from(["request", "context", "answer"]), unique=True),
)
names = st.lists(st.sampled_from(["eu", "us", "here"]), unique=True)
settings_blocks = optional(
    limits=optional(
        requests_per_minute=st.integers(1, 9),
        tokens_per_day=st.integers(1, 9),
        money_per_day=st.integers(0, 900).map(lambda n: n / 100),
        max_request_chars=st.integers(100, 109),
        max_output_tokens=st.integers(1, 9),
    ),
    content=st.sampled_from(["none", "redacted", "full"]),
    retention_days=st.integers(1, 9),
    sealing=st.sampled_from(["normal", "strict"]),
    regions=names,
    models=names,
    detectors=st.dictionaries(
        st.sampled_from(["pii.*", "pii.email", "pii.card", "secret.*", "injection.patterns"]), uses
    ),
    require_identity=st.booleans(),
    audit=st.sampled_from(["normal", "strict"]),
    approvals=optional(expires_hours=st.integers(1, 9)),
    tools=optional(untrusted=st.sampled_from(["observe", "addresses", "prose", "all"])),
    routing=optional(
        policy=st.sampled_from(["static", "learned", "own.router", "another"]),
        quality_floor=st.integers(0, 10).map(lambda n: n / 10),
        price_of_quality=st.integers(0, 9).map(lambda n: n / 100),
        money_per_request=st.integers(0, 9).map(lambda n: n / 10_000),
        price_of_latency=st.integers(0, 10).map(lambda n: n / 10),
        explore=st.integers(0, 5).map(lambda n: n / 10),
        switch_margin=st.integers(0, 10).map(lambda n: n / 10),
    ),
).map(Settings.model_validate)
locks = st.lists(st.sampled_from(LOCKABLE), unique=True)
steps = st.tuples(settings_blocks, locks)
paths = st.lists(steps, min_size=1, max_size=5)


def fold(path: list[tuple[Settings, list[str]]], above: Effective | None = None) -> Effective:
    state = defaults() if above is None else above
    for block, lock in path:
        state = extend(state, declared(block), lock)
    return state


def as_strict(leaf: tuple[str, ...], value: Any, bound: Any) -> bool:
    return bound is None or (value is not None and stricter(leaf, value, bound) == value)


@given(paths, paths)
def test_below_a_lock_nothing_is_ever_looser(
    above: list[tuple[Settings, list[str]]], below: list[tuple[Settings, list[str]]]
) -> None:
    parent = fold(above)
    child = fold(below, parent)
    for leaf, bound in parent.values.items():
        if leaf[0] in parent.locked:
            assert as_strict(leaf, child.values.get(leaf), bound), leaf
    assert parent.locked <= child.locked


@given(paths)
def test_the_fold_may_be_cut_anywhere(path: list[tuple[Settings, list[str]]]) -> None:
    whole = fold(path)
    for cut in range(len(path) + 1):
        assert fold(path[cut:], fold(path[:cut])) == whole


@given(paths, settings_blocks)
def test_what_is_not_locked_is_the_childs_to_say(
    path: list[tuple[Settings, list[str]]], block: Settings
) -> None:
    parent = fold(path)
    child = extend(parent, declared(block))
    for leaf, wanted in declared(block).items():
        if leaf[0] not in parent.locked:
            assert child.values[leaf] == wanted
    for leaf, value in parent.values.items():
        if leaf not in declared(block):
            assert child.values[leaf] == value


@given(paths, settings_blocks)
def test_check_complains_exactly_where_resolving_would_overrule(
    path: list[tuple[Settings, list[str]]], block: Settings
) -> None:
    parent, leaves = fold(path), declared(block)
    child = extend(parent, leaves)
    overruled = {leaf for leaf, wanted in leaves.items() if child.values[leaf] != wanted}
    assert {item.leaf for item in loosened(parent, leaves)} == overruled


@given(settings_blocks, settings_blocks, settings_blocks)
def test_stricter_is_a_meet(one: Settings, two: Settings, three: Settings) -> None:
    a, b, c = declared(one), declared(two), declared(three)
    for leaf in a.keys() & b.keys():
        assert stricter(leaf, a[leaf], b[leaf]) == stricter(leaf, b[leaf], a[leaf])
        assert stricter(leaf, a[leaf], a[leaf]) == a[leaf]
        if leaf in c:
            assert stricter(leaf, stricter(leaf, a[leaf], b[leaf]), c[leaf]) == stricter(
                leaf, a[leaf], stricter(leaf, b[leaf], c[leaf])
            )


@given(paths)
def test_every_state_turns_into_specs(path: list[tuple[Settings, list[str]]]) -> None:
    state = fold(path)
    assert [d.id for d in detectors_of(state)] == sorted(DETECTORS)
    assert limits_of(state).max_request_chars >= 100


def test_a_step_that_says_nothing_costs_nothing() -> None:
    state = fold([(Settings(), ["limits"])])
    assert extend(state, declared(Settings()), ["limits"]) is state


@pytest.mark.parametrize(
    ("setting", "strict", "loose"),
    [
        ("content", "none", "redacted"), ("content", "redacted", "full"),
        ("retention_days", 30, 31), ("require_identity", True, False),
        ("audit", "strict", "normal"), ("approvals", {"expires_hours": 5}, {"expires_hours": 6}),
        ("regions", ["eu"], ["eu", "us"]), ("models", [], ["a"]), ("regions", ["eu"], ["us"]),
        ("limits", {"requests_per_minute": 5}, {"requests_per_minute": 6}),
        ("limits", {"money_per_day": 0.1}, {"money_per_day": 0.11}),
        ("detectors", {"pii.email": {"mode": "enforce"}}, {"pii.*": {"mode": "observe"}}),
        ("detectors", {"pii.*": {"action": "block"}}, {"pii.email": {"action": "redact"}}),
        ("detectors", {"pii.*": {"action": "redact"}}, {"pii.email": {"action": "annotate"}}),
        ("detectors", {"pii.*": {"threshold": 0.4}}, {"pii.card": {"threshold": 0.5}}),
        ("detectors", {"pii.*": {}}, {"pii.card": {"phases": ["answer"]}}),
    ],
)  # fmt: skip
def test_the_order_from_loose_to_strict(setting: str, strict: Any, loose: Any) -> None:
    tight = declared(Settings.model_validate({setting: strict}))
    wide = declared(Settings.model_validate({setting: loose}))
    locked = extend(defaults(), tight, [setting])
    assert loosened(locked, wide)
    after = extend(locked, wide)
    for leaf in wide:
        if leaf in locked.values:
            assert as_strict(leaf, after.values[leaf], locked.values[leaf])
    if not (setting == "regions" and loose == ["us"]):  # eu and us are not comparable
        assert not loosened(extend(defaults(), wide, [setting]), tight)


def test_a_detector_that_only_a_child_names_is_tightening() -> None:
    locked = extend(defaults(), {}, ["detectors"])
    own = declared(Settings.model_validate({"detectors": {"acme.names": {"mode": "observe"}}}))
    assert loosened(locked, own) == []
    named = {d.id: d for d in detectors_of(extend(locked, own))}
    assert named["acme.names"].mode == "observe"
    assert named["acme.names"].action == "redact"


def test_below_a_lock_no_detector_lets_streams_leave_first() -> None:
    late = declared(
        Settings.model_validate({"detectors": {"toxicity.model": {"late": "terminate"}}})
    )
    locked = extend(defaults(), {}, ["detectors"])
    (found,) = loosened(locked, late)
    assert (found.leaf[1:], found.inherited) == (("toxicity.model", "late"), "buffer")
    assert extend(locked, late).values[found.leaf] == "buffer"
    assert extend(defaults(), late).values[found.leaf] == "terminate"
    assert not loosened(extend(defaults(), late, ["detectors"]), late)
