"""HTTP sources: only where the bundle allows, and nothing of a value beyond its place."""

import json
from typing import Any
from urllib.parse import parse_qsl, unquote, urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st

from freehold.core.clock import SystemClock
from freehold.core.errors import ContextError, ProviderUnavailable
from freehold.core.handoffs import Piece
from freehold.core.spec import SourceSpec
from freehold.sources.http import HttpSource
from freehold.testing.fakes import FakeSecrets

URL = "https://api.example/stock"


class Service:
    """Answers, and remembers what it was asked."""

    def __init__(self, status: int = 200, body: bytes = b'{"left": 3}') -> None:
        self.status = status
        self.body = body
        self.failure: Exception | None = None
        self.asked: list[tuple[str, str, dict[str, str], bytes, int]] = []

    async def __call__(
        self, method: str, url: str, headers: dict[str, str], body: bytes, timeout_ms: int
    ) -> tuple[int, bytes]:
        self.asked.append((method, url, headers, body, timeout_ms))
        if self.failure is not None:
            raise self.failure
        return self.status, self.body


def source(service: Service, *allowed: str) -> HttpSource:
    secrets = FakeSecrets({"env:TOKEN": "t0ken"})
    return HttpSource(service, secrets, SystemClock(), frozenset(allowed or ("api.example",)))


def spec(url: str = URL, **changes: Any) -> SourceSpec:
    return SourceSpec(**({"id": "stock", "type": "http", "url": url, "deadline_ms": 250} | changes))


async def fetch(
    service: Service, asked: SourceSpec | None = None, *allowed: str, **params: Any
) -> Piece | None:
    return await source(service, *allowed).fetch(asked or spec(), params)


async def test_an_answer_is_a_piece() -> None:
    service = Service()
    labels = frozenset({"stock"})
    piece = await fetch(service, spec(title="Stock", labels=labels, trusted=False), sku="7")
    assert piece is not None
    assert json.loads(piece.text) == {"left": 3}
    assert (piece.title, piece.rows, piece.trusted, piece.labels) == ("Stock", 1, False, labels)
    assert piece.locator == "https://api.example/stock"
    ((method, url, headers, body, timeout_ms),) = service.asked
    assert (method, url, headers, body) == ("GET", f"{URL}?sku=7", {}, b"")
    assert timeout_ms == 250


async def test_a_list_is_many_records() -> None:
    piece = await fetch(Service(body=b'[{"a": 1}, {"a": 2}, {"a": 3}]'), spec(max_rows=2))
    assert piece is not None
    assert piece.rows == 2
    assert json.loads(piece.text) == [{"a": 1}, {"a": 2}]


# -- where parameters go -----------------------------------------------------------------------


async def test_parameters_have_their_places() -> None:
    service = Service()
    await fetch(
        service, spec("https://api.example/s/{store}/{sku}?v=2"), store="4 2", sku="a/b", q="?"
    )
    assert service.asked[0][1] == "https://api.example/s/4%202/a%2Fb?v=2&q=%3F"


async def test_a_value_is_not_read_as_another_place() -> None:
    service = Service()
    await fetch(service, spec("https://api.example/{a}/{b}"), a="{b}", b="x")
    assert service.asked[0][1] == "https://api.example/%7Bb%7D/x"


async def test_an_unknown_place_stays() -> None:
    service = Service()
    await fetch(service, spec("https://api.example/{other}"), a="x")
    assert service.asked[0][1] == "https://api.example/{other}?a=x"


async def test_post_carries_what_the_url_does_not() -> None:
    service = Service()
    asked = spec("https://api.example/{store}", method="POST", headers={"x-a": "b"})
    await fetch(service, asked, store="42", terms='"x" OR "y"')
    method, url, headers, body, _ = service.asked[0]
    assert (method, url) == ("POST", "https://api.example/42")
    assert json.loads(body) == {"terms": '"x" OR "y"'}
    assert headers == {"x-a": "b", "content-type": "application/json"}


@given(st.text(max_size=30), st.text(max_size=30))
async def test_any_value_stays_in_its_place(path: str, query: str) -> None:
    service = Service()
    try:
        await fetch(service, spec("https://api.example/a/{path}/z"), path=path, q=query)
    except ContextError:
        assert path in (".", "..") or any("\ud800" <= c <= "\udfff" for c in path + query)
        return
    parts = urlsplit(service.asked[0][1])
    assert (parts.scheme, parts.netloc) == ("https", "api.example")
    segments = parts.path.split("/")
    assert (segments[1], unquote(segments[2]), segments[3]) == ("a", path, "z")
    assert len(segments) == 4
    assert parse_qsl(parts.query, keep_blank_values=True) == [("q", query)]


@pytest.mark.parametrize("value", [".", ".."])
async def test_a_value_walks_nowhere(value: str) -> None:
    service = Service()
    with pytest.raises(ContextError, match="no name of its own"):
        await fetch(service, spec("https://api.example/customers/{id}/orders"), id=value)
    assert service.asked == []


@pytest.mark.parametrize("method", ["GET", "POST"])
async def test_a_value_that_is_no_text(method: str) -> None:
    with pytest.raises(ContextError):
        await fetch(Service(), spec(method=method), q="\ud800")


# -- secrets -----------------------------------------------------------------------------------


async def test_headers_take_secrets_by_reference() -> None:
    service = Service()
    await fetch(service, spec(headers={"authorization": "env:TOKEN", "accept": "text/x"}))
    assert service.asked[0][2] == {"authorization": "t0ken", "accept": "text/x"}


