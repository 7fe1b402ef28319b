"""``freehold explain``: what was decided about one exchange, and why."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import click
from msgspec.structs import replace

from freehold.cli.common import (
    home_option,
    json_option,
    last_option,
    printed,
    say,
    scope_of,
    tenant_options,
)
from freehold.cli.records import tell_unreadable
from freehold.core.errors import NotFound, StorageError

_AUDIENCES = ("customer", "compliance", "engineer")
_FORMATS = ("text", "markdown", "html", "prov", "provn")
_OF_ONE = ("html", "prov", "provn")
_BETWEEN = "\n---\n\n"


@click.command()
@click.argument("exchange_id", required=False)
@last_option(1_000)
@click.option(
    "--for",
    "audience",
    type=click.Choice(_AUDIENCES),
    default="engineer",
    show_default=True,
    help="Who reads it: the person whom it concerns, who answers for it, or who runs it.",
)
@click.option(
    "--format",
    "form",
    type=click.Choice(_FORMATS),
    default="text",
    show_default=True,
    help="prov is W3C PROV as JSON, provn as PROV-N.",
)
@click.option(
    "-o",
    "--output",
    type=click.Path(dir_okay=False, writable=True, path_type=Path),
    help="Into this file, which only you may read.",
)
@click.option(
    "--content", is_flag=True, help="With the texts that were kept; the ledger notes the reading."
)
@click.option(
    "--unmask", is_flag=True, help="With --content: redacted values in their place, where kept."
)
@tenant_options
@home_option
@json_option
def explain(
    exchange_id: str | None,
    last: int | str | None,
    audience: str,
    form: str,
    output: Path | None,
    content: bool,
    unmask: bool,
    tenant: str | None,
    only: bool,
    home: Path,
    as_json: bool,
) -> None:
    """Explain one exchange, or the newest N, decision by decision.

    EXCHANGE_ID is what a reply's x-freehold-trace-id header says, or a beginning of it that no
    other one has.
    """
    if (exchange_id is None) is (last is None):
        raise click.UsageError("name an exchange, or say --last")
    count = last if isinstance(last, int) else 1
    if count > 1 and form in _OF_ONE:
        raise click.UsageError(f"--format {form} holds one exchange: say --last without a number")
    if unmask and not content:
        raise click.UsageError("--unmask goes with --content")
    if as_json and form != "text":
        raise click.UsageError("--json and --format exclude each other")
    if audience == "customer" and form in ("prov", "provn"):
        raise click.UsageError("PROV names everybody and everything: leave --for customer out")
    if content and form in ("prov", "provn"):
        raise click.UsageError("PROV holds no texts: leave --content out")
    with _reading(home, content=content) as (records, contents, keys):
        tell_unreadable(records.unreadable())
        whose = scope_of(records.within, tenant, only)
        each = []
        for record in _records(records, exchange_id, count, whose):
            kept = None if contents is None else (contents.read(record, unmask=unmask), unmask)
            proof = _proof(record, home, records, keys) if audience == "compliance" else None
            each.append(_told(record, audience, form, proof, kept, as_json=as_json))
    if as_json:
        told = printed(each if isinstance(last, int) else each[0])
    else:
        told = _BETWEEN.join(each)
    if output is not None:
        _write(output, told)
        say(f"Wrote {output}.")
    else:
        click.echo(told, nl=False)


def _records(records: Any, exchange_id: str | None, count: int, whose: Any) -> list[Any]:
    """The one that is named, or the newest ones.

    Raises:
        NotFound: there is none.
    """
    if exchange_id is not None:
        return [records.find(exchange_id, whose)]
    newest = records.recent(tenant=whose, limit=count)
    if not newest:
        raise NotFound("nothing is recorded yet")
    return [records.find(row.exchange_id, whose) for row in newest]


def _proof(record: Any, home: Path, records: Any, keys: Any) -> Any:
    """What is known of a record beside itself."""
    from freehold.app.holding import holds_on
    from freehold.services.explaining.proofs import proof_of

    return proof_of(record, home, keys, holds_on(home, records, keys, record))


def _told(
    record: Any,
    audience: Any,
    form: str,
    proof: Any,
    kept: tuple[Any, bool] | None,
    *,
    as_json: bool,
) -> Any:
    """What is told of one: a text, or for JSON an object."""
    from freehold.services import contents as shown
    from freehold.services.explaining import as_dict, document_dict, explain, formats, prov, told_to

    if form in ("prov", "provn"):
        return prov.as_json(record) if form == "prov" else prov.as_prov_n(record)
    document = told_to(audience, record, proof)
    texts: dict[str, Any] = {}
    if kept is not None:
        found, unmask = kept
        texts = {"content": shown.as_dict(found, unmask=unmask)}
        more = shown.sections(found, unmask=unmask)
        document = replace(document, sections=(*document.sections, *more))
    if not as_json:
        made: str = getattr(formats, form)(document)
        return made
    if audience == "engineer":
        told = replace(explain(record), sections=document.sections)
        return as_dict(told) | texts
    return document_dict(audience, record, document, proof) | texts


def _write(path: Path, told: str) -> None:
    """Raises: StorageError: it can't be written."""
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with os.fdopen(descriptor, "w", encoding="utf-8", newline="\n") as file:
            file.write(told)
    except OSError as error:
        raise StorageError(f"{path} can't be written: {error.strerror}") from error


@contextmanager
def _reading(home: Path, *, content: bool) -> Iterator[tuple[Any, Any, Any]]:
    """The records, what opens their texts if they are asked for, and what knows their fate."""
    from freehold.app.terminal import content_service, record_service_with_keys

    if content:
        with content_service(home) as (records, contents):
            yield records, contents, contents.store
        return
    with record_service_with_keys(home) as (records, keys):
        yield records, None, keys
