"""The governance stage: what is in the request, in the context and in the answer."""

from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from typing import Any, cast

from msgspec.structs import replace

from freehold.core.ask import Message
from freehold.core.decisions import Finding
from freehold.core.errors import ControlFailed
from freehold.core.handoffs import (
    Admitted,
    Answer,
    Attempt,
    Checked,
    Grounded,
    Piece,
    Plan,
    Prepared,
    Screened,
    Sendable,
    Stitched,
)
from freehold.core.lineage import Lineage
from freehold.core.ports import Detector, SubjectKeys
from freehold.core.spec import AppSpec, DetectorSetting
from freehold.core.timing import timed
from freehold.core.trail import Trail
from freehold.stages.governance import checking, fixed, identifiers, keeping, screening, verdicts
from freehold.stages.governance.answers import Watch
from freehold.stages.governance.carrying import Carrying
from freehold.stages.governance.consulting import Consultants, Consultation, admitted_of
from freehold.stages.governance.detectors.hidden import HiddenUnicode
from freehold.stages.governance.detectors.purpose import PurposeDetector
from freehold.stages.governance.exchange import Exchange
from freehold.stages.governance.jsontext import fit, plain
from freehold.stages.governance.memory import Memory
from freehold.stages.governance.panels import Panels
from freehold.stages.governance.placeholders import mask
from freehold.stages.governance.redaction import Redaction, allow_settings
from freehold.stages.governance.registry import builtin_detectors
from freehold.stages.governance.scanner import Panel, Scanner, cover
from freehold.stages.governance.waiting import AskModel
from freehold.text.structured import is_json


