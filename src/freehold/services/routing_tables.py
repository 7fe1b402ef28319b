"""Tables that know what every model would have answered: prompts, and a score for each model."""

from pathlib import Path
from typing import Any

import numpy as np
from msgspec import Struct

from freehold.core.errors import FreeholdError
from freehold.services.json_files import parsed_lines, read_text

_TEXTS = ("prompt", "text", "query")
_COST = "cost"


class Table(Struct, frozen=True, kw_only=True):
    """``n`` prompts under ``k`` models.

    Attributes:
        scores: float (n, k), from 0 to 1.
        costs: float (n, k), money of one call, where the file has ``cost`` by model; else ``None``.
        groups: what a row says it belongs to (``dataset``, ``source``), or empty.
    """

    models: tuple[str, ...]
    prompts: tuple[str, ...]
    scores: Any
    costs: Any = None
    groups: tuple[str, ...] = ()


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


def read_table(path: Path) -> Table:
    """JSON lines with ``prompt`` and one boolean or score from 0 to 1 per model.

    A ``cost`` object holds money by model. Instead, ``arms`` may hold an object with ``reward`` and
    ``cost`` for each model. Other fields are texts or objects, and are no models.

    Raises:
        FreeholdError: a row is no such thing; says which and why.
    """
    rows: list[tuple[str, str, dict[str, float], dict[str, float]]] = []
    for place, row in parsed_lines(read_text(path), path):
        if not isinstance(row, dict):
            raise FreeholdError(f"{place} is no object")
        text = next((row[name] for name in _TEXTS if isinstance(row.get(name), str)), None)
        if text is None:
            raise FreeholdError(f"{place} has no `prompt`")
        scores, costs = _arms(row)
        rows.append((text, str(row.get("dataset", row.get("source", ""))), scores, costs))
        if scores.keys() != rows[0][2].keys():
            raise FreeholdError(f"{place} has other models than the first row")
        if any(not 0 <= value <= 1 for value in scores.values()):
            raise FreeholdError(f"{place}: a score is not between 0 and 1")
    if not rows or len(rows[0][2]) < 2:
        raise FreeholdError(f"{path} has no rows with scores of two models or more")
    models = tuple(rows[0][2])
    priced = all(costs.keys() >= set(models) for *_, costs in rows)
    return Table(
        models=models,
        prompts=tuple(text for text, *_ in rows),
        scores=np.array([[scores[m] for m in models] for _, _, scores, _ in rows]),
        costs=np.array([[costs[m] for m in models] for *_, costs in rows]) if priced else None,
        groups=tuple(group for _, group, *_ in rows),
    )


def _arms(row: dict[str, Any]) -> tuple[dict[str, float], dict[str, float]]:
    """Scores and costs by model."""
    arms = row.get("arms")
    if isinstance(arms, dict) and all(isinstance(arm, dict) for arm in arms.values()):
        scores = {model: arm.get("reward", arm.get("score")) for model, arm in arms.items()}
        costs = {model: arm.get(_COST) for model, arm in arms.items()}
        return _numbers(scores), _numbers(costs)
    rest = {name: value for name, value in row.items() if name != _COST}
    money = row.get(_COST)
    return _numbers(rest), _numbers(money) if isinstance(money, dict) else {}


def _numbers(values: dict[str, Any]) -> dict[str, float]:
    return {
        name: float(value)
        for name, value in values.items()
        if isinstance(value, bool | int | float)
    }
