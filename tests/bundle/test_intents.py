"""An app's intents in its YAML and in files: read, and every mistake told."""

import json
from pathlib import Path
from typing import Any

import pytest
import yaml

from freehold.bundle.activate import Activator
from freehold.bundle.check import Report, check
from freehold.bundle.intents import Unreadable, read_examples
from freehold.bundle.starter import write_starter
from freehold.services.bundles import check_bundle, learn_intents, open_bundle
from freehold.text.intent_files import pack
from freehold.text.intents import learn

GOOD = {
    "track": {"examples": ["where is my order", "track my parcel"], "description": "Orders."},
    "return": {"examples": ["I want to send it back", "how do returns work"]},
}


def written(folder: Path, files: dict[str, str | bytes] | None = None, **app: Any) -> Path:
    write_starter(folder, "simulator")
    path = folder / "apps.yaml"
    sections = yaml.safe_load(path.read_text("utf-8"))
    next(iter(sections["apps"].values())).update(app)
    path.write_text(yaml.safe_dump(sections), "utf-8")
    for name, content in (files or {}).items():
        data = content if isinstance(content, bytes) else content.encode()
        (folder / name).write_bytes(data)
    return folder


def codes(report: Report) -> list[str]:
    return [problem.code for problem in report.errors]


def only_set(folder: Path) -> Any:
    (found,) = open_bundle(folder).intents.values()
    return found


def test_examples_of_the_yaml_and_of_a_file_go_together(tmp_path: Path) -> None:
    csv = 'text,category\n"where, please, is it?",track\nmoney back,refund\nsing,oos\n'
    elsewhere = {"chatter": {"examples": ["tell me a joke"], "out_of_scope": True}}
    folder = written(tmp_path, {"more.csv": csv}, intents=GOOD | elsewhere, intent_file="more.csv")
    assert codes(check(folder)) == []
    found = only_set(folder)
    assert dict(found.inside) == {
        "track": ("where is my order", "track my parcel", "where, please, is it?"),
        "return": ("I want to send it back", "how do returns work"),
        "refund": ("money back",),
    }
    assert set(found.outside) == {"tell me a joke", "sing"}
    assert found.keep == 950_000
    app = open_bundle(folder).app_for(*(open_bundle(folder).example or ("", "")))
    assert app.intents == found.digest
    assert app.embeds


def test_other_examples_have_another_digest_and_the_same_ones_the_same(tmp_path: Path) -> None:
    one = only_set(written(tmp_path / "a", intents=GOOD)).digest
    assert only_set(written(tmp_path / "b", intents=dict(reversed(GOOD.items())))).digest == one
    assert only_set(written(tmp_path / "c", intents=GOOD, intent_keep=0.9)).digest != one


@pytest.mark.parametrize(
    ("app", "files", "expected"),
    [
        ({"intents": {"a": {"examples": []}}}, {}, ["intent.examples"]),
        ({"intents": {"a": {"examples": ["hi"]}, "b": {"examples": ["Hi "]}}}, {},
         ["intent.example"]),
        ({"intents": {"a": {"examples": ["where is it"]}, "b": {"examples": ["Where is it?!"]}}},
         {}, ["intent.example"]),
        ({"intents": {"a": {"examples": ["is it C"]}, "b": {"examples": ["is it C++"]}}}, {}, []),
        ({"intents": {"a": {"examples": ["?!"]}}}, {}, ["intent.example"]),
        ({"intents": {"a": {"examples": ["x" * 10_001]}}}, {}, ["intent.example"]),
        ({"intents": {"a": {"examples": ["hi"], "out_of_scope": True}}}, {}, ["intent.examples"]),
        ({"intents": {"a": {"exampels": ["hi"]}}}, {}, ["intent.examples", "shape.unknown-key"]),
        ({"intent_file": "none.csv"}, {}, ["intent.file"]),
        ({"intent_file": "a.csv"}, {"a.csv": "text,category\n"}, ["intent.file"]),
        ({"intent_file": "a.csv"}, {"a.csv": "question,answer\nhi,there\n"}, ["intent.file"]),
        ({"intent_file": "a.jsonl"}, {"a.jsonl": "{oh\n"}, ["intent.file"]),
        ({"intent_file": "a.jsonl"}, {"a.jsonl": b"\xff\xfe\x00"}, ["intent.file"]),
        ({"intent_file": "a.txt"}, {"a.txt": "hi"}, ["intent.file"]),
        ({"intents": GOOD, "intent_file": "a.safetensors"}, {"a.safetensors": b"x"},
         ["intent.file"]),
    ],
)  # fmt: skip
def test_every_mistake_is_told(
    tmp_path: Path, app: dict[str, Any], files: dict[str, str | bytes], expected: list[str]
) -> None:
    report = check(written(tmp_path, files, **app))
    assert codes(report) == expected
    assert all(problem.line > 0 for problem in report.errors)


