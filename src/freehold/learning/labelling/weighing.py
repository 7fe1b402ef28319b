"""How reliable each labeler is, by what others and whoever decided said of the same cases."""

from collections.abc import Mapping, Sequence

from msgspec.structs import replace

from freehold.core.labels import Label, QueueSpec, Words
from freehold.learning.agreement import Reliability, Vote, reliability, votes
from freehold.learning.labelling.settling import Said, answer_by

_DECIDED = "\0decided"
"""Stands before whoever decided between labels, so that it is no labeler's vote."""


def judged(queue: QueueSpec, said: Sequence[Said]) -> Reliability:
    """The labelers of a queue, and its cases, judged by each other; what somebody has decided is
    true.
    """
    given = votes([_plain(queue, one) for one in said])
    truth = {vote.case_id: vote.value for vote in given if vote.labeler.startswith(_DECIDED)}
    own = [vote for vote in given if not vote.labeler.startswith(_DECIDED)]
    return reliability(own, truth, values=len(queue.classes))


def weigh(queue: QueueSpec, said: Sequence[Said]) -> Mapping[str, int]:
    """In millionths, how reliable each labeler is."""
    return {name: one.weight for name, one in judged(queue, said).labelers.items()}


def cast(queue: QueueSpec, said: Sequence[Said]) -> list[Vote]:
    """The votes of labelers, without what was decided afterwards."""
    own = [one for one in said if one.label.kind == "label"]
    return votes([_plain(queue, one) for one in own])


def _plain(queue: QueueSpec, said: Said) -> tuple[Label, Words | None]:
    """A label whose suggestion is told as a text, which it is in memory only."""
    label, text = said.label, answer_by(said)
    name = f"{_DECIDED}{label.labeler}" if label.kind == "adjudication" else label.labeler
    intent = label.intent if "intent" in queue.ask else ""
    suggested = text if label.verdict == "correct" else ""
    return replace(label, labeler=name, intent=intent, suggested=suggested), said.words
