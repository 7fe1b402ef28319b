"""API keys, for whoever administers them; every change is an entry in the ledger."""

from collections.abc import Callable, Iterable
from datetime import timedelta
from typing import Any, Protocol

from msgspec import Struct
from msgspec.structs import replace

from freehold.bundle.problems import did_you_mean, one_of
from freehold.bundle.resolve import ResolvedBundle
from freehold.core.clock import Clock, rfc3339
from freehold.core.errors import BundleError, NotFound
from freehold.core.limits import Limits, as_dict
from freehold.core.principal import USUAL_SCOPES, KeyGrant
from freehold.core.priority import Priority, least
from freehold.core.spec import AppSpec

LogEvent = Callable[..., Any]
"""kind, actor, subject, details, and whose it is (``tenant=``)."""


class MadeKey(Protocol):
    """A new key; its secret is shown once."""

    @property
    def secret(self) -> str:
        """The key as its holder sends it."""
        ...

    @property
    def grant(self) -> KeyGrant:
        """What it allows."""
        ...


class KeyEntry(Protocol):
    """A stored key."""

    @property
    def grant(self) -> KeyGrant:
        """What it allows."""
        ...

    @property
    def created_ns(self) -> int:
        """When it was made."""
        ...

    @property
    def last_used_ns(self) -> int | None:
        """When it was last used, to the minute."""
        ...


class KeyStore(Protocol):
    """Where keys are kept."""

    def create(
        self,
        tenant: str,
        app: str,
        *,
        scopes: Iterable[str],
        trusted_headers: Iterable[str],
        expires_ns: int | None,
        name: str,
        limits: Limits | None,
        priority: Priority | None,
    ) -> MadeKey:
        """Make one."""
        ...

    def limit(self, key_id: str, limits: Limits) -> None:
        """Give one other ceilings."""
        ...

    def list(self, tenant: str | None = None) -> list[Any]:
        """All of them, or one tenant's."""
        ...

    def revoke(self, key_id: str, tenant: str | None = None) -> None:
        """End one."""
        ...


class NewKey(Struct, frozen=True, kw_only=True):
    """A key just made. ``secret`` is shown now and never again."""

    key_id: str
    secret: str


