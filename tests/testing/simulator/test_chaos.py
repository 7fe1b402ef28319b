"""Bad days, over real sockets."""

import time
from collections.abc import Iterator
from random import Random
from typing import Any

import openai
import pytest
from openai import OpenAI

from freehold.testing import Simulator
from freehold.testing.simulator.chaos import Chaos
from freehold.testing.simulator.seeded import lognormal_ms
from freehold.testing.simulator.settings import ModelSettings

MODEL = "simulated-small"


def say(text: str = "one two three four five six seven eight") -> Any:
    return [{"role": "user", "content": text}]


@pytest.fixture
def client(echo: Simulator) -> Iterator[OpenAI]:
    options: Any = {"max_retries": 0, "timeout": 10}
    with OpenAI(base_url=f"{echo.url}/v1", api_key="any", **options) as client:
        yield client
    echo.control_now(models={MODEL: {"remove": True}})
    echo.control_now(models={MODEL: {"next": []}})


def test_scheduled_errors_come_in_order_and_then_it_works(echo: Simulator, client: OpenAI) -> None:
    echo.control_now(models={MODEL: {"next": ["500", "429", "ok"], "retry_after_s": 7}})
    with pytest.raises(openai.InternalServerError) as failed:
        client.chat.completions.create(model=MODEL, messages=say())
    assert failed.value.type == "server_error"
    with pytest.raises(openai.RateLimitError) as limited:
        client.chat.completions.create(model=MODEL, messages=say())
    assert limited.value.response.headers["retry-after"] == "7"
    assert limited.value.code == "rate_limit_exceeded"
    assert client.chat.completions.create(model=MODEL, messages=say()).choices
    assert client.chat.completions.create(model=MODEL, messages=say()).choices


@pytest.mark.parametrize("stream", [False, True])
def test_connection_dropped_before_the_answer(
    echo: Simulator, client: OpenAI, stream: bool
) -> None:
    echo.control_now(models={MODEL: {"next": ["drop"]}})
    with pytest.raises(openai.APIConnectionError):
        client.chat.completions.create(model=MODEL, messages=say(), stream=stream)


def test_connection_dropped_in_the_middle_of_a_stream(echo: Simulator, client: OpenAI) -> None:
    echo.control_now(models={MODEL: {"next": ["drop_stream"]}})
    stream = client.chat.completions.create(model=MODEL, messages=say(), stream=True)
    heard: list[Any] = []
    # The SDK's versions differ in whether they wrap the transport's error.
    with pytest.raises(Exception, match=r"(?i)connection error|incomplete|peer closed|disconnect"):
        heard.extend(stream)
    text = "".join(chunk.choices[0].delta.content or "" for chunk in heard)
    assert text
    assert say()[0]["content"].startswith(text)
    assert text != say()[0]["content"]


def test_connection_dropped_in_the_middle_of_a_whole_answer(
    echo: Simulator, client: OpenAI
) -> None:
    echo.control_now(models={MODEL: {"next": ["drop_stream"]}})
    with pytest.raises(openai.APIConnectionError):
        client.chat.completions.create(model=MODEL, messages=say())


def test_a_timeout_hangs_and_a_client_that_gives_up_is_noticed(
    echo: Simulator, client: OpenAI
) -> None:
    echo.control_now(models={MODEL: {"next": ["timeout"], "timeout_s": 20}}, reset_stats=True)
    with pytest.raises(openai.APITimeoutError):
        client.with_options(timeout=0.3).chat.completions.create(model=MODEL, messages=say())
    wait_until(lambda: echo.stats_now(0)["models"][MODEL]["hung_up"] == 1)
    assert echo.stats_now(0)["models"][MODEL]["faults"] == {"timeout": 1}


def test_a_timeout_ends_in_a_dropped_connection(echo: Simulator, client: OpenAI) -> None:
    echo.control_now(models={MODEL: {"next": ["timeout"], "timeout_s": 0.1}})
    with pytest.raises(openai.APIConnectionError):
        client.chat.completions.create(model=MODEL, messages=say())


def test_a_stream_left_alone_stops(echo: Simulator, client: OpenAI) -> None:
    echo.control_now(models={MODEL: {"tokens_per_s": 20}}, reset_stats=True)
    stream = client.chat.completions.create(model=MODEL, messages=say("word " * 400), stream=True)
    next(iter(stream))
    stream.close()
    wait_until(lambda: echo.stats_now(0)["models"][MODEL]["hung_up"] == 1)
    assert echo.stats_now(0)["models"][MODEL]["completion_tokens"] < 100


def test_latency_and_token_speed_take_their_time(echo: Simulator, client: OpenAI) -> None:
    echo.control_now(models={MODEL: {"latency_ms": 120, "tokens_per_s": 40}})
    begun = time.monotonic()
    client.chat.completions.create(model=MODEL, messages=say())  # eight tokens
    whole = time.monotonic() - begun
    begun = time.monotonic()
    list(client.chat.completions.create(model=MODEL, messages=say(), stream=True))
    streamed = time.monotonic() - begun
    assert whole >= 0.12 + 8 / 40 - 0.01
    assert streamed >= 0.12 + 7 / 40 - 0.01


def test_error_rates_are_met_and_a_retry_may_succeed() -> None:
    model = ModelSettings(error_rate=0.3, errors=("500", "429"))
    chaos = Chaos()
    first = [chaos.draw("m", model, digest).fault for digest in range(2000)]
    again = [chaos.draw("m", model, digest).fault for digest in range(2000)]
    for faults in (first, again):
        assert sum(fault is not None for fault in faults) == pytest.approx(600, abs=80)
        assert {"500", "429", None} == set(faults)
    mended = sum(a is not None and b is None for a, b in zip(first, again, strict=True))
    assert mended > 300


def test_weather_does_not_depend_on_the_order_of_arrival() -> None:
    model = ModelSettings(latency_ms=50, jitter_ms=20, error_rate=0.2)
    one, other = Chaos(), Chaos()
    forwards = {digest: one.draw("m", model, digest) for digest in range(200)}
    backwards = {digest: other.draw("m", model, digest) for digest in reversed(range(200))}
    assert forwards == backwards


def test_waits_have_the_mean_and_the_deviation_asked_for() -> None:
    rng = Random(5)
    waits = [lognormal_ms(rng, 80.0, 40.0) for _ in range(20_000)]
    mean = sum(waits) / len(waits)
    deviation = (sum((wait - mean) ** 2 for wait in waits) / len(waits)) ** 0.5
    assert mean == pytest.approx(80.0, rel=0.03)
    assert deviation == pytest.approx(40.0, rel=0.1)
    assert lognormal_ms(rng, 80.0, 0.0) == 80.0
    assert lognormal_ms(rng, 0.0, 9.0) == 0.0


def wait_until(condition: Any, seconds: float = 5.0) -> None:
    until = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < until, "it did not happen in time"
        time.sleep(0.02)
