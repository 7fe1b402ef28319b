"""The upstream of every gateway: Freehold's simulator with prepared answers, in its own process.

    python -m benchmarks.upstream --port 0

The simulator's own fixed text holds no figure, no date and no promise, so that Freehold's
extractors would find out in a microsecond that there is nothing to do. These are as long, and say
what a careful clerk would say, each in its own words.
"""

import sys

from benchmarks.answers import answers
from freehold.testing.simulator import plain
from freehold.testing.simulator.main import main

if __name__ == "__main__":
    plain.FIXED_TEXTS = answers()
    sys.exit(main(["--behaviour", "fixed", *sys.argv[1:]]))
