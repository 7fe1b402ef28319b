"""Runs the enabled detectors over one text: one set of gates first, then only what may be there."""

from bisect import bisect_left, bisect_right
from collections.abc import Callable, Iterable, Sequence
from hashlib import sha256
from operator import attrgetter

from msgspec import Struct
from msgspec.structs import replace

from freehold.core.decisions import MILLION, Finding
from freehold.core.errors import ControlFailed
from freehold.core.ports import Detector
from freehold.core.spec import DetectorSetting
from freehold.stages.governance.ascii import ascii_copy
from freehold.stages.governance.detectors.base import PatternDetector
from freehold.stages.governance.detectors.hidden import HiddenUnicode
from freehold.stages.governance.detectors.purpose import PurposeDetector
from freehold.stages.governance.unmarked import Unmarked
from freehold.text.normalise import fold
from freehold.text.patterns import PatternSet

Stretch = tuple[int, int, Finding]
"""Characters to replace, and the finding that says why."""

_ELSEWHERE = (HiddenUnicode, PurposeDetector)
"""Detectors that read no single text: the stage itself asks them."""
_FAR = 1 << 60
_NEAR = 16

Failed = Callable[[DetectorSetting, str], None]
"""Told of a detector in observe mode that failed: its name and what went wrong."""


class Use(Struct, frozen=True):
    """A detector as one app uses it."""

    setting: DetectorSetting
    detector: Detector

    @property
    def acts(self) -> bool:
        """Whether a finding changes anything, rather than being recorded."""
        return self.setting.mode == "enforce" and self.setting.action != "annotate"


class Scanner:
    """The detectors of one app for one phase.

    ``fingerprint`` names what may be found: detectors, versions, thresholds and their order of
    precedence. Two apps with the same fingerprint get the same findings.
    """

    def __init__(self, uses: Sequence[Use]) -> None:
        self.uses = {use.setting.id: use for use in uses}
        self._patterned: list[tuple[Use, PatternDetector, int]] = []
        self._others: list[Use] = []
        gates: list[str] = []
        for use in uses:
            if isinstance(use.detector, PatternDetector):
                for index, gate in enumerate(use.detector.gates):
                    gates.append(gate)
                    self._patterned.append((use, use.detector, index))
            else:
                self._others.append(use)
        self._gates = PatternSet(gates, ignore_case=True)
        names = [
            (u.setting.id, u.detector.version, u.setting.threshold, u.acts, u.setting.mode)
            for u in uses
        ]
        self.fingerprint = sha256(repr(names).encode()).hexdigest()[:16]

    def scan(self, text: str, where: str, failed: Failed) -> tuple[Finding, ...]:
        """Everything at or above its threshold, in order, overlaps resolved.

        Raises:
            ControlFailed: a detector in enforce mode failed or returned nonsense.
        """
        found: list[Finding] = []
        if self._patterned and text:
            folded = ascii_copy(text)
            self._ask_patterns(folded, where, found, failed)
            if "**" in folded or "__" in folded or "`" in folded:
                view = Unmarked(folded)
                more: list[Finding] = []
                self._ask_patterns(view.text, where, more, failed)
                found += (view.back(finding) for finding in more)
        if self._others and text:
            self._ask_others(text, where, found, failed)
        return self.resolve(found) if found else ()

    def _ask_patterns(self, folded: str, where: str, found: list[Finding], failed: Failed) -> None:
        for index in self._gates.hits(folded):
            use, detector, shape = self._patterned[index]
            before = len(found)
            try:
                detector.read(shape, folded, where, found, use.setting.threshold)
            except Exception as error:  # noqa: BLE001 - any failure of a control counts
                del found[before:]
                self._fail(use, f"{type(error).__name__} in {use.setting.id}", failed)

    def _ask_others(self, text: str, where: str, found: list[Finding], failed: Failed) -> None:
        folded = fold(text)
        for use in self._others:
            try:
                answer = list(use.detector.detect(text, folded, where))
                for finding in answer:
                    check_finding(finding, use.setting.id, len(text))
            except Exception as error:  # noqa: BLE001 - any failure of a control counts
                self._fail(use, f"{type(error).__name__} in {use.setting.id}", failed)
            else:
                found.extend(answer)

    def _fail(self, use: Use, why: str, failed: Failed) -> None:
        if use.setting.mode == "enforce":
            raise ControlFailed(f"detector failed: {why}", rule=use.setting.id)
        failed(use.setting, why)

    def resolve(self, found: Iterable[Finding]) -> tuple[Finding, ...]:
        """Drop what is below its threshold, and what a stronger finding of its label contains."""
        kept = []
        for finding in found:
            threshold = self.uses[finding.detector].setting.threshold
            if finding.score >= threshold:
                kept.append(
                    finding
                    if finding.threshold == threshold
                    else replace(finding, threshold=threshold)
                )
        if len(kept) < 2:
            return tuple(kept)
        kept.sort(key=attrgetter("start"))
        winners: list[Finding] = []
        cluster: list[Finding] = []
        reach = -1
        for finding in kept:
            if finding.start >= reach:
                winners.extend(self._winners(cluster))
                cluster = []
            cluster.append(finding)
            reach = max(reach, finding.end)
        winners.extend(self._winners(cluster))
        return tuple(winners)

    def _rank(self, finding: Finding) -> tuple[bool, int, int, int, str, str]:
        acts = self.uses[finding.detector].acts
        length = finding.end - finding.start
        return not acts, -finding.score, -length, finding.start, finding.detector, finding.kind

    def _winners(self, cluster: list[Finding]) -> list[Finding]:
        """Of findings that overlap, those which no better one of the same label contains."""
        if len(cluster) < 2:
            return cluster
        winners: list[Finding] = []
        taken: dict[str, list[tuple[int, int]]] = {}
        for finding in sorted(cluster, key=self._rank):
            spans = taken.setdefault(finding.label, [])
            place = bisect_right(spans, (finding.start, _FAR))
            # what could contain it begins shortly before it: in long chains the rest is far away
            if not any(end >= finding.end for _, end in spans[max(0, place - _NEAR) : place]):
                spans.insert(place, (finding.start, finding.end))
                winners.append(finding)
        winners.sort(key=attrgetter("start", "end", "label", "detector"))
        return _joined(winners)


