"""What the labels of a case come to: gold, or a contradiction that somebody has to decide."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Literal

from msgspec import Struct

from freehold.core.decisions import MILLION
from freehold.core.labels import Gold, Label, QueueSpec, TaskState, Words
from freehold.learning.agreement import same

NO_CLASS = "none"
"""The intent where it is none of those that the queue has."""
_REJECTED = "\0rejected"
How = Literal["agreed", "majority"]


class Said(Struct, frozen=True, kw_only=True):
    """A label with its words, ``None`` where they can't be read any more; ``released`` is the
    answer that left when the case was captured.
    """

    label: Label
    words: Words | None = None
    released: str = ""


class Outcome(Struct, frozen=True, kw_only=True):
    """What a task has come to.

    Attributes:
        gold: where it is settled, and not by saying that nothing can be learned from it.
        why: in words, where it is not settled.
        against: whose labels the gold does not follow.
    """

    state: TaskState
    gold: Gold | None = None
    why: str = ""
    against: tuple[str, ...] = ()


class _Vote(Struct, frozen=True):
    said: Said
    weight: int
    answer: str
    intent: str


class _Choice(Struct, frozen=True):
    value: str
    votes: tuple[_Vote, ...]
    how: How


def settle(
    queue: QueueSpec,
    wanted: int,
    said: Sequence[Said],
    *,
    weights: Mapping[str, int] | None = None,
) -> Outcome:
    """What these labels of one case come to.

    Args:
        wanted: how many labels it takes; `skip` and `escalate` are none.
        weights: in millionths, how reliable each labeler is; a million where nothing is known.
    """
    given = [one for one in said if not one.label.undone]
    decided = [one for one in given if one.label.kind == "adjudication"]
    if decided:
        return _adjudicated(queue, decided[-1])
    if any(one.label.verdict == "escalate" for one in given):
        return Outcome(state="escalated", why="somebody asked for a decision")
    if sum(one.label.verdict == "skip" for one in given) >= queue.skips:
        return Outcome(state="escalated", why=f"{queue.skips} people could not tell")
    counted = [one for one in given if one.label.verdict in ("correct", "edit", "reject")]
    if len(counted) < wanted:
        return Outcome(state="open", why=f"{len(counted)} of {wanted} labels")
    return _counted(queue, _votes(queue, counted, weights or {}))


def _adjudicated(queue: QueueSpec, said: Said) -> Outcome:
    label = said.label
    if label.verdict in ("skip", "escalate"):
        return Outcome(state="settled", why="nothing is to be learned from it")
    about = "answer" in queue.ask
    gold = Gold(
        case_id=label.case_id,
        queue=queue.name,
        intent=label.intent,
        answer=answer_by(said) if about else "",
        rejected=_rejected(said) if about else "",
        labelers=(label.labeler,),
        settled="adjudicated",
        at_ns=label.at_ns,
        rating=label.rating,
    )
    return Outcome(state="settled", gold=gold)


def _votes(queue: QueueSpec, counted: Sequence[Said], weights: Mapping[str, int]) -> list[_Vote]:
    """What each of them says, where answers that say the same are one text."""
    leads: list[str] = []
    votes = []
    for said in counted:
        answer = ""
        if "answer" in queue.ask:
            text = answer_by(said)
            answer = next((lead for lead in leads if same(lead, text)), text) if text else _REJECTED
            if text and answer is text:
                leads.append(text)
        intent = said.label.intent if "intent" in queue.ask else ""
        votes.append(_Vote(said, weights.get(said.label.labeler, MILLION), answer, intent))
    # who only rejects an answer contradicts nobody who says what is right instead of it
    instead = {v.answer for v in votes if v.said.label.verdict == "edit" and v.answer != _REJECTED}
    accepted = {v.answer for v in votes if v.said.label.verdict == "correct"}
    if len(instead) == 1 and not instead & accepted and not accepted:
        better = next(iter(instead))
        votes = [_Vote(v.said, v.weight, better, v.intent) for v in votes]
    return votes


def _counted(queue: QueueSpec, votes: Sequence[_Vote]) -> Outcome:
    by_intent = _choose(votes, lambda vote: vote.intent)
    by_answer = _choose(votes, lambda vote: vote.answer)
    if by_intent is None or by_answer is None:
        about = "the intent" if by_intent is None else "the answer"
        return Outcome(state="disputed", why=f"they do not agree on {about}")
    followed = [vote for vote in by_answer.votes if vote in by_intent.votes]
    if not followed:
        return Outcome(state="disputed", why="who agree on the intent do not on the answer")
    # of several that say the same, the first is not better than the last; edits are longest thought
    edits = [vote for vote in followed if vote.said.label.verdict == "edit"]
    lead = (edits or followed)[0].said
    last = max(vote.said.label.at_ns for vote in votes)
    ratings = [r for vote in votes if (r := vote.said.label.rating) is not None]
    how: Literal["single", "agreed", "majority"] = "majority"
    if len(votes) == 1:
        how = "single"
    elif by_intent.how == by_answer.how == "agreed":
        how = "agreed"
    gold = Gold(
        case_id=lead.label.case_id,
        queue=queue.name,
        intent=by_intent.value,
        answer=answer_by(lead) if by_answer.value not in ("", _REJECTED) else "",
        rejected=_rejected(lead) if "answer" in queue.ask else "",
        weight=_weight(votes, followed),
        labelers=tuple(sorted(vote.said.label.labeler for vote in followed)),
        settled=how,
        at_ns=last,
        rating=sum(ratings) // len(ratings) if ratings else None,
    )
    others = tuple(sorted(v.said.label.labeler for v in votes if v not in followed))
    return Outcome(state="settled", gold=gold, against=others)


def _choose(votes: Sequence[_Vote], of: Callable[[_Vote], str]) -> _Choice | None:
    """What all say, or more than half of the weight and of the heads; else nothing."""
    groups: dict[str, list[_Vote]] = {}
    for vote in votes:
        groups.setdefault(of(vote), []).append(vote)
    value, group = max(groups.items(), key=lambda one: (_heavy(one[1]), len(one[1])))
    if len(groups) == 1:
        return _Choice(value, tuple(group), "agreed")
    if 2 * _heavy(group) > _heavy(votes) and 2 * len(group) > len(votes):
        return _Choice(value, tuple(group), "majority")
    return None


def _heavy(votes: Iterable[_Vote]) -> int:
    return sum(vote.weight for vote in votes)


def _weight(votes: Sequence[_Vote], followed: Sequence[_Vote]) -> int:
    """The chance that those who are followed are right, if each errs on their own."""
    right = wrong = 1.0
    for vote in votes:
        chance = min(max(vote.weight / MILLION, 0.01), 0.999)
        right *= chance if vote in followed else 1 - chance
        wrong *= 1 - chance if vote in followed else chance
    if len(votes) == 1:
        return votes[0].weight
    return round(MILLION * right / (right + wrong))


def answer_by(said: Said) -> str:
    """The right answer by this label; empty where it only rejects, or its words are gone."""
    written = said.words.answer if said.words is not None else ""
    if said.label.verdict == "correct":
        return written or said.released
    return written if said.label.verdict == "edit" else ""


def _rejected(said: Said) -> str:
    """The model's answer, where it is not the right one."""
    wrong = (said.words.rejected if said.words is not None else "") or said.released
    return "" if wrong == answer_by(said) else wrong
