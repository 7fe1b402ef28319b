"""What an alert means: whether it can be, what it is to the gateway, and those that come along."""

from collections.abc import Collection
from decimal import Decimal

from msgspec.structs import replace

from freehold.bundle import schema
from freehold.bundle.alert import Alert, Demote, OpenCase, RaiseFloor, Reaction, Stop
from freehold.bundle.declared import Names
from freehold.bundle.mirroring import mirror_labels
from freehold.bundle.problems import Problems, did_you_mean, one_of
from freehold.bundle.tree import Tree, shown
from freehold.bundle.unread import Unread
from freehold.core.alerts import EVERY, WATCHES, AlertSpec, ReactionSpec, Subject, SubjectKind
from freehold.core.decisions import MILLION

_NANO = 1_000_000_000
_KINDS: tuple[SubjectKind, ...] = ("model", "route", "app", "mirror")
_REACTIONS = ("demote", "stop", "raise_floor", "open_case")


def _shipped(name: str, watch: str, kind: SubjectKind, **more: object) -> AlertSpec:
    described = WATCHES[watch]  # type: ignore[index]
    values = {"direction": described.worse, "least": described.least, "severity": "info"} | more
    return AlertSpec(
        name=name, watch=watch, subject=Subject(kind, EVERY), **values  # type: ignore[arg-type]
    )  # fmt: skip


BUILT_IN: tuple[AlertSpec, ...] = (
    _shipped("model-slower", "latency", "model", severity="warning"),
    _shipped("model-starts-slower", "first_token", "model", least=0.25),
    _shipped(
        "model-failing", "errors", "model",
        when="above", value=0.2, window_s=120, for_s=30, severity="warning",
    ),
    _shipped("route-dearer", "cost", "route"),
    _shipped("route-worse", "quality", "route", severity="warning"),
    _shipped("model-unsure", "confidence", "model"),
    _shipped("other-lengths", "length", "app"),
    _shipped("other-languages", "language", "app"),
    _shipped("other-intents", "intents", "app"),
    _shipped("other-labels", "labels", "app"),
    _shipped("other-rules", "rules", "app"),
    _shipped("other-outcomes", "outcomes", "app"),
    _shipped(
        "mirror-late", "mirror_lag", "mirror",
        when="above", value=1.0, window_s=30, fewest=1, severity="warning",
    ),
    _shipped(
        "ledger-contradicted", "contradictions", "mirror",
        when="above", value=0.0, window_s=30, fewest=1, severity="critical",
    ),
)  # fmt: skip
"""Alerts that hold in every bundle that does not switch them off; they only log, and those about
the ledger tell the webhook for alerts where there is one. A bundle's own of the same name takes the
place of one.
"""


def alert_specs(bundle: schema.Bundle) -> tuple[AlertSpec, ...]:
    """The bundle's alerts, and those that come along."""
    own = [_spec(name, alert) for name, alert in bundle.alerts.items()]
    if not bundle.monitoring.defaults:
        return tuple(own)
    told = bundle.monitoring.webhook is not None
    return (
        *own,
        *(
            replace(spec, webhook=told and spec.subject.kind == "mirror")
            for spec in BUILT_IN
            if spec.name not in bundle.alerts
        ),
    )


def _spec(name: str, alert: Alert) -> AlertSpec:
    watch = WATCHES[alert.watch]
    subject = _subject(alert)
    value = alert.value or 0.0
    return AlertSpec(
        name=name,
        watch=alert.watch,
        subject=subject,
        when=alert.when,
        direction=alert.direction or watch.worse,
        value=float(Decimal(repr(value)) * _NANO) if alert.watch == "cost" else value,
        least=watch.least if alert.least is None else alert.least,
        window_s=alert.window_s,
        for_s=alert.for_s,
        fewest=alert.fewest,
        settle_s=alert.settle_s,
        severity=alert.severity,
        reactions=tuple(_reaction(reaction) for reaction in alert.reactions),
        webhook="webhook" in alert.notify,
    )


def _subject(alert: Alert) -> Subject:
    named = {kind: getattr(alert.of, kind) for kind in _KINDS}
    return next(Subject(kind, name) for kind, name in named.items() if name is not None)


def _reaction(reaction: Reaction) -> ReactionSpec:
    said = next(v for name in _REACTIONS if (v := getattr(reaction, name)) is not None)
    if isinstance(said, RaiseFloor):
        floor = round(Decimal(repr(said.to)) * MILLION)
        return ReactionSpec(
            kind="raise_floor", route=said.route or "", floor=floor, minutes=said.minutes
        )
    if isinstance(said, OpenCase):
        return ReactionSpec(kind="open_case", exchanges=said.exchanges)
    assert isinstance(said, Demote | Stop)  # noqa: S101 - for the type checker
    return ReactionSpec(
        kind="demote" if isinstance(said, Demote) else "stop",
        route=said.route or "",
        model=said.model or "",
        intent=(said.intent or "") if isinstance(said, Stop) else "",
        minutes=said.minutes or 0,
    )


