"""Replay the conversations and say what came of it.

    python -m examples.airline [--write-docs] [--recording FILE.jsonl] [--home FOLDER]
    python -m examples.airline --sample commitments --seed 7 --size 60

The second form prints a random sample to read by hand; verdicts go into `checked.json`.
"""

import argparse
import json
import shutil
import sys
import tempfile
from contextlib import ExitStack
from pathlib import Path

from examples.airline.checked import CHECKED, Sample, draw, rounds
from examples.airline.conversations import CHECKOUT, RECORDING, load, tools
from examples.airline.page import tables, written
from examples.airline.replay import replay, running
from examples.airline.summary import Figures, in_the_clear, records, summarise

PAGE = CHECKOUT / "docs" / "explanation" / "airline.md"


def main() -> int:
    """Exit status 1 where a conversation did not complete."""
    parser = argparse.ArgumentParser(prog="python -m examples.airline")
    parser.add_argument("--recording", type=Path, default=RECORDING)
    parser.add_argument("--home", type=Path, help="where keys and records go; default: nowhere")
    parser.add_argument("--write-docs", action="store_true", help=f"renew {PAGE.name}")
    parser.add_argument("--sample", choices=[kind.value for kind in Sample])
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--size", type=int, default=60)
    options = parser.parse_args()
    if not options.recording.is_file():
        parser.error(f"no recording at {options.recording}; name one with --recording")
    with ExitStack() as stack:
        home = options.home
        if home is None:
            home = Path(tempfile.mkdtemp(prefix="freehold-airline-"))
            stack.callback(shutil.rmtree, home, ignore_errors=True)
        figures = measure(home, options.recording)
    if options.sample:
        for line in draw(Sample(options.sample), figures, options.seed, options.size):
            print(line)
        return 0
    shown = tables(figures, rounds(figures, json.loads(CHECKED.read_text("utf-8"))))
    if options.write_docs:
        PAGE.write_text(written(PAGE.read_text("utf-8"), shown), "utf-8")
    print(shown)
    return 0 if all(reply.said is not None for reply in figures.replies) else 1


def measure(home: Path, recording: Path) -> Figures:
    """Replay everything and read the records."""
    conversations = load(recording)
    arrived: dict[int, str] = {}
    with running(home, recording) as gateway:

        def after(number: int) -> None:
            last = gateway.simulator.stats_now(last=1)["received"][-1]
            arrived[number] = json.dumps(last["body"]["messages"], ensure_ascii=False)
            if sys.stderr.isatty():
                print(f"\r{number + 1} of {len(conversations)}", end="", file=sys.stderr)

        replies = replay(
            gateway,
            list(enumerate(conversations)),
            tools(conversations),
            run="replay",
            after=after,
        )
    summary = summarise(replies, records(home))
    return Figures(
        conversations=conversations,
        replies=replies,
        summary=summary,
        clear=in_the_clear(conversations, summary.findings, arrived),
    )


if __name__ == "__main__":
    sys.exit(main())
