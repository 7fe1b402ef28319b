"""The company's own facts, stitched in side by side, and only what this principal may see."""

from freehold.stages.context.stage import Context

__all__ = ["Context"]
