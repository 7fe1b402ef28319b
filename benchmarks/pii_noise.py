"""What the trained detectors of names find in ordinary questions, and what reading costs.

    python -m benchmarks.pii_noise QUESTIONS.csv DIALOGUES.jsonl [--limit 2000]

QUESTIONS has a column `text`; DIALOGUES are conversations with `messages`. Findings are
counted at the detectors' default threshold; the cost is CPU time, each text read once.
"""

import argparse
import csv
import json
import time
from collections import Counter
from pathlib import Path

from freehold.bundle.names import NAMED
from freehold.core.ports import Detector
from freehold.stages.governance.registry import builtin_detectors

_PIECE = 500


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("questions", type=Path)
    parser.add_argument("dialogues", type=Path)
    parser.add_argument("--limit", type=int, default=2_000)
    options = parser.parse_args()
    detectors = [each for each in builtin_detectors() if each.id in NAMED]
    with options.questions.open(encoding="utf-8") as file:
        questions = [row["text"] for row in csv.DictReader(file)]
    # the file goes intent by intent: every so many are taken from all of it
    questions = questions[:: max(1, len(questions) // options.limit)][: options.limit]
    found, kinds, took = read(detectors, questions)
    said = ", ".join(f"{count} {kind}" for kind, count in kinds.most_common())
    print(f"{found} of {len(questions)} questions have a finding: {said}")
    print(f"{took:.0f} µs a question of {sum(map(len, questions)) // len(questions)} characters")
    pieces = [piece for text in spoken(options.dialogues) for piece in cut(text)][: options.limit]
    _, _, took = read(detectors, pieces)
    print(f"{took:.0f} µs for {_PIECE} characters of dialogue ({len(pieces)} pieces)")


def read(detectors: list[Detector], texts: list[str]) -> tuple[int, Counter[str], float]:
    """Texts with a finding, findings by kind, and µs of CPU a text."""
    kinds: Counter[str] = Counter()
    with_finding = 0
    began = time.process_time()
    for text in texts:
        findings = [f for each in detectors for f in each.detect(text, text, "") if f.score >= 5e5]
        with_finding += bool(findings)
        kinds.update(finding.kind for finding in findings)
    return with_finding, kinds, (time.process_time() - began) / max(1, len(texts)) * 1e6


def spoken(path: Path) -> list[str]:
    """What was said in conversations, whoever said it; the policy at their head left out."""
    texts = []
    for line in path.read_text(encoding="utf-8").splitlines():
        talk = json.loads(line)
        texts += [
            message["content"]
            for message in talk["messages"]
            if message["role"] in ("user", "assistant") and isinstance(message["content"], str)
        ]
    return texts


def cut(text: str) -> list[str]:
    """Whole stretches of the length that is measured; what is shorter is left out."""
    return [text[at : at + _PIECE] for at in range(0, len(text) - _PIECE + 1, _PIECE)]


if __name__ == "__main__":
    main()
