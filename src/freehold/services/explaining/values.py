"""Parts of a record in the words and units that people use."""

from typing import Any

from freehold.core.clock import rfc3339

_NANO = 1_000_000_000
_MILLION = 1_000_000


def said_of_finding(finding: dict[str, Any]) -> str:
    """What was found, where, by whom and how surely."""
    line = (
        f"{finding['kind']} ({finding['label']}) in {finding['where']} at"
        f" {finding['start']}-{finding['end']}: {finding['detector']} {finding['version']},"
        f" score {share(finding['score'])}, threshold {share(finding['threshold'])}"
    )
    return line + (f", {finding['explanation']}" if finding["explanation"] else "")


def said_of_fact(fact: dict[str, Any]) -> str:
    """What was read in a text, and where."""
    read = _value(fact, fact["value"]) if fact["parsed"] else "unreadable"
    if fact["upper"] is not None:
        read += f" to {_value(fact, fact['upper'])}"
    said = f" \u201c{fact['text']}\u201d" if fact["text"] else ""
    return (
        f"{fact['kind']} {read}, {fact['polarity']}, as {fact['role']},"
        f" at {fact['start']}-{fact['end']}{said}"
    )


def ruled(firing: dict[str, Any]) -> str:
    """A rule with its version."""
    observed = " (observed)" if firing["mode"] == "observe" else ""
    return f"{firing['rule']} v{firing['version']}{observed}"


def _value(fact: dict[str, Any], value: int) -> str:
    """A fact's integer in the unit that people use."""
    kind, unit = fact["kind"], fact["unit"]
    if kind == "percent":
        return f"{value / 100:g} %"
    if kind == "money":
        return f"{value} minor units {unit}"
    if kind == "date":
        return rfc3339(value * 86_400 * _NANO)[:10] + ("" if unit == "day" else f" ({unit})")
    if kind == "duration":
        return f"{value} s ({unit})"
    if kind == "quantity":
        return f"{value / 1_000:g} {unit}"
    return str(value) if value else unit


def share(millionths: int) -> str:
    """Millionths as a share of one."""
    return f"{millionths / _MILLION:.2f}"


def ms(nanoseconds: int) -> str:
    """Nanoseconds as milliseconds."""
    return f"{nanoseconds / 1_000_000:.1f} ms"


def us(nanoseconds: int) -> str:
    """Nanoseconds as microseconds."""
    return f"{nanoseconds / 1_000:.0f} µs"
