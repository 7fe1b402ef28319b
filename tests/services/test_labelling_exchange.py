"""Labels travel to other tools and back; a file with a mistake changes nothing."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from xml.etree.ElementTree import fromstring

import pytest
from msgspec.structs import replace

from freehold.core.errors import RequestError
from freehold.services.labelling_exchange import OTHERWISE, Exchange, Imported
from freehold.services.labelling_gold import outdated
from freehold.services.labelling_people import named
from freehold.services.labelling_words import Given, Suggestion, opened
from freehold.storage.engine import DATABASE_FILE
from freehold.storage.migrate import open_database
from tests.services.made_labels import Desk

MakeDesk = Callable[[str], Desk]
FORMATS = ("jsonl", "argilla", "label-studio")
QUEUES = """\
    queues:
      answers:
        apps: [service]
        ask: [answer, intent, rating]
        classes: [refund, delivery]
        overlap: 3
"""


@pytest.fixture
def make_desk(tmp_path: Path, empty_store: Path) -> MakeDesk:
    def make(name: str) -> Desk:
        home = tmp_path / name
        home.mkdir()
        shutil.copy(empty_store, home / DATABASE_FILE)
        desk = Desk(home, open_database(home), QUEUES)
        for number in (1, 2, 3):
            desk.case(number, asked=f"{'Wo ist' * number} mein Paket? <b>\u2028 \U0001f4e6")
        return desk

    return make


def exchange(desk: Desk) -> Exchange:
    return Exchange(desk.desk, "terminal")


def filled(desk: Desk) -> Desk:
    desk.label("answers", "ann", "correct", rating=4, comment="fine")
    desk.label("answers", "ann", "edit", answer='Am "Freitag".\nSicher.', intent="refund", rating=2)
    desk.label("answers", "ann", "reject", rating=1)
    desk.label("answers", "bob", "skip", comment="keine Ahnung")
    return desk


def test_labels_count_as_given_under_the_guideline_of_now_or_the_one_they_name(
    make_desk: MakeDesk,
) -> None:
    desk = make_desk("one")
    queue = replace(desk.bundle.queues["answers"], guideline="Be kind.", digest="sha256:now")
    said = {"by": "eve", "verdict": "correct", "rating": 4}
    rows = [
        {"case": "case_1", "labels": [said]},
        {"case": "case_2", "labels": [{**said, "guideline": "sha256:now"}]},
        {"case": "case_3", "labels": [{**said, "guideline": "sha256:then"}]},
    ]
    exchange(desk).bring(queue, "jsonl", "".join(json.dumps(row) + "\n" for row in rows))
    old = outdated(queue, desk.store.labels("answers"))
    assert [label.case_id for label in old] == ["case_3"]


def told(desk: Desk, *, times: bool) -> list[tuple[object, ...]]:
    rows = []
    for case_id, (_, _, said) in sorted(desk.golds.said(desk.bundle.queues["answers"]).items()):
        for one in said:
            label, words = one.label, one.words
            assert words is not None
            row = (case_id, label.labeler, label.verdict, label.intent, label.rating, words.answer)
            more = (words.comment, *((label.took_ms, label.at_ns) if times else ()))
            rows.append(row + more)
    return sorted(rows, key=str)


@pytest.mark.parametrize("form", FORMATS)
def test_what_goes_out_comes_in_again(make_desk: MakeDesk, form: str) -> None:
    one, two = filled(make_desk("one")), make_desk("two")
    queue = one.bundle.queues["answers"]
    text = exchange(one).export(queue, form)
    assert one.log[-1][0] == "label.exported"
    two.clock.advance(3_600)
    assert exchange(two).bring(queue, form, text) == Imported(labels=4, there=0, late=0)
    times = form != "argilla"  # which has no place for them
    assert told(two, times=times) == told(one, times=times)
    assert {label.issuer for label in two.store.labels("answers")} == {f"import:{form}"}
    assert exchange(two).bring(queue, form, text) == Imported(labels=0, there=4, late=0)
    if times:
        assert exchange(two).export(queue, form) == text


@pytest.mark.parametrize("form", FORMATS)
def test_a_verdict_is_on_what_was_shown_when_the_file_was_written(
    make_desk: MakeDesk, form: str
) -> None:
    one, two = make_desk("one"), make_desk("two")
    one.book._suggest = lambda case, moment: Suggestion(answer="The right one.", by="own@v1")
    first = one.label("answers", "ann", "correct", rating=4).case.case_id
    second = one.label("answers", "ann", "reject", rating=1).case.case_id
    third = one.label("answers", "ann", "edit", answer="A better one.", rating=2).case.case_id
    queue = one.bundle.queues["answers"]
    text = exchange(one).export(queue, form)
    two.book._suggest = lambda case, moment: Suggestion(answer="A wrong one.", by="own@v2")
    assert exchange(two).bring(queue, form, text).labels == 3
    found = {label.case_id: label for label in two.store.labels("answers")}
    words = {case: opened(label, two.book.find) for case, label in found.items()}
    assert (found[first].verdict, words[first].answer) == ("correct", "The right one.")
    assert (found[second].verdict, words[second].rejected) == ("reject", "The right one.")
    assert (words[third].answer, words[third].rejected) == ("A better one.", "The right one.")
    assert {label.suggested for label in found.values()} == {"own@v1"}
    assert exchange(two).bring(queue, form, text) == Imported(labels=0, there=3, late=0)


def test_other_tools_find_what_they_expect(make_desk: MakeDesk) -> None:
    desk = filled(make_desk("one"))
    queue = desk.bundle.queues["answers"]
    record = json.loads(exchange(desk).export(queue, "argilla"))[0]
    parts = {"id", "fields", "metadata", "suggestions", "responses", "vectors", "_server_id"}
    assert set(record) == parts
    assert set(record["suggestions"]["intent"]) == {"value", "score", "agent"}
    assert all(
        set(r) == {"value", "user_id"} for some in record["responses"].values() for r in some
    )
    task = json.loads(exchange(desk).export(queue, "label-studio"))[0]
    assert {"data", "predictions", "annotations"} == set(task)
    view = fromstring(exchange(desk).config(queue))
    named = {element.get("name") for element in view}
    shown = {element.get("value", "").removeprefix("$") for element in view}
    for region in task["predictions"][0]["result"]:
        assert region["from_name"] in named
        assert region["to_name"] in named
    assert {"question", "context", "answer"} <= shown & set(task["data"])


def test_what_people_of_other_tools_do_comes_to_a_verdict(make_desk: MakeDesk) -> None:
    desk = make_desk("one")
    queue = desk.bundle.queues["answers"]
    regions = [
        {"from_name": "right_answer", "to_name": "question", "type": "textarea",
         "value": {"text": ["Am Montag."]}},
        {"from_name": "rating", "to_name": "question", "type": "rating", "value": {"rating": 3}},
    ]  # fmt: skip
    task = {"id": 7, "data": {"case": "case_1", "answer": "x"}, "annotations": [
        {"id": 1, "completed_by": 12, "result": regions, "lead_time": 4.288,
         "created_at": "2021-03-09T22:16:08.728353Z"},
        {"id": 2, "completed_by": {"id": 13}, "result": regions, "was_cancelled": True},
    ], "drafts": [{"id": 3, "result": regions}]}  # fmt: skip
    done = exchange(desk).bring(queue, "label-studio", json.dumps([task]))
    assert done == Imported(labels=2, there=0, late=0, left_out={"a draft": 1})
    first, second = sorted(desk.store.labels("answers"), key=lambda one: one.labeler)
    assert (first.labeler, first.verdict, first.took_ms) == ("label-studio:12", "edit", 4_288)
    assert (second.labeler, second.verdict) == ("label-studio:13", "skip")
    assert (second.rating, second.box) == (None, b"")


@pytest.mark.parametrize(
    ("form", "text", "why"),
    [
        ("jsonl", '{"case": "case_1"}\n{oops', "line 2: no JSON"),
        ("jsonl", '\n[1]', "line 2: the line is no object"),
        ("jsonl", '{"case": "case_1", "labels": [{"verdict": "correct"}]}', "line 1: .*`by`"),
        ("jsonl", '{"case": "case_1", "colour": 1}', "line 1: there is no field 'colour'"),
        ("jsonl", '{"case": "no", "labels": [{"by": "a", "verdict": "skip"}]}', "line 1: no case"),
        ("jsonl", '{"case": "case_1", "labels": [{"by": "a", "verdict": "fine"}]}', "'fine'"),
        ("jsonl", '{"case": "case_1", "labels": [{"by": "a", "verdict": "correct"}]}', "rating"),
        ("jsonl", '{"case": "case_1", "labels": [{"by": "", "verdict": "skip"}]}', "`by`"),
        ("jsonl", '{"case": "case_1", "labels": [{"by": "a", "at_ns": -1}]}', "whole number"),
        (
            "jsonl",
            '{"case": "case_1", "labels": [{"by": "a", "at_ns": 4000000000000000000}]}',
            "line 1: The time of a's label lies in the future",
        ),
        ("argilla", "{}", "line 1: the file is no JSON list"),
        ("argilla", '[\n{"id": "case_1"},\n{"fields": {}}]', "line 3, record 2: .* no `id`"),
        ("argilla", '[\n{"id": "case_1"}\n{"id": 1}]', "line 3: `,` or"),
        ("argilla", '[{"id": "case_1", "responses": {"verdict": [3]}}]', "record 1: a response"),
        ("argilla", '[{"id": "case_1"}', "line 1"),
        ("argilla", "[" * 5_000, "line 1"),
        ("label-studio", '[{"data": {"case": "case_1"}, "annotations": [{}]}]', "completed_by"),
        ("label-studio", '[{"annotations": []}]', "record 1: `data`"),
        ("label-studio", "", "line 1"),
        ("csv", "", "one of"),
    ],
)  # fmt: skip
def test_a_mistake_is_told_with_its_line_and_nothing_is_kept(
    make_desk: MakeDesk, form: str, text: str, why: str
) -> None:
    desk = make_desk("one")
    good = '{"case": "case_2", "labels": [{"by": "zoe", "verdict": "skip"}]}\n'
    queue = desk.bundle.queues["answers"]
    with pytest.raises(RequestError, match=why):
        exchange(desk).bring(queue, form, text + "\n" + good if form == "jsonl" else text)
    assert desk.store.labels("answers") == []
    assert desk.log == []


def test_every_mistake_is_told(make_desk: MakeDesk) -> None:
    desk = make_desk("one")
    queue = desk.bundle.queues["answers"]
    said = {"by": "eve", "verdict": "correct"}
    rows = [{"case": "case_1", "labels": [said]}, {"case": "no", "labels": [said]}]
    with pytest.raises(RequestError, match=r"line 1: A `rating`.*\nline 2: no case"):
        exchange(desk).bring(queue, "jsonl", "".join(json.dumps(row) + "\n" for row in rows))
    with pytest.raises(RequestError, match=r"line 1, record 1: .*\nline 1, record 2: "):
        exchange(desk).bring(queue, "argilla", "[{}, 1]")


def test_in_argilla_only_what_was_submitted_is_a_label(make_desk: MakeDesk) -> None:
    desk = make_desk("one")
    queue = desk.bundle.queues["answers"]
    users = {"submitted": "u1", "draft": "u2", "discarded": "u3"}
    said = {"right_answer": "Am Montag.", "rating": 2, "comment": "naja"}

    def record(**said: object) -> str:
        responses = {
            question: [
                {"value": value, "user_id": user, "status": status}
                for status, user in users.items()
            ]
            for question, value in said.items()
        }
        return json.dumps([{"id": "case_1", "responses": responses}])

    done = exchange(desk).bring(queue, "argilla", record(**said))
    assert done == Imported(labels=2, there=0, late=0, left_out={"a draft": 1})
    kept = {one.labeler: (one.verdict, one.rating) for one in desk.store.labels("answers")}
    assert kept == {"argilla:u1": ("edit", 2_000_000), "argilla:u3": ("skip", None)}
    # what somebody says otherwise by now is told, and does not replace anything
    done = exchange(desk).bring(queue, "argilla", record(**said | {"rating": 4}))
    assert done == Imported(labels=0, there=1, late=0, left_out={"a draft": 1, OTHERWISE: 1})
    assert len(desk.store.labels("answers")) == 2


def test_what_label_studio_marks_as_true_is_a_label_and_a_decision_is_none(
    make_desk: MakeDesk,
) -> None:
    one, two = make_desk("one"), make_desk("two")
    queue = one.bundle.queues["answers"]
    found = one.label("answers", "ann", "escalate")
    decided = Given(verdict="correct", rating=3)
    one.desk.deciding.decide(found.task.task_id, named("bob"), decided)
    tasks = json.loads(exchange(one).export(queue, "label-studio"))
    case_id = found.case.case_id
    (task,) = [each for each in tasks if each["data"]["case"] == case_id]
    assert [each["ground_truth"] for each in task["annotations"]] == [False, True]
    task["annotations"][0]["ground_truth"] = True
    done = exchange(two).bring(queue, "label-studio", json.dumps([task]))
    assert (done.labels, list(done.left_out.values())) == (1, [1])
    assert [label.labeler for label in two.store.labels("answers")] == ["ann"]
