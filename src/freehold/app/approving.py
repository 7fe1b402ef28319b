"""Approvals, wired for the terminal."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from freehold.app.cases import deciding_capture
from freehold.app.homes import with_vault
from freehold.app.resources import verifying
from freehold.bundle.kept import live_mark
from freehold.core.clock import SystemClock
from freehold.services.approvals import Approvals, Live
from freehold.services.bundles import kept_bundle
from freehold.stages.governance import Governance
from freehold.stages.policy import Policy
from freehold.storage.holds import SealedHolds
from freehold.storage.secrets import KeyFolder
from freehold.storage.subject_keys import StoredKeys as StoredSubjectKeys


@asynccontextmanager
async def approval_service(home: Path) -> AsyncIterator[Approvals]:
    """Held answers for the terminal, under the bundle that a server of this home made live: who
    may decide is never what the terminal says.

    Raises:
        NotFound: no bundle was ever live here.
    """
    clock = SystemClock()
    folder, live_hash = live_mark(home)
    bundle = kept_bundle(home, live_hash)
    on_disk = KeyFolder(home)
    with with_vault(home) as (database, vault, audit):
        holds = SealedHolds(database, None, on_disk.holds(), clock, StoredSubjectKeys(vault))
        governance = Governance(placeholder_key=on_disk.placeholders())
        governance.adopt(bundle.heads)
        live = Live(bundle, governance, Policy(holds))
        log = audit.event
        with deciding_capture(home, database, vault, governance, bundle) as capture:
            async with verifying(folder) as identity:
                yield Approvals(holds, lambda: identity, log, clock, lambda: live, capture.ruled)
