"""Asking the detectors that take their time, side by side, before a step of governance runs."""

import asyncio
from collections.abc import Callable, Iterable, Mapping
from time import perf_counter_ns

from msgspec import Struct

from freehold.core.ask import Ask
from freehold.core.decisions import Finding
from freehold.core.errors import ControlFailed, FreeholdError, LimitError
from freehold.core.handoffs import Admitted, Answer, Attempt, Plan, Prepared, Stitched
from freehold.core.spec import DetectorSetting, ModelSpec
from freehold.core.trail import Trail
from freehold.stages.governance.exchange import Exchange
from freehold.stages.governance.guards.guard import plan_for
from freehold.stages.governance.memory import Memory
from freehold.stages.governance.redaction import Redaction
from freehold.stages.governance.scanner import Panel, Scanner
from freehold.stages.governance.waiting import (
    AskModel,
    Heard,
    Job,
    Passage,
    Told,
    Unheard,
    Waiting,
    heard_as,
    judges,
)

SIDE_BY_SIDE = 8
"""So many texts of one exchange does a detector read at once."""

Wanted = Mapping[Heard, Passage]


def admitted_of(handed: object) -> Admitted | None:
    """Whose exchange a step's first argument belongs to; ``None`` where no detector waits yet."""
    if isinstance(handed, Prepared):
        return handed.admitted
    if isinstance(handed, Stitched):
        return handed.screened.prepared.admitted
    if isinstance(handed, Plan):
        return handed.ruled.admitted
    if isinstance(handed, Answer) and handed.complete:
        return handed.sendable.plan.ruled.admitted
    return None


def question_of(handed: object) -> str:
    """The newest turn, as an answer's guard should know it."""
    if isinstance(handed, Answer):
        return handed.sendable.plan.ruled.grounded.screened.prepared.query
    return ""


def barred_in(handed: object, admitted: Admitted, carried: Iterable[str]) -> frozenset[str]:
    """Labels of the data in this exchange that no redaction takes out of a text; ``carried`` are
    those of earlier answers in the request.
    """
    if isinstance(handed, Answer | Plan):
        plan = handed.sendable.plan if isinstance(handed, Answer) else handed
        return plan.ruled.grounded.whole_labels
    if not isinstance(handed, Stitched):
        return frozenset(carried)
    declared = frozenset(label for piece in handed.pieces for label in piece.labels)
    found = handed.screened.labels - admitted.app.redactable_labels
    return declared | found | frozenset(carried)


def redactor(
    exchange: Exchange, admitted: Admitted, trail: Trail
) -> Callable[[ModelSpec, Passage], tuple[str, int]]:
    """Gives a text as one model may see it, and how many values were replaced in it."""
    made: dict[str, Redaction] = {}

    def quick(scanner: Scanner, text: str, where: str) -> tuple[Finding, ...]:  # noqa: ARG001
        return exchange.panel.quick.scan(text, where, _nothing)

    def redacted(model: ModelSpec, passage: Passage) -> tuple[str, int]:
        redaction = made.get(model.id)
        if redaction is None:
            ask = Ask(operation="chat", messages=())
            attempt = Attempt(number=0, model=model, max_tokens=0, role="guard")
            plan = plan_for(ask, attempt, admitted)
            redaction = made[model.id] = Redaction(exchange, plan, attempt, trail, quick)
        before = redaction.count
        return redaction.text(passage.text, passage.where), redaction.count - before

    return redacted


class Consultation(Struct, frozen=True, kw_only=True):
    """A step before which detectors are asked: what it is handed, and in whose exchange."""

    handed: object
    admitted: Admitted
    trail: Trail
    panel: Panel
    ask: AskModel
    carried: Mapping[str, str] = {}


