"""``freehold queue export``, ``import`` and ``adjudicate``."""

import sys
from pathlib import Path
from typing import Any

import click

from freehold.cli.approvals import token_option
from freehold.cli.common import home_option, json_option, print_json, say
from freehold.cli.plain import line, plain
from freehold.cli.queues import as_option, found, queue, someone, with_desk

_FORMATS = ("jsonl", "argilla", "label-studio")
format_option = click.option(
    "--format", "form", type=click.Choice(_FORMATS), default="jsonl", show_default=True
)


@queue.command("export")
@click.argument("name")
@format_option
@click.option("--out", type=click.Path(path_type=Path), help="A new file; default: stdout.")
@click.option("--waiting", is_flag=True, help="Only cases that are not settled.")
@click.option("--config", is_flag=True, help="Label Studio's labeling configuration instead.")
@home_option
@json_option
def export(
    name: str,
    form: str,
    out: Path | None,
    waiting: bool,
    config: bool,
    home: Path,
    as_json: bool,
) -> None:
    """Cases with their labels, for another tool. Texts are as they are kept, and the export is an
    entry in the ledger.
    """
    if out is not None and out.exists():
        raise click.UsageError(f"{out} is there already")

    def act(desk: Any) -> str:
        exchange, spec = _exchange(desk), found(desk, name)
        text: str = exchange.config(spec) if config else exchange.export(
            spec, form, labelled=not waiting
        )  # fmt: skip
        return text

    text = with_desk(home, act)
    told = {"queue": name, "format": "label-studio-config" if config else form}
    if out is None and as_json:
        print_json({**told, "text": text})
    elif out is None:
        click.echo(text, nl=False)
    else:
        _write(out, text)
        if as_json:
            print_json({**told, "file": str(out)})
        else:
            say(f"Written to {out}.")


def _write(out: Path, text: str) -> None:
    try:
        with out.open("x", encoding="utf-8", newline="") as file:
            file.write(text)
        out.chmod(0o600)  # it holds what people wrote
    except OSError as error:
        raise click.ClickException(f"{out} can't be written: {error.strerror}") from None


@queue.command("import")
@click.argument("name")
@click.argument("file", type=click.Path(path_type=Path, allow_dash=True))
@format_option
@home_option
@json_option
def import_labels(name: str, file: Path, form: str, home: Path, as_json: bool) -> None:
    """Labels that people gave in another tool. All of the file is checked first: a mistake is told
    with its line, and nothing is kept.
    """
    from freehold.services.json_files import read_text

    text = sys.stdin.read() if str(file) == "-" else read_text(file)
    done = with_desk(home, lambda desk: _exchange(desk).bring(found(desk, name), form, text))
    if as_json:
        told = {"labels": done.labels, "there": done.there, "late": done.late}
        print_json(told | {"left_out": done.left_out})
        return
    click.echo(
        f"{done.labels} labels kept; {done.there} were there already, {done.late} came too late:"
        " their cases have all the labels that they want."
    )
    for why, count in sorted(done.left_out.items()):
        click.echo(f"left out: {count:,}, {why}")


def _exchange(desk: Any) -> Any:
    from freehold.app.whoever import at_terminal
    from freehold.services.labelling_exchange import Exchange

    return Exchange(desk, at_terminal())


@queue.command("adjudicate")
@click.argument("name")
@click.argument("task", default="")
@click.option("--verdict", type=click.Choice(("correct", "edit", "reject", "skip")))
@click.option("--answer", default="", help="The right one, with `--verdict edit`.")
@click.option("--intent", default="", help="The right one, where the queue asks for it.")
@click.option("--rating", type=float, help="Where the queue asks for one.")
@click.option("--comment", default="", help="Why.")
@as_option
@token_option
@home_option
@json_option
def adjudicate(
    name: str,
    task: str,
    verdict: str | None,
    called: str,
    token_file: Path | None,
    home: Path,
    as_json: bool,
    **said: Any,
) -> None:
    """Decide between labels. Without a task, what is to be decided; with a task, all that was said
    of it; with a verdict, your decision (`skip` sets the case aside). It takes somebody who has not
    labelled the case.
    """

    def act(desk: Any) -> Any:
        from freehold.services.labelling_views import kept_dict, standing_dict
        from freehold.services.labelling_words import Given

        who = someone(home, desk, called, token_file)
        spec = desk.labelling.queue(name, who)
        if not task:
            return [standing_dict(one) for one in desk.deciding.waiting(spec, who)]
        if verdict is None:
            return desk.dispute(desk.deciding.show(task, who), who)
        return kept_dict(*desk.deciding.decide(task, who, Given(verdict=verdict, **said)))

    told = with_desk(home, act)
    if as_json:
        print_json(told)
    elif isinstance(told, list):
        if not told:
            say("Nothing is to be decided.")
        for one in told:
            votes = ", ".join(map(": ".join, zip(one["labelers"], one["verdicts"], strict=True)))
            click.echo(f"{one['id']}  {one['state']:9}  {one['case']}  {line(votes)}")
    elif verdict is None:
        click.echo("\n".join(_lines(told)))
    else:
        click.echo(f"{told['case']}: {told['verdict']}, {told['state']}.")


def _lines(told: dict[str, Any]) -> list[str]:
    lines = [f"{told['id']}  {told['state']}  {told['case']}: {line(told['unsettled'])}"]
    lines += ["", f"Asked: {plain(told['question'])}", f"Answered: {plain(told['answer'])}"]
    for one in told["said"]:
        what = [one["verdict"], one["intent"], one["answer"], one["comment"]]
        parts = [plain(str(part)) for part in what if part]
        lines += ["", f"{line(one['by'])}: " + "; ".join(parts)]
    return lines
