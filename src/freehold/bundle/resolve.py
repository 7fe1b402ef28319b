"""From the bundle as written to the bundle as run: one frozen ``AppSpec`` per tenant and app."""

from collections.abc import Callable, Iterable, Mapping
from hashlib import sha256
from types import MappingProxyType

import msgspec

from freehold.bundle import schema
from freehold.bundle.alerting import alert_specs
from freehold.bundle.application import App
from freehold.bundle.capturing import capture_leaves
from freehold.bundle.catalogue import filled
from freehold.bundle.deployed import hidden, usable, waiting_for
from freehold.bundle.intents import intent_set
from freehold.bundle.model_specs import model_spec
from freehold.bundle.names import DETECTORS
from freehold.bundle.queues import queue_specs
from freehold.bundle.route_specs import learns, metric_spec, route_spec
from freehold.bundle.settings import (
    Effective,
    approvals_of,
    capture_of,
    content_of,
    declared,
    detectors_of,
    extend,
    limits_of,
    objective_of,
)
from freehold.bundle.specs import (
    field_specs,
    issuer_spec,
    own_spec,
    owned,
    redactable,
    rule_spec,
    scope_spec,
    source_spec,
    tool_spec,
    voice_spec,
    voiced,
)
from freehold.bundle.tenant_tree import TenantTree
from freehold.bundle.unresolved import Unresolved
from freehold.core.errors import NotFound
from freehold.core.labels import QueueSpec
from freehold.core.limits import Scope
from freehold.core.routes import RouteSpec
from freehold.core.spec import (
    AppSpec,
    DetectorSetting,
    GuardSpec,
    IntentSet,
    ModelSpec,
    RuleSpec,
    SourceSpec,
)

Lookup = Callable[[str], str | None]
"""Gives the value of an environment variable, or None: ``os.environ.get``."""


