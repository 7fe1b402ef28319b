"""Cases with their texts, for whoever labels, learns and looks; whose cases a tenant may use."""

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from itertools import islice

from freehold.bundle.resolve import ResolvedBundle
from freehold.core.cases import Case, Read, Sharing
from freehold.core.errors import NotFound, StorageError
from freehold.core.subjects import Destroyed, SubjectKey
from freehold.learning.capture.boxes import moment_in

FindKey = Callable[[str], SubjectKey | Destroyed | None]
FindKeys = Callable[[Collection[str]], Mapping[str, SubjectKey | Destroyed]]
_AT_ONCE = 500
_UP = frozenset({"up", "both"})
_DOWN = frozenset({"down", "both"})


class CaseReader:
    """Opens cases. It leaves no entry in the ledger: whoever reads for a purpose writes that down
    once, with how many it read (``cases.read``).

    Args:
        find: keys of subjects, and what is left of destroyed ones: ``KeyStore.find``, or
            ``SubjectKeys.find``, which can't tell why a key is gone.
        find_all: the same of many at once, for who reads many.
    """

    def __init__(self, find: FindKey, find_all: FindKeys | None = None) -> None:
        self._find = find
        self._find_all = find_all

    def read(self, case: Case) -> Read:
        """A case with its texts, where they are still there. A damaged box reads as ``lost``.

        Raises:
            StorageError: the vault can't be read.
        """
        if not case.seal_key:
            return Read(case=case, moment=None, fate="none")
        return _opened(case, self._find(case.seal_key))

    def read_many(self, cases: Iterable[Case]) -> Iterator[Read]:
        """Each of them, in order; as ``read``."""
        if self._find_all is None:
            yield from map(self.read, cases)
            return
        todo = iter(cases)
        while batch := list(islice(todo, _AT_ONCE)):
            keys = self._find_all({case.seal_key for case in batch if case.seal_key})
            for case in batch:
                if case.seal_key:
                    yield _opened(case, keys.get(case.seal_key))
                else:
                    yield Read(case=case, moment=None, fate="none")


def _opened(case: Case, key: SubjectKey | Destroyed | None) -> Read:
    if isinstance(key, Destroyed):
        return Read(case=case, moment=None, fate=key.why)
    if key is None or not case.box:
        return Read(case=case, moment=None, fate="lost" if case.box else "erased")
    try:
        return Read(case=case, moment=moment_in(case, key))
    except StorageError:
        return Read(case=case, moment=None, fate="lost")


def shared(case: Case, bundle: ResolvedBundle) -> Sharing:
    """How far the app where it happened shares its cases now; not at all, where it is gone."""
    try:
        spec = bundle.app_for(case.tenant, case.app).capture
    except NotFound:
        return "none"
    return spec.share if spec is not None else "none"


def may_learn(tenant: str, case: Case, bundle: ResolvedBundle) -> bool:
    """Whether a tenant may learn from a case: its owner may, and whoever it is shared with."""
    return tenant == case.owner or _reaches(tenant, case.owner, shared(case, bundle), bundle)


def visible_owners(tenant: str, bundle: ResolvedBundle) -> tuple[str, ...]:
    """Whose cases a tenant may learn from, itself first; of another owner those that `may_learn`
    says: apps share each for themselves.

    Raises:
        NotFound: no such tenant.
    """
    bundle.path(tenant)
    found = {tenant}
    for app_id, app in bundle.bundle.apps.items():
        for place in bundle.tenants:
            if not bundle.is_descendant(place, app.tenant):
                continue
            spec = bundle.app_for(place, app_id).capture
            if spec is None or spec.owner in found:
                continue
            if _reaches(tenant, spec.owner, spec.share, bundle):
                found.add(spec.owner)
    return (tenant, *sorted(found - {tenant}))


def _reaches(tenant: str, owner: str, share: Sharing, bundle: ResolvedBundle) -> bool:
    if share in _UP and bundle.is_descendant(owner, tenant):
        return True
    return share in _DOWN and bundle.is_descendant(tenant, owner)
