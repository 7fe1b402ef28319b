"""Workers: take training jobs that fit this machine, each run in a process of its own."""

import os
import re
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO, Any, Self

import msgspec

from freehold.app.homes import ledger_of, needs_data
from freehold.bundle.problems import missing
from freehold.core.clock import SystemClock
from freehold.core.errors import RequestError, StorageError
from freehold.core.jobs import Device, Hardware, Job, JobFailed
from freehold.learning.trainers import known, lacking
from freehold.ledger.files import no_space, replace_file
from freehold.ledger.locking import FileLock
from freehold.services.jobs import Jobs, needed
from freehold.services.training import FOLDER
from freehold.storage.job_queue import DbosQueue, DbosWorker, JobPlace, place_of
from freehold.storage.secrets import KeyFolder

_POLL_S = 0.2
_ASK_S = 1.0
_RECOVER_S = 2.0
_PATIENCE_S = 10.0
_DEATHS = 5
"""So often may the process of one run be killed before the job is given up."""
_MOST_WORKERS = 1_000
_UNSAFE = re.compile(r"[^A-Za-z0-9_.]")


def jobs_at(home: Path) -> JobPlace:
    """Where the jobs of a home are: the database that ``FREEHOLD_JOBS_URL`` names, else the store's
    where it is PostgreSQL, else a file.
    """
    store = os.environ.get("FREEHOLD_DATABASE_URL", "")
    url = os.environ.get("FREEHOLD_JOBS_URL") or (store if "postgresql" in store else None)
    return place_of(home, url, os.environ.get("FREEHOLD_JOBS_SCHEMA"))


@contextmanager
def job_service(home: Path, actor: str) -> Iterator[Jobs]:
    """Jobs, to queue, look at, cancel and try again.

    Raises:
        NotFound: no home is there.
        StorageError: the jobs' database can't be opened.
    """
    needs_data(home)
    with (
        ledger_of(home, KeyFolder(home), SystemClock()) as audit,
        DbosQueue(jobs_at(home)) as queue,
    ):
        yield Jobs(
            home, queue, actor, audit.event, lambda name: alive(home, name), lambda: workers(home)
        )


def hardware(kinds: tuple[str, ...], devices: tuple[Device, ...], memory_gb: int) -> Hardware:
    """What this machine has, as far as it is not said: the processor, a CUDA device where the
    driver shows one, its own memory, and the kinds of models whose libraries are installed.

    Raises:
        RequestError: a kind that was named can't be trained here.
    """
    there = known()
    for kind in kinds:
        if kind not in there:
            raise RequestError(missing("kind of model", kind, there))
        if lacking(kind):
            raise RequestError(f"{kind} can't be trained here: {lacking(kind)}")
    if not kinds and any(map(lacking, there)):
        kinds = tuple(kind for kind in there if not lacking(kind))
    if not devices:
        cuda = Path("/dev/nvidia0").exists() or Path("/proc/driver/nvidia/version").exists()
        devices = ("cpu", "cuda") if cuda else ("cpu",)
    return Hardware(devices=devices, memory_gb=memory_gb or _memory_gb(), kinds=kinds)


