"""The trainer of classifiers: what it learns, leaves alone, refuses and writes."""

import importlib
import json
import random
from contextlib import aclosing

import numpy as np
import pytest
from msgspec.structs import replace

from freehold.cli.train import told
from freehold.core.ask import Message
from freehold.core.clock import SystemClock
from freehold.core.errors import Abstained, TrainingError
from freehold.core.spec import LocalSpec
from freehold.core.training import Example, TrainingJob
from freehold.learning.datasets import MemoryDataset
from freehold.learning.trainers import trainer_of
from freehold.learning.trainers.classifier_rows import lesson
from freehold.providers.local import LocalProvider
from freehold.text import class_files, onnx_files
from freehold.text.embedding import embed
from freehold.text.heads import vector_of
from freehold.text.intents import ends, learn, named_by
from freehold.text.local import make
from freehold.text.readings import STATIC, row_of
from tests.providers.made import make_sendable, model, user
from tests.text.wishes import ELSEWHERE, WISHES

THINGS = ["kettle", "lamp", "sofa", "tent", "bike", "jacket", "phone", "drill", "desk", "toaster"]


def quiet(_stage, _done, _total, **_figures):
    """Nobody listens."""


def row(number, text, label, **more):
    messages = ({"role": "user", "content": text},)
    return Example(id=f"case_{number}", messages=messages, label=label, **more)


def rows(each=20, seed=0, *, outside=True):
    """Questions of four wishes and some of none, a third of them for validation."""
    dice = random.Random(seed)
    made = []
    for name, forms in WISHES.items():
        said = [form.format(thing) for form in forms for thing in THINGS]
        made += [(text, name) for text in dice.sample(said, each)]
    if outside:
        made += [(text, "none") for text in ELSEWHERE]
    dice.shuffle(made)
    splits = ("train", "train", "validation")
    return [row(n, text, label, split=splits[n % 3]) for n, (text, label) in enumerate(made)]


def trained(tmp_path, given=None, **options):
    dataset = MemoryDataset("d", rows() if given is None else given)
    job = TrainingJob(model="triage", out=tmp_path / "out", options=options)
    return trainer_of("classifier").train(dataset, job, quiet), tmp_path / "out"


def served(made, out):
    return make("classifier", (out / made.file).read_bytes(), json.dumps(made.serving["options"]))


def ask(triage, text):
    return triage.answer([Message(role="user", content=text)])


def test_what_it_learned_it_answers_and_the_rest_it_leaves_alone(tmp_path):
    made, out = trained(tmp_path)
    assert made.figures["accuracy"] > 0.9
    assert made.figures["outside_refused"] > 0.7
    assert made.figures["calibration_error"] < 0.25
    triage = served(made, out)
    least = made.serving["threshold"] * 1_000_000
    known = ask(triage, "where is my bicycle")
    assert json.loads(known.text) == {"label": "track"}
    assert known.confidence >= least
    assert triage.quick
    for text in ("compose a sonnet about the sea", "", "?!"):
        assert ask(triage, text).text == ""


async def test_on_a_route_it_answers_or_leaves_it_to_the_next(tmp_path):
    made, out = trained(tmp_path)
    spec = model(
        provider="local",
        base_url="",
        timeout_ms=60_000,
        local=LocalSpec(
            kind="classifier", digest="d", threshold=round(made.serving["threshold"] * 1_000_000)
        ),
    )

    async def asked(text):
        sendable = make_sendable(spec, messages=(user(text),))
        async with aclosing(provider.call(sendable)) as deltas:
            return [delta.choices[0].text async for delta in deltas]

    async with LocalProvider(SystemClock()) as provider:
        provider.adopt([spec], {"d": (out / made.file).read_bytes()})
        assert await asked("where is my bicycle") == ['{"label":"track"}']
        with pytest.raises(Abstained):
            await asked("compose a sonnet about the sea")


def test_it_says_the_same_as_any_engine_that_runs_its_file(tmp_path):
    runtime = importlib.import_module("onnxruntime")
    checker = importlib.import_module("onnx")
    made, out = trained(tmp_path)
    data = (out / made.file).read_bytes()
    checker.checker.check_model(checker.load_from_string(data), full_check=True)
    session = runtime.InferenceSession(data, providers=["CPUExecutionProvider"])
    here = class_files.unpack(data)
    for text in [*(e.question for e in rows(seed=3)), "\U0001f680 xyz", "ä" * 900]:
        columns, values = row_of(vector_of(ends(text)))
        given = {
            "columns": columns.astype(np.int64),
            "values": values,
            "dense": embed(ends(text)),
        }
        scores, margin, chance = session.run(["scores", "margin", "chance"], given)
        said = here.of(text)
        assert here.names[int(scores[: len(here.names)].argmax())] == said.name
        assert round(float(chance[0]) * 1000) == pytest.approx(said.score / 1000, abs=1)
        assert here.model.margin((columns, values), embed(ends(text)))[0] == pytest.approx(
            float(margin[0]), abs=1e-5
        )


