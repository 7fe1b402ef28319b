"""What was told is learned in order, by every process alike, and can be learned again."""

import asyncio
from collections.abc import Iterator
from pathlib import Path
from random import Random
from typing import Any

import pytest

from freehold.core.errors import NotFound, RequestError
from freehold.core.features import Features
from freehold.core.outcomes import Told
from freehold.core.routing import Estimate, Signals
from freehold.core.subjects import Subject
from freehold.services.learning import Box, Learning, sealed
from freehold.services.route_states import RouteStates, taught
from freehold.stages.routing.learners import Learners
from freehold.storage.engine import Database
from freehold.storage.migrate import open_database
from freehold.storage.outcomes import StoredOutcomes
from freehold.testing.fakes import MemoryKeys
from freehold.text.embedding import embed
from freehold.text.signal_bytes import pack
from tests.stages import made

MODELS = {"main": (made.model("small"), made.model("large", input_price_nano=900))}
ANN = Subject("north", person="ann")
SEEN = Signals(vector=embed("Where is my parcel?"), features=Features(chars=19), intent="parcels")


@pytest.fixture
def database(tmp_path: Path) -> Iterator[Database]:
    opened = open_database(tmp_path)
    yield opened
    opened.close()


class Process:
    """A process with a store."""

    def __init__(self, database: Database, keys: MemoryKeys) -> None:
        self.store = StoredOutcomes(database)
        self.keys = keys
        self.learners = Learners()
        self.learners.adopt(MODELS)
        self.heard: list[str] = []
        self.learning = Learning(
            self.store,
            self.learners,
            keys.find,
            made.Standing(),
            lambda told: self.heard.append(told.exchange_id),
        )
        self.learning.load()

    def tell(
        self, exchange: str, score: int, model: str = "small", version: str = "", **more: Any
    ) -> Told:
        """Tell, as the feedback service does."""
        key = self.keys.of(ANN, 30)
        box = Box(pack(SEEN), version=version)
        values: dict[str, Any] = {
            "tenant": "north", "app": "desk", "owner": "north", "route": "main", "teaches": True,
            "seal_key": key.id, "box": sealed(box, exchange, key), "cost_nano": 5_000,
        }  # fmt: skip
        told = Told(
            exchange_id=exchange, metric="solved", model=model, value=score, score=score,
            **(values | more),
        )  # fmt: skip
        return self.store.tell([told])[0]

    def catch_up(self) -> None:
        asyncio.run(self.learning.catch_up())

    def expects(self) -> list[Estimate]:
        self.learners.of("north", "main").policy.dump()  # what it counts is put to use at once
        return list(self.learners.of("north", "main").policy.estimates(MODELS["main"], SEEN))

    @property
    def outcomes(self) -> int:
        return self.learners.of("north", "main").outcomes


def states(database: Database, keys: MemoryKeys, events: list[Any] | None = None) -> RouteStates:
    def log(*entry: Any, tenant: str = "") -> str:
        if events is not None:
            events.append((entry[0], entry[2], tenant))
        return "evt"

    return RouteStates(
        StoredOutcomes(database),
        MODELS,
        {"north", "south"},
        keys.find,
        made.Standing(),
        "terminal",
        log,
    )


def alike(one: list[Estimate], other: list[Estimate]) -> bool:
    """Within a tenth of a point: rounding differs with how often an inverse was made again."""
    return all(
        abs(a.success - b.success) < 1_000 and abs(a.doubt - b.doubt) < 1_000
        for a, b in zip(one, other, strict=True)
    )


def many(process: Process, count: int) -> None:
    dice = Random(5)
    for number in range(count):
        model = dice.choice(("small", "large"))
        right = dice.random() < (0.3 if model == "small" else 0.9)
        process.tell(f"exchange-{number}", 1_000_000 * right, model)


def test_every_process_learns_the_same(database: Database) -> None:
    keys = MemoryKeys()
    one, other = Process(database, keys), Process(database, keys)
    many(one, 150)
    one.catch_up()
    other.catch_up()
    assert one.outcomes == other.outcomes == 150
    assert alike(one.expects(), other.expects())
    small, large = one.expects()
    assert small.success < 550_000 < 750_000 < large.success


def test_a_restart_goes_on_where_it_ended(database: Database) -> None:
    keys = MemoryKeys()
    before = Process(database, keys)
    many(before, 80)
    before.catch_up()
    before.learning.save()
    before.tell("late", 0)  # nobody was there to learn of it
    after = Process(database, keys)
    assert after.outcomes == 80
    assert alike(after.expects(), before.expects())
    after.catch_up()
    assert after.outcomes == 81


