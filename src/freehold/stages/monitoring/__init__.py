"""monitoring: latency, tokens, money, and Freehold's own load by layer."""

from freehold.stages.monitoring.monitoring import Monitoring

__all__ = ["Monitoring"]
