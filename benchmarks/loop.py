"""The retail example's two days, and what is learned between them; figures for the page about it.

    python -m benchmarks.loop [--requests 2000] [--labels 2000] [--json] [--write-docs]

Runs what ``freehold demo --loop`` runs, in a folder of its own: simulated models, scripted experts.
``--write-docs`` puts the figures between the marks of ``docs/explanation/loop.md``. Progress goes
to stderr.
"""

import argparse
import json
import sys
import tempfile
from pathlib import Path
from typing import Any

from benchmarks.marked import rewrite
from freehold.cli.demo.day import Demo
from freehold.cli.demo.loop import run

PAGE = Path(__file__).resolve().parents[1] / "docs" / "explanation" / "loop.md"
BEGIN, END = "<!-- figures: loop -->", "<!-- end of figures -->"


def measure(requests: int, labels: int) -> dict[str, Any]:
    """Both days."""
    with tempfile.TemporaryDirectory() as folder:
        demo = Demo(Path(folder), lambda *_: None)
        try:
            say = lambda line: print(line, file=sys.stderr)  # noqa: E731
            return run(demo, 0, requests, labels, lambda *_: None, say).as_dict()
        finally:
            demo.stop()


def table(found: dict[str, Any]) -> str:
    """The figures as Markdown."""
    one, two = found["day1"], found["day2"]
    given = found["labels"]["cases"]
    lines = [
        f"{one['requests']:,} requests a day; {found['cases']:,} cases, {given:,} labelled.",
        "",
        "| | day 1 | day 2 |",
        "|---|---:|---:|",
        f"| answered by a model | {one['answered']:,} | {two['answered']:,} |",
        f"| by own custom models | {one['own_share']:.1%} | {two['own_share']:.1%} |",
        f"| answers right | {one['accuracy']:.1%} | {two['accuracy']:.1%} |",
        f"| money for 1,000 requests | ${one['cost_per_1000']:.4f} | ${two['cost_per_1000']:.4f} |",
        "",
        "| who answered | day 1 | right | day 2 | right |",
        "|---|---:|---:|---:|---:|",
    ]
    for name in dict.fromkeys([*two["models"], *one["models"]]):
        cells = []
        for day in (one, two):
            cells.append(f"{day['models'].get(name, 0):,}")
            cells.append(f"{day['accuracy_of'][name]:.1%}" if name in day["models"] else "")
        lines.append(f"| {name} | {' | '.join(cells)} |")
    lines += ["", "| trained | rows | coverage | accuracy | gate |", "|---|---:|---:|---:|---|"]
    for made in found["versions"]:
        gate = "passed" if made["passed"] else f"refused: {', '.join(made['why'])}"
        coverage, accuracy = (made["figures"].get(n, 0) for n in ("coverage", "accuracy"))
        lines.append(
            f"| {made['model']} | {made['rows']:,} | {coverage:.1%} | {accuracy:.1%} | {gate} |"
        )
    return "\n".join(lines)


def main() -> int:
    """The command line."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--requests", type=int, default=2_000)
    parser.add_argument("--labels", type=int, default=2_000)
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    parser.add_argument("--from", dest="file", type=Path, help="figures that --json printed before")
    parser.add_argument("--write-docs", action="store_true", help=f"put the figures into {PAGE}")
    options = parser.parse_args()
    if options.file is not None:
        found = json.loads(options.file.read_text(encoding="utf-8"))
    else:
        found = measure(options.requests, options.labels)
    if options.write_docs:
        rewrite(PAGE, BEGIN, END, table(found))
    print(json.dumps(found, indent=2) if options.json else table(found))
    return 0


if __name__ == "__main__":
    sys.exit(main())
