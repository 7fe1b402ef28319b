"""Choosing what to label, and finding labels that are wrong, on a bank's questions.

    python -m benchmarks.selection DATA [--seeds 10] [--json] [--write-docs]

DATA is a folder with ``banking77_train.csv``: 2,000 questions are held back, the rest is the pool
from which labels are bought, 77 at a time; anew with every seed. The classifier is logistic
regression over the static vectors that ship with Freehold (extra ``learn``). For hints, 8 % of the
labels of 3,000 questions are changed to one of the three intents that are most like theirs.
``--write-docs`` puts the figures between the marks of ``docs/explanation/labelling-quality.md``.
Progress goes to stderr.
"""

import argparse
import csv
import json
import sys
import warnings
from collections.abc import Sequence
from pathlib import Path
from statistics import mean
from typing import Any, get_args

import numpy as np
from numpy.typing import NDArray

from benchmarks.marked import rewrite
from freehold.core.decisions import MILLION
from freehold.learning.agreement import Vote, hints, reliability
from freehold.learning.selection import Strategy, choose
from freehold.text.embedding import embed

PAGE = Path(__file__).resolve().parents[1] / "docs" / "explanation" / "labelling-quality.md"
BEGIN, END = "<!-- figures: selection -->", "<!-- end of figures -->"
STEP, MOST, HELD, AIM = 77, 1_078, 2_000, 0.8
NOISY, NOISE = 3_000, 0.08
SHOWN = (154, 308, 462, 616, 770, 924)
Curve = dict[int, float]
Vectors = NDArray[np.float32]
Names = NDArray[np.str_]


def read(folder: Path) -> tuple[Vectors, Names]:
    """All questions as vectors, and their intents."""
    with (folder / "banking77_train.csv").open(encoding="utf-8", newline="") as lines:
        rows = list(csv.DictReader(lines))
    vectors = np.array([embed(row["text"]) for row in rows])
    return vectors, np.array([row["category"] for row in rows])


def _classifier() -> Any:
    from sklearn.linear_model import LogisticRegression

    # of the first labels, most are of a class of their own, which it takes for numbers
    warnings.filterwarnings("ignore", "The number of unique classes", UserWarning)
    return LogisticRegression(C=30, max_iter=300)


def curve(vectors: Vectors, names: Names, strategy: Strategy, seed: int) -> Curve:
    """Labels → the share of held-back questions told right."""
    order = np.random.default_rng(seed).permutation(len(vectors))
    test, pool = order[:HELD], order[HELD:]
    labelled = np.zeros(len(pool), dtype=np.bool_)
    chances = None
    found: Curve = {}
    while labelled.sum() < MOST:
        bought = choose(vectors[pool], chances, labelled, STEP, seed=seed + 1, strategy=strategy)
        labelled[bought] = True
        model = _classifier()
        model.fit(vectors[pool][labelled], names[pool][labelled])
        chances = model.predict_proba(vectors[pool])
        found[int(labelled.sum())] = float(model.score(vectors[test], names[test]))
        seed += 1
    return found


def reached(accuracies: Curve, aim: float) -> float | None:
    """Labels until a curve reaches ``aim`` (between two points: on the line between them)."""
    before = (0, 0.0)
    for labels, accuracy in accuracies.items():
        if accuracy >= aim:
            share = (aim - before[1]) / (accuracy - before[1])
            return before[0] + share * (labels - before[0])
        before = labels, accuracy
    return None


def noisy_hints(vectors: Vectors, names: Names, seed: int) -> dict[str, float]:
    """Precision and recall of hints at labels that were made wrong."""
    dice = np.random.default_rng(seed)
    place = dice.permutation(len(vectors))[:NOISY]
    own, true = vectors[place], names[place]
    kinds = sorted(set(true.tolist()))
    middles = np.array([own[true == kind].mean(axis=0) for kind in kinds])
    alike = middles @ middles.T
    np.fill_diagonal(alike, -np.inf)
    near = np.argsort(-alike, axis=1)[:, :3]
    given = true.copy()
    wrong = dice.choice(NOISY, round(NOISE * NOISY), replace=False)
    for at in wrong:
        given[at] = kinds[dice.choice(near[kinds.index(str(true[at]))])]
    found = hints(own, given.tolist(), seed=seed)
    said = [hint.place for hint in found]
    hit = len(set(said) & set(wrong.tolist()))
    first = said[: len(wrong)]
    mended = sum(hint.likely == true[hint.place] for hint in found if hint.place in set(wrong))
    return {
        "hints": len(said),
        "precision": hit / len(said),
        "recall": hit / len(wrong),
        "precision_first": len(set(first) & set(wrong.tolist())) / len(first),
        "likely_right": mended / hit,
    }


