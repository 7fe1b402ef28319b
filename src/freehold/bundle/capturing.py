"""Capture as the bundle's YAML has it: which exchanges become cases, inherited like any setting."""

from collections.abc import Mapping
from decimal import Decimal
from typing import Annotated, Any, Literal, cast

from pydantic import Field

from freehold.bundle.section import Identifier, Section
from freehold.core.capturing import ANY, CaptureSpec, covers
from freehold.core.cases import Sharing
from freehold.core.decisions import MILLION
from freehold.core.spec import ContentKept

Share = Annotated[float, Field(ge=0, le=1)]
Weight = Annotated[float, Field(ge=0, le=1_000)]
_CONTENT = ("full", "redacted", "none")
_WAYS: dict[str, frozenset[str]] = {
    "none": frozenset(),
    "up": frozenset({"up"}),
    "down": frozenset({"down"}),
    "both": frozenset({"up", "down"}),
}


class Triggers(Section):
    """What makes an exchange a case. A number of 0, `false` and an empty list never do."""

    rules: list[str] | None = Field(
        None,
        description='Rules that fired; `["*"]`, which is the default: any that does more than '
        "annotate or allow.",
    )
    detectors: list[str] | None = Field(
        None,
        description="Detectors that found something, or families such as `pii.*`; by default "
        "`grounded.values` and `promise.unauthorised`.",
    )
    low_confidence: Share | None = Field(
        None,
        description="A custom model was less sure than this, or a learned route expected less of "
        "whoever answered; 0.5 if nobody says.",
    )
    abstained: bool | None = Field(None, description="A custom model was not sure enough.")
    fallback: bool | None = Field(
        None, description="A model failed: another one answered, or none."
    )
    human: bool | None = Field(
        None, description="A person took over: it was held, approved, amended or declined."
    )
    feedback: Share | dict[Identifier, Share] | None = Field(
        None,
        description="The score, from 0 (worst) to 1, below which an answer was bad: of every "
        "metric, or by metric; 0.5 if nobody says.",
    )
    demonstration: bool | None = Field(None, description="Somebody gave the right answer later.")
    shadow_sense: Share | None = Field(
        None, description="A shadow's answer was less alike in sense than this; 0 if nobody says."
    )
    shadow_words: Share | None = Field(
        None, description="A shadow's answer was less alike in words than this; 0 if nobody says."
    )
    shadow_outcome: bool | None = Field(
        None, description="A shadow's answer would have been refused or held, and this was not."
    )
    out_of_scope: bool | None = Field(None, description="The question is not what the app is for.")
    drift: bool | None = Field(None, description="An alert opened a case with it.")
    success: Share | None = Field(
        None,
        description="The share of exchanges in which nothing went wrong, and of those that were "
        "told to be good; 0.01 if nobody says.",
    )
    random: Share | None = Field(
        None,
        description="The share of all exchanges, whatever came of them; 0.01 if nobody says.",
    )


class Value(Section):
    """What getting a case right is worth, beside others with the weight 1."""

    intents: dict[Identifier, Weight] = Field({}, description="Intent → weight.")
    attributes: dict[str, dict[str, Weight]] = Field(
        {}, description="The principal's attribute → its value → weight: `{tier: {gold: 3}}`."
    )


class Capture(Section):
    """Exchanges that become cases, from which custom models learn."""

    enabled: bool | None = Field(
        None, description="`false` captures nothing here, whatever is inherited."
    )
    when: Triggers = Field(Triggers(), description="What makes an exchange a case.")
    value: Value | None = Field(None, description="What cases are worth, for whoever labels them.")
    per_day: int | None = Field(
        None,
        ge=0,
        le=1_000_000,
        description="So many cases a day at most, besides the random share; 1,000 if nobody says.",
    )
    keep_days: int | None = Field(
        None,
        ge=1,
        le=36_500,
        description="How long cases are kept; never longer than `retention_days`.",
    )
    consent: dict[str, str] | None = Field(
        None,
        description="The principal's attribute → the value that it must have: `{training: yes}`.",
    )
    content: Literal["redacted", "full"] | None = Field(
        None, description="What cases hold of texts; never more than the record's `content`."
    )
    share: Literal["none", "up", "down", "both"] | None = Field(
        None, description="Who else in the tree may learn from them: tenants above, or below."
    )
    owner_tenant: Identifier | None = Field(
        None,
        description="To whom belongs what is learned: this tenant, or one above it; the app's "
        "tenant if nobody says.",
    )


