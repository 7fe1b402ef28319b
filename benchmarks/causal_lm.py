"""What LoRA teaches a small language model, and how long it takes: the figures of one page.

    python -m benchmarks.causal_lm DATA [--json] [--write]

DATA is a folder with ``dialogues/airline_gpt4o.jsonl`` and ``retail/db.json``. A base with 1.4
million parameters is made first, from an airline's dialogues and a shop's refusals; then it is
trained on answers about a shop's orders, as an expert would have given them in place of the
refusals. The orders' context stands in the prompt; a fifth of the orders is held out. ``--write``
puts the figures between the marks of ``docs/explanation/causal-lm.md``. Progress goes to stderr.
"""

import argparse
import json
import sys
import tempfile
import time
from pathlib import Path
from random import Random
from typing import Any

from benchmarks.marked import rewrite
from freehold.core.training import Example, TrainingJob
from freehold.learning.datasets.memory import MemoryDataset
from freehold.learning.trainers import trainer_of
from freehold.text.local.chats import TEMPLATE, answer_ids, prompt_ids, turns

PAGE = Path(__file__).resolve().parents[1] / "docs" / "explanation" / "causal-lm.md"
BEGIN, END = "<!-- figures: causal-lm -->", "<!-- end of figures -->"
SEED, ORDERS, STEPS, WIDTH = 0, 600, 600, 128
OPTIONS: dict[str, Any] = {
    "epochs": 6,
    "learning_rate": 3e-3,
    "rank": 16,
    "batch": 16,
    "accumulate": 1,
    "dpo_rate": 2e-4,
    "max_length": 192,
    "max_tokens": 48,
    "judged": 120,
    "device": "cpu",
}
REFUSAL = "I am sorry, I can not see your orders. Please call our service."


def orders(folder: Path) -> list[Example]:
    """Questions about a shop's orders, with what the shop's own system knows of each."""
    known = json.loads((folder / "retail/db.json").read_text("utf-8"))["orders"]
    names = sorted(known)
    Random(SEED).shuffle(names)
    made = []
    for number, name in enumerate(names[:ORDERS]):
        order = known[name]
        items = ", ".join(item["name"] for item in order["items"][:2])
        status = order["status"]
        made.append(
            Example(
                id=name,
                conversation=name,
                messages=(
                    {"role": "system", "content": f"Order: {status}. Items: {items}."},
                    {"role": "user", "content": "Where is what I have ordered?"},
                ),
                split="validation" if number % 5 == 0 else "train",
                answer=f"Your order of {items} is {status}.",
                rejected=REFUSAL,
            )
        )
    return made


def dialogues(folder: Path) -> list[str]:
    """What customers and agents said, turn by turn."""
    path = folder / "dialogues/airline_gpt4o.jsonl"
    lines = path.read_text("utf-8").splitlines()
    return [
        f"{message['role'].capitalize()}: {message['content']}"
        for line in lines
        for message in json.loads(line)["messages"]
        if message["role"] in {"user", "assistant"} and message.get("content")
    ]


def make_base(folder: Path, said: list[str], rows: list[Example]) -> int:
    """A base that has read dialogues, and refuses what the shop is asked; how many parameters."""
    import torch
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
    from transformers import LlamaConfig, LlamaForCausalLM, PreTrainedTokenizerFast

    bpe = Tokenizer(models.BPE())
    bpe.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    bpe.decoder = decoders.ByteLevel()
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    train = trainers.BpeTrainer(
        vocab_size=2048, special_tokens=["<s>", "</s>"], initial_alphabet=alphabet
    )
    texts = [*said, *(f"{m['content']}" for row in rows for m in row.messages), REFUSAL]
    bpe.train_from_iterator(texts, train)
    tokenizer = PreTrainedTokenizerFast(tokenizer_object=bpe, bos_token="<s>", eos_token="</s>")
    tokenizer.chat_template = TEMPLATE
    tokenizer.save_pretrained(folder)
    torch.manual_seed(SEED)
    config = LlamaConfig(
        vocab_size=len(tokenizer),
        hidden_size=WIDTH,
        intermediate_size=3 * WIDTH,
        num_hidden_layers=4,
        num_attention_heads=4,
        num_key_value_heads=4,
        max_position_embeddings=256,
        bos_token_id=0,
        eos_token_id=1,
    )
    model = LlamaForCausalLM(config)
    stream = [token for text in said for token in tokenizer(text)["input_ids"]]
    asked = []
    for row in rows:
        told = turns(row.messages, ())
        asked.append([*prompt_ids(tokenizer, told), *answer_ids(tokenizer, told, REFUSAL)])
    _pretrain(model, stream, asked)
    model.save_pretrained(folder)
    return sum(p.numel() for p in model.parameters())


