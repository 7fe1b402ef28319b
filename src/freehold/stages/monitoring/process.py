"""What the operating system says about this process, under the names that dashboards expect."""

import os
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

from freehold.stages.monitoring.metrics import gauge

_STATM = Path("/proc/self/statm")
_DESCRIPTORS = Path("/proc/self/fd")


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
