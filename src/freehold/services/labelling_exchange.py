"""Cases and labels out to files of other tools, and labels in from them."""

from collections import Counter
from collections.abc import Callable, Collection
from hashlib import sha256
from typing import Any

from msgspec import Struct
from msgspec.structs import replace

from freehold.core.cases import Case, CaseFilter, Moment
from freehold.core.decisions import MILLION
from freehold.core.errors import LabelError, RequestError
from freehold.core.labels import Label, QueueSpec, Words
from freehold.learning.datasets.given import ahead
from freehold.learning.labelling.choosing import takes
from freehold.learning.labelling.formats import FORMATS, Dump, Load, Mistakes, Row, RowLabel
from freehold.learning.labelling.formats.label_studio import config
from freehold.services.labelling_desk import LabellingDesk
from freehold.services.labelling_people import Labeler, may_decide, named
from freehold.services.labelling_views import question
from freehold.services.labelling_words import Given, Suggestion, opened

_MINUTE_NS = 60 * 1_000_000_000
_MOST = 10_000
_NOBODY = Labeler(name="", issuer="", clearances=frozenset())
OTHERWISE = "the same person has said something else of the case, which stands until it is undone"


class Imported(Struct, frozen=True, kw_only=True):
    """What an import came to; ``there`` were known already, ``late`` for cases that need none;
    ``left_out``: why something in the file is no label, and how often.
    """

    labels: int
    there: int
    late: int
    left_out: dict[str, int] = {}


class _Ready(Struct, frozen=True):
    case: Case
    moment: Moment
    label: Label
    words: Words


