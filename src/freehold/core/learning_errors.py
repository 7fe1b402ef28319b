"""What can go wrong while people label and models are trained and put to work; `core.errors` draws
the tree.
"""

from freehold.core.error import FreeholdError


class TrainingError(FreeholdError):
    """Nothing can be learned from this: says why, and what would help."""

    code = "FH-LRN-001"
    status = 422
    kind = "invalid_request_error"
    slug = "nothing_learned"
    plain = True


class GateRefused(FreeholdError):
    """A trained model does not meet what the bundle asks of it before it may go on."""

    code = "FH-LRN-002"
    status = 422
    kind = "invalid_request_error"
    slug = "gate_refused"
    plain = True


class AlteredModel(FreeholdError):
    """A custom model's files are missing, or not what was trained and signed; says which."""

    code = "FH-LRN-003"
    slug = "model_altered"


class LabelError(FreeholdError):
    """A label can't be given, or taken back, by this person."""

    code = "FH-LBL-001"
    status = 403
    kind = "permission_error"
    slug = "label_refused"
    plain = True


class TaskTaken(LabelError):
    """Somebody else, or the same person, was first: the task has its labels, or is in other hands.
    No control says no, so 409 does no harm.
    """

    code = "FH-LBL-002"
    status = 409
    kind = "invalid_request_error"
    slug = "task_taken"
