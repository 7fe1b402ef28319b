"""Business rules over facts: they override the model, always."""

from freehold.stages.policy.stage import Policy

__all__ = ["Policy"]
