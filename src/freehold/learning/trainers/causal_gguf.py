"""GGUF, for llama.cpp and Ollama, of the architectures that most small models have.

Llama, Mistral, Qwen 2 and Qwen 3 are written here, tensor by tensor, with the name tables and the
quantisation of the `gguf` package; for others llama.cpp's own converter is started
(`causal_convert`). After ``convert_hf_to_gguf.py`` of llama.cpp (MIT).
"""

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from msgspec import Struct

from freehold.learning.trainers.causal_vocabulary import Unsupported, Vocabulary, vocabulary

_ARCHITECTURES = {
    "LlamaForCausalLM": "llama",
    "MistralForCausalLM": "llama",
    "Qwen2ForCausalLM": "qwen2",
    "Qwen3ForCausalLM": "qwen3",
}


class _Told(Struct, frozen=True):
    name: str
    shape: tuple[int, ...]
    kind: Any


def write(folder: Path, path: Path, numbers: str, name: str) -> None:
    """From a folder of a Hugging Face model.

    One tensor is in memory at a time. ``numbers`` is ``f32``, ``f16``, ``bf16`` or ``q8_0``;
    ``name`` is what the file calls the model.

    Raises:
        Unsupported: its architecture or its tokenizer is none of those known here; says which.
        OSError: it can't be read or written.
    """
    import gguf

    config = json.loads((folder / "config.json").read_text("utf-8"))
    arch = _architecture(config)
    words = vocabulary(folder, int(config["vocab_size"]))
    writer = gguf.GGUFWriter(path, arch)
    try:
        _hyper(writer, config, name, numbers, gguf)
        _words(writer, words)
        names = gguf.get_tensor_name_map(_enum(gguf, arch), config["num_hidden_layers"])
        for told in _kinds(folder, names, numbers, gguf):
            shape = gguf.quants.quant_shape_to_byte_shape(told.shape, told.kind)
            quantised = told.kind not in {
                gguf.GGMLQuantizationType.F32,
                gguf.GGMLQuantizationType.F16,
            }
            writer.add_tensor_info(
                told.name,
                shape if quantised else told.shape,
                _dtype(told.kind, gguf),
                _size(told, gguf),
                raw_dtype=told.kind if quantised else None,
            )
        extra = _rope_factors(config)
        if extra is not None:
            writer.add_tensor_info("rope_freqs.weight", extra.shape, extra.dtype, extra.nbytes)
        writer.write_header_to_file()
        writer.write_kv_data_to_file()
        writer.write_ti_data_to_file()
        for told, values in _values(folder, names, numbers, config, arch, gguf):
            writer.write_tensor_data(gguf.quants.quantize(values, told.kind))
        if extra is not None:
            writer.write_tensor_data(extra)
    finally:
        writer.close()


def _architecture(config: Mapping[str, Any]) -> str:
    named = (config.get("architectures") or ["unknown"])[0]
    arch = _ARCHITECTURES.get(named)
    if arch is None:
        raise Unsupported(f"its architecture is {named}")
    if config.get("quantization_config"):
        raise Unsupported("its weights are quantised already")
    if config.get("use_sliding_window"):
        raise Unsupported("it has a sliding window")
    rope = _rope(config)
    if rope.get("rope_type", "default") not in {"default", "llama3"}:
        raise Unsupported(f"its positions are scaled by `{rope['rope_type']}`")
    return arch


def _rope(config: Mapping[str, Any]) -> Mapping[str, Any]:
    old = config.get("rope_scaling") or {}
    rope: Mapping[str, Any] = config.get("rope_parameters") or old
    return rope


def _hyper(writer: Any, config: Mapping[str, Any], name: str, numbers: str, gguf: Any) -> None:
    heads = config["num_attention_heads"]
    width = config.get("head_dim") or config["hidden_size"] // heads
    writer.add_type(gguf.GGUFType.MODEL)
    writer.add_name(name)
    writer.add_block_count(config["num_hidden_layers"])
    writer.add_context_length(config["max_position_embeddings"])
    writer.add_embedding_length(config["hidden_size"])
    writer.add_feed_forward_length(config["intermediate_size"])
    writer.add_head_count(heads)
    writer.add_head_count_kv(config.get("num_key_value_heads") or heads)
    theta = _rope(config).get("rope_theta") or config.get("rope_theta") or 10_000.0
    writer.add_rope_freq_base(float(theta))
    writer.add_layer_norm_rms_eps(config["rms_norm_eps"])
    if config.get("head_dim"):
        writer.add_key_length(width)
        writer.add_value_length(width)
    writer.add_vocab_size(config["vocab_size"])
    writer.add_rope_dimension_count(width)
    writer.add_file_type(_file_type(numbers, gguf))
    writer.add_quantization_version(gguf.GGML_QUANT_VERSION)


