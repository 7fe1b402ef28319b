"""A journey with nothing behind it: what would happen, and nothing does."""

import os

from freehold.bundle.model import PROVIDERS
from freehold.bundle.resolve import ResolvedBundle
from freehold.bundle.routers import policies
from freehold.core.clock import SystemClock
from freehold.core.health import Untroubled
from freehold.core.ports import Router, SubjectKeys
from freehold.journey import Journey
from freehold.ledger.runtime import runtime_digest
from freehold.services.rehearse import Rehearsal, SpeakersFirst, StandIn
from freehold.stages.admit import Admit
from freehold.stages.audit import Audit
from freehold.stages.context import Context
from freehold.stages.data_prep import DataPrep
from freehold.stages.governance import Governance
from freehold.stages.inference import Inference
from freehold.stages.monitoring import Monitoring
from freehold.stages.policy import Policy
from freehold.stages.routing import Routing
from freehold.stages.routing.choosing import LearnedRouter
from freehold.stages.routing.learners import Learners
from freehold.stages.routing.loading import loaded


def rehearsal(bundle: ResolvedBundle, keys: SubjectKeys | None = None) -> Rehearsal:
    """The journey under this bundle with nothing behind it: what would happen.

    Args:
        keys: what texts are sealed with; without it, the records of rehearsals hold none.
    """
    clock = SystemClock()
    stand = StandIn()
    health = Untroubled()
    governance = Governance(placeholder_key=os.urandom(32), keys=keys)
    governance.adopt(bundle.heads)
    journey = Journey(
        bundle_hash=bundle.hash,
        admit=Admit(stand, stand, stand, bundle.app_for, clock),
        data_prep=DataPrep(bundle.intents),
        governance=governance,
        context=Context({"sql": stand, "http": stand}),
        policy=Policy(stand),
        routing=Routing(health, clock, routers=_routers(bundle, stand)),
        inference=Inference(dict.fromkeys(PROVIDERS, stand), clock, health),
        monitoring=Monitoring(),
        audit=Audit(stand, runtime_digest(), lambda _: bytes(32), clock=clock),
        clock=clock,
    )
    return Rehearsal(bundle, stand, journey, clock)


def _routers(bundle: ResolvedBundle, stand: StandIn) -> dict[str, Router]:
    """Those of a gateway that has learned nothing yet."""
    routers: list[Router] = [LearnedRouter(Learners()), *loaded(policies(bundle.bundle)).values()]
    return {router.id: SpeakersFirst(stand, router) for router in routers}
