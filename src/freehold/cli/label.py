"""``freehold label``: label cases in the terminal, one keystroke for most of them."""

import sys
from pathlib import Path
from typing import Any

import click

from freehold.cli.approvals import token_option
from freehold.cli.common import home_option, say
from freehold.cli.plain import line
from freehold.cli.queues import as_option, someone, with_desk


@click.command()
@click.option("--queue", "name", default="", help="Which queue; needed where there are several.")
@click.option("--limit", type=click.IntRange(1), help="Stop after so many labels.")
@as_option
@token_option
@home_option
def label(name: str, limit: int | None, called: str, token_file: Path | None, home: Path) -> None:
    """Label cases: what was asked, what was answered, what is right.

    One key for each: c correct, e edit, r reject, s skip, x escalate, a apply to similar ones, u
    undo, i more about it, ? guideline, q quit. An answer is edited in $VISUAL or $EDITOR, else on
    one line.
    """
    if not (sys.stdin.isatty() and sys.stdout.isatty()):
        raise click.UsageError(
            "labelling needs a terminal: for programs there are `freehold queue next --json`,"
            " `freehold queue import`, and the API under /v1/labelling"
        )

    def act(desk: Any) -> tuple[int, Any, Any]:
        from freehold.cli.label_session import Session

        who = someone(home, desk, called, token_file)
        spec = chosen(desk, name, who)
        return Session(desk, spec, who, limit).run(), spec, who

    done, spec, who = with_desk(home, act)
    say(f"{done} label{'s' if done != 1 else ''}. Thank you.")
    became(home, spec, who)


def became(home: Path, spec: Any, who: Any) -> None:
    """What became of what this person has said, where something has."""
    from freehold.app.labelling import effects
    from freehold.core.errors import FreeholdError
    from freehold.services.labelling_effect import in_words

    try:
        told = effects(home).of(spec, who.name)
    except FreeholdError as error:
        say(f"What became of your labels can't be told: {line(str(error), 200)}")
        return
    if told["datasets"]:
        say("What became of your labels so far:")
        for said in in_words(told):
            say(f"  {line(said, 300)}")


def chosen(desk: Any, name: str, who: Any) -> Any:
    """The queue to work on.

    Raises:
        NotFound: there is none of this name for this person.
        UsageError: there are several, and none is named.
    """
    if name:
        return desk.labelling.queue(name, who)
    queues = desk.labelling.queues(who)
    if len(queues) == 1:
        return queues[0]
    known = ", ".join(line(queue.name) for queue in queues) or "none"
    raise click.UsageError(f"say which with --queue; for you there is {known}")
