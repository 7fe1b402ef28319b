"""Named invariants proved over an app's rules, and rules that can never fire."""

from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import suppress
from itertools import permutations, product
from typing import Any

from msgspec import Struct
from msgspec.structs import asdict

from freehold.bundle.invariant import Invariant
from freehold.bundle.resolve import ResolvedBundle
from freehold.core.errors import NotFound
from freehold.core.spec import RuleSpec
from freehold.rules.names import facts_in
from freehold.rules.prove import Verdict, can_hold, implies
from freehold.rules.syntax import Unread
from freehold.services.covering import demands_enough, shortfall

_QUICK_MS = 2_000
"""For questions that nobody asked by name."""


class Proof(Struct, frozen=True, kw_only=True):
    """An invariant under one app's rules.

    Attributes:
        status: ``proved``, ``fails``, ``unknown`` (z3 gave up) or ``unread`` (not CEL that can be
            proved over).
        example: facts for which no rule demands enough.
        unread: parts of expressions that count as unknown.
        rules: those that a proof rests on.
        fell_short: where it fails, rules that would have made it a proof, and why they don't count.
    """

    invariant: str
    app: str
    status: str
    example: dict[str, Any]
    unread: tuple[str, ...]
    rules: tuple[str, ...]
    took_ms: float
    fell_short: dict[str, str] = {}

    def as_dict(self) -> dict[str, Any]:
        """For ``--json``."""
        return asdict(self)


class Shadowed(Struct, frozen=True):
    """A rule without effect: whenever it fires, ``by`` blocks."""

    rule: str
    by: str


class Clash(Struct, frozen=True):
    """Two rules that rewrite the same: facts for which both fire. Only the first text is used."""

    rules: tuple[str, str]
    example: dict[str, Any]


class Proofs(Struct, frozen=True, kw_only=True):
    """All invariants under all their apps, and what can never fire."""

    proofs: tuple[Proof, ...]
    dead: tuple[str, ...]
    always: tuple[str, ...] = ()
    shadowed: tuple["Shadowed", ...] = ()
    clashes: tuple["Clash", ...] = ()

    @property
    def ok(self) -> bool:
        """Whether everything was proved, and every rule can fire."""
        return not self.dead and all(proof.status == "proved" for proof in self.proofs)


def prove(
    bundle: ResolvedBundle,
    only: Collection[str] = (),
    progress: Callable[[str], None] = lambda _: None,
) -> Proofs:
    """Prove invariants: all, or some. ``progress`` is told of each beforehand.

    Raises:
        NotFound: an invariant that the bundle does not have.
        ProverMissing: z3 is not installed.
    """
    known = bundle.bundle.invariants
    unknown = sorted(set(only) - known.keys())
    if unknown:
        names = ", ".join(sorted(known)) or "none"
        raise NotFound(f"the bundle has no invariant {unknown[0]!r}; it has {names}")
    proofs = []
    for name, invariant in known.items():
        if only and name not in only:
            continue
        for app in invariant.apps or sorted(bundle.bundle.apps):
            progress(f"{name} in {app}")
            proofs.append(_prove(bundle, name, invariant, app))
    if only:
        return Proofs(proofs=tuple(proofs), dead=())
    live = [rule for rule in bundle.rules.values() if _can(rule.when) is not False]
    dead = tuple(rule.id for rule in bundle.rules.values() if rule not in live)
    always = tuple(rule.id for rule in live if _can(f"!({rule.when}\n)") is False)
    told = [rule for rule in live if rule.id not in always]
    return Proofs(
        proofs=tuple(proofs),
        dead=dead,
        always=always,
        shadowed=tuple(_shadowed(told, bundle, progress)),
        clashes=tuple(_clashes(told, bundle, progress)),
    )


def _prove(bundle: ResolvedBundle, name: str, invariant: Invariant, app: str) -> Proof:
    spec = bundle.app_for(bundle.bundle.apps[app].tenant, app)
    enough = [rule for rule in spec.rules if demands_enough(rule, invariant)]
    short: dict[str, str] = {}
    try:
        verdict = implies(invariant.when, [rule.when for rule in enough])
        if verdict.holds is False:
            short = _short(spec.rules, enough, invariant)
    except Unread as unread:
        verdict = Verdict(holds=None, example={}, unread=(str(unread),), took_ms=0.0)
        status = "unread"
    else:
        status = {True: "proved", False: "fails", None: "unknown"}[verdict.holds]
    return Proof(
        invariant=name,
        app=app,
        status=status,
        example=dict(verdict.example),
        unread=verdict.unread,
        rules=tuple(enough[place].id for place in verdict.by),
        took_ms=verdict.took_ms,
        fell_short=short,
    )


def _short(
    rules: Sequence[RuleSpec], enough: Sequence[RuleSpec], invariant: Invariant
) -> dict[str, str]:
    """Rules that would make it a proof, and why what they demand does not count."""
    why = {rule.id: shortfall(rule, invariant) for rule in rules}
    more = [rule for rule in rules if why[rule.id]]
    if not more:
        return {}
    verdict = implies(invariant.when, [rule.when for rule in (*enough, *more)], _QUICK_MS)
    named = [more[place - len(enough)].id for place in verdict.by if place >= len(enough)]
    return {rule: why[rule] or "" for rule in named}


def _can(when: str) -> bool | None:
    """Whether any facts can meet a condition; ``None`` where that can't be told."""
    try:
        return can_hold(when, _QUICK_MS).holds
    except Unread:
        return None


def _pairs(
    rules: Sequence[RuleSpec], bundle: ResolvedBundle
) -> Iterator[tuple[RuleSpec, RuleSpec]]:
    """Enforcing rules of one phase that name a fact in common and meet in some app."""
    meet: set[tuple[str, str]] = set()
    tenants = bundle.bundle.tenants
    for app in bundle.bundle.apps.values():
        for tenant, spec in tenants.items():
            path = bundle.path(tenant) if spec.rules or tenant == app.tenant else ()
            if app.tenant in path:
                ids = {rule for above in path for rule in tenants[above].rules} | {*app.rules}
                meet.update(product(ids, ids))
    for one, other in permutations([rule for rule in rules if rule.mode == "enforce"], 2):
        shared = facts_in(one.when) & facts_in(other.when)
        if one.phase == other.phase and shared and (one.id, other.id) in meet:
            yield one, other


def _does(rule: RuleSpec, action: str) -> bool:
    return any(obligation.action == action for obligation in rule.obligations)


def _shadowed(
    rules: Sequence[RuleSpec], bundle: ResolvedBundle, progress: Callable[[str], None]
) -> Iterator[Shadowed]:
    for one, other in _pairs(rules, bundle):
        if _does(one, "block") or not _does(other, "block"):
            continue
        progress(f"{one.id} beside {other.id}")
        with suppress(Unread):
            if implies(one.when, [other.when], _QUICK_MS).holds:
                yield Shadowed(one.id, other.id)


def _clashes(
    rules: Sequence[RuleSpec], bundle: ResolvedBundle, progress: Callable[[str], None]
) -> Iterator[Clash]:
    for one, other in _pairs(rules, bundle):
        if one.id > other.id or not (_does(one, "rewrite") and _does(other, "rewrite")):
            continue
        progress(f"{one.id} beside {other.id}")
        with suppress(Unread):
            both = can_hold(f"({one.when}\n) && ({other.when}\n)", _QUICK_MS)
            if both.holds:
                yield Clash((one.id, other.id), dict(both.example))