def _memory_gb() -> int:
    try:
        return max(1, os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") >> 30)
    except (ValueError, OSError, AttributeError):
        return 1


class Slot:
    """A worker's name on this machine, for as long as it lives: whoever can take its lock knows
    that it is dead. The first free one is taken again, and with it what the dead one had.
    """

    def __init__(self, home: Path) -> None:
        self._folder = home / "jobs"
        self.name = ""
        self._lock: FileLock | None = None

    def __enter__(self) -> Self:
        """Raises: StorageError: the folder can't be written."""
        try:
            self._folder.mkdir(parents=True, exist_ok=True, mode=0o700)
            for number in range(1, _MOST_WORKERS):
                name = f"{_host()}-{number}"
                lock = FileLock(self._folder / f"{name}.lock")
                if lock.acquire():
                    self.name, self._lock = name, lock
                    return self
        except OSError as error:
            raise StorageError(f"{self._folder}: {error.strerror or error}") from None
        raise StorageError(f"there are {_MOST_WORKERS} workers on this machine")

    def __exit__(self, *_: object) -> None:
        if self._lock is not None:
            _has(self._folder.parent, self.name).unlink(missing_ok=True)
            self._lock.release()

    def tell(self, has: Hardware) -> None:
        """Let whoever queues jobs know what this worker has.

        Raises:
            StorageError: the folder can't be written.
        """
        try:
            replace_file(_has(self._folder.parent, self.name), msgspec.json.encode(has))
        except OSError as error:
            raise StorageError(f"{self._folder}: {error.strerror or error}") from None

    def dead(self) -> list[str]:
        """The other workers of this machine that are dead."""
        found = (path.stem for path in self._folder.glob(f"{_host()}-*.lock"))
        home = self._folder.parent
        return [name for name in found if name != self.name and alive(home, name) is False]


def alive(home: Path, name: str) -> bool | None:
    """Whether a worker lives; ``None`` for one of another machine."""
    path = home / "jobs" / f"{name}.lock"
    if name.rpartition("-")[0] != _host() or not path.exists():
        return None
    lock = FileLock(path)
    try:
        free = lock.acquire()
    except OSError:
        return None
    lock.release()
    return not free


def workers(home: Path) -> list[Hardware]:
    """What the workers have that run on this machine."""
    found = []
    for path in sorted((home / "jobs").glob(f"{_host()}-*.lock")):
        if alive(home, path.stem):
            with suppress(OSError, msgspec.MsgspecError):
                octets = _has(home, path.stem).read_bytes()
                found.append(msgspec.json.decode(octets, type=Hardware))
    return found


def _has(home: Path, name: str) -> Path:
    return home / "jobs" / f"{name}.json"


def _host() -> str:
    return _UNSAFE.sub("_", socket.gethostname())[:60] or "host"


class Runs:
    """Runs jobs, each in a process of its own that dies with this one."""

    def __init__(self, home: Path, tell: Callable[[str], None]) -> None:
        self._home = home
        self._tell = tell
        self._child: subprocess.Popen[bytes] | None = None

    def run(self, job: Job, cancelled: Callable[[], bool]) -> dict[str, Any]:
        """Do it. A process that was killed is begun again, and goes on where it was.

        Raises:
            JobFailed: it failed for good, or was cancelled.
        """
        model, code = job.body.get("model", ""), 0
        self._tell(f"{job.job_id}: training {model}")
        for _ in range(_DEATHS):
            said, code = self._once(job, cancelled)
            if "outcome" in said:
                outcome: dict[str, Any] = said["outcome"]
                self._tell(f"{job.job_id}: {outcome['model']}@{outcome['version']}")
                return outcome
            if "failed" in said:
                self._tell(f"{job.job_id}: {said['failed']}")
                raise JobFailed(f"{said['failed']} ({said['code']})")
            self._tell(f"{job.job_id}: its process ended with {code}; it is begun again")
        raise JobFailed(
            f"its process was ended {_DEATHS} times, the last time with {code}: is there enough"
            f" memory? {self._log(job).name} has what it said"
        )

    def _log(self, job: Job) -> Path:
        return self._home / FOLDER / f"{job.job_id}.log"

    def _once(self, job: Job, cancelled: Callable[[], bool]) -> tuple[dict[str, Any], int]:
        self._log(job).parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        with self._log(job).open("ab") as log:
            self._child = child = subprocess.Popen(
                [sys.executable, "-m", "freehold.app.training_process"],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=log,
            )
        told: dict[str, Any] = {}
        try:
            assert child.stdin is not None and child.stdout is not None  # noqa: PT018, S101
            reader = threading.Thread(target=_read, args=(child.stdout, told), daemon=True)
            reader.start()
            line = {"home": str(self._home.resolve()), "plan": job.body}
            with suppress(BrokenPipeError):
                child.stdin.write(msgspec.json.encode(line) + b"\n")
                child.stdin.flush()
            asked = time.monotonic()
            while child.poll() is None:
                if time.monotonic() - asked > _ASK_S:
                    asked = time.monotonic()
                    if cancelled():
                        self._tell(f"{job.job_id}: cancelled")
                        raise JobFailed("cancelled")
                time.sleep(_POLL_S)
            reader.join(_PATIENCE_S)
        finally:
            self.end()
        return told, child.returncode

    def end(self) -> None:
        """End what runs, at once."""
        child = self._child
        if child is not None:
            child.kill()
            child.wait()
            for pipe in (child.stdin, child.stdout):
                if pipe is not None:
                    with suppress(OSError):
                        pipe.close()


def _read(lines: IO[bytes], told: dict[str, Any]) -> None:
    with suppress(ValueError, OSError):
        for line in lines:
            said = msgspec.json.decode(line)
            if "stage" not in said:
                told.update(said)


def work(
    home: Path,
    has: Hardware,
    tell: Callable[[str], None],
    *,
    once: bool = False,
) -> None:
    """Take jobs until a signal ends it; with ``once``, until none waits that fits.

    Raises:
        NotFound: no home is there.
        StorageError: the jobs' database can't be opened, or the home went away.
    """
    needs_data(home)
    place, runs, ending = jobs_at(home), Runs(home, tell), threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: ending.set())
    with (
        Slot(home) as slot,
        DbosQueue(place) as queue,
        DbosWorker(place, slot.name, has, known(), runs.run) as worker,
    ):
        slot.tell(has)
        told = f"{'+'.join(has.devices)}, {has.memory_gb} GB, {', '.join(has.kinds) or 'all kinds'}"
        tell(f"worker {slot.name}: {told}")
        for kind in known():
            if has.kinds and kind not in has.kinds and lacking(kind):
                tell(f"not {kind}: {lacking(kind)}")
        while not ending.is_set() and home.is_dir():
            if _room(home, tell, ending, once=once):
                dead = slot.dead()
                worker.recover(dead)
                if once and not worker.busy and not _waits(queue, has, {slot.name, *dead}):
                    break
                ending.wait(_RECOVER_S)
        gone = not home.is_dir()
        for view in queue.list(1_000) if once and not gone else ():
            if view.state == "waiting" and not has.fits(view.job.kind, view.job.needs):
                tell(f"{view.job.job_id} still waits, for {needed(view.job)}")
        if worker.busy:
            # what it was at is queued again by whoever finds this worker dead: its step must not
            # be told to have failed
            runs.end()
            sys.stderr.flush()
            os._exit(1 if gone else 0)
        if gone:
            raise StorageError(f"the home {home} is gone: there is nothing to train from")


def _room(home: Path, tell: Callable[[str], None], ending: threading.Event, *, once: bool) -> bool:
    """Whether jobs can go on; where the disk is full, waits until it is not, or ``ending``.

    Raises:
        StorageError: the disk is full, and nobody shall wait.
    """
    # the jobs' library would try again and again there, and never say why
    full = no_space(home)
    if full and once:
        raise StorageError(full)
    if full:
        tell(f"{full}; jobs wait until there is some")
    while full and not ending.wait(_RECOVER_S):
        full = no_space(home)
    return not full


def _waits(queue: DbosQueue, has: Hardware, mine: set[str]) -> bool:
    """Whether there is a job for such a worker that nobody else is at."""
    return any(
        has.fits(view.job.kind, view.job.needs)
        for view in queue.list(1_000)
        if view.state == "waiting" or (view.state == "running" and view.worker in mine)
    )
