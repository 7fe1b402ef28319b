"""GGUF is read back: names, shapes, numbers, and what llama.cpp must know of the tokenizer."""

import io
import json
import os
import tarfile
from pathlib import Path

import pytest

pytest.importorskip("gguf", reason="the extra `train` is not installed: no GGUF is written here")
pytest.importorskip("torch", reason="the extra `train` is not installed: no GGUF is written here")

import gguf
import numpy as np
from safetensors.numpy import load_file

from freehold.core.errors import TrainingError
from freehold.learning.trainers import causal_convert, causal_files, causal_gguf
from freehold.learning.trainers.causal_vocabulary import Unsupported
from tests.learning.trainers import tiny_base


@pytest.fixture(scope="module")
def llama(tmp_path_factory) -> Path:
    return tiny_base.build(tmp_path_factory.mktemp("llama") / "tiny", steps=0)


def fields(path: Path) -> dict:
    return {name: field.contents() for name, field in gguf.GGUFReader(path).fields.items()}


def numbers(path: Path) -> dict[str, np.ndarray]:
    return {
        tensor.name: gguf.quants.dequantize(tensor.data, tensor.tensor_type)
        for tensor in gguf.GGUFReader(path).tensors
    }


def halves(pairs: np.ndarray, heads: int) -> np.ndarray:
    """llama.cpp's order of rotary positions back into Hugging Face's."""
    shaped = pairs.reshape(heads, pairs.shape[0] // heads // 2, 2, *pairs.shape[1:])
    return shaped.swapaxes(1, 2).reshape(pairs.shape)


# The largest number of a row of 32 is 127 steps of q8_0; bf16 keeps 8 bits, f16 11.
@pytest.mark.parametrize(
    ("kind", "off"), [("f32", 0), ("f16", 2**-11), ("bf16", 2**-8), ("q8_0", 1 / 127)]
)
def test_numbers_are_those_of_the_model(llama: Path, tmp_path: Path, kind: str, off: float) -> None:
    path = tmp_path / "model.gguf"
    causal_gguf.write(llama, path, kind, "shop")
    theirs, ours = load_file(llama / "model.safetensors"), numbers(path)
    assert len(ours) == len(theirs)
    query = halves(ours["blk.1.attn_q.weight"], 4)
    key = halves(ours["blk.1.attn_k.weight"], 2)
    for found, name in (
        (query, "model.layers.1.self_attn.q_proj.weight"),
        (key, "model.layers.1.self_attn.k_proj.weight"),
        (ours["blk.0.attn_v.weight"], "model.layers.0.self_attn.v_proj.weight"),
        (ours["blk.0.ffn_down.weight"], "model.layers.0.mlp.down_proj.weight"),
        (ours["blk.0.attn_norm.weight"], "model.layers.0.input_layernorm.weight"),
        (ours["token_embd.weight"], "model.embed_tokens.weight"),
        (ours["output.weight"], "lm_head.weight"),
    ):
        wanted = theirs[name]
        assert found.shape == wanted.shape
        assert np.abs(found - wanted).max() <= off * np.abs(wanted).max(), name


def test_what_the_tokenizer_is(llama: Path, tmp_path: Path) -> None:
    from transformers import AutoTokenizer

    path = tmp_path / "model.gguf"
    causal_gguf.write(llama, path, "q8_0", "shop")
    told, tokenizer = fields(path), AutoTokenizer.from_pretrained(llama)
    assert told["general.architecture"] == "llama"
    assert told["general.name"] == "shop"
    assert told["llama.context_length"] == 128
    assert told["llama.attention.head_count_kv"] == 2
    assert told["llama.rope.freq_base"] == 10_000
    assert told["tokenizer.ggml.model"] == "llama"
    assert told["tokenizer.ggml.tokens"] == tokenizer.convert_ids_to_tokens(range(len(tokenizer)))
    assert told["tokenizer.ggml.eos_token_id"] == tokenizer.eos_token_id
    assert told["tokenizer.ggml.token_type"][tokenizer.eos_token_id] == 3
    assert told["tokenizer.chat_template"] == tokenizer.chat_template


@pytest.mark.parametrize("kind", ["qwen2", "qwen3"])
def test_byte_level_bpe(tmp_path: Path, kind: str) -> None:
    folder = tiny_base.build_bpe(tmp_path / "base", kind)
    causal_gguf.write(folder, tmp_path / "m.gguf", "f32", "shop")
    told, ours = fields(tmp_path / "m.gguf"), numbers(tmp_path / "m.gguf")
    assert told["tokenizer.ggml.model"] == "gpt2"
    assert told["tokenizer.ggml.pre"] == "qwen2"
    assert len(told["tokenizer.ggml.tokens"]) == 384
    assert told["tokenizer.ggml.tokens"][383] == "[PAD383]"
    assert told["tokenizer.ggml.merges"]
    assert "output.weight" not in ours  # tied to the embeddings
    theirs = load_file(folder / "model.safetensors")
    name = "model.layers.0.self_attn.q_proj.weight"
    assert np.array_equal(ours["blk.0.attn_q.weight"], theirs[name])
    if kind == "qwen3":
        assert told["qwen3.attention.key_length"] == 32


def test_stretched_positions_of_llama_3(llama: Path, tmp_path: Path) -> None:
    config = json.loads((llama / "config.json").read_text("utf-8"))
    rope = {"rope_type": "llama3", "rope_theta": 500000.0, "factor": 8.0, "low_freq_factor": 1.0}
    rope |= {"high_freq_factor": 4.0, "original_max_position_embeddings": 64}
    folder = changed(llama, tmp_path, rope_parameters=rope)
    causal_gguf.write(folder, tmp_path / "m.gguf", "f32", "shop")
    factors = numbers(tmp_path / "m.gguf")["rope_freqs.weight"]
    assert factors.shape == (config["head_dim"] // 2,)
    # As in transformers: short waves are left as they are, long ones stretched by the factor.
    from transformers import AutoConfig
    from transformers.modeling_rope_utils import ROPE_INIT_FUNCTIONS

    stretched, _ = ROPE_INIT_FUNCTIONS["llama3"](AutoConfig.from_pretrained(folder), "cpu")
    plain = 500000.0 ** -(np.arange(0, 16, 2) / 16)
    assert np.allclose(plain / factors, stretched.numpy(), rtol=1e-5)


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"architectures": ["GemmaForCausalLM"]}, "its architecture is GemmaForCausalLM"),
        ({"rope_parameters": {"rope_type": "yarn", "rope_theta": 1.0}}, "scaled by `yarn`"),
        ({"quantization_config": {"quant_method": "gptq"}}, "quantised already"),
    ],
)
def test_what_is_not_known_here_is_said(
    llama: Path, tmp_path: Path, monkeypatch, changes: dict, said: str
) -> None:
    folder = changed(llama, tmp_path, **changes)
    with pytest.raises(Unsupported, match=said):
        causal_gguf.write(folder, tmp_path / "m.gguf", "f32", "shop")
    # In training it is a note, with what helps.
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    note = causal_files.gguf(folder, "shop", "f32", tmp_path / "m.gguf")
    assert said in note
    assert "--fetch" in note
    assert not (tmp_path / "m.gguf").exists()


