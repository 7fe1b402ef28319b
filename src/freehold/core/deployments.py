"""Which version of a custom model answers whom: a ladder with a way back at every step."""

from collections.abc import Callable, Sequence
from typing import Literal, Protocol

from msgspec import Struct

State = Literal["shadow", "canary", "live", "retired", "rolled_back"]
ON_TRIAL: tuple[State, ...] = ("shadow", "canary")
SERVED: tuple[State, ...] = (*ON_TRIAL, "live")


class Deployment(Struct, frozen=True, kw_only=True):
    """Where one version stands.

    Attributes:
        digest: of the manifest's content, ``sha256:…``.
        by: who let it stand there.
        deployer: the verified person who deployed it; empty where nobody verified did.
        before: the version that was live before this one was; empty where none was.
        forced: it did not pass the gate, and an approver deployed it all the same.
    """

    model: str
    version: str
    digest: str
    state: State
    since_ns: int
    by: str
    deployer: str = ""
    before: str = ""
    reason: str = ""
    forced: bool = False

    @property
    def id(self) -> str:
        """``answers@v3-0a1b2c3d``."""
        return f"{self.model}@{self.version}"


class Step(Struct, frozen=True, kw_only=True):
    """One thing that happened; ``was`` is empty of a version that had not been deployed.

    ``approver`` is the verified person whose approval the step needed; ``entry`` its ledger entry.
    """

    step_id: str
    at_ns: int
    model: str
    version: str
    digest: str
    was: str
    became: State
    by: str
    approver: str = ""
    reason: str = ""
    forced: bool = False
    stage: int | None = None
    entry: str = ""


class Move(Struct, frozen=True):
    """From where a version is known to stand (``None``: nowhere) to where it shall."""

    known: Deployment | None
    to: Deployment


class DeploymentBook(Protocol):
    """Where deployments are kept. All may do I/O, and raise ``StorageError``."""

    def all(self, model: str | None = None) -> list[Deployment]:
        """Every version that ever was deployed, the newest change first."""
        ...

    def steps(self, model: str | None = None, limit: int = 100) -> list[Step]:
        """What happened, the newest first."""
        ...

    def move(self, moves: Sequence[Move], step: Step, log: Callable[[], str]) -> bool:
        """Do all of it or nothing; false if somebody has moved one of them meanwhile.

        Args:
            log: writes the ledger entry and gives its id; what it raises undoes everything.
        """
        ...

    def revision(self) -> int:
        """Changes with every move."""
        ...
