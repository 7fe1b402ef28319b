"""An exchange as W3C PROV: what was used, what came of it, and who was responsible.

Sources: https://www.w3.org/TR/prov-dm/, https://www.w3.org/submissions/prov-json/ and
https://www.w3.org/TR/prov-n/.
"""

import re
from typing import Any

import orjson

from freehold.core.clock import rfc3339
from freehold.ledger.record import Record
from freehold.services.explaining import account
from freehold.services.explaining.formats import plain

_PREFIXES = {"fh": "urn:freehold:", "xsd": "http://www.w3.org/2001/XMLSchema#"}
_ODD = re.compile(r"[^A-Za-z0-9_-]")
_EXCHANGE = "exchange"
_FREEHOLD = "fh:freehold"
_BETWEEN = {
    "used": ("prov:activity", "prov:entity"),
    "wasGeneratedBy": ("prov:entity", "prov:activity"),
    "wasInformedBy": ("prov:informed", "prov:informant"),
    "wasDerivedFrom": ("prov:generatedEntity", "prov:usedEntity"),
    "wasAttributedTo": ("prov:entity", "prov:agent"),
    "wasAssociatedWith": ("prov:activity", "prov:agent"),
    "actedOnBehalfOf": ("prov:delegate", "prov:responsible"),
}
"""The two ends of each relation, in the order in which PROV-N writes them."""
_IN_PROV_N = {
    "used": "used({0}, {1}, -)",
    "wasGeneratedBy": "wasGeneratedBy({0}, {1}, -)",
    "wasAssociatedWith": "wasAssociatedWith({0}, {1}, {plan})",
}


def name(kind: str, *of: str) -> str:
    """A qualified name: what is no letter, digit, hyphen or underscore is percent-encoded."""
    return "fh:" + ".".join((kind, *(_ODD.sub(_encoded, plain(each)) for each in of)))


def _encoded(found: re.Match[str]) -> str:
    return "".join(f"%{octet:02X}" for octet in found[0].encode("utf-8", "replace"))


class _Graph:
    """A PROV document as it grows."""

    def __init__(self) -> None:
        self.made: dict[str, Any] = {"prefix": dict(_PREFIXES)}

    def node(self, sort: str, node: str, **attributes: Any) -> str:
        said = {
            (key.replace("__", ":") if "__" in key else f"fh:{key}"): value
            for key, value in attributes.items()
            if value not in (None, "", [])
        }
        if "prov:type" in said:
            said["prov:type"] = {"$": said["prov:type"], "type": "prov:QUALIFIED_NAME"}
        self.made.setdefault(sort, {}).setdefault(node, said)
        return node

    def relate(self, relation: str, one: str, other: str, **more: str) -> None:
        known = self.made.setdefault(relation, {})
        first, second = _BETWEEN[relation]
        ends = {first: one, second: other}
        ends |= {key.replace("__", ":"): value for key, value in more.items()}
        if ends not in known.values():
            known[f"_:{relation}{len(known) + 1}"] = ends


def graph(record: Record) -> dict[str, Any]:
    """The exchange as PROV-JSON."""
    made = _Graph()
    exchange = _exchange(made, record)
    _agents(made, record, exchange)
    sources = _sources(made, record, exchange)
    _calls(made, record, exchange, sources)
    _people(made, record, exchange)
    for line in record.lines:
        entry = made.node(
            "entity", name("entry", line["writer"], str(line["seq"])),
            prov__type="fh:LedgerEntry", type=line["body"]["type"], at=line["body"]["at"],
        )  # fmt: skip
        made.relate("wasGeneratedBy", entry, exchange)
        made.relate("wasAttributedTo", entry, _FREEHOLD)
    return made.made


def _exchange(made: _Graph, record: Record) -> str:
    closed = next((line for line in record.lines if "closed" in line["body"]), None)
    return made.node(
        "activity", name(_EXCHANGE, record.exchange_id),
        prov__startTime=account.request(record).get("received_at"),
        prov__endTime=closed["body"]["at"] if closed is not None else None,
        outcome=record.outcome,
        operation=account.request(record).get("operation"),
    )  # fmt: skip


def _agents(made: _Graph, record: Record, exchange: str) -> None:
    runtime = record.opened.get("runtime")
    made.node("agent", _FREEHOLD, prov__type="prov:SoftwareAgent", runtime=runtime)
    app, who, key = account.app(record), account.principal(record), record.opened.get("key")
    if not app:
        made.relate("wasAssociatedWith", exchange, _FREEHOLD)
        return
    bundle = made.node("entity", name("bundle", app["bundle"]), prov__type="prov:Plan")
    made.relate("wasAssociatedWith", exchange, _FREEHOLD, prov__plan=bundle)
    made.relate("used", exchange, bundle)
    tenant = made.node(
        "agent", name("tenant", app["tenant"]), prov__type="prov:Organization",
    )  # fmt: skip
    service = made.node(
        "agent", name("app", app["tenant"], app["id"]), prov__type="prov:SoftwareAgent",
        purpose=plain(app["purpose"]),
    )  # fmt: skip
    made.relate("actedOnBehalfOf", service, tenant)
    made.relate("actedOnBehalfOf", _FREEHOLD, tenant)
    made.relate("wasAssociatedWith", exchange, service)
    if key:
        used = made.node("agent", name("key", key["id"]), prov__type="prov:SoftwareAgent")
        made.relate("actedOnBehalfOf", used, service)
        made.relate("wasAssociatedWith", exchange, used)
    if who and who["id"]:
        person = made.node(
            "agent", name("person", who["issuer"], who["id"]), prov__type="prov:Person",
            verified=who["verified"],
        )  # fmt: skip
        made.relate("wasAssociatedWith", exchange, person)


