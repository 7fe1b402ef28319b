"""Checkpoints that lie elsewhere: where they go, what comes back, and what that says of the log."""

from typing import Literal, Protocol

from msgspec import Struct

MirrorKind = Literal["file", "webhook", "witness"]
Contradiction = Literal["ahead", "forked"]
"""``ahead``: elsewhere lies a larger log than is here. ``forked``: elsewhere lies another one."""


class MirrorSpec(Struct, frozen=True, kw_only=True):
    """One place, as the bundle names it.

    Attributes:
        label: its name in state, metrics and alerts; no secret is in it.
        target: a path or an URL.
        secret: a reference, for a webhook.
        key: a witness's verifier key, C2SP's vkey.
        every_s: at most one checkpoint of a log in so many seconds.
        late_s: after so many seconds it lags.
        alert: whether that is worth an alert.
    """

    label: str
    kind: MirrorKind
    target: str
    secret: str = ""
    key: str = ""
    every_s: int = 60
    late_s: int = 900
    alert: bool = True


class Head(Struct, frozen=True, kw_only=True):
    """A signed checkpoint of a log: ``root`` of its first ``size`` lines, and the whole note."""

    origin: str
    size: int
    root: bytes
    note: str


class LogView(Protocol):
    """One writer's log on this machine, as a mirror may ask of it; reads files."""

    @property
    def head(self) -> Head:
        """Its newest checkpoint when the view was made."""
        ...

    def proof(self, old: int) -> tuple[bytes, ...]:
        """That the first ``old`` lines are those of then (RFC 6962, 2.1.2).

        Raises:
            StorageError: the tree can't be read.
        """
        ...

    def root(self, size: int) -> bytes:
        """The root over the first ``size`` lines, which must not be more than the head's.

        Raises:
            StorageError: the tree can't be read.
        """
        ...

    def own(self, note: str) -> Head | None:
        """What a note says, if it is a checkpoint of this log that a key of this home signed."""
        ...

    def lines(self) -> int:
        """How many whole lines the segments hold now; reads them all.

        Raises:
            StorageError: they can't be read.
        """
        ...


class Taken(Struct, frozen=True, kw_only=True):
    """A mirror has the log's head.

    Attributes:
        mark: what the mirror wants to be told next time (a file's length).
        cosigned: signature lines that came back, each with its newline.
    """

    mark: int = 0
    cosigned: str = ""


class Held(Struct, frozen=True, kw_only=True):
    """What a mirror was last known to hold of a log: a size, 0 for none, and its own mark."""

    size: int = 0
    mark: int = 0


class Mirror(Protocol):
    """One place where checkpoints go."""

    async def take(self, log: LogView, held: Held) -> Taken:
        """Bring the log's head there; return when it is durable there, as far as one can know.

        Raises:
            MirrorFailed: not this time.
            Contradicted: what lies there and the log here can't both be true.
        """
        ...


class MirrorFailed(Exception):
    """A checkpoint was not taken; says why, without the address's secrets.

    ``away``: nothing would be taken just now, whichever log it is of.
    """

    def __init__(self, said: str, *, away: bool = False) -> None:
        super().__init__(said)
        self.away = away


class Contradicted(Exception):
    """What lies elsewhere contradicts the log here: rolled back, rewritten or forked.

    Attributes:
        size: of the log that the other side holds.
        there: the note that lies there, or what was answered.
        proven: ``there`` has the signature of this home, so nobody else can have made it up.
    """

    def __init__(
        self,
        kind: Contradiction,
        said: str,
        *,
        size: int = 0,
        there: str = "",
        proven: bool = False,
    ) -> None:
        super().__init__(said)
        self.kind: Contradiction = kind
        self.size = size
        self.there = there
        self.proven = proven
