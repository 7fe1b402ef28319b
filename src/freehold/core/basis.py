"""What an answer of a model in this process rests on, or why it gave none: ids, numbers and words
of a closed list, never a text.
"""

from typing import Literal, get_args

from msgspec import Struct

Unsure = Literal[
    "nothing_near",
    "left_to_others",
    "other_state",
    "follow_up",
    "no_question",
    "not_near_enough",
    "not_sure_enough",
]
"""Why a model abstained:

- ``nothing_near``: no question like it was approved;
- ``left_to_others``: what is to be left to others is nearer;
- ``other_state``: it is asked otherwise, or of another state, than what was approved, or a value is
  missing;
- ``follow_up``: it goes on from what was said before;
- ``no_question``: there is no question, or a very long one;
- ``not_near_enough``: the nearest is not near enough;
- ``not_sure_enough``: it has an answer, and is less sure of it than it must be.
"""
UNSURE: frozenset[str] = frozenset(get_args(Unsure))


class Basis(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Part of a call's record, beside its ``confidence``.

    Attributes:
        case: the approved case whose question is the nearest.
        kind: of the model: ``responder``, ``classifier``, ``causal-lm``, or a package's.
        line: how sure it had to be, in millionths.
        nearest: the approved answer by its name in the model's file, or the class.
        version: of the custom model, ``v3-0a1b2c3d``; empty for a model of the bundle's own.
        why: where it abstained.
    """

    case: str = ""
    kind: str
    line: int
    nearest: str = ""
    version: str = ""
    why: Unsure | Literal[""] = ""
