"""How much of the retail example a responder answers after so many approved answers, and how right.

    python -m benchmarks.responder --db /tmp/chain.sqlite [--write-docs]

A day's requests of one half of the stores are answered by an expert that knows the rows (scripted,
and named so); a responder for each app is trained on that, and asked what the other half asks on
another day. Right is what `freehold.testing.retail.expert.judging` finds no fault with; an answer
may also be word for word the expert's.
"""

import argparse
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, Final, NamedTuple

import orjson
from msgspec import Struct
from msgspec.structs import replace

from benchmarks.marked import between
from freehold.core.ask import Message
from freehold.core.local import Beside
from freehold.core.training import Example, TrainingJob
from freehold.learning.datasets.memory import MemoryDataset
from freehold.learning.trainers.responder import ResponderTrainer, plain
from freehold.testing.retail import data, mix, traffic
from freehold.testing.retail.expert.answering import answer
from freehold.testing.retail.expert.asked import Asked
from freehold.testing.retail.expert.judging import judge
from freehold.testing.retail.expert.shop import Rows, Shop
from freehold.testing.retail.traffic import Call
from freehold.text.local.learned import LearnedResponder, learned

ROOT: Final = Path(__file__).resolve().parents[1]
BUNDLE: Final = ROOT / "examples" / "retail" / "bundle"
PAGE: Final = ROOT / "docs" / "explanation" / "responder.md"
BEGIN: Final = "<!-- made by `python -m benchmarks.responder --write-docs` -->"
END: Final = "<!-- end -->"
ASKED: Final = 91
"""The seed of the day that is asked about."""
APPS: Final = (mix.CUSTOMER_SERVICE, mix.STORE_ASSISTANT, mix.INVENTORY)


class Case(NamedTuple):
    """A call, what the expert knows of it, and both as an example."""

    call: Call
    known: Asked
    example: Example


class Told(Struct, frozen=True, kw_only=True):
    """How an app's responder fared; shares of 1, and ``same`` is word for word."""

    app: str
    learned: int
    asked: int
    answerable: int
    given: int
    right: int
    same: int
    bound: float
    train_s: float
    load_s: float
    p50_ms: float
    p99_ms: float
    faults: tuple[tuple[str, str, str], ...] = ()


def pieces_of(rows: Rows) -> tuple[dict[str, Any], ...]:
    """As they stand in a case."""
    return tuple(
        {
            "source": source,
            "text": orjson.dumps(found if len(found) > 1 else found[0]).decode(),
            "trusted": True,
        }
        for source, found in rows.items()
    )


def cases(shop: Shop, requests: int, seed: int, database: Path) -> Iterator[Case]:
    """Every request of a day, with what is right."""
    for call in traffic.day(requests, seed, database):
        rows = shop.rows(call)
        known = Asked.of(call, rows)
        written = answer(known)
        messages = tuple(
            {"role": m["role"], "content": str(m.get("content") or "")} for m in call.messages
        )
        example = Example(
            id=f"{seed}-{call.index}",
            conversation=call.conversation,
            messages=messages,
            pieces=pieces_of(rows),
            answer="" if written is None else written.text,
            tenant=call.store,
            app=call.app,
        )
        yield Case(call, known, example)


def asked(example: Example) -> list[Message]:
    """As a model gets it."""
    return [Message(role=m["role"], content=m["content"]) for m in example.messages]


def half(found: Iterator[Case], which: int) -> list[Case]:
    """Those of one half of the stores."""
    return [one for one in found if int(one.call.store[-1]) % 2 == which]


def measure(app: str, taught: Sequence[Case], tests: Sequence[Case]) -> Told:
    """Train an app's responder and ask it; times are of the processor alone."""
    rows = [
        replace(one.example, split="validation" if n % 5 == 4 else "train")
        for n, one in enumerate(case for case in taught if case.call.app == app)
    ]
    with tempfile.TemporaryDirectory() as folder:
        job = TrainingJob(model="answers", out=Path(folder), options={})
        began = time.process_time()
        made = ResponderTrainer().train(MemoryDataset("retail", rows), job, lambda *_, **__: None)
        train_s = time.process_time() - began
        data_ = (Path(folder) / made.file).read_bytes()
        began = time.process_time()
        model = learned(data_, {})
        load_s = time.process_time() - began
    mine = [case for case in tests if case.call.app == app]
    return _told(app, len(rows), model, mine, made.figures["error_bound"], train_s, load_s)


