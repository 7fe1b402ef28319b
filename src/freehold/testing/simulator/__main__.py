"""`python -m freehold.testing.simulator`."""

from freehold.testing.simulator.main import main

if __name__ == "__main__":
    raise SystemExit(main())
