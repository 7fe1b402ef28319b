"""What must hold before a version of a custom model takes a step, and who may let it."""

from collections.abc import Iterable, Mapping
from typing import Any

from msgspec import Struct
from pydantic import ValidationError

from freehold.bundle.custom_models import CustomModel
from freehold.bundle.gate import Gate
from freehold.bundle.resolve import ResolvedBundle
from freehold.core.deployments import ON_TRIAL, Deployment, State
from freehold.core.errors import ApprovalError, GateRefused, RequestError
from freehold.core.principal import Principal
from freehold.learning.registry import Version

_PASSED = frozenset({"pass", "passed"})


class By(Struct, frozen=True, kw_only=True):
    """Who does something. ``person`` is set where an identity token says who it is."""

    name: str
    person: Principal | None = None

    @property
    def verified(self) -> str:
        """The verified person's id; empty where nobody is verified."""
        return "" if self.person is None or not self.person.verified else self.person.id


FREEHOLD = By(name="freehold")
"""What moves a version without anybody's doing: a guardrail, or evidence."""


def passed(gate: Mapping[str, Any] | None) -> bool:
    """Whether the gate's report says that a version may go on."""
    return gate is not None and str(gate.get("verdict", "")) in _PASSED


def first_step(custom: CustomModel) -> State | None:
    """The first step of the ladder; ``None`` where it has but the promotion."""
    if custom.deploy.shadow > 0:
        return "shadow"
    return "canary" if custom.deploy.trials else None


def fits(version: Version, custom: CustomModel) -> None:
    """Raises: RequestError: it is not what the bundle declares under its name."""
    content = version.manifest.content
    if content.kind != custom.kind:
        raise RequestError(
            f"{version.id} is a {content.kind}; the bundle's `{version.model}` is a {custom.kind}"
        )
    if content.dataset.owner != custom.owner:
        raise RequestError(
            f"what {version.id} learned belongs to `{content.dataset.owner}`; the bundle's "
            f"`{version.model}` belongs to `{custom.owner}`"
        )


def gated(
    version: Version,
    custom: CustomModel,
    by: By,
    bundle: ResolvedBundle,
    *,
    force: bool,
    remembered: str = "",
) -> bool:
    """Whether it goes on without having passed the gate.

    Args:
        remembered: the digest of the model's past incidents as they are now.

    Raises:
        GateRefused: it has not passed.
        ApprovalError: it is to be forced, and this is not the approver.
    """
    gate = version.gate
    same = gate is not None and _asked(gate, custom) == custom.gate
    knew = gate is not None and gate.get("incidents", "") == remembered
    if passed(gate) and same and knew:
        return False
    if not force:
        why = "it has not been through the gate" if gate is None else "the gate refused it"
        if passed(gate):
            why = "the bundle asks something else of it now than when it passed"
            if same:
                why = "there are other past incidents now than it was asked of when it passed"
        raise GateRefused(
            f"{version.id}: {why}; see `freehold gate`, or let the approver `--force` it"
        )
    if not custom.deploy.approval:
        raise ApprovalError(
            f"`{version.model}` names no role under `deploy.approval`, so nobody may force it."
        )
    has_role(custom, by, bundle)
    return True


def _asked(gate: Mapping[str, Any], custom: CustomModel) -> Gate | None:
    """The criteria of a verdict: one of an older release had what it did not name as its default;
    ``None`` where this release asks none of that kind.
    """
    try:
        return Gate.model_validate(gate["asked"]) if "asked" in gate else custom.gate
    except ValidationError:
        return None


def free(rows: Iterable[Deployment], version: Version) -> None:
    """Raises: RequestError: another one is on trial, or this one is live."""
    for row in rows:
        if row.state in ON_TRIAL:
            raise RequestError(
                f"{row.id} is on trial: promote it or roll it back before another one is tried"
            )
        if row.state == "live" and row.version == version.name:
            raise RequestError(f"{row.id} is live already")


def approved(
    custom: CustomModel, row: Deployment, version: Version, by: By, bundle: ResolvedBundle
) -> None:
    """Raises: ApprovalError: this is no second person who has the role."""
    if not custom.deploy.approval:
        return
    person = has_role(custom, by, bundle)
    if why := unapprovable(custom, row):
        raise ApprovalError(why)
    trainer = version.manifest.by.rpartition(":")[2]
    own = {trainer.casefold()}
    if first_step(custom) is not None:
        own.add(row.deployer.casefold())
    if person.id.casefold() in own:
        raise ApprovalError("Nobody promotes a version that they trained or deployed themselves.")


def unapprovable(custom: CustomModel, row: Deployment) -> str:
    """Why nobody can ever promote a version that is on trial; empty where somebody can."""
    if not custom.deploy.approval or first_step(custom) is None or row.deployer:
        return ""
    return (
        f"Nobody can approve {row.id}, since no verified identity deployed it: roll it back and"
        " deploy it with an identity token."
    )


def of_owner(custom: CustomModel, by: By, bundle: ResolvedBundle) -> None:
    """Raises: ApprovalError: a token says that this is somebody of another tenant. Whoever is at
    the terminal without one has the home itself.
    """
    person = by.person
    if person is None:
        return
    if not person.verified or not bundle.is_descendant(custom.owner, person.tenant):
        raise ApprovalError(
            f"The model belongs to `{custom.owner}`; whoever deploys it with an identity token is "
            "of that tenant, or of one above it."
        )


def has_role(custom: CustomModel, by: By, bundle: ResolvedBundle) -> Principal:
    """The verified person with the role that the bundle names.

    Raises:
        ApprovalError: nobody verified, without the role, or of another tenant.
    """
    role, person = custom.deploy.approval, by.person
    if person is None or not person.verified:
        raise ApprovalError(
            f"This needs a verified person with the role {role}: an identity token, here as "
            "anywhere."
        )
    if role not in person.roles:
        raise ApprovalError(f"This needs the role {role}, which the identity token does not carry.")
    if not bundle.is_descendant(custom.owner, person.tenant):
        raise ApprovalError(
            f"The model belongs to `{custom.owner}`; whoever approves it is of that tenant, or of "
            "one above it."
        )
    return person