def liar(vectors: Vectors, names: Names, seed: int) -> dict[str, float]:
    """Four labelers, one of them always wrong, a fifth of 2,000 cases labelled twice; and what a
    classifier learns from what they say, on 2,000 others.
    """
    dice = np.random.default_rng(seed)
    kinds = sorted(set(names.tolist()))
    right = {"ada": 0.95, "bo": 0.92, "cy": 0.88, "liar": 0.0}
    order = dice.permutation(len(names))
    place = {f"case_{n}": n for n in order[:HELD].tolist()}
    true = {case: str(names[n]) for case, n in place.items()}
    given = []
    for case, name in true.items():
        who = dice.permutation(sorted(right))[: 2 if dice.random() < 0.2 else 1]
        for one in who.tolist():
            others = [kind for kind in kinds if kind != name]
            says = name if dice.random() < right[one] else others[dice.integers(len(others))]
            given.append(Vote(case, one, says))
    found = reliability(given)
    count = len(found.cases)
    wrong = [one for one in found.cases.values() if one.value != true[one.case_id]]
    weights = sum(one.weight for one in found.cases.values())
    test = order[HELD : 2 * HELD]

    def learned(said: list[str], weight: list[float] | None = None) -> float:
        model = _classifier()
        model.fit(vectors[[place[case] for case in found.cases]], said, sample_weight=weight)
        return float(model.score(vectors[test], names[test]))

    settled = [one.value for one in found.cases.values()]
    return {
        "accuracy_true": learned([true[case] for case in found.cases]),
        "accuracy_equal": learned(settled),
        "accuracy_weighted": learned(
            settled, [one.weight / MILLION for one in found.cases.values()]
        ),
        "doubtful": float(found.labelers["liar"].standing == "doubtful"),
        "others_doubtful": sum(
            one.standing == "doubtful" for one in found.labelers.values() if one.name != "liar"
        ),
        "wrong_share": len(wrong) / count,
        "wrong_weight": sum(one.weight for one in wrong) / weights,
        "error_of_accuracy": mean(
            abs(one.accuracy - right[one.name]) for one in found.labelers.values()
        ),
    }


def measure(folder: Path, seeds: Sequence[int]) -> dict[str, Any]:
    """Everything, as means over the seeds."""
    vectors, names = read(folder)
    curves: dict[str, Curve] = {}
    until: dict[str, float | None] = {}
    for strategy in get_args(Strategy):
        sys.stderr.write(f"{strategy}\n")
        runs = [curve(vectors, names, strategy, 100 * seed) for seed in seeds]
        curves[strategy] = {labels: mean(run[labels] for run in runs) for labels in runs[0]}
        until[strategy] = reached(curves[strategy], AIM)
    sys.stderr.write("hints\n")
    noisy = [noisy_hints(vectors, names, seed) for seed in seeds]
    liars = [liar(vectors, names, seed) for seed in seeds]
    return {
        "seeds": len(seeds),
        "curves": curves,
        "until": until,
        "hints": {key: mean(one[key] for one in noisy) for key in noisy[0]},
        "liar": {key: mean(one[key] for one in liars) for key in liars[0]},
    }


def tables(measured: dict[str, Any]) -> str:
    """The figures as Markdown."""
    head = ["labels", *(f"{labels}" for labels in SHOWN), f"until {AIM:.0%}"]
    lines = [head, ["---"] + ["---:"] * (len(head) - 1)]
    for strategy, found in measured["curves"].items():
        until = measured["until"][strategy]
        shown = [f"{100 * found[labels]:.1f}" for labels in SHOWN]
        lines.append([strategy, *shown, "-" if until is None else f"{until:.0f}"])
    table = "\n".join("| " + " | ".join(line) + " |" for line in lines)
    hint, lied = measured["hints"], measured["liar"]
    chosen, drawn = measured["until"]["mixed"], measured["until"]["random"]
    fewer = ""
    if chosen is not None and drawn is not None:
        fewer = f" `mixed` reaches {AIM:.0%} with **{1 - chosen / drawn:.0%} fewer** than random."
    return (
        f"{table}\n\nPercent of 2,000 held-back questions told right, by how many of the pool's"
        f" 8,003 are labelled; means of {measured['seeds']} seeds."
        f"{fewer}\n\n"
        f"Hints at wrong labels, {NOISE:.0%} of {NOISY:,} labels changed to a similar intent:"
        f" precision {hint['precision']:.2f}, recall {hint['recall']:.2f}; of the worst"
        f" {round(NOISE * NOISY)}, {hint['precision_first']:.0%} are wrong; where a hint is right,"
        f" the label that it proposes is right in {hint['likely_right']:.0%}.\n\n"
        "Four labelers, one always wrong, a fifth of 2,000 cases labelled twice, no gold item: the"
        f" one is told in {lied['doubtful']:.0%} of the runs, of the others"
        f" {lied['others_doubtful']:.1f}. Of the cases {lied['wrong_share']:.0%} end with a wrong"
        f" label; these have {lied['wrong_weight']:.1%} of the weight. A classifier that learns"
        f" from these labels tells {lied['accuracy_weighted']:.1%} of other questions right;"
        f" {lied['accuracy_equal']:.1%} where all labels count the same,"
        f" {lied['accuracy_true']:.1%} with the truth."
    )


def main() -> None:
    """Measure, print, and write into the page where that is asked."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("data", type=Path)
    parser.add_argument("--seeds", type=int, default=10)
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--write-docs", action="store_true")
    given = parser.parse_args()
    measured = measure(given.data, range(given.seeds))
    figures = tables(measured)
    if given.write_docs:
        rewrite(PAGE, BEGIN, END, figures)
    sys.stdout.write((json.dumps(measured, indent=2) if given.json else figures) + "\n")


if __name__ == "__main__":
    main()
