"""Cases for people who come through a door: those who decide in the queues that show them."""

from collections.abc import Callable, Collection
from hashlib import sha256
from heapq import merge
from itertools import islice
from typing import Any

from msgspec.structs import replace

from freehold.core.cases import Case, CaseFilter
from freehold.core.errors import LabelError, NotFound, RequestError
from freehold.core.labels import QueueSpec
from freehold.learning.capture.brought import read_text
from freehold.learning.labelling.choosing import takes
from freehold.services.case_import import CaseImport, Imported
from freehold.services.cases import Cases, listed
from freehold.services.labelling_desk import LabellingDesk
from freehold.services.labelling_people import Labeler, may_decide
from freehold.services.labelling_views import texts_dict

MOST_ROWS = 1_000
"""So many rows at once, of which detectors read every word, beside the requests of others."""
_LONGEST_SOURCE = 200
_BY_HAND = "human:"
_Rows = list[dict[str, Any]]


class CaseDesk:
    """The use cases of cases, for a verified person.

    They see a case where they decide in a queue that takes it, and reach the tenant where it
    happened; its texts are masked as far as their clearances go. What they may not see is not
    there. Every method waits for the store, so that they are called in threads.

    Args:
        cases, importing: the use cases of the terminal, as done by this person.
    """

    def __init__(
        self,
        labelling: LabellingDesk,
        cases: Callable[[Labeler], Cases],
        importing: Callable[[Labeler], CaseImport],
    ) -> None:
        self._labelling = labelling
        self._book = labelling.book
        self._cases = cases
        self._importing = importing

    def list(self, who: Labeler, wanted: CaseFilter, after: str = "") -> tuple[_Rows, bool]:
        """The newest first, without texts; and whether there are more than ``wanted.limit``.

        Args:
            after: a case of theirs: those that follow it.

        Raises:
            RequestError: ``after`` is no case of theirs.
            StorageError: the store can't be read.
        """
        if after:
            last = self._book.cases.find(after)
            if last is None or not self._sees(who, last):
                raise RequestError("`after` is no case here.", param="after")
            wanted = replace(wanted, before=(last.at_ns, last.case_id))
        more = replace(wanted, limit=wanted.limit + 1)
        found: list[list[Case]] = []
        for queue in self._queues(who):
            tenants = self._tenants(who, queue)
            if tenants:
                part = replace(
                    more,
                    apps=queue.apps,
                    kinds=queue.reasons,
                    intents=queue.intents,
                    tenants=tenants,
                )
                found.append(self._book.cases.list(part))
        newest = merge(*found, key=lambda case: (case.at_ns, case.case_id), reverse=True)
        each = {case.case_id: case for case in newest}  # one may stand in several queues
        rows = [self._row(who, case) for case in islice(each.values(), wanted.limit)]
        return rows, len(each) > wanted.limit

    def show(self, who: Labeler, name: str) -> dict[str, Any]:
        """A case by its id or its exchange's, with its texts; reading them is an entry in the
        ledger.

        Raises:
            NotFound: there is none, or it is not for them: which of the two is not told.
            StorageError, AuditError: it can't be read, or the reading can't be recorded.
        """
        case = self._book.cases.find(name) or self._book.cases.of_exchange(name)
        if case is None or not self._sees(who, case):
            raise NotFound(f"no case {name[:80]}", public="There is no such case here.")
        cases = self._cases(who)
        read = cases.read(case)
        moment = None
        if read.moment is not None:
            mask, readable = self._labelling.reading(case, who)
            moment = {
                **texts_dict(case, read.moment, self._book.bundle, mask, readable),
                "said": mask(read.moment.said),
                "correction": mask(read.moment.correction),
            }
        told = self._row(who, case)
        return {**told, "share": cases.sharing(case), "fate": read.fate, "moment": moment}

    def bring(
        self, who: Labeler, place: tuple[str, str], source: str, form: str, text: str
    ) -> Imported:
        """Make cases of the rows of a text; all of them, or none.

        Args:
            place: the tenant where it happened, and its app.
            source: what the rows come from; ``form``: jsonl or csv.

        Raises:
            NotFound: no such tenant that they reach, or it has no such app.
            LabelError: they decide in no queue that takes what is brought into this app.
            RequestError: as `CaseImport.bring`.
            StorageError, AuditError: it can't be kept, or recorded, so it is not.
        """
        tenant, app = place
        if not who.reaches(tenant, self._book.bundle):
            raise NotFound(
                f"no tenant {tenant[:80]}", public="There is no such tenant that you reach."
            )
        importing = self._importing(who)
        try:
            importing.place(tenant, app)
        except NotFound as error:
            raise NotFound(str(error), public="This tenant has no such app.") from None
        if not any(self._takes_imported(queue, tenant, app) for queue in self._queues(who)):
            raise LabelError(
                f"You decide in no queue that takes imported cases of app `{app}` in tenant"
                f" `{tenant}`: somebody who does brings them in.",
                param="app",
            )
        called = " ".join(source.split())
        if not called or len(called) > _LONGEST_SOURCE:
            said = f"Say in 1 to {_LONGEST_SOURCE} characters what the rows come from."
            raise RequestError(said, param="source")
        rows = read_text(text, form, importing.attributes, importing.now_ns())
        return importing.bring(rows, tenant, app, called, _digest(text))

    def _row(self, who: Labeler, case: Case) -> dict[str, Any]:
        """A case without its texts. What somebody wrote when they added it by hand is one."""
        reasons = list(case.reasons)
        for at, reason in enumerate(reasons):
            if reason.startswith(_BY_HAND):
                try:
                    reasons[at] = self._labelling.reading(case, who)[0](reason)
                except NotFound:  # its app is of another branch by now: nobody can say what to mask
                    reasons[at] = _BY_HAND[:-1]
        return {**listed(case), "reasons": reasons}

    def _sees(self, who: Labeler, case: Case) -> bool:
        within = self._book.bundle.is_descendant
        return who.reaches(case.tenant, self._book.bundle) and any(
            takes(queue, case, within) for queue in self._queues(who)
        )

    def _queues(self, who: Labeler) -> Collection[QueueSpec]:
        """Those in which they decide."""
        return [queue for queue in self._book.bundle.queues.values() if _decides(who, queue)]

    def _tenants(self, who: Labeler, queue: QueueSpec) -> tuple[str, ...]:
        """Whose cases they may see in it."""
        bundle = self._book.bundle
        return tuple(
            tenant
            for tenant in bundle.tenants
            if who.reaches(tenant, bundle)
            and (not queue.tenant or bundle.is_descendant(tenant, queue.tenant))
        )

    def _takes_imported(self, queue: QueueSpec, tenant: str, app: str) -> bool:
        if app not in queue.apps or (queue.reasons and "imported" not in queue.reasons):
            return False
        return not queue.tenant or self._book.bundle.is_descendant(tenant, queue.tenant)


def _decides(who: Labeler, queue: QueueSpec) -> bool:
    try:
        may_decide(who, queue)
    except LabelError:
        return False
    return True


def _digest(text: str) -> str:
    return sha256(text.encode("utf-8", "surrogatepass")).hexdigest()
