"""A small trainer for tests: it counts, keeps what it has counted, and goes on from there.

It stands in for one that takes hours: what is tested is all that lies around a trainer. Options:
``steps``; ``pause`` (seconds a step); ``fail`` (raise `TrainingError` with these words); ``crash``
(any other error).
"""

import time
from collections.abc import Mapping
from typing import Any

from freehold.core.errors import TrainingError
from freehold.core.training import Dataset, Progress, Trained, TrainingJob

KNOWN = {"steps", "pause", "fail", "crash"}


class CountingTrainer:
    """Writes as many lines as it has steps, one a step."""

    kind = "counting"

    def check(self, options: Mapping[str, Any]) -> None:
        unknown = sorted(set(options) - KNOWN)
        if unknown:
            raise ValueError(f"`{unknown[0]}` is no option")

    def train(self, dataset: Dataset, job: TrainingJob, progress: Progress) -> Trained:
        if "fail" in job.options:
            raise TrainingError(str(job.options["fail"]))
        if "crash" in job.options:
            raise RuntimeError(str(job.options["crash"]))
        state = job.out / "state.txt"
        done = len(state.read_text().splitlines()) if state.exists() else 0
        begun = done
        steps = int(job.options.get("steps", 3))
        with state.open("a") as file:
            while done < steps:
                time.sleep(float(job.options.get("pause", 0)))
                done += 1
                file.write(f"step {done}\n")
                file.flush()
                progress("count", done, steps, loss=1 / done)
        (job.out / "counted.json").write_text(
            f'{{"rows": {len(dataset.rows("train"))}, "seed": {job.seed}, "steps": {steps}}}'
        )
        return Trained(
            kind=self.kind,
            serving={"kind": "counting", "threshold": 0.5, "options": {}},
            file="counted.json",
            files=("counted.json",),
            figures={"begun_at": float(begun)},
        )
