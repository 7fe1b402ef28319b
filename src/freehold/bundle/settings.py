"""How settings come down the tree: a child overrides, and only tightens what is locked above it.

A settings block is flattened to leaves (``("limits", "requests_per_minute")``,
``("detectors", "pii.email", "mode")``), because that is the grain at which a child speaks: what it
leaves out, it inherits. Each leaf has one order from loose to strict.
"""

from collections.abc import Iterable, Mapping
from decimal import Decimal
from functools import reduce
from typing import Any, cast

from msgspec import Struct

from freehold.bundle.capturing import BASE, capture_leaves, capture_spec, capture_stricter
from freehold.bundle.ceilings import nano, set_ceilings
from freehold.bundle.detectors import OwnDetector
from freehold.bundle.handed_down import Settings
from freehold.bundle.names import DETECTORS, NAMED, QUIET, UNFOUNDED, matches
from freehold.bundle.route import Objective
from freehold.core.capturing import CaptureSpec
from freehold.core.decisions import MILLION
from freehold.core.limits import Limits
from freehold.core.routes import ObjectiveSpec
from freehold.core.spec import ApprovalSpec, ContentKept, DetectorSetting

Leaf = tuple[str, ...]
_PLAIN: tuple[Leaf, ...] = (
    ("content",),
    ("retention_days",),
    ("sealing",),
    ("require_identity",),
    ("audit",),
    ("approvals", "expires_hours"),
    ("tools", "untrusted"),
)
MONEY = frozenset({"money_per_request", "price_of_quality"})
"""Leaves of ``routing`` that are money: nano-units of the bundle's currency."""

# Each from loose to strict.
_ORDER: dict[str, tuple[object, ...]] = {
    "content": ("full", "redacted", "none"),
    "audit": ("normal", "strict"),
    "sealing": ("normal", "strict"),
    "require_identity": (False, True),
    "mode": ("observe", "enforce"),
    "action": ("annotate", "redact", "block"),
    "late": ("terminate", "buffer"),
    "tools": ("observe", "addresses", "prose", "all"),
}
_POLICIES = {"static": 2, "learned": 1}
_MORE = frozenset(
    {("routing", "quality_floor"), ("routing", "price_of_latency"), ("routing", "switch_margin")}
)
"""Of these, more is stricter."""
_EVERYWHERE = frozenset({"request", "context", "answer"})
_PHASES = {
    "injection.model": frozenset({"request", "context"}),
    **dict.fromkeys(UNFOUNDED, frozenset({"answer"})),
}


class Effective(Struct, frozen=True):
    """What holds at one place of the tree.

    ``locked`` names the settings that nothing further down may loosen; a step down can only
    tighten those, whatever it says.
    """

    values: dict[Leaf, Any]
    locked: frozenset[str] = frozenset()


class Loosened(Struct, frozen=True):
    """A child's attempt to loosen what is locked."""

    leaf: Leaf
    wanted: Any
    inherited: Any


def declared(settings: Settings, detector_ids: Iterable[str] = DETECTORS) -> dict[Leaf, Any]:
    """The leaves that this block sets itself; a family of detectors is spelled out.

    Money comes in nano-units of the bundle's currency, thresholds in millionths.
    """
    leaves: dict[Leaf, Any] = {}
    for name, amount in set_ceilings(settings.limits).items():
        leaves["limits", name] = amount
    for name in ("max_request_chars", "max_output_tokens"):
        value = getattr(settings.limits, name)
        if value is not None:
            leaves["limits", name] = value
    for leaf in _PLAIN:
        value = reduce(getattr, leaf, settings)
        if value is not None:
            leaves[leaf] = value
    leaves |= aims(settings.routing)
    leaves |= capture_leaves(settings.capture)
    for name in ("regions", "models"):
        value = getattr(settings, name)
        if value is not None:
            leaves[name,] = frozenset(value)
    ids = tuple(detector_ids)
    # Families first, so that a detector's own entry has the last word within one block.
    for pattern, use in sorted(settings.detectors.items(), key=lambda item: _specific(item[0])):
        family = pattern.endswith(".*")
        for detector in [d for d in ids if matches(pattern, d)] if family else [pattern]:
            if not family and detector in QUIET:
                leaves["detectors", detector, "phases"] = _PHASES.get(detector, _EVERYWHERE)
            for field in use.model_fields_set:
                leaves["detectors", detector, field] = _detector_leaf(field, getattr(use, field))
    return leaves


