"""Which cases a queue takes, and how many people label each."""

from collections.abc import Callable
from hashlib import blake2b

from freehold.core.cases import Case
from freehold.core.decisions import MILLION
from freehold.core.labels import QueueSpec


def takes(queue: QueueSpec, case: Case, within: Callable[[str, str], bool]) -> bool:
    """Whether a case belongs into a queue.

    Args:
        within: whether a tenant is another one, or below it.
    """
    if case.app not in queue.apps:
        return False
    if queue.tenant and not within(case.tenant, queue.tenant):
        return False
    if queue.intents and case.intent not in queue.intents:
        return False
    kinds = {reason.partition(":")[0] for reason in case.reasons}
    return not queue.reasons or not kinds.isdisjoint(queue.reasons)


def wanted(queue: QueueSpec, case_id: str) -> int:
    """How many people are to label this case: drawn by its id, so that it is so everywhere."""
    if queue.overlap == 1 or queue.share >= MILLION:
        return queue.overlap
    digest = blake2b(f"{queue.name}\n{case_id}".encode(), digest_size=8).digest()
    return queue.overlap if int.from_bytes(digest, "big") % MILLION < queue.share else 1