Leaves = dict[tuple[str, ...], Any]
BASE: Leaves = {
    ("capture", "enabled"): False,
    ("capture", "when", "rules"): frozenset({ANY}),
    ("capture", "when", "detectors"): frozenset({"grounded.values", "promise.unauthorised"}),
    ("capture", "when", "low_confidence"): 500_000,
    ("capture", "when", "abstained"): True,
    ("capture", "when", "fallback"): True,
    ("capture", "when", "human"): True,
    ("capture", "when", "feedback"): ((ANY, 500_000),),
    ("capture", "when", "demonstration"): True,
    ("capture", "when", "shadow_sense"): 0,
    ("capture", "when", "shadow_words"): 0,
    ("capture", "when", "shadow_outcome"): True,
    ("capture", "when", "out_of_scope"): True,
    ("capture", "when", "drift"): True,
    ("capture", "when", "success"): 10_000,
    ("capture", "when", "random"): 10_000,
    ("capture", "per_day"): 1_000,
    ("capture", "keep_days"): 36_500,
    ("capture", "consent"): frozenset[tuple[str, str]](),
    ("capture", "content"): "redacted",
    ("capture", "share"): frozenset[str](),
}
"""What holds above the root: nothing is captured, and what is left out of a section."""


def capture_leaves(capture: Capture | None) -> Leaves:
    """The leaves that a section sets itself; being there is enough to capture."""
    if capture is None:
        return {}
    leaves: Leaves = {("capture", "enabled"): capture.enabled is not False}
    for name, value in capture.when:
        if value is not None:
            leaves["capture", "when", name] = _leaf(name, value)
    for name in ("per_day", "keep_days", "content"):
        if (value := getattr(capture, name)) is not None:
            leaves["capture", name] = value
    if capture.consent is not None:
        leaves["capture", "consent"] = frozenset(capture.consent.items())
    if capture.share is not None:
        leaves["capture", "share"] = _WAYS[capture.share]
    if capture.owner_tenant is not None:
        leaves["owner_tenant",] = capture.owner_tenant
    if capture.value is not None:
        leaves["case_value",] = _weights(capture.value)
    return leaves


def _leaf(name: str, value: Any) -> Any:
    if name == "feedback":
        scores = value if isinstance(value, dict) else {ANY: value}
        return tuple(sorted((metric, _millionths(score)) for metric, score in scores.items()))
    if isinstance(value, list):
        return frozenset(value)
    return value if isinstance(value, bool) else _millionths(value)


def _weights(value: Value) -> tuple[Any, ...]:
    intents = sorted((name, _millionths(weight)) for name, weight in value.intents.items())
    attributes = sorted(
        (name, tuple(sorted((said, _millionths(w)) for said, w in weights.items())))
        for name, weights in value.attributes.items()
    )
    return tuple(intents), tuple(attributes)


def _millionths(value: float) -> int:
    return round(Decimal(repr(value)) * MILLION)


def capture_stricter(name: str, one: Any, other: Any) -> Any:
    """Of two values of one leaf, what captures, keeps and shares no more than either."""
    if name == "content":
        return _CONTENT[max(_CONTENT.index(one), _CONTENT.index(other))]
    if name == "consent":
        return one | other
    if name == "share":
        return one & other
    if name in {"rules", "detectors"}:
        both = {each for each in one if covers(other, each)}
        return frozenset(both | {each for each in other if covers(one, each)})
    if name == "feedback":
        first, second = dict(one), dict(other)
        return tuple(
            (metric, min(_score(first, metric), _score(second, metric)))
            for metric in sorted(first.keys() | second.keys())
        )
    return min(one, other)


def _score(scores: Mapping[str, int], metric: str) -> int:
    return scores.get(metric, scores.get(ANY, 0))


def worded(name: str, value: Any) -> str:
    """A leaf's value for people, as YAML would have it."""
    if name == "share":
        return f"`{next(word for word, ways in _WAYS.items() if ways == value)}`"
    if name == "consent":
        return f"`{{{', '.join(': '.join(pair) for pair in sorted(value))}}}`"
    if name == "feedback":
        return f"`{{{', '.join(f'{metric}: {score / MILLION:g}' for metric, score in value)}}}`"
    if isinstance(value, frozenset):
        return f"`[{', '.join(sorted(value))}]`"
    whole = isinstance(value, str) or name in {"per_day", "keep_days"}
    return f"`{value}`" if whole else f"`{value / MILLION:g}`"


def capture_spec(
    values: Mapping[tuple[str, ...], Any], owner: str, content: ContentKept, days: int
) -> CaptureSpec | None:
    """What holds at one place of the tree; ``None`` where nothing is captured.

    Args:
        owner: the app's tenant.
        content, days: what the record keeps of texts there, and for how long.
    """
    if not values["capture", "enabled"]:
        return None
    said = {leaf[-1]: value for leaf, value in values.items() if leaf[0] == "capture"}
    del said["enabled"]
    intents, attributes = values.get(("case_value",), ((), ()))
    ways = said.pop("share")
    return CaptureSpec(
        owner=values.get(("owner_tenant",), owner),
        share=cast(Sharing, next(word for word, each in _WAYS.items() if each == ways)),
        content=capture_stricter("content", content, said.pop("content")),
        keep_days=min(said.pop("keep_days"), days),
        consent=tuple(sorted(said.pop("consent"))),
        feedback=dict(said.pop("feedback")),
        intents=dict(intents),
        attributes={name: dict(weights) for name, weights in attributes},
        **said,
    )
