"""Background processes of the demo: started, remembered in a file, and ended by their pid."""

import contextlib
import os
import signal
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

import click
import msgspec
from msgspec import Struct

_POLL_S = 0.05
_GRACE_S = 8.0


class DidNotStart(click.ClickException):
    """A process of the demo ended, or was not ready in time."""


class Process(Struct, frozen=True):
    """A process that the demo started. ``born`` tells it from a later one with the same pid."""

    role: str
    pid: int
    born: str


class Running(Struct):
    """What the demo left running, and where."""

    url: str = ""
    processes: list[Process] = []

    def save(self, path: Path) -> None:
        """Write it down, whole or not at all."""
        draft = path.with_suffix(".draft")
        draft.write_bytes(msgspec.json.encode(self))
        draft.replace(path)


def load(path: Path) -> Running | None:
    """What was written down, ``None`` when nothing was or nobody can read it."""
    try:
        return msgspec.json.decode(path.read_bytes(), type=Running)
    except (OSError, msgspec.DecodeError):
        return None


def start(
    role: str, module: str, arguments: Sequence[str], *, env: Mapping[str, str], log: Path
) -> tuple[Process, subprocess.Popen[bytes]]:
    """Start ``python -m module`` in a session of its own, with its output in ``log``."""
    with log.open("ab") as sink:
        child = subprocess.Popen(
            [sys.executable, "-m", module, *arguments],
            stdin=subprocess.DEVNULL,
            stdout=sink,
            stderr=sink,
            env={**os.environ, **env},
            start_new_session=True,
        )
    return Process(role=role, pid=child.pid, born=_born(child.pid)), child


def wait_for_url(child: subprocess.Popen[bytes], log: Path, seconds: float) -> str:
    """The address in the JSON line that a starting process prints once it is ready.

    Raises:
        DidNotStart: it ended first, or took too long; the end of its log says why.
    """
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        for line in log.read_bytes().splitlines():
            if line.startswith(b'{"') and b'"url"' in line:
                return str(msgspec.json.decode(line)["url"])
        if child.poll() is not None:
            break
        time.sleep(_POLL_S)
    tail = log.read_text(errors="replace")[-2_000:]
    raise DidNotStart(f"{log.stem} did not become ready.\n{tail}")


def end(process: Process) -> bool:
    """End a process that is still the one we started; true when it was running."""
    if _born(process.pid) != process.born:
        return False
    with contextlib.suppress(ProcessLookupError):
        os.kill(process.pid, signal.SIGTERM)
    deadline = time.monotonic() + _GRACE_S
    while time.monotonic() < deadline:
        _reap(process.pid)
        if _born(process.pid) != process.born:
            return True
        time.sleep(_POLL_S)
    with contextlib.suppress(ProcessLookupError):
        os.kill(process.pid, signal.SIGKILL)
    _reap(process.pid)
    return True


def _reap(pid: int) -> None:
    """Collect our own child; one of another process is not ours to wait for."""
    with contextlib.suppress(ChildProcessError, OSError):
        os.waitpid(pid, os.WNOHANG)


def _born(pid: int) -> str:
    """When a process began, as its system tells it; empty when there is none."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
        return "" if fields[0] == "Z" else fields[19]
    except OSError:
        pass
    shown = subprocess.run(  # macOS has no /proc
        ["/bin/ps", "-o", "lstart=", "-p", str(pid)], capture_output=True, text=True, check=False
    )
    return shown.stdout.strip()
