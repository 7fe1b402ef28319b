"""A trained head as a model: it answers with the label, as JSON or in words that the bundle gives.

Triage is work that large models are often paid for: which queue, which language, urgent or not.
"""

from collections.abc import Mapping, Sequence
from hashlib import sha256
from typing import Any

import orjson

from freehold.core.ask import Message
from freehold.core.decisions import MILLION
from freehold.core.local import Known, LocalModel
from freehold.text import class_files
from freehold.text.heads import Head, unpack, vector_of
from freehold.text.intents import Intents
from freehold.text.local.asked import question
from freehold.text.onnx_files import is_onnx

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
            return Known(text="", confidence=0, why="no_question")
        loudest = self._head.judge(vector_of(text))
        fires = loudest.score >= MILLION // 2
        confidence = loudest.score if fires else MILLION - loudest.score
        if self._answers or self._otherwise:
            said = self._answers.get(loudest.label, "") if fires else self._otherwise
            return Known(
                text=said,
                confidence=confidence if said else 0,
                nearest=loudest.label if fires else "",
                why="" if said else "left_to_others",
            )
        label = loudest.label if fires else None
        text = orjson.dumps({"label": label}).decode()
        return Known(text=text, confidence=confidence, nearest=label or "")


class ClassesModel:
    """Answers with the class that fits best, and abstains where none does.

    ``confidence`` is the chance to be right that questions held back from learning had, as far from
    the others as this one.
    """

    def __init__(
        self, classes: Intents, answers: Mapping[str, str], otherwise: str, version: str
    ) -> None:
        self._classes = classes
        self._answers = answers
        self._otherwise = otherwise
        self.version = version
        self.quick = classes.manner.name == "static"

    def answer(self, messages: Sequence[Message]) -> Known:
        """The class of the newest user message, or its text."""
        text = question(messages)
        found = self._classes.of(text)
        if not found.name:
            return Known(text="", confidence=0, why="no_question")
        if not found.fits:
            confidence = MILLION - found.score if self._otherwise else found.score
            return Known(
                text=self._otherwise,
                confidence=confidence,
                nearest=found.name,
                why="" if self._otherwise else "not_near_enough",
            )
        said = orjson.dumps({"label": found.name}).decode()
        if self._answers:
            said = self._answers.get(found.name, "")
        return Known(
            text=said,
            confidence=found.score if said else 0,
            nearest=found.name,
            why="" if said else "left_to_others",
        )


def classifier(data: bytes, options: Mapping[str, Any]) -> LocalModel:
    """From a file that the trainer of classifiers made (ONNX), or from a head (``freehold detector
    train``). Options: ``answers``, a text for each label, and ``otherwise``, the text where none
    fits; without them, it answers ``{"label": …}``, and one that was trained abstains.

    Raises:
        ValueError: neither of them, or an option that is none.
    """
    unknown = options.keys() - _OPTIONS
    if unknown:
        raise ValueError(f"a classifier has no option `{min(unknown)}`")
    answers, otherwise = options.get("answers", {}), options.get("otherwise", "")
    if not isinstance(answers, dict) or not all(isinstance(v, str) for v in answers.values()):
        raise ValueError("`answers` gives each label a text")
    if not isinstance(otherwise, str):
        raise ValueError("`otherwise` is a text")
    if is_onnx(data):
        classes = class_files.unpack(data)
        _check(answers, classes.names)
        return ClassesModel(classes, answers, otherwise, sha256(data).hexdigest()[:12])
    head = unpack(data)
    _check(answers, head.header.labels)
    return ClassifierModel(head, answers, otherwise)


def _check(answers: Mapping[str, str], labels: Sequence[str]) -> None:
    """Raises: ValueError: an answer to a label that there is not."""
    missing = answers.keys() - set(labels)
    if missing:
        known = ", ".join(labels)
        raise ValueError(f"the head has no label `{min(missing)}`; it has {known}")
