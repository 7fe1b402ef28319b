"""Mirrors of checkpoints, wired: for the gateway, and by hand at the terminal."""

import logging
import os
from collections.abc import Callable
from contextlib import nullcontext
from pathlib import Path
from typing import Any

from freehold.app.homes import ledger_of, needs_data
from freehold.app.resources import Fetch, fetcher, http_client
from freehold.app.whoever import at_terminal
from freehold.bundle.kept import live_mark
from freehold.bundle.mirroring import mirror_specs
from freehold.bundle.resolve import ResolvedBundle
from freehold.core.clock import Clock, SystemClock, rfc3339
from freehold.core.errors import NotFound, StorageError
from freehold.core.mirrors import MirrorFailed, MirrorSpec
from freehold.core.ports import Secrets
from freehold.ledger.heads import Heads
from freehold.notify.mirrors import made_mirror
from freehold.services.bundles import kept_bundle
from freehold.services.mirror_states import Settled
from freehold.services.mirroring import Mirroring, Mirrors, leading
from freehold.storage.secrets import KeyFolder, ReferenceSecrets

_PATIENCE_S = 0.3
_log = logging.getLogger("freehold.mirrors")


class BundleMirrors:
    """The mirrors of whatever bundle is live; made anew when another one is."""

    def __init__(
        self, live: Callable[[], ResolvedBundle], fetch: Fetch, secrets: Secrets, clock: Clock
    ) -> None:
        self._live = live
        self._fetch = fetch
        self._secrets = secrets
        self._clock = clock
        self._hash = ""
        self._made: Mirrors = ()

    def __call__(self) -> Mirrors:
        """Each with what the bundle says of it."""
        bundle = self._live()
        if bundle.hash != self._hash:
            egress = bundle.bundle.egress.allow
            made = []
            for spec in mirror_specs(bundle.bundle):
                try:
                    mirror = made_mirror(spec, self._fetch, self._secrets, self._clock, egress)
                    made.append((spec, mirror))
                except MirrorFailed as error:
                    _log.error("mirror %s can't be used: %s", spec.label, error)
            self._made, self._hash = tuple(made), bundle.hash
        return self._made


async def mirror_by_hand(home: Path, to: str = "", key: str = "") -> list[dict[str, Any]]:
    """Bring every log's newest checkpoint to the live bundle's mirrors, or to one file or witness.

    Args:
        to: a path, or a witness's URL; empty for the bundle's.
        key: the witness's verifier key.

    Raises:
        NotFound: no home is there, or its bundle names no mirror.
    """
    needs_data(home)
    clock = SystemClock()
    async with http_client() as transport:
        fetch = fetcher(transport)
        mirrors = _typed(to, key, fetch, clock) if to else _live(home, fetch, clock)
        doing = Mirroring(home, lambda: mirrors, _entry(home, clock), clock)
        # what was typed has no state: the file, or the witness, says itself what it holds
        with nullcontext(False) if to else leading(doing.states, _PATIENCE_S) as doing.leads:
            for spec, mirror in mirrors:
                await doing.once(spec, mirror)
        return doing.rows()


def mirror_rows(home: Path) -> list[dict[str, Any]]:
    """What the live bundle's mirrors hold, and how far they are behind.

    Raises:
        NotFound: no home is there, or nothing was ever live in it.
    """
    needs_data(home)
    doing = _looking(home)
    doing.look()
    return doing.rows()


def settle_mirror(home: Path, mirror: str, origin: str, reason: str) -> None:
    """Somebody has looked into why a mirror contradicts a log.

    Raises:
        NotFound: it does not.
    """
    needs_data(home)
    clock = SystemClock()
    doing = _looking(home)
    doing.states.refresh()
    settled = Settled(mirror=mirror, origin=origin, reason=reason, at=rfc3339(clock.now_ns()))
    doing.states.settle(settled)
    details = {"mirror": mirror, "reason": reason}
    _entry(home, clock)("ledger.settled", at_terminal(), origin, details)


def checkpoint_notes(home: Path) -> list[str]:
    """Every log's newest checkpoint, cosigned where it is: to be printed, mailed or read aloud.

    Raises:
        NotFound: no home is there.
    """
    needs_data(home)
    return [log.cosigned() for log in Heads(home).look()]


def _looking(home: Path) -> Mirroring:
    """A look at the states that changes nothing."""
    specs = mirror_specs(kept_bundle(home, live_mark(home)[1]).bundle)
    return Mirroring(home, lambda: tuple((spec, _Nothing()) for spec in specs), _never,
                     SystemClock())  # fmt: skip


def _live(home: Path, fetch: Fetch, clock: Clock) -> Mirrors:
    folder, live_hash = live_mark(home)
    bundle = kept_bundle(home, live_hash)
    secrets = ReferenceSecrets(folder, os.environ)
    mirrors = BundleMirrors(lambda: bundle, fetch, secrets, clock)()
    if not mirrors:
        raise NotFound("the live bundle names no mirror: add `ledger: {mirrors: …}`, or say --to")
    return mirrors


def _typed(to: str, key: str, fetch: Fetch, clock: Clock) -> Mirrors:
    web = to.startswith(("http://", "https://"))
    kind: Any = "witness" if web else "file"
    target = to.rstrip("/") if web else str(Path(to).absolute())
    spec = MirrorSpec(label=f"{kind}:{to}", kind=kind, target=target, key=key)
    try:
        return ((spec, made_mirror(spec, fetch, ReferenceSecrets(Path(), {}), clock, None)),)
    except MirrorFailed as error:
        raise StorageError(str(error)) from None


def _entry(home: Path, clock: SystemClock) -> Callable[..., str]:
    """Writes a ledger entry, and opens the ledger only for it: most often there is none."""

    def write(*entry: Any) -> str:
        with ledger_of(home, KeyFolder(home), clock) as audit:
            return audit.event(*entry)

    return write


class _Nothing:
    """A mirror that is only looked at."""

    async def take(self, *_: object) -> Any:
        raise MirrorFailed("nothing is sent from here")


def _never(*_: object) -> str:
    raise StorageError("this was opened to be read")
