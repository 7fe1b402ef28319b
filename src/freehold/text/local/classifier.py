"""A trained head as a model: it answers with the label, as JSON or in words that the bundle gives.

Triage is work that large models are often paid for: which queue, which language, urgent or not.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import orjson

from freehold.core.ask import Message
from freehold.core.decisions import MILLION
from freehold.core.local import Known
from freehold.text.heads import Head, unpack, vector_of
from freehold.text.local.asked import question

_OPTIONS = frozenset({"answers", "otherwise"})


class ClassifierModel:
    """Answers with the label that speaks loudest, or that none does.

    ``confidence`` is the head's score for what is answered: as far above the threshold that
    training chose as that score is above a half.
    """

    quick = True

    def __init__(self, head: Head, answers: Mapping[str, str], otherwise: str) -> None:
        self._head = head
        self._answers = answers
        self._otherwise = otherwise
        self.version = head.version

    def answer(self, messages: Sequence[Message]) -> Known:
        """The label of the newest user message."""
        text = question(messages)
        if not text.strip():
            return Known(text="", confidence=0)
        loudest = self._head.judge(vector_of(text))
        fires = loudest.score >= MILLION // 2
        confidence = loudest.score if fires else MILLION - loudest.score
        if self._answers or self._otherwise:
            said = self._answers.get(loudest.label, "") if fires else self._otherwise
            return Known(text=said, confidence=confidence if said else 0)
        label = loudest.label if fires else None
        return Known(text=orjson.dumps({"label": label}).decode(), confidence=confidence)


def classifier(data: bytes, options: Mapping[str, Any]) -> ClassifierModel:
    """From a head (``freehold detector train``). Options: ``answers``, a text for each label, and
    ``otherwise``, the text where none fires; without them, it answers ``{"label": …}``.

    Raises:
        ValueError: no head, or an option that is none.
    """
    head = unpack(data)
    unknown = options.keys() - _OPTIONS
    if unknown:
        raise ValueError(f"a classifier has no option `{min(unknown)}`")
    answers, otherwise = options.get("answers", {}), options.get("otherwise", "")
    if not isinstance(answers, dict) or not all(isinstance(v, str) for v in answers.values()):
        raise ValueError("`answers` gives each label a text")
    if not isinstance(otherwise, str):
        raise ValueError("`otherwise` is a text")
    missing = answers.keys() - set(head.header.labels)
    if missing:
        known = ", ".join(head.header.labels)
        raise ValueError(f"the head has no label `{min(missing)}`; it has {known}")
    return ClassifierModel(head, answers, otherwise)
