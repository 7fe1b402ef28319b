"""Work after an exchange's record: told once, by the next record of the same tenant and app."""

from hypothesis import given
from hypothesis import strategies as st

from freehold.core.carried import Carried, Owner, Work
from freehold.core.sampling import SAMPLED_OF, sampled
from freehold.core.trail import Trail
from tests.audit_samples import arrival

ONE, OTHER = ("north", "service"), ("south", "service")
IN_SAMPLE = "01a00000-0000-7000-8000-000000000000"
NOT_IN_IT = "01a00000-0000-7000-8000-000000000001"


def trail(exchange_id: str = NOT_IN_IT) -> Trail:
    return Trail(arrival(exchange_id=exchange_id))


def test_what_comes_after_the_record_is_in_the_next_one_of_the_same_owner() -> None:
    carried = Carried()
    first = trail()
    first.spend("audit", 30)
    carried.told(ONE, first)
    first.spend("audit", 7)
    first.spend("monitoring", 5)
    assert carried.due(OTHER).spent_ns == {}
    assert carried.due(ONE).spent_ns == {"audit": 7, "monitoring": 5}
    assert carried.due(ONE).spent_ns == {"audit": 7, "monitoring": 5}, "until a record tells of it"
    carried.told(ONE, trail())
    assert carried.due(ONE).spent_ns == {}


def test_a_record_that_could_not_be_written_loses_nothing() -> None:
    carried = Carried()
    carried.add(ONE, "monitoring", 11)
    assert carried.due(ONE).spent_ns == {"monitoring": 11}
    carried.add(ONE, "monitoring", 4)
    assert carried.due(ONE).spent_ns == {"monitoring": 15}


def test_cpu_is_carried_of_exchanges_that_it_is_measured_of() -> None:
    carried = Carried()
    first = trail(IN_SAMPLE)
    first.spend("audit", 30, 20)
    carried.told(ONE, first)
    first.spend("audit", 9, 6)
    assert carried.due(ONE).cpu_ns == {"audit": 6}
    second = trail()
    second.spend("audit", 30, 20)
    assert second.cpu_ns is None
    carried.told(ONE, second)
    second.spend("audit", 9, 6)
    assert carried.due(ONE).cpu_ns == {}
    assert carried.due(ONE).spent_ns == {"audit": 9}


@given(
    st.lists(
        st.tuples(
            st.sampled_from([ONE, OTHER]), st.integers(0, 9), st.integers(0, 9), st.booleans()
        )
    )
)
def test_nothing_is_lost_and_nothing_told_twice(
    steps: list[tuple[Owner, int, int, bool]],
) -> None:
    """Whatever was spent is what the records and the rest add up to, owner by owner."""
    carried = Carried()
    spent: dict[Owner, int] = {}
    told: dict[Owner, int] = {}

    def count(sums: dict[Owner, int], owner: Owner, work: Work) -> None:
        sums[owner] = sums.get(owner, 0) + sum(work.values())

    for owner, before, after, written in steps:
        one = trail()
        one.spend("policy", before)
        due = carried.due(owner)
        if written:
            count(told, owner, due.spent_ns)
            count(told, owner, one.spent_ns)
            carried.told(owner, one)
            one.spend("audit", after)
            count(spent, owner, one.spent_ns)
        else:
            carried.add(owner, "monitoring", after)
            count(spent, owner, {"monitoring": after})
    for rest in carried.rest():
        count(told, rest.owner, rest.spent_ns)
    assert {k: v for k, v in told.items() if v} == {k: v for k, v in spent.items() if v}
    assert list(carried.rest()) == []


def test_the_sample_is_the_same_for_everybody_and_of_the_size_that_it_says() -> None:
    ids = [f"01a00000-0000-7000-8000-{number:012x}" for number in range(1600)]
    assert sum(map(sampled, ids)) * SAMPLED_OF == len(ids)
