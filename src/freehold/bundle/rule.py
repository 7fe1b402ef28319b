"""A hard business rule, and what it can demand."""

from typing import Literal

from pydantic import Field

from freehold.bundle.rule_test import RuleTest
from freehold.bundle.section import CelText, Identifier, LateName, ModeName, Section
from freehold.bundle.tools import MemberPath


class RequireApproval(Section):
    """Hold the answer, or the request, until somebody with this role releases it."""

    role: Identifier = Field(description="Who may release it: a role from a verified token.")


class Block(Section):
    """Refuse."""


class Rewrite(Section):
    """Replace the whole answer (or, on a request, the last user message) by this text.

    A rule that judges sentences replaces the sentence at fault, and what has left stays.
    """

    template: str = Field(min_length=1, description="The text that stands there instead.")


class Redact(Section):
    """Take out findings with these labels, or facts of these kinds; of a tool call, arguments."""

    labels: list[str] = Field([], description="Of findings: `pii`, `secret`, …")
    facts: list[Literal["percent", "money", "date", "duration", "quantity", "commitment"]] = Field(
        [], description="Kinds of facts."
    )
    arguments: list[MemberPath] = Field([], description="Of a tool call: `note`, `lines[].text`.")


class Annotate(Section):
    """Only mark the exchange."""

    tag: Identifier = Field(description="What the record then carries.")


class Allow(Section):
    """Let a tool call be made although arguments come from untrusted text."""

    arguments: list[MemberPath] = Field(
        [], description="Which may come from there; all of the call's, if none are named."
    )


class Do(Section):
    """One obligation: exactly one of these."""

    block: Block | None = Field(None, description="Refuse; `block: {}` says it all.")
    require_approval: RequireApproval | None = Field(
        None, description="Hold the answer, or the request, for a person."
    )
    rewrite: Rewrite | None = Field(None, description="Say something else.")
    redact: Redact | None = Field(None, description="Take something out.")
    annotate: Annotate | None = Field(None, description="Only mark the exchange.")
    allow: Allow | None = Field(
        None, description="Of a tool call: arguments may come from untrusted text."
    )


class Rule(Section):
    """A hard business rule."""

    version: int = Field(1, ge=1, description="Counted up by whoever changes the rule.")
    phase: Literal["request", "answer", "stream", "tool_call"] = Field(
        description="Before the model, after it, at each sentence while the answer grows and "
        "again at its end (whole answers are judged sentence by sentence too), or for each tool "
        "that the model calls."
    )
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
    late: LateName = Field(
        "buffer",
        description="What a rule that needs the whole answer does to a stream. `buffer` holds it "
        "back until the end; `terminate` lets it leave, and ends it when the rule objects.",
    )
    owner: str = Field("", description="Who answers for it.")
    why: str = Field("", description="For the record.")
    public: str = Field("", description="For the caller.")
    limits: Literal["public", "private"] = Field(
        "public",
        description="Whether the person whom it concerns is told at which value it would have "
        "passed. `private` tells only that the rule applied.",
    )
    tests: list[RuleTest] = Field([], description="Run by `freehold policy test`.")
