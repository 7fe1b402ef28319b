"""A guard model as a detector: its own call takes the way of every call, and fails closed."""

import asyncio
from collections.abc import Coroutine
from hashlib import blake2b, sha256
from typing import Any, TypeVar

from msgspec.structs import replace

from freehold.core.ask import Ask
from freehold.core.decisions import Finding, Needs
from freehold.core.features import Features
from freehold.core.handoffs import (
    Admitted,
    Answer,
    Attempt,
    Grounded,
    Plan,
    Prepared,
    Ruled,
    Screened,
    Sendable,
    Stitched,
)
from freehold.core.spec import GuardSpec, ModelSpec
from freehold.stages.governance.guards import styles
from freehold.stages.governance.guards.styles import Category, Said
from freehold.stages.governance.waiting import Job, Passage, Unheard

T = TypeVar("T")

_SIDE_BY_SIDE = 4
"""So many parts of one text are judged at once."""
_OVERLAP = 200
_QUESTION = 2_000
_ENDLESS = 2**62
_READS = frozenset({"message", "context", "answer", "settings", "tools", "stop", "response_format"})
_SHORT = (":name", ":title", ":id")


class Guard:
    """Judges whole texts with a model, a long one part by part."""

    needs: Needs = "whole"
    waits = True
    judges = True
    kinds = None

    def __init__(self, detector_id: str, spec: GuardSpec) -> None:
        self.id = detector_id
        self.deadline_ms = spec.deadline_ms
        self._spec = spec
        self._labels = dict(spec.categories)
        self.version = sha256(repr(spec).encode()).hexdigest()[:12]

    def reads(self, where: str) -> bool:
        """Messages, context, answers and what tools are described with; no names, which say too
        little, and nothing that the bundle itself adds.
        """
        return where.split(":", 1)[0].split("[", 1)[0] in _READS and not where.endswith(_SHORT)

    async def hear(self, passage: Passage, job: Job) -> tuple[Finding, ...]:
        """A finding for each category that counts.

        Raises:
            Unheard: it may not read this, it is too long, or the reply is no verdict.
            FreeholdError: the call failed.
        """
        model = self._model(job)
        text, count = job.redacted(model, passage)
        parts = _parts(text, self._spec.max_chars)
        if len(parts) > self._spec.max_parts:
            raise Unheard(
                f"the text is longer than {self._spec.max_parts} parts of"
                f" {self._spec.max_chars} characters"
            )
        question, more = job.redacted(model, Passage(text=job.question, where="question"))
        texts = [
            Said(
                text=text[start:end],
                answered=passage.where.startswith("answer"),
                question=question[-_QUESTION:],
                mark=_mark(job, passage, number),
            )
            for number, (start, end) in enumerate(parts)
        ]
        worst: dict[str, tuple[Category, int, int]] = {}
        said = await _together([self._judged(part, model, count + more, job) for part in texts])
        for (start, end), categories in zip(parts, said, strict=True):
            for category in categories:
                known = worst.get(category.name)
                if known is None or known[0].score < category.score:
                    worst[category.name] = (category, start, end)
        same = text == passage.text
        whole = len(passage.text)
        return tuple(
            self._finding(category, passage.where, *((start, end) if same else (0, whole)))
            for category, start, end in worst.values()
        )

    def _model(self, job: Job) -> ModelSpec:
        app = job.admitted.app
        model = app.guards.get(self._spec.model)
        if model is None:
            raise Unheard(f"the tenant does not allow the model {self._spec.model}")
        if app.allowed_regions is not None and model.region not in app.allowed_regions:
            raise Unheard(f"the region of the model {model.id} is not allowed")
        barred = job.barred - model.clearances
        if barred:
            labels = ", ".join(sorted(barred))
            raise Unheard(f"the model {model.id} is not cleared for {labels}")
        return model

    async def _judged(
        self, said: Said, model: ModelSpec, redacted: int, job: Job
    ) -> list[Category]:
        """Raises: Unheard, FreeholdError: as `hear`."""
        asked = styles.question(self._spec, said)
        attempt = Attempt(
            number=next(job.numbers), model=model, max_tokens=asked.max_tokens, role="guard"
        )
        answer = await job.ask(_sendable(asked.ask, attempt, redacted, job.admitted), job.trail)
        found = styles.verdict(self._spec, _reply(answer))
        return [category for category in found if category.name not in self._spec.ignore]

    def _finding(self, category: Category, where: str, start: int, end: int) -> Finding:
        return Finding(
            detector=self.id,
            version=self.version,
            kind=styles.kind_of(category.name),
            label=self._labels.get(category.name, self._spec.label),
            where=where,
            start=start,
            end=end,
            score=category.score,
            explanation=f"judged by the model {self._spec.model}",
        )


