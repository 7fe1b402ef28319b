"""How right off-policy estimates are, on tables that know the truth; into the page that says so.

`python -m benchmarks.off_policy --data TABLE.jsonl … --write docs/explanation/off-policy.md`
"""

import argparse
from pathlib import Path

from benchmarks.marked import rewrite
from freehold.services.measure_ope import OpeMeasured, measure
from freehold.services.routing_tables import read_table

BEGIN = "<!-- figures: ope -->"
END = "<!-- end of figures: ope -->"


def told(name: str, measured: OpeMeasured) -> list[str]:
    """One table's figures."""
    verdicts = sum(target.verdicts for target in measured.targets)
    of = measured.runs * len(measured.targets)
    head = (
        f"`{name}`: {measured.prompts:,} prompts, {len(measured.models)} models; "
        f"{measured.runs} logs of {measured.rows:,} decisions, exploring {measured.floor:.0%}, "
        f"seed {measured.seed}; {len(measured.targets)} target policies, {verdicts:,} of {of:,} "
        "estimates with a verdict."
    )
    lines = [
        head,
        "",
        "| estimator | mean bias | root mean squared error | mean width | holds the truth |",
        "|---|---|---|---|---|",
    ]
    sound = [target for target in measured.targets if target.verdicts]
    for estimator, coverage in measured.coverage.items():
        each = [
            (one, target.verdicts)
            for target in sound
            for one in target.estimators
            if one.estimator == estimator
        ]
        total = sum(count for _, count in each)
        bias = sum(one.bias * count for one, count in each) / total
        error = (sum(one.rmse**2 * count for one, count in each) / total) ** 0.5
        width = sum(one.width * count for one, count in each) / total
        lines.append(
            f"| `{estimator}` | {bias:+.4f} | {error:.4f} | {width:.4f} | {coverage:.1%} |"
        )
    return [*lines, ""]


def peeking(measured: OpeMeasured) -> str:
    """What looking every day does."""
    seen = measured.peeking
    return (
        f"Two equal models, {seen.a_day} outcomes of each a day, looked at on each of {seen.days} "
        f"days: in {seen.runs} runs a z-test at 5 % sees a difference in "
        f"{seen.z_test_false_alarms:.1%}, the confidence sequence in "
        f"{seen.sequence_false_alarms:.1%} (mean width at the end {seen.sequence_width:.3f})."
    )


def main() -> None:
    """Measure, print, and write where asked to."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.off_policy", description=__doc__)
    parser.add_argument("--data", type=Path, nargs="+", required=True)
    parser.add_argument("--runs", type=int, default=500)
    parser.add_argument("--rows", type=int, default=6_000)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--write", type=Path)
    asked = parser.parse_args()
    lines: list[str] = []
    for path in asked.data:
        measured = measure(read_table(path), seed=asked.seed, runs=asked.runs, rows=asked.rows)
        lines += told(path.name, measured)
        last = peeking(measured)
    figures = "\n".join([*lines, last])
    print(figures)
    if asked.write is not None:
        rewrite(asked.write, BEGIN, END, figures)


if __name__ == "__main__":
    main()
