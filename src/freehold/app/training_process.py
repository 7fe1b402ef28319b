"""One training run in a process of its own: ``python -m freehold.app.training_process``.

It is told on standard input, as one line of JSON, ``home`` and ``plan``; it says on standard
output, a line each, how far it is and what came of it. When its input ends, whoever began it is
gone, and so is it at once: what it has on the disk is what the next run goes on from.
"""

import os
import sys
import threading
import time
from pathlib import Path
from typing import IO, Any

import msgspec

from freehold.app.training import training_service
from freehold.core.errors import FreeholdError
from freehold.ledger.files import replace_file
from freehold.services.jobs import PROGRESS, Progressed
from freehold.services.training import FOLDER, TrainingPlan

GONE = 3
_EVERY_S = 0.2


def main() -> None:
    """Run what standard input says."""
    # what a trainer prints goes to the log: our own words have the line to themselves
    said = os.fdopen(os.dup(1), "wb", buffering=0)
    os.dup2(2, 1)
    told = msgspec.json.decode(sys.stdin.buffer.readline())
    home, plan = Path(told["home"]), msgspec.convert(told["plan"], TrainingPlan)
    threading.Thread(target=_watch, daemon=True).start()
    try:
        with training_service(home) as training:
            outcome = training.run(plan, _Teller(home / FOLDER / plan.id / PROGRESS, said))
    except FreeholdError as error:
        _say(said, {"failed": str(error), "code": error.code})
    else:
        _say(said, {"outcome": msgspec.to_builtins(outcome)})


def _watch() -> None:
    while sys.stdin.buffer.read(1):
        pass
    os._exit(GONE)


def _say(said: IO[bytes], what: dict[str, Any]) -> None:
    said.write(msgspec.json.encode(what) + b"\n")


class _Teller:
    """Tells how far it is, a few times a second, and keeps it for whoever looks."""

    def __init__(self, path: Path, said: IO[bytes]) -> None:
        self._path = path
        self._said = said
        self._last = 0.0

    def __call__(self, stage: str, done: int, total: int, **figures: float) -> None:
        now = time.monotonic()
        if done < total and now - self._last < _EVERY_S:
            return
        self._last = now
        plain = {name: float(value) for name, value in figures.items()}
        octets = msgspec.json.encode(Progressed(stage=stage, done=done, total=total, figures=plain))
        replace_file(self._path, octets)
        self._said.write(octets + b"\n")


if __name__ == "__main__":
    main()
