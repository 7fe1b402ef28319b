"""Alerts as the bundle's YAML has them: what is watched, when it counts, what follows."""

from typing import Annotated, Literal

from pydantic import Field

from freehold.bundle.section import Section
from freehold.bundle.webhook import Webhook

WatchName = Literal[
    "latency", "first_token", "cost", "errors", "refusals", "quality", "confidence", "length",
    "language", "intents", "labels", "rules", "outcomes", "mirror_lag", "contradictions",
]  # fmt: skip
Minutes = Annotated[int, Field(ge=1, le=60 * 24 * 90)]


class Of(Section):
    """One of these; `"*"` stands for every one of its kind, each by itself."""

    model: str | None = Field(None, description="A model's id.")
    route: str | None = Field(None, description="A route's id.")
    app: str | None = Field(None, description="An app's id.")
    mirror: str | None = Field(None, description="A mirror of the ledger, by its name.")


class Demote(Section):
    """Every other allowed model of a route comes before this one."""

    model: str | None = Field(None, description="Which; default: the one that the alert is about.")
    route: str | None = Field(None, description="On which route; default: the alert's, else all.")
    minutes: Minutes = Field(15, description="For how long.")


class Stop(Section):
    """A model is not asked any more, until its time is over or somebody clears it."""

    model: str | None = Field(None, description="Which; default: the one that the alert is about.")
    route: str | None = Field(None, description="On which route; default: the alert's, else all.")
    intent: str | None = Field(None, description="For which intent only.")
    minutes: Minutes | None = Field(None, description="For how long; default: until cleared.")


class RaiseFloor(Section):
    """A route asks for more quality."""

    to: float = Field(gt=0, le=1, description="The least quality, from 0 to 1.")
    route: str | None = Field(None, description="Which; default: the one that the alert is about.")
    minutes: Minutes = Field(60, description="For how long.")


class OpenCase(Section):
    """The newest exchanges are put aside for somebody to look at."""

    exchanges: int = Field(20, ge=1, le=100, description="How many of them.")


class Reaction(Section):
    """One thing that follows; exactly one of these."""

    demote: Demote | None = Field(None, description="Put a model behind the others.")
    stop: Stop | None = Field(None, description="Ask a model no more.")
    raise_floor: RaiseFloor | None = Field(None, description="Ask for more quality.")
    open_case: OpenCase | None = Field(None, description="Put exchanges aside.")


class Alert(Section):
    """Something that is watched."""

    watch: WatchName = Field(
        description="Numbers: `latency` (ms), `first_token` (ms), `cost` (of one exchange), "
        "`errors` and `refusals` (shares), `quality` and `confidence` (0 to 1), `length` "
        "(characters). Mixes: `language`, `intents`, `labels`, `rules`, `outcomes`. Of mirrors: "
        "`mirror_lag` (1 where it lags: at its `late_s`), `contradictions` (logs)."
    )
    of: Of = Field(description="The model, route, app or mirror that it is read of.")
    when: Literal["drift", "above", "below"] = Field(
        "drift", description="It changed, or it is above or below `value`."
    )
    value: float | None = Field(None, description="For `above` and `below`, in the watch's unit.")
    direction: Literal["up", "down", "both"] | None = Field(
        None, description="Which drift counts; default: the one that is bad news."
    )
    least: float | None = Field(
        None,
        gt=0,
        description="The smallest drift that counts: a share of `latency`, `first_token`, `cost` "
        "and `length`; a difference of the other numbers; of a mix, its stability index.",
    )
    window_s: int = Field(300, ge=10, le=86_400, description="How far `above` and `below` look.")
    for_s: int = Field(0, ge=0, le=86_400, description="For how long it must be so.")
    fewest: int = Field(20, ge=1, le=2_000, description="Readings without which nothing is said.")
    settle_s: int = Field(
        3_600,
        ge=60,
        le=30 * 86_400,
        description="After so long, a drift is the new normal; and an alert of which nothing could "
        "be said for so long, since there were too few readings, is over.",
    )
    severity: Literal["info", "warning", "critical"] = Field("warning", description="For people.")
    reactions: list[Reaction] = Field([], description="What follows when it fires.")
    notify: list[Literal["webhook"]] = Field(
        [], description="Who is told besides the log; `webhook` is `monitoring.webhook`."
    )


class Monitoring(Section):
    """What holds for all alerts."""

    webhook: Webhook | None = Field(None, description="Who is told of alerts.")
    detector: Literal["freehold", "adwin"] = Field(
        "freehold", description="What tells that numbers drift; `adwin` needs the extra `drift`."
    )
    defaults: bool = Field(
        True, description="Freehold's own alerts, which only write into the log; see the how-to."
    )
