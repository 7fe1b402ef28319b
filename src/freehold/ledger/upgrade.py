"""Records of every version in one shape: what a newer one leaves out is put back.

Version 1 told everything in words, and some of it twice. Version 2 leaves out what has its default,
what the line or the part before says already, and the long form of rules that stayed silent. Who
reads records reads them through this module; the bytes of a line stay what they are.
"""

import re
from collections.abc import Iterable
from functools import cache
from typing import Any, get_args

import msgspec
from msgspec import UNSET, Struct
from msgspec.structs import fields

from freehold.core.clock import rfc3339
from freehold.core.trail import Firing
from freehold.ledger.shape import Closed, Opened

_QUIET = re.compile(r"([a-z_]+):(.+)/(\d+)(?: ([a-z]+))?")
_EXCHANGE = ("opened", "closed", "interrupted")

Part = dict[str, Any]


def parts(bodies: Iterable[Part]) -> tuple[Part, Part | None]:
    """``opened`` and ``closed`` of one exchange, from the bodies of its lines, in full.

    Without a line that has it, ``opened`` is empty and ``closed`` none.
    """
    opened: Part = {}
    closed: Part | None = None
    for body in map(full, bodies):
        opened = opened or body.get("opened") or {}
        closed = closed or body.get("closed")
    if closed is None:
        return opened, None
    if "calls" not in closed:
        closed["calls"] = opened.get("calls", [])
    sealed, before = _sealed(closed), _sealed(opened)
    if sealed and not sealed["subject"] and before and before["key"] == sealed["key"]:
        sealed["subject"] = before["subject"]
    return opened, closed


def full(body: Part) -> Part:
    """A record's body in full, as far as its own line goes: what `parts` of one exchange have from
    each other is not in it. Bodies about anything else, and of other versions, as they are.
    """
    if body.get("v") != 2 or body.get("type") not in _EXCHANGE:
        return body
    whole = dict(body)
    if "opened" in body:
        whole["opened"] = _opened(body)
    if "closed" in body:
        whole["closed"] = closed = _filled(Closed, body["closed"])
        closed["firings"] = _firings(closed["firings"])
        closed["content"] = _content(closed["content"])
        if "calls" not in closed and "opened" in body:
            closed["calls"] = whole["opened"]["calls"]
    return whole


def filled(told: Struct) -> Part:
    """A struct that can be in a record, in full as a reader has it."""
    return _filled(type(told), msgspec.json.decode(msgspec.json.encode(told)))


def fired(part: Part) -> list[str]:
    """``rule/mode`` of each rule that fired, of a part in whatever form."""
    return [
        f"{one['rule']}/{one['mode']}"
        for one in part.get("firings", ())
        if not isinstance(one, str) and one["fired"]
    ]


def _opened(body: Part) -> Part:
    opened = _filled(Opened, body["opened"])
    opened["firings"] = _firings(opened["firings"])
    opened["content"] = _content(opened["content"])
    app = opened["app"]
    if app is not None:
        app |= {"id": body["app"], "tenant": body["tenant"]}
        app["tenant_path"] = app["tenant_path"] or [body["tenant"]]
    request = opened["request"]
    request["received_at"] = rfc3339(request["received_ns"])
    # timings so far stood here too in version 1
    opened |= {"spent_ns": {}, "waited_ns": {}}
    return opened


def _firings(told: list[Any]) -> list[Part]:
    return [_silent(one) if isinstance(one, str) else one for one in told]


def _silent(said: str) -> Part:
    """The opposite of `shape.quiet`."""
    found = _QUIET.fullmatch(said)
    if found is None:
        raise ValueError(f"no rule that stayed silent: {said!r}")
    phase, rule, version, mode = found.groups()
    firing = Firing(
        rule=rule, version=int(version), phase=phase, fired=False, mode=mode or "enforce"
    )
    return _filled(Firing, msgspec.to_builtins(firing))


def _content(content: Part) -> Part:
    """Old records have texts in the clear here; who reads them finds the places empty."""
    return {"input": None, "output": None} | content


def _sealed(part: Part) -> Part:
    return (part.get("content") or {}).get("sealed") or {}


def _filled(kind: type[Struct], told: Part) -> Part:
    """A struct's fields with the defaults of those that were left out, all the way down."""
    simple, made, below = _plan(kind)
    whole = simple | told
    for name, make in made:
        if name not in told:
            whole[name] = make()
    for name, inner in below:
        value = whole.get(name)
        if isinstance(value, dict):
            whole[name] = _filled(inner, value)
        elif isinstance(value, list):
            whole[name] = [_filled(inner, one) if isinstance(one, dict) else one for one in value]
    return whole


@cache
def _plan(kind: type[Struct]) -> tuple[Part, list[tuple[str, Any]], list[tuple[str, Any]]]:
    """Of a struct in a record: defaults that may be shared, those that are made each time, and the
    fields in which other structs stand.
    """
    simple: Part = {}
    made: list[tuple[str, Any]] = []
    below: list[tuple[str, Any]] = []
    for field in fields(kind):
        name = field.encode_name
        if field.default_factory is not msgspec.NODEFAULT:
            made.append((name, field.default_factory))
        elif isinstance(field.default, tuple | frozenset):
            made.append((name, list))
        elif field.default is not msgspec.NODEFAULT and field.default is not UNSET:
            simple[name] = field.default
        inner = _struct_in(field.type)
        if inner is not None:
            below.append((name, inner))
    return simple, made, below


def _struct_in(annotation: Any) -> type[Struct] | None:
    """The struct that values of this type are, or are lists of."""
    if isinstance(annotation, type) and issubclass(annotation, Struct):
        return annotation
    return next(filter(None, map(_struct_in, get_args(annotation))), None)
