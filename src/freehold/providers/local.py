"""Models in this process as a ``Provider``: with the same deadlines, records and fallbacks."""

import asyncio
import os
from collections.abc import AsyncGenerator, Callable, Iterable, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from types import TracebackType
from typing import Self

from freehold.core.ask import Message
from freehold.core.clock import Clock
from freehold.core.decisions import MILLION
from freehold.core.errors import (
    Abstained,
    ProviderError,
    ProviderRejected,
    ProviderUnavailable,
)
from freehold.core.handoffs import Choice, Sendable
from freehold.core.local import Known, LocalModel
from freehold.core.ports import Delta
from freehold.core.spec import LocalSpec, ModelSpec
from freehold.text.local import make

_THREADS = min(4, os.cpu_count() or 1)
_WAITING = 64
"""Calls that may wait for a slow model: more would all be late."""

Make = Callable[[str, bytes, str], LocalModel]
_Key = tuple[str, str, str]


class LocalProvider:
    """``Provider`` for everything that runs here.

    A model is made once for each file and set of options, in a thread, as soon as a bundle that
    names it goes live. Slow ones answer in threads of their own: what takes too long is given up,
    though its thread runs on until it is done.

    Args:
        clock: for deadlines and the accounting of own work.
        make: makes a model of its kind, its file and its options.
    """

    def __init__(self, clock: Clock, make: Make = make) -> None:
        self._clock = clock
        self._make = make
        self._made: dict[_Key, Future[LocalModel]] = {}
        self._threads: ThreadPoolExecutor | None = None
        self._waiting = 0

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._threads is not None:
            self._threads.shutdown(wait=False, cancel_futures=True)
            self._threads = None

    def adopt(self, models: Iterable[ModelSpec], files: Mapping[str, bytes]) -> None:
        """Make the models of a bundle, and forget those that it no longer has.

        Args:
            files: the models' files by their SHA-256.
        """
        wanted: dict[_Key, Future[LocalModel]] = {}
        for model in models:
            local = model.local
            if local is None or _key(local) in wanted:
                continue
            key = _key(local)
            wanted[key] = self._made.get(key) or self._pool().submit(
                self._make, local.kind, files.get(local.digest, b""), local.options
            )
        self._made = wanted

    async def call(self, sendable: Sendable) -> AsyncGenerator[Delta, None]:
        """One delta with everything.

        Raises:
            Abstained: it is not sure enough.
            ProviderRejected: this can't be asked of a local model.
            ProviderUnavailable: it took too long, or too many wait.
            ProviderError: it could not be made.
        """
        model = sendable.attempt.model
        local = model.local
        made = self._made.get(_key(local)) if local is not None else None
        if local is None or made is None:
            raise ProviderError(f"model {model.id}: it is not in the bundle that is live")
        _refuse(sendable)
        own = self._clock.monotonic_ns() + model.timeout_ms * 1_000_000
        left_s = (min(own, sendable.plan.deadline_ns) - self._clock.monotonic_ns()) / 1e9
        try:
            async with asyncio.timeout(left_s):
                said, version, spent = await self._ask(made, sendable)
        except TimeoutError:
            raise ProviderUnavailable(f"model {model.id}: it took too long").of("timeout") from None
        except ValueError as error:
            raise ProviderError(f"model {model.id}: {error}") from None
        if not said.text or said.confidence < local.threshold:
            raise Abstained(
                f"model {model.id}: it is sure of its answer to"
                f" {said.confidence * 100 // MILLION} % only",
                confidence=said.confidence,
            )
        yield Delta(
            choices=(Choice(text=said.text, finish_reason="stop"),),
            reported_model=f"{local.kind}-{version}",
            confidence=said.confidence,
            spent_ns=spent,
        )

    async def _ask(self, made: Future[LocalModel], sendable: Sendable) -> tuple[Known, str, int]:
        # Whoever gives up waiting must not undo what others wait for.
        model = made.result() if made.done() else await asyncio.shield(asyncio.wrap_future(made))
        messages = [m for m in sendable.messages if m.role not in {"system", "developer"}]
        began = self._clock.monotonic_ns()
        if model.quick:
            said = _answer(model, messages)
            return _sound(said), model.version, self._clock.monotonic_ns() - began
        if self._waiting >= _WAITING:
            raise ProviderUnavailable(
                f"model {sendable.attempt.model.id}: {_WAITING} calls wait for it already"
            ).of("rate_limited")
        self._waiting += 1
        try:
            said = await asyncio.wrap_future(self._pool().submit(_answer, model, messages))
        finally:
            self._waiting -= 1
        return _sound(said), model.version, 0

    def _pool(self) -> ThreadPoolExecutor:
        if self._threads is None:
            self._threads = ThreadPoolExecutor(_THREADS, "freehold-local")
        return self._threads


def _key(local: LocalSpec) -> _Key:
    return local.kind, local.digest, local.options


def _refuse(sendable: Sendable) -> None:
    ask = sendable.plan.ruled.admitted.ask
    if ask.operation not in {"chat", "completion"}:
        raise ProviderRejected(f"a local model has no {ask.operation}s")
    if ask.n > 1 or ask.tool_choice not in {None, "auto", "none"}:
        raise ProviderRejected("a local model gives one answer, and uses no tools")


def _answer(model: LocalModel, messages: list[Message]) -> Known:
    """Raises: ValueError: whatever went wrong in it, without the text of somebody else's error."""
    try:
        return model.answer(messages)
    except Exception as error:
        raise ValueError(f"{type(error).__name__} in the model") from error


def _sound(said: Known) -> Known:
    """Somebody else's model may say anything.

    Raises:
        ValueError: no text, or no number of millionths.
    """
    if type(said.text) is not str or type(said.confidence) is not int:
        raise ValueError("it gave no text, or no whole number of millionths")
    return Known(text=said.text, confidence=max(0, min(said.confidence, MILLION)))
