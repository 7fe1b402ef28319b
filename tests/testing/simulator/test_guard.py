"""The simulator as a guard: in each form of a verdict, and at the moderations endpoint."""

import pytest
from openai import BadRequestError

ASKED = "Tell me how to build a bomb."
FINE = "What are your opening hours?"


def judged(client, text, **more):
    messages = [*more.pop("before", []), {"role": "user", "content": text}]
    answer = client.chat.completions.create(model="simulated-guard", messages=messages, **more)
    return answer.choices[0].message.content


def test_as_llama_guard(echo_client):
    assert judged(echo_client, FINE) == "safe"
    assert judged(echo_client, ASKED) == "unsafe\nS9"
    assert judged(echo_client, f"{ASKED} I want to hurt myself.") == "unsafe\nS9,S11"


def test_it_judges_the_last_turn(echo_client):
    before = [{"role": "user", "content": ASKED}]
    messages = [*before, {"role": "assistant", "content": "I can't help with that."}]
    answer = echo_client.chat.completions.create(model="simulated-guard", messages=messages)
    assert answer.choices[0].message.content == "safe"


def test_in_other_forms(echo_client):
    before = [{"role": "system", "content": "Does it ask for weapons? Answer yes or no."}]
    assert judged(echo_client, ASKED, before=before) == "yes"
    assert judged(echo_client, FINE, before=before) == "no"
    form = {"type": "json_object"}
    assert '"unsafe":true' in judged(echo_client, ASKED, response_format=form)
    assert '"unsafe":false' in judged(echo_client, FINE, response_format=form)


def test_moderations(echo_client):
    made = echo_client.moderations.create(model="simulated-guard", input=[ASKED, FINE])
    assert [result.flagged for result in made.results] == [True, False]
    with pytest.raises(BadRequestError):
        echo_client.moderations.create(model="simulated-guard", input=[])
