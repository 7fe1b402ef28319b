"""Labels as votes: of whom, for which case, for what."""

from collections import defaultdict
from collections.abc import Iterable

from msgspec import Struct

from freehold.core.labels import Label, Words
from freehold.learning.agreement.same import representatives

REJECTED = "\0rejected"
"""The vote of whoever only says that the suggestion is wrong."""
ACCEPTED = "\0accepted"
"""The vote for a suggestion that the label does not tell."""


class Vote(Struct, frozen=True):
    """``value`` is an intent, a text that stands for an answer, `REJECTED` or `ACCEPTED`."""

    case_id: str
    labeler: str
    value: str


def votes(labels: Iterable[tuple[Label, Words | None]]) -> list[Vote]:
    """The votes in these labels: the newest of each labeler for each case.

    An intent counts where one was chosen; else what was written, where answers that say the same
    are one value; ``correct`` votes for the suggestion. Labels that were taken back, ``skip`` and
    ``escalate`` are no votes, nor are those whose words can't be read any more. Whoever only
    rejects contradicts whoever accepts; where somebody else says what is right instead, a mere
    rejection adds nothing.
    """
    newest: dict[tuple[str, str], tuple[Label, Words | None]] = {}
    for label, words in labels:
        if label.undone:
            continue
        before = newest.get((label.case_id, label.labeler))
        if before is None or (label.at_ns, label.label_id) >= (before[0].at_ns, before[0].label_id):
            newest[label.case_id, label.labeler] = label, words
    by_case: dict[str, list[tuple[str, str, bool]]] = defaultdict(list)
    accepted: dict[str, set[str]] = defaultdict(set)
    for (case_id, labeler), (label, words) in newest.items():
        value, written = _value(label, words)
        if value:
            by_case[case_id].append((labeler, value, written))
            if label.verdict == "correct":
                accepted[case_id].add(value)
    found = []
    for case_id, given in by_case.items():
        values = {value for _, value, _ in given}
        if accepted[case_id].isdisjoint(values) and values - {REJECTED}:
            given = [one for one in given if one[1] != REJECTED]
        texts = [value for _, value, written in given if written]
        leads = iter(representatives(texts))
        for labeler, value, written in given:
            found.append(Vote(case_id, labeler, texts[next(leads)] if written else value))
    return found


def _value(label: Label, words: Words | None) -> tuple[str, bool]:
    """What a label votes for, and whether that was written freely."""
    if label.verdict in ("skip", "escalate"):
        return "", False
    if label.intent:
        return label.intent, False
    if label.verdict == "correct":
        return (label.suggested, True) if label.suggested.strip() else (ACCEPTED, False)
    if label.verdict == "edit":
        return ("" if words is None else words.answer.strip()), True
    return REJECTED, False
