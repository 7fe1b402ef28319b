"""The rows behind a question: the example's sources, asked as the gateway asks them."""

import re
import sqlite3
from pathlib import Path
from typing import Any, Final

from freehold.bundle.check import check
from freehold.bundle.resolve import ResolvedBundle, resolve
from freehold.stages.context.binding import identifiers, terms
from freehold.testing.retail.database import open_readonly
from freehold.testing.retail.delivery import DeliveryService
from freehold.testing.retail.traffic import Call

Rows = dict[str, list[dict[str, Any]]]
_ADDRESSES: Final = {
    "FREEHOLD_SIMULATOR_URL": "http://127.0.0.1:8711/v1",
    "FREEHOLD_RETAIL_DB": "sqlite:///nowhere.sqlite",
    "FREEHOLD_DELIVERY_URL": "http://127.0.0.1:8712/deliveries",
}
_WHEN: Final = re.compile(r'request\.text\.matches\("(.*)"\)')


class Shop:
    """The example's sources over its database; nothing is sent anywhere.

    Args:
        bundle: the example's folder.

    Raises:
        ValueError: the bundle has problems.
    """

    def __init__(self, bundle: Path, database: Path) -> None:
        report = check(bundle)
        if report.bundle is None:
            raise ValueError("the retail bundle has problems; see `freehold check`")
        self.bundle: ResolvedBundle = resolve(report.bundle, report.hash, lookup=_ADDRESSES.get)
        self.db = open_readonly(database)
        self.db.row_factory = sqlite3.Row
        self.delivery = DeliveryService(database)

    def rows(self, call: Call) -> Rows:
        """What each source gives for a call; a source that gives nothing is left out."""
        text = question_of(call)
        values = {"request.terms": terms(text), "request.ids": identifiers(text)}
        values["request.text"] = text
        for name in ("customer_id", "tier", "store", "region"):
            values[f"principal.attributes.{name}"] = str(call.claims.get(name, ""))
        found: Rows = {}
        for spec in self.bundle.app_for(call.region, call.app).sources:
            when = _WHEN.fullmatch((spec.when or "").strip())
            if when and not re.search(when[1].replace("\\\\", "\\"), text):
                continue
            params = {name: values[path] for name, path in spec.bind.items()}
            if "" in params.values():
                continue
            if spec.type == "sql":
                rows = [dict(row) for row in self.db.execute(spec.query, params)][: spec.max_rows]
            else:
                customer = str(call.claims.get("customer_id", ""))
                _, rows = self.delivery.answer("GET", "/deliveries", f"customer={customer}")
            if rows:
                found[spec.id] = rows
        return found


def question_of(call: Call) -> str:
    """The newest message of the user."""
    said = (m["content"] for m in reversed(call.messages) if m["role"] == "user")
    return str(next(said, ""))
