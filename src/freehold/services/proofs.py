"""Named invariants proved over an app's rules, and rules that can never fire."""

from collections.abc import Callable, Collection, Iterator
from typing import Any

from msgspec import Struct
from msgspec.structs import asdict

from freehold.bundle.invariant import Invariant
from freehold.bundle.resolve import ResolvedBundle
from freehold.core.errors import NotFound
from freehold.core.spec import RuleSpec
from freehold.rules.prove import Verdict, can_hold, implies
from freehold.rules.syntax import Unread
from freehold.stages.policy.verdicts import STRICTNESS


class Proof(Struct, frozen=True, kw_only=True):
    """An invariant under one app's rules.

    Attributes:
        status: ``proved``, ``fails``, ``unknown`` (z3 gave up) or ``unread`` (not CEL that can be
            proved over).
        example: facts for which no rule demands enough.
        unread: parts of expressions that count as unknown.
        rules: those that a proof rests on.
    """

    invariant: str
    app: str
    status: str
    example: dict[str, Any]
    unread: tuple[str, ...]
    rules: tuple[str, ...]
    took_ms: float

    def as_dict(self) -> dict[str, Any]:
        """For ``--json``."""
        return asdict(self)


class Proofs(Struct, frozen=True, kw_only=True):
    """All invariants under all their apps, and what can never fire."""

    proofs: tuple[Proof, ...]
    dead: tuple[str, ...]

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
    dead = [] if only else list(_dead(bundle))
    return Proofs(proofs=tuple(proofs), dead=tuple(dead))


def _prove(bundle: ResolvedBundle, name: str, invariant: Invariant, app: str) -> Proof:
    spec = bundle.app_for(bundle.bundle.apps[app].tenant, app)
    enough = [rule for rule in spec.rules if _demands(rule, invariant)]
    try:
        verdict = implies(invariant.when, [rule.when for rule in enough])
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
    )


def _demands(rule: RuleSpec, invariant: Invariant) -> bool:
    """Whether the rule, when it fires, demands enough; one that only observes demands nothing."""
    if rule.mode != "enforce":
        return False
    least = STRICTNESS.index(invariant.must)
    return any(
        obligation.action in STRICTNESS[: least + 1]
        and (
            obligation.action != "require_approval"
            or invariant.role is None
            or obligation.role == invariant.role
        )
        for obligation in rule.obligations
    )


def _dead(bundle: ResolvedBundle) -> Iterator[str]:
    """Rules whose condition no facts can meet."""
    for rule in bundle.rules.values():
        try:
            if can_hold(rule.when).holds is False:
                yield rule.id
        except Unread:
            continue
