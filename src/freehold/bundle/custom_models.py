"""Models that are trained here: what each is for, who owns it, what it must show, how it goes live.

Which version of one is live is no part of a person's bundle: it stands in the store's deployments.
"""

from typing import Annotated, Any, Literal

from pydantic import Field

from freehold.bundle.gate import Gate
from freehold.bundle.model import Capability, Price
from freehold.bundle.section import Identifier, Section
from freehold.bundle.trials import Doubt, Guardrails, Share, Stages
from freehold.core.cases import Sharing
from freehold.core.trials import Advance


class Deploy(Section):
    """The ladder that a version climbs: shadow, canary, live. A step that has no share is left out.

    `freehold custom` takes a version from one to the next, and back.
    """

    shadow: Share = Field(
        0.1,
        description="Of the requests, in the shadow; 0 for no such step. See a route's `shadow`.",
    )
    shadow_money_per_day: Annotated[float, Field(ge=0, le=1_000_000)] = Field(
        1.0, description="All that it may cost there in a day, in the bundle's currency."
    )
    stages: Stages = Field(
        [0.05, 0.25],
        description="Shares of the conversations as a canary, one after the other; after the last "
        "one it waits for its promotion. A last one of 1 means the promotion itself.",
    )
    advance: Advance = Field(
        "person",
        description="Who takes it from one stage to the next: a person, or the evidence by itself. "
        "Neither promotes it where `approval` names a role.",
    )
    doubt: Doubt = Field(
        0.05,
        description="How often a verdict on a canary may be wrong, however long it is watched.",
    )
    approval: str = Field(
        "",
        description="The role whose bearer must promote a version: a verified person, and neither "
        "who trained nor who deployed it. Nobody's, if left out.",
    )
    guardrails: Guardrails = Field(Guardrails(), description="What rolls a canary back by itself.")

    @property
    def trials(self) -> list[float]:
        """The stages that leave somebody to be compared with."""
        return [stage for stage in self.stages if stage < 1]


class CustomModel(Section):
    """A model that is trained here, from the apps' own traffic."""

    kind: Identifier = Field(
        description="`classifier`, `responder`, `causal-lm`, or a name of the entry point "
        "`freehold.trainers`."
    )
    purpose: str = Field("", description="What it is for; stands on its card.")
    owner: Identifier = Field(description="The tenant to which what it learns belongs.")
    share: Sharing = Field(
        "none",
        description="Whom it may learn from and answer for besides its owner: the tenants `down` "
        "the tree, those `up` on the way to the root, `both`, or `none`.",
    )
    learns_from: list[str] = Field([], description="Apps whose cases teach it.")
    queue: str = Field(
        "",
        description="One of `queues`, whose labels teach it; left out, all of its apps that ask "
        "for what it learns: an intent for a `classifier`, else an answer.",
    )
    routes: list[str] = Field(
        [],
        description="Routes where it stands before all candidates. Where it abstains, they go on.",
    )
    base: str = Field("", description="For a `causal-lm`: a folder, or an id of a hub.")
    licence: str = Field("", description="Of the base; stands on its card.")
    options: dict[str, Any] = Field({}, description="The trainer's, as its kind documents.")
    gate: Gate = Field(Gate(), description="What a version must show before it answers anybody.")
    deploy: Deploy = Field(Deploy(), description="How a version goes live.")
    clearances: list[str] = Field([], description="Labels of data it may receive unredacted.")
    region: str = Field("", description="Where it computes; tenants may allow only some regions.")
    capabilities: list[Capability] = Field(["chat", "stream"], description="What it can do.")
    context_window: int = Field(8192, ge=256, description="Tokens of request and answer together.")
    max_output_tokens: int = Field(1024, ge=1, description="The longest answer, in tokens.")
    price: Price = Field(Price(), description="What it costs; nothing, if left out.")
    timeout_ms: int = Field(5_000, ge=10, le=3_600_000, description="For one whole call.")


class Served(Section):
    """A version of a custom model that answers somebody, as Freehold itself writes it."""

    version: str = Field(description="`v3-0a1b2c3d`.")
    digest: str = Field(description="Of its manifest's content.")
    kind: Identifier = Field(description="As under a model's `local`.")
    file: str = Field("", description="As under a model's `local`.")
    threshold: float = Field(0.5, ge=0, le=1, description="As under a model's `local`.")
    options: dict[str, Any] = Field({}, description="As under a model's `local`.")


class Deployed(Section):
    """Which versions of a custom model answer somebody. Freehold writes this, from the store."""

    live: Served | None = Field(None, description="The version that answers.")
    trial: Served | None = Field(None, description="The version that is tried beside it.")
    state: Literal["shadow", "canary"] = Field("shadow", description="How it is tried.")
