"""Cases to learn from, as a table."""

import re
from collections.abc import Collection, Sequence
from typing import Any

import sqlalchemy as sa
from msgspec.structs import asdict, replace
from sqlalchemy.dialects import postgresql, sqlite

from freehold.core.cases import Case, CaseFilter, CaseState, Tally
from freehold.core.decisions import MILLION
from freehold.core.legal_holds import Kept
from freehold.storage.case_tables import learning_cases
from freehold.storage.engine import Database

_AT_ONCE = 500
c = learning_cases.c
# written out: PostgreSQL takes what is grouped by for the same only without parameters
_NOBODY = sa.case(
    (c.model == sa.literal_column("''"), sa.literal_column("1")), else_=sa.literal_column("0")
)
"""Whether nobody answered."""
_OLD = re.compile(r"^fallback(?=:|$)")
_Cases = list[Case]
_Names = list[str]
_Tallies = list[Tally]
_Places = list[tuple[Case, int]]


class StoredCases:
    """The `CaseBook` over ``learning_cases``, and what retention and erasure need of it."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def add(self, cases: Sequence[Case]) -> int:
        """Keep these; see the port."""
        new = 0
        if not cases:
            return 0
        with self._database.write() as connection:
            for case in cases:
                new += _add(connection, case)
        return new

    def find(self, case_id: str) -> Case | None:
        """One case."""
        return next(iter(self._read(sa.select(learning_cases).where(c.case_id == case_id))), None)

    def find_all(self, case_ids: Collection[str]) -> _Cases:
        """Those of these that are there."""
        wanted, found = sorted(set(case_ids)), []
        for at in range(0, len(wanted), _AT_ONCE):
            some = c.case_id.in_(wanted[at : at + _AT_ONCE])
            found += self._read(sa.select(learning_cases).where(some))
        return found

    def of_exchange(self, exchange_id: str) -> Case | None:
        """The case that an exchange became."""
        query = sa.select(learning_cases).where(c.exchange_id == exchange_id)
        return next(iter(self._read(query)), None)

    def list(self, wanted: CaseFilter) -> _Cases:
        """The newest first."""
        order = (c.at_ns.desc(), c.case_id.desc())
        query = sa.select(learning_cases).where(*_where(wanted)).order_by(*order)
        return self._read(query.limit(max(0, wanted.limit)))

    def move(self, case_ids: Sequence[str], state: CaseState) -> int:
        """Set the state of these; how many there were."""
        wanted = sorted(set(case_ids))
        moved = 0
        with self._database.write() as connection:
            for at in range(0, len(wanted), _AT_ONCE):
                some = c.case_id.in_(wanted[at : at + _AT_ONCE])
                done = connection.execute(learning_cases.update().where(some).values(state=state))
                moved += int(done.rowcount)
        return moved

    def count(self, owner: str, app: str, since_ns: int) -> int:
        """How many there are since then; see the port."""
        mine = (c.owner == owner) & (c.app == app) & (c.at_ns >= since_ns) & (c.chance == MILLION)
        mine &= ~c.reasons.startswith("\nimported:")
        query = sa.select(sa.func.count()).select_from(learning_cases).where(mine)
        with self._database.read() as connection:
            return int(connection.execute(query).scalar() or 0)

    def tally(self, wanted: CaseFilter) -> _Tallies:
        """How many there are, by app, kind and state."""
        boxed = sa.case((sa.func.length(c.box) > 0, 1), else_=0)
        number = sa.func.count()
        query = sa.select(c.app, c.reasons, c.state, _NOBODY, number, sa.func.sum(boxed))
        query = query.where(*_where(wanted)).group_by(c.app, c.reasons, c.state, _NOBODY)
        sums: dict[tuple[str, str, str], list[int]] = {}
        with self._database.read() as connection:
            for app, reasons, state, nobody, cases, readable in connection.execute(query):
                for kind in {one.partition(":")[0] for one in _split(reasons, nobody)}:
                    found = sums.setdefault((app, kind, state), [0, 0])
                    found[0] += int(cases)
                    found[1] += int(readable)
        return [
            Tally(app=app, kind=kind, state=state, cases=found[0], readable=found[1])
            for (app, kind, state), found in sorted(sums.items())
        ]

    def places(self, wanted: CaseFilter) -> _Places:
        """How many there are of each app, tenant, intent and reasons; see the port."""
        whose = (c.app, c.tenant, c.intent, c.reasons, _NOBODY)
        query = sa.select(*whose, sa.func.count()).where(*_where(wanted)).group_by(*whose)
        with self._database.read() as connection:
            rows = connection.execute(query).all()
        return [
            (
                Case(
                    case_id="", exchange_id="", conversation="", owner="", route="",
                    app=app, tenant=tenant, intent=intent, reasons=tuple(_split(reasons, nobody)),
                ),
                int(count),
            )
            for app, tenant, intent, reasons, nobody, count in rows
        ]  # fmt: skip

    def prune(self, now_ns: int, kept: Kept) -> int:
        """Forget those whose time is over and that no legal hold keeps; say how many."""
        over = (c.until_ns > 0) & (c.until_ns <= now_ns)
        query = sa.select(c.case_id, c.tenant, c.exchange_id, c.subject, c.seal_key).where(over)
        with self._database.write() as connection:
            rows = connection.execute(query).all()
            gone = [row.case_id for row in rows if not _spared(row, kept)]
            for at in range(0, len(gone), _AT_ONCE):
                some = c.case_id.in_(gone[at : at + _AT_ONCE])
                connection.execute(learning_cases.delete().where(some))
        return len(gone)

    def of(self, subject: str, exchanges: Collection[str]) -> int:
        """How many cases with texts there are of a person, or of these exchanges."""
        found = 0
        with self._database.read() as connection:
            for mine in _theirs(subject, exchanges):
                query = sa.select(sa.func.count()).where(mine & (sa.func.length(c.box) > 0))
                found += int(connection.execute(query).scalar() or 0)
        return found

    def exchanges(self, subject: str) -> _Names:
        """The exchanges that are cases of a person."""
        query = sa.select(c.exchange_id).where((c.subject == subject) & (c.subject != ""))
        with self._database.read() as connection:
            return [str(one) for one in connection.execute(query).scalars()]

    def destroy(self, subject: str, exchanges: Collection[str]) -> int:
        """Take their texts away, which nobody can read any more; what is left says nothing."""
        gone = 0
        with self._database.write() as connection:
            for mine in _theirs(subject, exchanges):
                some = mine & (sa.func.length(c.box) > 0)
                done = connection.execute(learning_cases.update().where(some).values(box=b""))
                gone += int(done.rowcount)
        return gone

    def _read(self, query: sa.Select[Any]) -> _Cases:
        with self._database.read() as connection:
            return [_case(dict(row)) for row in connection.execute(query).mappings()]


def _theirs(subject: str, exchanges: Collection[str]) -> list[sa.ColumnElement[bool]]:
    """Conditions that no row meets twice."""
    wanted = sorted(set(exchanges))
    named = (c.subject == subject) & (c.subject != "")
    some = (wanted[at : at + _AT_ONCE] for at in range(0, len(wanted), _AT_ONCE))
    return [named, *(c.exchange_id.in_(ids) & ~named for ids in some)]


def _add(connection: sa.Connection, case: Case) -> int:
    """One if it is new. Whoever comes second waits for the first, and adds to it."""
    postgres = connection.dialect.name == "postgresql"
    insert = postgresql.insert if postgres else sqlite.insert
    statement = insert(learning_cases).on_conflict_do_nothing(index_elements=["exchange_id"])
    if connection.execute(statement.returning(c.case_id), _row(case)).first() is not None:
        return 1
    mine = c.exchange_id == case.exchange_id
    found = connection.execute(sa.select(learning_cases).where(mine).with_for_update())
    row = found.mappings().first()
    if row is not None:
        merged = _merged(_case(dict(row)), case)
        connection.execute(learning_cases.update().where(mine).values(_row(merged)))
    return 0


def _merged(known: Case, more: Case) -> Case:
    boxed = more if more.box else known
    return replace(
        known,
        reasons=tuple(dict.fromkeys((*known.reasons, *more.reasons))),
        chance=max(known.chance, more.chance),
        uncertainty=max(known.uncertainty, more.uncertainty),
        value=max(known.value, more.value),
        until_ns=max(known.until_ns, more.until_ns) if known.until_ns and more.until_ns else 0,
        seal_key=boxed.seal_key,
        box=boxed.box,
        subject=known.subject or more.subject,
    )


def _where(wanted: CaseFilter) -> list[sa.ColumnElement[bool]]:
    parts: list[sa.ColumnElement[bool]] = []
    some = {
        "owner": wanted.owners,
        "app": wanted.apps,
        "intent": wanted.intents,
        "tenant": wanted.tenants,
    }
    parts += [c[name].in_(sorted(values)) for name, values in some.items() if values]
    named = {name: getattr(wanted, name) for name in ("app", "intent", "state")}
    parts += [c[name] == value for name, value in named.items() if value]
    if wanted.kind:
        parts.append(_of_kind(wanted.kind))
    if wanted.kinds:
        parts.append(sa.or_(*map(_of_kind, wanted.kinds)))
    if wanted.before is not None:
        at_ns, case_id = wanted.before
        parts.append((c.at_ns < at_ns) | ((c.at_ns == at_ns) & (c.case_id < case_id)))
    if wanted.since_ns:
        parts.append(c.at_ns >= wanted.since_ns)
    if wanted.until_ns:
        parts.append(c.at_ns < wanted.until_ns)
    if wanted.texts:
        parts.append(sa.func.length(c.box) > 0)
    return parts


def _of_kind(kind: str) -> sa.ColumnElement[bool]:
    """As `_split` reads them."""
    if kind == "unanswered":
        return _says(kind) | (_says("fallback") & (c.model == ""))
    return _says(kind) & (c.model != "") if kind == "fallback" else _says(kind)


def _says(kind: str) -> sa.ColumnElement[bool]:
    plain = c.reasons.contains(f"\n{kind}\n", autoescape=True)
    return plain | c.reasons.contains(f"\n{kind}:", autoescape=True)


def _spared(row: Any, kept: Kept) -> bool:
    if row.subject and row.subject in kept.names:
        return True
    return row.seal_key in kept.key_ids or kept.spares_row(row.tenant, "", row.exchange_id)


def _row(case: Case) -> dict[str, Any]:
    row = asdict(case)
    for name, value in row.items():
        if isinstance(value, str) and "\0" in value:  # PostgreSQL takes no zeros
            row[name] = value.replace("\0", "\ufffd")
    row["reasons"] = "\n" + "".join(f"{_line(reason)}\n" for reason in case.reasons)
    return row


def _line(reason: str) -> str:
    return " ".join(reason.replace("\0", " ").splitlines())


def _split(reasons: str, nobody: int) -> list[str]:
    """Reasons from their lines. Where nobody answered, what is a fallback in rows of earlier
    releases is none: no model did.
    """
    lines = [line for line in reasons.split("\n") if line]
    if not nobody or "\nfallback" not in reasons:
        return lines
    return [_OLD.sub("unanswered", line) for line in lines]


def _case(row: dict[str, Any]) -> Case:
    row["reasons"] = tuple(_split(row["reasons"], not row["model"]))
    row["box"] = bytes(row["box"])
    return Case(**row)
