"""Which detectors read an exchange's texts, so that the record also says who found nothing."""

from typing import Literal

from msgspec import Struct

from freehold.core.decisions import Mode


class DetectorUse(Struct, frozen=True, kw_only=True):
    """One detector as an app uses it; ``threshold`` in millionths."""

    action: Literal["redact", "block", "annotate"]
    id: str
    mode: Mode
    phases: tuple[str, ...]
    threshold: int
    version: str


class PanelUse(Struct, frozen=True, kw_only=True):
    """All detectors of an app. Records name them by ``digest``: 32 hexadecimal digits of the
    SHA-256 of their list in canonical form.
    """

    detectors: tuple[DetectorUse, ...]
    digest: str
