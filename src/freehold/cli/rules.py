"""``freehold policy test``, ``simulate`` and ``prove``: what rules do, before they do it."""

import asyncio
from pathlib import Path
from typing import Any

import click
import orjson
from msgspec.structs import asdict, replace

from freehold.cli.common import (
    EXIT_PROBLEM,
    bundle_option,
    home_option,
    json_option,
    print_json,
    say,
)
from freehold.core.principal import Principal

_OF_REAL_ONES = frozenset({"Tokens and money", "Time", "Evidence"})
"""What is told of recorded exchanges, and says nothing of one that is only thought of."""


@click.command()
@click.argument("rules", nargs=-1)
@bundle_option
@click.option(
    "--home",
    type=click.Path(exists=True, file_okay=False, path_type=Path),
    help="Run them with the versions of custom models that are deployed in this home.",
)
@json_option
def test(rules: tuple[str, ...], bundle: Path, home: Path | None, as_json: bool) -> None:
    """Run the tests beside the rules: all, or those of RULES.

    Each test goes the whole journey with its own question, answer and context; no model is called
    and nothing is recorded.
    """
    from freehold.app.deployed import with_deployed
    from freehold.app.rehearsal import rehearsal
    from freehold.services.bundles import described_bundle
    from freehold.services.rule_tests import run_rule_tests

    tested = described_bundle(bundle) if home is None else with_deployed(home, bundle)
    tests = asyncio.run(run_rule_tests(rehearsal(tested), rules))
    if as_json:
        print_json(
            {
                "passed": len(tests.results) - len(tests.failed),
                "failed": len(tests.failed),
                "results": [result.as_dict() for result in tests.results],
                "untested": list(tests.untested),
            }
        )
    else:
        for result in tests.results:
            mark = "ok    " if result.passed else "FAILED"
            why = f": {result.why}" if result.why else ""
            click.echo(f"{mark} {result.rule}: {result.test}{why}")
        if tests.untested:
            say(f"Without a test: {', '.join(tests.untested)}")
        say(f"{len(tests.results)} tests, {len(tests.failed)} failed")
    if tests.failed:
        raise SystemExit(EXIT_PROBLEM)


@click.command()
@bundle_option
@click.option("--app", help="The app that asks.")
@click.option("--tenant", default="", help="The tenant that asks; default: the app's own.")
@click.option("--request", "question", default="Hello.", help="What the user says, or @FILE.")
@click.option("--answer", default="Hello.", help="What the model says, or @FILE.")
@click.option(
    "--principal",
    metavar="JSON",
    help='Who asks: {"id": …, "roles": […], "clearances": […], "attributes": {…}}, or @FILE.',
)
@click.option(
    "--context",
    "contexts",
    multiple=True,
    metavar="SOURCE=TEXT",
    help="What a source gives, or SOURCE=@FILE; other sources give nothing.",
)
@click.option("--failed", multiple=True, metavar="SOURCE", help="A source that fails.")
@click.option(
    "--call",
    "calls",
    multiple=True,
    metavar="TOOL=JSON",
    help="A tool that the model calls, with its arguments, or TOOL=@FILE.",
)
@click.option(
    "--result",
    "results",
    multiple=True,
    metavar="TOOL=TEXT",
    help="What a tool returned before this answer, or TOOL=@FILE.",
)
@click.option("--stream", is_flag=True, help="The model's answer comes word by word.")
@click.option(
    "--last", type=click.IntRange(1, 10_000), help="Put so many recorded exchanges to --draft."
)
@click.option(
    "--draft", type=click.Path(file_okay=False, path_type=Path), help="A changed bundle's folder."
)
@home_option
@json_option
def simulate(
    bundle: Path,
    app: str | None,
    tenant: str,
    question: str,
    answer: str,
    principal: str | None,
    contexts: tuple[str, ...],
    failed: tuple[str, ...],
    calls: tuple[str, ...],
    results: tuple[str, ...],
    stream: bool,
    last: int | None,
    draft: Path | None,
    home: Path,
    as_json: bool,
) -> None:
    """What would happen to a hypothetical request and answer, decision by decision.

    The whole journey runs, with the model's answer and the sources' content as told here, and with
    the custom models that are deployed in the home. Nothing is called and nothing is recorded.

    With --last N --draft FOLDER: of which recorded exchanges would the draft's rules have demanded
    something else? That is decided from the facts in the records, and the words that were kept.
    """
    if (last is None) is not (draft is None):
        raise click.UsageError("--last and --draft go together")
    if last is not None and draft is not None:
        _compare(home, draft, last, as_json)
        return
    if app is None:
        raise click.UsageError("Missing option '--app' (or --last and --draft)")
    from freehold.app.deployed import with_deployed
    from freehold.app.rehearsal import rehearsal
    from freehold.core.ask import Message, ToolCall
    from freehold.services.rehearse import Scene, returned

    called = [_pair(each, "--call", "TOOL=JSON") for each in calls]
    scene = Scene(
        app=app,
        tenant=tenant,
        messages=(
            Message(role="user", content=_text(question)),
            *returned(dict(_pair(each, "--result", "TOOL=TEXT") for each in results)),
        ),
        answer=_text(answer),
        calls=tuple(
            ToolCall(id=f"call_{number}", name=name, arguments=arguments)
            for number, (name, arguments) in enumerate(called)
        ),
        principal=None if principal is None else _principal(_text(principal)),
        context=dict(_pair(each, "--context", "SOURCE=TEXT") for each in contexts),
        failed=frozenset(failed),
        stream=stream,
    )
    rehearsed = asyncio.run(rehearsal(with_deployed(home, bundle)).run(scene))
    if as_json:
        print_json(rehearsed.as_dict())
    else:
        _tell_rehearsed(rehearsed, scene.answer)


