"""How much of a streamed answer waits, and whether cutting it differently changes anything.

Each text goes the whole journey as an answer: whole, word by word, and cut at other places. The
whole answer says what is right; every other way must come to the same verdict and let the same
text leave, and nothing that a control protects.
"""

import random
import re
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Sequence
from typing import Any

from msgspec import Struct
from msgspec.structs import asdict, replace

from freehold.bundle.resolve import ResolvedBundle
from freehold.core.errors import FreeholdError
from freehold.core.trail import Trail
from freehold.services import stream_verdicts
from freehold.services.rehearse import MakeRehearsal, Rehearsal, Scene
from freehold.services.stream_kinds import kinds_of, only, spec_of
from freehold.services.stream_oracle import Oracle, late_objectors
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


class Pace(Struct, frozen=True, kw_only=True):
    """What enforcing controls of one kind alone make of the texts, word by word.

    Attributes:
        kind: ``span detectors``, ``sentence rules``, …; ``no control`` is what streams cost anyway.
        controls: how many there are.
        hold_back_p50, hold_back_p99: characters that the model had said and that had not left,
            after each word.
        us_per_chunk: governance's and policy's own work for a word.
    """

    kind: str
    controls: int
    hold_back_p50: int
    hold_back_p99: int
    us_per_chunk: float


