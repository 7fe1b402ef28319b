"""Who is asking, through which app, and within which limits."""

from freehold.stages.admit.shedding import Shedder, ceiling_here
from freehold.stages.admit.stage import Admit

__all__ = ["Admit", "Shedder", "ceiling_here"]
