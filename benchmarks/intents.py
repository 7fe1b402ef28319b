"""Intents learned from public questions, and what they cost: the figures of one page.

    python -m benchmarks.intents DATA [--json] [--write]

DATA is a folder with ``banking77_train.csv`` and ``clinc150_train.json``. Of the bank's questions a
fifth is held back, drawn with a seed; of CLINC150 the part ``val`` is asked. ``--write`` puts the
figures between the marks of ``docs/explanation/intents.md``. Progress goes to stderr.
"""

import argparse
import csv
import json
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from random import Random
from typing import Any

from msgspec import to_builtins

from benchmarks.marked import rewrite
from freehold.bundle.intents import read_examples
from freehold.services.measure_intents import IntentsMeasured, grouped, measure_intents
from freehold.text.embedding import embed
from freehold.text.heads import vector_of
from freehold.text.intents import learn
from freehold.text.vectors import vector

PAGE = Path(__file__).resolve().parents[1] / "docs" / "explanation" / "intents.md"
BEGIN, END = "<!-- figures: intents -->", "<!-- end of figures -->"
SEED, SHOTS = 0, 10


def bank(folder: Path) -> IntentsMeasured:
    """Four fifths of the bank's questions learned, the last fifth asked."""
    source = folder / "banking77_train.csv"
    rows = read_examples(source.name, source.read_bytes())
    Random(SEED).shuffle(rows)
    cut = len(rows) // 5
    with tempfile.TemporaryDirectory() as place:
        train, test = Path(place, "train.csv"), Path(place, "test.csv")
        for path, part in ((train, rows[cut:]), (test, rows[:cut])):
            with path.open("w", encoding="utf-8", newline="") as out:
                csv.writer(out).writerows([("text", "category"), *part])
        return measure_intents(train, test, seed=SEED)


def clinc(folder: Path) -> IntentsMeasured:
    """The part ``train`` learned, with ``oos_train``; ``val`` and ``oos_val`` asked."""
    path = folder / "clinc150_train.json"
    return measure_intents(path, path, seed=SEED)


def cost(folder: Path) -> dict[str, float]:
    """Microseconds of one question (median), step by step, with 77 intents of 30 examples each."""
    source = folder / "banking77_train.csv"
    rows = read_examples(source.name, source.read_bytes())
    model = learn({name: texts[:30] for name, texts in grouped(rows).items()})
    texts = [text for text, _ in rows[:: max(1, len(rows) // 400)]]
    known = [(text, embed(text)) for text in texts]

    def median(step: Callable[[int], object], before: Callable[[int], object]) -> float:
        taken = []
        for _ in range(3):
            for place in range(len(texts)):
                before(place)
                began = time.perf_counter_ns()
                step(place)
                taken.append(time.perf_counter_ns() - began)
        return round(statistics.median(taken) / 1000, 1)

    return {
        "words": median(lambda n: vector(texts[n]), lambda _: None),
        "dense": median(lambda n: embed(texts[n]), lambda _: None),
        "intent": median(lambda n: model.of(*known[n]), lambda n: vector_of(texts[n])),
    }


def tables(measured: dict[str, IntentsMeasured], spent: dict[str, float]) -> str:
    """The figures as Markdown."""
    head = ["", *measured]
    rows: list[list[str]] = []

    def row(name: str, value: Callable[[IntentsMeasured], str]) -> None:
        rows.append([name, *(value(one) for one in measured.values())])

    row("intents, examples", lambda m: f"{m.intents}, {m.train:,}")
    row("questions, out of scope", lambda m: f"{m.test:,}, {m.test_oos:,}")
    row("random", lambda m: f"{m.random:.3f}")
    row("nearest example", lambda m: f"{m.baseline.accuracy:.3f}")
    for each in ("1", "3", "5", "10"):
        row(f"ours, {each} of each", lambda m, each=each: f"{m.few_shot[each]:.3f}")
    row("**ours**", lambda m: f"**{m.ours.accuracy:.3f}** ({m.ours.low:.3f}-{m.ours.high:.3f})")
    row("in scope, told to have none", lambda m: f"{m.ours.oos_false_positive_rate:.3f}")
    row("out of scope, told so", lambda m: _share(m.ours.oos_recall))
    row("calibration error", lambda m: f"{m.ours.calibration_error:.3f}")
    lines = [head, ["---"] + ["---:"] * len(measured), *rows]
    text = "\n".join("| " + " | ".join(line) + " |" for line in lines)
    return (
        f"{text}\n\nA question costs {spent['intent']:.0f} µs beyond what other heads share: its"
        f" words and characters {spent['words']:.0f} µs, its dense vector {spent['dense']:.0f} µs"
        " (medians, 77 intents of 30 examples)."
    )


def _share(value: float | None) -> str:
    return "-" if value is None else f"{value:.3f}"


def main() -> None:
    """Measure, print, and write into the page where that is asked."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("data", type=Path)
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--write", action="store_true")
    given = parser.parse_args()
    measured: dict[str, IntentsMeasured] = {}
    for name, measure in (("BANKING77, a fifth held back", bank), ("CLINC150, `val`", clinc)):
        sys.stderr.write(f"{name}\n")
        measured[name] = measure(given.data)
    spent = cost(given.data)
    figures = tables(measured, spent)
    if given.write:
        rewrite(PAGE, BEGIN, END, figures)
    said: dict[str, Any] = {"measured": to_builtins(measured), "us": spent}
    sys.stdout.write((json.dumps(said, indent=2) if given.json else figures) + "\n")


if __name__ == "__main__":
    main()
