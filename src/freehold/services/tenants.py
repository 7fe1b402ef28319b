"""Which tenants a store knows, and who stands below whom: from the bundles that were live."""

from collections.abc import Iterable, Sequence
from pathlib import Path

from freehold.bundle.kept import kept_hashes, load_kept
from freehold.bundle.problems import did_you_mean, one_of
from freehold.core.errors import BundleError, NotFound

Seen = Sequence[tuple[str, str | None]]
"""Tenants and the bundles that they ran under, the newest first."""


class Family:
    """The tenants that are known, as a tree. ``parents`` has the nearest tenant above each."""

    def __init__(self, parents: dict[str, str | None], names: Iterable[str] = ()) -> None:
        self._parents = dict.fromkeys(names) | parents

    def within(self, tenant: str, *, only: bool = False) -> frozenset[str]:
        """``tenant`` and, unless ``only``, everyone below it.

        Raises:
            NotFound: nobody knows it.
        """
        if tenant not in self._parents:
            hint = (
                did_you_mean(tenant, self._parents) or f"known: {one_of(self._parents) or 'none'}"
            )
            raise NotFound(f"no tenant `{tenant[:80]}` is known here; {hint}")
        if only:
            return frozenset((tenant,))
        return frozenset(name for name in self._parents if tenant in self._path(name))

    def _path(self, name: str) -> set[str]:
        path: set[str] = set()
        at: str | None = name
        while at is not None and at not in path:
            path.add(at)
            at = self._parents.get(at)
        return path


def family(home: Path, seen: Seen, more: Iterable[str] = ()) -> Family:
    """The tree of the bundle that ran last; who is not in it any more stands where it stood then.

    Args:
        more: further names that are known, of keys say.

    Raises:
        BundleError: bundles were live here, and none of them can be read.
    """
    names = {tenant for tenant, _ in seen if tenant} | {*more}
    missing = set(names)
    parents: dict[str, str | None] = {}
    unread: BundleError | None = None
    ran = [bundle for _, bundle in seen if bundle]
    for bundle_hash in dict.fromkeys([*ran, *kept_hashes(home)]):
        if parents and not missing:
            break
        try:
            bundle = load_kept(home, bundle_hash)
        except NotFound:
            continue  # of a store that was moved here without its bundles
        except BundleError as error:
            unread = error
            continue
        for name, tenant in bundle.tenants.items():
            parents.setdefault(name, tenant.parent)
        missing -= bundle.tenants.keys()
    if not parents and unread is not None:
        raise unread
    return Family(parents, names)
