"""Jobs on DBOS Transact (MIT): rows in SQLite, or in PostgreSQL for workers on many machines.

Nothing of it talks to anybody but its database: no OTLP, no Conductor, no licence, and variables
of the environment that would turn one on are taken away before it is imported.
"""

import logging
import os
import threading
from collections.abc import Callable, Collection, Iterable
from contextlib import suppress
from pathlib import Path
from typing import Any, Self

import msgspec
from msgspec import Struct

from freehold.core.errors import StorageError
from freehold.core.jobs import (
    SIZES_GB,
    Hardware,
    Job,
    JobFailed,
    JobState,
    JobView,
    Needs,
    RunJob,
)

WORKFLOW = "freehold.train"
SCHEMA = "freehold"
_APP = "freehold"
# one for all releases: a job that one of them began, the next one ends
_VERSION = "1"
_PREFIX = "train"
_STATES: dict[str, JobState] = {
    "ENQUEUED": "waiting",
    "DELAYED": "waiting",
    "PENDING": "running",
    "SUCCESS": "done",
    "ERROR": "failed",
    "MAX_RECOVERY_ATTEMPTS_EXCEEDED": "failed",
    "CANCELLED": "cancelled",
}
_OVER = frozenset({"done", "failed", "cancelled"})


class JobPlace(Struct, frozen=True):
    """Where jobs are kept: a SQLAlchemy URL, and the schema within a PostgreSQL database."""

    url: str
    schema: str = SCHEMA


def place_of(home: Path, url: str | None, schema: str | None = None) -> JobPlace:
    """The database that is named, or a file of the home's own."""
    folder = home / "jobs"
    return JobPlace(url or f"sqlite:///{folder / 'jobs.sqlite'}", schema or SCHEMA)


def queue_name(kind: str, needs: Needs) -> str:
    """Each kind, device and size has a queue of its own, so that a worker listens where it fits."""
    return f"{_PREFIX}/{kind}/{needs.device}/{needs.size_gb}"


def queues_for(hardware: Hardware, kinds: Collection[str]) -> list[str]:
    """All queues whose jobs such a worker may take."""
    needs = [Needs(device=d, memory_gb=size) for d in hardware.devices for size in SIZES_GB]
    return [queue_name(kind, n) for kind in kinds for n in needs if hardware.fits(kind, n)]


def dbos() -> Any:
    """The library, which never reaches for anything outside.

    Raises:
        StorageError: it is not installed.
    """
    for name in [name for name in os.environ if name.startswith("DBOS_")]:
        del os.environ[name]
    try:
        import dbos as library
    except ImportError:
        raise StorageError("jobs need DBOS: pip install 'freehold[jobs]'") from None
    logging.getLogger("dbos").setLevel(logging.CRITICAL)
    return library


class DbosQueue:
    """The `JobQueue` for whoever queues and looks; it runs nothing."""

    def __init__(self, place: JobPlace) -> None:
        self._place = place
        self._library = dbos()
        self._client: Any = None

    def __enter__(self) -> Self:
        """Raises: StorageError: the database can't be opened."""
        try:
            _prepare(self._library, self._place)
            self._client = self._library.DBOSClient(
                system_database_url=self._place.url,
                dbos_system_schema=self._place.schema,
                serializer=self._library.DBOSPortableJSONSerializer(),
                application_name=_APP,
                retry_connection_errors=False,
            )
        except Exception as error:  # noqa: BLE001 -- the driver's own errors
            raise _failed(error) from None
        return self

    def __exit__(self, *_: object) -> None:
        if self._client is not None:
            self._client.destroy()

    def put(self, job: Job) -> None:
        """Queue it; see the port."""
        name = queue_name(job.kind, job.needs)
        options = {
            "workflow_name": WORKFLOW,
            "queue_name": name,
            "workflow_id": job.job_id,
            "app_version": _VERSION,
        }

        def enqueue() -> None:
            self._client.register_queue(
                name, worker_concurrency=1, polling_interval_sec=0.5, on_conflict="never_update"
            )
            self._client.enqueue(options, msgspec.to_builtins(job))

        self._asked(enqueue)

    def find(self, job_id: str) -> JobView | None:
        """One job."""
        found = self._asked(lambda: self._client.list_workflows(workflow_ids=[job_id]))
        return next((view for view in map(_view, found) if view is not None), None)

    def list(self, limit: int = 100) -> "list[JobView]":
        """The newest first."""
        found = self._asked(
            lambda: self._client.list_workflows(name=WORKFLOW, limit=limit, sort_desc=True)
        )
        return [view for view in map(_view, found) if view is not None]

    def cancel(self, job_id: str) -> None:
        """Nobody begins it any more; see the port."""
        self._asked(lambda: self._client.cancel_workflow(job_id))

    def retry(self, job_id: str) -> None:
        """Queue it again; see the port."""
        view = self.find(job_id)
        if view is None:
            return
        name = queue_name(view.job.kind, view.job.needs)
        if view.state in _OVER:
            self._asked(lambda: self._client.rewind_workflow(job_id, queue_name=name))
        else:
            self._asked(lambda: self._client.resume_workflow(job_id, queue_name=name))

    def _asked(self, ask: Callable[[], Any]) -> Any:
        try:
            return ask()
        except Exception as error:  # noqa: BLE001 -- the driver's own errors
            raise _failed(error) from None


