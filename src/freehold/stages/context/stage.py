"""The context stage: sources side by side, each with its own deadline."""

import asyncio
from collections.abc import Mapping
from time import perf_counter_ns
from typing import Any

from freehold.core.counterfactual import Change, Counterfactual
from freehold.core.decisions import Decision
from freehold.core.errors import ContextError
from freehold.core.handoffs import Piece, Screened, Stitched
from freehold.core.ports import NotAtHand, QuickSource, Source
from freehold.core.spec import SourceSpec
from freehold.core.timing import Stopwatch
from freehold.core.trail import Provenance, Trail
from freehold.rules.facts import complete, request_facts
from freehold.rules.program import conditions
from freehold.stages.context.binding import bound_parameters

_Result = tuple[Piece | None, Provenance]


class Context:
    """Asks the app's sources. ``sources`` has one adapter for each source type."""

    def __init__(self, sources: Mapping[str, Source]) -> None:
        self._sources = sources
        self._quick = {
            kind: source for kind, source in sources.items() if isinstance(source, QuickSource)
        }

    async def __call__(self, screened: Screened, trail: Trail) -> Stitched:
        """Stitch.

        Raises:
            ContextError: a source that the app requires failed.
        """
        watch = Stopwatch("context", trail)
        app = screened.prepared.admitted.app
        pieces: tuple[Piece, ...] = ()
        failed: tuple[str, ...] = ()
        try:
            if app.sources and screened.prepared.admitted.ask.operation != "embedding":
                wanted, unclear = self._wanted(app.sources, screened)
                results = await self._ask_all(wanted, watch)
                results.extend(map(_not_asked, unclear))
                pieces = tuple(piece for piece, _ in results if piece is not None)
                failed = tuple(entry.source for _, entry in results if entry.error)
                trail.context.extend(entry for _, entry in results)
                self._judge([*(spec for spec, _ in wanted), *unclear], failed, trail)
        finally:
            watch.stop()
        return Stitched(screened=screened, pieces=pieces, failed=failed)

    @staticmethod
    def _wanted(
        specs: tuple[SourceSpec, ...], screened: Screened
    ) -> tuple[list[tuple[SourceSpec, dict[str, Any]]], list[SourceSpec]]:
        """The sources whose condition holds and whose parameters can all be bound, and those whose
        condition can't be evaluated: they are not asked, since it may say who may see them.
        """
        conditional = tuple(spec.when for spec in specs if spec.when)
        verdicts = {}
        if conditional:
            program = conditions(conditional, "source")
            facts = complete(program.names, request_facts(program.names, screened))
            verdicts = dict(zip(conditional, program.run(facts), strict=True))
        wanted, unclear = [], []
        for spec in specs:
            verdict = verdicts[spec.when] if spec.when else True
            if verdict is None:
                unclear.append(spec)
            if not verdict:
                continue
            params = bound_parameters(spec, screened)
            if params is not None:
                wanted.append((spec, params))
        return wanted, unclear

    async def _ask_all(
        self, wanted: list[tuple[SourceSpec, dict[str, Any]]], watch: Stopwatch
    ) -> list[_Result]:
        """Every source's result in order; the watch knows of the wait for those not at hand."""
        results: dict[str, _Result] = {}
        later = []
        for spec, params in wanted:
            at_hand = self._ask_now(spec, params)
            if at_hand is None:
                later.append((spec, params))
            else:
                results[spec.id] = at_hand
        if later:
            watch.away()
            try:
                results |= await self._ask_later(later)
            finally:
                watch.back()
        return [results[spec.id] for spec, _ in wanted]

    async def _ask_later(
        self, later: list[tuple[SourceSpec, dict[str, Any]]]
    ) -> dict[str, _Result]:
        if len(later) == 1:
            return {later[0][0].id: await self._ask(*later[0])}
        async with asyncio.TaskGroup() as group:
            tasks = {s.id: group.create_task(self._ask(s, params)) for s, params in later}
        return {source: task.result() for source, task in tasks.items()}

    def _ask_now(self, spec: SourceSpec, params: dict[str, Any]) -> _Result | None:
        source = self._quick.get(spec.type)
        if source is None:
            return None
        began = perf_counter_ns()
        piece, error = None, ""
        try:
            piece = source.fetch_now(spec, params)
        except NotAtHand:
            return None
        except Exception as failure:  # noqa: BLE001 - whatever a source does wrong, it has failed
            error = _said(failure)
        return piece, _provenance(spec, piece, perf_counter_ns() - began, error)

    async def _ask(self, spec: SourceSpec, params: dict[str, Any]) -> _Result:
        began = perf_counter_ns()
        piece, error = None, ""
        try:
            async with asyncio.timeout(spec.deadline_ms / 1000):
                piece = await self._sources[spec.type].fetch(spec, params)
        except TimeoutError:
            error = f"no answer within {spec.deadline_ms} ms"
        except Exception as failure:  # noqa: BLE001 - whatever a source does wrong, it has failed
            error = _said(failure)
        return piece, _provenance(spec, piece, perf_counter_ns() - began, error)

    @staticmethod
    def _judge(specs: list[SourceSpec], failed: tuple[str, ...], trail: Trail) -> None:
        for spec in specs:
            if spec.id not in failed:
                continue
            trail.decide(
                Decision(
                    stage="context",
                    outcome="deny" if spec.required else "allow",
                    rule=f"source.{spec.id}",
                    why="a required source failed" if spec.required else "a source failed",
                )
            )
            if spec.required:
                change = Change(fact="context.failed", was=spec.id, how="without")
                trail.counterfactuals.append(
                    Counterfactual(
                        rule=f"source.{spec.id}",
                        phase="context",
                        change=(change,),
                        then="allowed",
                        why=f"with an answer of the source {spec.id}",
                    )
                )
                raise ContextError(f"required source {spec.id} failed")


def _said(failure: Exception) -> str:
    """What the record says of it; a crash by its kind only, since its text may hold anything."""
    if isinstance(failure, ContextError):
        return str(failure)
    return f"it crashed: {type(failure).__name__}"


def _not_asked(spec: SourceSpec) -> _Result:
    return None, _provenance(spec, None, 0, "its condition could not be evaluated")


def _provenance(spec: SourceSpec, piece: Piece | None, took_ns: int, error: str) -> Provenance:
    return Provenance(
        source=spec.id,
        rows=piece.rows if piece else 0,
        chars=len(piece.text) if piece else 0,
        locator=piece.locator if piece else "",
        digest=piece.digest if piece else "",
        labels=tuple(sorted(spec.labels)),
        trusted=spec.trusted,
        took_ns=took_ns,
        error=error,
    )
