"""A hard business rule, and what it can demand."""

from typing import Literal

from pydantic import Field

from freehold.bundle.rule_test import RuleTest
from freehold.bundle.section import CelText, Identifier, ModeName, Section


class RequireApproval(Section):
    """Hold the answer until somebody with this role releases it."""

    role: Identifier = Field(description="Who may release it: a role from a verified token.")


class Block(Section):
    """Refuse."""


class Rewrite(Section):
    """Replace the whole answer (or, on a request, the last user message) by this text."""

    template: str = Field(min_length=1, description="The text that stands there instead.")


class Redact(Section):
    """Take out findings with these labels, or facts of these kinds."""

    labels: list[str] = Field([], description="Of findings: `pii`, `secret`, …")
    facts: list[Literal["percent", "money", "date", "duration", "quantity", "commitment"]] = Field(
        [], description="Kinds of facts."
    )


class Annotate(Section):
    """Only mark the exchange."""

    tag: Identifier = Field(description="What the record then carries.")


class Do(Section):
    """One obligation: exactly one of these."""

    block: Block | None = Field(None, description="Refuse; `block: {}` says it all.")
    require_approval: RequireApproval | None = Field(
        None, description="Hold the answer for a person."
    )
    rewrite: Rewrite | None = Field(None, description="Say something else.")
    redact: Redact | None = Field(None, description="Take something out.")
    annotate: Annotate | None = Field(None, description="Only mark the exchange.")


class Rule(Section):
    """A hard business rule."""

    version: int = Field(1, ge=1, description="Counted up by whoever changes the rule.")
    phase: Literal["request", "answer"] = Field(description="Before the model, or after it.")
    when: CelText
    do: list[Do] = Field(min_length=1, description="What follows when it holds.")
    mode: ModeName = Field(
        "enforce", description="`observe` only records what would have happened."
    )
    needs: Literal["sentence", "whole"] = Field(
        "whole",
        description="How much of a streamed answer it must see. `sentence` releases sentence by "
        "sentence; what already left can't be held back any more.",
    )
    owner: str = Field("", description="Who answers for it.")
    why: str = Field("", description="For the record.")
    public: str = Field("", description="For the caller.")
    tests: list[RuleTest] = Field([], description="Run by `freehold policy test`.")
