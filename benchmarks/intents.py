"""Intents learned from public questions, and what they cost: the figures of one page.

    python -m benchmarks.intents DATA [--json] [--write] [--curves [--choose] [--adapt]]

DATA is a folder with ``banking77_train.csv`` and ``clinc150_train.json``. Of the bank's questions a
fifth is held back, drawn with a seed; of CLINC150 the part ``val`` is asked. ``--write`` puts the
figures between the marks of ``docs/explanation/intents.md``. With ``--curves`` it is how accuracy
grows with labels instead, for ``docs/explanation/classifiers.md``, with static vectors and (where
``FREEHOLD_MINILM`` names it) MiniLM's; ``--adapt`` adapts that to each draw of ten labels, too, and
``--choose`` also labels what the queue would choose (a table of its own). Progress goes to stderr.
"""

import argparse
import csv
import json
import os
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from random import Random
from typing import Any

from msgspec import to_builtins
from msgspec.structs import replace

from benchmarks.marked import rewrite
from freehold.bundle.intents import read_examples
from freehold.services.measure_curve import Curve, measure_curve
from freehold.services.measure_intents import IntentsMeasured, grouped, measure_intents
from freehold.text.embedding import embed
from freehold.text.heads import vector_of
from freehold.text.intents import learn
from freehold.text.vectors import vector

PAGE = Path(__file__).resolve().parents[1] / "docs" / "explanation" / "intents.md"
CURVES = PAGE.with_name("classifiers.md")
CURVES_BEGIN = "<!-- figures: classifiers -->"
CHOSEN_BEGIN = "<!-- figures: chosen labels -->"
CHOSEN_END = "<!-- end of chosen labels -->"
BEGIN, END = "<!-- figures: intents -->", "<!-- end of figures -->"
SEED, SHOTS = 0, 10
DRAWS, CHOOSING_DRAWS = 10, 3
"""How often labels are drawn: for the curves, and where the queue chooses (it takes long)."""


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


def curves(folder: Path, *, choosing: bool, adapt: bool) -> dict[str, Curve]:
    """How accuracy grows, by features."""
    kinds = ["static", *(["minilm"] if os.environ.get("FREEHOLD_MINILM") else [])]
    found = {}
    for features in kinds:
        sys.stderr.write(f"{features} features\n")
        source = folder / "banking77_train.csv"
        curve = measure_curve(source, features=features, seeds=DRAWS)
        if choosing:
            chosen = measure_curve(
                source, features=features, shots=(), seeds=CHOOSING_DRAWS, choosing=True
            )
            curve = replace(curve, chosen=chosen.chosen, random=chosen.random)
        found[features] = curve
        if adapt and features == "minilm":
            sys.stderr.write("minilm features, adapted\n")
            found["minilm, adapted"] = measure_curve(
                source, features=features, shots=(SHOTS,), seeds=DRAWS, adapt=True
            )
    return found


def drawn_curves(found: dict[str, Curve]) -> str:
    """The curves as Markdown."""
    one = next(iter(found.values()))
    about = (
        f"BANKING77: {one.intents} intents, {one.pool:,} questions to learn from,"
        f" {one.test:,} others asked, {one.seeds} draws (mean ± standard deviation)."
    )
    texts = [about]
    head = ["labels of each intent", *found, *(f"{n}: labels only" for n in found)]
    head += [f"{n}: regression alone" for n in found]
    rows = []
    for each in (point.per_intent for point in one.points):
        points = [
            next((p for p in curve.points if p.per_intent == each), None)
            for curve in found.values()
        ]
        told = [
            "-" if p is None else f"{p.accuracy:.3f} ± {p.deviation:.3f}".removesuffix(" ± 0.000")
            for p in points
        ]
        bare = [_share(None if p is None else p.labels_only) for p in points]
        alone = [_share(None if p is None else p.beside) for p in points]
        rows.append([_each(each), *told, *bare, *alone])
    # a column that nothing was measured for is left out
    kept = [place for place in range(len(head)) if any(row[place] != "-" for row in rows)]
    rows = [[row[place] for place in kept] for row in rows]
    texts.append(_table([head[place] for place in kept], rows))
    return "\n\n".join(texts)


def drawn_choices(found: dict[str, Curve]) -> str:
    """What choosing the labels brings, as Markdown."""
    one = next(iter(found.values()))
    texts = [
        f"Labels that reach 80 %, in rounds of one label for each intent, {CHOOSING_DRAWS} draws: "
        + "; ".join(
            f"{name} {c.chosen.needed or 'never'} chosen, {c.random.needed or 'never'} at random"
            for name, c in found.items()
            if c.chosen and c.random
        )
        + "."
    ]
    head = ["labels", *(f"{n}, {way}" for n in found for way in ("chosen", "random"))]
    counts = one.chosen.labels if one.chosen else ()
    rows = [
        [
            str(count),
            *(
                f"{way.accuracy[place]:.3f}"
                for curve in found.values()
                for way in (curve.chosen, curve.random)
                if way
            ),
        ]
        for place, count in enumerate(counts)
    ]
    texts.append(_table(head, rows))
    return "\n\n".join(texts)


def _each(count: int | None) -> str:
    return "all" if count is None else str(count)


def _table(head: list[str], rows: list[list[str]]) -> str:
    lines = [head, ["---"] + ["---:"] * (len(head) - 1), *rows]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)


def _share(value: float | None) -> str:
    return "-" if value is None else f"{value:.3f}"


def main() -> None:
    """Measure, print, and write into the page where that is asked."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("data", type=Path)
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--write", action="store_true")
    parser.add_argument("--curves", action="store_true")
    parser.add_argument("--choose", action="store_true")
    parser.add_argument("--adapt", action="store_true")
    given = parser.parse_args()
    if given.curves:
        found = curves(given.data, choosing=given.choose, adapt=given.adapt)
        figures = drawn_curves(found)
        if given.write:
            rewrite(CURVES, CURVES_BEGIN, END, figures)
        if given.choose:
            chosen = drawn_choices({name: c for name, c in found.items() if c.chosen})
            figures += "\n\n" + chosen
            if given.write:
                rewrite(CURVES, CHOSEN_BEGIN, CHOSEN_END, chosen)
        sys.stdout.write((json.dumps(to_builtins(found)) if given.json else figures) + "\n")
        return
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
