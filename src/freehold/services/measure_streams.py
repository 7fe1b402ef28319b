"""How much of a streamed answer waits, and whether cutting it differently changes anything.

Each text goes the whole journey as an answer: whole, word by word, and cut at other places. The
whole answer says what is right; every other way must come to the same verdict and let the same
text leave, and nothing that a control protects.
"""

import random
import re
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from typing import Any

from msgspec import Struct

from freehold.bundle.resolve import ResolvedBundle
from freehold.core.errors import FreeholdError
from freehold.core.trail import Trail
from freehold.services import stream_verdicts
from freehold.services.rehearse import Rehearsal, Scene
from freehold.services.stream_verdicts import Expected

_WORD = re.compile(r"\s*\S+|\s+")
_MAX_TOLD = 20
_WARM = 20


class Cutting(Struct, frozen=True, kw_only=True):
    """How texts are cut besides word by word.

    Attributes:
        every: texts of up to so many characters are cut once at each position.
        times: longer ones so many times, at up to twelve random places each.
        seed: of what is random.
    """

    every: int = 300
    times: int = 20
    seed: int = 0


class Difference(Struct, frozen=True, kw_only=True):
    """A cut that changed something: which text (from 1), cut where, what was expected."""

    text: int
    cuts: tuple[int, ...]
    expected: str
    got: str
    leaked: int

    def as_dict(self) -> dict[str, Any]:
        """For ``--json``; verdicts only, never the text."""
        return {
            "text": self.text,
            "cuts": list(self.cuts),
            "expected": self.expected,
            "got": self.got,
            "leaked": self.leaked,
        }


class Streamed(Struct, frozen=True, kw_only=True):
    """What came of all texts.

    Hold-back is in characters: what the model had said and what had not left yet, after each word
    of each text; ``us_per_chunk`` is governance's and policy's own work for a word.
    """

    texts: int
    chars: int
    cuts: int
    chunks: int
    hold_back_p50: int
    hold_back_p99: int
    us_per_chunk: float
    differences: int
    leaked: int
    outcomes: dict[str, int]
    examples: tuple[Difference, ...]

    @property
    def sound(self) -> bool:
        """Whether no cut changed anything and nothing leaked."""
        return not self.differences and not self.leaked

    def as_dict(self) -> dict[str, Any]:
        """For ``--json``."""
        return {
            "texts": self.texts,
            "chars": self.chars,
            "cuts": self.cuts,
            "chunks": self.chunks,
            "hold_back_p50": self.hold_back_p50,
            "hold_back_p99": self.hold_back_p99,
            "us_per_chunk": self.us_per_chunk,
            "differences": self.differences,
            "leaked": self.leaked,
            "outcomes": self.outcomes,
            "examples": [example.as_dict() for example in self.examples],
        }


def without_rules(bundle: ResolvedBundle) -> ResolvedBundle:
    """The same bundle where detectors alone judge."""
    plain = bundle.bundle
    tenants = {k: v.model_copy(update={"rules": []}) for k, v in plain.tenants.items()}
    apps = {k: v.model_copy(update={"rules": []}) for k, v in plain.apps.items()}
    stripped = plain.model_copy(update={"tenants": tenants, "apps": apps})
    return ResolvedBundle(stripped, bundle.hash, models=bundle.models, sources=bundle.sources)


async def measure_streams(
    rehearsal: Rehearsal,
    app: str,
    texts: Sequence[str],
    cutting: Cutting,
    told: Callable[[int], None] = lambda _: None,
) -> Streamed:
    """Send each text as an answer through the journey, cut in many ways.

    Args:
        app: whose controls judge; its own tenant asks.
        told: called with the number of texts that are done.

    Raises:
        NotFound: the bundle has no such app.
        FreeholdError: the app refuses before a model is asked, so no answer can be judged.
    """
    bench = _Bench(rehearsal, app)
    for text in texts[:_WARM]:  # patterns are compiled when they are first needed
        await rehearsal.watch(Scene(app=app, answer=text), lambda _: None)
    for number, text in enumerate(texts, 1):
        await bench.take(number, text, cutting)
        told(number)
    return bench.result(texts)


