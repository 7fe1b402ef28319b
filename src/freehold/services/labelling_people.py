"""Who may label, and who may decide between labels."""

from collections.abc import Callable

from msgspec import Struct

from freehold.bundle.resolve import ResolvedBundle
from freehold.core.cases import Case
from freehold.core.errors import IdentityRefused, LabelError
from freehold.core.labels import QueueSpec
from freehold.core.ports import IdentityVerifier
from freehold.core.principal import KeyGrant, Principal

_LONGEST_NAME = 200


class Labeler(Struct, frozen=True, kw_only=True):
    """Somebody who labels.

    Attributes:
        verified: an identity token said so; else it is a name given at the terminal.
        tops: tenants below which they reach cases, all of them at once; empty: everywhere.
        clearances: ``None`` for whoever reads at the terminal, who reads all that is kept.
        by: the key that they came with.
    """

    name: str
    verified: bool = False
    issuer: str = ""
    roles: frozenset[str] = frozenset()
    clearances: frozenset[str] | None = None
    tops: frozenset[str] = frozenset()
    by: str = ""

    def reaches(self, tenant: str, bundle: ResolvedBundle) -> bool:
        """Whether they may look at a tenant's cases."""
        return all(bundle.is_descendant(tenant, top) for top in self.tops)

    @property
    def told(self) -> dict[str, object]:
        """For the ledger, beside the name."""
        return {"verified": self.verified, "issuer": self.issuer, "key": self.by}


def named(name: str) -> Labeler:
    """Somebody at the terminal of the machine, whom nobody vouches for.

    Raises:
        LabelError: it is no name.
    """
    plain = " ".join(name.split())
    if not plain or len(plain) > _LONGEST_NAME or not plain.isprintable():
        raise LabelError(f"A name has 1 to {_LONGEST_NAME} printable characters.", param="as")
    return Labeler(name=plain)


def of_person(person: Principal, bundle: ResolvedBundle, grant: KeyGrant | None = None) -> Labeler:
    """A verified person; through a door with keys, the key's tenant bounds what they reach, too.

    Raises:
        LabelError: the token names no tenant of the bundle, or a name that is too long.
    """
    if person.tenant not in bundle.tenants:
        raise LabelError(
            "The identity token names no tenant of this bundle, so its bearer labels nothing:"
            " see `tenant_claim` and `tenant` under `identity.issuers`."
        )
    if len(person.id) > _LONGEST_NAME or "\0" in person.id:
        raise LabelError(f"A labeler's id has {_LONGEST_NAME} characters at most.")
    return Labeler(
        name=person.id,
        verified=True,
        issuer=person.issuer,
        roles=person.roles,
        clearances=person.clearances,
        tops=frozenset({person.tenant} | ({grant.tenant} if grant is not None else set())),
        by=grant.key_id if grant is not None else "",
    )


async def verified(
    token: str | None,
    identity: IdentityVerifier,
    bundle: ResolvedBundle,
    grant: KeyGrant | None = None,
) -> Labeler:
    """The person behind an identity token.

    Raises:
        IdentityRefused: no token, or one that does not verify.
        LabelError: see `of_person`.
    """
    if not token:
        needs = "Labelling needs the identity token of whoever labels."
        raise IdentityRefused("no identity token", public=needs)
    person = identity.cached(token, bundle.issuers)
    if person is None:
        person = await identity.verify(token, bundle.issuers)
    return of_person(person, bundle, grant)


def may_label(who: Labeler, queue: QueueSpec) -> None:
    """Raises: LabelError: the role is not theirs, or a name will not do."""
    _may(who, queue, queue.labelers, "labelling")


def may_decide(who: Labeler, queue: QueueSpec) -> None:
    """Raises: LabelError: the role is not theirs, or a name will not do."""
    _may(who, queue, queue.adjudicators, "deciding between labels")


def _may(who: Labeler, queue: QueueSpec, role: str, what: str) -> None:
    if not who.verified:
        if not queue.named:
            raise LabelError(
                f"Queue `{queue.name}` takes verified identities only: say --identity-token FILE."
            )
        return
    if role and role not in who.roles:
        raise LabelError(
            f"In queue `{queue.name}`, {what} needs the role {role}, which the identity token does"
            " not carry."
        )


def may_see(who: Labeler, queue: QueueSpec) -> bool:
    """Whether a queue is for them at all."""
    for check in (may_label, may_decide):
        try:
            check(who, queue)
        except LabelError:
            continue
        return True
    return False


Masking = Callable[[Case, Labeler], Callable[[str], str]]
"""How somebody may read the texts of a case."""
