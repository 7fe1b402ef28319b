"""What the operating system says about this process, under the names that dashboards expect."""

import os
import sys
import threading
import time
from collections.abc import Iterator, Mapping
from pathlib import Path

from freehold.stages.monitoring.metrics import Histogram, gauge

_PAUSE_BOUNDS = tuple(us * 1_000 for us in (100, 500, 1_000, 2_500, 5_000, 10_000, 50_000, 250_000))
_STATM = Path("/proc/self/statm")
_DESCRIPTORS = Path("/proc/self/fd")


class Pauses:
    """How long the garbage collector has stopped the process; one of ``gc.callbacks``."""

    __slots__ = ("_began_ns", "_seconds")

    def __init__(self) -> None:
        self._began_ns = 0
        self._seconds = Histogram(
            "python_gc_pause_seconds",
            "For how long garbage collection stopped the process.",
            _PAUSE_BOUNDS,
            ("generation",),
        )

    def __call__(self, phase: str, info: Mapping[str, int]) -> None:
        """A collection begins, or is over."""
        if phase == "start":
            self._began_ns = time.perf_counter_ns()
        else:
            took = time.perf_counter_ns() - self._began_ns
            self._seconds.observe((str(info["generation"]),), took)

    def render(self) -> Iterator[str]:
        """Lines of the exposition format."""
        yield from self._seconds.render()


PAUSES = Pauses()
"""Of this process, once it is told to ``gc.callbacks``."""


def process_lines() -> Iterator[str]:
    """CPU everywhere; memory and open files where the system has ``/proc``."""
    cpu = time.process_time_ns()
    yield "# HELP process_cpu_seconds_total User and system CPU time."
    yield "# TYPE process_cpu_seconds_total counter"
    yield f"process_cpu_seconds_total {cpu // 1_000_000_000}.{cpu % 1_000_000_000:09d}"
    resident = _resident_bytes()
    if resident is not None:
        yield from gauge("process_resident_memory_bytes", "Memory in use.", [({}, resident)])
    descriptors = _open_descriptors()
    if descriptors is not None:
        yield from gauge("process_open_fds", "Open file descriptors.", [({}, descriptors)])
    yield from gauge("process_threads", "Threads.", [({}, threading.active_count())])
    version = {"version": ".".join(map(str, sys.version_info[:3]))}
    yield from PAUSES.render()
    yield from gauge("python_info", "The interpreter.", [(version, 1)])


def _resident_bytes() -> int | None:
    try:
        pages = int(_STATM.read_text().split()[1])
    except (OSError, ValueError, IndexError):
        return None
    return pages * os.sysconf("SC_PAGE_SIZE")


def _open_descriptors() -> int | None:
    try:
        return sum(1 for _ in _DESCRIPTORS.iterdir())
    except OSError:
        return None