def _words(writer: Any, words: Vocabulary) -> None:
    writer.add_tokenizer_model(words.model)
    writer.add_tokenizer_pre(words.pre)
    writer.add_token_list(words.tokens)
    if words.scores:
        writer.add_token_scores(words.scores)
    writer.add_token_types(words.kinds)
    if words.merges:
        writer.add_token_merges(words.merges)
    special = words.special
    if special.bos is not None:
        writer.add_bos_token_id(special.bos)
    if special.eos is not None:
        writer.add_eos_token_id(special.eos)
    if special.unk is not None:
        writer.add_unk_token_id(special.unk)
    if special.pad is not None:
        writer.add_pad_token_id(special.pad)
    writer.add_add_bos_token(special.begins)
    writer.add_add_eos_token(False)
    if words.model == "llama":
        writer.add_add_space_prefix(special.spaced)
    if words.template:
        writer.add_chat_template(words.template)


def _kinds(folder: Path, names: Any, numbers: str, gguf: Any) -> Iterator[_Told]:
    for opened, key in _tensors(folder):
        shape = tuple(opened.get_slice(key).get_shape())
        yield _Told(_named(key, names), shape, _kind(shape, numbers, gguf))


def _values(
    folder: Path, names: Any, numbers: str, config: Mapping[str, Any], arch: str, gguf: Any
) -> Iterator[tuple[_Told, Any]]:
    heads = config["num_attention_heads"]
    groups = config.get("num_key_value_heads") or heads
    for opened, key in _tensors(folder):
        values = opened.get_tensor(key).float().numpy()
        if arch == "llama" and ".q_proj." in key:
            values = _turned(values, heads)
        if arch == "llama" and ".k_proj." in key:
            values = _turned(values, groups)
        yield (
            _Told(_named(key, names), values.shape, _kind(values.shape, numbers, gguf)),
            values,
        )


def _tensors(folder: Path) -> Iterator[tuple[Any, str]]:
    from safetensors import safe_open

    for path in sorted(folder.glob("*.safetensors")):
        with safe_open(path, framework="pt") as opened:
            for key in sorted(opened.keys()):
                # Old checkpoints carry what is computed from the configuration.
                if not key.endswith("rotary_emb.inv_freq"):
                    yield opened, key


def _named(key: str, names: Any) -> str:
    found: str | None = names.get_name(key, try_suffixes=(".weight", ".bias"))
    if found is None:
        raise Unsupported(f"it has a tensor that has no name in GGUF: {key}")
    return found


def _turned(values: Any, heads: int) -> Any:
    """Rotary positions: halves of a head as Hugging Face has them, to pairs as llama.cpp does."""
    rows = values.shape[0] // heads // 2
    shaped = values.reshape(heads, 2, rows, *values.shape[1:])
    return shaped.swapaxes(1, 2).reshape(values.shape)


def _kind(shape: tuple[int, ...], numbers: str, gguf: Any) -> Any:
    kinds = gguf.GGMLQuantizationType
    if len(shape) == 1 or numbers == "f32":
        return kinds.F32
    if numbers == "q8_0":
        # Blocks of 32 numbers share a scale: other rows can't be cut into them.
        return kinds.Q8_0 if shape[-1] % 32 == 0 else kinds.F16
    return kinds.F16 if numbers == "f16" else kinds.BF16


def _size(told: _Told, gguf: Any) -> int:
    import math

    block, size = gguf.GGML_QUANT_SIZES[told.kind]
    return int(math.prod(told.shape) // block * size)


def _dtype(kind: Any, gguf: Any) -> Any:
    import numpy as np

    kinds = gguf.GGMLQuantizationType
    names = {kinds.F32: np.float32, kinds.F16: np.float16}
    return np.dtype(names.get(kind, np.uint8))


def _file_type(numbers: str, gguf: Any) -> Any:
    kinds = gguf.LlamaFileType
    return {
        "f32": kinds.ALL_F32,
        "f16": kinds.MOSTLY_F16,
        "bf16": kinds.MOSTLY_BF16,
        "q8_0": kinds.MOSTLY_Q8_0,
    }[numbers]


def _enum(gguf: Any, arch: str) -> Any:
    return next(key for key, name in gguf.MODEL_ARCH_NAMES.items() if name == arch)


def _rope_factors(config: Mapping[str, Any]) -> Any:
    """Llama 3.1's stretched positions, as the factor of each frequency; ``None`` for others."""
    import numpy as np

    rope = _rope(config)
    if rope.get("rope_type") != "llama3":
        return None
    width = config.get("head_dim") or config["hidden_size"] // config["num_attention_heads"]
    base = float(rope.get("rope_theta") or config.get("rope_theta") or 10_000.0)
    wave = 2 * np.pi * base ** (np.arange(0, width, 2, dtype=np.float64) / width)
    factor, low, high = (
        float(rope.get(key, default))
        for key, default in (("factor", 8), ("low_freq_factor", 1), ("high_freq_factor", 4))
    )
    long = float(rope.get("original_max_position_embeddings", 8192))
    smooth = (long / wave - low) / (high - low)
    between = 1 / ((1 - smooth) / factor + smooth)
    made = np.where(wave < long / high, 1.0, np.where(wave > long / low, factor, between))
    return made.astype(np.float32)
