"""A witness, wired: for the terminal, and as a server."""

from pathlib import Path

from freehold.core.clock import SystemClock
from freehold.core.errors import StorageError
from freehold.ledger.witness_files import WitnessFiles
from freehold.server.serving import serve
from freehold.server.witness import WitnessDoor
from freehold.services.witness import Witness
from freehold.services.witness_desk import WitnessDesk


def witness_desk(home: Path) -> WitnessDesk:
    """A witness for the people who run it."""
    return WitnessDesk(WitnessFiles(home), SystemClock())


def run_witness(home: Path, *, host: str, port: int, log_level: str) -> None:
    """Serve a witness until a signal ends it.

    Raises:
        NotFound: no witness is there.
        StorageError: another process serves it, or the server could not start.
    """
    clock = SystemClock()
    files = WitnessFiles(home)
    witness = Witness(files, clock)
    if not files.lock.acquire(patience_s=2.0):
        raise StorageError(f"another process serves the witness in {home}")
    try:
        if not serve(WitnessDoor(witness), host=host, port=port, log_level=log_level):
            raise StorageError(f"the witness could not start on {host}:{port}")
    finally:
        files.lock.release()
