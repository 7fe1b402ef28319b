"""Cases as rows: one for each exchange, whoever tells of it and how often."""

from threading import Thread
from typing import Any

from msgspec.structs import replace

from freehold.core.cases import Case, CaseFilter, Tally
from freehold.core.legal_holds import Kept
from freehold.storage.cases import StoredCases
from freehold.storage.engine import Database

DAY = 86_400_000_000_000


def case(number: int, *reasons: str, **more: Any) -> Case:
    values: dict[str, Any] = {
        "case_id": f"case_{number}", "exchange_id": f"x{number}", "conversation": "c",
        "owner": "chain", "tenant": "north", "app": "desk", "route": "main", "at_ns": number,
        "seal_key": "k", "box": b"sealed", "subject": "s" * 64, "until_ns": number + DAY,
    }  # fmt: skip
    return Case(reasons=reasons or ("rule:refund-limit",), **(values | more))


def test_what_is_added_comes_back_the_newest_first(database: Database) -> None:
    book = StoredCases(database)
    mine = [case(n, intent=str(n % 2)) for n in range(3)]
    assert book.add(mine) == 3
    assert book.list(CaseFilter()) == mine[::-1]
    assert book.list(CaseFilter(limit=1)) == mine[2:]
    assert book.find("case_1") == book.of_exchange("x1") == mine[1]
    assert book.find("nobody") is book.of_exchange("nobody") is None


def test_an_exchange_is_one_case_with_several_reasons(database: Database) -> None:
    book = StoredCases(database)
    book.add([case(1, "random", chance=10_000, uncertainty=5, value=7, until_ns=DAY)])
    later = case(2, "feedback:helpful", exchange_id="x1", box=b"", seal_key="", until_ns=2 * DAY)
    assert book.add([later]) == 0
    (merged,) = book.list(CaseFilter())
    assert merged.case_id == "case_1"
    assert merged.reasons == ("random", "feedback:helpful")
    assert (merged.chance, merged.uncertainty, merged.value) == (1_000_000, 5, 1_000_000)
    assert (merged.box, merged.seal_key, merged.until_ns) == (b"sealed", "k", 2 * DAY)
    book.add([replace(later, box=b"richer", seal_key="k2")])
    (merged,) = book.list(CaseFilter())
    assert (merged.box, merged.seal_key) == (b"richer", "k2")
    assert merged.reasons == ("random", "feedback:helpful")


def test_filters(database: Database) -> None:
    book = StoredCases(database)
    book.add(
        [
            case(1, "random", chance=9),
            case(2, "rule:random:x", "low_confidence:answers", intent="refund"),
            case(3, "drift:100%", owner="north", app="other"),
        ]
    )

    def ids(**wanted: Any) -> list[str]:
        return [one.exchange_id for one in book.list(CaseFilter(**wanted))]

    assert ids(kind="random") == ["x1"]
    assert ids(kind="rule") == ["x2"]
    assert ids(kind="low_confidence") == ["x2"]
    assert ids(kind="lowXconfidence") == []
    assert ids(kind="drif%") == []
    assert ids(owners=("north",)) == ["x3"]
    assert ids(owners=("north", "chain"), app="desk") == ["x2", "x1"]
    assert ids(intent="refund") == ["x2"]
    assert ids(since_ns=2, until_ns=3) == ["x2"]
    assert ids(apps=("other", "desk"), kinds=("drift", "random")) == ["x3", "x1"]
    assert ids(apps=("other",), app="desk") == [], "both hold"
    assert ids(intents=("", "parcel"), tenants=("north",)) == ["x3", "x1"]
    assert ids(tenants=("south",)) == []
    assert ids(before=(3, "case_3")) == ["x2", "x1"]
    assert ids(before=(2, "case_3"), limit=1) == ["x2"], "of the same time, by id"
    assert book.move(["case_2", "nobody"], "labelled") == 1
    assert ids(state="labelled") == ["x2"]
    assert ids(state="open") == ["x3", "x1"]
    assert book.count("chain", "desk", 0) == 1, "what a draw took does not count"
    assert book.count("chain", "desk", 3) == 0


