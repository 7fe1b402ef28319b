"""Why somebody is shown a case, in words."""

from freehold.core.cases import Case
from freehold.core.decisions import MILLION

_SAYS = {
    "rule": "The rule {detail} applied.",
    "detector": "The detector {detail} found something.",
    "low_confidence": "The model was not sure of its answer.",
    "abstained": "The model {detail} was too unsure to answer.",
    "fallback": "Another model had to answer than the one that was chosen first.",
    "unanswered": "No model answered: {detail} failed.",
    "human": "A person took over.",
    "feedback": "Somebody disliked it, or gave a better answer: {detail}.",
    "incident": "{detail} answered it, was taken back, and somebody disliked the answer.",
    "shadow": "The model on trial, {detail}, said something else.",
    "out_of_scope": "It is none of the things that this app is for.",
    "drift": "Questions like this one are new.",
    "success": "It went well, and is worth learning from.",
    "imported": "It was brought in from {detail}.",
    "random": "Drawn by chance, so that not only failures are looked at.",
}
_PLAIN = {
    "rule": "A rule applied.",
    "detector": "A detector found something.",
    "abstained": "A model was too unsure to answer.",
    "unanswered": "No model answered.",
    "feedback": "Somebody disliked it, or gave a better answer.",
    "imported": "It was brought in from elsewhere.",
    "incident": "A version that was taken back answered it.",
    "shadow": "A model on trial said something else.",
}


_SAYS_OTHERWISE = frozenset({"feedback", "incident", "human"})


def in_words(reason: str) -> str:
    """One reason, ``kind:detail``, as a sentence."""
    kind, _, detail = reason.partition(":")
    said = _SAYS.get(kind) if detail else _PLAIN.get(kind, _SAYS.get(kind))
    return said.format(detail=detail) if said is not None else f"{reason}."


def why(case: Case) -> list[str]:
    """All that speaks for looking at this case."""
    kinds = {reason.partition(":")[0] for reason in case.reasons}
    # somebody said otherwise afterwards: that it seemed to go well is no reason any more
    well = kinds.isdisjoint(_SAYS_OTHERWISE)
    told = [one for one in case.reasons if well or one.partition(":")[0] != "success"]
    lines = list(dict.fromkeys(map(in_words, told)))
    if case.uncertainty:
        lines.append(f"Uncertainty {case.uncertainty / MILLION:.0%}.")
    if case.value != MILLION:
        lines.append(f"Worth {case.value / MILLION:.3g} times another case.")
    return lines
