"""The delivery service as the gateway's HTTP source sees it."""

import asyncio
import json
import socket
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import aiohttp
import pytest
import uvicorn

from freehold.testing.retail import data
from freehold.testing.retail.database import open_readonly
from freehold.testing.retail.delivery import DeliveryService


@pytest.fixture(scope="module")
def database(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("delivery") / "chain.sqlite"
    return data.build(path, stores=20, customers=400, orders=900)


@pytest.fixture
def service(database: Path) -> Iterator[DeliveryService]:
    with closing(DeliveryService(database)) as made:
        yield made


def test_it_lists_what_is_on_its_way_to_this_customer_only(
    database: Path, service: DeliveryService
) -> None:
    with closing(open_readonly(database)) as db:
        rows = db.execute(
            "SELECT customer_id, id FROM orders WHERE status IN ('placed', 'packed', 'shipped')"
        ).fetchall()
    assert rows
    for customer, order in rows:
        status, body = service.answer("GET", "/deliveries", f"customer={customer}")
        own = {known for owner, known in rows if owner == customer}
        assert status == 200
        listed = {delivery["order_id"] for delivery in body}
        assert listed <= own
        assert order in listed or len(own) > 5


def test_a_stranger_gets_an_empty_list_and_nonsense_is_refused(service: DeliveryService) -> None:
    assert service.answer("GET", "/deliveries", "customer=C999") == (200, [])
    assert service.answer("GET", "/deliveries", "customer='; DROP TABLE orders")[0] == 400
    assert service.answer("GET", "/deliveries")[0] == 400
    assert service.answer("GET", "/")[0] == 404
    assert service.answer("POST", "/deliveries", "customer=C1")[0] == 405
    assert service.answer("GET", "/healthz")[0] == 200


async def test_it_serves_over_http(database: Path) -> None:
    with closing(socket.socket()) as listening:
        listening.bind(("127.0.0.1", 0))
        listening.listen()
        port = listening.getsockname()[1]
        config = uvicorn.Config(DeliveryService(database, latency_ms=30), log_level="error")
        server = uvicorn.Server(config)
        async with asyncio.timeout(20), asyncio.TaskGroup() as tasks:
            tasks.create_task(server.serve(sockets=[listening]))
            async with aiohttp.ClientSession() as session:
                began = asyncio.get_running_loop().time()
                url = f"http://127.0.0.1:{port}/deliveries?customer=C100000"
                async with session.get(url) as response:
                    body = await response.json()
                took = asyncio.get_running_loop().time() - began
            server.should_exit = True
    assert isinstance(body, list)
    assert took >= 0.03


def test_the_command_says_where_it_listens_and_ends_when_told(database: Path) -> None:
    command = [sys.executable, "-m", "freehold.testing.retail.delivery", "--db", str(database)]
    with subprocess.Popen([*command, "--port", "0"], stdout=subprocess.PIPE) as process:
        try:
            assert process.stdout is not None
            url = json.loads(process.stdout.readline())["url"]
            with urllib.request.urlopen(f"{url}?customer=C999", timeout=10) as answer:
                assert json.load(answer) == []
        finally:
            process.terminate()
        process.wait(timeout=10)
