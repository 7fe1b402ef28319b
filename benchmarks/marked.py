"""Pages with figures that a script prints: these stand between two marks, the rest is people's."""

import argparse
import json
import os
import platform
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any


def between(text: str, begin: str, end: str, figures: str, page: Path) -> str:
    """The text of ``page`` with these figures between its marks.

    Raises:
        ValueError: it has not each mark once.
    """
    if text.count(begin) != 1 or text.count(end) != 1:
        raise ValueError(f"{page} lacks the marks {begin} and {end}: it needs one of each")
    before, _, rest = text.partition(begin)
    return f"{before}{begin}\n{figures}\n{end}{rest.partition(end)[2]}"


def replaced(text: str, begin: str, end: str, figures: str, page: Path) -> str:
    """As `between`, for a command: a page without marks ends it with a sentence."""
    try:
        return between(text, begin, end, figures, page)
    except ValueError as error:
        raise SystemExit(str(error)) from None


def rewrite(page: Path, begin: str, end: str, figures: str) -> None:
    """Put the figures into the page itself."""
    text = replaced(page.read_text(encoding="utf-8"), begin, end, figures, page)
    page.write_text(text, encoding="utf-8")


def turns_command(
    module: str,
    doc: str | None,
    page: Path,
    marks: tuple[str, str],
    measure: Callable[[int], dict[str, Any]],
    table: Callable[[dict[str, Any]], str],
    arguments: Sequence[str] | None,
) -> int:
    """A script that measures so many turns, prints, and may write the figures into its page."""
    parser = argparse.ArgumentParser(
        prog=f"python -m {module}",
        description=doc,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    parser.add_argument("--repeats", type=int, default=2_000, help="turns (default: 2,000)")
    parser.add_argument("--write-docs", action="store_true", help=f"put the figures into {page}")
    options = parser.parse_args(arguments)
    if options.repeats < 1:
        parser.error("--repeats is 1 or more")
    result = {
        "machine": f"{platform.machine()}, Python {platform.python_version()}",
        "repeats": options.repeats,
        "load": os.getloadavg()[0],
        **measure(options.repeats),
    }
    print(json.dumps(result, indent=2) if options.json else table(result))
    if options.write_docs:
        rewrite(page, *marks, table(result))
    return 0
