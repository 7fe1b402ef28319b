"""``freehold bench``: what the controls find in labelled data of yours."""

import click


@click.group()
def bench() -> None:
    """Measure Freehold's controls on your own labelled data."""
