"""What people write later, about a case or to learn from it, as the rules of the tenant keep it."""

from collections.abc import Callable, Mapping
from typing import Any

from msgspec.structs import replace

from freehold.bundle.resolve import ResolvedBundle
from freehold.bundle.settings import capture_of, content_of
from freehold.core.cases import Case
from freehold.core.errors import ControlFailed, RequestError
from freehold.core.routes import RouteSpec
from freehold.core.spec import AppSpec, ContentKept
from freehold.core.training import Example
from freehold.services.case_making import Masked
from freehold.stages.governance.keeping import UNREAD

Fit = Callable[[str], str]
_NO_WORDS = frozenset({"role", "type", "id", "tool_call_id", "source", "locator", "digest", "rows"})
"""What names things, in messages and in context; it is kept as it is of what is captured, too."""


class LaterWords:
    """Holds what is written to the rule that holds for what is captured: `full` keeps it,
    `redacted` takes out what the app's detectors find, `none` refuses it.

    Args:
        bundle: gives the one that is live.
        masked: a text without the values that an app's detectors find in it.
    """

    def __init__(self, bundle: Callable[[], ResolvedBundle], masked: Masked) -> None:
        self._bundle = bundle
        self._masked = masked
        self._bare: dict[tuple[str, str], AppSpec] = {}

    def of_case(self, case: Case) -> Fit:
        """For what is written about a case.

        Raises (when called):
            RequestError: nothing that is written may be kept there, or a detector could not read
                it.
        """
        app = self._bundle().app_for(case.tenant, case.app)
        return lambda text: self._fit(app, text)

    def row(self, row: Example, owner: str) -> Example:
        """A row that is brought in to learn from.

        Args:
            owner: of the dataset; its rule holds for rows of a tenant that the bundle has not, and
                a tenant's own for rows of an app that it has not.

        Raises:
            RequestError: no text may be kept there, or a detector could not read one.
        """
        bundle = self._bundle()
        tenant = row.tenant if row.tenant in bundle.tenants else owner
        app = bundle.bundle.apps.get(row.app)
        if app is not None and bundle.is_descendant(tenant, app.tenant):
            spec = bundle.app_for(tenant, row.app)
        else:
            spec = self._any_app(bundle, tenant)

        def fit(text: str) -> str:
            return self._fit(spec, text)

        return replace(
            row,
            messages=tuple(_each(one, fit) for one in row.messages),
            pieces=tuple(_each(one, fit) for one in row.pieces),
            facts={name: _each(value, fit) for name, value in row.facts.items()},
            answer=fit(row.answer),
            rejected=fit(row.rejected),
        )

    def _any_app(self, bundle: ResolvedBundle, tenant: str) -> AppSpec:
        """What holds at a tenant, whatever the app."""
        place = bundle.hash, tenant
        if place not in self._bare:
            state = bundle.effective(tenant)
            self._bare[place] = AppSpec(
                id="",
                tenant=tenant,
                tenant_path=bundle.path(tenant),
                bundle_hash=bundle.hash,
                purpose="",
                route=RouteSpec(id="", candidates=()),
                detectors=bundle.detectors_at(tenant),
                content_kept=content_of(state),
                capture=capture_of(state, tenant),
            )
        return self._bare[place]

    def _fit(self, app: AppSpec, text: str) -> str:
        if not text:
            return text
        kept = kept_of(app)
        where = f"App `{app.id}`" if app.id else f"Tenant `{app.tenant}`"
        if kept == "none":
            raise RequestError(
                f"{where} keeps no texts (`content: none`), so nothing that is written can be kept;"
                " a verdict, an intent and a rating can."
                if app.id
                else f"{where} keeps no texts (`content: none`)."
            )
        if kept == "full":
            return text
        try:
            fitted = self._masked(app, text)
        except ControlFailed as error:
            said = f"What is written can't be kept: {error}; what nobody has read is not kept."
            raise RequestError(said) from None
        if UNREAD in fitted and UNREAD not in text:
            raise RequestError(
                f"{where} keeps redacted texts, and one of its detectors takes its time and reads"
                " only what travels through the gateway: what is written can't be kept. With"
                " `content: full` it can, or where the detector observes."
            )
        return fitted


def kept_of(app: AppSpec) -> ContentKept:
    """What is kept of texts that cases hold; of those from when something was captured, too."""
    return app.content_kept if app.capture is None else app.capture.content


def _each(value: Any, fit: Fit) -> Any:
    """Every text in it."""
    if isinstance(value, str):
        return fit(value)
    if isinstance(value, Mapping):
        return {k: one if k in _NO_WORDS else _each(one, fit) for k, one in value.items()}
    if isinstance(value, list | tuple):
        return [_each(one, fit) for one in value]
    return value
