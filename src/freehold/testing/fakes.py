"""In-process doubles for the ports, for tests of everything that stands behind them."""

import asyncio
import secrets
from collections import deque
from collections.abc import AsyncGenerator, Iterable, Mapping

from msgspec import Struct

from freehold.core.ask import ToolCall
from freehold.core.errors import BundleError, StorageError
from freehold.core.handoffs import Choice, Sendable, Usage
from freehold.core.health import READY, Readiness, Report
from freehold.core.ports import Delta
from freehold.core.spec import ModelSpec
from freehold.core.subjects import Subject
from freehold.storage.vault import Key


class MemoryKeys:
    """`SubjectKeys` in memory. ``erase`` destroys a subject's; ``away`` has none at hand."""

    def __init__(self) -> None:
        self.keys: dict[str, Key] = {}
        self.away = False
        self._current: dict[Subject, Key] = {}

    def of(self, subject: Subject, days: int) -> Key:  # noqa: ARG002 - they never end
        """Raises: StorageError: it was told to be away."""
        if self.away:
            raise StorageError("no subject key is at hand")
        if subject not in self._current:
            name = f"{hash(subject) & 0xFFFF_FFFF:064x}"
            key = Key(secrets.token_hex(16), secrets.token_bytes(64), name)
            self._current[subject] = self.keys[key.id] = key
        return self._current[subject]

    def find(self, key_id: str) -> Key | None:
        """A key by its id."""
        return self.keys.get(key_id)

    def erase(self, subject: Subject) -> None:
        """Destroy the subject's key."""
        del self.keys[self._current.pop(subject).id]


class Script(Struct, kw_only=True):
    """What the fake does on one call: wait, say the deltas, then fail or end.

    ``delays`` are seconds before each delta (the last one repeats); ``first_delay`` comes before
    everything. ``failure`` is raised after the deltas.
    """

    deltas: tuple[Delta, ...] = ()
    failure: BaseException | None = None
    first_delay: float = 0.0
    delays: tuple[float, ...] = ()


class FakeProvider:
    """``Provider`` that plays scripts and remembers what it was sent.

    Scripts are played in order; the last one repeats. A bare string is a whole answer, or, when
    the ask streams, that answer word by word; a bare exception is raised at once.

    Attributes:
        received: every ``Sendable``, in order.
        closed: how many calls were left before their end.
    """

    def __init__(self, *scripts: Script | str | BaseException) -> None:
        self._scripts = deque(scripts or ("Hello.",))
        self.received: list[Sendable] = []
        self.closed = 0

    def then(self, *scripts: Script | str | BaseException) -> None:
        """Play these from the next call on, instead of what was planned."""
        self._scripts = deque(scripts)

    async def call(self, sendable: Sendable) -> AsyncGenerator[Delta, None]:
        """Play the next script."""
        self.received.append(sendable)
        script = self._scripts.popleft() if len(self._scripts) > 1 else self._scripts[0]
        if isinstance(script, BaseException):
            raise script
        if isinstance(script, str):
            script = _spoken(script, sendable)
        ended = False
        try:
            if script.first_delay:
                await asyncio.sleep(script.first_delay)
            for position, delta in enumerate(script.deltas):
                if script.delays:
                    await asyncio.sleep(script.delays[min(position, len(script.delays) - 1)])
                yield delta
            ended = True
            if script.failure is not None:
                raise script.failure
        finally:
            self.closed += not ended


class FakeHealth:
    """`Health` that is told instead of finding out.

    Attributes:
        down: ids of models whose endpoint is down.
        weights: what other models should get, in millionths, where it is less than all.
        reports: every call that ended: the model's id and its report.
        retries: how many retries may still be made; none is no bound.
        usual: nanoseconds that models usually take.
    """

    def __init__(self, *down: str) -> None:
        self.down = set(down)
        self.weights: dict[str, int] = {}
        self.reports: list[tuple[str, Report]] = []
        self.retries: int | None = None
        self.usual: dict[str, int] = {}

    def of(self, model: ModelSpec) -> Readiness:
        """As it was told."""
        if model.id in self.down:
            return Readiness(weight=0, why="its endpoint is down")
        weight = self.weights.get(model.id)
        return READY if weight is None else Readiness(weight=weight, why="it was told to be slow")

    def started(self, model: ModelSpec) -> bool:  # noqa: ARG002
        """Never a probe."""
        return False

    def ended(self, model: ModelSpec, report: Report, *, probe: bool) -> None:  # noqa: ARG002
        """Remembered."""
        self.reports.append((model.id, report))

    def usual_ns(
        self,
        model: ModelSpec,
        percentile: int,  # noqa: ARG002
        *,
        streamed: bool,  # noqa: ARG002
    ) -> int | None:
        """As it was told."""
        return self.usual.get(model.id)

    def may_retry(self, model: ModelSpec) -> bool:  # noqa: ARG002
        """As often as it was told."""
        if self.retries is None:
            return True
        self.retries -= 1
        return self.retries >= 0


def said(
    text: str = "",
    *,
    tool_calls: Iterable[ToolCall] = (),
    finish_reason: str | None = "stop",
    usage: Usage | None = None,
    index: int = 0,
) -> Delta:
    """One delta of one choice; with a finish reason, as a whole answer has it."""
    choice = Choice(
        index=index, text=text, tool_calls=tuple(tool_calls), finish_reason=finish_reason
    )
    return Delta(choices=(choice,), usage=usage, reported_model="fake-1")


class FakeSecrets:
    """``Secrets`` from a mapping of references to values; counts how often each was read."""

    def __init__(self, values: Mapping[str, str] | None = None) -> None:
        self.values = dict(values or {})
        self.reads: list[str] = []

    def resolve(self, reference: str) -> str:
        """The value.

        Raises:
            BundleError: there is none.
        """
        self.reads.append(reference)
        try:
            return self.values[reference]
        except KeyError:
            raise BundleError(f"{reference} is not set") from None


class FakeClock:
    """``Clock`` that stands still until it is moved. ``wall_ns`` is the Unix time."""

    def __init__(self, wall_ns: int = 1_767_225_600_000_000_000, monotonic_ns: int = 0) -> None:
        self.wall = wall_ns
        self.monotonic = monotonic_ns

    def now_ns(self) -> int:
        """Wall-clock nanoseconds since the Unix epoch."""
        return self.wall

    def monotonic_ns(self) -> int:
        """Nanoseconds that never go back."""
        return self.monotonic

    def advance(self, seconds: float) -> None:
        """Let time pass."""
        self.wall += int(seconds * 1e9)
        self.monotonic += int(seconds * 1e9)


def _spoken(text: str, sendable: Sendable) -> Script:
    ask = sendable.plan.ruled.admitted.ask
    usage = Usage(
        prompt_tokens=sum(len(m.content) for m in sendable.messages) // 4,
        completion_tokens=len(text) // 4,
    )
    if not ask.stream:
        whole = tuple(Choice(index=i, text=text, finish_reason="stop") for i in range(ask.n))
        return Script(deltas=(Delta(choices=whole, usage=usage, reported_model="fake-1"),))
    words = text.split(" ")
    pieces = [word + " " for word in words[:-1]] + words[-1:]
    return Script(
        deltas=(
            *(said(piece, finish_reason=None, index=i) for piece in pieces for i in range(ask.n)),
            *(said(index=i) for i in range(ask.n)),
            Delta(usage=usage),
        )
    )
