"""Processes under test: pinned to a core, frozen while others are measured, and what they cost."""

import contextlib
import os
import signal
import socket
import subprocess
import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from msgspec import Struct

_TICKS_S = os.sysconf("SC_CLK_TCK") if hasattr(os, "sysconf") else 100
_PROC = Path("/proc")
_GRACE_S = 10.0


class Use(Struct, frozen=True):
    """What a tree of processes has used since it began; ``below_s`` is the share of children."""

    cpu_s: float
    below_s: float
    rss_mb: float

    def since(self, earlier: "Use") -> float:
        """CPU seconds between two looks."""
        return self.cpu_s - earlier.cpu_s


def cores() -> tuple[int, int] | None:
    """The core of generator and upstream, and the gateway's; None where nothing can be pinned."""
    if not hasattr(os, "sched_getaffinity"):
        return None
    allowed = sorted(os.sched_getaffinity(0))
    return allowed[0], allowed[-1]


@contextlib.contextmanager
def on_core(core: int | None) -> Iterator[None]:
    """Run this process, and what it starts meanwhile, on one core."""
    if core is None:
        yield
        return
    before = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {core})
    try:
        yield
    finally:
        os.sched_setaffinity(0, before)


def start(
    command: Sequence[str], *, env: Mapping[str, str], log: Path, core: int | None,
    folder: Path | None = None,
) -> "subprocess.Popen[bytes]":  # fmt: skip
    """Start a process in a session of its own; what it says goes to ``log``."""
    with log.open("wb") as sink, on_core(core):
        return subprocess.Popen(
            list(command), stdin=subprocess.DEVNULL, stdout=sink, stderr=subprocess.STDOUT,
            env=dict(env), cwd=folder, start_new_session=True,
        )  # fmt: skip


def stop(process: "subprocess.Popen[bytes]") -> None:
    """End a process that `start` started, and whatever it left behind in its session."""
    thaw(process)
    process.terminate()
    try:
        process.wait(_GRACE_S)
    except subprocess.TimeoutExpired:
        pass
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()


def freeze(process: "subprocess.Popen[bytes]") -> None:
    """Let nothing of it run, so that background work of one gateway disturbs no other."""
    _signal(process, signal.SIGSTOP)


def thaw(process: "subprocess.Popen[bytes]") -> None:
    """Go on."""
    _signal(process, signal.SIGCONT)


def _signal(process: "subprocess.Popen[bytes]", number: int) -> None:
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(process.pid, number)


def use(root: int) -> Use | None:
    """CPU time and memory of a process and all its descendants; None where /proc is missing.

    Descendants that ended count with the parent that waited for them.
    """
    if not _PROC.joinpath("stat").exists():
        return None
    ticks = below = pages = 0
    for depth, fields in enumerate(_tree(root)):
        user, system, user_ended, system_ended = map(int, fields[11:15])
        ticks += user + system + user_ended + system_ended
        below += user_ended + system_ended + (user + system if depth else 0)
        pages += int(fields[21])
    return Use(ticks / _TICKS_S, below / _TICKS_S, pages * os.sysconf("SC_PAGE_SIZE") / 2**20)


def queued_s(pid: int) -> float | None:
    """Seconds in which a process's first thread could have run, but its core ran something else.

    None where the system does not count them (``/proc/PID/schedstat``, Linux).
    """
    try:
        return int(_PROC.joinpath(str(pid), "schedstat").read_text().split()[1]) / 1e9
    except (OSError, ValueError, IndexError):
        return None


def _tree(root: int) -> list[list[str]]:
    """The fields of ``/proc/PID/stat`` from the third on (proc(5)), the root's first."""
    found: dict[int, list[str]] = {}
    for folder in _PROC.iterdir():
        if folder.name.isdigit():
            with contextlib.suppress(OSError):
                text = folder.joinpath("stat").read_text()
                found[int(folder.name)] = text.rpartition(")")[2].split()
    below: dict[int, list[int]] = {}
    for pid, fields in found.items():
        below.setdefault(int(fields[1]), []).append(pid)
    tree: list[list[str]] = []
    waiting = [root]
    while waiting:
        pid = waiting.pop()
        if pid in found:
            tree.append(found[pid])
        waiting += below.get(pid, ())
    return tree


def machine_s() -> float:
    """CPU seconds that the whole machine has been busy with, those stolen from it included."""
    try:
        first = _PROC.joinpath("stat").read_text().split("\n", 1)[0]
    except OSError:
        return 0.0
    user, nice, system, _idle, _iowait, irq, softirq, steal = map(int, first.split()[1:9])
    return (user + nice + system + irq + softirq + steal) / _TICKS_S


def settle(root: int, seconds: float = 10.0) -> None:
    """Wait until a gateway has finished what it does after the answers; at most so long."""
    ends = time.monotonic() + seconds
    before = use(root)
    quiet = 0
    while before is not None and quiet < 2 and time.monotonic() < ends:
        time.sleep(0.2)
        now = use(root)
        if now is None:
            return
        quiet = quiet + 1 if now.since(before) < 0.015 else 0
        before = now


def free_port() -> int:
    """A port on which nobody listens now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port
