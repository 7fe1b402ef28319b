"""What obligations do to texts: cutting facts and findings out, and rewriting."""

from collections.abc import Iterable, Sequence

from freehold.core.ask import Message, Operation
from freehold.core.facts import TextFact
from freehold.core.handoffs import Checked, Choice, Judged
from freehold.core.spec import Obligation
from freehold.rules.turns import newest_turn
from freehold.stages.policy.demands import Demands
from freehold.text.facts import extract

Edit = tuple[int, int, str]
"""Characters of a text to replace, and by what; offsets count from the text's beginning."""


def kinds_to_cut(demands: Demands, needs: str = "") -> frozenset[str]:
    """Kinds of facts that fired rules want taken out; only those of rules that need so much."""
    return frozenset(kind for o in demands.all("redact", needs) for kind in o.facts)


def labels_to_cut(demands: Demands) -> frozenset[str]:
    """Labels of findings that fired rules want taken out."""
    return frozenset(label for o in demands.all("redact") for label in o.labels)


def cuts(facts: Sequence[TextFact], kinds: frozenset[str]) -> list[Edit]:
    """What takes the facts of these kinds out."""
    return [(f.start, f.end, f"[{f.kind} removed]") for f in facts if f.kind in kinds]


def label_cuts(text: str, checked: Checked, place: int, labels: frozenset[str]) -> list[Edit]:
    """What takes the values of findings with these labels out, wherever they stand.

    Findings refer to what the model wrote, while placeholders in ``text`` may have been put back,
    so values are looked for instead of offsets.
    """
    raw = checked.answer.choices[place].text
    where = f"answer:{place}" if place else "answer"
    values = {
        raw[f.start : f.end]: f.kind
        for f in checked.findings
        if f.label in labels and f.where in ("answer", where)
    }
    edits: list[Edit] = []
    for value in sorted(filter(None, values), key=len, reverse=True):
        at = text.find(value)
        while at >= 0:
            edits.append((at, at + len(value), f"[{values[value]} removed]"))
            at = text.find(value, at + len(value))
    return edits


def united(edits: Iterable[Edit]) -> list[Edit]:
    """In order and apart; those that overlap go as one, under the name of the first."""
    apart: list[Edit] = []
    for start, end, said in sorted(edits, key=lambda edit: (edit[0], -edit[1])):
        if apart and start < apart[-1][1]:
            first, before, name = apart[-1]
            apart[-1] = (first, max(before, end), name)
        else:
            apart.append((start, end, said))
    return apart


def edited(text: str, edits: Sequence[Edit], offset: int = 0) -> str:
    """``text`` with the edits made; ``offset`` is where it begins."""
    if not edits:
        return text
    parts: list[str] = []
    done = 0
    for start, end, said in united(edits):
        parts += (text[done : start - offset], said)
        done = end - offset
    return "".join(parts) + text[done:] if parts else text


def rewritten(checked: Checked, template: str, tags: tuple[str, ...]) -> Judged:
    """The template in place of every choice."""
    choices = tuple(
        Choice(index=c.index, text=template, finish_reason="stop") for c in checked.choices
    )
    return Judged(
        checked=checked,
        choices=choices,
        release_chars=(len(template),) * len(choices),
        tags=tags,
    )


def request_changed(
    messages: tuple[Message, ...], operation: Operation, demands: Demands, language: str
) -> tuple[Message, ...]:
    """The messages with what rules on the request want changed: the newest turn, no other."""
    rewrite = demands.first("rewrite")
    turn = newest_turn(messages, operation)
    if rewrite is not None:
        return _replaced(messages, operation, turn, rewrite[1])
    kinds = kinds_to_cut(demands)
    if not kinds:
        return messages
    return tuple(
        _with(m, edited(m.content, cuts(extract(m.content, language), kinds))) if i in turn else m
        for i, m in enumerate(messages)
    )


def _replaced(
    messages: tuple[Message, ...],
    operation: Operation,
    turn: Iterable[int],
    obligation: Obligation,
) -> tuple[Message, ...]:
    template = obligation.template
    places = sorted(turn)
    if operation == "embedding":
        return tuple(Message(role="user", content=template) for _ in messages)
    if not places:
        return (*messages, Message(role="user", content=template))
    gone = frozenset(places[:-1])
    return tuple(
        Message(role="user", content=template) if i == places[-1] else m
        for i, m in enumerate(messages)
        if i not in gone
    )


def _with(message: Message, content: str) -> Message:
    if content == message.content:
        return message
    return Message(
        role=message.role,
        content=content,
        name=message.name,
        tool_calls=message.tool_calls,
        tool_call_id=message.tool_call_id,
    )