class Consultants:
    """Asks, and remembers by tenant, detector and text what was said.

    What is said of an answer is remembered only for values in it: a judgement may come from the
    question before it too.
    """

    def __init__(self, memory: Memory, key: bytes) -> None:
        self._memory = memory
        self._key_bytes = key

    async def consult(
        self,
        foresee: Callable[[Trail], None],
        take: Callable[[], object],
        consultation: Consultation,
    ) -> None:
        """Ask about just those texts that the step will read.

        ``foresee`` tries the step out on a trail beside the true one, to see what it reads. What
        quick detectors refuse there is asked of nobody: then ``take``, the step itself, refuses.

        Raises:
            FreeholdError: the refusal.
        """
        trail, handed = consultation.trail, consultation.handed
        told: Told = trail.told or Told()
        trail.told = told
        while True:
            tried = _beside(trail, told)
            try:
                foresee(tried)
            except FreeholdError:
                told.unasked = True
                try:
                    take()
                finally:
                    told.unasked = False
                raise ControlFailed("a step of governance refuses only now and then") from None
            finally:
                _charge(trail, tried)
            wanted = {k: v for k, v in tried.told.wanted.items() if k not in told.heard}
            if not wanted:
                return
            job = Job(
                admitted=consultation.admitted,
                trail=trail,
                ask=consultation.ask,
                redacted=redactor(tried.seen, consultation.admitted, trail),
                barred=barred_in(handed, consultation.admitted, consultation.carried),
                question=question_of(handed),
                key=self._key_bytes,
                numbers=told.numbers,
            )
            if not await self.ask(wanted, consultation.panel, told, job):
                return  # where nothing is found, nothing else is read

    def recall(self, tenant: str, detector: Waiting, text: str) -> tuple[Finding, ...] | None:
        """What it said of this text before, if that is known."""
        return self._memory.get(self._key(tenant, detector, text))

    def recalled(self, panel: Panel, tenant: str, text: str) -> Told | None:
        """What all of them said of this text before; ``None`` where one that finds values and acts
        on them is not known to have read it. Judgements are left out: nothing is to be replaced.
        """
        told = Told(unasked=True)
        for use in panel.request.waiting:
            detector = _waiting(panel, use.setting.id)
            known = None if judges(detector) else self.recall(tenant, detector, text)
            if known is not None:
                told.heard[use.setting.id, text, False] = known
            elif use.acts and text and not judges(detector):
                return None
        return told

    async def ask(self, wanted: Wanted, panel: Panel, told: Told, job: Job) -> bool:
        """Have all of these read; true if anything was found. Failures are told like findings."""
        tenant = job.admitted.app.tenant
        unread: dict[str, list[Passage]] = {}
        found = False
        for (name, text, answered), passage in wanted.items():
            detector = _waiting(panel, name)
            alone = answered and judges(detector)
            known = None if alone else self.recall(tenant, detector, text)
            if known is None:
                unread.setdefault(name, []).append(passage)
            else:
                told.heard[name, text, answered] = known
                found = found or bool(known)
        if not unread:
            return found
        began = perf_counter_ns()
        try:
            async with asyncio.TaskGroup() as group:
                for name, passages in unread.items():
                    detector = _waiting(panel, name)
                    until = asyncio.get_running_loop().time() + detector.deadline_ms / 1000
                    gate = asyncio.Semaphore(SIDE_BY_SIDE)
                    for passage in passages:
                        group.create_task(self._one(detector, passage, told, job, until, gate))
        finally:
            job.trail.wait("governance", perf_counter_ns() - began)
        said = [
            told.heard[heard_as(name, passage.text, passage.where)]
            for name, passages in unread.items()
            for passage in passages
        ]
        return found or any(isinstance(one, tuple) and one for one in said)

    async def _one(
        self,
        detector: Waiting,
        passage: Passage,
        told: Told,
        job: Job,
        until: float,
        gate: asyncio.Semaphore,
    ) -> None:
        said: tuple[Finding, ...] | Unheard
        try:
            async with asyncio.timeout_at(until), gate:
                said = await detector.hear(passage, job)
        except TimeoutError:
            said = Unheard(f"no verdict within {detector.deadline_ms} ms")
        except Unheard as none:
            said = none
        except LimitError as error:
            said = Unheard("there is no budget to ask it", error)
        except FreeholdError as error:
            said = Unheard(str(error))
        except Exception as crash:  # noqa: BLE001 - any failure of a control counts
            said = Unheard(f"{type(crash).__name__} in it")
        told.heard[heard_as(detector.id, passage.text, passage.where)] = said
        if isinstance(said, tuple) and not (
            passage.where.startswith("answer") and judges(detector)
        ):
            key = self._key(job.admitted.app.tenant, detector, passage.text)
            self._memory.put(key, said)

    def _key(self, tenant: str, detector: Waiting, text: str) -> tuple[str, str, bytes]:
        return self._memory.key(tenant, f"{detector.id}:{detector.version}", text)


def _nothing(setting: DetectorSetting, why: str) -> None:
    """A detector in observe mode changes nothing in what is replaced."""


def _beside(trail: Trail, told: Told) -> Trail:
    """A trail beside the true one, to try a step out on."""
    tried = Trail(trail.arrival)
    tried.grant, tried.app = trail.grant, trail.app
    tried.screened, tried.sendable = trail.screened, trail.sendable
    if trail.seen is not None:
        tried.seen = trail.seen.copied()
    tried.told = told.trying()
    return tried


def _charge(trail: Trail, tried: Trail) -> None:
    """Trying it out was work, too."""
    used = tried.cpu_ns or {}
    for stage, spent in tried.spent_ns.items():
        trail.spend(stage, spent, used.get(stage, 0))


def _waiting(panel: Panel, name: str) -> Waiting:
    detector: object = panel.uses[name].detector
    assert isinstance(detector, Waiting)  # noqa: S101 -- only those are wanted
    return detector
