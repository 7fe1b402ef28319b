"""The chaos run: a gateway before simulated endpoints that fail in every way, and its judge."""

from freehold.testing.chaos.run import run
from freehold.testing.chaos.verdict import Verdict

__all__ = ["Verdict", "run"]
