"""What a caller reads instead of an answer that waits for a person, in every dialect."""

from freehold.core.handoffs import Held


def held_text(held: Held) -> str:
    """Whom it waits for, and the approval's id."""
    if not held.releasable:
        return (
            f"{held.public} Nobody can release it, since the request came without a verified"
            f" identity ({held.approval_id})."
        )
    return f"{held.public} It waits for approval by a {held.role} ({held.approval_id})."
