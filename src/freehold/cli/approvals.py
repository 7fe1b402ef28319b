"""``freehold approval``: decide about answers and requests that wait for a person."""

import asyncio
import os
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import click

from freehold.cli.common import F, Group, home_option, json_option, print_json, say

IDENTITY_VARIABLE = "FREEHOLD_IDENTITY_TOKEN"
STATES = ("waiting", "approved", "declined", "expired")
Act = Callable[[Any, Any], Awaitable[Any]]


def token_option(command: F) -> F:
    """``--identity-token``: who decides."""
    return click.option(
        "--identity-token",
        "token_file",
        type=click.Path(path_type=Path),
        help=f"File with your identity token, `-` for stdin. Default: ${IDENTITY_VARIABLE}.",
    )(command)


def read_token(file: Path | None) -> str:
    """The token; a file's white space around it is not part of it."""
    if file is None:
        return os.environ.get(IDENTITY_VARIABLE, "").strip()
    return _read(file).strip()


def _read(file: Path) -> str:
    try:
        with click.open_file(str(file), encoding="utf-8") as stream:
            return str(stream.read())
    except (OSError, UnicodeDecodeError) as error:
        raise click.UsageError(f"{file} can't be read: {type(error).__name__}") from None


def _as_approver(home: Path, token_file: Path | None, act: Act) -> Any:
    """What ``act`` gives, with the service and the verified person."""
    from freehold.app.approving import approval_service

    token = read_token(token_file)
    if not token:
        raise click.UsageError(
            "deciding needs your identity token, here as anywhere: "
            f"say --identity-token FILE, or set {IDENTITY_VARIABLE}"
        )

    async def run() -> Any:
        async with approval_service(home) as approvals:
            return await act(approvals, await approvals.approver(token))

    return asyncio.run(run())


@click.group(cls=Group)
def approval() -> None:
    """Answers, and requests, that wait for a person's approval.

    Every command needs an identity token: whoever decides is a verified person, has the role that
    the rule asks for, and is not the one who asked.
    """


@approval.command("list")
@click.option(
    "--status",
    type=click.Choice((*STATES, "all")),
    default="waiting",
    show_default=True,
    help="Which ones.",
)
@click.option("--limit", type=click.IntRange(1, 1_000), default=100, show_default=True)
@token_option
@home_option
@json_option
def list_approvals(
    status: str, limit: int, token_file: Path | None, home: Path, as_json: bool
) -> None:
    """Held answers and requests that your roles are asked about, oldest first."""
    states = STATES if status == "all" else (status,)
    rows = _as_approver(
        home, token_file, lambda service, who: service.list(who, states=states, limit=limit)
    )
    if as_json:
        print_json(rows)
        return
    if not rows:
        say("Nothing waits for you.")
    for row in rows:
        asked = row["requester"]["id"] if row["requester"]["verified"] else "nobody known"
        click.echo(
            f"{row['id']}  {row['status']:8}  {row['waits']:7}  {row['tenant']}/{row['app']}"
            f"  {row['rule']}"
            f"  asked by {asked}  until {row['expires_at']}"
        )


@approval.command("show")
@click.argument("approval_id")
@token_option
@home_option
@json_option
def show(approval_id: str, token_file: Path | None, home: Path, as_json: bool) -> None:
    """The request, the answer, the rule, the facts and the evidence."""
    told = _as_approver(home, token_file, lambda service, who: service.show(who, approval_id))
    if as_json:
        print_json(told)
        return
    click.echo("\n".join(_lines(told)))


@approval.command("approve")
@click.argument("approval_id")
@click.option("--reason", required=True, help="Why, for the record.")
@token_option
@home_option
@json_option
def approve(
    approval_id: str, reason: str, token_file: Path | None, home: Path, as_json: bool
) -> None:
    """Let the answer go as it is, or the request go on to a model."""
    done = _as_approver(
        home, token_file, lambda service, who: service.approve(who, approval_id, reason)
    )
    _tell(done, as_json)


