"""Rows that nobody has labelled yet become cases, are labelled in a queue, and make a dataset."""

import json
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from freehold.cli.main import main
from freehold.ledger.reading import read_all
from tests.cli.made_home import make_home

BUNDLE = """\
    apps:
      desk:
        tenant: chain
        purpose: Answers customers
        route: main
        capture: {consent: {tier: gold}, owner_tenant: chain, when: {random: 0}}
      silent: {tenant: chain, purpose: Says nothing, route: main}
      strict:
        tenant: chain
        purpose: Keeps no texts
        route: main
        settings: {content: none}
        capture: {}
    queues:
      answers: {apps: [desk], ask: [intent], classes: [refund, delivery]}
      angry: {apps: [desk], reasons: [feedback]}
      far: {apps: [desk], tenant: "1001"}
"""
GOLD = {"tier": "gold"}
ROWS: list[dict[str, Any]] = [
    {"text": "Where is my parcel? Write to ann.lee@example.com", "person": "ann"},
    {"messages": [{"role": "user", "content": "Refund!"}, {"role": "assistant", "content": "No."}]},
    {"question": "Refund!", "said": "No.", "person": "bob", "at": "2026-01-02T03:04:05Z"},
]


@pytest.fixture
def home(tmp_path: Path) -> Path:
    return make_home(tmp_path, [], BUNDLE)


def run(home: Path, *words: str, code: int = 0) -> Result:
    done = CliRunner().invoke(main, [*words, "--home", str(home)])
    assert done.exit_code == code, done.output
    return done


def told(home: Path, *words: str) -> Any:
    return json.loads(run(home, *words, "--json").stdout)


def file_of(folder: Path, *rows: dict[str, Any], name: str = "help desk.jsonl") -> str:
    path = folder / name
    path.write_text("".join(json.dumps({"attributes": GOLD} | row) + "\n" for row in rows))
    return str(path)


def bring(home: Path, file: str, code: int = 0, app: str = "desk", tenant: str = "north") -> Any:
    words = ("cases", "import", file, "--tenant", tenant, "--app", app)
    return told(home, *words) if not code else run(home, *words, code=code).stderr


def test_from_unlabelled_rows_to_a_dataset(home: Path, tmp_path: Path) -> None:
    refused = {"text": "Who am I?", "attributes": {"tier": "guest"}}
    done = bring(home, file_of(tmp_path, *ROWS, ROWS[0], refused))
    assert (done["cases"], done["there"], done["owner"]) == (3, 1, "chain")
    assert done["left_out"] == {"whoever asked has not consented": 1}
    assert done["queues"] == ["answers"]
    rows = told(home, "cases", "list", "--kind", "imported")
    assert {row["reasons"][0] for row in rows} == {"imported:help desk.jsonl"}
    assert {(row["tenant"], row["owner"], row["state"]) for row in rows} == {
        ("north", "chain", "open")
    }
    shown = [told(home, "cases", "show", row["case_id"]) for row in rows]
    assert {one["moment"].get("released", "") for one in shown} == {"", "No."}
    assert "ann.lee" not in repr(shown), "the app's detectors took it out"
    (asked,) = (row for row in rows if row["at"].startswith("2026-01-02T03:04:05"))
    labels = [{"by": "eve", "verdict": "edit", "intent": "refund"}]
    file = tmp_path / "labels.jsonl"
    file.write_text(json.dumps({"case": asked["case_id"], "labels": labels}) + "\n")
    assert told(home, "queue", "import", "answers", str(file))["labels"] == 1
    first = told(home, "queue", "next", "answers", "--as", "ann")
    assert "It was brought in from help desk.jsonl." in first["why"]
    words = ("--owner", "chain", "--app", "desk", "--queue", "answers")
    made = told(home, "dataset", "build", "d", *words, "--test", "0", "--validation", "0")
    found = told(home, "erase", "--tenant", "north", "--subject", "bob", "--dry-run")
    reached = [one for one in found["beyond"] if one["kind"] == "dataset"]
    assert [one["details"]["digest"] for one in reached] == [made["digest"]]
    assert made["parts"]["train"]["rows"] == 1
    assert made["counts"]["label"] == {"refund": {"train": 1}}
    (entry,) = (
        body
        for one in read_all(home)
        if (body := one.envelope()["body"]).get("kind") == "cases.imported"
    )
    assert (entry["subject"], entry["details"]["cases"]) == ("help desk.jsonl", "3")


def test_the_same_again_adds_nothing_and_the_erased_stay_away(home: Path, tmp_path: Path) -> None:
    file = file_of(tmp_path, *ROWS)
    assert bring(home, file)["cases"] == 3
    other = file_of(tmp_path, ROWS[2], {"text": "New?", "person": "ann"}, name="more.jsonl")
    again = bring(home, other)
    assert (again["cases"], again["there"]) == (1, 1)
    erased = told(home, "erase", "--tenant", "north", "--subject", "ann", "--yes")
    assert erased["cases"] == 2
    assert (bring(home, file)["cases"], bring(home, file)["there"]) == (0, 3)
    late = bring(home, file_of(tmp_path, {"text": "Once more", "person": "ann"}))
    assert late["left_out"] == {"whoever asked was erased here": 1}
    assert len(told(home, "cases", "list")) == 4


WRONG: list[tuple[dict[str, Any], str]] = [
    ({"text": "a", "label": "x"}, "line 2: `label` says what is right"),
    ({"said": "a"}, "line 2: it has none of messages, prompt, question, text"),
    ({"text": "a", "split": "test"}, "line 2: `split` is not known"),
    ({"text": "a", "attributes": {"hat": "red"}}, "no attribute `hat`"),
    ({"messages": [{"role": "user", "content": [1]}]}, "line 2: a message is not just"),
    ({"text": "a", "at": "yesterday"}, "line 2: `at` is no time"),
    ({"text": "a", "pieces": [{"rows": 1}]}, "line 2: one of `pieces`"),
    ({"text": "a", "person": "x" * 201}, "line 2: `person` has more than 200"),
]


def test_mistakes_are_told_and_nothing_is_taken(home: Path, tmp_path: Path) -> None:
    for row, says in WRONG:
        assert says in bring(home, file_of(tmp_path, ROWS[0], row), code=1)
    file = file_of(tmp_path, ROWS[0])
    for app, tenant, says in (
        ("desk", "nrth", "there is no tenant `nrth`: did you mean `north`?"),
        ("desc", "north", "did you mean `desk`?"),
        ("silent", "north", "give it a `capture` section"),
        ("strict", "north", "keeps no texts"),
    ):
        assert says in bring(home, file, code=1, app=app, tenant=tenant)
    assert told(home, "cases", "list") == []
    words = ("cases", "import", file, "--tenant", "1001", "--app", "desk")
    assert "queue far shows them" in run(home, *words).stdout


def test_what_is_yet_to_come_is_no_case(home: Path, tmp_path: Path) -> None:
    ahead = {"text": "When do you open?", "at": "2931-01-01T00:00:00Z"}
    said = bring(home, file_of(tmp_path, ROWS[0], ahead), code=1)
    assert "line 2: `at` lies in the future: 2931-01-01T00:00:00Z" in said
    assert told(home, "cases", "list") == []
