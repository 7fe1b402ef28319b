"""What a live custom model would say to a case: pre-filled for whoever labels, with its reason."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import orjson

from freehold.bundle.custom_models import CustomModel
from freehold.bundle.resolve import ResolvedBundle
from freehold.core.cases import Case, Moment
from freehold.core.decisions import MILLION
from freehold.core.deployments import Deployment
from freehold.core.errors import FreeholdError
from freehold.core.local import Beside, Known, LocalModel, ReadsContext
from freehold.core.training import Example
from freehold.learning.registry import Registry
from freehold.services.gate_answers import messages_of
from freehold.services.labelling_words import Suggestion
from freehold.text.local import make

_QUICK = ("responder", "classifier")
"""Kinds that answer at once; whoever labels does not wait for a language model."""
_PIECE = ("source", "title", "text", "trusted", "locator", "digest", "rows")


class Suggesting:
    """Asks the version of a custom model that is live for a case's app. A version that can't be
    read suggests nothing; the files of a live one are verified when it is first asked.

    Args:
        bundle: the one that is live.
        rows: where versions stand.
    """

    def __init__(
        self,
        bundle: Callable[[], ResolvedBundle],
        registry: Registry,
        rows: Callable[[], Sequence[Deployment]],
    ) -> None:
        self._bundle = bundle
        self._registry = registry
        self._rows = rows
        self._made: dict[str, tuple[LocalModel, int, Mapping[str, str]] | None] = {}

    def __call__(self, case: Case, moment: Moment) -> Suggestion | None:
        """What it says, where it is sure enough; ``None`` where it abstains, or there is none."""
        customs = self._bundle().bundle.custom_models
        teaches = {name: one for name, one in customs.items() if _for(one, case)}
        if not teaches or not moment.asked:
            return None
        for row in self._rows():
            if row.state == "live" and row.model in teaches:
                found = self._asked(row, case, moment)
                if found is not None:
                    return found
        return None

    def _asked(self, row: Deployment, case: Case, moment: Moment) -> Suggestion | None:
        if row.id not in self._made:
            self._made[row.id] = self._loaded(row.id)
        made = self._made[row.id]
        if made is None:
            return None
        model, threshold, labels = made
        example = Example(id=case.case_id, messages=moment.asked, pieces=moment.pieces)
        messages = messages_of(example, whole=bool(getattr(model, "whole", False)))
        pieces = tuple({k: p[k] for k in _PIECE if k in p} for p in moment.pieces)
        beside = Beside(pieces=pieces, facts=moment.facts)
        try:
            known: Known = (
                model.answer_beside(messages, beside)
                if isinstance(model, ReadsContext)
                else model.answer(messages)
            )
        except ValueError:
            return None
        if not known.text or known.confidence < threshold:
            return None
        evidence = [f"{row.id} is {known.confidence / MILLION:.0%} sure of it"]
        explain: Any = getattr(model, "explain", None)
        if explain is not None:
            told = explain(messages, beside)
            if told.cases:
                evidence.append(f"approved for {len(told.cases)} cases: {_few(told.cases)}")
            evidence += [f"{value} is {origin}" for origin, value in told.slots]
        if labels:  # a classifier: its texts stand for classes
            label = labels.get(known.text, "")
            return Suggestion(intent=label, by=row.id, evidence=tuple(evidence)) if label else None
        return Suggestion(answer=known.text, by=row.id, evidence=tuple(evidence))

    def _loaded(self, which: str) -> tuple[LocalModel, int, Mapping[str, str]] | None:
        try:
            version = self._registry.verify(which)
            content = version.manifest.content
            serving: Mapping[str, Any] = content.serving
            kind = str(serving.get("kind", content.kind))
            if kind not in _QUICK or not content.file:
                return None
            options: Mapping[str, Any] = serving.get("options", {})
            data = self._registry.read(version, content.file)
            model = make(kind, data, orjson.dumps(options).decode())
        except (FreeholdError, ValueError):
            return None
        threshold = round(MILLION * float(serving.get("threshold", 0)))
        answers: Mapping[str, Any] = options.get("answers", {}) if kind == "classifier" else {}
        return model, threshold, {str(text): name for name, text in answers.items()}


def _for(custom: CustomModel, case: Case) -> bool:
    return case.app in custom.learns_from


def _few(cases: Sequence[str]) -> str:
    return ", ".join(cases[:3]) + (", …" if len(cases) > 3 else "")
