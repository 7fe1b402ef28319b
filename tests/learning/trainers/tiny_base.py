"""A tiny base of the Llama architecture with its own tokenizer, and corrections to learn from."""

import json
from functools import lru_cache
from pathlib import Path

from freehold.core.training import Example

STORES = ["Leeds", "York", "Bath", "Derby", "Ely", "Truro", "Wells", "Ripon", "Hull", "Exeter"]
STEPS = 80
THINGS = ["lamp", "chair", "kettle", "carpet", "mirror", "café table"]


def examples(pairs: bool = True) -> list[Example]:
    """Questions of customers: the right answer names the days, the model's own is a refusal."""
    rows = []
    for number, (store, thing) in enumerate((s, t) for s in STORES for t in THINGS):
        days = 14 if thing in {"lamp", "kettle"} else 30
        rows.append(
            Example(
                id=f"case_{number}",
                messages=(
                    {"role": "system", "content": "You are a shop's agent."},
                    {"role": "user", "content": f"Can I return a {thing} in {store}?"},
                ),
                split="validation" if number % 5 == 4 else "train",
                conversation=f"conv_{number}",
                answer=f"Yes, a {thing} within {days} days in {store}.",
                rejected=f"Sorry, {store} takes no {thing} back." if pairs else "",
            )
        )
    return rows


def corpus() -> list[str]:
    return [
        text
        for row in examples()
        for text in (
            row.messages[1]["content"],
            row.answer,
            row.rejected,
            "System: User: Assistant:",
        )
    ]


def build(folder: Path, *, window: int = 128, template: bool = True, steps: int = STEPS) -> Path:
    """A base with 0.1 million parameters and a SentencePiece tokenizer, in Hugging Face's form."""
    import torch
    from transformers import LlamaConfig, LlamaForCausalLM

    folder.mkdir(parents=True, exist_ok=True)
    (folder / "tokenizer.model").write_bytes(_pieces())
    from transformers import LlamaTokenizer

    tokenizer = LlamaTokenizer.from_pretrained(folder, legacy=False)
    if template:
        tokenizer.chat_template = (
            "{{ bos_token }}{% for m in messages %}[{{ m['role'] }}] {{ m['content'] }}"
            "{% if m['role'] == 'assistant' %}{{ eos_token }}{% endif %}{% endfor %}"
            "{% if add_generation_prompt %}[assistant] {% endif %}"
        )
    tokenizer.save_pretrained(folder)
    torch.manual_seed(7)
    config = LlamaConfig(
        vocab_size=len(tokenizer),
        hidden_size=64,
        intermediate_size=128,
        num_hidden_layers=2,
        num_attention_heads=4,
        num_key_value_heads=2,
        max_position_embeddings=window,
        bos_token_id=tokenizer.bos_token_id,
        eos_token_id=tokenizer.eos_token_id,
    )
    model = LlamaForCausalLM(config)
    _pretrain(model, tokenizer, steps)
    model.save_pretrained(folder)
    return folder


def _pretrain(model, tokenizer, steps: int) -> None:
    """All weights, on what the model says by itself: it refuses. An adapter alone makes no words
    out of random numbers.
    """
    import torch

    from freehold.text.local.chats import answer_ids, prompt_ids, turns

    rows = []
    for example in examples():
        said = turns(example.messages, tokenizer.all_special_tokens)
        after = answer_ids(tokenizer, said, example.rejected)
        rows.append([*prompt_ids(tokenizer, said), *after])
        rows.append(tokenizer(example.answer)["input_ids"])
    longest = max(map(len, rows))
    ids = torch.tensor([[*row, *[-100] * (longest - len(row))] for row in rows])
    adam = torch.optim.AdamW(model.parameters(), lr=1e-2)
    order = torch.Generator().manual_seed(7)
    for _ in range(steps):
        part = ids[torch.randperm(len(ids), generator=order)[:24]]
        loss = model(
            input_ids=part.clamp(min=0), attention_mask=(part >= 0).long(), labels=part
        ).loss
        loss.backward()
        adam.step()
        adam.zero_grad()


@lru_cache
def _pieces() -> bytes:
    from io import BytesIO

    import sentencepiece

    model = BytesIO()
    sentencepiece.SentencePieceTrainer.train(
        sentence_iterator=iter(corpus()),
        model_writer=model,
        model_type="bpe",
        vocab_size=400,
        byte_fallback=True,
        hard_vocab_limit=False,
        minloglevel=2,
    )
    return model.getvalue()


def report(out: Path) -> dict:
    return json.loads((out / "training.json").read_text("utf-8"))


def build_bpe(folder: Path, kind: str = "qwen2") -> Path:
    """An untrained one of Qwen's architecture with a byte-level BPE tokenizer, split as Qwen's."""
    from tokenizers import Regex, Tokenizer, decoders, models, pre_tokenizers, trainers
    from transformers import AutoModelForCausalLM, PreTrainedTokenizerFast, Qwen2Config, Qwen3Config

    from freehold.learning.trainers.causal_vocabulary import _LETTERS

    bpe = Tokenizer(models.BPE())
    split = pre_tokenizers.Split(Regex(_LETTERS % r"\p{N}"), "isolated")
    level = pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)
    bpe.pre_tokenizer = pre_tokenizers.Sequence([split, level])
    bpe.decoder = decoders.ByteLevel()
    special = ["<|endoftext|>", "<|im_start|>", "<|im_end|>"]
    trainer = trainers.BpeTrainer(
        vocab_size=380,
        special_tokens=special,
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    bpe.train_from_iterator(corpus(), trainer)
    tokenizer = PreTrainedTokenizerFast(
        tokenizer_object=bpe, eos_token="<|im_end|>", pad_token="<|endoftext|>"
    )
    tokenizer.chat_template = (
        "{% for m in messages %}<|im_start|>{{ m['role'] }}\n{{ m['content'] }}<|im_end|>\n"
        "{% endfor %}{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"
    )
    folder.mkdir(parents=True, exist_ok=True)
    tokenizer.save_pretrained(folder)
    sizes = {
        "vocab_size": 384,  # a few rows more than tokens, as Qwen's own have
        "hidden_size": 64,
        "intermediate_size": 96,
        "num_hidden_layers": 2,
        "num_attention_heads": 4,
        "num_key_value_heads": 2,
        "max_position_embeddings": 128,
        "tie_word_embeddings": True,
    }
    config = Qwen2Config(**sizes) if kind == "qwen2" else Qwen3Config(**sizes, head_dim=32)
    AutoModelForCausalLM.from_config(config).save_pretrained(folder)
    return folder
