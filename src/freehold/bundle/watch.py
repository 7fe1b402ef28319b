"""Hot reload: a changed folder is picked up when it has settled, and swapped in or refused."""

import asyncio
import logging
from collections.abc import Callable
from pathlib import Path

from freehold.bundle.activate import Activation, Activator, failed
from freehold.bundle.check import Report
from freehold.bundle.resolve import ResolvedBundle
from freehold.bundle.snapshot import short_hash

_log = logging.getLogger("freehold.bundle")


class BundleWatcher:
    """Looks at the folder twice a second and reads it once two looks are alike.

    A new version is live at most two seconds after the last byte was written, the time of checking
    a very large bundle apart. Whatever is wrong with the folder (a file that is half written, gone
    or not readable, a bundle with errors), the version that is live stays so, and it is said aloud
    once. Requests under way keep the version that they hold.

    Args:
        activator: prepares versions of the folder, in a thread.
        live: the version that is live now.
        on_activate: makes a version live; called on the event loop. If it raises, that version is
            refused like one with errors.
        on_reject: is told why a version was refused; called on the event loop.
        interval_s: seconds between two looks.
    """

    def __init__(
        self,
        activator: Activator,
        live: ResolvedBundle,
        *,
        on_activate: Callable[[ResolvedBundle], None],
        on_reject: Callable[[Report], None],
        interval_s: float = 0.5,
    ) -> None:
        self._activator = activator
        self._live = live
        self._on_activate = on_activate
        self._on_reject = on_reject
        self._interval_s = interval_s
        self._refused: Report | None = None

    @property
    def live(self) -> ResolvedBundle:
        """The version that was activated last."""
        return self._live

    @property
    def refused(self) -> Report | None:
        """Why the folder's present state is not live; None if it is."""
        return self._refused

    @property
    def folder(self) -> Path:
        """The folder that is watched."""
        return self._activator.folder

    async def run(self) -> None:
        """Watch until cancelled."""
        handled: object = None
        previous: object = None
        while True:
            current = await asyncio.to_thread(self._activator.signature)
            # people write files bit by bit; deployments change all at once
            settled, previous = current[0] == previous, current[0]
            if settled and current != handled and await self._take():
                handled = current
            await asyncio.sleep(self._interval_s)

    async def _take(self) -> bool:
        """Deal with what is in the folder; False if it changed meanwhile and must settle again."""
        try:
            activation = await asyncio.to_thread(self._activator.prepare)
        except Exception as error:  # noqa: BLE001
            # A watcher that died would leave every later change unread without a word.
            _log.exception("reading the bundle in %s failed", self.folder)
            self._reject(
                failed(self.folder, "watch.failed", f"it can't be read: {type(error).__name__}")
            )
            return True
        if activation is None:
            return False
        self._decide(activation)
        return True

    def _decide(self, activation: Activation) -> None:
        resolved = activation.resolved
        if resolved is None:
            self._reject(activation.report)
            return
        if resolved.hash == self._live.hash:
            if self._refused is None:
                return
            resolved = self._live  # what was refused is taken back: say that all is well again
        try:
            self._on_activate(resolved)
        except Exception as error:  # noqa: BLE001 - the old version must go on
            _log.exception("bundle %s can't go live", short_hash(resolved.hash))
            why = f"it can't go live: {error}"
            self._reject(failed(self.folder, "activate.failed", why, activation.report))
            return
        self._live = resolved
        self._refused = None
        _log.info("bundle %s (%s) is live", resolved.name, short_hash(resolved.hash))

    def _reject(self, report: Report) -> None:
        self._refused = report
        _log.error(
            "the changed bundle in %s is refused; %s stays live:\n%s",
            self.folder,
            short_hash(self._live.hash),
            "\n".join(str(problem) for problem in report.errors[:50]),
        )
        try:
            self._on_reject(report)
        except Exception:  # noqa: BLE001 - neither may a listener end the watch
            _log.exception("the refusal of a bundle could not be passed on")