def test_a_crash_loses_nothing_that_was_told(database: Database) -> None:
    keys = MemoryKeys()
    before = Process(database, keys)
    many(before, 30)
    before.catch_up()  # and nothing is saved
    after = Process(database, keys)
    after.catch_up()
    assert after.outcomes == 30
    assert alike(after.expects(), before.expects())


def test_rebuilt_from_the_log_it_is_the_same(database: Database) -> None:
    keys = MemoryKeys()
    process = Process(database, keys)
    many(process, 200)
    process.catch_up()
    events: list[Any] = []
    made_again = states(database, keys, events).rebuild("main", "north")
    assert (made_again.outcomes, made_again.unreadable) == (200, 0)
    assert events == [("route.rebuilt", "main", "north")]
    other = Process(database, keys)
    assert other.outcomes == 200
    assert alike(process.expects(), other.expects())
    (first,) = StoredOutcomes(database).states()
    states(database, keys).rebuild("main", "north")
    (second,) = StoredOutcomes(database).states()
    assert first.policy == second.policy  # to the byte: it hangs on nothing but the log


def test_what_an_older_version_earned_counts_little_in_each_process(database: Database) -> None:
    """Also in one that learns the outcomes at once, and in a state that is made again from them."""
    keys = MemoryKeys()
    one = Process(database, keys)
    for number in range(100):
        one.tell(f"first-{number}", 1_000_000, version="v1")
        one.tell(f"rented-{number}", 1_000_000, model="large")
    one.catch_up()
    before = one.expects()[0]
    one.tell("second", 1_000_000, version="v2")
    one.catch_up()
    (own, rented), other = one.expects(), Process(database, keys)
    assert (before.seen, own.seen, rented.seen) == (90, 10, 90)
    other.catch_up()
    assert alike(other.expects(), [own, rented])
    states(database, keys).rebuild("main", "north")
    again = Process(database, keys)
    assert alike(again.expects(), [own, rented])
    assert [estimate.seen for estimate in again.expects()] == [10, 90]


def test_what_is_taken_back_is_not_known_any_more(database: Database) -> None:
    keys = MemoryKeys()
    process = Process(database, keys)
    many(process, 60)
    process.catch_up()
    never = process.expects()
    for number in range(20):
        process.tell(f"wrong-{number}", 1_000_000)
    process.catch_up()
    assert process.expects()[0].success > never[0].success + 50_000
    for number in range(20):
        process.tell(f"wrong-{number}", 0)
    process.catch_up()
    asyncio.run(process.learning.amend())
    assert process.outcomes == 80
    assert process.expects()[0].success < never[0].success
    other = Process(database, keys)
    other.catch_up()
    assert alike(process.expects(), other.expects())


def test_what_was_erased_is_unreadable_and_left_out(database: Database) -> None:
    keys = MemoryKeys()
    process = Process(database, keys)
    many(process, 40)
    keys.erase(ANN)
    process.tell("hers no more", 1_000_000)
    made_again = states(database, keys).rebuild("main", "north")
    assert (made_again.outcomes, made_again.unreadable) == (1, 40)
    process.catch_up()
    assert process.outcomes == 1


def test_a_damaged_box_teaches_nothing(database: Database) -> None:
    keys = MemoryKeys()
    process = Process(database, keys)
    process.tell("a", 0, box=b"\x00" * 40)
    process.tell("b", 0, box=b"no messagepack", seal_key="")
    process.tell("c", 0, box=b"")
    process.tell("d", 0)
    process.catch_up()
    assert process.outcomes == 1


def test_other_metrics_and_failures_teach_nothing(database: Database) -> None:
    process = Process(database, MemoryKeys())
    process.tell("a", 0, teaches=False)
    process.tell("b", 0, model="")
    process.catch_up()
    assert process.learners.items() == []


def test_a_state_travels_as_a_file(database: Database, tmp_path: Path) -> None:
    keys = MemoryKeys()
    process = Process(database, keys)
    many(process, 100)
    process.catch_up()
    process.learning.save()
    data = states(database, keys).export("main")
    assert b"parcel" not in data.replace(b"parcels", b"")
    there = open_database(tmp_path / "there")
    try:
        events: list[Any] = []
        shown = states(there, keys, events).bring(data, owner="south")
        assert (shown.owner, shown.outcomes) == ("south", 100)
        assert events == [("route.imported", "main", "south")]
        other = Process(there, keys)
        south = other.learners.of("south", "main").policy
        assert alike(list(south.estimates(MODELS["main"], SEEN)), process.expects())
        other.tell("first there", 1_000_000, owner="south")
        other.catch_up()
        assert other.learners.of("south", "main").outcomes == 101
    finally:
        there.close()