def test_the_same_job_writes_the_same_bytes(tmp_path):
    one, first = trained(tmp_path / "a")
    other, second = trained(tmp_path / "b")
    assert one == other
    for name in one.files:
        assert (first / name).read_bytes() == (second / name).read_bytes()


def test_answers_in_words_and_otherwise(tmp_path):
    words = {"track": "It is on its way.", "stock": "Yes."}
    made, out = trained(tmp_path, answers=words, otherwise="Ask a person.")
    triage = served(made, out)
    assert ask(triage, "where is my lamp").text == "It is on its way."
    assert ask(triage, "how do I return a lamp").text == ""
    assert ask(triage, "explain the theory of volcanoes").text == "Ask a person."


def test_a_higher_aim_answers_less(tmp_path):
    dice = random.Random(5)
    noisy = [
        row(n, e.question, dice.choice(list(WISHES)) if n % 4 == 0 else e.label, split=e.split)
        for n, e in enumerate(rows(40, outside=False))
    ]
    easy, _ = trained(tmp_path / "a", noisy, accuracy=0.55)
    hard, _ = trained(tmp_path / "b", noisy, accuracy=0.8)
    assert hard.serving["threshold"] > easy.serving["threshold"]
    assert hard.figures["coverage"] < easy.figures["coverage"]


def test_weights_decide_between_contradictory_labels():
    said = [
        row(1, "Where is my lamp?", "track"),
        row(2, "where is my lamp", "stock", weight=3_000_000),
        row(3, "can I return it", "return"),
        row(4, "can I return it?", "track"),
        row(5, "is it in stock", "stock", weight=0),
        row(6, "send it back", "return"),
    ]
    found = lesson(said, {"pay"})
    assert found.inside == {"return": ("send it back",), "stock": ("Where is my lamp?",)}
    assert found.importance == (1.0, 3.0)
    notes = " ".join(found.notes)
    assert "2 questions have several labels" in notes
    assert "1 with none such were left out (case_1, case_3)" in notes
    assert "1 questions weigh nothing" in notes
    assert "1 classes have no question to learn from: pay" in notes
    assert "lamp" not in notes, "texts are persons'"


def test_a_row_that_weighs_more_counts_more(tmp_path):
    def told(heavy):
        """Of each thing two questions that differ in a word which says nothing of the class."""
        near = [
            row(
                f"{thing}{label}",
                f"the {thing} is broken {mark}",
                label,
                weight=50_000_000 if label == heavy else 20_000,
            )
            for thing in THINGS
            for label, mark in (("return", "today"), ("pay", "now"))
        ]
        made, out = trained(tmp_path / heavy, [*rows(outside=False), *near])
        return class_files.unpack((out / made.file).read_bytes()).of("the mirror is broken").name

    assert told("return") == "return"
    assert told("pay") == "pay"


@pytest.mark.parametrize(
    ("given", "why"),
    [
        ([], "from 0 questions"),
        ([row(1, "where is it", "track")], "from 1 questions"),
        ([row(1, "where is it", "track"), row(2, "track it", "track")], "one label"),
        ([row(1, "where", "none"), row(2, "track it", "none")], "one label"),
        ([row(1, "where", ""), row(2, "", "track")], "from 0 questions"),
        ([row(1, "where is it", "a\nb"), row(2, "track it", "track")], "none that a class"),
    ],
)
def test_what_nothing_can_be_learned_from_is_refused(tmp_path, given, why):
    with pytest.raises(TrainingError, match=why):
        trained(tmp_path, given)


def test_one_question_each_is_a_beginning_and_says_so(tmp_path):
    few = [
        row(n, forms[0].format("kettle"), name) for n, (name, forms) in enumerate(WISHES.items())
    ]
    made, out = trained(tmp_path, few)
    assert class_files.unpack((out / made.file).read_bytes()).of("where is my lamp").name == "track"
    assert any("nothing could be held back" in note for note in made.notes)
    assert any("fewer than 3 questions" in note for note in made.notes)
    assert made.figures == {}


def test_another_language_is_told_of(tmp_path):
    german = [
        row(n, f"Wo ist denn meine Bestellung, die ich für {thing} gemacht habe", "track")
        for n, thing in enumerate(THINGS)
    ]
    made, _ = trained(tmp_path, [*rows(), *german])
    assert any("other languages than en (de 10" in note for note in made.notes)