def _tell_rehearsed(rehearsed: Any, answer: str) -> None:
    """Every decision, and what the caller reads where that is not the model's answer."""
    told = rehearsed.explanation
    sections = tuple(section for section in told.sections if section.title not in _OF_REAL_ONES)
    click.echo(replace(told, sections=sections).as_text())
    if rehearsed.public:
        click.echo(f"\nThe caller reads: {rehearsed.public}")
    elif rehearsed.said != answer:
        click.echo(f"\nWhat leaves: {rehearsed.said}")


def _tell(proofs: Any) -> None:
    """Proofs and quarrels, as lines."""
    for proof in proofs.proofs:
        by = f" by {', '.join(proof.rules)}" if proof.rules else ""
        took = f" in {proof.took_ms:.0f} ms"
        click.echo(
            f"{proof.status:7} {proof.invariant} in {proof.app}"
            + (f"{by}{took}" if proof.status == "proved" else "")
        )
        for name, value in proof.example.items():
            click.echo(f"          {name} = {value}")
        for rule, why in proof.fell_short.items():
            click.echo(f"          {rule} does not count: {why}")
        for part in proof.unread:
            click.echo(f"          taken as unknown: {part}")
    for rule in proofs.dead:
        click.echo(f"never   {rule}: no facts can make it fire")
    for rule in proofs.always:
        click.echo(f"always  {rule}: it fires whatever the facts are")
    for shadow in proofs.shadowed:
        click.echo(f"shadow  {shadow.rule}: whenever it fires, {shadow.by} blocks")
    for clash in proofs.clashes:
        click.echo(f"clash   {' and '.join(clash.rules)} rewrite the same, for instance")
        for name, value in clash.example.items():
            click.echo(f"          {name} = {value}")


@click.command()
@click.argument("invariants", nargs=-1)
@bundle_option
@json_option
def prove(invariants: tuple[str, ...], bundle: Path, as_json: bool) -> None:
    """Prove the bundle's invariants (all, or INVARIANTS) over the rules of each app.

    For all facts, not for examples: a proof, or facts that break it. Without INVARIANTS, it also
    names rules that never fire, that always fire, that another one's block leaves without effect,
    and that rewrite the same. Needs z3: pip install 'freehold[prove]'.
    """
    from freehold.rules.prove import ProverMissing
    from freehold.services.bundles import described_bundle
    from freehold.services.proofs import prove as run

    try:
        proofs = run(described_bundle(bundle), invariants)
    except ProverMissing as missing:
        raise click.ClickException(str(missing)) from None
    if as_json:
        print_json(
            {
                "ok": proofs.ok,
                "proofs": [proof.as_dict() for proof in proofs.proofs],
                "never_fire": list(proofs.dead),
                "always_fire": list(proofs.always),
                "shadowed": [asdict(each) for each in proofs.shadowed],
                "clashes": [asdict(each) for each in proofs.clashes],
            }
        )
    else:
        _tell(proofs)
        say(f"{len(proofs.proofs)} proofs, {sum(p.status != 'proved' for p in proofs.proofs)} open")
    if not proofs.ok:
        raise SystemExit(EXIT_PROBLEM)


def _compare(home: Path, draft: Path, last: int, as_json: bool) -> None:
    from freehold.app.deployed import with_deployed
    from freehold.app.terminal import content_service
    from freehold.services.bundles import kept_or_none
    from freehold.services.compare import compare

    changed = with_deployed(home, draft)
    with content_service(home) as (records, contents):
        texts = contents.read_by_rules(last)
        found = (texts(records.find(row.exchange_id)) for row in records.recent(limit=last))
        comparison = compare(found, kept_or_none(home), changed)
    if as_json:
        print_json(comparison.as_dict())
        return
    for change in comparison.changed:
        rules = ", ".join(change.rules_become or change.rules_were)
        click.echo(
            f"{change.exchange}  {change.tenant}/{change.app}  "
            f"{change.was} → {change.becomes}  ({rules})"
        )
    for rule in comparison.undecided:
        say(f"undecided: {rule.rule} in {rule.exchanges} exchanges, no record has {rule.fact}")
    if comparison.erased:
        say(f"without their texts, which are destroyed: {comparison.erased} exchanges")
    for why, count in comparison.skipped.items():
        say(f"left out: {count}, {why}")
    say(f"{comparison.compared} exchanges, {len(comparison.changed)} would change")


def _text(value: str) -> str:
    """The value, or what the file after an @ holds."""
    if not value.startswith("@"):
        return value
    try:
        return Path(value[1:]).read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise click.BadParameter(f"{value[1:]} can't be read: {error}") from None


def _pair(value: str, option: str, form: str) -> tuple[str, str]:
    name, sign, text = value.partition("=")
    if not sign or not name:
        raise click.BadParameter(f"{value!r} is not {form}", param_hint=option)
    return name, _text(text)


def _principal(text: str) -> Principal:
    from freehold.bundle.rule_test import TestPrincipal
    from freehold.services.rule_tests import principal_of

    try:
        given: Any = orjson.loads(text)
        return principal_of(TestPrincipal.model_validate(given))
    except ValueError as error:
        first = str(error).splitlines()
        said = " ".join(line.strip() for line in first[:3])
        raise click.BadParameter(f"not a principal: {said}", param_hint="--principal") from None