class _Bench:
    def __init__(self, rehearsal: Rehearsal, app: str) -> None:
        self._rehearsal = rehearsal
        self._app = app
        self._said = 0
        self._held: list[int] = []
        self._spent = 0
        self._chunks = 0
        self._cuts = 0
        self._leaked = 0
        self._differences = 0
        self._outcomes: Counter[str] = Counter()
        self._examples: list[Difference] = []

    async def take(self, number: int, text: str, cutting: Cutting) -> None:
        """Measure one text: first word by word, when nothing of it has been read before."""
        scene = Scene(app=self._app, answer=text, stream=True)
        words = tuple(_WORD.findall(text))
        left: list[tuple[int, int]] = []  # (said, left), characters, after each word
        sizes = iter((0, *map(len, words)))
        at = [0, 0]

        def said(trail: Trail) -> None:
            at[0] += next(sizes)
            if not at[0]:
                at[1] = _spent(trail)
            left.append((at[0], trail.released_chars))

        streamed = await self._rehearsal.watch(_with(scene, words), said)
        if not left:
            raise _refused(self._app, streamed)
        self._spent += _spent(streamed) - at[1]
        self._chunks += len(words)
        whole = await self._rehearsal.watch(Scene(app=self._app, answer=text), lambda _: None)
        expected = stream_verdicts.expected(text, whole)
        self._outcomes[whole.result] += 1
        if expected.places is not None:
            self._held += [
                said - stream_verdicts.place(out, expected.places) for said, out in left[1:]
            ]
        self._compare(number, (), expected, whole)
        self._compare(number, _ends(words), expected, streamed)
        for cuts in _cuts(text, number, cutting):
            pieces = tuple(text[a:b] for a, b in zip((0, *cuts), (*cuts, len(text)), strict=True))
            trail = await self._rehearsal.watch(_with(scene, pieces), lambda _: None)
            self._compare(number, cuts, expected, trail)

    def _compare(
        self, number: int, cuts: tuple[int, ...], expected: Expected, trail: Trail
    ) -> None:
        out = "".join(trail.released)
        leaked = stream_verdicts.leaked(out, expected)
        verdict = stream_verdicts.verdict(trail)
        same = out == expected.out if expected.exact else expected.out.startswith(out)
        self._cuts += bool(cuts)
        self._leaked += leaked
        if same and verdict == expected.verdict and not leaked:
            return
        self._differences += 1
        if len(self._examples) < _MAX_TOLD:
            self._examples.append(
                Difference(
                    text=number,
                    cuts=cuts,
                    expected=_told(expected.verdict, len(expected.out)),
                    got=_told(verdict, len(out)),
                    leaked=leaked,
                )
            )

    def result(self, texts: Sequence[str]) -> Streamed:
        """All of it."""
        held = sorted(self._held)
        return Streamed(
            texts=len(texts),
            chars=sum(map(len, texts)),
            cuts=self._cuts,
            chunks=self._chunks,
            hold_back_p50=_quantile(held, 50),
            hold_back_p99=_quantile(held, 99),
            us_per_chunk=round(self._spent / 1000 / max(self._chunks, 1), 1),
            differences=self._differences,
            leaked=self._leaked,
            outcomes=dict(sorted(self._outcomes.items())),
            examples=tuple(self._examples),
        )


def _with(scene: Scene, pieces: tuple[str, ...]) -> Scene:
    return Scene(app=scene.app, answer=scene.answer, stream=True, pieces=pieces)


def _spent(trail: Trail) -> int:
    return trail.spent_ns.get("governance", 0) + trail.spent_ns.get("policy", 0)


def _refused(app: str, trail: Trail) -> FreeholdError:
    why = trail.failure or "for no reason that it told"
    return FreeholdError(f"app {app} refuses before a model is asked: {why}")


def _cuts(text: str, number: int, cutting: Cutting) -> Iterator[tuple[int, ...]]:
    if len(text) <= cutting.every:
        yield from ((cut,) for cut in range(1, len(text)))
        return
    dice = random.Random(f"{cutting.seed}:{number}")
    for _ in range(cutting.times):
        places = {dice.randrange(1, len(text)) for _ in range(dice.randint(1, 12))}
        yield tuple(sorted(places))


def _ends(words: Sequence[str]) -> tuple[int, ...]:
    ends: list[int] = []
    for word in words[:-1]:
        ends.append((ends[-1] if ends else 0) + len(word))
    return tuple(ends)


def _quantile(held: Sequence[int], percent: int) -> int:
    """The smallest value that so many percent do not exceed."""
    return held[max(0, -(-len(held) * percent // 100) - 1)] if held else 0


def _told(verdict: tuple[str, ...], chars: int) -> str:
    return f"{', '.join(filter(None, verdict))}; {chars} characters left"
