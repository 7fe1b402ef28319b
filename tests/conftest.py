"""What every test gets: no network beyond this machine, a home of its own, services by fixture."""

import importlib
import ipaddress
import os
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from hypothesis import settings

ROOT = Path(__file__).resolve().parent.parent
_CREDENTIALS = ("OPENAI_API_KEY", "OPENAI_BASE_URL", "ANTHROPIC_API_KEY", "AZURE_OPENAI_API_KEY")

settings.register_profile("default", deadline=None, max_examples=60, print_blob=True)
settings.register_profile("thorough", deadline=None, max_examples=2000, print_blob=True)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "default"))


class NetworkBlockedError(RuntimeError):
    """A test reached for an address beyond this machine."""


def _is_local(host: object) -> bool:
    """Whether a host stays on this machine; an unknown name does not."""
    if isinstance(host, bytes):
        host = host.decode("ascii", "replace")
    if host in (None, "", "localhost"):
        return True
    try:
        address = ipaddress.ip_address(str(host).partition("%")[0])
    except ValueError:
        return False
    return address.is_loopback or address.is_unspecified


def _refuse_network(event: str, arguments: tuple[object, ...]) -> None:
    """Audit hook: it sees every socket that goes through Python's own `socket` module.

    libuv (uvloop) and Rust clients have sockets of their own; tests hand those only addresses of
    servers that they started themselves.
    """
    if event in ("socket.connect", "socket.sendto", "socket.sendmsg"):
        address = arguments[1]
        host = address[0] if isinstance(address, tuple) else None  # a path is a local socket
    elif event == "socket.getaddrinfo":
        host = arguments[0]
    else:
        return
    if not _is_local(host):
        raise NetworkBlockedError(f"{event} to {host!r}: tests talk to this machine only")


def pytest_configure() -> None:
    """Close the network before anything is collected. A hook cannot be taken away again."""
    sys.addaudithook(_refuse_network)


def pytest_xdist_auto_num_workers() -> int:
    """For `-n auto`: two on each core, since tests wait longer than they compute; four at most."""
    return min(4, 2 * (os.cpu_count() or 1))


_LOCAL_POSTGRES = "postgresql+psycopg://postgres@127.0.0.1:5432/test"


@pytest.fixture(scope="session", autouse=True)
def freehold_home(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A home for the whole run, and no credential of the developer's in the environment."""
    home = tmp_path_factory.mktemp("home")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("FREEHOLD_HOME", str(home))
        for name in _CREDENTIALS:
            patch.delenv(name, raising=False)
        yield home


@pytest.fixture
def without_library(monkeypatch: pytest.MonkeyPatch) -> Callable[[str], None]:
    """Make a library one that is not installed, for this test.

    Its modules that an earlier test imported go too: `from library.part import name` finds
    `library.part` where it is loaded, and never asks for `library`.
    """

    def hide(library: str) -> None:
        parts = [name for name in sys.modules if name.startswith(f"{library}.")]
        for name in (library, *parts):
            monkeypatch.setitem(sys.modules, name, None)

    return hide


@pytest.fixture(scope="session")
def repository() -> Path:
    """The repository's root."""
    return ROOT


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """The folder of real data beside the repository, or the one FREEHOLD_SHARED_DATA names."""
    folder = Path(os.environ.get("FREEHOLD_SHARED_DATA") or ROOT.parent / "shared" / "data")
    if not folder.is_dir():
        pytest.skip(f"no data at {folder}: set FREEHOLD_SHARED_DATA to run this test")
    return folder


@pytest.fixture(scope="session")
def postgres_url() -> str:
    """URL of a PostgreSQL database in which the tests may make schemas of their own."""
    url = os.environ.get("FREEHOLD_TEST_POSTGRES", _LOCAL_POSTGRES)
    try:
        psycopg = importlib.import_module("psycopg")
        psycopg.connect(url.replace("+psycopg", ""), connect_timeout=3).close()
    except (ImportError, OSError) as error:
        pytest.skip(f"PostgreSQL is not to be had ({type(error).__name__})")
    except psycopg.Error as error:
        pytest.skip(
            f"PostgreSQL does not answer at {url.rpartition('@')[2]} ({type(error).__name__}): "
            "set FREEHOLD_TEST_POSTGRES=postgresql+psycopg://user:password@host/database"
        )
    return url