def aims(objective: Objective) -> dict[Leaf, Any]:
    """The leaves of an objective."""
    leaves: dict[Leaf, Any] = {}
    for name, value in objective:
        if isinstance(value, str):
            leaves["routing", name] = value
        elif value is not None:
            leaves["routing", name] = nano(value) if name in MONEY else _millionths(value)
    return leaves


def _specific(pattern: str) -> tuple[bool, int, str]:
    return (not pattern.endswith(".*"), len(pattern), pattern)


def _detector_leaf(field: str, value: Any) -> Any:
    if field == "threshold":
        return _millionths(value)
    return frozenset(value) if field == "phases" else value


def _millionths(value: float) -> int:
    return round(Decimal(repr(value)) * MILLION)


def stricter(leaf: Leaf, one: Any, other: Any) -> Any:
    """The stricter of two values of one leaf; commutative, associative and idempotent."""
    if leaf[0] == "capture":
        return capture_stricter(leaf[-1], one, other)
    name = leaf[-1] if leaf[0] == "detectors" else leaf[0]
    if name in _ORDER:
        order = _ORDER[name]
        return order[max(order.index(one), order.index(other))]
    if name == "phases":
        return one | other
    if name in {"regions", "models"}:
        return one & other
    if leaf == ("routing", "policy"):
        return max(one, other, key=lambda policy: (_POLICIES.get(policy, 0), policy))
    if leaf in _MORE:
        return max(one, other)
    return min(one, other)  # limits, money, retention, thresholds, how long approvals wait


def extend(above: Effective, leaves: Mapping[Leaf, Any], lock: Iterable[str] = ()) -> Effective:
    """One step down the tree. The same object comes back when the step says nothing."""
    locked = above.locked | frozenset(lock)
    if not leaves:
        return above if locked == above.locked else Effective(above.values, locked)
    values = dict(above.values)
    for leaf, wanted in leaves.items():
        inherited = _inherited(above, leaf)
        if leaf[0] in above.locked and inherited is not None:
            wanted = stricter(leaf, inherited, wanted)
        values[leaf] = wanted
    return Effective(values, locked)


def loosened(above: Effective, leaves: Mapping[Leaf, Any]) -> list[Loosened]:
    """Where a step down would loosen what is locked, in order of leaf."""
    found = []
    for leaf, wanted in sorted(leaves.items()):
        inherited = _inherited(above, leaf)
        if (
            leaf[0] in above.locked
            and inherited is not None
            and stricter(leaf, inherited, wanted) != wanted
        ):
            found.append(Loosened(leaf, wanted, inherited))
    return found


def _inherited(above: Effective, leaf: Leaf) -> Any:
    """What holds above; None is no bound at all (no ceiling, every region)."""
    found = above.values.get(leaf)
    if found is None and leaf[0] == "detectors":
        return _UNNAMED[leaf[-1]] if _is_used(above, leaf[1]) else None
    return found


def _is_used(above: Effective, detector: str) -> bool:
    return any(key[0] == "detectors" and key[1] == detector for key in above.values)


# What an entry leaves open; the same as ``DetectorUse``'s and ``DetectorSetting``'s defaults.
_UNNAMED: dict[str, Any] = {
    "mode": "enforce",
    "action": "redact",
    "threshold": 500_000,
    "phases": _EVERYWHERE,
    "late": "buffer",
}


