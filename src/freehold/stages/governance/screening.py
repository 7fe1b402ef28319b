"""Reading the texts of a request and of context: what is in them, with secrets taken out."""

from bisect import bisect_left
from collections.abc import Callable

from msgspec.structs import replace

from freehold.core.ask import Message
from freehold.core.decisions import Finding
from freehold.core.errors import ControlFailed
from freehold.core.handoffs import Piece, Sendable
from freehold.core.spec import DetectorSetting
from freehold.core.trail import Trail
from freehold.stages.governance import verdicts
from freehold.stages.governance.exchange import Exchange
from freehold.stages.governance.jsontext import fit, plain
from freehold.stages.governance.placeholders import Kinds, neutralise
from freehold.stages.governance.scanner import Scanner, cover, overlaps
from freehold.stages.governance.waiting import Told
from freehold.text.escapes import shown_json
from freehold.text.structured import is_json

_NOBODY = Told()
Read = Callable[[Scanner, str, str], tuple[Finding, ...]]
"""Findings of a text by scanner, text and place."""


def scan(
    scanner: Scanner, text: str, where: str, trail: Trail, given: Sendable | None = None
) -> tuple[tuple[Finding, ...], bool]:
    """The findings, and whether every detector did its work and nobody was left out.

    Raises:
        ControlFailed: a detector in enforce mode failed; the trail says so.
    """
    failures: list[tuple[DetectorSetting, str]] = []
    told: Told = trail.told or _NOBODY
    try:
        found = scanner.scan(
            text, where, lambda setting, why: failures.append((setting, why)), told, given
        )
    except ControlFailed as failure:
        trail.decide(verdicts.failed(scanner.uses[failure.rule].setting, str(failure)))
        raise
    for setting, why in failures:
        trail.decide(verdicts.failed(setting, why))
    return found, not failures and (told.wanted is None and not told.unasked)


def placed(found: tuple[Finding, ...], where: str) -> tuple[Finding, ...]:
    """The findings with their place in this exchange."""
    if not found or found[0].where == where:
        return found
    return tuple(replace(finding, where=where) for finding in found)


def message(
    message: Message,
    where: str,
    exchange: Exchange,
    read: Read,
    kinds: Kinds,
    found: list[Finding],
) -> Message:
    """The message without secrets and without look-alikes of placeholders.

    ``found`` grows by everything in its content, its tool calls' arguments and its name.
    """
    scanner = exchange.panel.request

    def clean(text: str, place: str) -> str:
        return _clean(text, place, scanner, exchange, read, kinds, found, own=True)

    content = clean(message.content, where) if message.content else ""
    name = message.name
    if name is not None and clean(name, f"{where}:name") != name:
        name = None  # it may hold no brackets, so no placeholder either
    calls = message.tool_calls
    if calls:
        calls = tuple(
            replace(call, arguments=clean(call.arguments, f"{where}:call:{number}"))
            for number, call in enumerate(calls)
        )
    elif content is message.content and name == message.name:
        return message
    return replace(message, content=content, tool_calls=calls, name=name)


def piece(
    piece: Piece, exchange: Exchange, read: Read, kinds: Kinds, found: list[Finding]
) -> Piece:
    """The piece of context, the same way. Its secrets are nobody's to get back."""
    scanner = exchange.panel.context
    where = f"context:{piece.source}"
    text = _clean(piece.text, where, scanner, exchange, read, kinds, found, own=False)
    title = piece.title
    if title:
        place = f"{where}:title"
        title = _clean(title, place, scanner, exchange, read, kinds, found, own=False)
    if text is piece.text and title is piece.title:
        return piece
    return replace(piece, text=text, title=title)


def _clean(
    text: str,
    where: str,
    scanner: Scanner,
    exchange: Exchange,
    read: Read,
    kinds: Kinds,
    found: list[Finding],
    *,
    own: bool,
) -> str:
    if "\\u" in text and is_json(text):
        text = shown_json(text)[0]
    text = neutralise(text, kinds)
    findings = read(scanner, text, where)
    if not findings:
        return text
    found += findings
    secrets = []
    for finding in findings:
        setting = scanner.uses[finding.detector].setting
        if finding.label == "secret" and setting.mode == "enforce" and setting.action == "redact":
            secrets.append(finding)
    exchange.learn(text, findings, own=own)
    return _without(text, secrets, findings, scanner, exchange, own=own) if secrets else text


def _without(
    text: str,
    secrets: list[Finding],
    findings: tuple[Finding, ...],
    scanner: Scanner,
    exchange: Exchange,
    *,
    own: bool,
) -> str:
    """The text with placeholders for its secrets; its other findings are remembered with it."""
    stretches = cover(secrets)
    fitted = fit(text, stretches) if is_json(text) else plain(stretches)
    parts: list[str] = []
    shifts: list[tuple[int, int, int]] = []
    done = length = 0
    for start, end, finding, bare in fitted:
        placeholder = exchange.minter.make(finding.kind, text[start:end])
        if own:
            exchange.secrets.setdefault(placeholder, text[start:end])
        new = f'"{placeholder}"' if bare else placeholder
        parts += (text[done:start], new)
        length += start - done + len(new)
        done = end
        shifts.append((start, end, length - end))
    parts.append(text[done:])
    cleaned = "".join(parts)
    others = []
    spans = [(start, end) for start, end, _ in shifts]
    for finding in findings:
        if overlaps(spans, finding.start, finding.end):
            continue
        place = bisect_left(spans, (finding.start, finding.start))
        shift = shifts[place - 1][2] if place else 0
        others.append(replace(finding, start=finding.start + shift, end=finding.end + shift))
    exchange.remember(scanner, cleaned, tuple(others))
    return cleaned
