"""The upstream of every gateway: Freehold's simulator with a fixed answer, in a process of its own.

    python -m benchmarks.upstream --port 0

The simulator's own fixed text holds no figure, no date and no promise, so that Freehold's
extractors would find out in a microsecond that there is nothing to do. This one is as long, and
says what a careful clerk would say: a discount, prices, a date, quantities, a conditional refund.
"""

import sys

from freehold.testing.simulator import plain
from freehold.testing.simulator.main import main

ANSWER = (
    "Good morning, and thank you for your message. I have looked at your latest order: two of the "
    "three items were sent on 12 June 2026 and should reach you within 3 working days. The linen "
    "cushion is $24.90 in the shop this week, instead of $29.90, and as a member you get 5 % off "
    "on top of that. I can't offer 30 % off, and a refund is possible only while the return "
    "period lasts, so please keep the receipt for 30 days. Delivery is free from $50. If a part "
    "is missing or damaged, send us a photo and we will look into it together. Is there anything "
    "else that you would like to know? Have a pleasant day."
)

if __name__ == "__main__":
    plain.FIXED_TEXT = ANSWER  # type: ignore[misc]
    sys.exit(main(["--behaviour", "fixed", *sys.argv[1:]]))
