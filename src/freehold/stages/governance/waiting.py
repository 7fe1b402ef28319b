"""Detectors that take their time: what they are asked, what they have said, and who asks them.

A model that judges, a package that runs in threads: neither can answer in the middle of a scan. So
they are asked ahead, about just the texts that the scan will read, and the scan finds their answers
here. An answer that is missing, late or nonsense is a control that failed.
"""

from collections.abc import Callable, Coroutine
from itertools import count
from typing import Any, Protocol, runtime_checkable

from msgspec import Struct

from freehold.core.decisions import Finding, Needs
from freehold.core.errors import FreeholdError
from freehold.core.handoffs import Admitted, Answer, Sendable
from freehold.core.spec import ModelSpec
from freehold.core.trail import Trail

FIRST_NUMBER = 1_000
"""Attempts by guards are counted from here, apart from those at an answer."""

AskModel = Callable[[Sendable, Trail], Coroutine[Any, Any, Answer]]
"""Sends something to a model and gives its whole answer: paid for, timed and recorded."""


class Unheard(Exception):
    """A detector gave no verdict that counts; says why, and never with words of the text."""

    def __init__(self, why: str, error: FreeholdError | None = None) -> None:
        super().__init__(why)
        self.error = error


class Passage(Struct, frozen=True, kw_only=True):
    """A text to be read, and where it stands (``message:3``, ``context:orders``, ``answer``)."""

    text: str
    where: str


class Job(Struct, frozen=True, kw_only=True):
    """What a waiting detector may use.

    ``redacted`` gives a text as one model may see it, and how many values were replaced; ``barred``
    are labels of data in this exchange that can't be taken out of a text; ``question`` is the
    newest turn.
    """

    admitted: Admitted
    trail: Trail
    ask: AskModel
    redacted: Callable[[ModelSpec, Passage], tuple[str, int]]
    barred: frozenset[str]
    question: str
    key: bytes
    numbers: "count[int]"


@runtime_checkable
class Waiting(Protocol):
    """A detector that is asked ahead. ``deadline_ms`` is for all that it reads in one step."""

    waits: bool
    deadline_ms: int

    @property
    def id(self) -> str:
        """As `Detector.id`."""
        ...

    @property
    def version(self) -> str:
        """As `Detector.version`."""
        ...

    @property
    def needs(self) -> Needs:
        """Always the whole text."""
        ...

    def reads(self, where: str) -> bool:
        """Whether it judges texts that stand there."""
        ...

    async def hear(self, passage: Passage, job: Job) -> tuple[Finding, ...]:
        """What it finds.

        Raises:
            Unheard: it gave no verdict that counts.
        """
        ...


Heard = tuple[str, str, bool]
"""A detector, a text, and whether it is (part of) an answer: what is fine as a question may not be
fine as an answer to another one.
"""


def heard_as(detector: str, text: str, where: str) -> Heard:
    """What a detector's word on a text that stands there is filed under."""
    return detector, text, where.startswith("answer")


class Told:
    """What waiting detectors have said in one exchange: `Trail.told`.

    Attributes:
        heard: findings, or why there are none that count, by `Heard`.
        wanted: while a step is tried out, what it would have read.
        unasked: nobody is asked here; these texts are judged again before anything leaves.
    """

    __slots__ = ("heard", "numbers", "unasked", "wanted")

    def __init__(self, *, unasked: bool = False) -> None:
        self.heard: dict[Heard, tuple[Finding, ...] | Unheard] = {}
        self.wanted: dict[Heard, Passage] | None = None
        self.unasked = unasked
        self.numbers = count(FIRST_NUMBER)

    def trying(self) -> "Told":
        """The same answers, for trying a step out: what is missing is noted, and nothing fails."""
        told = Told()
        told.heard = self.heard
        told.wanted = {}
        return told

    def said(self, detector: str, text: str, where: str) -> tuple[Finding, ...] | Unheard | None:
        """The findings, or why there are none that count; ``None``: too early to tell."""
        key = heard_as(detector, text, where)
        said = self.heard.get(key)
        if said is not None:
            return said
        if self.wanted is not None:
            self.wanted.setdefault(key, Passage(text=text, where=where))
            return None
        return None if self.unasked else Unheard("it has not read this text")


def waits(detector: object) -> bool:
    """Whether a detector is asked ahead."""
    return getattr(detector, "waits", False) is True


def judges(detector: object) -> bool:
    """Whether its findings are judgements about a text, and no values in it."""
    return getattr(detector, "judges", False) is True
