"""The chain's delivery service: a small HTTP API that the bundle names as a source.

    python -m freehold.testing.retail.delivery --db harbor-and-pine.sqlite --port 0

`GET /deliveries?customer=C100000` is a list of what is on its way to that customer. It answers
from the database; what a carrier would know beyond that (depot, next stop) is made up from the
tracking code, always the same. Once it listens, it prints one JSON line with that page's `url`.
"""

import argparse
import asyncio
import re
import socket
import sqlite3
import sys
from collections.abc import Awaitable, Callable, MutableMapping
from pathlib import Path
from typing import Any, Final
from urllib.parse import parse_qs
from zlib import crc32

import orjson
import uvicorn

from freehold.testing.retail.database import open_readonly

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]

PORT: Final = 8712
_PATH: Final = "/deliveries"
_CUSTOMER: Final = re.compile(r"C\d{1,12}")
_QUERY: Final = """
SELECT o.id, o.status, o.promised_on, o.tracking, s.city
FROM orders o JOIN stores s ON s.id = o.store_id
WHERE o.customer_id = ? AND o.status IN ('placed', 'packed', 'shipped')
ORDER BY o.ordered_on DESC LIMIT 5
"""
_CARRIERS: Final = ("Blue Heron Parcels", "Coastline Couriers", "Quayside Post")
_SCANS: Final = ("sorted at the depot", "loaded on the van", "waiting for the next van")


class DeliveryService:
    """The ASGI app. `latency_ms` is added to every answer, so that deadlines can be tried."""

    def __init__(self, database: Path, *, latency_ms: float = 0.0) -> None:
        self._database = database
        self._latency_s = latency_ms / 1000
        self._db: sqlite3.Connection | None = None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request, or the lifespan of the server."""
        if scope["type"] == "lifespan":
            await self._lifespan(receive, send)
            return
        if scope["type"] != "http":
            return
        if self._latency_s:
            await asyncio.sleep(self._latency_s)
        status, body = self.answer(
            scope["method"], scope["path"], scope["query_string"].decode("ascii", "replace")
        )
        headers = [(b"content-type", b"application/json")]
        await send({"type": "http.response.start", "status": status, "headers": headers})
        await send({"type": "http.response.body", "body": orjson.dumps(body)})

    def answer(self, method: str, path: str, query: str = "") -> tuple[int, Any]:
        """Status and JSON body for a request."""
        if path == "/healthz":
            return 200, {"status": "ok"}
        if path != _PATH:
            return 404, {"error": "no such page"}
        if method != "GET":
            return 405, {"error": "only GET"}
        (customer, *_) = parse_qs(query).get("customer", [""])
        if not _CUSTOMER.fullmatch(customer):
            return 400, {"error": "customer must be a customer's number"}
        return 200, self._deliveries(customer)

    def close(self) -> None:
        """Close the database."""
        if self._db is not None:
            self._db.close()
            self._db = None

    def _deliveries(self, customer_id: str) -> list[dict[str, str]]:
        if self._db is None:
            self._db = open_readonly(self._database)
        rows = self._db.execute(_QUERY, (customer_id,)).fetchall()
        return [_delivery(*row) for row in rows]

    async def _lifespan(self, receive: Receive, send: Send) -> None:
        while True:
            message = await receive()
            if message["type"] == "lifespan.startup":
                await send({"type": "lifespan.startup.complete"})
            elif message["type"] == "lifespan.shutdown":
                self.close()
                await send({"type": "lifespan.shutdown.complete"})
                return


def _delivery(
    order_id: str, status: str, promised_on: str, tracking: str | None, city: str
) -> dict[str, str]:
    if tracking is None:
        state = f"{status}, not handed over yet"
        return {"order_id": order_id, "state": state, "expected_on": promised_on}
    number = crc32(tracking.encode())
    return {
        "order_id": order_id,
        "state": f"in transit, {_SCANS[number % len(_SCANS)]} in {city}",
        "expected_on": promised_on,
        "carrier": _CARRIERS[number // 7 % len(_CARRIERS)],
        "tracking": tracking,
    }


def main(argv: list[str] | None = None) -> int:
    """The command line: serves until it is interrupted."""
    parser = argparse.ArgumentParser(prog="python -m freehold.testing.retail.delivery")
    parser.add_argument("--db", type=Path, required=True, help="the example's database")
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=PORT)
    parser.add_argument("--latency-ms", type=float, default=0.0)
    args = parser.parse_args(argv)
    if not args.db.is_file():
        parser.error(f"no such file: {args.db}; make it with freehold.testing.retail.data")
    service = DeliveryService(args.db, latency_ms=args.latency_ms)
    family = socket.AF_INET6 if ":" in args.host else socket.AF_INET
    with socket.create_server((args.host, args.port), family=family, backlog=128) as listening:
        host = f"[{args.host}]" if ":" in args.host else args.host
        url = f"http://{host}:{listening.getsockname()[1]}{_PATH}"
        sys.stdout.write(orjson.dumps({"url": url}).decode() + "\n")
        sys.stdout.flush()
        server = uvicorn.Server(uvicorn.Config(service, log_level="warning"))
        server.run(sockets=[listening])
    return 0


if __name__ == "__main__":
    sys.exit(main())