@approval.command("amend")
@click.argument("approval_id")
@click.option("--reason", required=True, help="Why, for the record.")
@click.option(
    "--text", multiple=True, help="What is to be said instead; again for each further choice."
)
@click.option(
    "--text-file",
    multiple=True,
    type=click.Path(path_type=Path),
    help="The same from a file, `-` for stdin.",
)
@token_option
@home_option
@json_option
def amend(
    approval_id: str,
    reason: str,
    text: tuple[str, ...],
    text_file: tuple[Path, ...],
    token_file: Path | None,
    home: Path,
    as_json: bool,
) -> None:
    """Let another answer go instead; all other rules judge it too. Not for requests."""
    if bool(text) == bool(text_file):
        raise click.UsageError("say either --text or --text-file")
    said = text or tuple(map(_read, text_file))
    done = _as_approver(
        home, token_file, lambda service, who: service.amend(who, approval_id, reason, said)
    )
    _tell(done, as_json)


@approval.command("decline")
@click.argument("approval_id")
@click.option("--reason", required=True, help="Why, for the record.")
@click.option("--message", default="", help="What whoever asked is told.")
@token_option
@home_option
@json_option
def decline(
    approval_id: str,
    reason: str,
    message: str,
    token_file: Path | None,
    home: Path,
    as_json: bool,
) -> None:
    """Say no; nothing of the answer leaves, and no model gets the request."""
    done = _as_approver(
        home, token_file, lambda service, who: service.decline(who, approval_id, reason, message)
    )
    _tell(done, as_json)


def _tell(done: dict[str, Any], as_json: bool) -> None:
    if as_json:
        print_json(done)
        return
    if done["status"] == "waiting":
        click.echo(
            f"{done['id']}: {done['decision']}. Rule {done['rule']} wants the approval of a"
            f" {done['role']} too, so it waits on."
        )
    else:
        click.echo(f"{done['id']}: {done['decision']}.")
    for text in done.get("leaves_as", ()):
        click.echo(f"Whoever asked may not read all of it, so it leaves as: {text}")


def _lines(told: dict[str, Any]) -> list[str]:
    """All of it for a terminal."""
    asked = told["requester"]
    who = asked["id"] if asked["verified"] else "nobody that a token names"
    lines = [
        f"{told['id']}  {told['status']}  {told['waits']}  {told['tenant']}/{told['app']}",
        f"asked by {who}, exchange {told['exchange']}",
        f"waits for a {told['role']} until {told['expires_at']}",
    ]
    if told["request"] is None:
        lines += ["", f"Its text was {told['gone']}."]
    else:
        rule = told["rule"]
        lines += ["", f"Rule {rule['id']} v{rule['version']}: {rule['why'] or rule['public']}"]
        lines += [f"  {piece}" for piece in told["evidence"]]
        lines += ["", "Facts"]
        for name, value in sorted(told["facts"].items()):
            several = value if isinstance(value, list) else [value]
            lines.append(f"  {name}: {'; '.join(map(_fact, several))}")
        lines += ["", "Request"]
        lines += [f"  {m['role']}: {m['content']}" for m in told["request"]]
        for piece in told["context"]:
            text = (
                piece["text"] or f"not shown: you are not cleared for {', '.join(piece['labels'])}"
            )
            lines += ["", f"Context from {piece['source']}", f"  {text}"]
        if told["waits"] == "request":
            lines += ["", "No model has been asked."]
        lines += _choices("Answer", told["answer"] or [])
        lines += _choices("Answer as the model gave it", told.get("original", []))
    for step in told["decisions"]:
        lines += ["", f"{step['at']}  {step['decision']} by {step['by']}: {step['reason']}"]
    return lines


def _fact(value: Any) -> str:
    """A fact in a line; one that was read from text has a place and more."""
    if isinstance(value, dict):
        return ", ".join(f"{name} {each}" for name, each in value.items())
    return str(value)


def _choices(title: str, choices: list[dict[str, Any]]) -> list[str]:
    lines = ["", title] if choices else []
    for choice in choices:
        lines.append(f"  {choice['text']}")
        lines += [f"  calls {c['name']}({c['arguments']})" for c in choice["tool_calls"]]
    return lines
