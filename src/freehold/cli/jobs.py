"""``freehold job`` and ``freehold worker``: training that outlives the process that began it."""

from datetime import UTC, datetime
from pathlib import Path
from typing import Any, cast

import click
from msgspec import to_builtins

from freehold.app.whoever import at_terminal
from freehold.cli.common import Group, home_option, json_option, print_json, say

_which = click.argument("job_id", metavar="JOB")


@click.group(cls=Group)
def job() -> None:
    """Training runs that were queued: `freehold train MODEL --queue`."""


@job.command("list")
@click.option("--limit", type=click.IntRange(1, 10_000), default=50, show_default=True)
@home_option
@json_option
def list_jobs(limit: int, home: Path, as_json: bool) -> None:
    """The newest first."""
    from freehold.app.working import job_service

    with job_service(home, at_terminal()) as jobs:
        told = [_told(jobs, view) for view in jobs.list(limit)]
    if as_json:
        print_json(told)
        return
    if not told:
        say("No job is queued, or was: freehold train MODEL --queue.")
    for each in told:
        click.echo(_line(each))


@job.command()
@_which
@home_option
@json_option
def show(job_id: str, home: Path, as_json: bool) -> None:
    """One job: what it is to train, how far it is, what came of it."""
    from freehold.app.working import job_service

    with job_service(home, at_terminal()) as jobs:
        view = jobs.find(job_id)
        told = _told(jobs, view)
    if as_json:
        print_json(told)
        return
    click.echo(_line(told))
    for key in ("worker", "created", "started", "ended", "error"):
        if told[key]:
            click.echo(f"  {key}: {told[key]}")
    for key, value in told["plan"].items():
        if value not in ("", {}, 0):
            click.echo(f"  {key}: {value}")
    for key, value in told["result"].get("figures", {}).items():
        click.echo(f"  {key:<24} {value:.4g}")


@job.command()
@_which
@home_option
@json_option
def cancel(job_id: str, home: Path, as_json: bool) -> None:
    """End a job; what was trained so far is kept for `freehold job retry`."""
    _move("cancel", job_id, home, as_json)


@job.command()
@_which
@home_option
@json_option
def retry(job_id: str, home: Path, as_json: bool) -> None:
    """Queue a job again that failed, was cancelled, or whose worker died; it goes on."""
    _move("retry", job_id, home, as_json)


@click.command()
@click.option("--kinds", default="", help="Only models of these kinds, with commas between.")
@click.option(
    "--device",
    "devices",
    multiple=True,
    type=click.Choice(["cpu", "cuda"]),
    help="What it has; what is there, if left out.",
)
@click.option("--memory", type=click.IntRange(1, 100_000), help="Gigabytes; else the machine's.")
@click.option("--once", is_flag=True, help="End when nothing waits that fits.")
@home_option
def worker(
    kinds: str, devices: tuple[str, ...], memory: int | None, once: bool, home: Path
) -> None:
    """Train what is queued and fits this machine, one job at a time, until a signal ends it.

    Killed half-way, a job goes on where it was, with the next worker on this machine. Several may
    run beside each other; with PostgreSQL on several machines, which share the home's folder.
    """
    from freehold.app.working import hardware, work

    named = tuple(kind.strip() for kind in kinds.split(",") if kind.strip())
    work(home, hardware(named, cast("Any", devices), memory or 0), say, once=once)


def _move(act: str, job_id: str, home: Path, as_json: bool) -> None:
    from freehold.app.working import job_service

    with job_service(home, at_terminal()) as jobs:
        view = getattr(jobs, act)(job_id)
        told = _told(jobs, view)
    if as_json:
        print_json(told)
    else:
        click.echo(_line(told))


def _told(jobs: Any, view: Any) -> dict[str, Any]:
    return {
        "id": view.job.job_id,
        "state": view.state,
        "model": view.job.body.get("model", ""),
        "kind": view.job.kind,
        "needs": {"device": view.job.needs.device, "memory_gb": view.job.needs.size_gb},
        "worker": view.worker,
        "created": _time(view.created_ms),
        "started": _time(view.started_ms),
        "ended": _time(view.ended_ms),
        "progress": to_builtins(jobs.progress(view)),
        "waits_for": jobs.waits_for(view),
        "result": view.result,
        "error": view.error,
        "plan": view.job.body,
    }


def _line(told: dict[str, Any]) -> str:
    said = ""
    if told["state"] == "running":
        far = told["progress"]
        said = f"{far['stage']} {far['done']}/{far['total']}" if far["stage"] else ""
    elif told["state"] == "done":
        said = f"{told['result'].get('model')}@{told['result'].get('version')}"
    elif told["state"] == "waiting":
        said = told["waits_for"]
    elif told["state"] == "failed":
        said = told["error"]
    line = f"{told['id']}  {told['state']:<9}  {told['model']}  {told['kind']}  {said}"
    return line.rstrip()


def _time(at_ms: int) -> str:
    if not at_ms:
        return ""
    return f"{datetime.fromtimestamp(at_ms // 1_000, UTC):%Y-%m-%dT%H:%M:%SZ}"
