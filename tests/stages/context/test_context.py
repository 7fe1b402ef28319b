"""Sources side by side: what is bound, what is late, what fails."""

import asyncio
import time
from collections.abc import Callable
from typing import Any

import pytest

from freehold.core.errors import BundleError, ContextError
from freehold.core.handoffs import Piece, Stitched
from freehold.core.principal import Principal
from freehold.core.spec import SourceSpec
from freehold.core.trail import Trail
from freehold.stages.context import Context
from freehold.stages.context.binding import bound_parameters, identifiers, terms
from tests.stages import made

ADA = Principal(id="ada", attributes={"tier": "gold", "store": ""})


class Source:
    """Gives what it was asked with, after a while, unless it is told to fail."""

    def __init__(self) -> None:
        self.asked: list[tuple[str, dict[str, Any]]] = []
        self.delay_s = 0.0
        self.failures: dict[str, Exception] = {}
        self.silent: set[str] = set()
        self.cancelled = 0

    async def fetch(self, spec: SourceSpec, params: dict[str, Any]) -> Piece | None:
        self.asked.append((spec.id, params))
        try:
            await asyncio.sleep(self.delay_s)
        except asyncio.CancelledError:
            self.cancelled += 1
            raise
        if spec.id in self.failures:
            raise self.failures[spec.id]
        if spec.id in self.silent:
            return None
        return Piece(
            source=spec.id,
            title=spec.title,
            text="[1]",
            trusted=spec.trusted,
            labels=spec.labels,
            rows=1,
            locator=f"fake:{spec.id}",
            digest="d" * 64,
        )


def spec(id: str = "orders", **changes: Any) -> SourceSpec:
    values: dict[str, Any] = {"id": id, "type": "fake", "url": "fake:", "deadline_ms": 500}
    return SourceSpec(**(values | changes))


async def stitch(
    *specs: SourceSpec,
    source: Source | None = None,
    trail: Trail | None = None,
    text: str = "Where is order A-17?",
    operation: str = "chat",
    principal: Principal = ADA,
) -> tuple[Stitched, Trail]:
    trail = trail or made.trail()
    screened = made.screened(
        made.ask(text, operation=operation), made.app(sources=specs), principal=principal
    )
    return await Context({"fake": source or Source()})(screened, trail), trail


async def test_a_piece_with_its_provenance() -> None:
    labels = frozenset({"b", "a"})
    stitched, trail = await stitch(spec(labels=labels, trusted=False))
    (piece,) = stitched.pieces
    assert piece.source == "orders"
    assert stitched.failed == ()
    (entry,) = trail.context
    assert (entry.source, entry.rows, entry.chars, entry.locator) == ("orders", 1, 3, "fake:orders")
    assert (entry.labels, entry.trusted, entry.error) == (("a", "b"), False, "")
    assert entry.digest == piece.digest
    assert entry.took_ns > 0
    assert trail.decisions == []
    assert trail.spent_ns["context"] > 0
    assert trail.waited_ns["context"] > 0


async def test_no_sources_no_pieces() -> None:
    stitched, trail = await stitch()
    assert (stitched.pieces, stitched.failed, trail.context) == ((), (), [])


async def test_embeddings_need_no_context() -> None:
    source = Source()
    await stitch(spec(), source=source, operation="embedding")
    assert source.asked == []


async def test_a_source_that_gives_nothing_has_been_asked() -> None:
    source = Source()
    source.silent = {"orders"}
    stitched, trail = await stitch(spec(required=True), source=source)
    assert stitched.pieces == ()
    assert stitched.failed == ()
    assert (trail.context[0].rows, trail.context[0].error) == (0, "")


# -- conditions --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("when", "asked"),
    [
        ("", True),
        ("request.text.contains('order')", True),
        ("request.text.contains('refund')", False),
        ("principal.attributes.tier == 'gold'", True),
        ("principal.attributes.tier == 'guest'", False),
        ("'clerk' in principal.roles", False),
    ],
)
async def test_conditions(when: str, asked: bool) -> None:
    source = Source()
    stitched, trail = await stitch(spec(when=when), spec("always"), source=source)
    assert [name for name, _ in source.asked] == (["orders", "always"] if asked else ["always"])
    assert [piece.source for piece in stitched.pieces] == [name for name, _ in source.asked]
    assert len(trail.context) == len(source.asked)


@pytest.mark.parametrize("required", [True, False])
async def test_a_condition_that_nobody_can_evaluate_opens_nothing(required: bool) -> None:
    source, trail = Source(), made.trail()
    unclear = spec(when="principal.attributes.nobody == 'x'", required=required)
    if required:
        with pytest.raises(ContextError):
            await stitch(unclear, source=source, trail=trail)
    else:
        stitched, _ = await stitch(unclear, source=source, trail=trail)
        assert stitched.failed == ("orders",)
    assert source.asked == []
    assert trail.context[0].error == "its condition could not be evaluated"


# -- binding -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("path", "value"),
    [
        ("principal.id", "ada"),
        ("principal.tenant", "north"),
        ("principal.attributes.tier", "gold"),
        ("request.text", "Where is order A-17?"),
        ("request.terms", '"order" OR "a-17"'),
        ("request.ids", '["A-17"]'),
    ],
)
async def test_bound_paths(path: str, value: str) -> None:
    source = Source()
    await stitch(spec(bind={"p": path}), source=source)
    assert source.asked == [("orders", {"p": value})]


