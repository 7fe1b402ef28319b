"""Guard models: other models that judge a text before it goes further."""

from freehold.stages.governance.guards.guard import Guard
from freehold.stages.governance.guards.styles import harmless

__all__ = ["Guard", "harmless"]