def _told(
    app: str,
    learned_from: int,
    model: LearnedResponder,
    tests: Sequence[Case],
    bound: float,
    train_s: float,
    load_s: float,
) -> Told:
    given = right = same = 0
    took: list[float] = []
    faults: list[tuple[str, str, str]] = []
    for _, known, example in tests:
        beside = Beside(pieces=example.pieces)
        began = time.process_time()
        told = model.explain(asked(example), beside)
        took.append(time.process_time() - began)
        if not told.given:
            continue
        given += 1
        same += plain(told.text) == plain(example.answer)
        judged = judge(known, told.text)
        right += judged.right
        if not judged.right:
            faults.append((example.question, told.text, example.answer))
    took.sort()
    return Told(
        app=app,
        learned=learned_from,
        asked=len(tests),
        answerable=sum(bool(case.example.answer) for case in tests),
        given=given,
        right=right,
        same=same,
        bound=bound,
        train_s=round(train_s, 2),
        load_s=round(load_s, 3),
        p50_ms=round(took[len(took) // 2] * 1e3, 2),
        p99_ms=round(took[len(took) * 99 // 100] * 1e3, 2),
        faults=tuple(faults),
    )


def markdown(found: Sequence[tuple[int, Sequence[Told]]]) -> str:
    """The table of the page."""
    heads = ("learned from", "app", "asked", "expert answers", "responder answers",
             "of that right", "word for word", "wrong of all")  # fmt: skip
    lines = [
        f"| {' | '.join(heads)} |",
        "|---|---|---|---|---|---|---|---|",
    ]
    for count, tolds in found:
        for told in (*tolds, _all(tolds)):
            given = max(1, told.given)
            lines.append(
                f"| {count:,} | {told.app} | {told.asked:,} | {told.answerable / told.asked:.1%} |"
                f" {told.given / told.asked:.1%} | {told.right / given:.1%} |"
                f" {told.same / given:.1%} | {(told.given - told.same) / told.asked:.1%} |"
            )
    return "\n".join(lines).replace("%", " %")


def _all(tolds: Sequence[Told]) -> Told:
    sums = {
        name: sum(getattr(told, name) for told in tolds)
        for name in ("learned", "asked", "answerable", "given", "right", "same")
    }
    return replace(tolds[0], app="**all**", **sums)


def main() -> int:
    """The command line."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.responder")
    parser.add_argument("--db", type=Path, default=Path("harbor-and-pine.sqlite"))
    parser.add_argument("--learn", type=int, nargs="*", default=[500, 1_000, 2_000])
    parser.add_argument("--ask", type=int, default=2_000, help="requests that are asked")
    parser.add_argument("--seed", type=int, default=11, help="of the day that is learned from")
    parser.add_argument("--wrong", action="store_true", help="print wrong answers")
    parser.add_argument("--write-docs", action="store_true", help="put the table into the page")
    args = parser.parse_args()
    data.ensure(args.db)
    shop = Shop(BUNDLE, args.db)
    tests = half(cases(shop, 2 * args.ask, ASKED, args.db), 1)
    found: list[tuple[int, list[Told]]] = []
    for count in args.learn:
        taught = half(cases(shop, 2 * count, args.seed, args.db), 0)
        tolds = [measure(app, taught, tests) for app in APPS]
        found.append((count, tolds))
        for told in tolds:
            shown = {name: getattr(told, name) for name in Told.__struct_fields__[:-1]}
            sys.stderr.write(orjson.dumps({"requests": count, **shown}).decode() + "\n")
            if args.wrong:
                for question, said, wanted in told.faults:
                    sys.stderr.write(f"  Q {question}\n  A {said}\n  W {wanted}\n")
    table = markdown(found)
    if args.write_docs:
        page = between(PAGE.read_text("utf-8"), BEGIN, END, table, PAGE)
        PAGE.write_text(page, encoding="utf-8")
    sys.stdout.write(table + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
