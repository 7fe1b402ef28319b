"""audit: writes the record of every exchange, when it is decided and as it was decided."""

from freehold.stages.audit.audit import Audit

__all__ = ["Audit"]
