"""The facts that rules on an answer see at each step of it."""

from typing import Any

from freehold.core.facts import TextFact
from freehold.core.handoffs import Checked, Grounded
from freehold.core.trail import Trail
from freehold.rules.disclaimers import FACT
from freehold.rules.facts import answer_facts, complete, grounded_facts, stream_facts
from freehold.stages.policy.progress import Progress, Step
from freehold.stages.policy.verdicts import RuleSet
from freehold.text.escapes import json_start, said

ELAPSED = "stream.elapsed_ms"


class Sheet:
    """Makes the facts that rules see at one step."""

    def __init__(
        self, step: Step, rules: RuleSet, checked: Checked, progress: Progress, trail: Trail
    ) -> None:
        if progress.base is None:
            grounded = checked.answer.sendable.plan.ruled.grounded
            progress.base = request_side(rules.names, grounded, trail)
        self.texts = progress.texts(checked, step)
        self._step = step
        self._rules = rules
        self._checked = checked
        self._base = progress.base
        self._promised = is_structured(checked)
        self._stream: dict[str, Any] = {}
        if rules.streamed:
            self._stream = stream_facts(
                rules.names,
                "\n".join(filter(None, self._fresh())),
                progress.sentences,
                sum(map(len, self.texts)),
                checked.answer.elapsed_ms,
                ended=step.last,
            )

    def _fresh(self) -> list[str]:
        """The step's own text, without its escapes where the answer is JSON."""
        fresh = list(self._step.fresh)
        for i, text in enumerate(fresh):
            if "\\" in text:
                whole = self.texts[i]
                start = 0 if self._promised else json_start(whole)
                begin = len(whole) - len(text)
                fresh[i] = said(text, None if start is None else max(0, start - begin))
        return fresh

    def of(self, found: list[TextFact], texts: list[str] | None = None) -> dict[str, Any]:
        """What rules see when this was found in the texts."""
        rules, last = self._rules, self._step.last
        texts = self.texts if texts is None else texts
        told = answer_facts(
            rules.names, self._checked, found, texts=texts, last=last, promised=self._promised
        )
        facts = complete(rules.names, told | self._base | self._stream)
        if rules.disclaimers is not None and last:
            facts[FACT] = rules.disclaimers.missing(facts, texts)
        return facts


def request_side(names: frozenset[str], grounded: Grounded, trail: Trail) -> dict[str, Any]:
    """Facts of the request and its context that rules on the answer name."""
    early = {name for name in names if not name.startswith(("answer.", "stream.", "tool."))}
    known = {name: trail.facts[name] for name in early if name in trail.facts}
    missing = early - known.keys()
    return known | grounded_facts(missing, grounded) if missing else known


def spoken_with(grounded: Grounded) -> str:
    """The question's language."""
    return grounded.screened.prepared.features.read_as


def is_structured(checked: Checked) -> bool:
    """Whether the caller asked for JSON."""
    form = checked.answer.sendable.plan.ruled.admitted.ask.response_format
    return form is not None and form.get("type") != "text"
