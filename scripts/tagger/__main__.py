"""Make the tagger's model from nothing but this folder and Faker.

    python -m venv .tagger && .tagger/bin/pip install -r scripts/tagger/requirements.txt -e .
    .tagger/bin/python -m scripts.tagger [--texts 60000] [--epochs 6] [--seed 1] [--out FILE]

The same seed and versions give the same bytes. Progress and the figures on held-out sentences with
names drawn anew go to stderr. No text from anywhere else is read.
"""

import argparse
import random
import sys
import time
from hashlib import sha256
from pathlib import Path

import numpy as np

from freehold.text import tagger
from scripts.tagger.corpus import Corpus
from scripts.tagger.gazetteers import Names
from scripts.tagger.train import Encoder, Example, Perceptron

OUT = Path(__file__).resolve().parents[2] / "src" / "freehold" / "text" / tagger.MODEL


def main() -> int:
    """Generate, train, write, and say how good it is."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--texts", type=int, default=60_000)
    parser.add_argument("--epochs", type=int, default=6)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--out", type=Path, default=OUT)
    wanted = parser.parse_args()
    started = time.perf_counter()
    corpus = Corpus(Names(wanted.seed), f"{wanted.seed}/train")
    encoder, hide = Encoder(), random.Random(f"{wanted.seed}/hide")
    rows = [encoder.encode(corpus.example(), hide) for _ in range(wanted.texts)]
    _say(f"{len(rows)} texts, {sum(len(g) for _, g in rows)} words", started)
    model = Perceptron()
    order = random.Random(f"{wanted.seed}/order")
    for epoch in range(wanted.epochs):
        order.shuffle(rows)
        wrong = sum(model.learn(features, gold) for features, gold in rows)
        _say(f"epoch {epoch + 1}: {wrong} words wrong", started)
    weights, moves = model.averaged()
    version = sha256(weights.tobytes() + moves.tobytes()).hexdigest()[:12]
    wanted.out.write_bytes(tagger.dump(weights, moves, 40.0, version))
    _say(f"{wanted.out}: {wanted.out.stat().st_size} bytes, version {version}", started)
    held = Corpus(Names(wanted.seed + 1000), f"{wanted.seed}/held", held_out=True)
    _say(
        report(tagger.load(wanted.out.read_bytes()), [held.example() for _ in range(3000)]), started
    )
    return 0


def report(model: tagger.Tagger, examples: list[Example]) -> str:
    """Precision and recall of words with any label, and each label's recall."""
    hits = np.zeros(3, np.int64)
    by: dict[str, list[int]] = {}
    for text, spans in examples:
        words = [t for t in tagger.tokens(text) if t[0][0].isalnum()]
        found = model.tag(text)
        for _, start, _, _ in words:
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


def _say(line: str, started: float) -> None:
    print(f"[{time.perf_counter() - started:6.0f} s] {line}", file=sys.stderr, flush=True)


if __name__ == "__main__":
    raise SystemExit(main())