def test_in_a_file_of_real_questions_a_double_is_a_warning(tmp_path: Path) -> None:
    rows = [
        {"text": "hi", "intent": "a"},
        {"text": "Hi", "intent": "b"},
        {"text": "x", "intent": "b"},
    ]
    lines = "\n".join(map(json.dumps, rows))
    report = check(written(tmp_path, {"a.jsonl": lines}, intent_file="a.jsonl"))
    assert codes(report) == []
    assert "intent.example" in [problem.code for problem in report.warnings]


def test_a_rule_that_asks_for_an_intent_that_there_is_not_is_doubted(tmp_path: Path) -> None:
    folder = written(tmp_path, intents=GOOD)
    path = folder / "apps.yaml"
    sections = yaml.safe_load(path.read_text("utf-8"))
    rule = {
        "version": 1,
        "phase": "request",
        "when": 'request.intent == "trak"',
        "do": [{"block": {}}],
    }
    sections["rules"] = {"typo": rule}
    next(iter(sections["apps"].values()))["rules"] = ["typo"]
    path.write_text(yaml.safe_dump(sections), "utf-8")
    assert "rule.never" in [problem.code for problem in check_bundle(folder).warnings]


def test_a_trained_file_that_is_damaged_does_not_go_live(tmp_path: Path) -> None:
    folder = written(tmp_path, {"a.safetensors": b"damaged"}, intent_file="a.safetensors")
    activation = Activator(folder, None, lookup={}.get, warm=learn_intents).prepare()
    assert activation is not None
    assert codes(activation.report) == ["activate.failed"]


def test_a_trained_file_that_is_damaged_is_told_by_the_check(tmp_path: Path) -> None:
    good = pack(learn({"a": ["one two", "three"], "b": ["four five", "six"]}, []))
    folder = written(tmp_path, {"a.safetensors": good}, intent_file="a.safetensors")
    assert check_bundle(folder).ok
    for data in (b"damaged", good[: len(good) // 2]):
        (folder / "a.safetensors").write_bytes(data)
        (problem,) = check_bundle(folder).errors
        assert (problem.code, problem.file) == ("intent.file", "apps.yaml")
        assert "freehold intents train" in problem.suggestion


def test_clinc_s_form_and_bare_json_lines_are_read() -> None:
    clinc = {
        "train": [["hi there", "greet"]],
        "val": [["hey", "greet"]],
        "oos_train": [["π", "oos"]],
    }
    assert read_examples("a.json", json.dumps(clinc).encode()) == [
        ("hi there", "greet"),
        ("π", "oos"),
    ]
    line = b'\xef\xbb\xbf{"query": "hi", "label": " greet "}\n\n'
    assert read_examples("a.jsonl", line) == [("hi", "greet")]
    for name, data in (("a.json", b"[]"), ("a.json", b"{}"), ("a.json", b"[" * 10_000)):
        with pytest.raises(Unreadable):
            read_examples(name, data)
