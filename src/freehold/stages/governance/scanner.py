"""Runs the enabled detectors over one text: one set of gates first, then only what may be there."""

from bisect import bisect_left, bisect_right
from collections.abc import Callable, Iterable, Sequence
from hashlib import sha256
from operator import attrgetter
from typing import Any

from msgspec import Struct
from msgspec.structs import replace

from freehold.bundle.names import LEARNED
from freehold.core.decisions import MILLION, Finding
from freehold.core.errors import ControlFailed, FreeholdError, LimitError
from freehold.core.handoffs import Sendable
from freehold.core.ports import AnswerDetector, Detector
from freehold.core.spec import DetectorSetting
from freehold.stages.governance.ascii import ascii_copy
from freehold.stages.governance.detectors.base import PatternDetector
from freehold.stages.governance.detectors.hidden import HiddenUnicode
from freehold.stages.governance.detectors.purpose import PurposeDetector
from freehold.stages.governance.panel_use import panel_use
from freehold.stages.governance.unwrapped import WRAPPED, Unwrapped
from freehold.stages.governance.waiting import Told, Unheard, judges, waits
from freehold.text.normalise import fold
from freehold.text.patterns import PatternSet
from freehold.text.views import View, unmarked

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
        self._waiting: list[Use] = []
        gates: list[str] = []
        for use in uses:
            if isinstance(use.detector, PatternDetector):
                for index, gate in enumerate(use.detector.gates):
                    gates.append(gate)
                    self._patterned.append((use, use.detector, index))
            elif waits(use.detector):
                self._waiting.append(use)
            else:
                self._others.append(use)
        self._gates = PatternSet(gates, ignore_case=True, gate=True)
        names = [
            (u.setting.id, u.detector.version, u.setting.threshold, u.acts, u.setting.mode)
            for u in uses
        ]
        self.fingerprint = sha256(repr(names).encode()).hexdigest()[:16]

    def scan(
        self,
        text: str,
        where: str,
        failed: Failed,
        told: Told | None = None,
        given: Sendable | None = None,
    ) -> tuple[Finding, ...]:
        """Everything at or above its threshold, in order, overlaps resolved. ``given`` is what the
        model had when the text is its answer.

        ``told`` has what waiting detectors say; without it, they are left out.

        Raises:
            ControlFailed: a detector in enforce mode failed or returned nonsense.
            LimitError: there is no money for one that enforces.
        """
        found: list[Finding] = []
        if self._patterned and text:
            folded = ascii_copy(text)
            more: list[Finding] = []
            self._ask_patterns(folded, where, found, failed)
            if "**" in folded or "__" in folded or "`" in folded:
                view = unmarked(folded)
                more = []
                self._ask_patterns(view.text, where, more, failed)
                found += (_back(finding, view) for finding in more)
            joined = Unwrapped(folded)
            if joined.joints:
                more = []
                self._ask_patterns(joined.text, where, more, failed, WRAPPED)
                found += joined.over_a_joint(more, found)
        if self._others and text:
            self._ask_others(text, where, found, failed, given)
        if self._waiting and text and told is not None:
            self._hear(text, where, found, failed, told)
        return self.resolve(found) if found else ()

    def _ask_patterns(
        self,
        folded: str,
        where: str,
        found: list[Finding],
        failed: Failed,
        only: frozenset[str] | None = None,
    ) -> None:
        for index in self._gates.hits(folded):
            use, detector, shape = self._patterned[index]
            if only is not None and use.setting.id not in only:
                continue
            before = len(found)
            try:
                detector.read(shape, folded, where, found, use.setting.threshold)
            except Exception as error:  # noqa: BLE001 - any failure of a control counts
                del found[before:]
                self._fail(use, f"{type(error).__name__} in {use.setting.id}", failed)

    def _ask_others(
        self,
        text: str,
        where: str,
        found: list[Finding],
        failed: Failed,
        given: Sendable | None,
    ) -> None:
        folded = fold(text)
        for use in self._others:
            try:
                if given is not None and isinstance(use.detector, AnswerDetector):
                    answer = list(use.detector.answered(text, where, given))
                else:
                    answer = list(use.detector.detect(text, folded, where))
                for finding in answer:
                    check_finding(finding, use.setting.id, len(text))
            except Exception as error:  # noqa: BLE001 - any failure of a control counts
                self._fail(use, f"{type(error).__name__} in {use.setting.id}", failed)
            else:
                found.extend(answer)

    def wish(self, text: str, where: str, told: Told) -> None:
        """Note what waiting detectors would be asked about this text."""
        for use in self._waiting:
            detector: Any = use.detector
            if text and detector.reads(where):
                told.said(use.setting.id, text, where)

    @property
    def waiting(self) -> tuple[Use, ...]:
        """Those that are asked ahead."""
        return tuple(self._waiting)

    def _hear(
        self, text: str, where: str, found: list[Finding], failed: Failed, told: Told
    ) -> None:
        for use in self._waiting:
            detector: Any = use.detector
            if not detector.reads(where):
                continue
            said = told.said(use.setting.id, text, where)
            if isinstance(said, Unheard):
                self._fail(use, f"{use.setting.id}: {said}", failed, said.error)
            elif said:
                found += (f if f.where == where else replace(f, where=where) for f in said)

    def _fail(self, use: Use, why: str, failed: Failed, error: FreeholdError | None = None) -> None:
        if use.setting.mode == "enforce":
            if isinstance(error, LimitError):
                raise error
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


