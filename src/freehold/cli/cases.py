"""``freehold cases``: exchanges that are worth learning from."""

from pathlib import Path
from typing import Any

import click

from freehold.cli.common import Group, home_option, json_option, print_json, say
from freehold.cli.plain import plain

_KINDS = (
    "rule", "detector", "low_confidence", "abstained", "fallback", "unanswered", "human",
    "feedback", "incident", "shadow", "out_of_scope", "drift", "success", "random", "imported",
)  # fmt: skip
_STATES = ("open", "labelled", "set_aside", "dropped")


@click.group(cls=Group)
def cases() -> None:
    """Exchanges that went wrong, were corrected, or are worth learning from."""


@cases.command("list")
@click.option("--owner", multiple=True, help="Only of this tenant; may be said again.")
@click.option("--app", default="", help="Only of this app.")
@click.option("--kind", type=click.Choice(_KINDS), help="Only with such a reason.")
@click.option("--intent", default="", help="Only with this intent.")
@click.option("--state", type=click.Choice(_STATES), help="Only in this state.")
@click.option("--limit", default=50, show_default=True, type=click.IntRange(1, 100_000))
@home_option
@json_option
def list_cases(
    owner: tuple[str, ...],
    app: str,
    kind: str | None,
    intent: str,
    state: Any,
    limit: int,
    home: Path,
    as_json: bool,
) -> None:
    """The newest first, without their texts."""
    from freehold.app.cases import case_service
    from freehold.core.cases import CaseFilter
    from freehold.services.cases import listed

    wanted = CaseFilter(
        owners=owner, app=app, kind=kind or "", intent=intent, state=state or "", limit=limit
    )
    with case_service(home) as service:
        found = [listed(case) for case in service.list(wanted)]
    if as_json:
        print_json(found)
        return
    if not found:
        say("No such case: an app captures what its `capture` says, or freehold cases import.")
    for case in found:
        where = f"{case['app']} of {case['tenant']}"
        answered = case["model"] or case["outcome"]
        click.echo(f"{case['case_id']}  {case['at'][:19]}  {where}  {answered}  {_why(case)}")


@cases.command()
@click.argument("case")
@home_option
@json_option
def show(case: str, home: Path, as_json: bool) -> None:
    """CASE with its texts: what was asked, sent and said, and what came of it.

    CASE is its id or its exchange's. Reading texts is an entry in the ledger.
    """
    from freehold.app.cases import case_service
    from freehold.services.cases import told

    with case_service(home) as service:
        read = service.show(case)
        found = told(read) | {"share": service.sharing(read.case)}
    if as_json:
        print_json(found)
    else:
        click.echo(plain("\n".join(_lines(found))))


@cases.command()
@click.argument("exchange")
@click.option("--reason", required=True, help="Why it is worth learning from.")
@home_option
@json_option
def add(exchange: str, reason: str, home: Path, as_json: bool) -> None:
    """Capture EXCHANGE by hand, from what the ledger has of it."""
    from freehold.app.cases import case_service
    from freehold.services.cases import listed

    with case_service(home) as service:
        case = listed(service.add(exchange, reason))
    if as_json:
        print_json(case)
        return
    texts = "" if case["texts"] else ", without texts: none are kept that it may have"
    click.echo(f"{case['case_id']} belongs to {case['owner']}{texts}")


@cases.command("import")
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--tenant", required=True, help="Where it happened.")
@click.option("--app", required=True, help="Whose `capture` says what is kept, and who owns it.")
@click.option("--source", default="", help="What it comes from; default: the file's name.")
@home_option
@json_option
def bring_in(file: Path, tenant: str, app: str, source: str, home: Path, as_json: bool) -> None:
    """Make cases of the rows of FILE, for experts to label: JSON lines, CSV or Parquet.

    A row has `messages` (or `prompt`, `question`, `text`), and may have `said`: what was answered,
    right or wrong. One mistake, and nothing is taken; each is told by its line. What is a case
    already stays as it is.
    """
    from msgspec import to_builtins

    from freehold.app.cases import case_import
    from freehold.learning.capture.brought import digest, read

    with case_import(home) as importing:
        rows = read(file, importing.attributes, importing.now_ns())
        called = " ".join((source or file.name).split())[:200]
        done = importing.bring(rows, tenant, app, called, digest(file))
    if as_json:
        print_json(to_builtins(done))
        return
    click.echo(f"{done.cases:,} new cases of {app} in {tenant}, belonging to {done.owner}")
    if done.there:
        click.echo(f"{done.there:,} rows were cases already, or stand in it twice")
    for why, count in done.left_out.items():
        click.echo(f"{count:,} rows left out: {why}")
    for queue in done.queues:
        click.echo(f"queue {queue} shows them: freehold label --queue {queue}")
    if not done.queues:
        say(f"No queue shows them: the bundle needs one with `apps: [{app}]`.")


@cases.command()
@click.argument("case", nargs=-1, required=True)
@click.option("--reason", default="", help="Why, for the ledger.")
@home_option
@json_option
def drop(case: tuple[str, ...], reason: str, home: Path, as_json: bool) -> None:
    """Nobody is to label CASE, or to learn from it. Its time still ends it."""
    from freehold.app.cases import case_service

    with case_service(home) as service:
        count = service.drop(case, reason)
    if as_json:
        print_json({"dropped": count})
    else:
        click.echo(f"{count} dropped")


@cases.command()
@click.option("--owner", multiple=True, help="Only of this tenant; may be said again.")
@click.option("--app", default="", help="Only of this app.")
@home_option
@json_option
def stats(owner: tuple[str, ...], app: str, home: Path, as_json: bool) -> None:
    """How many there are, by app, kind of reason and state.

    A case with reasons of two kinds counts for each.
    """
    from freehold.app.cases import case_service
    from freehold.core.cases import CaseFilter

    with case_service(home) as service:
        rows = service.stats(CaseFilter(owners=owner, app=app))
    if as_json:
        print_json(rows)
        return
    for row in rows:
        texts = f"{row['readable']} with texts"
        click.echo(f"{row['app']}  {row['kind']:15} {row['state']:10} {row['cases']:>7}  {texts}")


def _why(case: dict[str, Any]) -> str:
    return ", ".join(case["reasons"])


def _lines(case: dict[str, Any]) -> list[str]:
    lines = [
        f"{case['case_id']}  {case['at']}  {case['state']}",
        f"  exchange {case['exchange_id']} of app {case['app']} in {case['tenant']}",
        f"  belongs to {case['owner']}, shared: {case['share']}",
        f"  because of {_why(case)}",
        f"  answered by {case['model'] or 'nobody'} {case['version']}; {case['outcome']}",
    ]
    moment = case["moment"]
    if moment is None:
        return [*lines, f"  texts: {case['fate']}"]
    for title, name in (("asked", "asked"), ("sent to the model", "sent")):
        lines += ["", f"What was {title}"]
        lines += [f"  {one['role']}: {one.get('content', '')}" for one in moment.get(name, ())]
    for piece in moment.get("pieces", ()):
        lines += ["", f"Context from {piece['source']}", f"  {piece['text']}"]
    for title, name in (
        ("What the model said", "said"),
        ("What left", "released"),
        ("What would have been right", "correction"),
    ):
        if moment.get(name):
            lines += ["", title, f"  {moment[name]}"]
    for comment in moment.get("comments", ()):
        lines += ["", "Comment", f"  {comment}"]
    return lines