def check_alerts(root: Tree, names: Names, unread: Unread, problems: Problems) -> None:
    """What each alert watches can be watched, and its reactions have somebody to touch."""
    mirrors = mirror_labels(root)
    for name, tree in root.section("alerts").entries():
        _check_names(name, tree, names, mirrors, unread, problems)
        _check(name, tree, problems)
        if _webhook(tree) and root.section("monitoring").get("webhook") is None:
            problems.add(
                "alert.webhook",
                tree.key_spot("notify"),
                f"alert `{name}` tells a webhook, and `monitoring.webhook` names none",
                path=("alerts", name, "notify"),
                suggestion="add `monitoring: {webhook: {url: …, secret: env:NAME}}`",
            )


def _check_names(
    name: str,
    tree: Tree,
    names: Names,
    mirrors: Collection[str],
    unread: Unread,
    problems: Problems,
) -> None:
    """Whom it watches and touches is declared; being watched is no use of a model."""
    known: dict[str, Collection[str]]
    known = {"model": names.models, "route": names.routes, "app": names.apps, "mirror": mirrors}
    places: list[tuple[Tree, tuple[str | int, ...]]] = [(tree.section("of"), ("of",))]
    for number, reaction in enumerate(tree.section("reactions").items()):
        for kind, said in reaction.entries():
            places.append((said, ("reactions", number, kind)))
    for place, path in places:
        for kind, declared in known.items():
            at, word = place.get(kind), place.text(kind)
            if at is None or word in (None, EVERY, *declared):
                continue
            if not unread.may_declare(str(word), declared):
                problems.add(
                    f"ref.{kind}",
                    at.spot,
                    f"unknown {kind} {shown(str(word))}{unread.remark}",
                    path=("alerts", name, *path, kind),
                    suggestion=did_you_mean(str(word), declared),
                )


def _webhook(tree: Tree) -> bool:
    return any(item.value == "webhook" for item in tree.section("notify").items())


def _check(name: str, tree: Tree, problems: Problems) -> None:
    path = ("alerts", name)
    of = tree.section("of")
    said = [kind for kind in _KINDS if of.get(kind) is not None]
    if len(said) != 1 and tree.get("of") is not None:
        problems.add(
            "alert.of",
            of.spot,
            f"alert `{name}` is of {'nothing' if not said else 'several things'}",
            path=(*path, "of"),
            suggestion='name a model, route, app or mirror, or `"*"` for each of its kind',
        )
        return
    watch = {str(name): watch for name, watch in WATCHES.items()}.get(tree.text("watch") or "")
    if watch is None or not said:
        return
    if said[0] not in watch.subjects:
        subject = f"{'an' if said[0] == 'app' else 'a'} {said[0]}"
        problems.add(
            "alert.watch",
            tree.key_spot("watch"),
            f"`{tree.text('watch')}` can't be read of {subject}",
            path=(*path, "watch"),
            suggestion=f"there is {one_of(watch.subjects)}",
        )
    level = tree.text("when") in ("above", "below")
    if level and (watch.mix or tree.get("value") is None):
        why = "a mix only drifts" if watch.mix else "it says no `value`"
        problems.add(
            "alert.value",
            tree.key_spot("when"),
            f"alert `{name}` can't be {tree.text('when')} anything: {why}",
            path=(*path, "when"),
            suggestion="write `when: drift`" if watch.mix else f"add `value:` ({watch.unit})",
        )
    for number, reaction in enumerate(tree.section("reactions").items()):
        _check_reaction(reaction, said[0], (*path, "reactions", number), problems)


def _check_reaction(
    reaction: Tree, kind: str, path: tuple[str | int, ...], problems: Problems
) -> None:
    stands = [key for key, _ in reaction.entries() if key in _REACTIONS]
    if isinstance(reaction.value, dict) and len(stands) != 1:
        problems.add(
            "alert.reaction",
            reaction.spot,
            f"this reaction says {len(stands)} things",
            path=path,
            suggestion=f"give each its own `-`: {one_of(_REACTIONS)}",
        )
        return
    for name in stands:
        needs = {"demote": "model", "stop": "model", "raise_floor": "route"}.get(name)
        if needs is not None and needs != kind and reaction.section(name).get(needs) is None:
            problems.add(
                "alert.reaction",
                reaction.key_spot(name),
                f"`{name}` of an alert about a {kind} must say which {needs}",
                path=(*path, name),
                suggestion=f"add `{needs}:`",
            )
