"""A route as the bundle's YAML has it: who may answer, in which order, and how it is tried."""

from typing import Annotated, Literal

from pydantic import Field

from freehold.bundle.hedging import Hedge
from freehold.bundle.section import CelText, Identifier, Section
from freehold.bundle.trials import Canary, Shadow
from freehold.core.cascades import CascadeCheck

Share = Annotated[float, Field(ge=0, le=1)]
Money = Annotated[float, Field(ge=0, le=1_000_000)]


class RouteRule(Section):
    """When `when` holds, models are ruled out (`only`, `exclude`), or come first (`prefer`).

    Every rule that holds rules out; of those with `prefer` the first that holds decides. A rule
    that can't be read rules out and prefers nobody.
    """

    id: Identifier = Field(description="Its name in records.")
    when: CelText
    prefer: list[str] = Field([], description="Candidates of the route, best first.")
    only: list[str] = Field([], description="No other candidate may take the request.")
    exclude: list[str] = Field([], description="These candidates may not take it.")
    why: str = Field("", description="For the record.")


class Objective(Section):
    """What a choice among the models that may take a request aims for.

    Below a tenant that locks `routing`, a step down can only tighten: a higher floor, less money,
    less exploration, `static` instead of `learned`.
    """

    policy: Identifier | None = Field(
        None,
        description="`static`, the written order, if nobody says; `learned` from outcomes; or the "
        "id of an installed router.",
    )
    quality_floor: Share | None = Field(
        None,
        description="A model that is expected to answer well less often than this is chosen only "
        "where no other reaches it.",
    )
    price_of_quality: Money | None = Field(
        None, description="What one more good answer may cost, in the bundle's currency."
    )
    money_per_request: Money | None = Field(
        None,
        description="What requests may cost on average; the price of quality follows from it. "
        "Beside `price_of_quality`, the lower price counts.",
    )
    price_of_latency: Share | None = Field(
        None, description="How much less often an answer may be good for one second less."
    )
    explore: Annotated[float, Field(ge=0, le=0.5)] | None = Field(
        None,
        description="The least share of requests that goes to other models that may take them, to "
        "learn of them; 0.02 if nobody says, 0 for none.",
    )
    switch_margin: Share | None = Field(
        None,
        description="How much better another model must be for a conversation to leave the one "
        "that it began with; 0.05 if nobody says.",
    )


class Learn(Section):
    """What a route learns from. What is learned belongs to a tenant."""

    metric: Identifier | None = Field(
        None,
        description="One of `metrics`; the bundle's only one, if left out where `policy` is not "
        "`static`. A static route with a metric keeps what one would learn from.",
    )
    learn_from: Literal["tenant", "tree"] = Field(
        "tenant",
        description="`tenant`: each tenant that runs the app learns from its own traffic. `tree`: "
        "all of them learn together, and what they learn belongs to the app's tenant.",
    )


class Cascade(Section):
    """A smaller model first, and the next candidate only where its answer is in doubt. Each check
    gives a confidence from 0 to 1; the least of them counts. Nothing of a checked answer leaves
    before it is found good enough, so a stream waits.
    """

    escalate_below: float = Field(
        0.5, ge=0, le=1, description="The confidence below which the next candidate is asked."
    )
    checks: list[CascadeCheck] = Field(
        ["abstain", "refusal", "length", "format", "confidence"],
        min_length=1,
        description="`abstain`: it says that it does not know. `refusal`: it declines to help. "
        "`length`: it is empty, cut off, or shorter than `min_chars`. `format`: it is not the JSON "
        "that `response_format` asks for, or calls a tool wrongly. `confidence`: the model's own. "
        "`groundedness`: it states or promises what no trusted context does. `controls`: a control "
        "would refuse it.",
    )
    models: list[str] = Field(
        [], description="Candidates that come first and are checked; whoever comes first if empty."
    )
    steps: int = Field(1, ge=1, le=9, description="How often another candidate is asked at most.")
    min_chars: int = Field(1, ge=0, le=10_000, description="For `length`.")
    keep: bool = Field(
        False,
        description="Where every other candidate fails, the doubted answer is judged like any "
        "other, and may leave.",
    )


class Route(Section):
    """Models in order of preference; the first that is allowed and healthy gets the request."""

    candidates: list[str] = Field(min_length=1, description="Ids of models, best first.")
    rules: list[RouteRule] = Field([], description="Who may take what, and who comes first.")
    objective: Objective = Field(
        Objective(), description="What the choice aims for; tenants and apps may say otherwise."
    )
    learn: Learn = Field(Learn(), description="What a learned choice learns from.")
    max_attempts: int = Field(3, ge=1, le=10, description="Models that are tried at most.")
    deadline_ms: int = Field(60_000, ge=10, le=3_600_000, description="For all of them together.")
    attempt_ms: int | None = Field(
        None,
        ge=10,
        le=3_600_000,
        description="How long one of them may say nothing while another could still be asked; two "
        "thirds of the time that is left, if nobody says.",
    )
    hedge: Hedge | None = Field(None, description="Whether a late model gets a second beside it.")
    on_slow: Literal["fail_over", "keep"] = Field(
        "fail_over",
        description="What happens to a model that has become slower than it was: the others come "
        "first until it is as fast as before, or everything stays as it is.",
    )
    cascade: Cascade | None = Field(
        None, description="A smaller model first, a larger one where its answer is in doubt."
    )
    shadow: Shadow | None = Field(
        None, description="A model that is asked too, and whose answers nobody gets."
    )
    canary: Canary | None = Field(
        None, description="A model that gets a share of the conversations on trial."
    )
