"""A causal language model in this process: its files, its answers, and when it has none."""

import json
import shutil
from hashlib import sha256
from pathlib import Path

import pytest

pytest.importorskip(
    "torch", reason="the extra `train` is not installed: no causal-lm is served here"
)

from freehold.core.ask import Message
from freehold.text.local import inspect, make, make_folder
from tests.learning.trainers import tiny_base


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> Path:
    return tiny_base.build(tmp_path_factory.mktemp("base") / "tiny", steps=40)


def digests(folder: Path) -> dict[str, str]:
    return {p.name: sha256(p.read_bytes()).hexdigest() for p in folder.iterdir() if p.is_file()}


def options(folder: Path, **more) -> dict:
    return {"folder": str(folder), "files": digests(folder), "max_tokens": 24, **more}


def ask(*said: str) -> list[Message]:
    roles = ("system", "user", "assistant", "user")
    return [Message(role=roles[n], content=text) for n, text in enumerate(said)]


ASKED = ask("You are a shop's agent.", "Can I return a lamp in York?")


def test_the_same_question_has_the_same_answer(folder: Path) -> None:
    model = make("causal-lm", b"", json.dumps(options(folder)))
    assert model.quick is False
    assert model.whole is True
    first = model.answer(ASKED)
    assert first.text.startswith("Sorry,")
    assert 0 < first.confidence <= 1_000_000
    assert model.answer(ASKED) == first
    files = {p.name: p.read_bytes() for p in folder.iterdir()}
    other = make_folder("causal-lm", files, json.dumps({"max_tokens": 24}))
    assert other.answer(ASKED) == first


def test_steps_are_what_its_probability_means(folder: Path) -> None:
    model = make("causal-lm", b"", json.dumps(options(folder, steps=[[0, 120_000], [1, 340_000]])))
    assert model.answer(ASKED).confidence == 340_000


def test_when_it_has_no_answer(folder: Path) -> None:
    model = make("causal-lm", b"", json.dumps(options(folder)))
    assert model.answer([]).text == ""
    assert model.answer(ask("A rule.", "Hi", "Hello")).text == ""  # nobody has asked
    assert model.answer(ask("A rule.", "lamp " * 400)).text == ""  # longer than its window
    cut = make("causal-lm", b"", json.dumps(options(folder, max_tokens=2)))
    assert cut.answer(ASKED).text == ""  # it had more to say


def test_stop_texts_end_an_answer(folder: Path) -> None:
    model = make("causal-lm", b"", json.dumps(options(folder, stop=["takes"])))
    said = model.answer(ASKED).text
    assert said.startswith("Sorry,")
    assert "takes" not in said


@pytest.mark.parametrize(
    ("data", "told", "said"),
    [
        (b"x", {}, "not one file"),
        (b"", {}, "needs `folder`"),
        (b"", {"folder": "/nowhere"}, "needs `folder`, and `files`"),
        (
            b"",
            {"folder": "/nowhere", "files": {"config.json": "00"}},
            "there is no folder /nowhere",
        ),
        (b"", {"max_token": 3}, "no option `max_token`"),
        (b"", {"stop": [""]}, "length >= 1"),
    ],
)
def test_what_is_no_model(data: bytes, told: dict, said: str) -> None:
    with pytest.raises(ValueError, match=said):
        make("causal-lm", data, json.dumps(told))
    with pytest.raises(ValueError, match=said):
        inspect("causal-lm", data, json.dumps(told))


def test_altered_and_added_files_are_found(folder: Path, tmp_path: Path) -> None:
    for path in folder.iterdir():
        (tmp_path / path.name).write_bytes(path.read_bytes())
    told = json.dumps(options(tmp_path))
    (tmp_path / "Modelfile.txt").write_text("FROM model.gguf\n")  # training's, and for Ollama
    inspect("causal-lm", b"", told)
    (tmp_path / "special_tokens_map.json").write_text("{}")
    with pytest.raises(ValueError, match=r"no digest: special_tokens_map\.json"):
        make("causal-lm", b"", told)
    (tmp_path / "special_tokens_map.json").unlink()
    weights = bytearray((tmp_path / "model.safetensors").read_bytes())
    weights[-1] ^= 1
    (tmp_path / "model.safetensors").write_bytes(weights)
    with pytest.raises(ValueError, match=r"digest says: model\.safetensors"):
        inspect("causal-lm", b"", told)


def test_one_of_the_registry_is_placed_by_the_provider(folder: Path, tmp_path: Path) -> None:
    from freehold.core.clock import SystemClock
    from freehold.providers.local import LocalProvider

    home = tmp_path / "store-answers" / "v1-00000000"
    shutil.copytree(folder, home)
    for name in ("model.json", "gate.json", "lineage.json", "card.md", "model.gguf"):
        (home / name).write_text("{}")
    told = options(folder) | {"folder": "custom:store-answers/v1-00000000"}
    told["files"] |= {"model.gguf": "00", "adapter/adapter_model.safetensors": "00"}
    inspect("causal-lm", b"{}", json.dumps(told))
    placed = LocalProvider(SystemClock(), custom=tmp_path)._placed(json.dumps(told))
    assert make("causal-lm", b"{}", placed).answer(ASKED).text.startswith("Sorry,")


def test_files_stay_in_their_folder() -> None:
    with pytest.raises(ValueError, match="outside its folder"):
        make_folder("causal-lm", {"../x": b""}, "{}")
    with pytest.raises(ValueError, match="made of one file"):
        make_folder("responder", {}, "{}")
