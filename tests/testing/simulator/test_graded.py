"""The simulator as a model of known quality: right as often as it is told, topic by topic."""

import pytest
from openai import OpenAI

from freehold.testing import Simulator
from freehold.testing.simulator.settings import SettingsError, parse_topic
from tests.testing.conftest import client_of


def share(client: OpenAI, model: str, text: str, count: int = 120) -> float:
    right = 0
    for number in range(count):
        messages = [{"role": "user", "content": f"{text} {number}"}]
        said = client.chat.completions.create(model=model, messages=messages)  # type: ignore[arg-type]
        right += "Simulated answer, right" in (said.choices[0].message.content or "")
    return right / count


def test_it_is_right_as_often_as_it_is_told() -> None:
    models = {"a": {"quality.billing": 0.9, "quality.*": 0.2}}
    simulator = Simulator(behaviour="graded", models=models, topics={"billing": ["invoice"]})
    with simulator, client_of(simulator) as client:
        assert share(client, "a", "My INVOICE, please:") > 0.75
        assert share(client, "a", "My parcel, please:") < 0.4
        simulator.control_now(models={"a": {"quality.billing": 0.0}})
        assert share(client, "a", "My invoice, please:", 20) == 0.0
        once = [share(client, "a", "Again:", 10) for _ in range(2)]
        assert once[0] == once[1]  # the same question gets the same answer


@pytest.mark.parametrize("text", ["billing", "=invoice", "billing=", "billing=|"])
def test_a_topic_needs_a_name_and_words(text: str) -> None:
    with pytest.raises(SettingsError, match="NAME=word"):
        parse_topic(text)
