"""What `promise.unauthorised` finds in recorded conversations, and how often it is right.

    python -m benchmarks.promises FILE [--json] [--write-docs] [--sample N --seed S]

FILE is JSON lines, each with `messages` in OpenAI's form. Each answer of the assistant is held
against what stood before it: the system message and the results of tools count as trusted, as they
would where Freehold stitches them in, what the user wrote does not. `--sample` prints findings to
be read by a person; what was read stands in `promises_read.json` beside this file.
"""

import argparse
import json
import random
import statistics
import sys
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from benchmarks.marked import replaced
from freehold.rules.promises import Given, Unfounded, unauthorised, ungrounded_values

READ = Path(__file__).with_name("promises_read.json")
PAGE = Path("docs/reference/detectors.md")
BEGIN, END = "<!-- promises: begin -->", "<!-- promises: end -->"
THRESHOLD = 500_000


class Case(NamedTuple):
    """An answer, and what it may rest on."""

    place: str
    text: str
    given: Given


def cases(conversations: Sequence[Sequence[dict[str, Any]]]) -> Iterator[Case]:
    """Every text of an assistant, with what stood before it."""
    for number, messages in enumerate(conversations):
        trusted: list[str] = []
        asked: list[str] = []
        for place, message in enumerate(messages):
            text = message.get("content") or ""
            if not isinstance(text, str):
                continue
            if message["role"] in ("system", "tool"):
                trusted.append(text)
            elif message["role"] == "user":
                asked.append(text)
            elif message["role"] == "assistant" and text:
                query = asked[-1] if asked else ""
                given = Given(trusted=tuple(trusted), asked="\n".join(asked), query=query)
                yield Case(f"{number}:{place}", text, given)


def load(path: Path) -> list[list[dict[str, Any]]]:
    """Each conversation's messages."""
    lines = path.read_text(encoding="utf-8").splitlines()
    return [json.loads(line)["messages"] for line in lines if line.strip()]


def found(case: Case) -> list[Unfounded]:
    """The findings at the usual threshold."""
    return [each for each in unauthorised(case.text, case.given) if each.score >= THRESHOLD]


def measure(several: Sequence[Case]) -> dict[str, Any]:
    """How much is found with the trusted texts and without them, and what it takes."""
    kinds: Counter[str] = Counter()
    values: Counter[str] = Counter()
    took = []
    flagged = bare = flagged_bare = 0
    for case in several:
        began = time.perf_counter_ns()
        here = found(case)
        took.append(time.perf_counter_ns() - began)
        kinds.update(each.kind for each in here)
        flagged += bool(here)
        without = found(groundless(case))
        bare += len(without)
        flagged_bare += bool(without)
        values.update(each.kind for each in ungrounded_values(case.text, case.given))
    return {
        "answers": len(several),
        "flagged": flagged,
        "findings": sum(kinds.values()),
        "kinds": dict(kinds.most_common()),
        "flagged_without_ground": flagged_bare,
        "findings_without_ground": bare,
        "ungrounded_values": dict(values.most_common()),
        "us_per_answer": round(statistics.median(took) / 1e3) if took else 0,
        "read": json.loads(READ.read_text(encoding="utf-8")) if READ.exists() else [],
    }


def groundless(case: Case) -> Case:
    """The same answer, with nothing that it may rest on but the question."""
    return case._replace(given=Given(trusted=(), query=case.given.query))


def sample(several: Sequence[Case], count: int, seed: int, *, bare: bool) -> Iterator[str]:
    """Findings to read, with the words around them; of answers without ground if ``bare``."""
    every = [(c, each) for c in several for each in found(groundless(c) if bare else c)]
    for case, each in random.Random(seed).sample(every, min(count, len(every))):
        before = case.text[max(0, each.start - 120) : each.start]
        after = case.text[each.end : each.end + 100]
        said = f"{before}>>{case.text[each.start : each.end]}<<{after}".replace("\n", " ")
        yield f"{case.place} {each.kind}: {said}"


def table(result: dict[str, Any]) -> str:
    """The figures as Markdown."""
    kinds = ", ".join(f"`{kind}` {count}" for kind, count in result["kinds"].items())
    flagged, bare = result["flagged"], result["flagged_without_ground"]
    lines = [
        "| | with what stood before as ground | with no ground |",
        "|---|---:|---:|",
        f"| answers with a finding, of {result['answers']:,} | {flagged:,} | {bare:,} |",
        f"| findings | {result['findings']:,} | {result['findings_without_ground']:,} |",
        "",
        f"By kind, with ground: {kinds}.",
        f"{result['us_per_answer']:,} µs an answer in the median, facts included.",
    ]
    for turn in result["read"]:
        lines += [
            "",
            f"Read by hand ({turn['what']}): {turn['right']} of {turn['read']} are right.",
        ]
        lines.append(turn["said"])
    return "\n".join(lines)


def written(page: str, result: dict[str, Any]) -> str:
    """The page with the figures between its marks."""
    return replaced(page, BEGIN, END, table(result), PAGE)


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure, or print a sample."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.promises",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("file", type=Path)
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    parser.add_argument("--write-docs", action="store_true", help=f"put the figures into {PAGE}")
    parser.add_argument("--sample", type=int, metavar="N", help="print N findings to read instead")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--bare", action="store_true", help="sample from answers with no ground")
    options = parser.parse_args(arguments)
    several = list(cases(load(options.file)))
    if options.sample:
        print("\n".join(sample(several, options.sample, options.seed, bare=options.bare)))
        return 0
    result = measure(several)
    print(json.dumps(result, indent=2, ensure_ascii=False) if options.json else table(result))
    if options.write_docs:
        PAGE.write_text(written(PAGE.read_text(encoding="utf-8"), result), encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
