"""Every error that Freehold raises on purpose, each with a stable code and an HTTP status.

FreeholdError
├── BundleError                 the bundle can't be read or doesn't hold together
├── RequestError                the caller's bytes can't be accepted as they are
│   ├── RequestTooLarge         more than the app's or the server's size limit
│   ├── UnreadableContent       something no control can read: media, token ids, unknown fields
│   └── UnderHold               a legal hold keeps what was to be erased
├── AdmissionError              who is asking could not be settled
│   ├── KeyRefused              no key, a key nobody knows, an expired or revoked one
│   ├── IdentityRefused         the end user's token does not verify
│   └── ScopeRefused            a good key, but not for this
├── LimitError                  a limit stands in the way
│   ├── RateLimited             too many requests just now: the one status to retry
│   ├── BudgetExhausted         the money or tokens of the period are spent
│   └── Overloaded              more than this gateway can take just now
├── Refusal                     a control said no
│   ├── GovernanceRefusal       a detector's finding that must not pass
│   ├── PolicyRefusal           a business rule blocked it
│   │   └── StillHeld           somebody approved it, and a rule wants another approval
│   └── ControlFailed           a control crashed or timed out, so nothing passes
├── ApprovalError               an approval can't be given, or taken, by this person
│   ├── AlreadyDecided          somebody else, or the same person, was first
│   ├── ApprovalExpired         it waited too long, or was kept long enough
│   └── ApprovalDeclined        an approver said no
├── LabelError                  a label can't be given, or taken back, by this person
│   └── TaskTaken               somebody else, or the same person, was first
├── ContextError                a required source failed
├── RoutingError                no model may, or can, take this request
│   └── AnswerDoubted           a cascade's check found an answer wanting: the next model is asked
├── ProviderError               a model's endpoint failed
│   ├── ProviderUnavailable     not reached, timed out, 429 or 5xx: another attempt may work
│   │   └── Abstained           a custom model is not sure enough of its answer: another may know
│   └── ProviderRejected        answered 4xx: the same request would fail again
├── AuditError                  the record can't be written, so no answer leaves
├── StorageError                the store can't be opened, read or written
├── TrainingError               nothing can be learned from this
├── GateRefused                 a trained model does not meet what the bundle asks of it
├── AlteredModel                a custom model's files are not what was trained and signed
└── NotFound                    no such exchange, key, app or approval for this caller
"""

from typing import Any, Self

from freehold.core.basis import Basis
from freehold.core.call_errors import CallError

# ruff: noqa: PLC0414 - offered here too, where all of the tree is drawn
from freehold.core.error import FreeholdError as FreeholdError
from freehold.core.learning_errors import AlteredModel as AlteredModel
from freehold.core.learning_errors import GateRefused as GateRefused
from freehold.core.learning_errors import LabelError as LabelError
from freehold.core.learning_errors import TaskTaken as TaskTaken
from freehold.core.learning_errors import TrainingError as TrainingError


class BundleError(FreeholdError):
    """The bundle can't be read or doesn't hold together."""

    code = "FH-BND-001"
    slug = "bundle_invalid"


class RequestError(FreeholdError):
    """The caller's bytes can't be accepted as they are."""

    code = "FH-REQ-001"
    status = 400
    kind = "invalid_request_error"
    slug = "invalid_request"
    plain = True


class RequestTooLarge(RequestError):
    """More than the app's or the server's size limit."""

    code = "FH-REQ-002"
    status = 413
    slug = "request_too_large"


class UnreadableContent(RequestError):
    """Something that no control can read: media, token ids, unknown fields."""

    code = "FH-REQ-003"
    slug = "unsupported_content"


class UnderHold(RequestError):
    """A legal hold keeps what was to be erased."""

    code = "FH-REQ-004"
    status = 403
    slug = "under_legal_hold"


class AdmissionError(FreeholdError):
    """Who is asking could not be settled."""

    code = "FH-ADM-001"
    status = 401
    kind = "authentication_error"
    slug = "unauthenticated"


class KeyRefused(AdmissionError):
    """No key, a key that nobody knows, an expired or a revoked one."""

    code = "FH-ADM-002"
    slug = "invalid_api_key"
    default_public = "The API key is missing, unknown, expired or revoked."


class IdentityRefused(AdmissionError):
    """The end user's token does not verify."""

    code = "FH-ADM-003"
    slug = "invalid_identity_token"
    default_public = "The end user's identity token could not be verified."


class ScopeRefused(AdmissionError):
    """A good key, but not for this operation, app or tenant."""

    code = "FH-ADM-004"
    status = 403
    kind = "permission_error"
    slug = "out_of_scope"
    default_public = "This key does not allow that."


class LimitError(FreeholdError):
    """A limit stands in the way."""

    code = "FH-LIM-001"
    status = 403
    kind = "permission_error"
    slug = "limit_reached"


class RateLimited(LimitError):
    """Too many requests just now; ``retry_after_s`` says when to come back."""

    code = "FH-LIM-002"
    status = 429
    kind = "rate_limit_error"
    slug = "rate_limited"
    default_public = "Too many requests; retry after the time that the Retry-After header names."

    def __init__(self, message: str, *, retry_after_s: int = 1) -> None:
        super().__init__(message)
        self.retry_after_s = retry_after_s


class BudgetExhausted(LimitError):
    """The money or tokens of the period are spent; ``renews``: which, if a new one would help."""

    renews: str = ""
    code = "FH-LIM-003"
    slug = "budget_exhausted"
    default_public = "The budget for this period is spent."


class Overloaded(LimitError):
    """More requests than can be taken just now; ``retry_after_s`` says when to come back."""

    code = "FH-LIM-004"
    status = 503
    kind = "server_error"
    slug = "overloaded"
    default_public = (
        "Too much is asked at once; retry after the time that the Retry-After header names."
    )

    def __init__(self, message: str, *, retry_after_s: int = 1) -> None:
        super().__init__(message)
        self.retry_after_s = retry_after_s


