"""Detectors from other packages: found by entry point, loaded when a bundle names them."""

from freehold.stages.governance.installed.detector import InstalledDetector
from freehold.stages.governance.installed.loading import (
    ADAPTERS,
    GROUP,
    Listed,
    Unloadable,
    listed,
    load,
)

__all__ = ["ADAPTERS", "GROUP", "InstalledDetector", "Listed", "Unloadable", "listed", "load"]
