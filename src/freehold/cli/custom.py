"""``freehold custom``: custom models, their versions, and which of them answers."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import click

from freehold.app.whoever import at_terminal
from freehold.cli.approvals import read_token, token_option
from freehold.cli.common import Group, home_option, json_option, print_json, say

_reason = click.option("--reason", default="", help="Why, for the ledger.")
_which = click.argument("which", metavar="MODEL[@VERSION]")
_model = click.argument("model")


@click.group(cls=Group)
def custom() -> None:
    """Custom models: versions, deployments, and the way back.

    A version is named `model@v3-0a1b2c3d`, or `model@v3`; without a version, the newest is meant.
    """


@custom.command("list")
@click.argument("model", required=False)
@home_option
@json_option
def list_models(model: str | None, home: Path, as_json: bool) -> None:
    """Every version, with its gate and where it stands."""
    from freehold.app.deployments import custom_rows
    from freehold.app.homes import registry_of
    from freehold.services.custom_views import listed

    rows = listed(registry_of(home), custom_rows(home), model)
    if as_json:
        print_json(rows)
        return
    if not rows:
        say("No custom model has a version yet.")
    for row in rows:
        gate = "no gate yet" if row["gate"] is None else f"gate {row['gate']}"
        click.echo(
            f"{row['model']}@{row['version']}  {row['kind']:10}"
            f"  {row['state'] or 'not deployed':12}  {gate}  {row['created']}"
        )


@custom.command("show")
@_which
@home_option
@json_option
def show(which: str, home: Path, as_json: bool) -> None:
    """One version: what it was made of, its figures, and where it stands."""
    from freehold.app.deployments import custom_rows
    from freehold.app.homes import registry_of
    from freehold.services.custom_views import shown

    version = registry_of(home).find(which)
    rows = {row.id: row for row in custom_rows(home)}
    told = shown(version, rows.get(version.id))
    if as_json:
        print_json(told)
        return
    for key, value in told.items():
        if value not in ("", None, [], {}):
            click.echo(f"{key:10} {value}")


@custom.command("card")
@_which
@home_option
@json_option
def card(which: str, home: Path, as_json: bool) -> None:
    """The version's model card, in Markdown."""
    from freehold.app.homes import registry_of
    from freehold.core.errors import StorageError
    from freehold.learning.registry import CARD

    version = registry_of(home).verify(which)
    try:
        text = (version.folder / CARD).read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise StorageError(f"{version.folder / CARD} can't be read: {error}") from None
    if as_json:
        print_json({"model": version.id, "markdown": text})
    else:
        click.echo(text, nl=False)


@custom.command("verify")
@click.argument("which", metavar="[MODEL[@VERSION]]", required=False)
@home_option
@json_option
def verify(which: str | None, home: Path, as_json: bool) -> None:
    """See that every file is what was trained and signed; of all versions, if none is named."""
    from freehold.app.homes import registry_of

    registry = registry_of(home)
    named = [which] if which else [v.id for m in registry.models() for v in registry.versions(m)]
    found = [registry.verify(one) for one in named]
    if as_json:
        print_json([{"model": v.id, "digest": v.manifest.digest} for v in found])
        return
    for version in found:
        click.echo(
            f"{version.id}: {len(version.manifest.content.files)} files as trained and signed"
        )
    if not found:
        say("No custom model has a version yet.")


@custom.command("deploy")
@_which
@click.option(
    "--force", is_flag=True, help="Though it has not passed the gate: needs the approver."
)
@_reason
@token_option
@home_option
@json_option
def deploy(
    which: str, force: bool, reason: str, token_file: Path | None, home: Path, as_json: bool
) -> None:
    """The first step of a version that has passed the gate: into the shadow, or to a canary.

    Where the bundle names a role under `deploy.approval`, deploy it with an identity token: a
    second person can then promote it. Without one nobody ever can, and it says so.
    """

    def act(service: Any, by: Any) -> Any:
        return service.deploy(which, by, reason=reason, force=force), None

    _move(home, token_file, act, as_json)


@custom.command("advance")
@_model
@_reason
@token_option
@home_option
@json_option
def advance(model: str, reason: str, token_file: Path | None, home: Path, as_json: bool) -> None:
    """The version on trial to its next step: to a canary, or to its next larger share."""
    _move(home, token_file, lambda s, by: s.advance(model, by, reason=reason), as_json)


@custom.command("promote")
@_which
@_reason
@token_option
@home_option
@json_option
def promote(which: str, reason: str, token_file: Path | None, home: Path, as_json: bool) -> None:
    """The version on trial answers everybody whom it may.

    Where the bundle names a role under `deploy.approval`, that takes the identity token of somebody
    who has it, and who neither trained nor deployed the version.
    """
    act = lambda s, by: (s.promote(which, by, reason=reason), None)  # noqa: E731
    _move(home, token_file, act, as_json)