def _joined(winners: list[Finding]) -> list[Finding]:
    """Overlapping readings of one kind as one finding: two groupings of one number, say."""
    joined: list[Finding] = []
    last: dict[tuple[str, str], int] = {}
    for finding in winners:
        key = finding.detector, finding.kind
        place = last.get(key)
        if place is not None and joined[place].end > finding.start:
            one = joined[place]
            best = one if one.score >= finding.score else finding
            joined[place] = replace(best, start=one.start, end=max(one.end, finding.end))
        else:
            last[key] = len(joined)
            joined.append(finding)
    return joined


def check_finding(finding: object, detector: str, length: int) -> None:
    """What a detector may return.

    Raises:
        TypeError: not a finding, or fields of the wrong type.
        ValueError: a span outside the text, a score that is no share, another one's name.
    """
    if not isinstance(finding, Finding):
        raise TypeError("not a finding")
    numbers = (finding.start, finding.end, finding.score)
    if any(type(number) is not int for number in numbers) or not (
        isinstance(finding.kind, str) and isinstance(finding.label, str)
    ):
        raise TypeError("a field has the wrong type")
    if not 0 <= finding.start < finding.end <= length:
        raise ValueError("a span outside the text")
    if not 0 <= finding.score <= MILLION or finding.detector != detector or not finding.kind:
        raise ValueError("a score, a name or a kind that can't be")


def cover(findings: Iterable[Finding]) -> list[Stretch]:
    """Stretches to replace: findings that overlap become one, named after the best of them."""
    stretches: list[Stretch] = []
    for finding in sorted(findings, key=lambda f: (f.start, -f.end)):
        if stretches and finding.start < stretches[-1][1]:
            start, end, best = stretches[-1]
            better = (finding.label == "secret", finding.score) > (
                best.label == "secret",
                best.score,
            )
            stretches[-1] = (start, max(end, finding.end), finding if better else best)
        else:
            stretches.append((finding.start, finding.end, finding))
    return stretches


def apart(first: list[Stretch], more: list[Stretch]) -> list[Stretch]:
    """``first``, in order and apart, and those of ``more`` that overlap nothing before them."""
    taken = [(start, end) for start, end, _ in first]
    added: list[Stretch] = []
    reach = -1
    for stretch in sorted(more, key=lambda s: (s[0], -s[1])):
        if stretch[0] >= reach and not overlaps(taken, stretch[0], stretch[1]):
            added.append(stretch)
            reach = stretch[1]
    return sorted(first + added, key=lambda s: s[0]) if added else first


def overlaps(spans: Sequence[tuple[int, int]], start: int, end: int) -> bool:
    """Whether any of ``spans``, in order and apart, has a character in ``start:end``."""
    place = bisect_left(spans, (end, end))
    return place > 0 and spans[place - 1][1] > start


def _configured(detector: Detector, setting: DetectorSetting) -> Detector:
    """The detector as this app's bundle tells it what to look for."""
    speaking = getattr(detector, "speaking", None)
    if setting.voice is None or speaking is None:
        return detector
    configured: Detector = speaking(setting.voice)
    return configured


class Panel:
    """Everything that one app's detector settings mean, phase by phase; compiled once."""

    def __init__(
        self, settings: tuple[DetectorSetting, ...], detectors: dict[str, Detector]
    ) -> None:
        unknown = [s.id for s in settings if s.id not in detectors]
        if unknown:
            raise ControlFailed(f"no such detector: {', '.join(unknown)}", rule=unknown[0])
        self.uses = {s.id: Use(s, _configured(detectors[s.id], s)) for s in settings}
        self.request = self._scanner("request")
        self.context = self._scanner("context")
        self.answer = self._scanner("answer", now=True)
        self.answer_sentences = self._scanner("answer", needs="sentence")
        self.answer_whole = self._scanner("answer", needs="whole")
        self.answer_late = self._scanner("answer", late=True)

    def _scanner(
        self, phase: str, *, now: bool = False, needs: str = "", late: bool = False
    ) -> Scanner:
        """For answers, detectors part by how much text they need, and by whether they can act."""
        uses = []
        for use in self.uses.values():
            if phase not in use.setting.phases or isinstance(use.detector, _ELSEWHERE):
                continue
            if getattr(use.detector, "idle", False):
                continue
            spans = use.detector.needs == "span" and isinstance(use.detector, PatternDetector)
            if phase != "answer":
                uses.append(use)
            elif spans:
                if now:
                    uses.append(use)
            elif use.setting.mode == "observe":
                if late:
                    uses.append(use)
            elif (use.detector.needs == "whole") == (needs == "whole") and needs:
                uses.append(use)
        return Scanner(uses)
