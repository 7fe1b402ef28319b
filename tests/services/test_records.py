"""Looking exchanges up: from the ledger, for their own tenant, and told so that people follow."""

from collections.abc import Iterator
from pathlib import Path

import orjson
import pytest

from freehold.core.decisions import Decision
from freehold.core.errors import NotFound, PolicyRefusal, StorageError
from freehold.core.handoffs import Held
from freehold.core.ids import uuid7
from freehold.core.trail import Firing, Trail
from freehold.ledger.files import segment_path
from freehold.ledger.segment import SegmentJournal
from freehold.services.explaining import as_dict, as_text, explain
from freehold.services.records import Records
from freehold.stages.audit import Audit
from freehold.storage.exchanges import StoredExchanges
from freehold.storage.filler import fill
from freehold.storage.migrate import open_database
from tests.audit_samples import answered, arrival, exchange, tenant_key


class House:
    """A home that is written to and asked."""

    def __init__(self, home: Path) -> None:
        self.database = open_database(home)
        self.journal = SegmentJournal(home).open()
        self.audit = Audit(self.journal, "r" * 64, tenant_key)
        self.records = Records(
            home, StoredExchanges(self.database), lambda: fill(home, self.database)
        )

    def close(self) -> None:
        self.journal.close()
        self.database.close()


@pytest.fixture
def house(tmp_path: Path) -> Iterator[House]:
    made = House(tmp_path)
    yield made
    made.close()


def allowed(house: House, **spec: object) -> str:
    trail, ruled, one = exchange(uuid7(), **spec)
    house.audit.opened(ruled, trail)
    answered(trail)
    house.audit.closed(one, trail, "allowed")
    return trail.arrival.exchange_id


def test_what_was_just_written_is_found(house: House) -> None:
    exchange_id = allowed(house)
    record = house.records.find(exchange_id)
    assert (record.outcome, record.tenant, record.app) == ("allowed", "north", "service")
    assert record.opened["key"]["id"] == "abc"
    assert record.closed is not None
    assert record.closed["cost_nano"] == 1234
    assert [line["seq"] for line in record.lines] == [2, 3]
    assert house.records.find(exchange_id[:30]) == record


def test_anothers_exchange_is_as_unknown_as_none(house: House) -> None:
    exchange_id = allowed(house)
    messages = []
    for wanted, tenant in ((exchange_id, "south"), (uuid7(), "south")):
        with pytest.raises(NotFound) as caught:
            house.records.find(wanted, tenant)
        messages.append(str(caught.value).replace(wanted, "X"))
    assert messages[0] == messages[1]
    assert house.records.recent(tenant="south") == []
    assert house.records.summary(tenant="south").exchanges == 0
    with pytest.raises(NotFound):
        house.records.explain(tenant="south")


def test_a_page_begins_behind_an_exchange(house: House) -> None:
    allowed(house), allowed(house), allowed(house, tenant="south")
    rows = house.records.recent()
    assert len(rows) == 3
    assert house.records.recent(before=rows[0].exchange_id) == rows[1:]
    assert house.records.recent(before=rows[1].exchange_id, limit=1) == rows[2:]
    assert house.records.recent(before=rows[2].exchange_id) == []
    (south,) = (row.exchange_id for row in rows if row.tenant == "south")
    for unknown, tenant in ((uuid7(), None), (south, "north")):
        with pytest.raises(NotFound):
            house.records.recent(before=unknown, tenant=tenant)


def test_tenants_are_those_with_records_and_those_that_are_named(house: House) -> None:
    allowed(house)
    assert house.records.within("north") == {"north"}
    assert house.records.within("east", more={"east"}) == {"east"}
    with pytest.raises(NotFound, match="did you mean `north`"):
        house.records.within("nroth")


def test_an_index_that_points_elsewhere_shows_nothing(house: House) -> None:
    first, second = allowed(house), allowed(house, tenant="south")
    house.records.summary()
    with house.database.write() as connection:
        connection.exec_driver_sql(
            "update exchanges set opened_offset = (select opened_offset from exchanges"
            " where exchange_id = ?) where exchange_id = ?",
            (second, first),
        )
    with pytest.raises(NotFound):
        house.records.find(first, "north")


def test_the_ledger_says_how_it_ended_and_not_the_index(house: House) -> None:
    exchange_id = allowed(house)
    house.records.summary()
    with house.database.write() as connection:
        connection.exec_driver_sql("update exchanges set outcome = 'denied'")
    assert house.records.find(exchange_id).outcome == "allowed"


def test_a_lost_segment_is_an_error_not_an_empty_record(house: House) -> None:
    exchange_id = allowed(house)
    house.records.summary()
    segment_path(house.journal.folder, 1).unlink()
    house.records._fill = None
    with pytest.raises(StorageError):
        house.records.find(exchange_id)


