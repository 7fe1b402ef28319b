"""Controls by kind: what each kind alone makes of streams, and bundles with some of them left."""

from collections.abc import Callable, Collection, Iterator, Mapping

from msgspec import Struct
from msgspec.structs import replace

from freehold.bundle.resolve import ResolvedBundle
from freehold.core.errors import NotFound
from freehold.core.spec import AppSpec, DetectorSetting, RuleSpec
from freehold.stages.policy.demands import is_late


class Kind(Struct, frozen=True, kw_only=True):
    """Enforcing controls of an app that need as much of an answer as each other.

    Attributes:
        name: ``span detectors``, ``sentence rules``, ``late rules``, …
        controls: their ids.
    """

    name: str
    controls: frozenset[str]


class Narrowed(ResolvedBundle):
    """The same bundle, where every app has only the controls that are told."""

    def __init__(
        self,
        bundle: ResolvedBundle,
        detectors: Callable[[DetectorSetting], bool],
        rules: Callable[[RuleSpec], bool],
    ) -> None:
        vars(self).update(vars(bundle))
        self._narrows = bundle
        self._detectors = detectors
        self._chosen = rules
        self._narrowed: dict[tuple[str, str], AppSpec] = {}

    def app_for(self, tenant: str, app: str) -> AppSpec:
        """The app with fewer controls; the same object every time.

        Raises:
            NotFound: no such tenant or app, or the app belongs to another branch of the tree.
        """
        known = self._narrowed.get((tenant, app))
        if known is None:
            spec = self._narrows.app_for(tenant, app)
            known = self._narrowed[tenant, app] = replace(
                spec,
                detectors=tuple(filter(self._detectors, spec.detectors)),
                rules=tuple(filter(self._chosen, spec.rules)),
            )
        return known


def spec_of(bundle: ResolvedBundle, app: str) -> AppSpec:
    """An app as its own tenant runs it.

    Raises:
        NotFound: the bundle has no such app.
    """
    if app not in bundle.apps:
        known = ", ".join(sorted(bundle.apps)) or "none"
        raise NotFound(f"the bundle has no app {app!r}; it has {known}")
    return bundle.app_for(bundle.bundle.apps[app].tenant, app)


def without(bundle: ResolvedBundle, controls: Collection[str]) -> ResolvedBundle:
    """The bundle without these rules and detectors."""
    return Narrowed(bundle, lambda d: d.id not in controls, lambda r: r.id not in controls)


def only(bundle: ResolvedBundle, controls: Collection[str]) -> ResolvedBundle:
    """The bundle with these rules and detectors alone."""
    return Narrowed(bundle, lambda d: d.id in controls, lambda r: r.id in controls)


def without_rules(bundle: ResolvedBundle) -> ResolvedBundle:
    """The same bundle where detectors alone judge."""
    return Narrowed(bundle, lambda _: True, lambda _: False)


def kinds_of(spec: AppSpec, parts: Mapping[str, frozenset[str]]) -> Iterator[Kind]:
    """An app's enforcing controls on answers by kind: those that hold least back first.

    Args:
        parts: its detectors by how much text they need, as a rehearsal knows them.
    """
    for name, found in parts.items():
        if found:
            yield Kind(name=f"{name} detectors", controls=found)
    rules: dict[str, list[str]] = {"sentence": [], "stream": [], "whole": [], "late": []}
    for rule in spec.rules:
        if rule.mode == "enforce" and rule.phase in ("answer", "stream"):
            name = "late" if is_late(rule) else rule.needs
            rules["stream" if rule.phase == "stream" else name].append(rule.id)
    for name, ids in rules.items():
        if ids:
            yield Kind(name=f"{name} rules", controls=frozenset(ids))
