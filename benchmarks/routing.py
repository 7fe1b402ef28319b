"""How good the learned choice is on public data; `benchmarks.routing_cost` says what it costs.

    python -m benchmarks.routing [--data FILE] [--bandit FOLDER] [--write]

FILE is RouteLLM's table of answers (JSON lines, see `freehold bench routing --help`), cut in halves
by hashes of the prompt; FOLDER has ParetoBandit's data. ``--write`` puts the figures into
docs/explanation/routing-learned.md.
"""

import argparse
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from benchmarks.marked import rewrite
from freehold.services.measure_bandit import measure_bandit
from freehold.services.measure_routing import Group, RoutingMeasured, alike, measure_routing
from freehold.services.routing_tables import FETCHED_FILES, read_table

PAGE = Path("docs/explanation/routing-learned.md")
BEGIN, END = "<!-- routing: begin -->", "<!-- routing: end -->"
HALVINGS = 2


def routing(file: Path) -> list[str]:
    """The table of `freehold bench routing`: half of the prompts against the other half, often."""
    whole = read_table(file)
    lines = [
        "| labels | prompts | APGR (least to most) | CPT50 | CPT80 | published APGR, CPT50 |",
        "|---|---|---|---|---|---|",
    ]
    for labels in (1_500, None):
        found: dict[str, list[Group | RoutingMeasured]] = {}
        for salt in range(HALVINGS):
            first = np.array([(alike(prompt)[0] >> salt) % 2 == 0 for prompt in whole.prompts])
            one, other = (whole.only(np.flatnonzero(part)) for part in (first, ~first))
            for train, test in ((one, other), (other, one)):
                measured = measure_routing(train, test, labels, seed=salt)
                for name, group in {"all": measured, **measured.by_dataset}.items():
                    found.setdefault(name, []).append(group)
        lines += [_row(name, labels, groups) for name, groups in found.items()]
    return lines


def _row(name: str, labels: int | None, groups: Sequence[Group | RoutingMeasured]) -> str:
    ours = np.array([(of.ours.apgr, of.ours.cpt50, of.ours.cpt80) for of in groups])
    apgr, cpt50, cpt80 = ours.mean(0)
    published = groups[0].published
    return (
        f"| {labels or 'half'} | {name} ({sum(of.prompts for of in groups) // len(groups)})"
        f" | {apgr:.3f} ({ours[:, 0].min():.3f} to {ours[:, 0].max():.3f})"
        f" | {cpt50:.1%} | {cpt80:.1%}"
        f" | {f'{published.apgr:.3f}, {published.cpt50:.1%}' if published else '–'} |"
    )


def bandit(folder: Path) -> list[str]:
    """The table of `freehold bench bandit`."""
    found = measure_bandit(*(read_table(folder / name) for name in FETCHED_FILES))
    lines = [
        "| $ a request | random | zero-router | published | ours (95 %) | spent | cold | oracle |",
        "|---|---|---|---|---|---|---|---|",
    ]
    lines += [
        f"| {at.ceiling:.2g} | {at.random:.4f} | {at.zero_router:.4f} | {at.published or '–'}"
        f" | {at.ours:.4f} ({at.ours_interval[0]:.4f} to {at.ours_interval[1]:.4f})"
        f" | {at.ours_spent:.3g} | {at.ours_cold:.4f} | {at.oracle:.4f} |"
        for at in found.ceilings
    ]
    return lines


def main() -> None:
    """Measure, and print or write."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--data", type=Path, help="RouteLLM's table of answers")
    parser.add_argument("--bandit", type=Path, help="folder with ParetoBandit's data")
    parser.add_argument("--write", action="store_true", help="into the page, not to the terminal")
    asked = parser.parse_args()
    if not (asked.data or asked.bandit):
        parser.error("name --data, --bandit, or both")
    lines: list[str] = []
    if asked.data:
        lines += [
            "",
            f"Trained on a half of the prompts, measured on the other, {2 * HALVINGS} times:",
        ]
        lines.append("")
        lines += routing(asked.data)
    if asked.bandit:
        lines += ["", "Learning while routing, 5 runs, only the chosen model's outcome seen:", ""]
        lines += bandit(asked.bandit)
    figures = "\n".join([*lines, ""])
    if not asked.write:
        print(figures)
        return
    rewrite(PAGE, BEGIN, END, figures)


if __name__ == "__main__":
    main()
