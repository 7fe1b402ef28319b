"""How an answer's time grows with what a responder knows: ratios, measured in turns.

    python -m benchmarks.responder_speed [--json] [--write-docs]

Made-up templates of three questions each; times are of the processor alone, in blocks that take
turns, so that a busy machine slows all of them alike. ``--write-docs`` puts the figures between the
marks of ``docs/explanation/responder.md``.
"""

import argparse
import json
import random
import statistics
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import orjson

from benchmarks.marked import rewrite
from freehold.core.ask import Message
from freehold.core.local import Beside
from freehold.text.embedding import embed
from freehold.text.everyday import EVERYDAY
from freehold.text.local.learned import VECTORS, LearnedResponder, learned
from freehold.text.slots.filling import Slot
from freehold.text.slots.finding import Origin
from freehold.text.slots.nearness import code_of
from freehold.text.slots.questions import Question
from freehold.text.slots.templates import FORMAT, Entry, File, Header, Template

PAGE = Path(__file__).resolve().parents[1] / "docs" / "explanation" / "responder.md"
BEGIN, END = "<!-- figures: speed -->", "<!-- end of speed -->"
FEW, MANY = 500, 5_000
_ASKS, _TURNS = 40, 9
_ROW = {"order_id": "HO-1000003", "status": "shipped", "promised_on": "2026-07-01"}


def made(count: int) -> tuple[bytes, list[str]]:
    """A file of so many templates, and questions for it."""
    dice = random.Random(7)
    words = sorted({word for group in EVERYDAY for word in group.lower().split()})
    slot = Slot(any=(Origin("orders", "asked", "order_id", "text:"),))
    templates, entries = [], []
    for number in range(count):
        name = f"t{number}"
        answer = ("Order ", 0, f" is {' '.join(dice.sample(words, 6))}.")
        templates.append(Template(template=name, group=number, answer=answer, slots=(slot,)))
        for _ in range(3):
            text = f"{' '.join(dice.sample(words, 8))} order id"
            question = Question(masked=text, language="en")
            entries.append(Entry(question=question, template=name, code=code_of(text)))
    header = Header(responder=FORMAT, vectors=VECTORS, line=1, chances=((1, 1),), alpha=1, bound=1)
    asked = [e.question.masked for e in dice.sample(entries, _ASKS)]
    data = File(header, tuple(templates), tuple(entries)).dump()
    return data, [text.replace("order id", "HO-1000003") for text in asked]


def _timed(work: Callable[[], object]) -> float:
    began = time.process_time()
    work()
    return time.process_time() - began


def _asking(model: LearnedResponder, questions: list[str]) -> Callable[[], object]:
    piece = {"source": "orders", "text": orjson.dumps(_ROW).decode(), "trusted": True}
    beside = Beside(pieces=(piece,))
    asks = [[Message(role="user", content=text)] for text in questions]
    return lambda: [model.explain(one, beside) for one in asks]


def measure() -> dict[str, Any]:
    """Medians over turns; each turn does everything once."""
    few, questions = made(FEW)
    many, others = made(MANY)
    works = {
        "embed": lambda: [embed(text) for text in questions],
        "few": _asking(learned(few, {}), questions),
        "many": _asking(learned(many, {}), others),
        "load_few": lambda: learned(few, {}),
        "load_many": lambda: learned(many, {}),
    }
    turns = [{name: _timed(work) for name, work in works.items()} for _ in range(_TURNS + 1)][1:]

    def ratio(one: str, other: str) -> float:
        return round(statistics.median(turn[one] / turn[other] for turn in turns), 1)

    return {
        "templates": [FEW, MANY],
        "megabytes": [round(len(few) / 1e6, 1), round(len(many) / 1e6, 1)],
        "few_of_embed": ratio("few", "embed"),
        "many_of_few": ratio("many", "few"),
        "load_few_of_asks": ratio("load_few", "few"),
        "load_many_of_asks": ratio("load_many", "few"),
        "asks": _ASKS,
    }


def table(found: dict[str, Any]) -> str:
    """The figures as Markdown."""
    few, many = found["templates"]
    asks = found["asks"]
    lines = [
        "| templates, of three questions each | file | an answer takes | loading takes |",
        "|---|---:|---:|---:|",
        (
            f"| {few:,} | {found['megabytes'][0]} MB | {found['few_of_embed']} times its question's"
            f" vector | {found['load_few_of_asks'] * asks:,.0f} answers |"
        ),
        (
            f"| {many:,} | {found['megabytes'][1]} MB | {found['many_of_few']} times that |"
            f" {found['load_many_of_asks'] * asks:,.0f} answers |"
        ),
    ]
    return "\n".join(lines)


def main() -> int:
    """The command line."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.responder_speed")
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    parser.add_argument("--write-docs", action="store_true", help=f"put the figures into {PAGE}")
    options = parser.parse_args()
    found = measure()
    if options.write_docs:
        rewrite(PAGE, BEGIN, END, table(found))
    print(json.dumps(found, indent=2) if options.json else table(found))
    return 0


if __name__ == "__main__":
    sys.exit(main())
