"""The guards that all other tests stand behind."""

import asyncio
import importlib
import os
import socket
from collections.abc import Callable
from pathlib import Path

import pytest


def test_tests_cannot_reach_beyond_this_machine() -> None:
    with pytest.raises(RuntimeError, match="this machine only"):
        socket.create_connection(("192.0.2.1", 80), timeout=1)
    with pytest.raises(RuntimeError, match="this machine only"):
        socket.getaddrinfo("example.com", 443)
    sender = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    with sender, pytest.raises(RuntimeError, match="this machine only"):
        sender.sendto(b"x", ("192.0.2.1", 53))


async def test_coroutines_cannot_either() -> None:
    with pytest.raises(RuntimeError, match="this machine only"):
        await asyncio.open_connection("192.0.2.1", 80)


def test_tests_reach_servers_that_they_start() -> None:
    with (
        socket.create_server(("127.0.0.1", 0)) as server,
        socket.create_connection(server.getsockname(), timeout=5) as client,
        server.accept()[0] as accepted,
    ):
        client.sendall(b"hello")
        assert accepted.recv(5) == b"hello"


def test_the_home_is_not_the_developers(freehold_home: Path) -> None:
    assert Path(os.environ["FREEHOLD_HOME"]) == freehold_home
    assert not freehold_home.is_relative_to(Path(__file__).resolve().parent.parent)
    assert "OPENAI_API_KEY" not in os.environ


def test_a_library_can_be_taken_away_whatever_was_imported_before(
    without_library: Callable[[str], None],
) -> None:
    importlib.import_module("email.mime.text")
    without_library("email")
    with pytest.raises(ImportError):
        from email.mime.text import MIMEText  # noqa: F401