class Governance:
    """Detectors over everything that goes in and comes out.

    Args:
        detectors: all that bundles may name; the built-in ones when omitted.
        placeholder_key: secret bytes from which placeholders are made.
        keys: what kept texts are sealed with; without it none are kept.
        lineage: what remembers which labels released answers have; without it none come back.
        remembered: how many texts' findings are kept for later exchanges.
    """

    def __init__(
        self,
        detectors: Sequence[Detector] | None = None,
        *,
        placeholder_key: bytes,
        keys: SubjectKeys | None = None,
        lineage: Lineage | None = None,
        remembered: int = 20_000,
    ) -> None:
        known = builtin_detectors() if detectors is None else tuple(detectors)
        self._panels = Panels(known)
        self._key = placeholder_key
        self._keys = keys
        self.carrying = Carrying(lineage)
        self._memory = Memory(remembered)
        self._consultants = Consultants(self._memory, placeholder_key)

    def prepare(self, app: AppSpec) -> None:
        """Make what the app's examples and its detectors need ahead of its first request."""
        with suppress(ControlFailed):  # its requests will tell
            self._panels.under(app.detectors)
        for detector in self._panels.detectors.values():
            if app.scope is not None and isinstance(detector, PurposeDetector):
                detector.prepare(app.scope)

    def adopt(self, heads: Mapping[str, bytes]) -> None:
        """Take in the files of trained detectors, by their SHA-256, that a bundle has.

        Raises:
            ValueError: one is damaged, or was trained on other vectors than these.
        """
        self._panels.adopt(heads)

    def parts(self, app: AppSpec) -> dict[str, frozenset[str]]:
        """An app's detectors that enforce on answers, by how much of one they need: ``span``,
        ``sentence``, ``whole``, and ``late``.

        Raises:
            ControlFailed: a detector is not there, or can't be made.
        """
        return self._panels.parts(app.detectors)

    def waits(self, *args: object) -> bool:
        """Whether, before a step runs on these, detectors must be asked that take their time."""
        handed = args[0]
        if isinstance(handed, Answer) and not handed.complete:  # most steps, by far, on a stream
            return False
        admitted = admitted_of(handed)
        return admitted is not None and self._panels.of(admitted, cast(Trail, args[-1])).waits

    async def consult(
        self, step: Callable[..., object], args: Sequence[Any], ask: AskModel
    ) -> None:
        """Ask them about just those texts that the step will read.

        Raises:
            FreeholdError: quick detectors refuse, so that nobody had to be asked.
        """
        handed, trail = args[0], args[-1]
        admitted = admitted_of(handed)
        assert admitted is not None  # noqa: S101 -- `waits` has said so
        panel = self._panels.of(admitted, trail)

        def foresee(tried: Trail) -> None:
            if not isinstance(handed, Answer):
                step(*args[:-1], tried)
                return
            grounded = handed.sendable.plan.ruled.grounded
            self._exchange(grounded.screened, grounded.stitched.pieces, tried)
            for text, where in checking.whole_texts(handed):
                for scanner in (panel.answer_whole, panel.answer_late, panel.answer_observed):
                    scanner.wish(text, where, tried.told)

        consultation = Consultation(
            handed=handed,
            admitted=admitted,
            trail=trail,
            panel=panel,
            ask=ask,
            carried=self.carrying.origins(handed),
        )
        await self._consultants.consult(foresee, lambda: step(*args), consultation)

    @timed("governance")
    def request(self, prepared: Prepared, trail: Trail) -> Screened:
        """Read every message; take out secrets; disarm look-alikes of placeholders.

        Raises:
            GovernanceRefusal: a detector that enforces found what it blocks.
            ControlFailed: a detector in enforce mode failed.
        """
        panel = self._panels.of(prepared.admitted, trail)
        trail.panel = panel.use
        exchange = trail.seen = Exchange(prepared.admitted, panel, self._key)
        read = self._reading(exchange, trail)
        found: list[Finding] = []
        # all is read before anything is refused, since the record keeps only what was read
        messages = self._screened(prepared, exchange, read, found)
        stuck = fixed.find(prepared.admitted.ask, panel, read)
        scope, outside = self._scope(prepared, panel, trail)
        findings = (*self._hidden(prepared, panel), *outside, *found, *stuck)
        trail.findings.extend(findings)
        carried = self.carrying.into(prepared, trail)
        screened = trail.screened = Screened(
            prepared=prepared,
            messages=messages,
            findings=findings,
            labels=verdicts.labels(findings, panel) | carried.keys(),
            carried=carried,
            fixed=fixed.barred(stuck, panel),
            scope=scope,
        )
        identifiers.refuse(prepared.admitted.ask, exchange, trail)
        verdicts.judge(findings, panel, trail, "request")
        return screened

    @timed("governance")
    def context(self, stitched: Stitched, trail: Trail) -> Grounded:
        """Read every piece of context as the untrusted text that it is.

        Raises:
            GovernanceRefusal: a detector that enforces found what it blocks.
            ControlFailed: a detector in enforce mode failed.
        """
        exchange = self._exchange(stitched.screened, (), trail)
        read = self._reading(exchange, trail)
        findings: list[Finding] = []
        pieces = tuple(
            screening.piece(piece, exchange, read, self._panels.kinds, findings)
            for piece in stitched.pieces
        )
        trail.findings.extend(findings)
        verdicts.judge(findings, exchange.panel, trail, "context")
        found = verdicts.labels(findings, exchange.panel)
        declared = frozenset(label for piece in pieces for label in piece.labels)
        return Grounded(
            stitched=stitched,
            pieces=pieces,
            findings=tuple(findings),
            labels=stitched.screened.labels | found | declared,
        )

    def redactor(self, plan: Plan, attempt: Attempt, trail: Trail) -> Redaction:
        """What replaces in any text for this attempt."""
        grounded = plan.ruled.grounded
        exchange = self._exchange(grounded.screened, grounded.stitched.pieces, trail)
        return Redaction(exchange, plan, attempt, trail, self._reading(exchange, trail))

    @timed("governance")
    def redact(
        self, plan: Plan, attempt: Attempt, messages: tuple[Message, ...], trail: Trail
    ) -> Sendable:
        """The packed messages as this model may see them.

        Raises:
            ControlFailed: a detector in enforce mode failed.
            RoutingError: the request's settings (tools, response format, stop sequences) hold what
                this model may not see; another one may.
        """
        redaction = self.redactor(plan, attempt, trail)
        redacted = tuple(redaction.message(m, f"packed:{i}") for i, m in enumerate(messages))
        allow_settings(redaction, plan, attempt)
        sendable = trail.sendable = Sendable(
            plan=plan,
            attempt=attempt,
            messages=redacted,
            restorations=redaction.restorations,
            redacted=redaction.count,
        )
        return sendable

    @timed("governance")
    def answer(self, answer: Answer, trail: Trail) -> Checked:
        """Check all that the model has said so far, and put the recipient's own values back.

        Call it each time the answer grows. ``Checked.choices`` holds only what is settled, so the
        text of each grows and never changes.

        Raises:
            GovernanceRefusal: a leak that a detector blocks.
            ControlFailed: a detector in enforce mode failed.
        """
        grounded = answer.sendable.plan.ruled.grounded
        exchange = trail.seen or self._exchange(grounded.screened, grounded.stitched.pieces, trail)
        watch = exchange.watch
        if watch is None or watch.sendable is not answer.sendable:
            trail.answering = len(trail.decisions)
            reader, kinds = self._panels.reader(exchange.panel), self._panels.kinds
            watch = exchange.watch = Watch(answer.sendable, reader, kinds, exchange.known)
        return checking.check(answer, watch, trail)

    @timed("governance")
    def keep(self, admitted: Admitted, trail: Trail) -> None:
        """Give the record the texts that the tenant lets it have, in the form that it may."""
        kept = admitted.app.content_kept != "none"
        if kept and trail.seen is None and trail.screened is not None:  # no attempt succeeded
            with suppress(ControlFailed):  # what it did not read is kept as not read
                self._exchange(trail.screened, (), trail)
        keeping.keep(admitted, trail, self._keys)

    def forget(self) -> None:
        """Forget what was found in earlier texts: somebody's data was erased. Any thread may."""
        self._memory.forget()

    def masked(
        self, text: str, admitted: Admitted, trail: Trail, cleared: frozenset[str] | None = None
    ) -> str:
        """A text for records and screens, with every value found in it taken out for good.

        With ``cleared``, for a reader: what is of a class for which they are cleared stays, and so
        does what only an observing detector takes for something. A text of which nobody remembers
        what a detector that takes its time has said gives way to a note that it is not read.
        """
        panel = self._panels.of(admitted, trail)
        told = self._consultants.recalled(panel, admitted.app.tenant, text)
        if told is None:
            return keeping.UNREAD
        found = panel.request.scan(text, "record", _ignore, told)
        if cleared is not None:
            uses = panel.uses
            found = tuple(f for f in found if f.label not in cleared and uses[f.detector].acts)
        stretches = cover(found)
        parts: list[str] = []
        done = 0
        for start, end, finding, bare in (
            fit(text, stretches) if is_json(text) else plain(stretches)
        ):
            gone = mask(finding.kind)
            parts += (text[done:start], f'"{gone}"' if bare else gone)
            done = end
        return "".join(parts) + text[done:]

    def _hidden(self, prepared: Prepared, panel: Panel) -> tuple[Finding, ...]:
        if not prepared.hidden:
            return ()
        return tuple(
            replace(finding, threshold=use.setting.threshold)
            for use in panel.uses.values()
            if isinstance(use.detector, HiddenUnicode) and "request" in use.setting.phases
            for finding in use.detector.counted(prepared.hidden)
            if finding.score >= use.setting.threshold
        )

    def _scope(
        self, prepared: Prepared, panel: Panel, trail: Trail
    ) -> tuple[int | None, tuple[Finding, ...]]:
        """How much the question is what the app is for, and a finding where it is not.

        Raises:
            ControlFailed: it could not be told, and the detector enforces.
        """
        spec = prepared.admitted.app.scope
        if spec is None or prepared.admitted.ask.operation == "embedding" or not prepared.query:
            return None, ()
        for use in panel.uses.values():
            if isinstance(use.detector, PurposeDetector) and "request" in use.setting.phases:
                try:
                    score, finding = use.detector.judge(spec, prepared.query)
                except Exception as error:  # noqa: BLE001 - any failure of a control counts
                    why = f"detector failed: {type(error).__name__} in {use.setting.id}"
                    trail.decide(verdicts.failed(use.setting, why))
                    if use.setting.mode == "enforce":
                        raise ControlFailed(why, rule=use.setting.id) from None
                    return None, ()
                return score, (finding,) if finding is not None else ()
        return None, ()

    # -- reading --

    def _screened(
        self, prepared: Prepared, exchange: Exchange, read: screening.Read, found: list[Finding]
    ) -> tuple[Message, ...]:
        """The messages as every model may see them; ``found`` grows by what is in them."""
        identifiers.read_all(prepared.admitted.ask, exchange, read)
        return tuple(
            screening.message(message, f"message:{i}", exchange, read, self._panels.kinds, found)
            for i, message in enumerate(prepared.messages)
        )

    def _exchange(self, screened: Screened, pieces: tuple[Piece, ...], trail: Trail) -> Exchange:
        """The exchange's state, made again from memory where another attempt or a later resumption
        starts without it.
        """
        if trail.seen is not None:
            exchange: Exchange = trail.seen
            return exchange
        prepared = screened.prepared
        panel = self._panels.of(prepared.admitted, trail)
        trail.panel = panel.use
        exchange = trail.seen = Exchange(prepared.admitted, panel, self._key)
        read = self._reading(exchange, trail)
        self._screened(prepared, exchange, read, [])
        for piece in pieces:
            screening.piece(piece, exchange, read, self._panels.kinds, [])
        return exchange

    def _reading(self, exchange: Exchange, trail: Trail) -> screening.Read:
        """How texts of one exchange are read: what was read before is remembered."""

        def read(scanner: Scanner, text: str, where: str) -> tuple[Finding, ...]:
            found = exchange.recall(scanner, text)
            if found is not None:
                return screening.placed(found, where)
            key = self._memory.key(exchange.minter.tenant, scanner.fingerprint, text)
            found = self._memory.get(key)
            if found is None:
                found, sound = screening.scan(scanner, text, where, trail)
                if sound:
                    self._memory.put(key, found)
            found = screening.placed(found, where)
            exchange.remember(scanner, text, found)
            return found

        return read


def _ignore(setting: DetectorSetting, why: str) -> None:
    """A detector in observe mode changes nothing in what is masked."""
