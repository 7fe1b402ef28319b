"""The tree of tenants: who stands below whom, and what each hands down."""

from freehold.bundle import schema
from freehold.bundle.settings import Effective, declared, defaults, extend, limits_of
from freehold.core.errors import NotFound
from freehold.core.limits import Scope


class TenantTree:
    """The tenants of one bundle. Nothing is computed for one before it is asked for; what tenants
    have in common they share.

    Args:
        detector_ids: all that a tenant may set, the bundle's own among them.
    """

    def __init__(self, bundle: schema.Bundle, detector_ids: tuple[str, ...]) -> None:
        self._name = bundle.name
        self._tenants = bundle.tenants
        self._detector_ids = detector_ids
        self._paths: dict[str, tuple[str, ...]] = {}
        self._states: dict[str, Effective] = {}
        self._base = defaults(detector_ids, bundle.detectors)

    @property
    def root(self) -> str:
        """The tenant that has no parent."""
        return next(name for name, node in self._tenants.items() if node.parent is None)

    def path(self, tenant: str) -> tuple[str, ...]:
        """From the root to ``tenant``, both included.

        Raises:
            NotFound: no such tenant.
        """
        known = self._paths.get(tenant)
        if known is None:
            self._paths[tenant] = known = self._walk(tenant)
        return known

    def is_descendant(self, tenant: str, ancestor: str) -> bool:
        """Whether ``tenant`` is ``ancestor`` or stands below it; false for unknown tenants."""
        return tenant in self._tenants and ancestor in self.path(tenant)

    def effective(self, tenant: str) -> Effective:
        """The tenant's settings, with everything inherited and locked; the same object every time.

        Raises:
            NotFound: no such tenant.
        """
        state = self._states.get(tenant)
        if state is None:
            path = self.path(tenant)
            above = self.effective(path[-2]) if len(path) > 1 else self._base
            node = self._tenants[tenant]
            state = extend(above, declared(node.settings, self._detector_ids), node.lock)
            self._states[tenant] = state
        return state

    def scopes(self, tenant: str) -> list[Scope]:
        """A counter for each tenant on the path whose ceilings are not just its parent's.

        A tenant's ceilings hold for all that happens in it and below it together. Where a child
        only inherits them, its parent's counter holds it already.

        Raises:
            NotFound: no such tenant.
        """
        scopes: list[Scope] = []
        for each in self.path(tenant):
            limits = limits_of(self.effective(each))
            if not scopes or limits != scopes[-1].limits:
                scopes.append(Scope(id=f"tenant:{each}", limits=limits))
        return scopes

    def _walk(self, tenant: str) -> tuple[str, ...]:
        path: list[str] = []
        at: str | None = tenant
        while at is not None:
            node = self._tenants.get(at)
            if node is None or at in path:
                raise NotFound(f"no tenant `{tenant}` in bundle {self._name}")
            path.append(at)
            at = node.parent
        return tuple(reversed(path))
