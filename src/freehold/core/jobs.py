"""Jobs: work that takes hours, and must outlive the process that began it."""

from collections.abc import Callable
from typing import Any, Literal, Protocol

from msgspec import Struct

Device = Literal["cpu", "cuda"]
JobState = Literal["waiting", "running", "done", "failed", "cancelled"]
SIZES_GB = (1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 1024)
"""Memory is asked for in these sizes, rounded up."""


class Needs(Struct, frozen=True, kw_only=True):
    """What a job needs of a machine; ``memory_gb`` is the machine's, or the accelerator's."""

    device: Device = "cpu"
    memory_gb: int = 1

    @property
    def size_gb(self) -> int:
        """The memory, rounded up to one of the sizes."""
        return next((size for size in SIZES_GB if size >= self.memory_gb), SIZES_GB[-1])


class Hardware(Struct, frozen=True, kw_only=True):
    """What a worker has, and which kinds of models it trains; ``kinds`` empty for all."""

    devices: tuple[Device, ...] = ("cpu",)
    memory_gb: int = 1
    kinds: tuple[str, ...] = ()

    def fits(self, kind: str, needs: Needs) -> bool:
        """Whether it may take such a job."""
        known = not self.kinds or kind in self.kinds
        return known and needs.device in self.devices and needs.size_gb <= self.memory_gb


class Job(Struct, frozen=True, kw_only=True):
    """Something to do: ``body`` is what, as JSON can say it; ``kind`` that of the model."""

    job_id: str
    kind: str
    needs: Needs = Needs()
    body: dict[str, Any] = {}


class JobView(Struct, frozen=True, kw_only=True):
    """A job and how it stands. Times are milliseconds since the Unix epoch, 0 where not yet.

    Attributes:
        worker: who has it, or had it last.
        result: what came of it; ``error`` why nothing did, in words.
    """

    job: Job
    state: JobState
    created_ms: int = 0
    started_ms: int = 0
    ended_ms: int = 0
    worker: str = ""
    result: dict[str, Any] = {}
    error: str = ""


class JobQueue(Protocol):
    """Where jobs wait.

    Raises:
        StorageError: from each, where it can't be read or written.
    """

    def put(self, job: Job) -> None:
        """Queue it; the same id twice is one job."""
        ...

    def find(self, job_id: str) -> JobView | None:
        """One job."""
        ...

    def list(self, limit: int = 100) -> list[JobView]:
        """The newest first."""
        ...

    def cancel(self, job_id: str) -> None:
        """Nobody begins it any more; whoever is at it ends within seconds."""
        ...

    def retry(self, job_id: str) -> None:
        """Queue a job again that is over, or whose worker died."""
        ...


class JobFailed(Exception):
    """What a job's work raises where it failed for good; in words for whoever queued it."""


RunJob = Callable[[Job, Callable[[], bool]], dict[str, Any]]
"""Does a job: told how to ask whether it was cancelled; gives what came of it, or raises
`JobFailed`."""