class KeyService:
    """Creates, lists and revokes.

    Args:
        bundle: where tenants and apps are looked up; ``None`` where nothing is created.
        log_event: writes the ledger entry that each change must leave.
        actor: who makes changes.
    """

    def __init__(
        self,
        store: KeyStore,
        bundle: ResolvedBundle | None,
        clock: Clock,
        log_event: LogEvent,
        actor: str,
    ) -> None:
        self._store = store
        self._bundle = bundle
        self._clock = clock
        self._log_event = log_event
        self._actor = actor

    def create(
        self,
        *,
        tenant: str,
        app: str,
        name: str = "",
        scopes: frozenset[str] = USUAL_SCOPES,
        trusted_headers: frozenset[str] = frozenset(),
        lifetime: timedelta | None = None,
        limits: Limits | None = None,
        priority: Priority | None = None,
    ) -> NewKey:
        """Make a key for an app as a tenant runs it.

        Raises:
            NotFound: the bundle has no such tenant or app.
            BundleError: a header that can't be trusted, or more priority than the app has.
        """
        if self._bundle is None:
            raise BundleError("creating a key needs a bundle")
        _known(self._bundle, tenant, app)
        spec = self._bundle.app_for(tenant, app)
        _stateable(spec, trusted_headers)
        if priority is not None and least(spec.priority, priority) != priority:
            raise BundleError(
                f"app `{app}` has priority {spec.priority}, and no key of it can have more"
            )
        expires = None
        if lifetime is not None:
            expires = self._clock.now_ns() + int(lifetime.total_seconds()) * 1_000_000_000
        made = self._store.create(
            tenant,
            app,
            scopes=scopes,
            trusted_headers=trusted_headers,
            expires_ns=expires,
            name=name,
            limits=limits,
            priority=priority,
        )
        self._log_event(
            "key.created",
            self._actor,
            made.grant.key_id,
            {
                "tenant": tenant,
                "app": app,
                "name": name,
                "scopes": sorted(scopes),
                "trusted_headers": sorted(trusted_headers),
                "expires_ns": expires,
                "limits": as_dict(limits or Limits()),
                "priority": priority,
            },
            tenant=tenant,
        )
        return NewKey(key_id=made.grant.key_id, secret=made.secret)

    def list(self, tenant: str | None = None) -> list[dict[str, Any]]:
        """What is known of each key; never its secret."""
        now = self._clock.now_ns()
        return [self._row(entry, now) for entry in self._store.list(tenant)]

    @staticmethod
    def _row(entry: KeyEntry, now: int) -> dict[str, Any]:
        grant = entry.grant
        expired = grant.expires_ns is not None and grant.expires_ns <= now
        return {
            "key_id": grant.key_id,
            "state": "revoked" if grant.revoked else "expired" if expired else "live",
            "tenant": grant.tenant,
            "app": grant.app,
            "name": grant.name,
            "scopes": sorted(grant.scopes),
            "trusted_headers": sorted(grant.trusted_headers),
            "created_at": rfc3339(entry.created_ns),
            "expires_at": rfc3339(grant.expires_ns) if grant.expires_ns else None,
            "last_used_at": rfc3339(entry.last_used_ns) if entry.last_used_ns else None,
            "limits": as_dict(grant.limits),
            "priority": grant.priority,
        }

    def limit(self, key_id: str, changes: dict[str, int | None]) -> Limits:
        """Change a key's ceilings; ``None`` takes one away. A gateway knows within a second.

        Raises:
            NotFound: no such key.
        """
        known = self._known(key_id)
        changed: Limits = replace(known.limits, **changes)
        self._store.limit(key_id, changed)
        details = {"from": as_dict(known.limits), "to": as_dict(changed)}
        self._log_event("key.limited", self._actor, key_id, details, tenant=known.tenant)
        return changed

    def revoke(self, key_id: str) -> None:
        """End a key for good.

        Raises:
            NotFound: no such key.
        """
        tenant = self._known(key_id).tenant
        self._store.revoke(key_id)
        self._log_event("key.revoked", self._actor, key_id, {}, tenant=tenant)

    def _known(self, key_id: str) -> KeyGrant:
        """A key that is there.

        Raises:
            NotFound: there is none.
        """
        entries: list[KeyEntry] = self._store.list()
        known = next((e.grant for e in entries if e.grant.key_id == key_id), None)
        if known is None:
            raise NotFound(f"no key {key_id}")
        return known


def _stateable(spec: AppSpec, headers: frozenset[str]) -> None:
    """Which of these attributes a key's holder could never state.

    Raises:
        BundleError: the app has no such attribute.
    """
    unknown = headers - spec.attributes.keys() - {"subject"}
    if unknown:
        declared = ", ".join(sorted(spec.attributes)) or "none"
        raise BundleError(
            f"no such attribute: {', '.join(sorted(unknown))} (declared: {declared}); "
            "roles and clearances can never come from a header"
        )


def _known(bundle: ResolvedBundle, tenant: str, app: str) -> None:
    """Which of the two is not in the bundle, and what may have been meant.

    Raises:
        NotFound: one of them.
    """
    for what, name, names in (("tenant", tenant, bundle.tenants), ("app", app, bundle.apps)):
        if name not in names:
            hint = did_you_mean(name, names) or f"there are {one_of(names) or 'none'}"
            raise NotFound(f"no {what} `{name[:80]}` in bundle {bundle.name}; {hint}")
    owner = bundle.bundle.apps[app].tenant
    if not bundle.is_descendant(tenant, owner):
        raise NotFound(
            f"app `{app}` is for tenant `{owner}` and those below it; `{tenant}` is none of them"
        )
