"""The figures as Markdown, written between two marks of a page."""

import os
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import get_args

from examples.airline.checked import Round, Sample
from examples.airline.replay import Reply
from examples.airline.summary import Fact, Figures, Summary, fields, percentile, text_of
from freehold.core.spec import Containment

BEGIN = "<!-- figures: written by `python -m examples.airline --write-docs` -->"
END = "<!-- /figures -->"
_POLARITIES = ("affirmed", "hypothetical", "negated")
_FIELDS = {
    "email": "e-mail address",
    "dob": "date of birth",
    "first_name": "first name",
    "last_name": "last name",
    "address1": "street",
    "city": "town",
    "zip": "postcode",
    "last_four": "last four digits of a card",
}
_ASKED = {
    Sample.COMMITMENTS: "commitments: is it one, with this role and polarity?",
    Sample.PII: "personal data: is it that?",
    Sample.SILENT: "messages without a commitment: is there really none?",
}

Row = Sequence[object]


def written(page: str, shown: str) -> str:
    """The page with these figures in place of those between its marks.

    Raises:
        ValueError: the page lacks its marks.
    """
    before, rest = page[: page.index(BEGIN) + len(BEGIN)], page[page.index(END) :]
    return f"{before}\n\n{shown}\n{rest}"


def tables(figures: Figures, read: Mapping[Sample, Sequence[Round]]) -> str:
    """All figures."""
    parts = (
        _outcome(figures),
        _personal(figures),
        _rules(figures.summary),
        _tool_calls(figures.summary),
        _commitments(figures.summary),
        _facts(figures),
        _by_hand(read),
        _times(figures),
    )
    return "\n".join(parts)


def _table(title: str, head: Row, rows: Iterable[Row]) -> str:
    lines = [f"## {title}", "", _row(head), "|---" * len(head) + "|", *map(_row, rows), ""]
    return "\n".join(lines)


def _row(cells: Row) -> str:
    return f"| {' | '.join(f'{c:,}' if isinstance(c, int) else str(c) for c in cells)} |"


def _outcome(figures: Figures) -> str:
    replies, summary = figures.replies, figures.summary
    whole = [reply for reply in replies if not reply.turn.streamed]
    streamed = [reply for reply in replies if reply.turn.streamed]

    def count(test: Callable[[Reply], bool]) -> Row:
        return [sum(map(test, some)) for some in (whole, streamed, replies)]

    stopped = {r.turn.conversation for r in replies if r.said is None}
    ended = len({r.turn.conversation for r in replies} - stopped)
    rows: list[Row] = [
        ("turns of the agent", len(whole), len(streamed), len(replies)),
        ("with tool calls", *count(lambda r: bool(r.turn.recorded.calls))),
        ("answered", *count(lambda r: r.said is not None)),
        ("identical to the recording", *count(lambda r: r.identical)),
    ]
    lines = [_table("What came back", ("", "whole", "streamed", "together"), rows)]
    outcomes = ", ".join(
        f"{name} {summary.outcomes.get(name, 0):,}"
        for name in ("allowed", "transformed", "denied", "held", "error", "interrupted")
    )
    lines.append(
        f"{ended} of {len(figures.conversations)} conversations were completed. "
        f"Outcomes in the records: {outcomes}. A request counts as transformed when something in "
        f"it was hidden from the model.\n"
    )
    changed = [r for r in replies if r.said is not None and not r.identical]
    lines += [
        f"- changed on the way: conversation {r.turn.conversation}, message {r.turn.place}"
        for r in changed
    ]
    lines += [
        f"- not answered: conversation {r.turn.conversation}, message {r.turn.place}: {r.error}"
        for r in replies
        if r.said is None
    ]
    lines += [
        f"- masked in the answer, since neither request nor context held it: {kind} in "
        f"conversation {conversation}, message {place}"
        for conversation, place, kind in summary.leaks
    ]
    if not changed and not summary.leaks:
        lines.append("Nothing was masked in an answer, and nothing came back changed.\n")
    return "\n".join(lines)


def _personal(figures: Figures) -> str:
    summary = figures.summary
    kinds = sorted({finding.kind for finding in summary.findings})
    rows: list[Row] = []
    for kind in kinds:
        places = [finding.place for finding in summary.findings if finding.kind == kind]
        values = {text_of(figures.conversations, at)[at.start : at.end] for at in places}
        held = summary.requests_with[kind]
        rows.append((kind, len(places), len(values), held, figures.clear.get(kind, 0)))
    head = ("kind", "places", "different values", "requests with it", "seen by the model")
    found = fields(figures.conversations, summary.findings)
    share = [
        (title, *found[name], f"{100 * found[name][1] / found[name][0]:.0f} %")
        for name, title in _FIELDS.items()
        if name in found
    ]
    hidden = (
        f"{summary.redacted:,} stretches of requests were replaced by placeholders (a history is "
        f"sent again with every turn), and {summary.restored:,} placeholders in answers and tool "
        "calls were replaced by what they stand for.\n"
    )
    parts = [
        _table("Personal data found", head, rows),
        hidden,
        _table(
            "Personal data that tools returned",
            ("field of the tools' JSON", "values", "found", "share"),
            share,
        ),
    ]
    return "\n".join(parts)