class Streamed(Struct, frozen=True, kw_only=True):
    """What came of all texts.

    Hold-back is in characters: what the model had said and what had not left yet, after each word
    of each text; ``us_per_chunk`` is governance's and policy's own work for a word. ``kinds`` tell
    the same of the app's controls kind by kind.
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
    kinds: tuple[Pace, ...] = ()

    @property
    def sound(self) -> bool:
        """Whether no cut changed anything and nothing leaked."""
        return not self.differences and not self.leaked

    def as_dict(self) -> dict[str, Any]:
        """For ``--json``."""
        told = {name: getattr(self, name) for name in self.__struct_fields__}
        return told | {
            "examples": [example.as_dict() for example in self.examples],
            "kinds": [asdict(pace) for pace in self.kinds],
        }


async def measure_streams(
    make: MakeRehearsal,
    bundle: ResolvedBundle,
    app: str,
    texts: Sequence[str],
    cutting: Cutting,
    told: Callable[[int], None] = lambda _: None,
    *,
    by_kind: bool = False,
) -> Streamed:
    """Send each text as an answer through the journey, cut in many ways.

    Args:
        app: whose controls judge; its own tenant asks.
        told: called with the number of texts that are done.
        by_kind: whether to measure the app's controls kind by kind too, word by word.

    Raises:
        NotFound: the bundle has no such app.
        FreeholdError: the app refuses before a model is asked, so no answer can be judged.
    """
    bench = _Bench(make, bundle, app)
    await bench.pace.warm(texts)
    for number, text in enumerate(texts, 1):
        await bench.take(number, text, cutting)
        told(number)
    result = bench.result(texts)
    if not by_kind:
        return result
    return replace(result, kinds=tuple([pace async for pace in _kinds(make, bundle, app, texts)]))


async def _kinds(
    make: MakeRehearsal, bundle: ResolvedBundle, app: str, texts: Sequence[str]
) -> AsyncIterator[Pace]:
    spec = spec_of(bundle, app)
    chosen = [("no control", frozenset[str]())]
    parts = make(bundle).parts(spec)
    chosen += [(kind.name, kind.controls) for kind in kinds_of(spec, parts)]
    for name, controls in chosen:
        runner = _Runner(make(only(bundle, controls)), app)
        await runner.warm(texts)
        for text in texts:
            await runner.words(text, None)
        yield Pace(
            kind=name,
            controls=len(controls),
            hold_back_p50=runner.held(50),
            hold_back_p99=runner.held(99),
            us_per_chunk=runner.us_per_chunk,
        )


class _Runner:
    """Streams texts word by word, and adds up what that costs."""

    def __init__(self, rehearsal: Rehearsal, app: str) -> None:
        self._rehearsal = rehearsal
        self._app = app
        self._held: list[int] = []
        self._spent = 0
        self.chunks = 0

    async def warm(self, texts: Sequence[str]) -> None:
        """Let patterns be compiled, which happens when they are first needed."""
        for text in texts[:_WARM]:
            await self.whole(text)

    async def whole(self, text: str) -> Trail:
        """The text as a whole answer."""
        return await self._rehearsal.watch(Scene(app=self._app, answer=text), lambda _: None)

    async def cut(self, text: str, pieces: tuple[str, ...]) -> Trail:
        """The text as a stream of these pieces."""
        scene = Scene(app=self._app, answer=text, stream=True, pieces=pieces)
        return await self._rehearsal.watch(scene, lambda _: None)

    async def words(
        self, text: str, expect: Callable[[Trail], Awaitable[Expected]] | None
    ) -> tuple[Trail, Trail, Expected]:
        """The text word by word, when nothing of it has been read before; then as a whole, and
        what follows from that.
        """
        words = tuple(_WORD.findall(text))
        left: list[tuple[int, int]] = []  # (said, left), characters, after each word
        sizes = iter((0, *map(len, words)))
        at = [0, 0]

        def said(trail: Trail) -> None:
            at[0] += next(sizes)
            if not at[0]:
                at[1] = _spent(trail)
            left.append((at[0], trail.released_chars))

        scene = Scene(app=self._app, answer=text, stream=True, pieces=words)
        streamed = await self._rehearsal.watch(scene, said)
        if not left:
            raise _refused(self._app, streamed)
        self._spent += _spent(streamed) - at[1]
        self.chunks += len(words)
        whole = await self.whole(text)
        if expect is None:
            expected = stream_verdicts.expected(text, whole, None)
        else:
            expected = await expect(whole)
        if expected.places is not None:
            self._held += [
                said - stream_verdicts.place(out, expected.places) for said, out in left[1:]
            ]
        return streamed, whole, expected

    def held(self, percent: int) -> int:
        """The characters held back that so many percent do not exceed."""
        return _quantile(sorted(self._held), percent)

    @property
    def us_per_chunk(self) -> float:
        """Governance's and policy's own work for a word."""
        return round(self._spent / 1000 / max(self.chunks, 1), 1)


class _Bench:
    def __init__(self, make: MakeRehearsal, bundle: ResolvedBundle, app: str) -> None:
        self.pace = _Runner(make(bundle), app)
        self._oracle = Oracle(make, bundle, app)
        spec = spec_of(bundle, app)
        self._late = make(bundle).parts(spec)["late"]
        self._cuts = 0
        self._leaked = 0
        self._differences = 0
        self._outcomes: Counter[str] = Counter()
        self._examples: list[Difference] = []

    async def take(self, number: int, text: str, cutting: Cutting) -> None:
        """Measure one text."""

        async def expect(whole: Trail) -> Expected:
            objects = whole.failure or whole.held or any(late_objectors(whole, self._late))
            bound = await self._oracle.bound(text) if objects else None
            return stream_verdicts.expected(text, whole, bound)

        streamed, whole, expected = await self.pace.words(text, expect)
        self._outcomes[whole.result] += 1
        if not expected.ends:
            self._compare(number, (), expected, whole)
        self._compare(number, _ends(_WORD.findall(text)), expected, streamed)
        for cuts in _cuts(text, number, cutting):
            pieces = tuple(text[a:b] for a, b in zip((0, *cuts), (*cuts, len(text)), strict=True))
            self._compare(number, cuts, expected, await self.pace.cut(text, pieces))

    def _compare(
        self, number: int, cuts: tuple[int, ...], expected: Expected, trail: Trail
    ) -> None:
        out = "".join(trail.released)
        leaked = stream_verdicts.leaked(out, expected)
        same = out == expected.out if expected.exact else expected.out.startswith(out)
        self._cuts += bool(cuts)
        self._leaked += leaked
        if same and expected.agrees(trail) and not leaked:
            return
        self._differences += 1
        if len(self._examples) < _MAX_TOLD:
            self._examples.append(
                Difference(
                    text=number,
                    cuts=cuts,
                    expected=_told(expected.verdict, len(expected.out)),
                    got=_told(stream_verdicts.verdict(trail), len(out)),
                    leaked=leaked,
                )
            )

    def result(self, texts: Sequence[str]) -> Streamed:
        """All of it."""
        return Streamed(
            texts=len(texts),
            chars=sum(map(len, texts)),
            cuts=self._cuts,
            chunks=self.pace.chunks,
            hold_back_p50=self.pace.held(50),
            hold_back_p99=self.pace.held(99),
            us_per_chunk=self.pace.us_per_chunk,
            differences=self._differences,
            leaked=self._leaked,
            outcomes=dict(sorted(self._outcomes.items())),
            examples=tuple(self._examples),
        )


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