class ResolvedBundle:
    """One version of the bundle, ready for the request path.

    Nothing is computed for a tenant before its first request. What tenants have in common they
    share, so that a store which says nothing of its own costs little more than its name. ``heads``
    are the files of trained detectors, ``model_files`` those of models that run in this process, by
    their SHA-256.
    """

    def __init__(
        self,
        bundle: schema.Bundle,
        bundle_hash: str,
        *,
        models: Mapping[str, ModelSpec],
        sources: Mapping[str, SourceSpec],
        detector_ids: Iterable[str] = DETECTORS,
        files: Mapping[str, bytes] = MappingProxyType({}),
    ) -> None:
        self.bundle = bundle
        self.hash = bundle_hash
        self.name = bundle.name
        self.models: Mapping[str, ModelSpec] = MappingProxyType(dict(models))
        self.sources: Mapping[str, SourceSpec] = MappingProxyType(dict(sources))
        self.rules: Mapping[str, RuleSpec] = MappingProxyType(
            {rule_id: rule_spec(rule_id, rule) for rule_id, rule in bundle.rules.items()}
        )
        self.metrics = {name: metric_spec(name, m) for name, m in bundle.metrics.items()}
        self._tools = {name: tool_spec(name, tool) for name, tool in bundle.tools.items()}
        self.issuers = tuple(
            issuer_spec(name, issuer, bundle.identity.attributes)
            for name, issuer in bundle.identity.issuers.items()
        )
        named = [d.classifier.file for d in bundle.detectors.values() if d.classifier is not None]
        digests = _digests(named, files)
        self.heads: Mapping[str, bytes] = MappingProxyType(
            {digest: files[name] for name, digest in digests.items()}
        )
        own = {m.local.file: m.local.digest for m in self.models.values() if m.local is not None}
        self.model_files: Mapping[str, bytes] = MappingProxyType(
            {digest: files[name] for name, digest in own.items() if digest}
        )
        self.alerts = alert_specs(bundle)
        self._own = {
            name: own_spec(detector, self.models, digests)
            for name, detector in bundle.detectors.items()
        }
        self._app_intents: dict[str, str] = {}
        self.intents: Mapping[str, IntentSet] = MappingProxyType(self._intent_sets(files))
        self.queues: Mapping[str, QueueSpec] = MappingProxyType(
            queue_specs(bundle.queues, files, self._intent_names())
        )
        self._detector_ids = tuple(dict.fromkeys((*detector_ids, *bundle.detectors)))
        self._app_states: dict[tuple[int, str], Effective] = {}
        self._templates: dict[tuple[int, str, tuple[str, ...], frozenset[str]], AppSpec] = {}
        self._apps: dict[tuple[str, str], AppSpec] = {}
        self._tree = TenantTree(bundle, self._detector_ids)

    @property
    def tenants(self) -> frozenset[str]:
        """Every tenant's id."""
        return frozenset(self.bundle.tenants)

    @property
    def apps(self) -> frozenset[str]:
        """Every app's id."""
        return frozenset(self.bundle.apps)

    @property
    def root(self) -> str:
        """The tenant that has no parent."""
        return self._tree.root

    def path(self, tenant: str) -> tuple[str, ...]:
        """From the root to ``tenant``, both included.

        Raises:
            NotFound: no such tenant.
        """
        return self._tree.path(tenant)

    @property
    def example(self) -> tuple[str, str] | None:
        """The first app and the tenant that it belongs to; ``None`` in a bundle without apps."""
        first = next(iter(self.bundle.apps.items()), None)
        return (first[1].tenant, first[0]) if first is not None else None

    def is_descendant(self, tenant: str, ancestor: str) -> bool:
        """Whether ``tenant`` is ``ancestor`` or stands below it; false for unknown tenants."""
        return self._tree.is_descendant(tenant, ancestor)

    def app_for(self, tenant: str, app: str) -> AppSpec:
        """The app as this tenant runs it; the same object every time.

        Raises:
            NotFound: no such tenant or app, or the app belongs to another branch of the tree.
        """
        spec = self._apps.get((tenant, app))
        if spec is None:
            declared_app = self.bundle.apps.get(app)
            if declared_app is None or not self.is_descendant(tenant, declared_app.tenant):
                raise NotFound(f"no app `{app}` for tenant `{tenant}` in bundle {self.name}")
            self._apps[tenant, app] = spec = self._resolve(tenant, app, declared_app)
        return spec

    def for_each_app(self, prepare: Callable[[AppSpec], object]) -> None:
        """Let ``prepare`` see every app as its owner runs it, ahead of the first request."""
        for app_id, app in self.bundle.apps.items():
            prepare(self.app_for(app.tenant, app_id))

    def effective(self, tenant: str) -> Effective:
        """The tenant's settings, with everything inherited and locked."""
        return self._tree.effective(tenant)

    def detectors_at(self, tenant: str) -> tuple[DetectorSetting, ...]:
        """Those in use at a tenant, whatever the app."""
        return owned(voiced(detectors_of(self.effective(tenant)), None), self._own)

    def _intent_sets(self, files: Mapping[str, bytes]) -> dict[str, IntentSet]:
        """What apps' intents are learned from, by its digest; apps with the same share one."""
        found: dict[str, IntentSet] = {}
        for app_id, app in self.bundle.apps.items():
            made = intent_set(app.intents, app.intent_file, app.intent_keep, files)
            if made is not None:
                self._app_intents[app_id] = made.digest
                found[made.digest] = made
        return found

    def _intent_names(self) -> dict[str, list[str]]:
        """Each app's intents by name; those of trained files are not known here."""
        return {
            app_id: [name for name, _ in self.intents[digest].inside]
            for app_id, digest in self._app_intents.items()
        }

    def _resolve(self, tenant: str, app_id: str, app: App) -> AppSpec:
        path = self.path(tenant)
        rules = tuple(
            dict.fromkeys([r for t in path for r in self.bundle.tenants[t].rules] + app.rules)
        )
        above = self.effective(tenant)
        unshared = hidden(self.bundle, path)
        key = (id(above), app_id, rules, unshared)
        template = self._templates.get(key)
        if template is None:
            state = self._app_state(above, app_id, app)
            template = self._template(app_id, app, state, rules, unshared)
            self._templates[key] = template
        scopes = (
            *self._tree.scopes(tenant),
            Scope(id=f"app:{tenant}/{app_id}", limits=template.limits),
        )
        return msgspec.structs.replace(template, tenant=tenant, tenant_path=path, scopes=scopes)

    def _app_state(self, above: Effective, app_id: str, app: App) -> Effective:
        """The app's own settings on top; kept, so that ``id(above)`` stays a valid key."""
        state = self._app_states.get((id(above), app_id))
        if state is None:
            leaves = declared(app.settings, self._detector_ids) | capture_leaves(app.capture)
            state = extend(above, leaves)
            self._app_states[id(above), app_id] = state
        return state

    def _template(
        self,
        app_id: str,
        app: App,
        state: Effective,
        rules: tuple[str, ...],
        unshared: frozenset[str],
    ) -> AppSpec:
        bundle = self.bundle
        allowed = usable(self.models, state.values.get(("models",))) - unshared
        route = self._route(app.route, app.tenant, state, allowed)
        embedding = self._embedding(app, state, allowed)
        aliases = {name: model for name, model in app.aliases.items() if model in allowed}
        asked = {*route.candidates, *route.tried, *aliases.values()}
        asked.update(embedding.candidates if embedding else ())
        voice = None if app.voice is None else voice_spec(app.voice)
        return AppSpec(
            id=app_id,
            tenant="",
            tenant_path=(),
            bundle_hash=self.hash,
            purpose=app.purpose,
            owner=app.owner,
            process=app.process,
            risk=app.risk,
            system_prompt=app.system_prompt,
            route=route,
            embedding_route=embedding,
            models={name: self.models[name] for name in sorted(asked)},
            guards=self._guards(allowed),
            aliases=aliases,
            waiting=waiting_for(bundle, app),
            metrics=self.metrics,
            embeds=learns(route) or app_id in self._app_intents,
            unknown_model=app.unknown_model,
            priority=app.priority,
            sources=tuple(self.sources[name] for name in app.sources),
            rules=tuple(self.rules[name] for name in rules),
            scope=scope_spec(app.scope),
            intents=self._app_intents.get(app_id, ""),
            disclaimers=() if voice is None else voice.disclaimers,
            tools=self._tools,
            answer_fields=field_specs(app.answer_fields),
            containment=state.values["tools", "untrusted"],
            detectors=owned(voiced(detectors_of(state), voice), self._own),
            redactable_labels=redactable(bundle.labels),
            limits=limits_of(state),
            content_kept=content_of(state),
            retention_days=state.values["retention_days",],
            strict_sealing=state.values["sealing",] == "strict",
            require_identity=state.values["require_identity",],
            issuers=self.issuers,
            attributes={n: a.default for n, a in bundle.identity.attributes.items()},
            allowed_regions=state.values.get(("regions",)),
            egress=tuple(bundle.egress.allow),
            currency=bundle.currency,
            strict_audit=state.values["audit",] == "strict",
            approvals=approvals_of(state, webhook=bundle.approvals.webhook is not None),
            capture=capture_of(state, app.tenant),
        )

    def _guards(self, allowed: frozenset[str]) -> dict[str, ModelSpec]:
        """The models that guards ask, by their ids."""
        asked = {spec.model for spec in self._own.values() if isinstance(spec, GuardSpec)}
        return {name: self.models[name] for name in sorted(asked) if name in allowed}

    def _embedding(self, app: App, state: Effective, allowed: frozenset[str]) -> RouteSpec | None:
        taken = app.embedding_route
        return self._route(taken, app.tenant, state, allowed) if taken else None

    def _route(
        self, route_id: str, owner: str, state: Effective, allowed: frozenset[str]
    ) -> RouteSpec:
        return route_spec(
            route_id,
            self.bundle.routes[route_id],
            objective_of(state, self.bundle.routes[route_id].objective),
            allowed,
            owner=owner,
            metrics=tuple(self.metrics),
        )