def _back(finding: Finding, view: View) -> Finding:
    """The finding where it stands in the text of which there is a view."""
    start, end = view.span(finding.start, finding.end)
    return replace(finding, start=start, end=end)


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


def _use(setting: DetectorSetting, detector: Detector) -> Use:
    """A judgement can't be cut out of a text, so where it is to be redacted, it blocks."""
    if judges(detector) and setting.action == "redact":
        setting = replace(setting, action="block")
    return Use(setting, _configured(detector, setting))


def _configured(detector: Detector, setting: DetectorSetting) -> Detector:
    """The detector as this app's bundle tells it what to look for."""
    speaking = getattr(detector, "speaking", None)
    if setting.voice is None or speaking is None:
        return detector
    configured: Detector = speaking(setting.voice)
    return configured


def _reads_now(use: Use) -> bool:
    """Whether it finds values by itself, in any text, and acts on them."""
    detector = use.detector
    apart = isinstance(detector, _ELSEWHERE) or waits(detector) or judges(detector)
    return use.acts and bool(use.setting.phases) and not apart and not getattr(detector, "idle", 0)


class Panel:
    """Everything that one app's detector settings mean, phase by phase; compiled once.

    Attributes:
        judging: detectors whose findings are judgements about a text, and no values in it;
            ``judges`` are those of them that the bundle brings along.
        waits: whether one of them must be asked ahead.
        quick: those that find values by themselves and act on them, whatever text it is.
        use: all of it in the record's words.
    """

    def __init__(
        self, settings: tuple[DetectorSetting, ...], detectors: dict[str, Detector]
    ) -> None:
        unknown = [s.id for s in settings if s.id not in detectors]
        if unknown:
            raise ControlFailed(f"no such detector: {', '.join(unknown)}", rule=unknown[0])
        self.uses = {s.id: _use(s, detectors[s.id]) for s in settings}
        self.use = panel_use((use.setting, use.detector.version) for use in self.uses.values())
        self.judges = frozenset(i for i, use in self.uses.items() if judges(use.detector))
        self.judging = LEARNED | self.judges
        self.waits = any(waits(use.detector) and use.setting.phases for use in self.uses.values())
        self.quick = Scanner([use for use in self.uses.values() if _reads_now(use)])
        self.request = self._scanner("request")
        self.context = self._scanner("context")
        self.answer = self._scanner("answer", "span")
        self.answer_sentences = self._scanner("answer", "sentence")
        self.answer_whole = self._scanner("answer", "whole")
        self.answer_late = self._scanner("answer", "late")
        self.answer_observed = self._scanner("answer", "observed")

    def _scanner(self, phase: str, part: str = "") -> Scanner:
        """The detectors of a phase; for answers, ``part`` of them."""
        return Scanner(
            [
                use
                for use in self.uses.values()
                if phase in use.setting.phases
                and not isinstance(use.detector, _ELSEWHERE)
                and not getattr(use.detector, "idle", False)
                and (not part or _part(use) == part)
            ]
        )


def _part(use: Use) -> str:
    """Which part of an answer's detectors this one belongs to: by how much text it must see, and
    by whether a stream waits for it.
    """
    needs, setting = use.detector.needs, use.setting
    if needs == "span" and isinstance(use.detector, PatternDetector):
        return "span"
    if setting.mode == "observe":
        return "observed"
    if needs != "whole" and not waits(use.detector):
        return "sentence"
    return "late" if setting.late == "terminate" else "whole"
