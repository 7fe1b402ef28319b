"""`python -m benchmarks`: Freehold's speed and cost, beside other gateways.

Tables go to stdout, progress to stderr. With `--json`, one object alone goes to stdout.
"""

import argparse
import json
import sys
from collections.abc import Sequence
from pathlib import Path

from benchmarks import report
from benchmarks.gateways import NAMES
from benchmarks.measure import Settings, measure

CACHE = Path(__file__).resolve().parents[1] / ".bench"


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks", description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )  # fmt: skip
    add = parser.add_argument
    add("--json", action="store_true", help="print one JSON object, and nothing else on stdout")
    add("--quick", action="store_true", help="one round of one second each: does it work at all?")
    add("--only", metavar="NAME,…", default="", help=f"of {', '.join(NAMES)}")
    add("--rounds", type=int, help="rounds over all gateways (default: 3)")
    add("--seconds", type=float, help="of each measurement (default: 5)")
    add("--requests", type=int, help="end a measurement sooner, after so many requests")
    add("--stages", action="store_true", help="only Freehold: own work by stage beside the budget")
    add("--no-install", action="store_true", help="leave out gateways that are not there yet")
    add("--write-docs", action="store_true", help=f"put the figures into {report.PAGE}")
    add("--from", dest="earlier", type=Path, metavar="FILE", help="show an earlier --json instead")
    group = parser.add_argument_group("profile")
    group.add_argument(
        "--profile", action="store_true", help="the journey in one process, profiled"
    )
    group.add_argument("--bundle", choices=("on", "off"), default="on")
    group.add_argument("--stream", action="store_true", help="streamed answers")
    group.add_argument("--sort", default="tottime", help="as pstats names it (default: tottime)")
    group.add_argument("--top", type=int, default=45, help="functions shown (default: 45)")
    group.add_argument("--dump", type=Path, help="write cProfile's file, for other viewers")
    return parser


def main(arguments: Sequence[str] | None = None) -> int:
    """Run what the command line asks for."""
    parser = _parser()
    options = parser.parse_args(arguments)
    if options.profile:
        from benchmarks.profile import profile  # the whole gateway, which only this mode imports

        print(profile(
            options.bundle, options.requests or 1_000, stream=options.stream, sort=options.sort,
            top=options.top, data=CACHE, dump=options.dump,
        ))  # fmt: skip
        return 0
    names = tuple(filter(None, options.only.split(",")))
    if unknown := set(names) - set(NAMES):
        parser.error(f"--only: no such gateway: {', '.join(sorted(unknown))}")
    result = report.read(options.earlier) if options.earlier else _measured(options, names)
    if options.write_docs:
        report.write_page(result)
    if options.json:
        print(json.dumps(result, indent=2))
    elif not options.write_docs:
        print(report.terminal(result, stages=options.stages or not options.only))
    wanted = names or NAMES
    return 0 if options.earlier or any(result.get(name) for name in wanted) else 1


def _measured(options: argparse.Namespace, names: tuple[str, ...]) -> dict[str, object]:
    if options.stages:
        names = names or ("freehold_off", "freehold_on")
    rounds = options.rounds or (1 if options.quick else 3)
    seconds = options.seconds or (1.0 if options.quick else 5.0)

    def tell(line: str) -> None:
        print(line, file=sys.stderr, flush=True)

    CACHE.mkdir(exist_ok=True)
    return measure(
        Settings(
            names=names or NAMES, rounds=rounds, seconds=seconds, requests=options.requests,
            streams=not options.stages, half_load=not options.stages,
            install=not options.no_install, cache=CACHE,
        ),
        tell,
    )  # fmt: skip


if __name__ == "__main__":
    sys.exit(main())
