"""Settings that a tenant hands down to its children and apps."""

from typing import Literal

from pydantic import Field

from freehold.bundle.capturing import Capture
from freehold.bundle.ceilings import Ceilings
from freehold.bundle.route import Objective
from freehold.bundle.section import LateName, ModeName, Section
from freehold.bundle.tools import ToolSettings


class DetectorUse(Section):
    """How a detector, or with a name like `pii.*` a family of them, is used."""

    mode: ModeName = Field(
        "enforce", description="`observe` only records what would have happened."
    )
    action: Literal["redact", "block", "annotate"] = Field(
        "redact", description="Replace it for models that are not cleared, refuse, or only mark it."
    )
    threshold: float = Field(0.5, ge=0, le=1, description="The score from which a finding counts.")
    phases: list[Literal["request", "context", "answer"]] = Field(
        ["request", "context", "answer"], description="The texts that it reads."
    )
    late: LateName = Field(
        "buffer",
        description="What one that judges whole answers does to a stream. `buffer` holds it back "
        "until the end; `terminate` lets it leave, and ends it when the detector objects.",
    )


class LimitSettings(Ceilings):
    """Ceilings on a tenant with all that is below it, or on an app as one tenant runs it.

    A child may only lower what is inherited where the parent locks `limits`. A minute is any sixty
    seconds. Days and months are UTC's; the total never begins again.
    """

    max_request_chars: int | None = Field(
        None, ge=100, le=5_000_000, description="The longest request; 200,000 if nobody says."
    )
    max_output_tokens: int | None = Field(
        None, ge=1, description="The longest answer; 1,024 if nobody says."
    )


class ApprovalSettings(Section):
    """Answers that wait for a person."""

    expires_hours: int | None = Field(
        None,
        ge=1,
        le=8_760,
        description="How long one waits, and is kept once approved; 168, a week, if nobody says.",
    )


class Settings(Section):
    """What a tenant hands down, and an app may tighten."""

    limits: LimitSettings = Field(LimitSettings(), description="Ceilings.")
    content: Literal["none", "redacted", "full"] | None = Field(
        None, description="What the record keeps of the texts; `redacted` if nobody says."
    )
    retention_days: int | None = Field(
        None, ge=1, le=36_500, description="How long it keeps them; 180 if nobody says."
    )
    sealing: Literal["normal", "strict"] | None = Field(
        None,
        description="When texts can't be sealed: `normal` records the exchange without them, "
        "`strict` refuses it.",
    )
    regions: list[str] | None = Field(None, description="Regions where models may compute.")
    models: list[str] | None = Field(None, description="Models that may be used at all.")
    detectors: dict[str, DetectorUse] = Field(
        {},
        description="Detector or family (`pii.*`) → its use; what it leaves out, it inherits.",
    )
    require_identity: bool | None = Field(
        None, description="Refuse requests whose end user no verified token names."
    )
    audit: Literal["normal", "strict"] | None = Field(
        None, description="`strict` waits for the disk before an answer leaves."
    )
    approvals: ApprovalSettings = Field(
        ApprovalSettings(), description="Answers that wait for a person."
    )
    tools: ToolSettings = Field(ToolSettings(), description="What tool calls may be made of.")
    routing: Objective = Field(
        Objective(), description="What the choice of a model aims for, in place of the route's own."
    )
    capture: Capture | None = Field(
        None, description="Which exchanges become cases to learn from; none if nobody says."
    )


SettingName = Literal[
    "limits", "content", "retention_days", "sealing", "regions", "models", "detectors",
    "require_identity", "audit", "approvals", "tools", "routing", "capture",
]  # fmt: skip
