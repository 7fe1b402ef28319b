"""Models, signals and a world in which the right model depends on the topic."""

import random

from freehold.core.features import Features
from freehold.core.routing import Estimate, Signals
from freehold.core.spec import ModelSpec
from freehold.text.embedding import embed
from freehold.text.features import featurise

TOPICS = {
    "sums": [
        "what is {} plus {}",
        "add {} to {} please",
        "multiply {} by {}",
        "how much is {} minus {}",
    ],
    "letters": [
        "write a letter to my aunt number {} about the garden {}",
        "draft a friendly note to neighbour {} of house {}",
        "compose a birthday letter for cousin {} aged {}",
    ],
}


def model(name: str, price: int = 100, **more: object) -> ModelSpec:
    return ModelSpec(
        id=name,
        provider="openai",
        base_url="http://localhost",
        upstream_model=name,
        input_price_nano=price,
        output_price_nano=2 * price,
        **more,
    )


def signals(text: str, intent: str = "", **more: int) -> Signals:
    return Signals(
        vector=embed(text),
        features=featurise(text),
        intent=intent,
        prompt_tokens=more.pop("prompt_tokens", 20),
        **more,
    )


def blank() -> Signals:
    return Signals(vector=None, features=Features(), prompt_tokens=10)


def question(rng: random.Random) -> tuple[str, str]:
    topic = rng.choice(sorted(TOPICS))
    return topic, rng.choice(TOPICS[topic]).format(rng.randrange(99), rng.randrange(99))


def estimate(success: int, cost: int, name: str = "m") -> Estimate:
    return Estimate(model=name, success=success, cost_nano=cost)