def _rules(summary: Summary) -> str:
    rows = [
        (f"`{rule}`", phase, mode, demanded.replace("_", " "), count)
        for (rule, phase, mode, demanded), count in sorted(
            summary.rules.items(), key=lambda item: (item[0][1] != "request", -item[1], item[0])
        )
    ]
    return _table("Rules that fired", ("rule", "phase", "mode", "demands", "turns"), rows)


def _tool_calls(summary: Summary) -> str:
    rows: list[Row] = [
        (f"`untrusted: {setting}`", summary.stopped[setting]) for setting in get_args(Containment)
    ]
    fields = sum(count for (_, whole), count in summary.origins.items() if whole)
    prose = sum(summary.origins.values()) - fields
    kinds = Counter(kind for kind, _ in summary.origins.elements())
    named = ", ".join(f"{kind} {count:,}" for kind, count in sorted(kinds.items()))
    note = (
        f"Of {summary.calls:,} tool calls, {summary.traced:,} have an argument that stands in what "
        f"a tool returned and in nothing that the customer or the app said: {fields:,} arguments "
        f"that are a whole field of it, {prose:,} out of longer texts ({named}).\n"
    )
    head = ("`settings.tools`", "calls that it would stop")
    return "\n".join((_table("Where tool calls' arguments come from", head, rows), note))


def _commitments(summary: Summary) -> str:
    found = [fact for fact in summary.facts if fact.kind == "commitment"]
    counted = Counter((fact.role, fact.polarity) for fact in found)
    rows: list[Row] = [_polarities(f"{role}", counted) for role in sorted({r for r, _ in counted})]
    sums = [sum(fact.polarity == polarity for fact in found) for polarity in _POLARITIES]
    rows.append(("**all**", *sums, len(found)))
    return _table("Commitments extracted", ("role", *_POLARITIES, "together"), rows)


def _facts(figures: Figures) -> str:
    found = [fact for fact in figures.summary.facts if fact.kind != "commitment"]
    counted = Counter((_named(fact), fact.polarity) for fact in found)
    kinds = {"percent", "date", "duration", "quantity"} | {name for name, _ in counted}
    rows = [_polarities(name, counted) for name in sorted(kinds)]
    unread = [fact for fact in figures.summary.facts if not fact.parsed]
    quoted = ", ".join(
        f"`{text_of(figures.conversations, at)[at.start : at.end]}`"
        for at in (fact.place for fact in unread[:20])
    )
    return "\n".join(
        (
            _table("Other facts extracted", ("kind", *_POLARITIES, "together"), rows),
            f"Phrases that nobody could read: {len(unread)}{f' ({quoted})' if quoted else ''}.\n",
        )
    )


def _named(fact: Fact) -> str:
    return f"money: {fact.role}" if fact.kind == "money" else fact.kind


def _polarities(name: str, counted: Counter[tuple[str, str]]) -> Row:
    counts = [counted[name, polarity] for polarity in _POLARITIES]
    return (name, *counts, sum(counts))


def _by_hand(read: Mapping[Sample, Sequence[Round]]) -> str:
    rows: list[Row] = []
    notes: list[str] = []
    for kind, given in read.items():
        for number, one in enumerate(given, 1):
            right = one.read - len(one.wrong)
            share = f"{100 * right / one.read:.1f} %"
            rows.append((_ASKED[kind], number, one.seed, one.read, right, share, one.mended))
            if one.wrong:
                notes.append(f"- {kind.value}, round {number}: {'; '.join(one.wrong)}.")
    head = ("what was read", "round", "seed", "read", "right", "share", "mended since")
    return "\n".join((_table("Read by hand", head, rows), "What was wrong:\n", *notes, ""))


def _times(figures: Figures) -> str:
    replies, summary = figures.replies, figures.summary
    whole = [1000 * r.seconds for r in replies if not r.turn.streamed]
    streamed = [1000 * r.seconds for r in replies if r.turn.streamed]
    first = [1000 * r.first_seconds for r in replies if r.first_seconds is not None]
    stages = {
        stage: summary.stages_ms[stage]
        for stage in ("admit", "data_prep", "governance", "context", "policy", "routing")
    }
    rows = [
        (name, f"{percentile(values, 0.5):.2f}", f"{percentile(values, 0.99):.2f}")
        for name, values in {
            "whole answer, as the SDK sees it": whole,
            "streamed answer, to its end": streamed,
            "streamed answer, to its first chunk": first,
            "Freehold's own work, all stages": summary.own_work_ms,
            **{f"of it {name}": values for name, values in stages.items()},
        }.items()
    ]
    chars = [sum(len(str(m.get("content") or "")) for m in r.turn.history) for r in replies]
    half, most = int(percentile(chars, 0.5)), max(chars, default=0)
    note = (
        f"One request after the other, with histories of {half:,} characters (p50) to {most:,} "
        f"(the longest); SDK, gateway and simulator on one machine with {os.cpu_count()} cores. "
        "What the SDK sees holds the simulator's time and its own.\n"
    )
    return "\n".join((_table("Time, in milliseconds", ("", "p50", "p99"), rows), note))
