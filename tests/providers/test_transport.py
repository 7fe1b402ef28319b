"""The contract of ``HttpTransport`` on every adapter, with servers that behave and that don't."""

import asyncio
import datetime
import ipaddress
import socket
import ssl
import tracemalloc
from contextlib import suppress

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from freehold.core.errors import BundleError
from freehold.providers import clients, transport
from freehold.providers.transport import TransportFailed
from tests.providers.servers import STREAM_END, STREAM_HEAD, answer, chunk, serving

SECRET = "sk-very-secret"


@pytest.fixture(params=list(clients.CLIENTS))
def name(request):
    pytest.importorskip(request.param)
    return request.param


@pytest.fixture
async def http(name):
    async with clients.http_transport(name) as opened:
        yield opened


@pytest.fixture
def closes_early(name, request):
    """pyreqwest 0.15.1 leaves the connection open when it is cancelled before the status line."""
    if name == "pyreqwest":
        request.applymarker(pytest.mark.xfail(reason=closes_early.__doc__, strict=True))


async def post(
    http, url, body=b"{}", *, timeout_ms=5_000, first_byte_ms=None, streamed=False, reading=None
):
    """Status, body and connection are given back, as a provider does it.

    ``reading`` is set with the first piece of a stream that is here, not only under way.
    """
    headers = {"authorization": f"Bearer {SECRET}"}
    response = await http.request(
        "POST", url, headers, body, timeout_ms, first_byte_ms, streamed=streamed
    )
    try:
        if streamed:
            pieces = []
            async for piece in response.stream():
                pieces.append(piece)
                if reading is not None:
                    reading.set()
            return response.status, b"".join(pieces)
        return response.status, await response.read()
    finally:
        await response.aclose()


async def echo(request, writer):
    writer.write(answer(request.body))


async def failing(http, url, **settings) -> TransportFailed:
    async with asyncio.timeout(8):
        with pytest.raises(TransportFailed) as caught:
            await post(http, url, **settings)
    texts = [str(caught.value)]
    cause = caught.value.__cause__
    while cause is not None:
        texts.append(str(cause))
        cause = cause.__cause__
    assert SECRET not in " ".join(texts)
    assert "hidden" not in " ".join(texts)
    return caught.value


async def test_a_connection_is_used_again(http):
    async with serving(echo) as server:
        for number in range(5):
            body = b'{"n":%d}' % number
            assert await post(http, server.url, body) == (200, body)
        for number in range(5):
            body = b'{"s":%d}' % number
            assert await post(http, server.url, body, streamed=True) == (200, body)
        assert server.connections == 1


async def test_what_is_sent(http):
    async with serving(echo) as server:
        await post(http, server.url + "/chat?api-version=1")
    (request,) = server.received
    assert request.path == "/v1/chat?api-version=1"
    assert request.headers["authorization"] == f"Bearer {SECRET}"
    assert request.headers["user-agent"] == "freehold"
    assert "accept-encoding" not in request.headers
    assert "referer" not in request.headers


