"""What one app's detector settings mean, made once: its detectors, and the scanners over them."""

from collections.abc import Iterable, Mapping

from freehold.core.errors import ControlFailed
from freehold.core.handoffs import Admitted
from freehold.core.ports import Detector
from freehold.core.spec import ClassifierSpec, DetectorSetting, GuardSpec, InstalledSpec
from freehold.core.trail import Trail
from freehold.stages.governance import verdicts
from freehold.stages.governance.answers import Reader
from freehold.stages.governance.placeholders import AnyKind, Kinds
from freehold.stages.governance.registry import own_detector
from freehold.stages.governance.scanner import Panel
from freehold.text.heads import Head, unpack

OwnSpec = GuardSpec | ClassifierSpec | InstalledSpec
Settings = tuple[DetectorSetting, ...]
_KEPT = 512
_HEADS = 64


class Panels:
    """Panels and readers by settings.

    Attributes:
        detectors: all that are there whatever the bundle, by id.
        kinds: the kinds of which placeholders may exist.
    """

    def __init__(self, detectors: Iterable[Detector]) -> None:
        self.detectors = {detector.id: detector for detector in detectors}
        declared = [getattr(detector, "kinds", None) for detector in self.detectors.values()]
        self.kinds: Kinds = (
            AnyKind()
            if any(kinds is None for kinds in declared)
            else frozenset(kind for kinds in declared for kind in kinds or ())
        )
        self._heads: dict[str, Head] = {}
        self._own: dict[tuple[str, OwnSpec], Detector] = {}
        self._panels: dict[Settings, Panel] = {}
        # hashing settings costs more than reading a short text, so identity is asked first
        self._same: dict[int, tuple[Settings, Panel]] = {}
        self._readers: dict[Panel, Reader] = {}

    def adopt(self, heads: Mapping[str, bytes]) -> None:
        """Take in the files of trained detectors, by their SHA-256.

        Raises:
            ValueError: one is damaged, or was trained on other vectors than these.
        """
        for digest, data in heads.items():
            known = self._heads.pop(digest) if digest in self._heads else unpack(data)
            self._heads[digest] = known  # at the end: needed last
        for digest in list(self._heads)[: -max(_HEADS, len(heads))]:  # of bundles long gone
            del self._heads[digest]

    def of(self, admitted: Admitted, trail: Trail) -> Panel:
        """The panel of this exchange's app.

        Raises:
            ControlFailed: a detector is not there, or can't be made; the trail says so.
        """
        settings = admitted.app.detectors
        same = self._same.get(id(settings))
        if same is not None and same[0] is settings:
            return same[1]
        try:
            return self.under(settings)
        except ControlFailed as failure:
            trail.decide(verdicts.failed(DetectorSetting(id=failure.rule), str(failure)))
            raise

    def under(self, settings: Settings) -> Panel:
        """The panel of these settings.

        Raises:
            ControlFailed: a detector is not there, or can't be made.
        """
        panel = self._panels.get(settings)
        if panel is None:
            panel = Panel(settings, self._known(settings))
        if len(self._same) >= _KEPT:  # bundles change: begin anew
            self._same.clear()
            self._panels.clear()
            self._readers.clear()
        self._panels[settings] = panel
        self._same[id(settings)] = (settings, panel)
        return panel

    def parts(self, settings: Settings) -> dict[str, frozenset[str]]:
        """Ids of detectors that enforce on answers, by how much of one they need.

        Raises:
            ControlFailed: a detector is not there, or can't be made.
        """
        panel = Panel(settings, self._known(settings))
        scanners = {
            "span": panel.answer,
            "sentence": panel.answer_sentences,
            "whole": panel.answer_whole,
            "late": panel.answer_late,
        }
        return {
            part: frozenset(i for i, use in scanner.uses.items() if use.setting.mode == "enforce")
            for part, scanner in scanners.items()
        }

    def reader(self, panel: Panel) -> Reader:
        """What it takes to read answers under this panel."""
        reader = self._readers.get(panel)
        if reader is None:
            reader = self._readers[panel] = Reader(panel)
        return reader

    def _known(self, settings: Settings) -> dict[str, Detector]:
        """Raises: ControlFailed: one that the bundle declares can't be made."""
        known = dict(self.detectors)
        for setting in settings:
            if setting.own is not None:
                known[setting.id] = made = self._made(setting, setting.own)
                if getattr(made, "kinds", None) is None:
                    self.kinds = AnyKind()
        return known

    def _made(self, setting: DetectorSetting, spec: OwnSpec) -> Detector:
        """The same one for every app and bundle that declares it alike: its threads are counted."""
        made = self._own.get((setting.id, spec))
        if made is None:
            if len(self._own) >= _KEPT:
                self._own.clear()
            made = self._own[setting.id, spec] = own_detector(setting, self._heads)
        return made
