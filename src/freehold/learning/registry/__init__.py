"""The registry of custom models: versions as folders, with manifest, card, lineage, signature."""

from freehold.learning.registry.adopting import adopt
from freehold.learning.registry.manifest import (
    CARD,
    GATE,
    LINEAGE,
    MANIFEST,
    SIGNATURE,
    Manifest,
    Version,
    numbered,
)
from freehold.learning.registry.store import About, Registry

__all__ = [
    "CARD",
    "GATE",
    "LINEAGE",
    "MANIFEST",
    "SIGNATURE",
    "About",
    "Manifest",
    "Registry",
    "Version",
    "adopt",
    "numbered",
]
