"""What the trained detectors of names find where nobody is named, and what reading costs.

    python -m benchmarks.pii_noise QUESTIONS DIALOGUES.jsonl [--records DB.json] [--limit 2000]

QUESTIONS is a CSV file with a column `text`, or JSON in CLINC150's form (its `val` and `oos_val`
are read); DIALOGUES are conversations with `messages`; DB is a shop's database with `users`, each
with `name` and `address`, and `products`. Findings are counted at the detectors' default threshold;
the cost is CPU time, each text read once.
"""

import argparse
import csv
import json
import time
from collections import Counter
from pathlib import Path
from typing import Any

from freehold.bundle.names import NAMED
from freehold.core.ports import Detector
from freehold.stages.governance.registry import builtin_detectors

_PIECE = 500
_PERSONAL = ("address", "person")
_FIELDS = (("name", "first_name"), ("name", "last_name"), ("address", "address1"))


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("questions", type=Path)
    parser.add_argument("dialogues", type=Path)
    parser.add_argument("--records", type=Path)
    parser.add_argument("--limit", type=int, default=2_000)
    options = parser.parse_args()
    detectors = [each for each in builtin_detectors() if each.id in NAMED]
    questions = asked(options.questions)
    # the file goes intent by intent: every so many are taken from all of it
    questions = questions[:: max(1, len(questions) // options.limit)][: options.limit]
    found, kinds, took = read(detectors, questions)
    said = ", ".join(f"{count} {kind}" for kind, count in kinds.most_common())
    print(f"{found} of {len(questions)} questions have a finding: {said}")
    named = [each for each in detectors if each.id in ("pii.address", "pii.person")]
    print(f"{read(named, questions)[0]} of them name a person or an address")
    print(f"{took:.0f} µs a question of {sum(map(len, questions)) // len(questions)} characters")
    pieces = [piece for text in spoken(options.dialogues) for piece in cut(text)]
    half = len(pieces) // 2
    _, _, new = read(detectors, pieces[:half])
    _, _, took = read(detectors, pieces[half:])
    print(f"{new:.0f} µs for {_PIECE} characters of dialogue, whose words are new ({half} pieces)")
    print(f"{took:.0f} µs for {_PIECE} characters of the dialogues after them")
    if options.records:
        print(recorded(detectors, json.loads(options.records.read_text(encoding="utf-8"))))


def asked(path: Path) -> list[str]:
    """The questions of a file."""
    if path.suffix == ".csv":
        with path.open(encoding="utf-8") as file:
            return [row["text"] for row in csv.DictReader(file)]
    data = json.loads(path.read_text(encoding="utf-8"))
    return [text for part in ("val", "oos_val") for text, _ in data[part]]


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


def recorded(detectors: list[Detector], data: dict[str, dict[str, Any]]) -> str:
    """How many names and streets in users' records are found, and how much in products' ones."""
    hits = wanted = 0
    for user in data["users"].values():
        text = json.dumps(user)
        spans = [(f.start, f.end) for each in detectors for f in each.detect(text, text, "")]
        for part, field in _FIELDS:
            start = text.index(f'"{field}": "') + len(field) + 5
            end = start + len(json.dumps(user[part][field])) - 2
            wanted += 1
            hits += any(low < end and start < high for low, high in spans)
    products = [json.dumps(product) for product in data["products"].values()]
    _, kinds, _ = read(detectors, products)
    personal = sum(kinds[kind] for kind in _PERSONAL)
    size = sum(map(len, products)) // 1000
    return (
        f"{hits} of {wanted} names and streets found in records of {len(data['users'])} users;"
        f" {personal} persons and addresses in {size},000 characters of products' records"
    )


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
