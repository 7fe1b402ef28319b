"""A gateway with guards in this process: what they are told to say, and what they were sent."""

import asyncio
from collections.abc import AsyncGenerator, Callable

from freehold.core.errors import ProviderUnavailable
from freehold.core.handoffs import Choice, Sendable, Usage
from freehold.core.ports import Delta
from freehold.testing.fakes import FakeProvider, said
from tests.conformance.harness import BUNDLE

GUARD = "guard.test"


def bundle(
    guard: str = "{model: judge, deadline_ms: 300}",
    use: str = "",
    *,
    model: str = "clearances: [pii], price: {input: 4, output: 8}",
    settings: str = "content: full",
    more: str = "",
) -> str:
    """The conformance bundle with a guard; ``use`` is its mode, action and phases."""
    judge = f'  judge: {{base_url: "http://127.0.0.1:1/v1", retries: 0, {model}}}\n'
    declared = f"\ndetectors:\n  {GUARD}:\n    guard: {guard}\n"
    if use:
        declared += f"    {use}\n"
    text = BUNDLE.replace("content: full", settings)
    return text.replace("routes:\n", f"{judge}routes:\n", 1) + declared + more


class Judging(FakeProvider):
    """The answering model is a `FakeProvider`; the guard's says what ``verdict`` says of a text.

    ``verdict`` gives text, a Delta, an exception, or a number of seconds in which nothing comes.
    """

    def __init__(
        self,
        verdict: "Callable[[str], str | Delta | Exception | float] | str" = "safe",
        *answers: object,
    ) -> None:
        super().__init__(*(answers or ("Good day to you. All is well.",)))  # type: ignore[arg-type]
        self.verdict = verdict
        self.judged: list[Sendable] = []

    @property
    def texts(self) -> list[str]:
        """What the guard was given to judge, in order."""
        return [sendable.messages[-1].content for sendable in self.judged]

    async def call(self, sendable: Sendable) -> AsyncGenerator[Delta, None]:
        if sendable.attempt.role != "guard":
            async for delta in super().call(sendable):
                yield delta
            return
        self.judged.append(sendable)
        verdict = self.verdict
        spoken = verdict if isinstance(verdict, str) else verdict(sendable.messages[-1].content)
        if isinstance(spoken, Exception):
            raise spoken
        if isinstance(spoken, float):
            await asyncio.sleep(spoken)
            spoken = "safe"
        if isinstance(spoken, Delta):
            yield spoken
            return
        yield said(spoken, usage=Usage(prompt_tokens=10, completion_tokens=2))


def cut(text: str) -> Delta:
    """A verdict that ran into the limit of tokens."""
    return Delta(choices=(Choice(text=text, finish_reason="length"),))


DOWN = ProviderUnavailable("model judge: it is down")