def test_an_allowed_exchange_is_told_in_the_order_of_the_journey(house: House) -> None:
    told = house.records.explain(allowed(house))
    titles = [section.title for section in told.sections]
    assert titles == [
        "Who asked",
        "What was found in the request",
        "Context",
        "Rules before the model",
        "Choice of model",
        "Calls",
        "Checks on the answer",
        "Outcome",
        "Tokens and money",
        "Time",
        "Evidence",
    ]
    text = told.as_text()
    for sentence in (
        "app service of tenant chain > north: customer service (risk limited)",
        "principal customer-17, verified by https://login.example",
        "2 hidden characters removed: zero-width",
        "card (pii) in message:1 at 11-30: pii.card 1, score 1.00, threshold 0.50",
        "pii.card: transform, no model may see card numbers [message:1 11-30]",
        "orders: 3 rows, 420 characters in 0.9 ms, trusted, labels orders",
        "rule-1 v2 fired: annotate",
        "did not fire: rule-0 v2, rule-2 v2",
        "large chosen: score 0.90, propensity 1.00",
        "small ruled out: not cleared for pii",
        "attempt 1, answer: large (reported large-2026-10)",
        "percent 15 %, affirmed, as discount, at 16-20",
        "did not fire: discount v1",
        "120 tokens in, 14 out",
        "0.000001234 USD",
        "governance: 40 µs own work",
        "context: 40 µs own work, 0.9 ms waiting",
    ):
        assert sentence in text, sentence
    assert text == as_text(told)


def test_as_json(house: House) -> None:
    exchange_id = allowed(house)
    told = as_dict(house.records.explain(exchange_id))
    again = orjson.loads(orjson.dumps(told))
    assert again == told
    assert again["exchange"] == exchange_id
    assert again["sections"][0]["title"] == "Who asked"
    assert again["closed"]["outcome"] == "allowed"
    assert again["ledger"][0]["seq"] == 2


def test_the_newest_is_told_when_no_id_is_named(house: House) -> None:
    with pytest.raises(NotFound):
        house.records.explain()
    allowed(house)
    assert house.records.explain().outcome == "allowed"


def test_a_refused_answer_has_its_rule_under_the_answer(house: House) -> None:
    trail, _, one = exchange(uuid7())
    answered(trail)
    trail.firings[-1] = Firing(
        rule="cap", version=1, phase="answer", fired=True, mode="enforce", obligations=("block",)
    )
    trail.decide(Decision(stage="policy", outcome="deny", rule="cap", why="over 20 %"))
    trail.decide(Decision(stage="policy", outcome="deny", rule="quiet", why="tone", mode="observe"))
    trail.decide(
        Decision(
            stage="governance",
            outcome="transform",
            rule="pii.phone",
            why="not theirs",
            evidence=("answer[3:9] phone",),
        )
    )
    trail.failure = PolicyRefusal("cap", rule="cap", public="No such discount.")
    house.audit.closed(one, trail, "denied")
    told = house.records.explain(trail.arrival.exchange_id)
    sections = {section.title: section.lines for section in told.sections}
    assert "cap: deny, over 20 %" in sections["Checks on the answer"]
    assert "cap v1 fired: block" in sections["Checks on the answer"]
    assert "cap: deny, over 20 %" not in sections["Rules before the model"]
    phone = "pii.phone: transform, not theirs [answer[3:9] phone]"
    assert phone in sections["Checks on the answer"]
    assert phone not in sections["What was found in the request"]
    assert "quiet: would deny, tone" in sections["Rules before the model"]
    assert "the caller was told: No such discount." in sections["Outcome"]
    assert "because of cap" in sections["Outcome"]


def test_held_open_and_interrupted_are_told(house: House) -> None:
    trail, ruled, one = exchange(uuid7())
    house.audit.opened(ruled, trail)
    exchange_id = trail.arrival.exchange_id
    assert "under way" in house.records.explain(exchange_id).as_text()
    trail.held = Held(approval_id="apr_7", role="manager", rule="discount", public="wait")
    house.audit.closed(one, trail, "held")
    assert "waits as apr_7 for a manager" in house.records.explain(exchange_id).as_text()
    trail, ruled, one = exchange(uuid7())
    house.audit.opened(ruled, trail)
    house.journal.close()
    told = house.records.explain(trail.arrival.exchange_id)
    assert told.outcome == "interrupted"
    assert "process died" in told.as_text()


def test_a_stranger_can_be_told_too(house: House) -> None:
    trail = Trail(arrival(uuid7()))
    house.audit.closed(None, trail, "denied")
    text = house.records.explain(trail.arrival.exchange_id).as_text()
    assert "a caller without a valid key" in text
    assert as_text(explain(house.records.find(trail.arrival.exchange_id))) == text


@pytest.mark.parametrize(
    ("kind", "unit", "value", "told"),
    [
        ("percent", "bp", 3950, "percent 39.5 %"),
        ("money", "USD", 1999, "money 1999 minor units USD"),
        ("date", "day", 20611, "date 2026-06-07"),
        ("date", "ambiguous", 20611, "date 2026-06-07 (ambiguous)"),
        ("duration", "day", 172800, "duration 172800 s (day)"),
        ("quantity", "piece", 2500, "quantity 2.5 piece"),
        ("commitment", "refund", 0, "commitment refund"),
    ],
)
def test_values_are_told_in_the_units_of_people(
    house: House, kind: str, unit: str, value: int, told: str
) -> None:
    trail, _, one = exchange(uuid7())
    answered(trail)
    (fact,) = trail.answer_facts
    changed = {name: getattr(fact, name) for name in fact.__struct_fields__}
    changed |= {"kind": kind, "unit": unit, "value": value}
    trail.answer_facts = (fact.__class__(**changed),)
    house.audit.closed(one, trail, "allowed")
    assert told in house.records.explain().as_text()
