"""All of labelling behind one door, over one store."""

from collections.abc import Callable
from functools import partial
from typing import Any

from freehold.core.cases import Case
from freehold.core.errors import NotFound
from freehold.core.labels import QueueSpec
from freehold.services.case_reading import FindKeys
from freehold.services.labelling import InHand, Labelling
from freehold.services.labelling_again import Again
from freehold.services.labelling_back import GivingBack
from freehold.services.labelling_book import LabelBook
from freehold.services.labelling_deciding import Deciding, Dispute
from freehold.services.labelling_effect import Effects
from freehold.services.labelling_evidence import neighbours
from freehold.services.labelling_figures import Figures
from freehold.services.labelling_gold import Golds
from freehold.services.labelling_people import Labeler, Masking, may_decide
from freehold.services.labelling_views import dispute_dict, task_dict


def _plainly(case: Case, who: Labeler) -> Callable[[str], str]:  # noqa: ARG001 - everybody reads it
    return str


class LabellingDesk:
    """The use cases together, over one book.

    Args:
        masking: how somebody may read the texts of a case; whoever has no clearances to go by,
            since they sit at the machine itself, reads what is kept.
        find_all: keys of many subjects at once, for who reads many labels.
        effects: tells what became of labels; left out, nobody is told.
    """

    def __init__(
        self,
        book: LabelBook,
        masking: Masking = _plainly,
        find_all: FindKeys | None = None,
        effects: Effects | None = None,
    ) -> None:
        self.book = book
        self.labelling = Labelling(book)
        self.back = GivingBack(book)
        self.deciding = Deciding(book)
        self.golds = Golds(book.store, book.cases, book.read_many, book.find, find_all)
        self.again = Again(book, self.golds)
        self.figures = Figures(self.labelling, self.golds)
        self._masking = masking
        self._effects = effects

    def effect(self, queue: QueueSpec, who: Labeler, by: str = "") -> dict[str, Any]:
        """What became of somebody's labels, one's own unless told; ``*``: of everybody's, which
        whoever decides may ask. Only of datasets of tenants that this person reaches.

        Raises:
            LabelError: it is not for them.
            NotFound: it is not told here.
            StorageError, AlteredModel: a dataset or a model can't be read.
        """
        whose = by or who.name
        if whose != who.name:
            may_decide(who, queue)
        if self._effects is None:
            raise NotFound("nobody knows here what becomes of labels")
        reaches = partial(who.reaches, bundle=self.book.bundle)
        return self._effects.of(queue, "" if whose == "*" else whose, reaches)

    def task(self, found: InHand, who: Labeler) -> dict[str, Any]:
        """A case in hand, as this person may see it, with what was said of others like it."""
        near = neighbours(self.book, found.queue, found.read, who)
        masked = self._masking(found.case, who)
        bundle = self.book.bundle
        return task_dict(found, bundle, near, masked, self._readable(found.case, who))

    def reading(
        self, case: Case, who: Labeler | None
    ) -> tuple[Callable[[str], str], Callable[[str], bool]]:
        """How somebody reads the texts of a case, and which sources; nobody in particular sits at
        the machine itself, and reads what is kept.
        """
        if who is None:
            return str, lambda source: True  # noqa: ARG005 - whoever reads all asks nothing
        return self._masking(case, who), self._readable(case, who)

    def dispute(self, found: Dispute, who: Labeler) -> dict[str, Any]:
        """A case to be decided, as this person may see it."""
        masked = self._masking(found.case, who)
        return dispute_dict(found, self.book.bundle, masked, self._readable(found.case, who))

    def _readable(self, case: Case, who: Labeler) -> Callable[[str], bool]:
        """Whether this person may read what a source gives: all its classes of data are theirs, or
        are taken out.
        """
        if who.clearances is None:
            return lambda source: True  # noqa: ARG005 - whoever reads all asks nothing
        bundle, cleared = self.book.bundle, who.clearances
        if case.app in bundle.apps:
            cleared = cleared | bundle.app_for(case.tenant, case.app).redactable_labels
        sources = bundle.sources

        def readable(source: str) -> bool:
            return source in sources and sources[source].labels <= cleared

        return readable
