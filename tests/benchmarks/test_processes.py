"""CPU time and memory of a tree of processes."""

import os
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from benchmarks import processes

pytestmark = pytest.mark.skipif(
    not Path("/proc/stat").exists(), reason="CPU time is read from /proc"
)

# The child of a child burns; the parent only waits.
BURN = "while True: pass"
PARENT = (
    "import subprocess, sys; child = subprocess.Popen([sys.executable, '-c', sys.argv[1]]); "
    "child.wait()"
)


@pytest.fixture
def burning(tmp_path: Path) -> Iterator["subprocess.Popen[bytes]"]:
    command = [sys.executable, "-c", PARENT, BURN]
    process = processes.start(command, env={}, log=tmp_path / "log", core=None)
    try:
        wait_until(lambda: used(process) > 0.15)
        yield process
    finally:
        processes.stop(process)


def used(process: "subprocess.Popen[bytes]") -> float:
    use = processes.use(process.pid)
    assert use is not None
    return use.below_s


def wait_until(condition: object, seconds: float = 20.0) -> None:
    assert callable(condition)
    ends = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < ends, "it never came"
        time.sleep(0.02)


def test_children_count(burning: "subprocess.Popen[bytes]") -> None:
    use = processes.use(burning.pid)
    assert use is not None
    assert use.cpu_s >= use.below_s > 0.1
    assert use.rss_mb > 2


def test_a_frozen_process_uses_nothing(burning: "subprocess.Popen[bytes]") -> None:
    processes.freeze(burning)
    time.sleep(0.1)
    before = used(burning)
    time.sleep(0.4)
    assert used(burning) - before < 0.05
    processes.thaw(burning)
    wait_until(lambda: used(burning) > before + 0.05)


def test_stop_leaves_nobody_behind(burning: "subprocess.Popen[bytes]") -> None:
    processes.freeze(burning)
    processes.stop(burning)
    use = processes.use(burning.pid)
    assert use == processes.Use(0.0, 0.0, 0.0)


def test_waiting_for_the_core_is_counted(tmp_path: Path) -> None:
    """Two that burn on one core: each waits while the other one runs."""
    core = min(os.sched_getaffinity(0))
    command = [sys.executable, "-c", BURN]
    both = [processes.start(command, env={}, log=tmp_path / f"log{i}", core=core) for i in range(2)]
    try:
        if processes.queued_s(both[0].pid) is None:
            pytest.skip("this system does not count it")
        wait_until(lambda: all((processes.queued_s(one.pid) or 0) > 0.1 for one in both))
    finally:
        for one in both:
            processes.stop(one)
    assert processes.queued_s(both[0].pid) is None, "it is gone"


def test_the_machine_is_busy() -> None:
    before = processes.machine_s()
    wait_until(lambda: processes.machine_s() > before + 0.05)


def test_cores_are_ours() -> None:
    pinned = processes.cores()
    if pinned is None:
        pytest.skip("nothing can be pinned here")
    with processes.on_core(pinned[0]):
        assert processes.cores() == (pinned[0], pinned[0])
    assert processes.cores() == pinned
