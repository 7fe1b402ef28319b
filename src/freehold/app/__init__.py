"""The only place that wires: adapters behind ports, ports into stages, stages into a journey."""

from freehold.app.gateway import make_gateway, run_server
from freehold.app.learning import give_feedback, route_service
from freehold.app.rehearsal import rehearsal
from freehold.app.terminal import (
    alert_desk,
    approval_service,
    content_service,
    erasing_service,
    key_list,
    key_service,
    record_service,
    retention_service,
    spending_service,
)
from freehold.app.trials import outcome_records, trial_service

__all__ = [
    "alert_desk",
    "approval_service",
    "content_service",
    "erasing_service",
    "give_feedback",
    "key_list",
    "key_service",
    "make_gateway",
    "outcome_records",
    "record_service",
    "rehearsal",
    "retention_service",
    "route_service",
    "run_server",
    "spending_service",
    "trial_service",
]
