"""What a model says to a held-out example, and whether that is right."""

import json
from collections.abc import Callable, Iterable, Iterator
from typing import Any, Literal

from msgspec import Struct

from freehold.core.training import Example
from freehold.learning.agreement import same

NO_CLASS = "none"
"""The label of a question that is of no class at all."""


class Answer(Struct, frozen=True, kw_only=True):
    """What was said.

    Attributes:
        text: what the model said; empty where it abstained, for which the route has a next model.
        label: what a classifier chose; read from ``text`` where it is empty.
        took_ms: how long it took; negative where nobody measured.
        cost_nano: what it costs, in nano-units of the bundle's currency.
        broke: the enforcing rules and controls that did not let it pass as it is.
        unseen: why no control saw it: its request is ``refused`` before any model is asked, or
            ``no app`` of the bundle would hear it. Empty where they did, or there is no answer.
        passed_over: why nobody gets it, since the route asks other models; then it is none, as
            where the model abstains.
    """

    text: str = ""
    label: str = ""
    took_ms: float = -1.0
    cost_nano: int = 0
    broke: frozenset[str] = frozenset()
    unseen: Literal["", "refused", "no app"] = ""
    passed_over: str = ""

    @property
    def abstained(self) -> bool:
        """Whether it leaves the request to the next model."""
        return bool(self.passed_over) or not (self.text or self.label)


Answering = Callable[[Example], Answer]
By = Literal["label", "answer", ""]
"""What of an example is the truth; empty: its label if it has one, else its answer."""


class Compared(Struct, frozen=True, kw_only=True):
    """One example, what the candidate says, and what is said today (``None``: nobody knows)."""

    example: Example
    candidate: Answer
    live: Answer | None = None
    by: By = ""

    def right(self, answer: Answer) -> bool | None:
        """Whether an answer to it is right; see `right`."""
        return right(self.example, answer, self.by)

    @property
    def left(self) -> bool:
        """Whether experts left it to others, or to nobody; see `left`."""
        return left(self.example, self.by)

    @property
    def given(self) -> Answer:
        """What whoever asks would get with the candidate: where it abstains, what is said today."""
        if self.candidate.abstained and self.live is not None:
            return self.live
        return self.candidate


def compared(
    examples: Iterable[Example],
    candidate: Answering,
    live: Callable[[Example], Answer | None],
    by: By = "",
) -> Iterator[Compared]:
    """Ask both."""
    for example in examples:
        yield Compared(example=example, candidate=candidate(example), live=live(example), by=by)


def recorded(example: Example, by: By = "") -> Answer | None:
    """What the model of that day said: what somebody corrected, or else what they let stand.

    ``None`` for examples that do not tell it, as of a class alone.
    """
    if by == "label" and not example.rejected:
        stood = Answer(text=example.answer)
        return stood if example.answer and label_of(stood) == example.label else None
    said = example.rejected or example.answer
    return Answer(text=said) if said else None


def right(example: Example, answer: Answer, by: By = "") -> bool | None:
    """Whether it is right; ``None`` where the example does not tell: then only what was rejected
    is known, and something else was said.
    """
    if by == "label" and not example.label:
        return None
    if example.label and by != "answer":
        if example.label == NO_CLASS:
            return answer.abstained or label_of(answer) in ("", NO_CLASS)
        return label_of(answer) == example.label
    if example.answer:
        return bool(answer.text) and same(example.answer, answer.text)
    if example.rejected and answer.text and same(example.rejected, answer.text):
        return False
    return None


def left(example: Example, by: By = "") -> bool:
    """Whether experts left it without a right answer: of no class at all, or an answer rejected and
    no other put in its place. That another one would have been right is not ruled out; nobody
    said it.
    """
    if by == "label" or (example.label and by != "answer"):
        return example.label == NO_CLASS
    return bool(example.rejected) and not example.answer


def answers(answer: Answer | None) -> bool:
    """Whether somebody gets something by it: a text, or a class that is one."""
    return answer is not None and not answer.abstained and label_of(answer) not in ("", NO_CLASS)


def label_of(answer: Answer) -> str:
    """The class that an answer names: told apart, as JSON (``{"label": …}``), or in plain text."""
    if answer.label:
        return answer.label
    text = answer.text.strip()
    if text.startswith("{"):
        try:
            read: Any = json.loads(text)
        except ValueError:
            return text
        found = read.get("label", read.get("intent")) if isinstance(read, dict) else None
        return found if isinstance(found, str) else ""
    return text
