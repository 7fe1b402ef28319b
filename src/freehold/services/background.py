"""Journeys that nobody waits for: travelled in this process, their responses kept."""

import asyncio
import logging
import secrets
from collections.abc import AsyncGenerator
from contextlib import aclosing
from typing import Self

from msgspec import Struct
from msgspec.structs import replace

from freehold.core.ask import Message
from freehold.core.errors import FreeholdError, RateLimited, StorageError
from freehold.core.handoffs import Released
from freehold.core.responses import Failure, ResponseStore, Status, Stored, Texts
from freehold.core.subjects import Subject, subject_of
from freehold.core.trail import Trail

MOST_RUNNING = 1_000
_BEAT_S = 5.0
_PRUNE_EVERY = 120
_CUT = ("length", "content_filter")
_log = logging.getLogger("freehold.responses")
Pieces = AsyncGenerator[Released, None]


class Said:
    """What is released of one answer, put together."""

    def __init__(self) -> None:
        self._texts: list[str] = []
        self._last = Released()

    def add(self, piece: Released) -> None:
        """One more piece."""
        self._texts.append(piece.text)
        last = self._last
        self._last = replace(
            piece,
            tool_calls=(*last.tool_calls, *piece.tool_calls),
            finish_reason=piece.finish_reason or last.finish_reason,
            usage=piece.usage or last.usage,
            model=piece.model or last.model,
            held=piece.held or last.held,
        )

    @property
    def whole(self) -> Released:
        """All of it as one piece."""
        return replace(self._last, text="".join(self._texts))


class Job(Struct, kw_only=True):
    """A response while it is worked on. ``opening`` messages of the request are instructions."""

    stored: Stored
    texts: Texts
    opening: int
    trail: Trail
    pieces: Pieces
    task: "asyncio.Task[None] | None" = None


class Background:
    """The jobs of this process."""

    def __init__(self, store: ResponseStore) -> None:
        self._store = store
        self._jobs: dict[str, Job] = {}
        self.owner = secrets.token_hex(16)

    def room(self) -> None:
        """Ask before something is written down that only a job can bring to its end.

        Raises:
            RateLimited: too many are under way.
        """
        if len(self._jobs) >= MOST_RUNNING:
            raise RateLimited(f"{MOST_RUNNING} responses are worked on", retry_after_s=5)

    def start(self, job: Job) -> None:
        """Begin to work."""
        self._jobs[job.stored.response_id] = job
        job.task = asyncio.get_running_loop().create_task(self._work(job))
        # also where it is stopped before it has begun, so that nothing of `_work` runs
        job.task.add_done_callback(lambda _: self._jobs.pop(job.stored.response_id, None))

    def find(self, response_id: str) -> Job | None:
        """A job under way."""
        return self._jobs.get(response_id)

    def stop(self, response_id: str) -> None:
        """Stop working on one that nobody wants any more, if this process does."""
        job = self._jobs.get(response_id)
        if job is not None and job.task is not None:
            job.stored = replace(job.stored, status="cancelled")  # it ends a little later
            job.task.cancel()

    async def wait(self, job: Job, seconds: float) -> None:
        """Until it is done, or for so long."""
        if job.task is not None:
            await asyncio.wait([job.task], timeout=seconds)

    async def run(self) -> None:
        """Say again and again that this process lives, stop what was cancelled elsewhere, and
        forget what is over.
        """
        rounds = 0
        while True:
            await asyncio.sleep(_BEAT_S)
            try:
                if self._jobs:
                    await self.beat()
                if rounds % _PRUNE_EVERY == 0:
                    await asyncio.to_thread(self._store.prune)
            except FreeholdError as error:
                _log.warning("responses: %s", error)
            rounds += 1

    async def beat(self) -> None:
        """Say that this process lives, and stop what nobody wants any more.

        Raises:
            StorageError: the store can't be written.
        """
        mine = list(self._jobs)  # none that begins meanwhile
        wanted = await asyncio.to_thread(self._store.beat, self.owner)
        for response_id in mine:
            if response_id not in wanted:
                self.stop(response_id)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        """Stop working; whoever comes back reads why there is no answer."""
        tasks = [job.task for job in self._jobs.values() if job.task is not None]
        for task in tasks:
            task.cancel()
        if tasks:
            await asyncio.wait(tasks)

    async def _work(self, job: Job) -> None:
        said, failure = Said(), None
        job.stored = replace(job.stored, status="in_progress")
        try:
            async with aclosing(job.pieces):
                async for piece in job.pieces:
                    said.add(piece)
        except FreeholdError as error:
            failure = failure_of(error)
        except asyncio.CancelledError:
            stopped = StorageError("stopped", public="This response was stopped; ask again.")
            failure = failure_of(stopped)
        except Exception as crash:  # noqa: BLE001 - nobody else waits for the task
            _log.error("response %s: %s", job.stored.response_id, type(crash).__name__)
            failure = failure_of(FreeholdError("a crash in the background"))
        finally:
            job.trail.forget()
        try:
            await self._keep(job, said.whole, failure)
        except FreeholdError as error:
            _log.warning("response %s is not kept: %s", job.stored.response_id, error)

    async def _keep(self, job: Job, said: Released, failure: Failure | None) -> None:
        trail, stored = job.trail, job.stored
        status: Status = "failed" if failure else status_of(said)
        approval = said.held.approval_id if said.held else ""
        if approval:  # a request waits before any model is asked, an answer after
            status = "queued" if trail.sendable is None else "in_progress"
        texts = replace(job.texts, messages=asked(trail, job.opening), said=said, failure=failure)
        subject = Subject(stored.tenant, conversation=stored.response_id)
        if trail.screened is None:  # it was refused at the door: nobody's, and nothing in it
            texts = Texts(failure=failure)
        else:
            admitted = trail.screened.prepared.admitted
            subject = subject_of(admitted)
            stored = replace(stored, principal=admitted.principal.id)
        days = trail.app.retention_days if trail.app else 1
        stored = replace(stored, status=status, approval_id=approval, owner="")
        await self._store.put(stored, texts, subject, days, new=False)


def status_of(said: Released) -> Status:
    """Where a response stands whose journey has ended without an error."""
    return "incomplete" if said.finish_reason in _CUT else "completed"


def asked(trail: Trail, opening: int) -> tuple[Message, ...]:
    """The conversation that was asked, as models may see it: no secret is in it."""
    return trail.screened.messages[opening:] if trail.screened is not None else ()


def failure_of(error: FreeholdError) -> Failure:
    """An error as whoever asked may read it."""
    return Failure(code=error.slug, message=f"{error.public} ({error.code})")
