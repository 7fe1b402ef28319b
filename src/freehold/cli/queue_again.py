"""``freehold queue hints``, ``reopen``, ``gold`` and ``effect``."""

from pathlib import Path
from typing import Any

import click

import freehold.cli.queue_files  # noqa: F401 - the rest of the commands
from freehold.cli.approvals import token_option
from freehold.cli.common import Group, home_option, json_option, print_json, say
from freehold.cli.plain import line
from freehold.cli.queues import again, as_option, found, queue, someone, with_desk


@queue.command("hints")
@click.argument("name")
@home_option
@json_option
def hints(name: str, home: Path, as_json: bool) -> None:
    """Settled cases whose label looks wrong beside those of cases like them, the least likely
    first. A hint is no verdict: `freehold queue reopen` has a case looked at again.
    """
    from msgspec import to_builtins

    rows = with_desk(
        home, lambda desk: [to_builtins(one) for one in desk.again.hints(found(desk, name))]
    )
    if as_json:
        print_json(rows)
        return
    if not rows:
        say("No label looks wrong; with few labels, or of one kind only, nothing can be told.")
    for row in rows:
        click.echo(
            f"{row['case_id']}  says {line(row['given'])}, others like it {line(row['likely'])}"
            f"  {row['quality']:.0%} likely right  {', '.join(line(by) for by in row['by'])}"
        )


@queue.command("reopen")
@click.argument("name")
@click.argument("cases", nargs=-1)
@click.option("--hints", "hinted", is_flag=True, help="Every case that `queue hints` lists.")
@click.option(
    "--by", "labeler", default="", help="Every case for which this person's label counts."
)
@as_option
@token_option
@home_option
@json_option
def reopen(
    name: str,
    cases: tuple[str, ...],
    hinted: bool,
    labeler: str,
    called: str,
    token_file: Path | None,
    home: Path,
    as_json: bool,
) -> None:
    """Have settled cases labelled again. Their labels are kept, and do not count any more."""
    if (bool(cases), hinted, bool(labeler)).count(True) != 1:
        raise click.UsageError("name the cases, or say --hints, or --by NAME: one of the three")

    def chosen(desk: Any, spec: Any) -> list[str]:
        if hinted:
            return [one.case_id for one in desk.again.hints(spec)]
        return desk.again.by_labeler(spec, labeler) if labeler else list(cases)

    why = "hint" if hinted else "labeler" if labeler else "asked"
    again(home, name, called, token_file, as_json, why, chosen)


@queue.group("gold", cls=Group)
def gold() -> None:
    """Cases whose answer is known, since somebody has decided it; `gold_share` of everybody's work
    are such cases, unmarked, and what is said of them tells who can be relied on.
    """


@gold.command("list")
@click.argument("name")
@home_option
@json_option
def list_gold(name: str, home: Path, as_json: bool) -> None:
    """The cases whose answer is known, and how often they were answered."""
    told = with_desk(home, lambda desk: desk.figures.checks(found(desk, name)))
    if as_json:
        print_json(told)
        return
    for case in told["cases"]:
        click.echo(case)
    say(f"{len(told['cases'])} known cases, {told['answers']} answers to them; share"
        f" {told['share']:.0%} of the work.")  # fmt: skip


@gold.command("add")
@click.argument("name")
@click.argument("case")
@click.option("--answer", default="", help="The right one; default: what its labels came to.")
@click.option("--intent", default="", help="The right one; default: what its labels came to.")
@as_option
@token_option
@home_option
@json_option
def add_gold(
    name: str,
    case: str,
    answer: str,
    intent: str,
    called: str,
    token_file: Path | None,
    home: Path,
    as_json: bool,
) -> None:
    """Say that the answer of a settled case is known. It takes somebody who has not labelled it."""

    def act(desk: Any) -> dict[str, Any]:
        from freehold.services.labelling_views import kept_dict

        who = someone(home, desk, called, token_file)
        spec = desk.labelling.queue(name, who)
        return kept_dict(*desk.deciding.know(spec, case, who, answer=answer, intent=intent))

    told = with_desk(home, act)
    if as_json:
        print_json(told)
        return
    click.echo(f"{told['case']}: its answer is known.")


@queue.command("effect")
@click.argument("name")
@click.option("--by", "labeler", default="", help="Whose labels; default: everybody's.")
@home_option
@json_option
def effect(name: str, labeler: str, home: Path, as_json: bool) -> None:
    """What became of labels: the datasets that they stand in, the models that learned from these,
    and their figures beside those of the versions before.
    """
    from freehold.app.labelling import effects
    from freehold.services.labelling_effect import in_words

    told = effects(home).of(with_desk(home, lambda desk: found(desk, name)), labeler)
    if as_json:
        print_json(told)
        return
    for said in in_words(told):
        click.echo(line(said, 300))
