"""How a responder fares with questions that people really wrote, and with kinds it never saw.

    python -m benchmarks.responder_wordings DATA [--json] [--write-docs]

DATA is a folder with ``banking77_train.csv`` and ``clinc150_train.json``. Each intent has one
approved answer, of words alone; three in ten intents are left to others, and half of these are not
even shown. A thousand other questions are asked, and for CLINC150 200 that have no intent at all.
``--write-docs`` puts the figures between the marks of ``docs/explanation/responder.md``.
"""

import argparse
import csv
import json
import random
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from benchmarks.marked import rewrite
from freehold.core.ask import Message
from freehold.core.local import Beside
from freehold.core.training import Example, TrainingJob
from freehold.learning.datasets.memory import MemoryDataset
from freehold.learning.trainers.responder import ResponderTrainer
from freehold.text.local.learned import LearnedResponder, learned

PAGE = Path(__file__).resolve().parents[1] / "docs" / "explanation" / "responder.md"
BEGIN, END = "<!-- figures: wordings -->", "<!-- end of wordings -->"
DRAWS = (("banking77", 11, 1_500), ("banking77", 12, 4_000), ("clinc150", 11, 2_000))
_ASKED, _OUTSIDE, _LEFT = 1_000, 200, 0.3
Row = tuple[str, str]


def read(folder: Path, name: str) -> tuple[list[Row], list[str]]:
    """Questions with their intents, and questions without any."""
    if name == "banking77":
        with (folder / "banking77_train.csv").open(encoding="utf-8", newline="") as lines:
            return [(row["text"], row["category"]) for row in csv.DictReader(lines)], []
    found = json.loads((folder / "clinc150_train.json").read_text(encoding="utf-8"))
    rows = [(text, name) for text, name in (*found["train"], *found["val"])]
    return rows, [text for text, _ in (*found["oos_val"], *found["oos_train"])]


def _answer(intent: str, left: set[str]) -> str:
    return "" if intent in left else f"This is about {intent.replace('_', ' ')}; we can help."


def _trained(rows: Sequence[Row], left: set[str]) -> LearnedResponder:
    examples = [
        Example(
            id=f"{number}",
            conversation=f"{number}",
            messages=({"role": "user", "content": text},),
            answer=_answer(intent, left),
            split="validation" if number % 5 == 4 else "train",
        )
        for number, (text, intent) in enumerate(rows)
    ]
    with tempfile.TemporaryDirectory() as folder:
        job = TrainingJob(model="answers", out=Path(folder), options={})
        made = ResponderTrainer().train(MemoryDataset("d", examples), job, lambda *_, **__: None)
        return learned((Path(folder) / made.file).read_bytes(), {})


def measure(folder: Path, name: str, seed: int, count: int) -> dict[str, Any]:
    """One draw."""
    rows, outside = read(folder, name)
    dice = random.Random(seed)
    intents = sorted({intent for _, intent in rows})
    dice.shuffle(intents)
    left = set(intents[: int(len(intents) * _LEFT)])
    unseen = set(sorted(left)[::2])
    dice.shuffle(rows)
    taught = [row for row in rows[:-_ASKED] if row[1] not in unseen][:count]
    model = _trained(taught, left)
    asks = [(text, _answer(intent, left)) for text, intent in rows[-_ASKED:]]
    asks += [(text, "") for text in outside[:_OUTSIDE]]
    told = [(model.explain([Message(role="user", content=t)], Beside()), want) for t, want in asks]
    given = [(one.text, want) for one, want in told if one.given]
    return {
        "data": name,
        "learned": len(taught),
        "asked": len(asks),
        "answerable": sum(bool(want) for _, want in asks),
        "given": len(given),
        "right": sum(said == want for said, want in given),
        "left": sum(not want for _, want in given),
    }


def table(found: Sequence[dict[str, Any]]) -> str:
    """The figures as Markdown."""
    lines = [
        (
            "| questions | learned from | asked | with an answer | answered | of that right |"
            " wrong of all | of these left to others |"
        ),
        "|---|---:|---:|---:|---:|---:|---:|---:|",
    ]
    for one in found:
        asked, given, wrong = one["asked"], max(1, one["given"]), one["given"] - one["right"]
        lines.append(
            f"| {one['data']} | {one['learned']:,} | {asked:,} | {one['answerable'] / asked:.1%} |"
            f" {one['given'] / asked:.1%} | {one['right'] / given:.1%} | {wrong / asked:.1%} |"
            f" {one['left'] / asked:.1%} |"
        )
    return "\n".join(lines).replace("%", " %")


def main() -> int:
    """The command line."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.responder_wordings")
    parser.add_argument("data", type=Path, help="folder with the two files")
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    parser.add_argument("--write-docs", action="store_true", help=f"put the figures into {PAGE}")
    options = parser.parse_args()
    found = [measure(options.data, *draw) for draw in DRAWS]
    if options.write_docs:
        rewrite(PAGE, BEGIN, END, table(found))
    print(json.dumps(found, indent=2) if options.json else table(found))
    return 0


if __name__ == "__main__":
    sys.exit(main())
