"""The gate's report for people: on a terminal, or as a page of HTML that needs nothing else."""

from collections.abc import Iterator

from freehold.learning.gate import Figure, Report
from freehold.services.explaining.document import Document, Section
from freehold.services.gate import Gated

_SLICES = 15
_CHANGED = 20


def document(gated: Gated) -> Document:
    """All of it that fits on a page; ``gate.json`` has the rest."""
    report = gated.report
    sections = [
        Section(title="Criteria", head=("criterion", "met", "why"), rows=tuple(
            (one.name, "yes" if one.met else "NO", one.why) for one in report.criteria
        )),
        Section(title="Figures", head=("figure", "value", "interval", "examples"),
                rows=tuple(_figures(report)), lines=(*_speed(report), *_today(gated))),
        *_slices(report),
        *_changed(report),
        *_notes(gated),
    ]  # fmt: skip
    return Document(title=f"{gated.version.id}: {report.verdict}", sections=tuple(sections))


def _figures(report: Report) -> Iterator[tuple[str, ...]]:
    named: list[tuple[str, Figure | None]] = [
        ("right, of what it answers", report.accuracy),
        ("answered", report.coverage),
        ("right with it", report.with_it),
        ("right without it", report.without_it),
        ("right today, wrong with it", report.negative_flips),
        ("left by experts, answered", report.over_answers),
        ("left by experts, answered today", report.over_answers_today),
        ("past incidents", report.regressions),
    ]
    for name, figure in named:
        if figure is not None:
            interval = f"{figure.low:.1%} to {figure.high:.1%}"
            yield name, f"{figure.value:.1%}", interval, str(figure.examples)
    gain = report.difference
    if gain is not None:
        interval = f"{gain.low:+.1%} to {gain.high:+.1%}"
        yield "difference", f"{gain.value:+.1%}", interval, str(gain.examples)


def _speed(report: Report) -> Iterator[str]:
    if report.p50_ms is not None and report.p95_ms is not None:
        yield f"An answer takes {report.p50_ms:.2f} ms, 19 of 20 at most {report.p95_ms:.2f} ms."
    if report.cost is not None:
        yield f"An answer costs {report.cost:.6f} in the bundle's currency."


def _today(gated: Gated) -> Iterator[str]:
    today = gated.about.get("today")
    if today is None:
        yield "Nothing is recorded of how long answers take today, and what they cost."
        return
    by = ", ".join(f"{model} {count}" for model, count in today["models"].items())
    yield (
        f"Today a whole exchange takes {today['p50_ms']:.2f} ms, 19 of 20 at most"
        f" {today['p95_ms']:.2f} ms, and costs {today['cost']:.6f}: the last"
        f" {today['exchanges']} ({by})."
    )


def _slices(report: Report) -> Iterator[Section]:
    if not report.slices:
        return
    rows = tuple(
        (
            f"{part.by} {part.name}",
            str(part.examples),
            f"{part.live:.1%}",
            f"{part.candidate:.1%}",
            f"{part.difference:+.1%}",
            f"{part.chance:.3f}" if part.judged else "too few" if report.against else "",
            "REFUSED" if part.refused else "",
        )
        for part in report.slices[:_SLICES]
    )
    before, after = ("today", "with it") if report.against else ("the whole", "this part")
    head = ("slice", "examples", before, after, "change", "chance", "")
    more = len(report.slices) - len(rows)
    lines = (f"{more} more are in gate.json.",) if more else ()
    yield Section(title="Slices, the worst first", head=head, rows=rows, lines=lines)


def _changed(report: Report) -> Iterator[Section]:
    if not report.changed:
        return
    ways = ("breaks", "worse", "mends", "better")
    order = sorted(report.changed, key=lambda one: (ways.index(one.way), one.part, one.id))
    rows = tuple(
        (one.way, one.id, one.part.replace("_", " "), one.tenant, one.label, ", ".join(one.rules))
        for one in order[:_CHANGED]
    )
    counts = {way: sum(one.way == way for one in report.changed) for way in ways}
    told = ", ".join(f"{count} {way}" for way, count in counts.items() if count)
    head = ("way", "example", "part", "tenant", "label", "rules")
    yield Section(title="Examples that change", head=head, rows=rows, lines=(f"{told}.",))


def _notes(gated: Gated) -> Iterator[Section]:
    report, about = gated.report, gated.about
    lines = [
        f"Asked: the test part of {about['dataset']['name']} ({about['dataset']['digest']}).",
        f"Compared with: {report.against or 'nothing, since nothing is said today'}.",
        *(f"Set aside, since {why}: {count}." for why, count in report.set_aside.items()),
        *(f"{note}." for note in report.notes),
        f"At {about['at']}, by {about['by']}, under bundle {about['bundle']}.",
    ]
    yield Section(title="How", lines=tuple(lines))