def defaults(
    detector_ids: Iterable[str] = DETECTORS, own: Mapping[str, OwnDetector] | None = None
) -> Effective:
    """What holds above the root: strict where harm is certain, observing where it may surprise;
    for the bundle's ``own`` detectors, what it says where it declares them.
    """
    limits = Limits()
    values: dict[Leaf, Any] = {
        ("limits", "max_request_chars"): limits.max_request_chars,
        ("limits", "max_output_tokens"): limits.max_output_tokens,
        ("content",): "redacted",
        ("retention_days",): 180,
        ("sealing",): "normal",
        ("require_identity",): False,
        ("audit",): "normal",
        ("approvals", "expires_hours"): ApprovalSpec().hours,
        ("tools", "untrusted"): "addresses",
        **BASE,
    }
    for detector in detector_ids:
        use = dict(_UNNAMED)
        if detector.startswith(("injection.", "hidden.")):
            use["action"] = "annotate"
            use["mode"] = "observe" if detector.startswith("injection.") else "enforce"
        elif detector.startswith("purpose."):
            use |= {"mode": "observe", "action": "annotate", "phases": frozenset({"request"})}
        elif detector.startswith("toxicity."):
            use |= {"mode": "observe", "action": "annotate"}
        elif detector in UNFOUNDED or detector.startswith("voice."):
            use |= {"mode": "observe", "action": "annotate", "phases": frozenset({"answer"})}
        elif detector in NAMED:
            use["mode"] = "observe"
        if detector in QUIET:
            use["phases"] = frozenset[str]()
        for field, value in use.items():
            values["detectors", detector, field] = value
    for detector, declaration in (own or {}).items():
        stated = ("mode", declaration.mode), ("action", declaration.acts)
        for field, value in (
            *stated,
            ("threshold", _detector_leaf("threshold", declaration.threshold)),
            ("phases", frozenset(declaration.phases)),
            ("late", declaration.late),
        ):
            values["detectors", detector, field] = value
    return Effective(values)


def limits_of(state: Effective) -> Limits:
    """The ceilings."""
    return Limits(**{key[1]: value for key, value in state.values.items() if key[0] == "limits"})


def content_of(state: Effective) -> ContentKept:
    """What the record keeps of the texts."""
    return cast(ContentKept, state.values["content",])


def approvals_of(state: Effective, *, webhook: bool) -> ApprovalSpec:
    """How long a held answer waits, and whether somebody is told."""
    return ApprovalSpec(hours=state.values["approvals", "expires_hours"], webhook=webhook)


def capture_of(state: Effective, owner: str) -> CaptureSpec | None:
    """What becomes a case of an app of this owner; ``None`` where nothing does."""
    return capture_spec(state.values, owner, content_of(state), state.values["retention_days",])


def objective_of(state: Effective, route: Objective) -> ObjectiveSpec:
    """What a route aims for here: what it says itself, where no tenant or app says otherwise."""
    said = {leaf: v for leaf, v in state.values.items() if leaf[0] == "routing"}
    values = {_AIMS[leaf[1]]: value for leaf, value in (aims(route) | said).items()}
    return ObjectiveSpec(**values)


_AIMS = {
    "policy": "policy",
    "quality_floor": "quality_floor",
    "price_of_quality": "nano_per_success",
    "money_per_request": "nano_per_request",
    "price_of_latency": "latency_price",
    "explore": "explore",
    "switch_margin": "switch_margin",
}


def detectors_of(state: Effective) -> tuple[DetectorSetting, ...]:
    """Every detector in use with its settings, in order of id."""
    uses: dict[str, dict[str, Any]] = {}
    for leaf, value in state.values.items():
        if leaf[0] == "detectors":
            uses.setdefault(leaf[1], {})[leaf[2]] = value
    return tuple(DetectorSetting(id=name, **uses[name]) for name in sorted(uses))