async def test_pieces_come_as_they_are_sent(http):
    async def handler(request, writer):
        writer.write(STREAM_HEAD)
        for number in range(3):
            writer.write(chunk(b"abc"))
            await asyncio.wait_for(seen[number].wait(), 20)
        writer.write(STREAM_END)

    seen = [asyncio.Event() for _ in range(3)]
    async with serving(handler) as server:
        response = await http.request("POST", server.url, {}, b"{}", 60_000, streamed=True)
        pieces = b""
        async for piece in response.stream():
            pieces += piece
            seen[len(pieces) // 3 - 1].set()  # the next one is sent only now
        await response.aclose()
    assert pieces == b"abc" * 3


class SlowOrEcho:
    """``there`` is set when a slow request has come, or well within its answer."""

    def __init__(self):
        self.there = asyncio.Event()

    async def __call__(self, request, writer):
        if request.body == b"before":
            self.there.set()
            await asyncio.sleep(30)
        elif request.body == b"within":
            writer.write(STREAM_HEAD)
            for number in range(3_000):
                writer.write(chunk(b"slow"))
                await asyncio.sleep(0.01)
                if number == 20:
                    self.there.set()
        else:
            writer.write(answer(request.body))


async def cancelled(http, body, streamed):
    """Connections are reused, cancelled ones are closed, and the next request gets its own."""
    handler = SlowOrEcho()
    flowing = streamed and body == b"within"
    async with serving(handler) as server:
        assert await post(http, server.url, b"warm") == (200, b"warm")
        for number in range(3):
            reading = asyncio.Event() if flowing else handler.there
            slow = post(
                http, server.url, body, streamed=streamed, timeout_ms=60_000, reading=reading
            )
            task = asyncio.create_task(slow)
            await asyncio.wait_for(reading.wait(), 20)
            reading.clear()
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task
            mine = b"mine %d" % number
            again = post(http, server.url, mine, streamed=streamed, timeout_ms=30_000)
            assert await again == (200, mine)
            await asyncio.wait_for(server.gone.wait(), 20 if flowing else 5)
            server.gone.clear()


@pytest.mark.usefixtures("closes_early")
@pytest.mark.parametrize("streamed", [False, True])
async def test_cancelling_before_the_answer_closes_the_connection(http, streamed):
    await cancelled(http, b"before", streamed)


async def test_cancelling_within_a_stream_closes_the_connection(http):
    await cancelled(http, b"within", streamed=True)


async def test_cancelling_within_a_whole_answer_closes_the_connection(closes_early, http):
    await cancelled(http, b"within", streamed=False)


async def test_leaving_a_stream_early_closes_its_connection(http):
    async def handler(request, writer):
        if b"slow" in request.body:
            writer.write(STREAM_HEAD + chunk(b"slow"))
            await asyncio.sleep(5)
        else:
            writer.write(answer(request.body))

    async with serving(handler) as server:
        response = await http.request("POST", server.url, {}, b"slow", 5_000, streamed=True)
        stream = response.stream()
        assert await anext(stream) == b"slow"
        await stream.aclose()
        await response.aclose()
        async with asyncio.timeout(2):
            await server.gone.wait()
        assert await post(http, server.url, b"mine") == (200, b"mine")
        assert server.connections == 2


async def test_many_at_once_each_get_their_own(http):
    async def handler(request, writer):
        await asyncio.sleep(int(request.body) % 7 / 200)
        writer.write(answer(request.body))

    async def one(number):
        assert await post(http, server.url, b"%d" % number) == (200, b"%d" % number)

    async with serving(handler) as server:
        for _ in range(3):
            async with asyncio.TaskGroup() as group:
                for number in range(60):
                    group.create_task(one(number))
        assert server.connections <= 60


async def test_a_connection_closed_while_idle_is_not_used(http):
    async def handler(request, writer):
        writer.write(answer(request.body))
        writer.close()

    async with serving(handler) as server:
        for number in range(4):
            body = b"%d" % number
            assert await post(http, server.url, body) == (200, body)
            await asyncio.sleep(0.05)
        assert server.connections == 4


async def test_surplus_bytes_are_nobodys_answer(http):
    async def handler(request, writer):
        writer.write(answer(request.body) + answer(b"surplus"))

    async with serving(handler) as server:
        for number in range(4):
            body = b"%d" % number
            # A connection that says too much may break; it may never answer for another.
            with suppress(TransportFailed):
                assert await post(http, server.url, body) == (200, body)
            await asyncio.sleep(0.02)


@pytest.mark.parametrize("streamed", [False, True])
@pytest.mark.parametrize(
    "sent",
    [
        b"",
        b"HTTP/1.1 200 OK\r\ncontent-le",
        b"HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\nhalf",
        STREAM_HEAD + chunk(b"half"),
        STREAM_HEAD + b"40\r\nhalf",
        STREAM_HEAD + b"zz\r\nhalf",
        b"nonsense\r\n\r\n",
    ],
)
async def test_a_broken_response(http, sent, streamed):
    async def handler(request, writer):
        writer.write(sent)
        await writer.drain()
        writer.close()

    async with serving(handler) as server:
        failed = await failing(http, server.url + "/?k=hidden", streamed=streamed)
    assert failed.reason == "broken"


async def test_a_reset(http):
    async def handler(request, writer):
        writer.transport.abort()

    async with serving(handler) as server:
        assert (await failing(http, server.url)).reason == "broken"


async def test_nobody_listens(http):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{taken.getsockname()[1]}/hidden?k=hidden"
        failed = await failing(http, url)
    assert failed.reason == "connect"
    assert "127.0.0.1" in str(failed)


async def test_an_unusable_address_or_header(http):
    assert (await failing(http, "http://[bad/hidden")).reason == "bad_request"
    async with serving(echo) as server:
        with pytest.raises(TransportFailed) as caught:
            await http.request("POST", server.url, {"x": "hidden\r\ny: z"}, b"", 1_000)
    assert caught.value.reason == "bad_request"
    assert "hidden" not in f"{caught.value} {caught.value.__cause__}"


async def test_the_first_byte_is_late(closes_early, http):
    async def handler(request, writer):
        await asyncio.sleep(5)

    async with serving(handler) as server:
        failed = await failing(http, server.url, first_byte_ms=50)
        assert failed.reason == "first_byte"
        async with asyncio.timeout(4):
            await server.gone.wait()


@pytest.mark.parametrize("streamed", [False, True])
async def test_the_whole_takes_too_long(http, streamed):
    async def handler(request, writer):
        writer.write(STREAM_HEAD)
        for _ in range(500):
            writer.write(chunk(b"drip"))
            await asyncio.sleep(0.02)

    async with serving(handler) as server:
        failed = await failing(http, server.url, timeout_ms=150, streamed=streamed)
        assert failed.reason == "timeout"
        async with asyncio.timeout(2):
            await server.gone.wait()


@pytest.mark.parametrize("streamed", [False, True])
async def test_a_huge_body_is_cut_off(http, monkeypatch, streamed):
    for module in ("pyreqwest_transport", "aiohttp_transport"):
        monkeypatch.setattr(f"freehold.providers.{module}.MAX_BODY_BYTES", 1_000_000)

    async def handler(request, writer):
        writer.write(STREAM_HEAD)
        for _ in range(1_000):
            writer.write(chunk(b"x" * 65_536))
            await writer.drain()
        writer.write(STREAM_END)

    async with serving(handler) as server:
        tracemalloc.start()
        failed = await failing(http, server.url, streamed=streamed)
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
    assert failed.reason == "too_large"
    assert peak < 10_000_000


async def test_redirects_are_answers_like_any_other(http):
    async def handler(request, writer):
        writer.write(answer(b"", status=307, headers={"location": "/elsewhere"}))

    async with serving(handler) as server:
        assert await post(http, server.url) == (307, b"")
        assert len(server.received) == 1


async def test_nothing_is_unpacked(http):
    async def handler(request, writer):
        writer.write(answer(b"\x1f\x8bnot gzip at all", headers={"content-encoding": "gzip"}))

    async with serving(handler) as server:
        assert await post(http, server.url) == (200, b"\x1f\x8bnot gzip at all")


async def test_proxies_in_the_environment_are_not_used(name, monkeypatch):
    for variable in ("HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"):
        monkeypatch.setenv(variable, "http://127.0.0.1:1")
    async with serving(echo) as server, clients.http_transport(name) as http:
        assert await post(http, server.url, b"direct") == (200, b"direct")


async def test_cookies_are_not_kept(http):
    async def handler(request, writer):
        writer.write(answer(request.body, headers={"set-cookie": "who=me"}))

    async with serving(handler) as server:
        await post(http, server.url)
        await post(http, server.url)
    assert "cookie" not in server.received[1].headers


async def test_headers_of_the_response(http):
    async def handler(request, writer):
        writer.write(answer(b"{}", status=429, headers={"Retry-After": "7"}))

    async with serving(handler) as server:
        response = await http.request("POST", server.url, {}, b"", 1_000)
        assert response.status == 429
        assert response.header("retry-after") == response.header("Retry-After") == "7"
        assert response.header("x-none") == ""
        await response.aclose()


@pytest.mark.skipif(not socket.has_ipv6, reason="no IPv6 here")
async def test_an_ipv6_literal(http):
    try:
        socket.create_server(("::1", 0), family=socket.AF_INET6).close()
    except OSError:
        pytest.skip("no IPv6 here")
    async with serving(echo, host="::1") as server:
        assert "[::1]" in server.url
        assert await post(http, server.url, b"six") == (200, b"six")


async def test_a_certificate_that_nobody_vouches_for_is_refused(http, tmp_path):
    _, context = certificate(tmp_path)
    async with serving(echo, tls=context) as server:
        assert (await failing(http, server.url)).reason == "tls"
        assert server.received == []


async def test_an_own_certificate_authority_can_be_named(name, tmp_path):
    pem, context = certificate(tmp_path)
    async with (
        serving(echo, tls=context) as server,
        clients.http_transport(name, ca_pem=pem) as own,
    ):
        assert await post(own, server.url, b"safe") == (200, b"safe")


async def test_a_certificate_for_another_host_is_refused(name, tmp_path):
    pem, context = certificate(tmp_path, address="127.0.0.2")
    async with (
        serving(echo, tls=context) as server,
        clients.http_transport(name, ca_pem=pem) as own,
    ):
        assert (await failing(own, server.url)).reason == "tls"


async def test_a_transport_that_is_not_open_says_so(name):
    with pytest.raises(RuntimeError, match="not open"):
        await clients.http_transport(name).request("GET", "http://127.0.0.1:1", {}, b"", 1)


def test_an_unknown_client():
    with pytest.raises(BundleError, match="curl"):
        clients.http_transport("curl")


def test_a_client_that_is_not_installed(monkeypatch):
    monkeypatch.setitem(clients.CLIENTS, "pyreqwest", "freehold.providers.absent:Absent")
    with pytest.raises(BundleError, match="pyreqwest"):
        clients.http_transport("pyreqwest")
    assert type(clients.http_transport()).__name__ == "AiohttpTransport"


@pytest.mark.parametrize(
    ("url", "host"),
    [
        ("https://user:pw@api.example:8443/v1?k=1", "api.example:8443"),
        ("http://[::1]:80/x", "[::1]:80"),
        ("http://[bad", "?"),
        ("", "?"),
    ],
)
def test_only_the_host_is_named(url, host):
    assert transport.host_of(url) == host


def certificate(folder, address="127.0.0.1") -> tuple[bytes, ssl.SSLContext]:
    """A certificate authority of our own (PEM), and a server's context signed by it."""
    begin = datetime.datetime(2020, 1, 1, tzinfo=datetime.UTC)
    end = datetime.datetime(2120, 1, 1, tzinfo=datetime.UTC)

    def built(subject, issuer, key, signer, *extensions):
        builder = x509.CertificateBuilder(
            subject_name=named(subject),
            issuer_name=named(issuer),
            public_key=key.public_key(),
            serial_number=x509.random_serial_number(),
            not_valid_before=begin,
            not_valid_after=end,
        )
        for extension, critical in extensions:
            builder = builder.add_extension(extension, critical)
        return builder.sign(signer, hashes.SHA256())

    def named(text):
        return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, text)])

    ca_key, key = ec.generate_private_key(ec.SECP256R1()), ec.generate_private_key(ec.SECP256R1())
    usage = x509.KeyUsage(True, False, False, False, False, True, True, False, False)
    ca_id = x509.SubjectKeyIdentifier.from_public_key(ca_key.public_key())
    ca = built(
        "Test CA",
        "Test CA",
        ca_key,
        ca_key,
        (x509.BasicConstraints(ca=True, path_length=0), True),
        (usage, True),
        (ca_id, False),
    )
    alternative = x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address(address))])
    leaf = built(
        "server",
        "Test CA",
        key,
        ca_key,
        (alternative, False),
        (x509.AuthorityKeyIdentifier.from_issuer_subject_key_identifier(ca_id), False),
        (x509.BasicConstraints(ca=False, path_length=None), True),
    )
    (folder / "leaf.pem").write_bytes(leaf.public_bytes(serialization.Encoding.PEM))
    (folder / "leaf.key").write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
    )
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(folder / "leaf.pem", folder / "leaf.key")
    return ca.public_bytes(serialization.Encoding.PEM), context
