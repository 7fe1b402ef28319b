"""A tokenizer as GGUF has it: SentencePiece, or byte-level BPE whose way to split text is known."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from msgspec import Struct

_NORMAL, _UNKNOWN, _CONTROL, _USER, _UNUSED, _BYTE = 1, 2, 3, 4, 5, 6
"""Kinds of tokens in GGUF."""

_LETTERS = (
    r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|%s"
    r"| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"
)
_SPLITS = {_LETTERS % r"\p{N}{1,3}": "llama-bpe", _LETTERS % r"\p{N}": "qwen2"}
"""How text is split before BPE → the name that llama.cpp has for it."""


class Unsupported(ValueError):
    """What is not known here, llama.cpp's own converter may know."""


class Special(Struct, frozen=True, kw_only=True):
    """Ids of special tokens; ``begins``: texts begin with ``bos``; ``spaced``: with a blank."""

    bos: int | None
    eos: int | None
    unk: int | None
    pad: int | None
    begins: bool
    spaced: bool


class Vocabulary(Struct, frozen=True, kw_only=True):
    """All tokens by id; ``scores`` for SentencePiece, ``merges`` for BPE."""

    model: str
    pre: str
    tokens: list[bytes]
    kinds: list[int]
    scores: list[float]
    merges: list[str]
    special: Special
    template: str


def vocabulary(folder: Path, size: int) -> Vocabulary:
    """Of the tokenizer in a folder, filled up to ``size`` tokens.

    Raises:
        Unsupported: it is another kind of tokenizer.
    """
    from transformers import AutoTokenizer

    tokenizer = AutoTokenizer.from_pretrained(folder, local_files_only=True)
    pieces = folder / "tokenizer.model"
    found = _pieces(pieces, size) if pieces.is_file() else _pairs(folder / "tokenizer.json", size)
    tokens, kinds, scores, merges, pre = found
    for index, added in sorted(tokenizer.added_tokens_decoder.items()):
        if index >= size:
            raise Unsupported(
                f"its token {added.content!r} has no row among the {size} of the model"
            )
        if kinds[index] in {_NORMAL, _UNUSED}:
            tokens[index] = added.content.encode()
            kinds[index] = _CONTROL if added.special else _USER
    probe = tokenizer("a")["input_ids"]
    begins = tokenizer.bos_token_id is not None and probe[:1] == [tokenizer.bos_token_id]
    bare = tokenizer.convert_ids_to_tokens(tokenizer("a", add_special_tokens=False)["input_ids"])
    return Vocabulary(
        model="llama" if pieces.is_file() else "gpt2",
        pre=pre,
        tokens=tokens,
        kinds=kinds,
        scores=scores,
        merges=merges,
        special=Special(
            bos=tokenizer.bos_token_id,
            eos=tokenizer.eos_token_id,
            unk=tokenizer.unk_token_id,
            pad=tokenizer.pad_token_id,
            begins=begins,
            spaced=bool(bare) and bare[0].startswith("▁"),
        ),
        template=tokenizer.chat_template if isinstance(tokenizer.chat_template, str) else "",
    )


_Found = tuple[list[bytes], list[int], list[float], list[str], str]


def _pieces(path: Path, size: int) -> _Found:
    from sentencepiece import SentencePieceProcessor

    read = SentencePieceProcessor()
    read.LoadFromFile(str(path))
    tokens, kinds = _empty(size)
    scores = [-10_000.0] * size
    if read.vocab_size() > size:
        raise Unsupported(f"its tokenizer has {read.vocab_size()} tokens, and the model {size}")
    for index in range(read.vocab_size()):
        tokens[index] = read.IdToPiece(index).encode()
        scores[index] = read.GetScore(index)
        kinds[index] = _kind(read, index)
    return tokens, kinds, scores, [], "default"


def _kind(read: Any, index: int) -> int:
    if read.IsUnknown(index):
        return _UNKNOWN
    if read.IsControl(index):
        return _CONTROL
    if read.IsUnused(index):
        return _UNUSED
    return _BYTE if read.IsByte(index) else _NORMAL


def _pairs(path: Path, size: int) -> _Found:
    try:
        read = json.loads(path.read_text("utf-8"))
        model = read["model"]
    except (OSError, ValueError, KeyError):
        raise Unsupported("it has neither tokenizer.model nor tokenizer.json") from None
    if model.get("type") != "BPE" or model.get("byte_fallback"):
        raise Unsupported(f"its tokenizer is {model.get('type')} without its tokenizer.model")
    tokens, kinds = _empty(size)
    for token, index in model["vocab"].items():
        if index >= size:
            raise Unsupported(f"its tokenizer has more tokens than the model: {size}")
        tokens[index], kinds[index] = token.encode(), _NORMAL
    merges = [pair if isinstance(pair, str) else " ".join(pair) for pair in model["merges"]]
    return tokens, kinds, [], merges, _split(read.get("pre_tokenizer") or {})


def _split(told: Mapping[str, Any]) -> str:
    parts: list[Any] = [told]
    if told.get("type") == "Sequence":
        parts = told.get("pretokenizers") or []
    kinds = [part.get("type") for part in parts]
    if kinds == ["ByteLevel"] and parts[0].get("use_regex", True):
        return "gpt-2"
    if kinds == ["Digits", "ByteLevel"] and parts[0].get("individual_digits"):
        return "smollm"
    if kinds == ["Split", "ByteLevel"]:
        known = _SPLITS.get((parts[0].get("pattern") or {}).get("Regex", ""))
        if known:
            return known
    raise Unsupported("its tokenizer splits text in a way that is not known here")


def _empty(size: int) -> tuple[list[bytes], list[int]]:
    return [f"[PAD{index}]".encode() for index in range(size)], [_UNUSED] * size