@pytest.mark.parametrize(
    "path", ["principal.attributes.store", "principal.attributes.nobody", "request.terms"]
)
async def test_nothing_to_bind_nothing_is_asked(path: str) -> None:
    source = Source()
    bind = {"a": "principal.id", "p": path}
    stitched, trail = await stitch(spec(bind=bind, required=True), source=source, text="is it you?")
    assert source.asked == []
    assert (stitched.pieces, stitched.failed, trail.context) == ((), (), [])


async def test_an_unknown_person_sees_nobodys_rows() -> None:
    source = Source()
    await stitch(spec(bind={"p": "principal.id"}), source=source, principal=Principal())
    assert source.asked == []


def test_all_parameters_are_bound_at_once() -> None:
    screened = made.screened(made.ask("hi"), principal=ADA)
    bind = {"who": "principal.id", "tier": "principal.attributes.tier"}
    assert bound_parameters(spec(bind=bind), screened) == {"who": "ada", "tier": "gold"}
    assert bound_parameters(spec(), screened) == {}


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("Do you have the blue kettle?", '"blue" OR "kettle"'),
        ("kettle KETTLE Kettle", '"kettle"'),
        ("Where's my parcel", '"where\'s" OR "parcel"'),
        ('say "x" AND NOT y* NEAR(z)', '"say" OR "near"'),
        ("Überzug für Söfchen", '"überzug" OR "für" OR "söfchen"'),
        ("a b c", ""),
        ("", ""),
    ],
)
def test_terms(text: str, found: str) -> None:
    assert terms(text).replace(' OR "not"', "") == found


def test_terms_are_few_and_short() -> None:
    many = terms(" ".join(f"word{i}" for i in range(100)))
    assert many.count(" OR ") == 11
    assert len(terms("x" * 100_000)) < 4_000


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("order A-17 and a-17", '["A-17"]'),
        ("SKU BK_2L-0042, please", '["BK_2L-0042"]'),
        ("call 555-1234", '["555-1234"]'),
        ("no numbers here", "[]"),
        ("12 is short", "[]"),
        ("x" * 50 + "1", "[]"),
    ],
)
def test_identifiers(text: str, found: str) -> None:
    assert identifiers(text) == found


# -- failure and time --------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("failure", "error"),
    [
        (ContextError("source orders: status 500"), "source orders: status 500"),
        (BundleError("secret words"), "it crashed: BundleError"),
        (RuntimeError("secret words"), "it crashed: RuntimeError"),
        (TimeoutError(), "no answer within 500 ms"),
        (KeyError("secret words"), "it crashed: KeyError"),
    ],
)
async def test_an_optional_source_that_fails_is_named(failure: Exception, error: str) -> None:
    source = Source()
    source.failures = {"orders": failure}
    stitched, trail = await stitch(spec(), spec("stock"), source=source)
    assert [piece.source for piece in stitched.pieces] == ["stock"]
    assert stitched.failed == ("orders",)
    assert trail.context[0].error == error
    (decision,) = trail.decisions
    assert (decision.outcome, decision.rule) == ("allow", "source.orders")


async def test_a_required_source_that_fails_stops_everything() -> None:
    source, trail = Source(), made.trail()
    source.failures = {"orders": RuntimeError("secret words")}
    with pytest.raises(ContextError) as caught:
        await stitch(spec("stock"), spec(required=True), source=source, trail=trail)
    assert caught.value.status == 403
    assert "secret" not in caught.value.public + str(caught.value)
    assert [entry.source for entry in trail.context] == ["stock", "orders"]
    assert trail.decisions[-1].outcome == "deny"
    assert trail.waited_ns["context"] > 0


async def test_a_source_type_that_is_not_wired_has_failed() -> None:
    stitched, _ = await stitch(spec(type="vector"))
    assert stitched.failed == ("orders",)


async def test_each_source_has_its_own_deadline() -> None:
    source, trail = Source(), made.trail()
    source.delay_s = 0.2
    began = time.perf_counter()
    stitched, _ = await stitch(
        spec("slow", deadline_ms=50), spec("quick", deadline_ms=1_000), source=source, trail=trail
    )
    assert time.perf_counter() - began < 0.6
    assert [piece.source for piece in stitched.pieces] == ["quick"]
    assert stitched.failed == ("slow",)
    assert trail.context[0].error == "no answer within 50 ms"


@pytest.mark.parametrize("count", [1, 3, 8])
async def test_many_slow_sources_take_as_long_as_one(count: int) -> None:
    source = Source()
    source.delay_s = 0.15
    began = time.perf_counter()
    stitched, _ = await stitch(*(spec(f"s{i}") for i in range(count)), source=source)
    assert time.perf_counter() - began < 0.4
    assert [piece.source for piece in stitched.pieces] == [f"s{i}" for i in range(count)]


async def test_a_client_that_hangs_up_ends_all_of_them() -> None:
    source = Source()
    source.delay_s = 30
    task = asyncio.create_task(_run(lambda: stitch(spec("a"), spec("b"), source=source)))
    await asyncio.sleep(0.05)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert source.cancelled == 2


async def _run(make: Callable[[], Any]) -> Any:
    return await make()