class Exchange:
    """The use cases of whoever works with other tools.

    Args:
        actor: who acts, for the ledger.
        who: the person, where it is one who reaches and reads only some: then texts are masked as
            far as their clearances go, and they must be one who may decide.
    """

    def __init__(self, desk: LabellingDesk, actor: str, who: Labeler | None = None) -> None:
        self._desk = desk
        self._actor = actor
        self._who = who

    def _may(self, queue: QueueSpec) -> None:
        if self._who is not None:
            may_decide(self._who, queue)

    def _reaches(self, case: Case) -> bool:
        return self._who is None or self._who.reaches(case.tenant, self._desk.book.bundle)

    def export(self, queue: QueueSpec, form: str, *, labelled: bool = True) -> str:
        """The cases of a queue with their labels, as one file; texts as they are kept. What was
        taken back is not in it; what was decided stands beside the labels.

        Args:
            labelled: also cases that are settled; else only those that wait.

        Raises:
            RequestError: no such format.
            StorageError, AuditError: it can't be read, or recorded.
        """
        self._may(queue)
        dump, _ = _format(form)
        rows = [
            row
            for case in self._cases(queue, labelled)
            if self._reaches(case) and (row := self._row(queue, case))
        ]
        text: str = dump(rows, queue)
        details = {
            "format": form,
            "cases": len(rows),
            "labels": sum(len(row.labels) for row in rows),
            "sha256": sha256(text.encode()).hexdigest(),
        }
        self._desk.book.log("label.exported", self._actor, queue.name, details)
        return text

    def config(self, queue: QueueSpec) -> str:
        """Label Studio's labeling configuration for this queue."""
        return config(queue)

    def _cases(self, queue: QueueSpec, labelled: bool) -> list[Case]:
        book = self._desk.book
        if not labelled:
            return self._desk.labelling.plans.waiting(queue)
        found = [
            case
            for app in queue.apps
            for case in book.cases.list(CaseFilter(app=app, limit=_MOST))
            if case.state in ("open", "labelled") and takes(queue, case, book.bundle.is_descendant)
        ]
        return sorted(found, key=lambda case: (case.at_ns, case.case_id))

    def _row(self, queue: QueueSpec, case: Case) -> Row | None:
        book = self._desk.book
        moment = book.read(case).moment
        if moment is None:
            return None
        suggestion = book.suggestion(queue, case, moment)
        mask, readable = self._desk.reading(case, self._who)
        said = [f"{m.get('role', '')}: {m.get('content') or ''}" for m in moment.asked]
        pieces = [
            f"{p.get('source', '')}: {p.get('text') or ''}"
            for p in moment.pieces
            if readable(str(p.get("source", "")))
        ]
        labels = book.store.labels(queue.name, case_ids=[case.case_id])
        decided = [one for one in reversed(labels) if one.kind == "adjudication"]
        return Row(
            case=case.case_id,
            question=mask(question(moment)),
            conversation=mask("\n".join(said)),
            context=mask("\n".join(pieces)),
            answer=mask(suggestion.answer),
            intent=suggestion.intent,
            by=suggestion.by,
            app=case.app,
            tenant=case.tenant,
            reasons=case.reasons,
            labels=tuple(self._said(label, mask) for label in labels if label.kind == "label"),
            decided=next((self._said(one, mask) for one in decided), None),
        )

    def _said(self, label: Label, mask: Callable[[str], str]) -> RowLabel:
        words = opened(label, self._desk.book.find)
        return RowLabel(
            by=label.labeler,
            verdict=label.verdict,
            answer=mask(words.answer) if words is not None else "",
            intent=label.intent,
            rating=label.rating / MILLION if label.rating is not None else None,
            comment=mask(words.comment) if words is not None else "",
            took_ms=label.took_ms,
            at_ns=label.at_ns,
            guideline=label.guideline,
        )

    # -- in --

    def bring(self, queue: QueueSpec, form: str, text: str) -> Imported:
        """Keep the labels of a file, whose authors nobody vouches for. Nothing is kept unless all
        of them can be.

        Raises:
            RequestError: no such format, or a mistake in the file; says in which line.
            StorageError, AuditError: they can't be kept.
        """
        self._may(queue)
        book = self._desk.book
        _, load = _format(form)
        try:
            rows = load(text)
        except Mistakes as error:
            raise RequestError(f"Nothing was imported: {error}", param="file") from None
        known = {
            (label.case_id, label.labeler.casefold()): _said(label, opened(label, book.find))
            for label in book.store.labels(queue.name)
        }
        left = Counter(reason for row in rows for reason in row.left)
        new, there = [], 0
        for one in self._all_ready(queue, rows, form, known):
            place = one.label.case_id, one.label.labeler.casefold()
            if place not in known:
                known[place] = _said(one.label, one.words)
                new.append(one)
            elif known[place] == _said(one.label, one.words):
                there += 1
            else:
                left[OTHERWISE] += 1
        kept = sum(self._put(queue, one) for one in new)
        details: dict[str, Any] = {"format": form, "labels": kept, "there": there}
        details["sha256"] = sha256(text.encode("utf-8", "replace")).hexdigest()
        book.log("label.imported", self._actor, queue.name, details)
        late = len(new) - kept
        return Imported(labels=kept, there=there, late=late, left_out=dict(left))

    def _all_ready(
        self, queue: QueueSpec, rows: list[Row], form: str, known: Collection[tuple[str, str]]
    ) -> list[_Ready]:
        """Raises: RequestError: some can't be kept; tells which."""
        ready: list[_Ready] = []
        wrong: list[str] = []
        for row in rows:
            try:
                ready += self._ready(queue, row, form, known)
            except _Wrong as error:
                wrong.append(f"{row.place}: {error}")
        if wrong:
            raise RequestError(f"Nothing was imported: {Mistakes(wrong)}", param="file")
        return ready

    def _ready(
        self, queue: QueueSpec, row: Row, form: str, known: Collection[tuple[str, str]]
    ) -> list[_Ready]:
        if not row.labels:
            return []
        book = self._desk.book
        case = book.cases.find(row.case)
        mine = case is not None and self._reaches(case)
        if case is None or not mine or not takes(queue, case, book.bundle.is_descendant):
            raise _Wrong(f"no case {row.case[:80]!r} belongs to queue `{queue.name}`")
        moment = book.read(case).moment
        if moment is None:
            raise _Wrong(f"the texts of case {row.case} are gone")
        found = []
        shown = self._shown(queue, case, moment, row)
        for said in row.labels:
            try:
                found.append(self._made(queue, case, moment, said, form, shown))
            except (RequestError, LabelError) as error:
                # it was one when it was first brought in, and another answer is suggested by now
                if (case.case_id, said.by.casefold()) not in known:
                    raise _Wrong(str(error.public)) from None
        return found

    def _shown(self, queue: QueueSpec, case: Case, moment: Moment, row: Row) -> Suggestion:
        """What the authors of a row's labels had before them, as the file tells: a verdict is on
        that, and by now another answer may be suggested.
        """
        now = self._desk.book.suggestion(queue, case, moment)
        readers = (self._who, _NOBODY)  # it may have been masked for whoever exported it
        same = {_plain(self._desk.reading(case, who)[0](now.answer)) for who in readers}
        answer = now.answer if _plain(row.answer) in {"", *same} else row.answer
        intent = row.intent or now.intent
        if (answer, intent) == (now.answer, now.intent):
            return now
        return Suggestion(answer=answer, intent=intent, by=row.by)

    def _made(
        self,
        queue: QueueSpec,
        case: Case,
        moment: Moment,
        said: RowLabel,
        form: str,
        suggestion: Suggestion,
    ) -> _Ready:
        """Raises: RequestError, LabelError: it is no label for this queue."""
        book = self._desk.book
        now = book.clock.now_ns()
        if ahead(said.at_ns, now):
            raise RequestError(f"The time of {said.by[:80]}'s label lies in the future.")
        # tools that show the suggestion in the field send it along with every verdict
        same = said.answer == suggestion.answer and said.verdict != "edit"
        given = Given(
            verdict=said.verdict,
            answer="" if same or "answer" not in queue.ask else said.answer,
            intent="" if "intent" not in queue.ask or said.verdict == "skip" else said.intent,
            rating=said.rating if "rating" in queue.ask else None,
            comment=said.comment,
        )
        who = named(said.by)
        what = book.checked(given, queue, case, suggestion, moment.released)
        label = book.made(queue, case, who, what, suggestion, now)
        label = replace(
            label,
            issuer=f"import:{form}",
            # other tools know no guideline: whoever brings labels in says that this one held
            guideline=said.guideline[:80] or queue.digest,
            took_ms=min(said.took_ms, 86_400_000),
            at_ns=min(said.at_ns or label.at_ns, label.at_ns),
        )
        return _Ready(case, moment, label, what.words)

    def _put(self, queue: QueueSpec, one: _Ready) -> bool:
        book, label = self._desk.book, one.label
        now = book.clock.now_ns()
        task = book.task(queue, one.case, now)
        if book.store.reserve(task, label.labeler, now, now + _MINUTE_NS) is None:
            return False
        who = Labeler(name=label.labeler, issuer=label.issuer)
        kept = book.store.put(
            label,
            now,
            book.judge(queue, one.moment.released),
            lambda: book.note("label.given", label, who),
        )
        if kept is not None:
            book.tell_case(kept.task)
        return kept is not None


def _plain(text: str) -> str:
    """Without what tools change in passing: blanks and ends of lines."""
    return " ".join(text.split())


class _Wrong(ValueError):
    """A row can't be kept; says why."""


def _said(label: Label, words: Words | None) -> tuple[object, ...]:
    """What a label says, whenever it was said."""
    return label.verdict, label.intent, label.rating, words


def _format(form: str) -> tuple[Dump, Load]:
    found = FORMATS.get(form)
    if found is None:
        raise RequestError(f"A format is one of {', '.join(FORMATS)}.", param="format")
    return found
