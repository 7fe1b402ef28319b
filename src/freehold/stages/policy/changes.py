"""What obligations do to texts: cutting facts and findings out, and rewriting."""

from collections.abc import Iterable, Sequence

from freehold.core.ask import Message, Operation
from freehold.core.facts import TextFact
from freehold.core.handoffs import Checked, Choice, Judged
from freehold.core.spec import Obligation
from freehold.rules.turns import newest_turn
from freehold.stages.policy.verdicts import Demands
from freehold.text.facts import extract


def kinds_to_cut(demands: Demands) -> frozenset[str]:
    """Kinds of facts that fired rules want taken out."""
    return frozenset(kind for o in demands.all("redact") for kind in o.facts)


def labels_to_cut(demands: Demands) -> frozenset[str]:
    """Labels of findings that fired rules want taken out."""
    return frozenset(label for o in demands.all("redact") for label in o.labels)


def without_facts(text: str, facts: Sequence[TextFact], offset: int, kinds: frozenset[str]) -> str:
    """``text`` with the facts of these kinds cut out; ``offset`` is where it begins.

    Facts that overlap go as one, under the name of the first.
    """
    spans: list[tuple[int, int, str]] = []
    for fact in facts:
        if fact.kind not in kinds:
            continue
        start, end = fact.start - offset, fact.end - offset
        if spans and start < spans[-1][1]:
            first, before, kind = spans[-1]
            spans[-1] = (first, max(before, end), kind)
        else:
            spans.append((start, end, fact.kind))
    for start, end, kind in reversed(spans):
        text = f"{text[:start]}[{kind} removed]{text[end:]}"
    return text


def without_labels(text: str, checked: Checked, place: int, labels: frozenset[str]) -> str:
    """``text`` without the values of findings with these labels, wherever they stand.

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
    for value in sorted(values, key=len, reverse=True):
        if value:
            text = text.replace(value, f"[{values[value]} removed]")
    return text


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
        _with(m, without_facts(m.content, extract(m.content, language), 0, kinds))
        if i in turn
        else m
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
