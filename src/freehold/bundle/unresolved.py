"""Addresses that a machine does not know."""

from freehold.core.errors import BundleError


class Unresolved(BundleError):
    """Addresses that this machine does not know; ``places`` has their paths and variables."""

    def __init__(self, places: tuple[tuple[tuple[str, str, str], str], ...]) -> None:
        said = ", ".join(f"{'.'.join(path)} needs {name}" for path, name in places)
        super().__init__(f"environment variables are not set: {said}")
        self.places = places
