"""The gate, wired for the terminal."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path

from freehold.app.datasets import bundle_of, learning_service
from freehold.app.deployed import with_deployed
from freehold.app.homes import ledger_of, needs_data, opened, registry_of
from freehold.app.rehearsal import rehearsal
from freehold.app.terminal import records_of
from freehold.bundle.custom_models import CustomModel
from freehold.bundle.problems import missing
from freehold.bundle.resolve import ResolvedBundle
from freehold.core.clock import SystemClock
from freehold.core.errors import NotFound
from freehold.core.trials import Trials
from freehold.learning.datasets import find as find_dataset
from freehold.services.case_reading import CaseReader, FindKey
from freehold.services.dataset_plans import queues_of
from freehold.services.gate import Gates
from freehold.services.gate_today import Today, today
from freehold.services.incidents import Incidents
from freehold.services.regressions import Regressions
from freehold.storage.cases import StoredCases
from freehold.storage.engine import Database
from freehold.storage.outcomes import StoredOutcomes
from freehold.storage.secrets import KeyFolder


@contextmanager
def gate_service(home: Path, folder: Path | None = None) -> Iterator[Gates]:
    """The gate under the bundle that a server of this home made live, or under a folder's.

    Raises:
        NotFound: no home is there, or no bundle was ever live in it.
        BundleError: the folder's bundle has errors.
    """
    needs_data(home)
    bundle = with_deployed(home, folder)
    clock = SystemClock()
    with ledger_of(home, KeyFolder(home), clock) as audit:
        yield Gates(
            registry_of(home),
            bundle,
            lambda name: find_dataset(home, name),
            lambda live: rehearsal(bundle if live is None else with_deployed(home, folder, live)),
            audit.event,
            clock,
            partial(_today, home),
        )


def _today(home: Path, custom: CustomModel) -> Today | None:
    with opened(home) as database:
        return today(records_of(home, database), custom.learns_from)


@contextmanager
def regression_service(home: Path) -> Iterator[Regressions]:
    """The regression sets of a home.

    Raises:
        NotFound: no home is there.
    """
    needs_data(home)
    clock = SystemClock()
    with ledger_of(home, KeyFolder(home), clock) as audit:
        yield Regressions(home, registry_of(home), audit.event, clock)


def remember_incidents(
    home: Path, model: str, dataset: str, folder: Path | None, actor: str
) -> None:
    """Add to a model's regression set what experts had to be decided between on, and the like.

    Raises:
        NotFound: no home, bundle, custom model or dataset.
    """
    bundle = bundle_of(home, folder)
    custom = bundle.bundle.custom_models.get(model)
    if custom is None:
        raise NotFound(missing("custom model", model, bundle.bundle.custom_models))
    with learning_service(home, bundle, custom.owner, f"regressions of {model}") as (_, learnable):
        gold = [one for queue in queues_of(bundle, custom) for one in learnable.gold(queue)]
        with regression_service(home) as sets:
            sets.remember_incidents(model, dataset or model, gold, learnable.cases, actor)


def incidents_of(
    home: Path,
    bundle: Callable[[], ResolvedBundle],
    database: Database,
    trials: Trials,
    find: FindKey,
    log: Callable[..., str],
) -> Incidents:
    """What remembers the incidents of versions that are taken back."""
    return Incidents(
        bundle,
        trials,
        StoredOutcomes(database).of,
        StoredCases(database),
        CaseReader(find).read,
        Regressions(home, registry_of(home), log, SystemClock()),
        log,
    )