@custom.command("rollback")
@_model
@_reason
@token_option
@home_option
@json_option
def rollback(model: str, reason: str, token_file: Path | None, home: Path, as_json: bool) -> None:
    """End the trial of a version; where none is on trial, the version that was live before the one
    that is live answers again. Needs nobody's approval.
    """

    def act(service: Any, by: Any) -> Any:
        row, live = service.roll_back(model, by, reason=reason)
        say(f"{model}@{live} is live" if live else f"no version of {model} is live")
        return row, None

    _move(home, token_file, act, as_json)


@custom.command("retire")
@_which
@_reason
@token_option
@home_option
@json_option
def retire(which: str, reason: str, token_file: Path | None, home: Path, as_json: bool) -> None:
    """A version answers nobody any more, and nothing takes its place."""
    act = lambda s, by: (s.retire(which, by, reason=reason), None)  # noqa: E731
    _move(home, token_file, act, as_json)


@custom.command("history")
@click.argument("model", required=False)
@click.option("--last", type=click.IntRange(1, 10_000), default=100, show_default=True)
@home_option
@json_option
def history(model: str | None, last: int, home: Path, as_json: bool) -> None:
    """What happened to versions, the newest first, with the ledger entry of each step."""
    from freehold.app.deployments import custom_steps
    from freehold.app.homes import registry_of
    from freehold.services.custom_views import happened

    steps = happened(custom_steps(home, model, last))
    if model and not steps:
        registry_of(home).find(model)  # one that there is not is a mistake
    if as_json:
        print_json(steps)
        return
    if not steps:
        say("Nothing was deployed yet.")
    for step in steps:
        stage = "" if step["stage"] is None else f" stage {step['stage'] + 1}"
        approved = f", approved by {step['approver']}" if step["approver"] else ""
        reason = f": {step['reason']}" if step["reason"] else ""
        click.echo(
            f"{step['at']}  {step['model']}@{step['version']}  {step['was'] or '-'} → "
            f"{step['became']}{stage}, by {step['by']}{approved}{reason}  {step['entry']}"
        )


@custom.command("try")
@_which
@click.argument("question")
@click.option(
    "--context",
    "context_file",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help='JSON: {"pieces": [{"source": …, "text": …}], "facts": {…}}.',
)
@home_option
@json_option
def try_model(
    which: str, question: str, context_file: Path | None, home: Path, as_json: bool
) -> None:
    """Ask a version one question here. Nothing is recorded, and no control judges the answer."""
    import orjson

    from freehold.app.homes import registry_of
    from freehold.services.custom_views import tried

    try:
        given = orjson.loads(context_file.read_bytes()) if context_file else {}
    except (ValueError, OSError) as error:
        raise click.UsageError(f"{context_file} is no JSON object: {error}") from None
    if not isinstance(given, dict):
        raise click.UsageError(f"{context_file} is no JSON object")
    pieces, facts = given.get("pieces", []), given.get("facts", {})
    told = tried(registry_of(home), which, question, pieces=pieces, facts=facts)
    if as_json:
        print_json(told)
        return
    click.echo(told["answer"] or "(nothing)")
    verdict = "answers" if told["answers"] else "abstains"
    sure, enough = f"{told['confidence']:.3f} sure", f"{told['threshold']:.3f} is enough"
    # of scores that have one chance, some may lie below the line: the chance decides nothing then
    decided = told["answers"] or told["confidence"] < told["threshold"]
    click.echo(f"  {told['model']} {verdict}: {sure}" + (f", {enough}" if decided else ""))
    if told["why"]:
        click.echo(f"  {told['why']}")


def _move(
    home: Path, token_file: Path | None, act: Callable[[Any, Any], Any], as_json: bool
) -> None:
    from msgspec import to_builtins

    from freehold.app.deployments import deployment_service, person_of
    from freehold.core.deployments import ON_TRIAL
    from freehold.services.deployment_checks import By, unapprovable

    token = read_token(token_file)
    person = person_of(home, token) if token else None
    name = person.id if person is not None else at_terminal()
    with deployment_service(home) as service:
        row, stage = act(service, By(name=name, person=person))
        share = service.trials.share(row)
        stuck = unapprovable(service.custom(row.model), row) if row.state in ON_TRIAL else ""
    if as_json:
        print_json(to_builtins(row) | {"stage": stage, "share": share, "warning": stuck})
        return
    state = row.state.replace("_", " ")
    at = f", {share:.2%}" if row.state in ("shadow", "canary") else ""
    click.echo(f"{row.id}: {state}{at}")
    if stuck:
        say(f"Warning: {stuck}")