class DbosWorker:
    """Takes jobs that fit, one at a time. There is one in a process, since DBOS is one.

    Args:
        name: who it is: a worker that is begun again under its name goes on with what it had.
        kinds: all that there are, where the hardware names none.
        run: does a job.
    """

    def __init__(
        self, place: JobPlace, name: str, hardware: Hardware, kinds: Iterable[str], run: RunJob
    ) -> None:
        self._place = place
        self._library = dbos()
        self._name = name
        self._listens = queues_for(hardware, sorted(set(hardware.kinds or kinds)))
        self._run = run
        self._busy = threading.Lock()
        self._ending = threading.Event()

    def __enter__(self) -> Self:
        """Raises: StorageError: the database can't be opened."""
        library = self._library
        try:
            _prepare(library, self._place)
            library.DBOS(
                config={
                    "name": _APP,
                    "system_database_url": self._place.url,
                    "dbos_system_schema": self._place.schema,
                    "executor_id": self._name,
                    "application_version": _VERSION,
                    "serializer": library.DBOSPortableJSONSerializer(),
                    # what fails is kept with the job, in words
                    "log_level": "CRITICAL",
                    "enable_otlp": False,
                }
            )

            @library.DBOS.step(name=f"{WORKFLOW}.run")  # type: ignore[untyped-decorator]
            def step(job: dict[str, Any]) -> dict[str, Any]:
                return self._do(job)

            @library.DBOS.workflow(name=WORKFLOW, max_recovery_attempts=1_000)  # type: ignore[untyped-decorator]
            def train(job: dict[str, Any]) -> dict[str, Any]:
                result: dict[str, Any] = step(job)
                return result

            library.DBOS.listen_queues(self._listens)
            library.DBOS.launch()
        except Exception as error:  # noqa: BLE001 -- the driver's own errors
            raise _failed(error) from None
        return self

    def __exit__(self, *_: object) -> None:
        self._ending.set()
        with suppress(Exception):
            self._library.DBOS.destroy(workflow_completion_timeout_sec=0)

    @property
    def busy(self) -> bool:
        """Whether it is at a job."""
        return self._busy.locked()

    def recover(self, names: Collection[str]) -> None:
        """Queue again what these workers had, which are known to be dead."""
        if names:
            self._library.DBOS._recover_pending_workflows(list(names))

    def _do(self, told: dict[str, Any]) -> dict[str, Any]:
        job = msgspec.convert(told, Job)
        while not self._busy.acquire(timeout=0.5):
            if self._cancelled(job.job_id):
                raise self._library.PortableWorkflowError("cancelled", "Cancelled")
        try:
            return self._run(job, lambda: self._cancelled(job.job_id))
        except JobFailed as error:
            raise self._library.PortableWorkflowError(str(error), "JobFailed") from None
        finally:
            self._busy.release()

    def _cancelled(self, job_id: str) -> bool:
        try:
            status = self._library.DBOS.get_workflow_status(job_id)
        except Exception:  # noqa: BLE001 -- a database that is away cancels nothing
            return False
        return status is not None and status.status == "CANCELLED"


def _prepare(library: Any, place: JobPlace) -> None:
    """Make the tables, where they are not there."""
    if place.url.startswith("sqlite:///"):
        Path(place.url.removeprefix("sqlite:///")).parent.mkdir(
            parents=True, exist_ok=True, mode=0o700
        )
    library.DBOS.migrate(place.url, schema=place.schema)


def _view(status: Any) -> JobView | None:
    try:
        job = msgspec.convert(status.input["args"][0], Job)
    except (TypeError, KeyError, IndexError, msgspec.ValidationError):
        return None
    output = status.output if isinstance(status.output, dict) else {}
    return JobView(
        job=job,
        state=_STATES.get(status.status, "failed"),
        created_ms=status.created_at or 0,
        started_ms=status.dequeued_at or 0,
        ended_ms=status.completed_at or 0,
        worker=status.executor_id or "" if status.status != "ENQUEUED" else "",
        result=output,
        error=str(status.error) if status.error is not None else "",
    )


def _failed(error: Exception) -> StorageError:
    said = str(error).strip().partition("\n")[0]
    return StorageError(
        f"jobs can't be read or written: {type(error).__name__}: {said[:400]}"
        " (FREEHOLD_JOBS_URL names another database)"
    )
