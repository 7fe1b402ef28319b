"""Detectors over request, context and answer; redaction and restoring."""

from freehold.stages.governance.registry import BUILT_IN, builtin_detectors
from freehold.stages.governance.stage import Governance

__all__ = ["BUILT_IN", "Governance", "builtin_detectors"]
