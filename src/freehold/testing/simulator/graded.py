"""A behaviour of known quality: its answers are right as often as it is told, topic by topic.

Nothing in it knows anything. A question's topic is told by marked words, and whether its answer is
right is drawn; the answer says so itself, so that a test can tell what a person would have found.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from random import Random
from typing import Final

from freehold.testing.simulator.answers import Answer
from freehold.testing.simulator.asks import Ask
from freehold.testing.simulator.settings import ModelSettings

RIGHT: Final = "Simulated answer, right"
WRONG: Final = "Simulated answer, wrong"
ANY: Final = "*"
_WORD: Final = re.compile(r"\w+")


class Graded:
    """Right or wrong by the model's quality on the question's topic.

    Args:
        topics: name → words, lower case.
        model: the settings of a model, as they are now.
    """

    def __init__(
        self, topics: Mapping[str, tuple[str, ...]], model: Callable[[str], ModelSettings]
    ) -> None:
        self._topics = topics
        self._model = model

    def topic(self, text: str) -> str:
        """The first topic one of whose words is in the text; empty where none is."""
        words = set(_WORD.findall(text.lower()))
        return next((name for name, marks in self._topics.items() if words & set(marks)), "")

    def answer(self, ask: Ask, rng: Random) -> Answer:
        """The same for the same question to the same model, while its quality is the same."""
        topic = self.topic(ask.last_user)
        quality = self._model(ask.model).quality
        share = quality.get(topic, quality.get(ANY, 1.0))
        # a generator of the model's own, so that two models are not wrong on the same questions
        right = Random(f"{rng.random()}/{ask.model}").random() < share
        about = f" on {topic}" if topic else ""
        return Answer(text=f"{RIGHT if right else WRONG}{about}.", intent=topic or None)
