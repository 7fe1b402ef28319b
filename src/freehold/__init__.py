"""Freehold: a self-hosted AI orchestration layer that its owner really owns.

What stands in `__all__` is the public face; everything below may move between minor versions.
"""

__all__ = ["__version__"]

__version__ = "0.1.0"