async def test_a_missing_secret_is_a_failed_source() -> None:
    with pytest.raises(ContextError) as caught:
        await fetch(Service(), spec(headers={"authorization": "env:NOBODY"}))
    assert str(caught.value) == "source stock: BundleError"


async def test_no_value_and_no_query_gets_into_locator_or_error() -> None:
    service = Service()
    url = "https://api.example/{customer}/x?key=s3cret"
    piece = await fetch(service, spec(url), customer="ada")
    assert piece is not None
    assert piece.locator == "https://api.example/{customer}/x"
    service.status = 500
    with pytest.raises(ContextError) as caught:
        await fetch(service, spec(url), customer="ada")
    assert "s3cret" not in str(caught.value)
    assert "ada" not in str(caught.value)


# -- egress ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("url", "allowed"),
    [
        ("https://api.example/x", "api.example"),
        ("https://API.Example/x", "api.example"),
        ("https://api.example/x", "API.example"),
        ("https://api.example:8443/x", "api.example"),
        ("https://api.example:8443/x", "api.example:8443"),
        ("https://api.example/x", "api.example:443"),
        ("http://api.example/x", "api.example:80"),
        ("http://[::1]:8080/x", "[::1]:8080"),
        ("http://[::1]/x", "::1"),
        ("http://127.0.0.1:9000/x", "127.0.0.1:9000"),
    ],
)
async def test_allowed(url: str, allowed: str) -> None:
    service = Service()
    assert await fetch(service, spec(url), allowed) is not None
    assert len(service.asked) == 1


@pytest.mark.parametrize(
    ("url", "allowed"),
    [
        ("https://evil.example/x", "api.example"),
        ("https://sub.api.example/x", "api.example"),
        ("https://api.example.evil.example/x", "api.example"),
        ("https://evil-api.example/x", "api.example"),
        ("https://api.example:8443/x", "api.example:443"),
        ("https://api.example/x", "api.example:80"),
        ("https://api.example@evil.example/x", "api.example"),
        ("https://user:s3cret@api.example/x", "api.example"),
        ("https://evil.example\\@api.example/x", "api.example"),
        ("https://api.example\\.evil.example/x", "api.example"),
        ("https://evil.example#@api.example/x", "api.example"),
        ("https://evil.example?@api.example/x", "api.example"),
        ("https://api.example:99999/x", "api.example"),
        ("https://api.example:x/x", "api.example"),
        ("https://[::1/x", "::1"),
        ("https:///x", "api.example"),
        ("file:///etc/passwd", ""),
        ("ftp://api.example/x", "api.example"),
        ("gopher://api.example/x", "api.example"),
        ("//api.example/x", "api.example"),
        ("api.example/x", "api.example"),
        ("", "api.example"),
    ],
)
async def test_not_allowed(url: str, allowed: str) -> None:
    service = Service()
    with pytest.raises(ContextError) as caught:
        await fetch(service, spec(url), allowed)
    assert service.asked == []
    assert "s3cret" not in str(caught.value)


async def test_a_parameter_in_the_host_is_checked_as_it_ends_up() -> None:
    service = Service()
    asked = spec("https://{region}.api.example/x")
    assert await fetch(service, asked, "eu.api.example", region="eu") is not None
    for region in ("us", "evil.example/", "evil.example#", "eu.api.example@evil", "x\\y", ""):
        with pytest.raises(ContextError):
            await fetch(service, asked, "eu.api.example", region=region)
    assert len(service.asked) == 1


async def test_nothing_is_allowed_unless_named() -> None:
    with pytest.raises(ContextError, match="not on the egress list"):
        await HttpSource(Service(), FakeSecrets(), SystemClock(), frozenset()).fetch(spec(), {})


# -- answers -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("status", "body"),
    [
        (404, b""), (404, b'{"error": 1}'), (200, b""), (200, b" \n"), (204, b""), (200, b"[]"),
        (200, b"{}"), (200, b"null"), (200, b'""'),
    ],
)  # fmt: skip
async def test_nothing(status: int, body: bytes) -> None:
    assert await fetch(Service(status, body)) is None


@pytest.mark.parametrize(
    ("status", "body"),
    [
        (500, b""), (500, b"{}"), (503, b"sorry"), (401, b"{}"), (403, b""), (301, b""),
        (302, b"{}"), (307, b"{}"), (201, b"{}"), (100, b""), (200, b"<html>"), (200, b"{"),
        (200, b'{"a": NaN}'), (200, b"\xff\xfe"), (200, b'"\\ud800"'), (200, b"[" * 5_000),
        (200, b'"' + b"x" * 1_000_000 + b'"'),
    ],
)  # fmt: skip
async def test_a_failure(status: int, body: bytes) -> None:
    with pytest.raises(ContextError, match="source stock: "):
        await fetch(Service(status, body))


@pytest.mark.parametrize("failure", [ContextError("x s3cret"), ProviderUnavailable("y s3cret")])
async def test_an_error_on_the_way(failure: Exception) -> None:
    service = Service()
    service.failure = failure
    with pytest.raises(ContextError) as caught:
        await fetch(service)
    assert str(caught.value) == f"source stock: {type(failure).__name__}"


async def test_a_long_answer_is_cut_to_the_sources_bound() -> None:
    body = json.dumps([{"n": i, "text": "x" * 50} for i in range(500)]).encode()
    piece = await fetch(Service(body=body), spec(max_chars=500, max_rows=100))
    assert piece is not None
    assert len(piece.text) <= 500
    assert len(json.loads(piece.text)) == piece.rows < 10
