"""One simulator and one served gateway for the tests that do not break them."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from openai import AsyncOpenAI, OpenAI

from freehold.testing import Simulator
from tests.e2e.served import Served, make_key, write_bundle


@pytest.fixture(scope="package")
def simulator() -> Iterator[Simulator]:
    with Simulator(behaviour="echo") as running:
        yield running


@pytest.fixture(scope="package")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("e2e") / "home"


@pytest.fixture(scope="package")
def bundle(home: Path, simulator: Simulator) -> Path:
    return write_bundle(home.parent / "bundle", simulator.url)


@pytest.fixture(scope="package")
def key(bundle: Path, home: Path) -> str:
    return make_key(bundle, home)


@pytest.fixture(scope="package")
def other_keys(bundle: Path, home: Path) -> dict[str, str]:
    """Keys of other apps and tenants, or for less."""
    return {
        "talk": make_key(bundle, home, app="talk"),
        "limited": make_key(bundle, home, tenant="limited"),
        "chat only": make_key(bundle, home, scopes=frozenset({"chat"})),
    }


@pytest.fixture(scope="package")
def served(bundle: Path, home: Path, key: str, other_keys: dict[str, str]) -> Iterator[Served]:
    assert key, other_keys
    with Served(bundle, home, keep_alive_s=0.1) as running:
        yield running


@pytest.fixture
def client(served: Served, key: str) -> Iterator[OpenAI]:
    """The unmodified SDK, retries and all."""
    with OpenAI(base_url=f"{served.url}/v1", api_key=key, timeout=20) as made:
        yield made


@pytest.fixture
async def aclient(served: Served, key: str):
    async with AsyncOpenAI(base_url=f"{served.url}/v1", api_key=key, timeout=20) as made:
        yield made
