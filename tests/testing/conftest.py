"""Running simulators, shared by the tests of a module, and clients that do not retry."""

from collections.abc import Iterator

import pytest
from openai import OpenAI

from freehold.testing import Simulator

TIMEOUT_S = 20.0


@pytest.fixture(scope="package")
def echo() -> Iterator[Simulator]:
    with Simulator(behaviour="echo") as simulator:
        yield simulator


@pytest.fixture(scope="package")
def retail() -> Iterator[Simulator]:
    with Simulator(behaviour="retail", seed=11, misbehave={}) as simulator:
        yield simulator


def client_of(simulator: Simulator, key: str = "any") -> OpenAI:
    return OpenAI(base_url=f"{simulator.url}/v1", api_key=key, max_retries=0, timeout=TIMEOUT_S)


@pytest.fixture
def echo_client(echo: Simulator) -> Iterator[OpenAI]:
    with client_of(echo) as client:
        yield client


@pytest.fixture
def retail_client(retail: Simulator) -> Iterator[OpenAI]:
    with client_of(retail) as client:
        yield client