@pytest.mark.parametrize(
    "data", [b"", b"{}", b"[]", b'{"format": "freehold route state 1", "owner": "a"}']
)
def test_what_is_no_state_is_refused(database: Database, data: bytes) -> None:
    with pytest.raises(RequestError, match="no state of a route"):
        states(database, MemoryKeys()).bring(data)


def test_a_changed_file_is_refused(database: Database) -> None:
    keys = MemoryKeys()
    process = Process(database, keys)
    many(process, 5)
    process.catch_up()
    process.learning.save()
    data = states(database, keys).export("main")
    at = data.index(b'"policy"') + 500
    changed = data[:at] + (b"A" if data[at : at + 1] != b"A" else b"B") + data[at + 1 :]
    with pytest.raises(RequestError):
        states(database, keys).bring(changed)


def exported(database: Database, keys: MemoryKeys) -> bytes:
    process = Process(database, keys)
    many(process, 5)
    process.catch_up()
    process.learning.save()
    return states(database, keys).export("main")


@pytest.mark.parametrize("outcomes", [b"-1", b"99999999999999999999", b"true", b"null"])
def test_a_count_of_outcomes_that_none_has_is_refused(database: Database, outcomes: bytes) -> None:
    keys = MemoryKeys()
    data = exported(database, keys).replace(b'"outcomes": 5', b'"outcomes": ' + outcomes)
    assert outcomes in data
    with pytest.raises(RequestError, match="no state of a route"):
        states(database, keys).bring(data)


def test_nobody_unknown_comes_to_own_what_is_brought(database: Database) -> None:
    keys = MemoryKeys()
    data = exported(database, keys)
    with pytest.raises(NotFound, match=r"no tenant noth; did you mean `north`\?"):
        states(database, keys).bring(data, owner="noth")
    with pytest.raises(NotFound, match=r"no tenant nobody; there is `north`, `south`"):
        states(database, keys).bring(data.replace(b'"north"', b'"nobody"'))
    with pytest.raises(NotFound, match=r"no route mian; did you mean `main`\?"):
        states(database, keys).bring(data, route="mian")
    assert [one.owner for one in states(database, keys).show("main")] == ["north"]


def test_reset_begins_anew_in_a_running_process_too(database: Database) -> None:
    keys = MemoryKeys()
    process = Process(database, keys)
    many(process, 50)
    process.catch_up()
    process.learning.save()
    states(database, keys).reset("main", "north")
    asyncio.run(process.learning.follow())
    process.catch_up()
    assert process.outcomes == 0
    process.tell("new", 0)
    process.catch_up()
    assert process.outcomes == 1
    process.learning.save()
    (kept,) = StoredOutcomes(database).states()
    assert (kept.outcomes, kept.generation) == (1, 1)
    states(database, keys).rebuild("main", "north")
    asyncio.run(process.learning.follow())
    assert process.outcomes == 51


def test_a_name_that_nobody_knows(database: Database) -> None:
    service = states(database, MemoryKeys())
    assert service.show() == []
    for ask in (service.show, service.export, service.rebuild, service.reset):
        with pytest.raises(NotFound):
            ask("nobodys")


def test_an_erasure_knows_which_states_learned_from_them(database: Database) -> None:
    process = Process(database, MemoryKeys())
    many(process, 3)
    process.tell("a rating", 0, teaches=False)
    found = taught(process.store, ["exchange-0", "exchange-2", "a rating", "nobody's"])
    assert found == {("north", "main"): 2}


async def test_what_is_told_at_the_terminal_is_heard_once_by_every_process(
    database: Database,
) -> None:
    keys = MemoryKeys()
    Process(database, keys).tell("before", 0, by="terminal")
    one, two = Process(database, keys), Process(database, keys)
    one.tell("asked", 0, by="terminal")
    one.tell("wired", 0, by="key_1")
    one.tell("untaught", 0, by="terminal", teaches=False, model="")
    for process in (one, two):
        await process.learning.catch_up()
        process.learning._seen = 0  # as when a state is put in the place of its own
        await process.learning.catch_up()
        assert process.heard == ["asked", "untaught"]