async def _together(judging: list[Coroutine[Any, Any, T]]) -> list[T]:
    """All of them, a few side by side; the first that fails ends the others."""
    gate = asyncio.Semaphore(_SIDE_BY_SIDE)

    async def one_of_few(one: Coroutine[Any, Any, T]) -> T:
        async with gate:
            return await one

    try:
        async with asyncio.TaskGroup() as group:
            tasks = [group.create_task(one_of_few(one)) for one in judging]
    except ExceptionGroup as failed:
        raise failed.exceptions[0] from None
    return [task.result() for task in tasks]


def _reply(answer: Answer) -> str:
    """The text of a reply that is whole and nothing but text.

    Raises:
        Unheard: it was cut off, refused, or is something else.
    """
    if len(answer.choices) != 1:
        raise Unheard("it gave several verdicts")
    choice = answer.choices[0]
    if choice.finish_reason == "length":
        raise Unheard("its verdict was cut off")
    if choice.finish_reason == "content_filter":
        raise Unheard("it refused to judge")
    if choice.tool_calls or choice.finish_reason not in (None, "stop"):
        raise Unheard("it did not answer in words")
    return choice.text


def _parts(text: str, most: int) -> list[tuple[int, int]]:
    """Where the parts of a text begin and end; they overlap, so that nothing hides in a cut."""
    if len(text) <= most:
        return [(0, len(text))]
    step = most - min(_OVERLAP, most // 4)
    return [
        (start, min(start + most, len(text))) for start in range(0, len(text) - most + step, step)
    ]


def _mark(job: Job, passage: Passage, number: int) -> str:
    """Digits that nobody outside can know, the same whenever the same thing is asked."""
    asked = f"{job.admitted.arrival.exchange_id}:{passage.where}:{number}"
    return blake2b(asked.encode(), digest_size=8, key=job.key[:64]).hexdigest()


def _sendable(ask: Ask, attempt: Attempt, redacted: int, admitted: Admitted) -> Sendable:
    """The guard's question as the only type that a provider accepts; its texts are redacted."""
    return Sendable(
        plan=plan_for(ask, attempt, admitted),
        attempt=attempt,
        messages=ask.messages,
        restorations={},
        redacted=redacted,
    )


def plan_for(ask: Ask, attempt: Attempt, admitted: Admitted) -> Plan:
    """A plan with one attempt and no way to it: a guard is chosen by the bundle."""
    asked = replace(admitted, arrival=replace(admitted.arrival, ask=ask))
    prepared = Prepared(admitted=asked, messages=ask.messages, features=Features(), query="")
    screened = Screened(prepared=prepared, messages=ask.messages, findings=(), labels=frozenset())
    grounded = Grounded(
        stitched=Stitched(screened=screened, pieces=()),
        pieces=(),
        findings=(),
        labels=frozenset(),
    )
    ruled = Ruled(grounded=grounded, messages=ask.messages, facts={})
    return Plan(ruled=ruled, attempts=(attempt,), deadline_ns=_ENDLESS)
