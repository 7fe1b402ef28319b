"""Of a version that is taken back: what is remembered at once, and what experts see first."""

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

from msgspec.structs import replace

from freehold.bundle.custom_models import CustomModel, Deploy
from freehold.core.cases import Case, Moment, Read
from freehold.core.clock import SystemClock
from freehold.core.deployments import Deployment
from freehold.core.training import Example
from freehold.learning.datasets.folder import latest
from freehold.learning.datasets.lineage import Draft
from freehold.learning.registry import Registry
from freehold.services.incidents import Incidents
from freehold.services.regressions import Regressions
from freehold.storage.cases import StoredCases
from freehold.storage.migrate import open_database

ROW = Deployment(model="answers", version="v1-00000001", digest="d", state="rolled_back",
                 since_ns=1, by="ann")  # fmt: skip
MOMENT = Moment(asked=({"role": "user", "content": "When do you open?"},), said="At nine.")
CUSTOM = CustomModel(
    kind="responder", owner="chain", learns_from=["service"], routes=["customer"],
    deploy=Deploy(stages=[0.5]),
)  # fmt: skip


def case(number: int, *reasons: str, **more: Any) -> Case:
    made = Case(
        case_id=f"case_{number}", exchange_id=f"ex_{number}", conversation=f"talk-{number}",
        owner="chain", tenant="chain", app="service", route="customer", reasons=reasons,
        model="answers", version=ROW.version, at_ns=number,
    )  # fmt: skip
    return replace(made, **more)


class Seen:
    """A canary's trial, of which one exchange was refused and one disliked."""

    def seen(self, *_: object) -> list[Any]:
        return [
            SimpleNamespace(exchange_id="ex_6", newcomer=True, refused=True),
            SimpleNamespace(exchange_id="ex_7", newcomer=True, refused=False),
        ]


def test_only_what_somebody_judged_is_remembered_and_the_rest_is_asked_about(
    tmp_path: Path,
) -> None:
    database = open_database(tmp_path)
    book = StoredCases(database)
    book.add([
        case(1, "feedback:helpful"),
        case(2, "feedback:helpful"),
        case(3, "feedback:helpful", "human:declined"),
        case(4, "feedback:helpful", outcome="denied"),
        case(5, "feedback:helpful", model="rented", version=""),
        case(6, "random"),
        case(7, "random"),
    ])  # fmt: skip
    moments = {"case_2": replace(MOMENT, correction="At ten.")}
    told: list[tuple[str, dict[str, Any]]] = []

    def log(kind: str, _actor: str, _subject: str, details: dict[str, Any], **_: object) -> str:
        told.append((kind, details))
        return ""

    sets = Regressions(tmp_path, Registry(tmp_path / "custom"), log, SystemClock())
    bundle = SimpleNamespace(bundle=SimpleNamespace(custom_models={"answers": CUSTOM}))
    thumb = SimpleNamespace(exchange_id="ex_7", of_the_answer=True, score=0)
    incidents = Incidents(
        cast(Any, lambda: bundle),
        cast(Any, Seen()),
        cast(Any, lambda _: [thumb]),
        book,
        lambda one: Read(case=one, moment=moments.get(one.case_id, MOMENT)),
        sets,
        log,
    )
    made = incidents.remember(ROW)
    assert made is not None
    rows = {row.id: (row.answer, row.rejected) for row in made.rows("test")}
    wrong = ("", "At nine.")
    assert rows == {
        "case_2": ("At ten.", "At nine."), "case_3": wrong, "case_4": wrong, "case_6": wrong,
    }  # fmt: skip
    waits = {one.case_id for one in book.find_all([f"case_{n}" for n in range(8)])
             if "incident:v1-00000001" in one.reasons}  # fmt: skip
    assert waits == {"case_1", "case_7"}
    (queued,) = [details for kind, details in told if kind == "regressions.queued"]
    assert queued == {"taken_back": ROW.id, "cases": ["case_1", "case_7"]}
    (kind, details) = told[-1]
    assert kind == "regressions.grown"
    assert details["left_out"]["nobody has judged it yet: it waits to be labelled"] == 2
    again = incidents.remember(ROW)
    assert again is None, "once is enough"
    # later somebody tells more of this version's answers, and of another one's
    book.add([case(8, "feedback:better"), case(9, "feedback:better", version="v2-00000002"),
              case(10, "success")])  # fmt: skip
    moments["case_8"] = moments["case_9"] = moments["case_2"]
    late = incidents.late(ROW, ["case_1", "case_8", "case_9", "case_10"])
    assert late is not None
    assert {row.id for row in late.rows("test")} - set(rows) == {"case_8"}
    assert [kind for kind, _ in told].count("regressions.queued") == 1, "asked about once"
    assert incidents.late(ROW, ["case_9", "case_10"]) is None
    # what nobody was there to look at is found with the next start, once
    book.add([case(11, "human:declined")])
    reads = [kind for kind, _ in told].count("cases.read")
    incidents.missed(ROW)
    incidents.missed(ROW)
    assert sets.cases("answers") == {*rows, "case_8", "case_11"}
    assert [kind for kind, _ in told].count("cases.read") == reads + 1
    database.close()


def test_those_who_add_to_a_set_at_once_lose_nothing(tmp_path: Path) -> None:
    """A gateway and a terminal may both remember what a version got wrong."""

    def add(number: int) -> object:
        sets = Regressions(tmp_path, Registry(tmp_path / "custom"), lambda *_, **__: "",
                           SystemClock())  # fmt: skip
        asked = ({"role": "user", "content": f"When does shop {number} open?"},)
        row = Example(id=f"case_{number}", messages=asked, rejected="At nine.")
        return sets.grow("answers", "chain", [Draft(row=row, source="incident")], "ann", {})

    with ThreadPoolExecutor(4) as pool:
        assert all(pool.map(add, range(4)))
    made = latest(tmp_path, "answers-regressions")
    assert made is not None
    assert {row.id for row in made.rows("test")} == {f"case_{n}" for n in range(4)}
