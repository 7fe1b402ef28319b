"""Cases for whoever looks after them: list, show, add, drop, count; at every door alike."""

from collections.abc import Callable, Sequence
from typing import Any

from msgspec import to_builtins
from msgspec.structs import replace

from freehold.bundle.resolve import ResolvedBundle
from freehold.core.cases import Case, CaseBook, CaseFilter, Read
from freehold.core.clock import rfc3339
from freehold.core.decisions import MILLION
from freehold.core.errors import NotFound, RequestError
from freehold.learning.capture.triggers import Judged
from freehold.learning.capture.witnessed import attributes_of, recalled
from freehold.services.case_making import CaseMaker
from freehold.services.case_reading import CaseReader, shared
from freehold.services.records import Records

LogEvent = Callable[..., str]
_LEAST_ID = 8
_SHOWN = 5
_LONGEST_REASON = 200
_MOST = 10_000
_Rows = list[dict[str, Any]]
_HIDDEN = frozenset({"box", "seal_key", "subject", "at_ns", "until_ns", "chance", "uncertainty"})


class Cases:
    """The use cases around cases.

    Args:
        actor: who does it, as the ledger is to say.
        log: writes the entry that reading, adding and dropping leave.
    """

    def __init__(
        self,
        book: CaseBook,
        reader: CaseReader,
        records: Records,
        maker: CaseMaker,
        bundle: ResolvedBundle,
        actor: str,
        log: LogEvent,
    ) -> None:
        self.book = book
        self.reader = reader
        self._records = records
        self._maker = maker
        self._bundle = bundle
        self._actor = actor
        self._log = log

    def list(self, wanted: CaseFilter) -> tuple[Case, ...]:
        """The newest first, without texts.

        Raises:
            StorageError: the store can't be read.
        """
        return tuple(self.book.list(wanted))

    def find(self, name: str) -> Case:
        """A case by its id or its exchange's, or by a beginning of its id.

        Raises:
            NotFound: there is none, or several begin like this.
        """
        case = self.book.find(name) or self.book.of_exchange(name)
        if case is None and len(name) >= _LEAST_ID:
            everybody = self.book.list(CaseFilter(limit=_MOST))
            found = [
                one
                for one in everybody
                if one.case_id.startswith(name) or one.exchange_id.startswith(name)
            ]
            if len(found) > 1:
                alike = ", ".join(one.case_id for one in found[:_SHOWN])
                more = ", and more" if len(found) > _SHOWN else ""
                raise NotFound(f"{len(found)} cases begin with {name[:40]}: {alike}{more}")
            case = found[0] if found else None
        if case is None:
            raise NotFound(f"no case {name[:80]}")
        return case

    def show(self, name: str) -> Read:
        """A case with its texts; reading them is an entry in the ledger.

        Raises:
            NotFound: there is none.
            StorageError: the vault can't be read.
            AuditError: the reading can't be recorded, so it is refused.
        """
        return self.read(self.find(name))

    def read(self, case: Case) -> Read:
        """The same of a case that is at hand."""
        read = self.reader.read(case)
        if read.moment is not None:
            details = {"exchange": case.exchange_id, "owner": case.owner}
            self._log("case.read", self._actor, case.case_id, details, tenant=case.tenant)
        return read

    def add(self, exchange: str, reason: str) -> Case:
        """Capture an exchange by hand, from what the ledger has of it.

        Raises:
            NotFound: no such exchange.
            RequestError: there is no reason, its app captures nothing, or whoever asked has not
                consented.
            StorageError, AuditError: it can't be kept, or recorded, so it is not.
        """
        reason = " ".join(reason.split())
        if not reason or len(reason) > _LONGEST_REASON:
            raise RequestError(f"Say why, in {_LONGEST_REASON} characters at most.")
        record = self._records.find(exchange)
        app = self._bundle.app_for(record.tenant, record.app)
        spec = app.capture
        if spec is None:
            raise RequestError(
                f"App `{app.id}` captures nothing: give it a `capture` section, which says whose"
                " its cases are and how long they are kept."
            )
        if not spec.allows(attributes_of(record)):
            raise RequestError(f"Whoever asked has not consented, as app `{app.id}` wants it.")
        judged = Judged(reasons=(f"human:{reason}",))
        case = self._maker.of_record(record, app, recalled(record), judged)
        before = self.book.of_exchange(record.exchange_id)
        if before is not None:  # what was captured at the moment is more than the ledger has
            case = replace(before, reasons=judged.reasons, chance=MILLION, box=b"")
        details = {"exchange": record.exchange_id, "owner": case.owner, "reason": reason}
        self._log("case.added", self._actor, case.case_id, details, tenant=case.tenant)
        self.book.add([case])
        return self.book.of_exchange(record.exchange_id) or case

    def drop(self, names: Sequence[str], reason: str) -> int:
        """Nobody is to learn from these; how many there were.

        Raises:
            NotFound: one of them is not there; then none is dropped.
            StorageError, AuditError: it can't be done, or recorded.
        """
        cases = {case.case_id: case for case in map(self.find, names)}
        for case in cases.values():
            details = {"exchange": case.exchange_id, "reason": reason[:_LONGEST_REASON]}
            self._log("case.dropped", self._actor, case.case_id, details, tenant=case.tenant)
        return self.book.move(sorted(cases), "dropped")

    def stats(self, wanted: CaseFilter) -> _Rows:
        """How many there are, by app, reason's kind and state."""
        return [to_builtins(one) for one in self.book.tally(wanted)]

    def sharing(self, case: Case) -> str:
        """How far its app shares it."""
        return shared(case, self._bundle)


def listed(case: Case) -> dict[str, Any]:
    """A case for JSON, without its texts; shares and scores in millionths."""
    told = {name: value for name, value in to_builtins(case).items() if name not in _HIDDEN}
    return told | {
        "at": rfc3339(case.at_ns),
        "until": rfc3339(case.until_ns) if case.until_ns else None,
        "chance": case.chance,
        "uncertainty": case.uncertainty,
        "texts": bool(case.box),
    }


def told(read: Read) -> dict[str, Any]:
    """A case for JSON, with its texts, as far as they are there."""
    moment = None
    if read.moment is not None:
        moment = to_builtins(replace(read.moment, vector=b""))
        moment.pop("vector", None)
    return listed(read.case) | {"fate": read.fate, "moment": moment}
