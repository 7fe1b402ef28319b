"""``python -m freehold.ledger.verifying PATH``: what the one file does, from here."""

import sys

from freehold.ledger.verifying.command import main

if __name__ == "__main__":
    sys.exit(main())