def changed(folder: Path, tmp_path: Path, **changes) -> Path:
    made = tmp_path / "changed"
    made.mkdir()
    for path in folder.iterdir():
        (made / path.name).symlink_to(path)
    (made / "config.json").unlink()
    config = json.loads((folder / "config.json").read_text("utf-8")) | changes
    (made / "config.json").write_text(json.dumps(config), "utf-8")
    return made


def packed(path: Path, files: dict[str, str]) -> Path:
    with tarfile.open(path, "w:gz") as archive:
        for name, content in files.items():
            told = tarfile.TarInfo(f"llama_cpp_python-0/vendor/llama.cpp/{name}")
            told.size = len(content.encode())
            archive.addfile(told, io.BytesIO(content.encode()))
    return path


CONVERTER = """
import os, sys
from pathlib import Path
folder, out = Path(sys.argv[1]), Path(sys.argv[sys.argv.index("--outfile") + 1])
assert os.environ["HF_HUB_OFFLINE"] == "1"
if (folder / "no").exists():
    sys.exit("Model GemmaX is not supported")
out.write_bytes(b"GGUF" + sys.argv[-1].encode())
"""


def test_the_converter_of_llama_cpp_is_unpacked_and_run(tmp_path: Path) -> None:
    environ = {**os.environ, "XDG_CACHE_HOME": str(tmp_path / "cache")}
    assert causal_convert.converter(environ) is None
    files = {"convert_hf_to_gguf.py": CONVERTER, "gguf-py/a.py": "", "src/llama.cpp": "no"}
    files["conversion/../../../../outside.py"] = "no"
    archive = packed(tmp_path / "a.tar.gz", files)
    causal_convert.unpack(archive, causal_convert.cache(environ))
    tool = causal_convert.converter(environ)
    assert tool is not None
    there = {p.relative_to(tool).as_posix() for p in tool.rglob("*") if p.is_file()}
    assert there == {"convert_hf_to_gguf.py", "gguf-py/a.py"}
    assert not list(tmp_path.rglob("outside.py"))
    model = tmp_path / "model"
    model.mkdir()
    causal_convert.convert(tool, model, tmp_path / "m.gguf", "f16", environ)
    assert (tmp_path / "m.gguf").read_bytes() == b"GGUFf16"
    (model / "no").touch()
    with pytest.raises(TrainingError, match="GemmaX is not supported"):
        causal_convert.convert(tool, model, tmp_path / "n.gguf", "f16", environ)


def test_an_archive_without_a_converter(tmp_path: Path) -> None:
    archive = packed(tmp_path / "a.tar.gz", {"src/llama.cpp": "no"})
    with pytest.raises(TrainingError, match="holds no convert"):
        causal_convert.unpack(archive, tmp_path / "cache")
    assert not (tmp_path / "cache").exists()


def test_the_command(llama: Path, tmp_path: Path) -> None:
    from click.testing import CliRunner

    from freehold.cli.main import main

    out = tmp_path / "shop.gguf"
    args = ["gguf", str(llama), "--out", str(out), "--numbers", "f16", "--json"]
    done = CliRunner().invoke(main, args)
    assert done.exit_code == 0, done.output
    assert json.loads(done.stdout)["bytes"] == out.stat().st_size
    assert fields(out)["general.name"] == "tiny"
    again = CliRunner().invoke(main, args)
    assert again.exit_code == 1
    assert "is there already" in again.output
    nothing = CliRunner().invoke(main, ["gguf", str(tmp_path)])
    assert nothing.exit_code == 1
    assert "holds no model" in nothing.output
    assert [path.name for path in tmp_path.iterdir()] == ["shop.gguf"]
