"""A witness's door: what it takes, what it gives, and what it does with nonsense."""

from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest

from freehold.ledger.witnessing import MOST_BYTES, submission
from freehold.server.witness import WitnessDoor
from freehold.services.witness import Witness
from tests.services.test_witness import Made


class Asked:
    """One request's reply."""

    def __init__(self, status: int, headers: dict[bytes, bytes], body: bytes) -> None:
        self.status, self.headers, self.body = status, headers, body


async def ask(
    door: WitnessDoor,
    method: str,
    path: str,
    body: bytes = b"",
    headers: dict[bytes, bytes] | None = None,
    piece: int = 0,
) -> Asked | None:
    """Send a request, in pieces of so many bytes; none where nothing came back."""
    size = piece or max(len(body), 1)
    pieces = [body[at : at + size] for at in range(0, len(body), size)] or [b""]
    messages: list[dict[str, Any]] = [
        {"type": "http.request", "body": one, "more_body": at < len(pieces) - 1}
        for at, one in enumerate(pieces)
    ]
    sent: list[dict[str, Any]] = []

    async def receive() -> dict[str, Any]:
        return messages.pop(0) if messages else {"type": "http.disconnect"}

    async def send(message: Any) -> None:
        sent.append(message)

    scope = {"type": "http", "method": method, "path": path,
             "headers": list((headers or {}).items()), "query_string": b""}  # fmt: skip
    await door(scope, receive, send)
    if not sent:
        return None
    whole = b"".join(message.get("body", b"") for message in sent[1:])
    return Asked(sent[0]["status"], dict(sent[0]["headers"]), whole)


@pytest.fixture
def made(tmp_path: Path) -> Made:
    return Made(tmp_path)


@pytest.fixture
def door(made: Made) -> WitnessDoor:
    return WitnessDoor(made.witness)


async def test_a_checkpoint_goes_in_and_can_be_read_again(made: Made, door: WitnessDoor) -> None:
    made.log.grow(5)
    added = await ask(door, "POST", "/add-checkpoint", submission(0, (), made.log.note()), piece=7)
    assert added is not None
    assert added.status == 200
    assert added.body.decode().startswith("— witness.example.com ")
    for origin in (made.log.origin, quote(made.log.origin, safe="")):
        # servers hand the path on decoded
        path = f"/logs/{origin.replace('%2F', '/')}/checkpoint"
        read = await ask(door, "GET", path)
        assert read is not None
        assert read.body.decode() == made.log.note() + added.body.decode()
    key = await ask(door, "GET", "/key")
    assert key is not None
    assert key.body.decode().strip() == made.witness.key


async def test_the_size_has_its_own_type(made: Made, door: WitnessDoor) -> None:
    made.log.grow(5)
    made.add(0)
    again = await ask(door, "POST", "/add-checkpoint", submission(0, (), made.log.note()))
    assert again is not None
    assert (again.status, again.body) == (409, b"5\n")
    assert again.headers[b"content-type"] == b"text/x.tlog.size"


@pytest.mark.parametrize(
    ("method", "path", "body", "status"),
    [
        ("GET", "/add-checkpoint", b"", 405),
        ("PUT", "/add-checkpoint", b"x", 405),
        ("POST", "/key", b"", 405),
        ("DELETE", "/logs/x/checkpoint", b"", 405),
        ("GET", "/logs/unknown/checkpoint", b"", 404),
        ("GET", "/logs//checkpoint", b"", 404),
        ("GET", "/logs/../../witness.key/checkpoint", b"", 404),
        ("GET", "/logs/\x00/checkpoint", b"", 404),
        ("GET", "/", b"", 404),
        ("GET", "/witness.key", b"", 404),
        ("POST", "/add-checkpoint", b"", 400),
        ("POST", "/add-checkpoint", b"\x00" * 1000, 400),
        ("POST", "/add-checkpoint", b"old 0\n\n" + b"\n" * 1000, 400),
        ("POST", "/add-checkpoint", b"old 0\n" + b"A\n" * 10_000, 400),
        ("POST", "/add-checkpoint", b"x" * (MOST_BYTES + 1), 413),
        ("GET", "/healthz", b"", 200),
    ],
)
async def test_nonsense_has_its_status(
    made: Made, door: WitnessDoor, method: str, path: str, body: bytes, status: int
) -> None:
    answer = await ask(door, method, path, body, piece=1000)
    assert answer is not None
    assert answer.status == status
    assert made.desk.logs() == []


async def test_a_huge_body_is_refused_when_it_is_announced(door: WitnessDoor) -> None:
    headers = {b"content-length": b"99999999999"}
    answer = await ask(door, "POST", "/add-checkpoint", b"x", headers)
    assert answer is not None
    assert answer.status == 413


async def test_who_hangs_up_gets_nothing(door: WitnessDoor) -> None:
    async def receive() -> dict[str, Any]:
        return {"type": "http.disconnect"}

    sent: list[Any] = []

    async def send(message: Any) -> None:
        sent.append(message)

    await door({"type": "http", "method": "POST", "path": "/add-checkpoint", "headers": []},
               receive, send)  # fmt: skip
    assert not sent


async def test_nothing_is_cosigned_that_the_disk_does_not_take(
    made: Made, door: WitnessDoor, monkeypatch: pytest.MonkeyPatch
) -> None:
    made.log.grow(5)
    made.add(0)
    before = made.witness.newest(made.log.origin)
    made.log.grow(5)
    body = submission(5, made.log.view().proof(5), made.log.note())

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patched:
        patched.setattr("freehold.ledger.witness_files.replace_file", full)
        answer = await ask(door, "POST", "/add-checkpoint", body)
    assert answer is not None
    assert answer.status == 503
    assert made.witness.newest(made.log.origin) == before
    assert Witness(made.files, made.clock).add(body).status == 200
