"""One try of one attempt: the answer as it grows, and the call's entry in the trail."""

from typing import Any

from freehold.core.call_errors import CallEnd, CallError
from freehold.core.clock import Clock
from freehold.core.decisions import Decision
from freehold.core.errors import Abstained
from freehold.core.handoffs import Answer, Choice, Sendable, Usage
from freehold.core.health import Report
from freehold.core.ports import Delta
from freehold.core.prices import cost_nano
from freehold.core.trail import Call, Trail
from freehold.text import token_counts as tokens

_MESSAGE_CHARS = 300
MOST_TOKENS = 10_000_000
"""More than any model reads or writes in one call; a provider that counts more is not believed."""


class Growing:
    """Adds up deltas. ``spent``, of which ``used`` of a processor's time, and ``waited`` are
    nanoseconds, told to the trail at the end.

    ``silent_until_ns`` is the time by which it must have said something.
    """

    __slots__ = (
        "_choices",
        "_clock",
        "_confidence",
        "_disbelieved",
        "_embeddings",
        "_expected",
        "_left",
        "_partial",
        "_reported",
        "_trail",
        "_usage",
        "_waits",
        "call",
        "sendable",
        "silent_until_ns",
        "spent",
        "started",
        "streamed",
        "used",
        "waited",
    )

    def __init__(
        self, sendable: Sendable, trail: Trail, clock: Clock, silent_until_ns: int
    ) -> None:
        ask = sendable.plan.ruled.admitted.ask
        model = sendable.attempt.model
        self.sendable = sendable
        self.silent_until_ns = silent_until_ns
        self._left = False
        self._waits = True
        self._trail = trail
        self._clock = clock
        self._expected = ask.n
        # Alternatives are judged side by side, so nothing leaves before all of them are there.
        self._partial = ask.stream and ask.n == 1 and ask.operation != "embedding"
        self.streamed = ask.stream and "stream" in model.capabilities
        self._choices: dict[int, Choice] = {}
        self._embeddings: tuple[Any, ...] = ()
        self._usage: Usage | None = None
        self._disbelieved = False
        self._reported = ""
        self._confidence: int | None = None
        self.started = False
        self.spent = 0
        self.used = 0
        self.waited = 0
        self.call = Call(
            role="embed" if ask.operation == "embedding" else sendable.attempt.role,
            attempt=sendable.attempt.number,
            model=model.id,
            upstream_model=model.upstream_model,
            started_ns=self._now(),
            redacted=sendable.redacted,
            simulated=model.simulated,
        )
        trail.calls.append(self.call)

    def cpu_now(self) -> int:
        """CPU time of this thread so far, where the exchange's is measured; 0 elsewhere."""
        return self._trail.cpu_now()

    def age_ns(self) -> int:
        """Nanoseconds since this try began."""
        return self._now() - self.call.started_ns

    def take(self, delta: Delta) -> Answer | None:
        """The answer so far, if there is something new to judge before the end."""
        if delta.usage is not None:
            if _believable(delta.usage):
                self._usage = delta.usage
            else:
                self._disbelieved = True
        if delta.reported_model:
            self._reported = delta.reported_model
        if delta.embeddings:
            self._embeddings = delta.embeddings
        if delta.confidence is not None:
            self._confidence = self.call.confidence = delta.confidence
            self.call.basis = delta.basis
        new = bool(delta.embeddings)
        for choice in delta.choices:
            new = new or bool(choice.text or choice.tool_calls)
            known = self._choices.get(choice.index)
            self._choices[choice.index] = choice if known is None else _joined(known, choice)
        if not new:
            return None
        if not self.started:
            self.started = True
            self.call.first_ns = self._now()
        if not self._partial or self._finished():
            return None
        return self._answer(complete=False)

    def complete(self) -> Answer:
        """The whole answer, with usage: the provider's own count, or an estimate."""
        self._settle_usage()
        if not self._choices:
            self._choices[0] = Choice(index=0)
        for index, choice in self._choices.items():
            if choice.finish_reason is None:
                reason = "tool_calls" if choice.tool_calls else "stop"
                self._choices[index] = _joined(choice, Choice(finish_reason=reason))
        return self._answer(complete=True)

    def abstained(self, problem: Abstained) -> None:
        """A custom model was not sure enough: how sure, and why, stands in the record."""
        self.call.confidence, self.call.basis = problem.confidence, problem.basis

    def leave(self, why: str, kind: CallError, *, waits: bool) -> None:
        """It is left before its end: the endpoint has read the prompt, and will want it paid."""
        self._left = True
        self._waits = waits
        self.close(why, kind)

    def close(self, error: str, kind: CallEnd) -> None:
        """Write the end of this call into the trail, once; both are empty after success."""
        call = self.call
        if call.ended_ns is not None:
            return
        call.ended_ns = self._now()
        call.reported_model = self._reported
        call.error, call.error_kind = error[:_MESSAGE_CHARS], kind
        # What was said before a break is paid for all the same.
        if self.started or self._left or not error:
            self._settle_usage()
        if self._disbelieved:
            self._trail.decide(
                Decision(
                    stage="inference",
                    outcome="allow",
                    rule="usage",
                    why=f"{call.model} counted tokens that no call can have; they were not believed"
                    + (", but estimated" if self._usage and self._usage.estimated else ""),
                )
            )
        usage = call.usage = self._usage
        if usage is not None:
            call.cost_nano = cost_nano(self.sendable.attempt.model, usage)
        if call.role == "guard":  # governance itself says how long it waited for all of them
            self._trail.spend("governance", self.spent, self.used)
            return
        self._trail.spend("inference", self.spent, self.used)
        if self._waits:
            self._trail.wait("inference", self.waited)

    def report(self, ok: bool | None, retry_after_s: float | None) -> Report:
        """How this call ended, for whoever keeps an eye on its endpoint; after ``close``."""
        call = self.call
        began = call.started_ns
        usage = self._usage
        return Report(
            ok=ok,
            retry_after_s=retry_after_s,
            waited_ns=(call.ended_ns or self._now()) - began,
            first_ns=None if call.first_ns is None else call.first_ns - began,
            streamed=self.streamed,
            prompt_tokens=0 if usage is None else usage.prompt_tokens,
            completion_tokens=0 if usage is None else usage.completion_tokens,
        )

    def _settle_usage(self) -> None:
        if self._usage is not None:
            return
        prompt = sum(tokens.of_message(message) for message in self.sendable.messages)
        completion = 0
        judged = self.sendable.plan.ruled.admitted.ask.operation == "moderation"
        for choice in self._choices.values():
            completion += 0 if judged else tokens.estimate(choice.text)
            completion += sum(tokens.estimate(c.name + c.arguments) for c in choice.tool_calls)
        self._usage = Usage(
            prompt_tokens=prompt + tokens.of_settings(self.sendable.plan.ruled.admitted.ask),
            completion_tokens=completion,
            estimated=True,
        )

    def _finished(self) -> bool:
        """The last words are judged once, together with the end that follows at once."""
        choices = self._choices.values()
        return len(choices) >= self._expected and all(c.finish_reason for c in choices)

    def _answer(self, *, complete: bool) -> Answer:
        choices = self._choices
        answer = Answer(
            sendable=self.sendable,
            choices=tuple(choices.values())
            if len(choices) == 1
            else tuple(choices[index] for index in sorted(choices)),
            complete=complete,
            usage=self._usage if complete else None,
            reported_model=self._reported,
            embeddings=self._embeddings,
            elapsed_ms=self._now() // 1_000_000,
            confidence=self._confidence,
        )
        if self.call.role == "answer":
            self._trail.said = answer
        return answer

    def _now(self) -> int:
        return self._clock.monotonic_ns() - self._trail.arrival.started_ns


def _believable(usage: Usage) -> bool:
    counts = (
        usage.prompt_tokens,
        usage.completion_tokens,
        usage.cached_tokens,
        usage.cache_write_tokens,
        usage.reasoning_tokens,
    )
    return all(type(count) is int and 0 <= count <= MOST_TOKENS for count in counts)


def _joined(known: Choice, new: Choice) -> Choice:
    return Choice(
        index=known.index,
        text=known.text + new.text,
        tool_calls=known.tool_calls + new.tool_calls if new.tool_calls else known.tool_calls,
        finish_reason=new.finish_reason or known.finish_reason,
    )
