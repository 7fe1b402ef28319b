"""An AI application as the bundle's YAML has it."""

from typing import Literal

from pydantic import Field

from freehold.bundle.capturing import Capture
from freehold.bundle.handed_down import Settings
from freehold.bundle.intents import Intent
from freehold.bundle.section import Identifier, Section
from freehold.bundle.tools import Member, MemberPath
from freehold.bundle.voice import Voice


class AppScope(Section):
    """What the app is for, by example; judged on what the user wrote since the last answer."""

    inside: list[str] = Field(
        alias="in",
        min_length=5,
        max_length=2_000,
        description="Questions that it should answer; thirty and more tell well.",
    )
    outside: list[str] = Field(
        [],
        alias="out",
        max_length=2_000,
        description="Questions that it should not; from twenty on they help to draw the line.",
    )
    threshold: float = Field(
        0.5, ge=0, le=1, description="The score below which a question is out of scope."
    )


class App(Section):
    """One AI application."""

    tenant: Identifier = Field(description="Its owner; descendants of it may use it too.")
    purpose: str = Field(min_length=1, description="What it is for, in the record.")
    owner: str = Field("", description="Who answers for it.")
    process: str = Field("", description="The business process that it serves.")
    risk: Literal["minimal", "limited", "high"] = Field(
        "minimal", description="Its class under the EU AI Act."
    )
    system_prompt: str = Field("", description="Goes before the caller's messages.")
    route: str = Field(description="The route of its chat requests.")
    embedding_route: str | None = Field(
        None, description="The route of its embeddings; none, no embeddings."
    )
    aliases: dict[str, str] = Field({}, description="Model names that clients use → models here.")
    unknown_model: Literal["route", "error"] = Field(
        "route",
        description="When the client names a model that is not here: choose one, or refuse.",
    )
    priority: Literal["low", "normal", "high"] = Field(
        "normal",
        description="When there are more requests than the gateway can take, those of `low` are "
        "refused first, those of `high` last.",
    )
    scope: AppScope | None = Field(
        None, description="What it is for, by example; see the detector `purpose.scope`."
    )
    intents: dict[Identifier, Intent] = Field(
        {},
        description="Name → what questions of it may want; rules and routes read it as "
        "`request.intent`.",
    )
    intent_file: str | None = Field(
        None,
        min_length=1,
        max_length=500,
        description="A file of the bundle with more examples: JSON lines or CSV with `text` and "
        "`intent` (or `category`) in each row; or what `freehold intents train` made of such.",
    )
    intent_keep: float = Field(
        0.95,
        ge=0.5,
        le=0.999,
        description="The share of questions with one of the intents that must count as such; the "
        "more, the more others do, too.",
    )
    sources: list[str] = Field([], description="Where its context comes from.")
    rules: list[str] = Field([], description="Rules of its own, after those of its tenants.")
    voice: Voice | None = Field(None, description="What its answers must not say, and must.")
    answer_fields: dict[MemberPath, Member] = Field(
        {}, description="Path in answers that are JSON → what rules read there (`answer.json`)."
    )
    capture: Capture | None = Field(
        None,
        description="Which of its exchanges become cases to learn from, besides what its tenant's "
        "settings say.",
    )
    settings: Settings = Field(
        Settings(), description="What it tightens or, where unlocked, overrides."
    )
