"""A panel of detectors in the record's words."""

from collections.abc import Iterable
from hashlib import sha256

from freehold.core.panels import DetectorUse, PanelUse
from freehold.core.spec import DetectorSetting
from freehold.ledger.canonical import encode


def panel_use(uses: Iterable[tuple[DetectorSetting, str]]) -> PanelUse:
    """Which detectors read, from their settings and versions."""
    detectors = tuple(
        DetectorUse(
            action=setting.action,
            id=setting.id,
            mode=setting.mode,
            phases=tuple(sorted(setting.phases)),
            threshold=setting.threshold,
            version=version,
        )
        for setting, version in sorted(uses, key=lambda use: use[0].id)
    )
    return PanelUse(detectors=detectors, digest=sha256(encode(detectors)).hexdigest()[:32])
