"""``freehold queue``: what people are to label, how far they are, and what is not agreed."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import click

from freehold.cli.approvals import read_token, token_option
from freehold.cli.common import F, Group, home_option, json_option, print_json, say
from freehold.cli.plain import line, plain


def as_option(command: F) -> F:
    """``--as``: who labels, where no identity token says so."""
    return click.option(
        "--as",
        "called",
        default="",
        envvar="FREEHOLD_LABELER",
        help="Your name, for the record, which calls it unverified; default: $FREEHOLD_LABELER.",
    )(command)


def with_desk(home: Path, act: Callable[[Any], Any]) -> Any:
    """What ``act`` gives with the desk of a home."""
    from freehold.app.labelling import labelling_desk

    with labelling_desk(home) as desk:
        return act(desk)


def someone(home: Path, desk: Any, called: str, token_file: Path | None) -> Any:
    """Who labels: by token, else by name.

    Raises:
        UsageError: neither is there.
    """
    from freehold.app.labelling import whoever

    token = read_token(token_file)
    if not token and not called:
        raise click.UsageError("say who you are: --as NAME, or --identity-token FILE")
    return whoever(home, called, token, desk.book.bundle)


def onlooker() -> Any:
    """Whoever looks at counts at the terminal, and at no text."""
    from freehold.services.labelling_people import named

    return named("terminal")


@click.group(cls=Group)
def queue() -> None:
    """Cases that people are to label: queues, progress, agreement, what is to be decided.

    `freehold label` is where labelling itself is done.
    """


@queue.command("list")
@home_option
@json_option
def list_queues(home: Path, as_json: bool) -> None:
    """The queues of the live bundle, and how far they are."""

    def act(desk: Any) -> list[dict[str, Any]]:
        queues = sorted(desk.book.bundle.queues.items())
        return [
            desk.figures.progress(spec, onlooker()) | {"title": spec.title} for _, spec in queues
        ]

    rows = with_desk(home, act)
    if as_json:
        print_json(rows)
        return
    if not rows:
        say("The live bundle declares no queue: see `queues` in the reference of bundles.")
    for row in rows:
        click.echo(
            f"{row['queue']:20}  {row['waiting']:5} waiting  {row['settled']:5} settled"
            f"  {row['disputed'] + row['escalated']:3} to decide  {row['labels']:5} labels"
            f"  {line(row['title'])}"
        )


@queue.command("show")
@click.argument("name")
@home_option
@json_option
def show(name: str, home: Path, as_json: bool) -> None:
    """A queue with its guideline."""
    from freehold.services.labelling_views import queue_dict

    told = with_desk(home, lambda desk: queue_dict(found(desk, name), guideline=True))
    if as_json:
        print_json(told)
        return
    guideline = told.pop("guideline")
    for key, value in told.items():
        if value not in (None, [], "") and key != "object":
            click.echo(f"{key}: {', '.join(map(str, value)) if isinstance(value, list) else value}")
    if guideline is not None:
        click.echo(f"\nGuideline {guideline['digest']}\n\n{plain(guideline['text'])}")


def found(desk: Any, name: str) -> Any:
    """A queue of the live bundle.

    Raises:
        NotFound: there is none of this name.
    """
    from freehold.core.errors import NotFound

    spec = desk.book.bundle.queues.get(name)
    if spec is None:
        known = ", ".join(sorted(desk.book.bundle.queues)) or "none"
        raise NotFound(f"no queue `{name}`; there is {known}")
    return spec


@queue.command("next")
@click.argument("name")
@as_option
@token_option
@home_option
@json_option
def next_case(name: str, called: str, token_file: Path | None, home: Path, as_json: bool) -> None:
    """Take the next case in hand, and print it. `freehold label` is more comfortable."""
    from freehold.services.labelling import Nothing

    def act(desk: Any) -> Any:
        who = someone(home, desk, called, token_file)
        taken = desk.labelling.next(name, who)
        return taken if isinstance(taken, Nothing) else desk.task(taken, who)

    told = with_desk(home, act)
    if isinstance(told, Nothing):
        say(told.why)
        if as_json:
            print_json(None)
        return
    if as_json:
        print_json(told)
        return
    click.echo(f"{told['id']}  {told['case']}  until {told['reserved_until']}")
    for reason in told["why"]:
        click.echo(f"  {plain(reason)}")
    click.echo(f"\nAsked: {plain(told['question'])}")
    click.echo(f"Suggested: {plain(told['suggestion']['answer'])} {told['suggestion']['intent']}")


@queue.command("stats")
@click.argument("name")
@as_option
@home_option
@json_option
def stats(name: str, called: str, home: Path, as_json: bool) -> None:
    """How far a queue is: what waits, what is settled, who labels, how long a label takes."""

    def act(desk: Any) -> dict[str, Any]:
        from freehold.services.labelling_people import named

        who = named(called) if called else onlooker()
        told: dict[str, Any] = desk.figures.progress(found(desk, name), who)
        return told

    told = with_desk(home, act)
    if as_json:
        print_json(told)
        return
    told.pop("object")
    for key, value in told.items():
        if value not in (None, {}):
            said = ", ".join(f"{k} {v}" for k, v in value.items()) if key == "verdicts" else value
            click.echo(f"{key.replace('_', ' '):12} {said}")


@queue.command("agreement")
@click.argument("name")
@home_option
@json_option
def agreement(name: str, home: Path, as_json: bool) -> None:
    """How far people agree (Krippendorff's alpha), and how reliable each of them is."""
    told = with_desk(home, lambda desk: desk.figures.agreement(found(desk, name)))
    if as_json:
        print_json(told)
        return
    for asked, one in told["agreement"].items():
        if one["alpha"] is None:
            click.echo(f"{asked}: nothing to compare yet, {one['cases']} cases with two labels")
        else:
            click.echo(
                f"{asked}: alpha {one['alpha']:.3f} ({one['low']:.3f} to {one['high']:.3f}),"
                f" {one['says']}, {one['cases']} cases"
            )
    for one in told["labelers"]:
        click.echo(
            f"  {line(one['name'], 30):30} {one['labels']:5} labels  weight {one['weight']:.2f}"
            f"  {one['standing']}: {one['says']}"
        )


@queue.command("relabel")
@click.argument("name")
@click.option("--reopen", is_flag=True, help="Have the cases of these labels labelled again.")
@as_option
@token_option
@home_option
@json_option
def relabel(
    name: str, reopen: bool, called: str, token_file: Path | None, home: Path, as_json: bool
) -> None:
    """Labels that were given under another guideline than the one that holds now. They are kept
    when their cases are reopened, and do not count any more.
    """
    if reopen:
        again(
            home,
            name,
            called,
            token_file,
            as_json,
            "guideline",
            lambda desk, spec: desk.again.stale(spec),
        )
        return
    rows = with_desk(home, lambda desk: desk.figures.relabel(found(desk, name)))
    if as_json:
        print_json(rows)
        return
    if not rows:
        say("Every label was given under the guideline that holds now.")
    for row in rows:
        click.echo(f"{row['id']}  {row['case']}  {row['at']}  {line(row['by'], 30)}")


def again(
    home: Path,
    name: str,
    called: str,
    token_file: Path | None,
    as_json: bool,
    why: str,
    chosen: Callable[[Any, Any], list[str]],
) -> None:
    """Reopen the cases that are chosen, and say which."""

    def act(desk: Any) -> list[str]:
        who = someone(home, desk, called, token_file)
        spec = desk.labelling.queue(name, who)
        reopened: list[str] = desk.again.reopen(spec, chosen(desk, spec), who, why)
        return reopened

    cases = with_desk(home, act)
    if as_json:
        print_json({"reopened": cases})
        return
    click.echo(f"{len(cases)} case{'s' if len(cases) != 1 else ''} to be labelled again.")
