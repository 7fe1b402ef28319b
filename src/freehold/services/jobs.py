"""Use cases around jobs: queueing a training plan, how it stands, ending it, doing it again."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import msgspec
from msgspec import Struct

from freehold.core.errors import NotFound, RequestError
from freehold.core.ids import prefixed
from freehold.core.jobs import Hardware, Job, JobQueue, JobView, Needs
from freehold.services.training import FOLDER, TrainingPlan

LogEvent = Callable[..., str]
PROGRESS = "progress.json"


class Progressed(Struct, frozen=True, kw_only=True):
    """How far a run is."""

    stage: str = ""
    done: int = 0
    total: int = 0
    figures: dict[str, float] = {}


class Jobs:
    """The use cases, for every door alike.

    Args:
        alive: whether a worker, by its name, is known to be alive, known to be dead (false), or
            neither, since it is on another machine.
        workers: what those have that run on this machine.
    """

    def __init__(
        self,
        home: Path,
        queue: JobQueue,
        actor: str,
        log: LogEvent,
        alive: Callable[[str], bool | None] = lambda _: None,
        workers: Callable[[], Sequence[Hardware]] = list,
    ) -> None:
        self._home = home
        self._queue = queue
        self._actor = actor
        self._log = log
        self._alive = alive
        self._workers = workers

    def put(self, plan: TrainingPlan, needs: Needs) -> Job:
        """Queue a plan for a worker that has what it needs.

        Raises:
            StorageError, AuditError: it can't be queued.
        """
        job = Job(
            job_id=prefixed("job"), kind=plan.kind, needs=needs, body=msgspec.to_builtins(plan)
        )
        self._tell("training.queued", job, {"device": needs.device, "memory_gb": needs.size_gb})
        self._queue.put(job)
        return job

    def find(self, job_id: str) -> JobView:
        """Raises: NotFound: there is no such job."""
        found = self._queue.find(job_id)
        if found is None:
            raise NotFound(f"there is no job `{job_id[:80]}`: freehold job list")
        return found

    def list(self, limit: int) -> list[JobView]:
        """The newest first."""
        return self._queue.list(limit)

    def progress(self, view: JobView) -> Progressed:
        """How far it is, as its worker wrote it last; nothing where that was on a machine whose
        files are not here.
        """
        path = self._home / FOLDER / plan_in(view.job).id / PROGRESS
        try:
            return msgspec.json.decode(path.read_bytes(), type=Progressed)
        except (OSError, msgspec.MsgspecError):
            return Progressed()

    def waits_for(self, view: JobView) -> str:
        """What a job that nobody has begun waits for, as far as this machine can tell; empty where
        it is only its turn.
        """
        if view.state != "waiting":
            return ""
        there = self._workers()
        if any(has.fits(view.job.kind, view.job.needs) for has in there):
            return ""
        if there:
            return f"no worker on this machine has what it needs: {needed(view.job)}"
        return f"no worker runs on this machine: freehold worker ({needed(view.job)})"

    def cancel(self, job_id: str) -> JobView:
        """End it: nobody begins it, and whoever is at it stops within seconds. What was trained so
        far stays, for a retry.

        Raises:
            NotFound: there is no such job.
            RequestError: it is over.
            StorageError, AuditError: it can't be done.
        """
        view = self.find(job_id)
        if view.state not in ("waiting", "running"):
            again = "" if view.state == "done" else f"; freehold job retry {job_id} goes on with it"
            raise RequestError(f"job {job_id} is {view.state} already{again}")
        self._tell("training.cancelled", view.job, {"was": view.state})
        self._queue.cancel(job_id)
        return self.find(job_id)

    def retry(self, job_id: str) -> JobView:
        """Queue it again, to go on where it ended.

        Raises:
            NotFound: there is no such job.
            RequestError: it waits already, is done, or its worker may still be at it.
            StorageError, AuditError: it can't be done.
        """
        view = self.find(job_id)
        if view.state == "waiting":
            raise RequestError(f"job {job_id} waits already: freehold worker takes it")
        if view.state == "done":
            model = plan_in(view.job).model
            raise RequestError(
                f"job {job_id} is done; freehold train {model} --again trains it anew"
            )
        if view.state == "running" and self._alive(view.worker) is not False:
            raise RequestError(
                f"job {job_id} is running at {view.worker}: cancel it first (freehold job"
                f" cancel {job_id})"
            )
        self._tell("training.queued", view.job, {"again": True, "was": view.state})
        self._queue.retry(job_id)
        return self.find(job_id)

    def _tell(self, kind: str, job: Job, more: dict[str, Any]) -> None:
        plan = plan_in(job)
        details = {"job": job.job_id, "dataset": plan.dataset, "digest": plan.digest, **more}
        self._log(kind, self._actor, plan.model, details, tenant=plan.owner)


def needed(job: Job) -> str:
    """What a job needs of a worker, in words."""
    return f"{job.kind} on {job.needs.device} with {job.needs.size_gb} GB"


def plan_in(job: Job) -> TrainingPlan:
    """What a job is to train.

    Raises:
        RequestError: it is no training job.
    """
    try:
        return msgspec.convert(job.body, TrainingPlan)
    except msgspec.ValidationError as error:
        raise RequestError(f"job {job.job_id} is no training job: {error}") from None
