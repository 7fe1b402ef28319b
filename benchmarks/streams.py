"""What streams hold back, by kind of control, on texts of yours; the tables of its page.

    python -m benchmarks.streams FILE [FILE …] [--limit N] [--write-docs]

FILE is what ``freehold bench stream`` takes. Two apps judge (``benchmarks/bundles/streams``): one
whose streams leave while they grow, and one that has controls of the whole answer.
"""

import argparse
import asyncio
import sys
from collections.abc import Sequence
from pathlib import Path

from benchmarks.marked import between
from freehold.app.rehearsal import rehearsal
from freehold.bundle.resolve import ResolvedBundle
from freehold.services.bundles import described_bundle
from freehold.services.measure_streams import Cutting, Streamed, measure_streams
from freehold.services.stream_texts import read_texts

ROOT = Path(__file__).resolve().parents[1]
BUNDLE = ROOT / "benchmarks" / "bundles" / "streams"
PAGE = ROOT / "docs" / "explanation" / "streams.md"
APPS = ("early", "waiting")
BEGIN, END = "<!-- figures: begin -->", "<!-- figures: end -->"
_EVERY_TEXTS = 50


def measured(
    bundle: ResolvedBundle, files: Sequence[Path], limit: int | None
) -> dict[tuple[str, str], Streamed]:
    """Each app's figures on each file, by the file's stem and the app."""
    found = {}
    for file in files:
        texts = read_texts(file)[:limit]
        for app in APPS:

            def told(done: int, of: int = len(texts), name: str = f"{file.stem} {app}") -> None:
                if done % _EVERY_TEXTS == 0:
                    sys.stderr.write(f"{name}: {done} of {of}\n")

            run = measure_streams(rehearsal, bundle, app, texts, Cutting(), told, by_kind=True)
            found[file.stem, app] = asyncio.run(run)
    return found


def markdown(found: dict[tuple[str, str], Streamed]) -> str:
    """Two tables: how sound it is, and what each kind of control costs."""
    lines = [
        "| texts | app | outcomes | streams | held back p50 | p99 | differences | leaked |",
        "|---|---|---|---|---|---|---|---|",
    ]
    for (name, app), result in found.items():
        outcomes = ", ".join(f"{count} {what}" for what, count in result.outcomes.items())
        lines.append(
            f"| `{name}` ({result.texts}) | `{app}` | {outcomes} | {result.cuts:,} |"
            f" {result.hold_back_p50} | {result.hold_back_p99} | {result.differences} |"
            f" {result.leaked} |"
        )
    lines += [
        "",
        "| texts | controls alone | how many | held back p50 | p99 | µs a chunk |",
        "|---|---|---|---|---|---|",
    ]
    seen: set[tuple[str, str]] = set()
    for (name, _), result in found.items():
        for pace in result.kinds:
            if (name, pace.kind) not in seen:
                seen.add((name, pace.kind))
                lines.append(
                    f"| `{name}` | {pace.kind} | {pace.controls} | {pace.hold_back_p50} |"
                    f" {pace.hold_back_p99} | {pace.us_per_chunk:.0f} |"
                )
    return "\n".join(lines)


def written(page: str, tables: str) -> str:
    """The page with the tables between its marks.

    Raises:
        ValueError: it has none.
    """
    return between(page, BEGIN, END, tables, PAGE)


def main() -> int:
    """Measure, print or write, and say by the exit status whether it is sound."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0] if __doc__ else "")
    parser.add_argument("files", nargs="+", type=Path, metavar="FILE")
    parser.add_argument("--limit", type=int, help="take the first so many texts of each")
    parser.add_argument("--write-docs", action="store_true", help=f"put the tables into {PAGE}")
    options = parser.parse_args()
    found = measured(described_bundle(BUNDLE), options.files, options.limit)
    tables = markdown(found)
    if options.write_docs:
        PAGE.write_text(written(PAGE.read_text("utf-8"), tables), encoding="utf-8")
    else:
        sys.stdout.write(tables + "\n")
    return 0 if all(result.sound for result in found.values()) else 1


if __name__ == "__main__":
    sys.exit(main())
