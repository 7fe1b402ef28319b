"""Cost–quality curves on a terminal and on a page."""

from collections.abc import Sequence
from html import escape

from rich.console import Console
from rich.table import Table

from freehold.services.route_report import Curve, Point

_WIDTH, _HEIGHT = 64, 16
_HEAD = (
    "<!doctype html><meta charset=utf-8><title>Cost and quality</title>"
    "<style>body{font:16px sans-serif;max-width:60em;margin:2em auto}"
    "td,th{padding:.1em .6em;text-align:right}td:first-child{text-align:left}</style>"
)


def tell(curve: Curve) -> None:
    """A chart, and its points as a table."""
    console = Console(highlight=False)
    name = f"route {curve.route}" if curve.route else "table"
    console.print(f"{name}: {curve.rows} requests; cost in {curve.cost_in}")
    console.print("\n".join(chart(curve)), markup=False)
    table = Table(box=None, pad_edge=False)
    for title in ("", "policy", "cost", "quality", "95 %", "ESS", ""):
        table.add_column(title)
    for mark, point in _points(curve):
        table.add_row(
            mark,
            point.name,
            f"{point.cost:.6g}",
            f"{point.quality:.4f}",
            f"{point.low:.4f}–{point.high:.4f}",
            "" if point.ess is None else f"{point.ess:.0f}",
            point.why_not,
        )
    console.print(table)
    corners = ", ".join(point.name for point in curve.zero_router)
    console.print(f"zero-router: mixes of {corners}; best single model: {curve.best.name}")
    if curve.oracle is None:
        console.print("oracle: no log can tell; each request shows one answer")


def chart(curve: Curve) -> list[str]:
    """Lines of characters: ``o`` the router, ``M`` models, ``-`` the zero-router, ``*`` oracle."""
    points = _points(curve)
    left, right, low, high = _box([point for _, point in points])
    grid = [[" "] * (_WIDTH + 1) for _ in range(_HEIGHT + 1)]

    def put(mark: str, cost: float, quality: float) -> None:
        x = round((cost - left) / (right - left) * _WIDTH)
        y = round((high - quality) / (high - low) * _HEIGHT)
        grid[y][x] = mark

    for one, two in zip(curve.zero_router, curve.zero_router[1:], strict=False):
        for step in range(_WIDTH + 1):
            part = step / _WIDTH
            cost = one.cost + part * (two.cost - one.cost)
            put("-", cost, one.quality + part * (two.quality - one.quality))
    for mark, point in points:
        put(mark, point.cost, point.quality)
    rows = ["".join(row).rstrip() for row in grid]
    ends = {0: f"{high:.3f}", _HEIGHT: f"{low:.3f}"}
    lines = [f"{ends.get(number, ''):>7} |{row}" for number, row in enumerate(rows)]
    return [*lines, f"{'':8}+{'-' * _WIDTH}", f"{'':9}{left:<.6g}{right:>{_WIDTH - 6}.6g}"]


def page(curves: Sequence[Curve]) -> str:
    """One HTML page that needs nothing else."""
    parts = [_HEAD]
    for curve in curves:
        name = f"Route {curve.route}" if curve.route else "Table"
        parts.append(f"<h1>{escape(name)}</h1><p>{curve.rows} requests; cost in {curve.cost_in}.")
        parts.append(_svg(curve))
        parts.append("<table><tr><th>policy<th>cost<th>quality<th>95 %<th>ESS<th>")
        for _, point in _points(curve):
            ess = "" if point.ess is None else f"{point.ess:.0f}"
            parts.append(
                f"<tr><td>{escape(point.name)}<td>{point.cost:.6g}<td>{point.quality:.4f}"
                f"<td>{point.low:.4f}–{point.high:.4f}<td>{ess}<td>{escape(point.why_not)}"
            )
        parts.append("</table>")
    return "\n".join(parts) + "\n"


def _svg(curve: Curve) -> str:
    points = _points(curve)
    left, right, low, high = _box([point for _, point in points])

    def at(point: Point) -> tuple[float, float]:
        x = 40 + (point.cost - left) / (right - left) * 560
        return x, 20 + (high - point.quality) / (high - low) * 320

    line = " ".join("{:.1f},{:.1f}".format(*at(point)) for point in curve.zero_router)
    drawn = [f'<polyline points="{line}" fill="none" stroke="gray"/>']
    colours = {"o": "steelblue", "M": "black", "*": "goldenrod", "@": "crimson"}
    for mark, point in points:
        x, y = at(point)
        drawn.append(
            f'<circle cx="{x:.1f}" cy="{y:.1f}" r="4" fill="{colours[mark]}">'
            f"<title>{escape(point.name)}: {point.quality:.4f} at {point.cost:.6g}</title></circle>"
        )
    return f'<svg viewBox="0 0 640 360" role="img">{"".join(drawn)}</svg>'


def _points(curve: Curve) -> list[tuple[str, Point]]:
    found = [("o", point) for point in curve.router] + [("M", point) for point in curve.models]
    found += [(mark, p) for mark, p in (("*", curve.oracle), ("@", curve.now)) if p is not None]
    return found


def _box(points: Sequence[Point]) -> tuple[float, float, float, float]:
    """Left, right, low, high: never of no size."""
    costs, qualities = [p.cost for p in points], [p.quality for p in points]
    left, right, low, high = min(costs), max(costs), min(qualities), max(qualities)
    return left, right if right > left else left + 1, low, high if high > low else low + 1