def _sources(made: _Graph, record: Record, exchange: str) -> list[str]:
    """The request and the pieces of context, each with what commits to it."""
    mark = account.request(record).get("input") or {}
    asked = made.node(
        "entity", name("request", record.exchange_id), prov__type="fh:Request",
        commitment=mark.get("mac"),
    )  # fmt: skip
    made.relate("used", exchange, asked)
    who, app = account.principal(record), account.app(record)
    if who.get("id"):
        made.relate("wasAttributedTo", asked, name("person", who["issuer"], who["id"]))
    elif app:
        made.relate("wasAttributedTo", asked, name("app", app["tenant"], app["id"]))
    found = [asked]
    for piece in record.opened.get("context") or ():
        if piece["rows"] and not piece["error"]:
            source = made.node(
                "entity", name("context", record.exchange_id, piece["source"]),
                prov__type="fh:Context", digest=piece["digest"], rows=piece["rows"],
                labels=sorted(piece["labels"]), trusted=piece["trusted"],
            )  # fmt: skip
            made.relate("used", exchange, source)
            found.append(source)
    return found


def _calls(made: _Graph, record: Record, exchange: str, sources: list[str]) -> None:
    part = record.closed if record.closed is not None else record.opened
    began = account.request(record).get("received_ns", 0)
    last = exchange
    for at, call in enumerate(part.get("calls") or (), start=1):
        ended = call["ended_ns"]
        activity = made.node(
            "activity", name("call", record.exchange_id, str(at)), role=call["role"],
            prov__startTime=rfc3339(began + call["started_ns"]),
            prov__endTime=None if ended is None else rfc3339(began + ended),
            simulated=call["simulated"], error=plain(call["error"]),
        )  # fmt: skip
        model = made.node(
            "entity", name("model", call["model"]), prov__type="fh:Model",
            reported=plain(call["reported_model"]),
        )  # fmt: skip
        made.relate("wasInformedBy", activity, exchange)
        made.relate("wasAssociatedWith", activity, _FREEHOLD)
        made.relate("used", activity, model)
        for source in sources if account.reached(call) else ():
            made.relate("used", activity, source)
        if call["role"] != "guard" and not call["error"]:
            last = activity
    output = (record.closed or {}).get("output")
    if output:
        answer = made.node(
            "entity", name("answer", record.exchange_id), prov__type="fh:Answer",
            commitment=output["mac"], released_chars=(record.closed or {})["released_chars"],
        )  # fmt: skip
        made.relate("wasGeneratedBy", answer, last)
        made.relate("wasAttributedTo", answer, _FREEHOLD)
        for source in sources:
            made.relate("wasDerivedFrom", answer, source)


def _people(made: _Graph, record: Record, exchange: str) -> None:
    """Approvals, and the exchange in which the same was held before."""
    for step in record.approval:
        when = rfc3339(step["at_ns"])
        activity = made.node(
            "activity", name("approval", step["event_id"]), verdict=step["verdict"],
            rule=step["rule"], prov__startTime=when, prov__endTime=when,
        )  # fmt: skip
        made.relate("wasInformedBy", activity, exchange)
        if step["verdict"] == "expired":
            made.relate("wasAssociatedWith", activity, _FREEHOLD)
            continue
        approver = made.node(
            "agent", name("person", step["issuer"], step["by"]), prov__type="prov:Person",
        )  # fmt: skip
        made.relate("wasAssociatedWith", activity, approver)
    request = account.request(record)
    if request.get("approval") and request.get("parent"):
        before = made.node("activity", name(_EXCHANGE, request["parent"]), outcome="held")
        made.relate("wasInformedBy", exchange, before)


def as_json(record: Record) -> str:
    """PROV-JSON, indented, keys in order."""
    options = orjson.OPT_INDENT_2 | orjson.OPT_SORT_KEYS
    return orjson.dumps(graph(record), option=options).decode() + "\n"


def as_prov_n(record: Record) -> str:
    """PROV-N."""
    made = graph(record)
    lines = ["document", *(f"  prefix {p} <{uri}>" for p, uri in made["prefix"].items())]
    for node, said in made.get("entity", {}).items():
        lines.append(f"  entity({node}{_attributes(said)})")
    for node, said in made.get("activity", {}).items():
        times = [said.get(f"prov:{end}Time") or "-" for end in ("start", "end")]
        more = {k: v for k, v in said.items() if k not in ("prov:startTime", "prov:endTime")}
        lines.append(f"  activity({node}, {', '.join(times)}{_attributes(more)})")
    for node, said in made.get("agent", {}).items():
        lines.append(f"  agent({node}{_attributes(said)})")
    for relation, ends in _BETWEEN.items():
        for one in made.get(relation, {}).values():
            form = _IN_PROV_N.get(relation, relation + "({0}, {1})")
            plan = one.get("prov:plan", "-")
            lines.append("  " + form.format(*(one[end] for end in ends), plan=plan))
    return "\n".join([*lines, "endDocument"]) + "\n"


def _attributes(said: dict[str, Any]) -> str:
    pairs = [
        f"{key}={_literal(each)}"
        for key, value in said.items()
        for each in (value if isinstance(value, list) else [value])
    ]
    return f", [{', '.join(pairs)}]" if pairs else ""


def _literal(value: Any) -> str:
    if isinstance(value, dict):
        return f"'{value['$']}'"
    if isinstance(value, bool):
        return f'"{str(value).lower()}" %% xsd:boolean'
    if isinstance(value, int):
        return f'"{value}" %% xsd:integer'
    quoted = str(value).replace("\\", "\\\\").replace('"', '\\"')
    return f'"{quoted}"'
