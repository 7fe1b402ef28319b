"""Models in this process as a ``Provider``: with the same deadlines, records and fallbacks."""

import asyncio
import json
import os
import re
from collections.abc import AsyncGenerator, Callable, Iterable, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from msgspec.structs import replace

from freehold.core.ask import Message
from freehold.core.basis import UNSURE, Basis
from freehold.core.clock import Clock
from freehold.core.decisions import MILLION
from freehold.core.errors import (
    Abstained,
    ProviderError,
    ProviderRejected,
    ProviderUnavailable,
)
from freehold.core.handoffs import Choice, Sendable
from freehold.core.local import FOLDER, KINDS, Beside, Known, LocalModel, ReadsContext
from freehold.core.ports import Delta
from freehold.core.spec import LocalSpec, ModelSpec
from freehold.text.blocks import unpacked
from freehold.text.local import make

_THREADS = min(4, os.cpu_count() or 1)
_PATIENCE_NS = 120 * 1_000_000_000
_WAITING = 64
"""Calls that may wait for a slow model: more would all be late."""

Make = Callable[[str, bytes, str], LocalModel]
_Key = tuple[str, str, str]
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._:@-]*")
_LONGEST_NAME = 80


class LocalProvider:
    """``Provider`` for everything that runs here.

    A model is made once for each file and set of options, in a thread, as soon as a bundle that
    names it goes live. Slow ones answer in threads of their own: what takes too long is given up,
    though its thread runs on until it is done.

    Args:
        clock: for deadlines and the accounting of own work.
        make: makes a model of its kind, its file and its options.
        custom: the registry's folder, where custom models that are no single file lie.
    """

    def __init__(self, clock: Clock, make: Make = make, custom: Path | None = None) -> None:
        self._custom = custom
        self._clock = clock
        self._make = make
        self._made: dict[_Key, Future[LocalModel]] = {}
        self._before: dict[_Key, Future[LocalModel]] = {}
        self._threads: ThreadPoolExecutor | None = None
        self._waiting = 0
        self._first: dict[str, Future[LocalModel]] | None = None
        self._until_ns = 0

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
        """Make the models of a bundle. Those of the one before it are kept, for requests that began
        under it and for the way back; older ones are forgotten.

        Args:
            files: the models' files by their SHA-256.
        """
        wanted: dict[_Key, Future[LocalModel]] = {}
        begun: dict[str, Future[LocalModel]] = {}
        for model in models:
            local = model.local
            if local is None or _key(local) in wanted:
                continue
            key = _key(local)
            wanted[key] = self._known(key) or self._pool().submit(
                self._make, local.kind, files.get(local.digest, b""), self._placed(local.options)
            )
            if self._first is None:
                begun[model.id] = wanted[key]
        if self._first is None:
            self._first, self._until_ns = begun, self._clock.monotonic_ns() + _PATIENCE_NS
        if wanted.keys() != self._made.keys():
            self._before, self._made = self._made, wanted

    def loading(self) -> str:
        """Why no request should come yet: models of the first bundle are still made. Nothing once
        they are, whether or not that went well, and after two minutes in any case: then others have
        to answer. What a later bundle brings takes no gateway out of service.
        """
        left = [name for name, made in (self._first or {}).items() if not made.done()]
        if not left or self._clock.monotonic_ns() > self._until_ns:
            if self._first:
                self._first = {}
            return ""
        return f"starting: {', '.join(left)} being loaded"

    def _known(self, key: _Key) -> Future[LocalModel] | None:
        return self._made.get(key) or self._before.get(key)

    def _placed(self, options: str) -> str:
        """Options in which a folder of the registry is named by where it lies here."""
        if self._custom is None or FOLDER not in options:
            return options
        said = json.loads(options)
        folder = said.get("folder")
        if isinstance(folder, str) and folder.startswith(FOLDER):
            said["folder"] = str(self._custom / folder.removeprefix(FOLDER))
        return json.dumps(said)

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
        made = self._known(_key(local)) if local is not None else None
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
        abstains = not said.text or said.confidence < local.threshold
        basis = _basis(said, model, local, abstains=abstains)
        if abstains:
            raise Abstained(
                f"model {model.id}: it is sure of its answer to"
                f" {said.confidence * 100 // MILLION} % only",
                confidence=said.confidence,
                basis=basis,
            )
        yield Delta(
            choices=(Choice(text=said.text, finish_reason="stop"),),
            reported_model=f"{local.kind}-{version}",
            confidence=said.confidence,
            basis=basis,
            spent_ns=spent,
        )

    async def _ask(self, made: Future[LocalModel], sendable: Sendable) -> tuple[Known, str, int]:
        # Whoever gives up waiting must not undo what others wait for.
        model = made.result() if made.done() else await asyncio.shield(asyncio.wrap_future(made))
        messages = list(sendable.messages)
        if not getattr(model, "whole", False):
            messages = [m for m in messages if m.role not in {"system", "developer"}]
        began = self._clock.monotonic_ns()
        beside = _beside(sendable) if isinstance(model, ReadsContext) else None
        if model.quick:
            said = _answer(model, messages, beside)
            return _sound(said), model.version, self._clock.monotonic_ns() - began
        if self._waiting >= _WAITING:
            raise ProviderUnavailable(
                f"model {sendable.attempt.model.id}: {_WAITING} calls wait for it already"
            ).of("rate_limited")
        self._waiting += 1
        try:
            said = await asyncio.wrap_future(self._pool().submit(_answer, model, messages, beside))
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


def _beside(sendable: Sendable) -> Beside:
    """Context as it was packed and redacted for this model, which is all that it may know."""
    ruled = sendable.plan.ruled
    if not ruled.grounded.pieces:
        pieces: tuple[dict[str, Any], ...] = ()
    else:
        first = sendable.messages[0]
        pieces = tuple(unpacked(first.content)) if first.role == "system" else ()
    failed = ruled.grounded.stitched.failed
    return Beside(pieces=pieces, facts=ruled.facts, failed=failed)


def _answer(model: LocalModel, messages: list[Message], beside: Beside | None) -> Known:
    """Raises: ValueError: whatever went wrong in it, without the text of somebody else's error."""
    try:
        if beside is not None and isinstance(model, ReadsContext):
            return model.answer_beside(messages, beside)
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
    return replace(said, confidence=max(0, min(said.confidence, MILLION)))


def _basis(said: Known, model: ModelSpec, local: LocalSpec, *, abstains: bool) -> Basis:
    """What the record tells of it. An installed package's model may name what it likes, so that of
    its names only those count that can't be anybody's words.
    """
    why = said.why if said.why in UNSURE else "not_sure_enough"
    return Basis(
        case=_name(said.case, local.kind),
        kind=local.kind,
        line=local.threshold,
        nearest=_name(said.nearest, local.kind),
        version=model.version,
        why=why if abstains else "",
    )


def _name(said: object, kind: str) -> str:
    if type(said) is not str or len(said) > _LONGEST_NAME:
        return ""
    fits = said.isprintable() if kind in KINDS else _NAME.fullmatch(said) is not None
    return said if fits else ""
