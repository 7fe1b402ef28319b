"""``freehold intents`` and ``freehold bench intent`` as a user types them."""

import csv
import json
from pathlib import Path

import pytest
import yaml
from click.testing import CliRunner, Result

from freehold.bundle.starter import write_starter
from freehold.cli.main import main
from tests.text.test_intents import ELSEWHERE, WISHES, drawn


def run(*arguments: str) -> Result:
    return CliRunner().invoke(main, list(arguments))


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("intents")
    inside, asked = drawn(12, 2)
    rows = [(text, name) for name, texts in inside.items() for text in texts]
    with (folder / "train.csv").open("w", newline="") as out:
        csv.writer(out).writerows([("text", "category"), *rows])
    tested = [*asked, *((text, "oos") for text in ELSEWHERE)]
    lines = (json.dumps({"text": text, "intent": name}) + "\n" for text, name in tested)
    (folder / "test.jsonl").write_text("".join(lines))
    parts = {
        "train": rows,
        "oos_train": [(text, "oos") for text in ELSEWHERE[::2]],
        "val": asked,
        "oos_val": [(text, "oos") for text in ELSEWHERE[1::2]],
    }
    (folder / "clinc.json").write_text(json.dumps(parts))
    return folder


def test_what_is_trained_to_a_file_tells_and_can_be_tried(files: Path, tmp_path: Path) -> None:
    out = tmp_path / "wishes.safetensors"
    made = run("intents", "train", "--data", str(files / "train.csv"), "--out", str(out))
    assert made.exit_code == 0, made.output
    assert "5 intents from 60 examples" in made.stdout
    assert f"intent_file: {out.name}" in made.stderr
    tried = run("intents", "try", "--file", str(out), "where is my kettle", "?!", "--json")
    first, second = json.loads(tried.stdout)
    assert first["intent"] == "track"
    assert (second["intent"], second["score"]) == ("", 0)
    told = run("intents", "test", "--file", str(out), str(files / "test.jsonl"), "--json")
    result = json.loads(told.stdout)
    assert result["accuracy"] > 0.8
    assert result["oos"] == len(ELSEWHERE)
    assert set(result["intents"]) == set(WISHES)
    said = run("intents", "test", "--file", str(out), str(files / "test.jsonl"))
    assert "out-of-scope recall" in said.stdout


def test_an_app_of_a_bundle_is_asked(tmp_path: Path) -> None:
    write_starter(tmp_path / "b", "simulator")
    path = tmp_path / "b" / "apps.yaml"
    sections = yaml.safe_load(path.read_text("utf-8"))
    name, app = next(iter(sections["apps"].items()))
    bare = run("intents", "try", "--bundle", str(tmp_path / "b"), "--app", name, "hi")
    assert bare.exit_code == 1
    assert "has no `intents`" in bare.stderr
    app["intents"] = {n: {"examples": [f.format("lamp") for f in fs]} for n, fs in WISHES.items()}
    path.write_text(yaml.safe_dump(sections), "utf-8")
    said = run("intents", "try", "--bundle", str(tmp_path / "b"), "--app", name, "track my lamp")
    assert said.exit_code == 0, said.output
    assert "track" in said.stdout
    other = run("intents", "try", "--bundle", str(tmp_path / "b"), "--app", "nobody", "hi")
    assert "no app `nobody`" in other.stderr


@pytest.mark.parametrize("arguments", [(), ("--app", "a", "--file", "FILE")])
def test_one_of_app_and_file_is_named(files: Path, arguments: tuple[str, ...]) -> None:
    named = [str(files / "train.csv") if word == "FILE" else word for word in arguments]
    assert run("intents", "try", *named, "hi").exit_code == 2


@pytest.mark.parametrize("name", ["none.safetensors", "train.csv"])
def test_a_file_that_is_no_model_is_told(files: Path, name: str) -> None:
    (files / "none.safetensors").write_bytes(b"x" * 40)
    said = run("intents", "try", "--file", str(files / name), "hi")
    assert said.exit_code == 1
    assert name in said.stderr
    assert "Traceback" not in said.output


def test_bench_says_how_good_it_is_beside_chance(files: Path) -> None:
    for train, test in (("train.csv", "test.jsonl"), ("clinc.json", "clinc.json")):
        said = run(
            "bench", "intent", "--train", str(files / train), "--test", str(files / test), "--json"
        )
        assert said.exit_code == 0, said.output
        found = json.loads(said.stdout)
        ours = found["ours"]
        assert found["random"] == 0.2
        assert ours["low"] <= ours["accuracy"] <= ours["high"]
        assert ours["accuracy"] > found["baseline"]["accuracy"] - 0.1
        assert ours["accuracy"] > 0.8
        assert 0 <= ours["oos_false_positive_rate"] < 0.4
        assert ours["oos_recall"] > 0.5
        assert set(found["few_shot"]) == {"1", "3", "5", "10"}
        assert found["few_shot"]["1"] < found["few_shot"]["10"]
        assert found["published"] == []


def test_bench_draws_the_same_examples_for_the_same_seed(files: Path) -> None:
    def asked(seed: int) -> dict[str, float]:
        said = run(
            "bench", "intent", "--train", str(files / "train.csv"), "--test",
            str(files / "test.jsonl"), "--per-intent", "2", "--seed", str(seed), "--json",
        )  # fmt: skip
        ours = json.loads(said.stdout)["ours"]
        return {name: ours[name] for name in ("accuracy", "oos_recall", "calibration_error")}

    assert asked(1) == asked(1)


def test_bench_refuses_what_it_can_not_read(files: Path, tmp_path: Path) -> None:
    (tmp_path / "bad.csv").write_text("question,answer\nhi,there\n")
    for train, test in (("bad.csv", "test.jsonl"), ("test.jsonl", "bad.csv")):
        paths = [str(tmp_path / n if n == "bad.csv" else files / n) for n in (train, test)]
        said = run("bench", "intent", "--train", paths[0], "--test", paths[1])
        assert said.exit_code == 1
        assert "bad.csv can't be used: row 2 has no `text`" in said.stderr