def _digests(named: Iterable[str], files: Mapping[str, bytes]) -> dict[str, str]:
    return {name: sha256(files[name]).hexdigest() for name in named if name in files}


def resolve(
    bundle: schema.Bundle,
    bundle_hash: str,
    *,
    lookup: Lookup,
    detector_ids: Iterable[str] = DETECTORS,
    files: Mapping[str, bytes] = MappingProxyType({}),
) -> ResolvedBundle:
    """Make a checked bundle ready to run.

    Args:
        lookup: where ``env:NAME`` in addresses comes from. Secrets stay references: whoever sends
            them reads them.
        files: the bundle's files by path, of which trained detectors are made.

    Raises:
        Unresolved: addresses name environment variables that are not set; all of them are named.
    """
    missing: list[tuple[tuple[str, str, str], str]] = []

    def address(value: str, *path: str) -> str:
        if not value.startswith("env:"):
            return value
        found = lookup(value.removeprefix("env:"))
        if not found:
            missing.append(((path[0], path[1], path[2]), value.removeprefix("env:")))
        return found or ""

    digests = _digests((m.local.file for m in bundle.models.values() if m.local), files)
    models = {}
    for name, written in bundle.models.items():
        model = filled(written, bundle.catalogue, bundle.currency)
        base = address(model.base_url or "", "models", name, "base_url")
        models[name] = model_spec(name, model, base, digests)
    sources = {
        name: source_spec(name, source, address(source.url, "sources", name, "url"))
        for name, source in bundle.sources.items()
    }
    if missing:
        raise Unresolved(tuple(missing))
    return ResolvedBundle(
        bundle,
        bundle_hash,
        models=models,
        sources=sources,
        detector_ids=detector_ids,
        files=files,
    )