def test_a_tally_counts_each_kind(database: Database) -> None:
    book = StoredCases(database)
    book.add([case(1, "rule:a", "rule:b", "random"), case(2, "rule:a", box=b"", seal_key="")])
    assert book.tally(CaseFilter()) == [
        Tally(app="desk", kind="random", state="open", cases=1, readable=1),
        Tally(app="desk", kind="rule", state="open", cases=2, readable=1),
    ]


def test_what_nobody_answered_was_no_fallback_in_earlier_releases_either(
    database: Database,
) -> None:
    book = StoredCases(database)
    book.add([
        case(1, "fallback:big", model="small"),
        case(2, "rule:fallback", "fallback:big", model=""),
        case(3, "unanswered:big", model=""),
    ])  # fmt: skip
    reasons = {one.exchange_id: one.reasons for one in book.list(CaseFilter())}
    assert reasons["x2"] == ("rule:fallback", "unanswered:big")
    assert reasons["x1"] == ("fallback:big",)

    def ids(**wanted: Any) -> list[str]:
        return [one.exchange_id for one in book.list(CaseFilter(**wanted))]

    assert (ids(kind="fallback"), ids(kind="unanswered")) == (["x1"], ["x3", "x2"])
    assert ids(kinds=("unanswered", "fallback")) == ["x3", "x2", "x1"]
    counted = {one.kind: one.cases for one in book.tally(CaseFilter())}
    assert counted == {"fallback": 1, "unanswered": 2, "rule": 1}
    places = {one.reasons: count for one, count in book.places(CaseFilter())}
    assert places[("rule:fallback", "unanswered:big")] == 1
    book.add([case(2, "unanswered:big", "random", model="")])
    assert book.find("case_2").reasons == ("rule:fallback", "unanswered:big", "random")  # type: ignore[union-attr]


def test_hostile_names_are_kept_as_lines(database: Database) -> None:
    book = StoredCases(database)
    book.add([case(1, "feedback:a\nrandom\n\0", conversation="a\0b")])
    (kept,) = book.list(CaseFilter())
    assert kept.reasons == ("feedback:a random  ",)
    assert kept.conversation == "a\ufffdb"
    assert book.list(CaseFilter(kind="random")) == []


def test_time_ends_a_case_unless_a_legal_hold_keeps_it(database: Database) -> None:
    book = StoredCases(database)
    kinds = {1: {}, 2: {"tenant": "south"}, 3: {"subject": "h"}, 4: {"seal_key": "held"}, 5: {}}
    book.add([case(n, **more) for n, more in kinds.items()])
    book.add([case(9, until_ns=0)])
    held = Kept(
        tenants=frozenset({"south"}), names=frozenset({"h"}), key_ids=frozenset({"held"}),
        exchanges=frozenset({"x5"}),
    )  # fmt: skip
    assert book.prune(DAY, held) == 0
    assert book.prune(DAY + 10, held) == 1
    assert {one.exchange_id for one in book.list(CaseFilter())} == {"x2", "x3", "x4", "x5", "x9"}
    assert book.prune(DAY + 10, Kept()) == 4


def test_of_an_erased_person_no_text_is_left(database: Database) -> None:
    book = StoredCases(database)
    book.add([case(1), case(2, subject="other"), case(3, subject=""), case(4, box=b"")])
    assert book.of("s" * 64, ["x1", "x3"]) == 2
    assert book.destroy("s" * 64, ["x1", "x3"]) == 2
    assert book.of("s" * 64, ["x1", "x3"]) == 0
    assert [len(one.box) for one in book.list(CaseFilter())] == [0, 0, 6, 0]
    assert [one.case_id for one in book.list(CaseFilter(texts=True))] == ["case_2"]
    assert book.of("", ["x2"]) == 1


def test_many_at_once_make_one_case(database: Database) -> None:
    books = [StoredCases(database) for _ in range(4)]
    new: list[int] = []
    threads = [
        Thread(target=lambda b=book, n=n: new.append(b.add([case(1, f"rule:{n}", case_id=f"{n}")])))
        for n, book in enumerate(books)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(new) == [0, 0, 0, 1]
    (kept,) = books[0].list(CaseFilter())
    assert sorted(kept.reasons) == [f"rule:{n}" for n in range(4)]