def _pretrain(model: Any, stream: list[int], asked: list[list[int]]) -> None:
    import torch

    draw = Random(SEED)
    adam = torch.optim.AdamW(model.parameters(), lr=2e-3)
    for step in range(STEPS):
        starts = [draw.randrange(len(stream) - 96) for _ in range(8)]
        rows = [stream[at : at + 96] for at in starts] + draw.sample(asked, 4)
        longest = max(map(len, rows))
        ids = torch.tensor([[*row, *[-100] * (longest - len(row))] for row in rows])
        seen = (ids >= 0).long()
        loss = model(input_ids=ids.clamp(min=0), attention_mask=seen, labels=ids).loss
        loss.backward()
        adam.step()
        adam.zero_grad()
        if step % 50 == 0:
            print(f"base: step {step} of {STEPS}, loss {loss.item():.3f}", file=sys.stderr)


def measured(folder: Path) -> dict[str, Any]:
    """Everything, on one core."""
    import torch

    torch.set_num_threads(1)
    rows = orders(folder)
    with tempfile.TemporaryDirectory() as place:
        base, out = Path(place, "base"), Path(place, "out")
        began = time.perf_counter()
        size = make_base(base, dialogues(folder), [r for r in rows if r.split == "train"])
        made = time.perf_counter()
        job = TrainingJob(model="shop", out=out, options=OPTIONS, seed=SEED, base=str(base))
        done = trainer_of("causal-lm").train(MemoryDataset("orders", rows), job, _tell)
        ended = time.perf_counter()
        sizes = {p.name: p.stat().st_size for p in out.rglob("*") if p.is_file()}
    return {
        "parameters": size,
        "seconds_base": round(made - began),
        "seconds": round(ended - made),
        "adapter_bytes": sizes["adapter_model.safetensors"],
        "safetensors_bytes": sizes["model.safetensors"],
        "gguf_bytes": sizes["model.gguf"],
        "notes": list(done.notes),
        **done.figures,
    }


def _tell(stage: str, done: int, total: int, **figures: float) -> None:
    if done % 20 == 0:
        print(stage, done, total, figures, file=sys.stderr)


def table(told: dict[str, Any]) -> str:
    """The figures as Markdown."""
    rows = [
        ("held-out loss, nats a token", f"{told['loss_before']:.2f}", f"{told['loss_after']:.2f}"),
        (
            "margin of the right answer, nats",
            f"{told['margin_before']:.1f}",
            f"{told['margin_after']:.1f}",
        ),
        (
            "pairs whose right answer is preferred",
            f"{told['prefers_before']:.0%}",
            f"{told['prefers_after']:.0%}",
        ),
    ]
    lines = ["| on held-out orders | base | trained |", "|---|---|---|"]
    lines += [f"| {name} | {before} | {after} |" for name, before, after in rows]
    said = (
        f"{told['parameters'] / 1e6:.1f} million parameters, {told['rows']:.0f} corrections,"
        f" {told['held_out']:.0f} orders held out; {told['seconds']} seconds on one core of a busy"
        f" machine, measuring and writing included. Of {told['judged']:.0f} answers of its own,"
        f" {told['accuracy']:.0%} are right. It is sure enough of {told['coverage']:.0%} to give"
        f" them alone, with a precision of 90 %; the others it leaves to the next model. Adapter"
        f" {told['adapter_bytes'] / 2**20:.1f} MiB, merged {told['safetensors_bytes'] / 2**20:.1f}"
        f" MiB, GGUF (q8_0) {told['gguf_bytes'] / 2**20:.1f} MiB."
    )
    return "\n".join([*lines, "", said])


def main() -> None:
    """Measure, print, and write where asked."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("data", type=Path)
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--write", action="store_true")
    asked = parser.parse_args()
    told = measured(asked.data)
    print(json.dumps(told, indent=2) if asked.json else table(told))
    if asked.write:
        rewrite(PAGE, BEGIN, END, table(told))


if __name__ == "__main__":
    main()
