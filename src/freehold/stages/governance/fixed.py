"""What stands where nothing can be replaced: tools, the response format, stop sequences.

They reach a model as they were written, so what they hold rules out each model that is not cleared
for it.
"""

import re
from collections.abc import Callable, Iterator

import orjson
from msgspec.structs import replace

from freehold.core.ask import Ask
from freehold.core.decisions import Finding
from freehold.core.handoffs import Fixed
from freehold.stages.governance.scanner import Panel, Scanner
from freehold.stages.governance.verdicts import InUse

Read = Callable[[Scanner, str, str], tuple[Finding, ...]]
"""Findings of a text by scanner, text and place; remembered ones where it was read before."""

# RFC 2606: names that belong to nobody, as documentation uses them
_EXAMPLE = re.compile(r"@(?:[\w-]+\.)*(?:example(?:\.\w+)?|test|invalid)$", re.IGNORECASE)


def settings(ask: Ask) -> str:
    """All of them as one JSON text; "" when there are none."""
    written = [part for part in (ask.tools, ask.response_format, ask.stop) if part]
    return orjson.dumps(written).decode() if written else ""


def held(text: str, found: tuple[Finding, ...]) -> list[Finding]:
    """Findings of such a text, documentation's examples apart."""
    return [f for f in found if not _EXAMPLE.search(text[f.start : f.end])]


def find(ask: Ask, panel: Panel, read: Read) -> list[Finding]:
    """What they hold; ``where`` is the parameter."""
    together = settings(ask)
    # most hold nothing, so all are read at once first
    if not together or not held(together, read(panel.request, together, "settings")):
        return []
    found: list[Finding] = []
    for param, part in _parts(ask):
        text = orjson.dumps(part).decode()
        found += [replace(f, where=param) for f in held(text, read(panel.request, text, param))]
    return found


def barred(found: list[Finding], panel: InUse) -> tuple[Fixed, ...]:
    """What a model needs a clearance for, once for each parameter and kind."""
    wanted = {
        (finding.where, finding.kind, finding.label): None
        for finding in found
        if panel.uses[finding.detector].acts
    }
    return tuple(Fixed(param=p, kind=kind, label=label) for p, kind, label in wanted)


def _parts(ask: Ask) -> Iterator[tuple[str, object]]:
    for place, tool in enumerate(ask.tools):
        yield f"tools[{place}]", tool
    if ask.response_format:
        yield "response_format", ask.response_format
    for place, stop in enumerate(ask.stop):
        yield f"stop[{place}]", stop
