"""Make the tagger's model from nothing but this folder and Faker.

    python -m venv .tagger && .tagger/bin/pip install -r scripts/tagger/requirements.txt -e .
    .tagger/bin/python -m scripts.tagger [--texts 50000] [--epochs 5] [--seed 1] [--out FILE]

The same seed and versions give the same bytes. Progress and the figures on held-out sentences with
names drawn anew go to stderr. No text from anywhere else is read.
"""

import argparse
import random
import sys
import time
from pathlib import Path

import numpy as np

from freehold.text.tagger import Tagger
from freehold.text.tagger_file import MODEL, dump, load
from freehold.text.tagger_words import TOKEN, mode_of
from scripts.tagger.corpus import Corpus
from scripts.tagger.gazetteers import Names
from scripts.tagger.train import Encoder, Example, Perceptron, known_bits, vocabulary

OUT = Path(__file__).resolve().parents[2] / "src" / "freehold" / "text" / MODEL


def main() -> int:
    """Generate, train, write, and say how good it is."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--texts", type=int, default=50_000)
    parser.add_argument("--epochs", type=int, default=5)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--out", type=Path, default=OUT)
    wanted = parser.parse_args()
    started = time.perf_counter()
    corpus = Corpus(Names(wanted.seed), f"{wanted.seed}/train")
    examples = [corpus.example() for _ in range(wanted.texts)]
    words = vocabulary(examples)
    encoder, hide = Encoder(words), random.Random(f"{wanted.seed}/hide")
    rows = [row for row in (encoder.encode(each, hide) for each in examples) if len(row[1])]
    _say(f"{len(rows)} texts, {sum(len(row[1]) for row in rows)} words", started)
    model = Perceptron()
    order = random.Random(f"{wanted.seed}/order")
    for epoch in range(wanted.epochs):
        order.shuffle(rows)
        wrong = sum(model.learn(*row) for row in rows)
        _say(f"epoch {epoch + 1}: {wrong} words wrong", started)
    tagger = model.averaged(known_bits(words))
    tagger = model.averaged(tagger.known, gate_of(tagger, [corpus.example() for _ in range(3000)]))
    wanted.out.write_bytes(dump(tagger))
    _say(f"{wanted.out}: {wanted.out.stat().st_size} bytes, version {tagger.version}", started)
    held = Corpus(Names(wanted.seed + 1000), f"{wanted.seed}/held", held_out=True)
    shown = [held.example() for _ in range(3000)]
    _say(report(load(wanted.out.read_bytes()), shown), started)
    _say(curve(load(wanted.out.read_bytes()), shown), started)
    return 0


def gate_of(model: Tagger, examples: list[Example]) -> int:
    """What some word of a text must lead by, by itself, for the text to be read further.

    Drawn so that one text in a thousand that has a tag would lose it.
    """
    highest = sorted(
        max(model.words.lead(word, mode) for word, mode in heard)
        for text, _ in examples
        if model.tag(text)
        for heard in [[(word, mode_of(text)) for word in TOKEN.findall(text)]]
    )
    return highest[len(highest) // 1000]


def report(model: Tagger, examples: list[Example]) -> str:
    """Precision and recall of words with any label, and each label's recall."""
    hits = np.zeros(3, np.int64)
    by: dict[str, list[int]] = {}
    for text, spans in examples:
        found = model.tag(text)
        for start in (word.start() for word in TOKEN.finditer(text) if word[0][0].isalnum()):
            gold = next((label for a, b, label in spans if a <= start < b), "")
            said = next((t.label for t in found if t.start <= start < t.end), "")
            hits += (bool(gold and said), bool(said), bool(gold))
            for label in {gold, said} - {""}:
                count = by.setdefault(label, [0, 0, 0, 0])
                count[0] += label == gold
                count[1] += label == gold and bool(said)
                count[2] += label == gold == said
                count[3] += label == said and not gold
    both, said_all, gold_all = hits.tolist()
    lines = [f"held out: precision {both / said_all:.4f}, recall {both / gold_all:.4f}"]
    for label, (gold_n, any_n, same, false) in sorted(by.items()):
        share = max(gold_n, 1)
        lines.append(
            f"  {label:<9} {gold_n:6} recall {any_n / share:.3f}, same {same / share:.3f},"
            f" false {false}"
        )
    return "\n".join(lines)


def curve(model: Tagger, examples: list[Example]) -> str:
    """How sure a tag's margin makes it: the logistic curve of `named.py`, by Newton's method."""
    rows, right = [], []
    for text, spans in examples:
        for tag in model.tag(text):
            rows.append((1.0, min(tag.margin, 40.0)))
            right.append(any(a < tag.end and tag.start < b for a, b, _ in spans))
    points, truth, found = np.array(rows), np.array(right, float), np.zeros(2)
    for _ in range(20):
        sure = 1 / (1 + np.exp(-points @ found))
        slope = points.T @ (points * (sure * (1 - sure))[:, None])
        found += np.linalg.solve(slope, points.T @ (truth - sure))
    spread = np.percentile(points[:, 1], (5, 50, 95)).round(1).tolist()
    return f"score: 1 / (1 + exp(-{found[0]:.2f} - {found[1]:.3f} margin)); margins {spread}"


def _say(line: str, started: float) -> None:
    print(f"[{time.perf_counter() - started:6.0f} s] {line}", file=sys.stderr, flush=True)


if __name__ == "__main__":
    raise SystemExit(main())