@pytest.mark.parametrize(
    ("options", "why"),
    [
        ({"features": "magic"}, "`static` or `minilm`"),
        ({"accuracy": 1.5}, "share"),
        ({"keep": "much"}, "keep"),
        ({"speed": 1}, "speed"),
        ({"answers": {"track": 1}}, "answers"),
    ],
)
def test_options_that_can_not_be(tmp_path, options, why):
    with pytest.raises(ValueError, match=why):
        trainer_of("classifier").check(options)
    with pytest.raises(TrainingError, match=why):
        trained(tmp_path, **options)


def test_damaged_files_are_refused_or_still_answer(tmp_path):
    made, out = trained(tmp_path)
    data = (out / made.file).read_bytes()
    for cut in (0, 1, 7, 100, len(data) // 2, len(data) - 1):
        with pytest.raises(ValueError, match=r"."):
            make("classifier", data[:cut])
    dice = random.Random(4)
    for _ in range(100):
        broken = bytearray(data)
        broken[dice.randrange(len(broken))] ^= 1 << dice.randrange(8)
        try:
            ask(make("classifier", bytes(broken)), "where is my kettle")
        except ValueError:
            continue


def test_a_graph_without_a_library_reads_back():
    arrays = {"a": np.arange(6, dtype=np.int32).reshape(2, 3), "b": np.float32(3).reshape(())}
    graph = onnx_files.Graph("g", (), (), (), arrays)
    held, about = onnx_files.unpack(onnx_files.pack(graph, {"k": "v" * 300}))
    assert about == {"k": "v" * 300}
    assert {name: array.tolist() for name, array in held.items()} == {
        "a": [[0, 1, 2], [3, 4, 5]],
        "b": 3.0,
    }


def test_questions_without_a_label_teach_where_vectors_are_good_enough():
    asked = rows(40, outside=False)
    few = {name: [next(e.question for e in asked if e.label == name)] for name in WISHES}
    known = {text for texts in few.values() for text in texts}
    rest = [e for e in asked if e.question not in known]
    spare, held = [e.question for e in rest[::2]], rest[1::2]

    def right(**options):
        model = learn(few, named=True, **options)
        return sum(model.of(e.question).name == e.label for e in held) / len(held)

    learning = replace(STATIC, unlabelled=True)
    assert right() == right(spare=spare) < right(spare=spare, manner=learning)


def test_rows_without_a_label_are_each_a_question_once():
    given = [
        row(1, "where is my lamp", "track"),
        row(2, "send it back", "return"),
        row(3, "Where is my lamp?", ""),
        row(4, "is it blue", "", at_ns=5),
        row(5, "Is it blue?", "", at_ns=9),
        row(6, "?!", ""),
    ]
    found = lesson(given)
    assert found.spare == ("Is it blue?",)
    assert "1 rows have no word: left out" in found.notes


def test_figures_have_intervals_and_are_told_with_them(tmp_path):
    made, _ = trained(tmp_path)
    found = made.figures
    assert found["accuracy_low"] < found["accuracy"] <= found["accuracy_high"] <= 1
    lines = list(told(found))
    (line,) = (line for line in lines if line.startswith("accuracy"))
    assert f"(95 %: {found['accuracy_low']:.4g}-{found['accuracy_high']:.4g})" in line
    assert not any("_low" in line or "_high" in line for line in lines)
    assert list(told({"loss_low": 1.0})) == ["loss_low                 1"]


def test_a_name_that_says_nothing_or_lies_is_no_example():
    found = named_by(["card_arrival", "Q17", "???", "x"], STATIC)
    assert np.allclose(found[0], embed("card arrival"))
    assert not found[1:].any()
    with_names, without = (
        learn({"0017": ["where is my lamp"], "0018": ["send it back"]}, named=named)
        for named in (True, False)
    )
    for text in ("where is it", "back", "another"):
        assert with_names.of(text).name == without.of(text).name


def test_texts_without_a_label_sharpen_nothing_that_they_contradict():
    inside = {"track": ["where is my lamp"], "return": ["send the sofa back"]}
    learning = replace(STATIC, unlabelled=True)
    model = learn(inside, spare=["write a poem about jazz"] * 50 + ["?"], manner=learning)
    assert model.of("where is my lamp").name == "track"
    assert model.of("send the sofa back").name == "return"


def test_bars_end_at_their_end(tmp_path):
    told = {}
    job = TrainingJob(model="triage", out=tmp_path / "out", options={})

    def listen(stage, done, total, **_figures):
        assert done <= total, stage
        told[stage] = (done, total)

    trainer_of("classifier").train(MemoryDataset("d", rows()), job, listen)
    assert set(told) == {"read", "fit", "judge"}
    assert all(done == total > 0 for done, total in told.values()), told
