"""From what a bundle says of a custom model to what its dataset is built from."""

from collections.abc import Collection
from typing import Any

from msgspec.structs import replace

from freehold.bundle.custom_models import CustomModel
from freehold.bundle.problems import missing
from freehold.bundle.resolve import ResolvedBundle
from freehold.core.errors import NotFound, RequestError
from freehold.learning.datasets.marks import Grouping
from freehold.services.dataset_rows import Plan

_LEARNED = {"classifier": ("intent",), "responder": ("answer",), "causal-lm": ("answer",)}
"""Custom model's kind → what of a label it learns."""


def plan_of(bundle: ResolvedBundle, model: str, name: str = "", **other: Any) -> Plan:
    """What a custom model of the bundle learns from.

    Args:
        name: of the dataset; the model's, where left out.
        other: fields of the plan that are to be otherwise; ``None`` leaves one as it is.

    Raises:
        NotFound: the bundle has no such custom model.
    """
    found = bundle.bundle.custom_models.get(model)
    if found is None:
        raise NotFound(missing("custom model", model, bundle.bundle.custom_models))
    grouping: Grouping = "question" if found.kind == "classifier" else "input"
    plan = Plan(
        name=name or model,
        owner=found.owner,
        share=found.share,
        apps=tuple(found.learns_from),
        queues=queues_of(bundle, found),
        grouping=grouping,
        bundle=bundle.hash,
    )
    return completed(replace(plan, **_said(other)), bundle)


def queues_of(bundle: ResolvedBundle, model: CustomModel) -> tuple[str, ...]:
    """The queues whose labels teach a custom model: the one that it names, else all of its apps
    that ask for what its kind learns.
    """
    if model.queue:
        return (model.queue,)
    return _asking(bundle, model.learns_from, _LEARNED.get(model.kind, ("intent", "answer")))


def _asking(
    bundle: ResolvedBundle, apps: Collection[str], wanted: Collection[str]
) -> tuple[str, ...]:
    """The queues of some of these apps that ask for one of these."""
    return tuple(
        sorted(
            queue.name
            for queue in bundle.queues.values()
            if not set(apps).isdisjoint(queue.apps) and not set(wanted).isdisjoint(queue.ask)
        )
    )


def plan_from(bundle: ResolvedBundle, name: str, owner: str, **other: Any) -> Plan:
    """A dataset that no custom model asks for; where no queue is named, all of its apps teach it.

    Raises:
        NotFound: the bundle has no such tenant.
    """
    if owner not in bundle.tenants:
        raise NotFound(missing("tenant", owner, bundle.tenants))
    plan = replace(Plan(name=name, owner=owner, bundle=bundle.hash), **_said(other))
    if not plan.queues:
        plan = replace(plan, queues=_asking(bundle, plan.apps, ("intent", "answer")))
    return completed(plan, bundle)


def completed(plan: Plan, bundle: ResolvedBundle) -> Plan:
    """The plan with what the bundle's queues say: classes, guidelines.

    Raises:
        NotFound: it has no such app or queue.
        RequestError: no app is named.
    """
    if not plan.apps:
        raise RequestError("no app is named whose cases are to be learned from (--app)")
    unknown = sorted(set(plan.apps) - set(bundle.bundle.apps))
    if unknown:
        raise NotFound(missing("app", unknown[0], bundle.bundle.apps))
    queues = bundle.queues
    absent = sorted(set(plan.queues) - set(queues))
    if absent:
        raise NotFound(missing("queue", absent[0], queues))
    declared = {*plan.declared, *(c for queue in plan.queues for c in queues[queue].classes)}
    return replace(
        plan,
        declared=tuple(sorted(declared)),
        guidelines={q: queues[q].digest for q in plan.queues if queues[q].digest},
    )


def _said(other: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in other.items() if value not in (None, ())}