class Refusal(FreeholdError):
    """A control said no; ``rule`` names which one. ``late``: after text had left that it was about,
    as the bundle accepts for it.
    """

    code = "FH-GOV-001"
    status = 403
    kind = "permission_error"
    slug = "refused"
    default_public = "This request was refused by the gateway's controls."

    def __init__(self, message: str, *, public: str | None = None, rule: str = "") -> None:
        super().__init__(message, public=public)
        self.rule = rule
        self.late = False


class GovernanceRefusal(Refusal):
    """A detector's finding that must not pass."""

    code = "FH-GOV-002"
    slug = "content_refused"


class ControlFailed(Refusal):
    """A control crashed or timed out, so nothing passes."""

    code = "FH-GOV-003"
    slug = "control_failed"
    default_public = "A control could not be completed, so the request was refused."


class PolicyRefusal(Refusal):
    """A business rule blocked it."""

    code = "FH-POL-001"
    slug = "policy_refused"
    default_public = "A business rule does not allow this."


class StillHeld(PolicyRefusal):
    """Something approved that a rule still wants approved: by another role, for another rule, or,
    of a request, on other facts. ``demand`` (a `Demand`) is what it wants.
    """

    code = "FH-POL-002"
    slug = "approval_needed"
    default_public = "This answer needs another approval."

    def __init__(self, message: str, *, rule: str, demand: Any, public: str | None = None) -> None:
        super().__init__(message, rule=rule, public=public)
        self.demand = demand


class ApprovalError(FreeholdError):
    """An approval can't be given, or taken, by this person."""

    code = "FH-APR-001"
    status = 403
    kind = "permission_error"
    slug = "approval_refused"
    plain = True


class AlreadyDecided(ApprovalError):
    """Somebody else, or the same person, was first: no control says no, so 409 does no harm."""

    code = "FH-APR-002"
    status = 409
    kind = "invalid_request_error"
    slug = "already_decided"


class ApprovalExpired(ApprovalError):
    """It waited too long, or was kept long enough."""

    code = "FH-APR-003"
    status = 410
    kind = "invalid_request_error"
    slug = "approval_expired"


class ApprovalDeclined(ApprovalError):
    """An approver said no."""

    code = "FH-APR-004"
    slug = "approval_declined"


class ContextError(FreeholdError):
    """A required source failed: facts it should give are unknown, so nothing passes."""

    code = "FH-CTX-001"
    status = 403
    kind = "permission_error"
    slug = "context_unavailable"
    default_public = "Information that this app requires is not available right now."


class RoutingError(FreeholdError):
    """No model may take this request: clearance, region, capability or window rules all out."""

    code = "FH-RTE-001"
    status = 403
    kind = "permission_error"
    slug = "no_model_allowed"
    default_public = "No model is allowed to take this request."


class AnswerDoubted(RoutingError):
    """A cascade's check found an answer wanting, so the next model is asked; no caller sees it."""

    code = "FH-RTE-002"
    status = 502
    kind = "server_error"
    slug = "answer_doubted"
    default_public = "No model gave an answer that will do."


class ProviderError(FreeholdError):
    """A model's endpoint failed; ``sort`` says how, for programs."""

    sort: CallError = "other"
    code = "FH-INF-001"
    status = 502
    slug = "provider_error"
    default_public = "The model could not be reached or did not answer properly."

    def of(self, sort: CallError) -> Self:
        """This error, of that sort."""
        self.sort = sort
        return self


class ProviderUnavailable(ProviderError):
    """Could not be reached, timed out, 429 or 5xx: another attempt may work. ``again`` is false
    where only another model can help: a key refused, a model unknown there.
    """

    code = "FH-INF-002"
    status = 503
    slug = "provider_unavailable"

    def __init__(
        self, message: str, *, retry_after_s: float | None = None, again: bool = True
    ) -> None:
        super().__init__(message)
        self.retry_after_s = retry_after_s
        self.again = again


class Abstained(ProviderUnavailable):
    """A custom model is not sure enough of its answer, by ``confidence`` in millionths; another may
    know. It says nothing against the model's health. ``basis`` is what the record tells of it.
    """

    sort = "unsure"
    code = "FH-INF-004"
    status = 422
    kind = "invalid_request_error"
    slug = "not_confident"
    default_public = "No model of this app is sure enough of an answer."

    def __init__(self, message: str, *, confidence: int = 0, basis: Basis | None = None) -> None:
        super().__init__(message, again=False)
        self.confidence = confidence
        self.basis = basis


class ProviderRejected(ProviderError):
    """The endpoint answered 4xx: the same request would fail again."""

    sort = "refused"
    code = "FH-INF-003"
    status = 400
    kind = "invalid_request_error"
    slug = "provider_rejected"
    default_public = "The model refused this request as malformed."


ANOTHER_MAY = (ProviderError, RoutingError, LimitError)
"""What went wrong with one model, where another may still take the request."""


class AuditError(FreeholdError):
    """The record can't be written (disk full, say), so no answer leaves."""

    code = "FH-AUD-001"
    status = 503
    slug = "audit_unavailable"
    default_public = "The decision record could not be written, so no answer was released."


class StorageError(FreeholdError):
    """The store can't be opened, read or written."""

    code = "FH-STO-001"
    status = 503
    slug = "storage_unavailable"


class NotFound(FreeholdError):
    """No such exchange, key, app or approval, or not one that this caller may know of."""

    code = "FH-NTF-001"
    status = 404
    kind = "invalid_request_error"
    slug = "not_found"
    default_public = "There is no such thing here."
