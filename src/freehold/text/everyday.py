"""Sentences of everyday life that want nothing of an app: where no intent can be left out to play
the stranger, they do.
"""

from collections.abc import Callable
from typing import Final

import numpy as np

EVERYDAY: Final = (
    "The weather will be fine tomorrow.",
    "Write a poem about the sea.",
    "What is the capital of Peru?",
    "My cat likes to sleep.",
    "Two plus two makes four.",
    "He plays the guitar in a band.",
    "Translate this sentence into French.",
    "Who won the match last night?",
    "Explain how a rocket flies.",
    "I love this song.",
    "Tell me a joke.",
    "Boil the potatoes for twenty minutes.",
    "The minister gave a speech.",
    "def main(): return 0",
    "qwer asdf",
    "Das Kind spielt im Garten.",
    "Schreib mir ein Gedicht.",
    "Les oiseaux chantent le matin.",
    "Los niños juegan en el parque.",
    "Quanto fa sette per otto?",
)
_BELOW = 0.8
"""The share of them that must fall outside; an app may well be for one of these."""


def above_most(margin: Callable[[str], float]) -> float:
    """The margin that most of them do not reach; none below zero."""
    return max(0.0, float(np.quantile([margin(text) for text in EVERYDAY], _BELOW)))
