"""What a router may know of a request, what it says of each model, and what came of it."""

from typing import Any, Literal

from msgspec import Struct

from freehold.core.handoffs import Features

OutcomeSource = Literal["feedback", "judge", "rule", "label", "cascade"]


class Signals(Struct, frozen=True, kw_only=True):
    """What a router may know of a request.

    Attributes:
        vector: the newest user text as ``text.embedding`` sees it, float32 of shape ``(DIMS,)``.
        intent: the app's own name for what is asked; empty where it declares none or none fits.
        intent_score: millionths.
        prompt_tokens: estimated tokens of instructions, context and conversation.
        max_tokens: the longest answer.
    """

    vector: Any
    features: Features
    intent: str = ""
    intent_score: int = 0
    prompt_tokens: int = 0
    max_tokens: int = 0


class Estimate(Struct, frozen=True, kw_only=True):
    """What is expected of one model on one request.

    Attributes:
        success: probability that the answer will do, in millionths.
        doubt: standard error of ``success``, in millionths.
        cost_nano: expected money of one call, in nano-units.
        seen: how many outcomes of this model stand behind it, faded by forgetting.
    """

    model: str
    success: int
    doubt: int = 0
    cost_nano: int = 0
    latency_ms: int = 0
    seen: int = 0


class Outcome(Struct, frozen=True, kw_only=True):
    """What came of an exchange, as far as its model is to blame: ``score`` in millionths."""

    exchange_id: str
    score: int
    source: OutcomeSource
    metric: str = ""
    at_ns: int = 0
