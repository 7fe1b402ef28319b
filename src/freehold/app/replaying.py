"""``freehold replay`` wired for the terminal."""

from collections.abc import Iterable, Iterator
from contextlib import ExitStack, contextmanager
from functools import partial
from pathlib import Path
from typing import Any

from freehold.app.deployed import with_deployed
from freehold.app.homes import ledger_of, opened, vault_of
from freehold.app.terminal import records_of
from freehold.app.whoever import at_terminal
from freehold.core.clock import SystemClock
from freehold.ledger.content import TextsDoNotFit
from freehold.ledger.record import Record
from freehold.ledger.runtime import runtime_digest
from freehold.services.bundles import kept_or_none
from freehold.services.records import Records
from freehold.services.replay import Replayer, Summary, unfit
from freehold.services.replay_detectors import DetectorReplay
from freehold.services.replay_draft import Drafted, under
from freehold.services.replay_texts import ReplayTexts
from freehold.storage.secrets import KeyFolder


class ReplayService:
    """Replays the records of one home."""

    def __init__(self, home: Path, records: Records, texts: ReplayTexts) -> None:
        self.records = records
        self._home = home
        self._texts = texts
        self._decided = kept_or_none(home)

    def replay(self, records: Iterable[Record], *, detectors: bool = False) -> Summary:
        """Replay these, and with ``detectors`` what was found in kept texts too.

        Raises:
            StorageError: the ledger or the vault can't be read.
            AuditError: the reading can't be recorded, so it is refused.
        """
        replayer = Replayer(kept_or_none(self._home, altered=True), runtime_digest())
        summary = Summary()
        again = DetectorReplay(self._decided) if detectors else None
        for record in records:
            try:
                found = self._texts.read(record)
            except TextsDoNotFit as error:
                summary.add(unfit(record, str(error)))
                continue
            summary.add(replayer.replay(found))
            if again is not None:
                again.read(found)
        if again is not None:
            summary.detectors, summary.not_read = again.told(), again.not_read
        return summary

    def under(self, draft: Path, records: Iterable[Record]) -> Drafted:
        """What a draft would have decided, with what is deployed in this home.

        Raises:
            BundleError: the draft is none.
            AlteredModel: a deployed version is not what was trained and signed.
        """
        changed = with_deployed(self._home, draft)
        return under((self._texts.read(record) for record in records), self._decided, changed)


@contextmanager
def replay_service(home: Path, at_most: int, *, texts: bool = False) -> Iterator[ReplayService]:
    """The records of a home with what opens their words. The ledger is opened only where words are
    read.

    Raises:
        NotFound: no home is there.
    """
    clock = SystemClock()
    with opened(home) as database, ExitStack() as open_:
        on_disk = KeyFolder(home)
        vault = vault_of(home, on_disk, clock)
        open_.callback(vault.database.close)

        def log(*args: Any, **more: Any) -> str:
            audit = open_.enter_context(ledger_of(home, on_disk, clock))
            return audit.event(*args, **more)

        reader = ReplayTexts(vault, at_terminal(), partial(log), at_most, texts=texts)
        yield ReplayService(home, records_of(home, database), reader)
