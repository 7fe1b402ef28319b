"""The same training elsewhere: recipes for Axolotl, LLaMA-Factory and Unsloth, with their data.

They are made for large GPUs and are no part of Freehold: what is written here are plain files that
they read, with the options of the bundle in their words.
"""

import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import yaml

from freehold.core.errors import TrainingError
from freehold.core.training import Dataset, Example, TrainingJob
from freehold.learning.trainers.causal_options import Options, read
from freehold.text.local.chats import Turn, taking_turns, turns

_NOTE = """\
# Written by Freehold from the dataset {name} ({digest}).
# The data beside it are texts of your customers: keep them as you keep the dataset.
"""


def write(dataset: Dataset, job: TrainingJob, folder: Path) -> tuple[str, ...]:
    """Write ``sft_*.jsonl``, ``dpo_*.jsonl`` and a recipe for each tool; the names of the files.

    Rows of weight 0 and rows without an answer are left out; other weights these tools don't know.

    Raises:
        TrainingError: an option is wrong, or no row has an answer.
    """
    try:
        options = read(job.options)
    except ValueError as error:
        raise TrainingError(str(error)) from None
    rows = {part: _usable(dataset.rows(part)) for part in ("train", "validation")}
    if not rows["train"]:
        raise TrainingError("a recipe needs rows with an answer, and the training part has none")
    folder.mkdir(parents=True, exist_ok=True)
    made: list[str] = []
    for part, examples in rows.items():
        made += _lines(folder, f"sft_{part}.jsonl", (_chat(*e) for e in examples))
        pairs = (_pair(*e) for e in examples if e[0].rejected.strip())
        made += _lines(folder, f"dpo_{part}.jsonl", pairs)
    files = set(made)
    head = _NOTE.format(name=dataset.name, digest=dataset.digest)
    made += _recipes(folder, head, _Words(job, options, files))
    info = json.dumps(_factory_data(files), indent=2, sort_keys=True)
    (folder / "dataset_info.json").write_text(info + "\n", "utf-8")
    return (*made, "dataset_info.json")


class _Words:
    """What all three are told."""

    def __init__(self, job: TrainingJob, options: Options, files: set[str]) -> None:
        self.job = job
        self.options = options
        self.validated = "sft_validation.jsonl" in files
        self.pairs = options.dpo and "dpo_train.jsonl" in files


def _recipes(folder: Path, head: str, words: _Words) -> list[str]:
    made: dict[str, dict[str, Any]] = {"axolotl_sft.yaml": _axolotl(words, dpo=False)}
    made["llamafactory_sft.yaml"] = _factory(words, dpo=False)
    if words.pairs:
        made["axolotl_dpo.yaml"] = _axolotl(words, dpo=True)
        made["llamafactory_dpo.yaml"] = _factory(words, dpo=True)
    made["unsloth.yaml"] = _unsloth(words)
    for name, content in made.items():
        said = yaml.safe_dump(content, sort_keys=False, allow_unicode=True)
        (folder / name).write_text(head + said, "utf-8")
    return list(made)


def _axolotl(words: _Words, *, dpo: bool) -> dict[str, Any]:
    job, options = words.job, words.options
    made = {
        "base_model": job.base,
        "adapter": "lora",
        "lora_r": options.rank,
        "lora_alpha": options.alpha,
        "lora_dropout": options.dropout,
        "sequence_len": options.max_length,
        "micro_batch_size": options.batch,
        "gradient_accumulation_steps": options.accumulate,
        "num_epochs": options.dpo_epochs if dpo else options.epochs,
        "learning_rate": options.dpo_rate if dpo else options.learning_rate,
        "lr_scheduler": "cosine",
        "warmup_ratio": options.warmup,
        "optimizer": "adamw_torch",
        "bf16": "auto",
        "seed": job.seed,
        "train_on_inputs": False,
        "save_safetensors": True,
        "output_dir": f"./out/{'dpo' if dpo else 'sft'}",
    }
    if options.targets == "all-linear":
        made["lora_target_linear"] = True
    else:
        made["lora_target_modules"] = options.targets
    if dpo:
        # It goes on from the adapter that the first recipe has made.
        made |= {"rl": "dpo", "dpo_beta": options.beta, "lora_model_dir": "./out/sft"}
        made["datasets"] = [_axolotl_pairs("dpo_train.jsonl")]
        return made
    made["datasets"] = [_axolotl_chat("sft_train.jsonl")]
    if words.validated:
        made["test_datasets"] = [_axolotl_chat("sft_validation.jsonl") | {"split": "train"}]
    return made


def _axolotl_chat(name: str) -> dict[str, Any]:
    # Of a conversation, the last answer alone is what an expert approved.
    return {
        "path": name,
        "ds_type": "json",
        "type": "chat_template",
        "field_messages": "messages",
        "roles_to_train": [],
        "train_on_eos": "turn",
        "message_field_training": "train",
    }


def _axolotl_pairs(name: str) -> dict[str, Any]:
    return {
        "path": name,
        "ds_type": "json",
        "split": "train",
        "type": "chat_template.default",
        "field_messages": "messages",
        "field_chosen": "chosen",
        "field_rejected": "rejected",
    }


def _factory(words: _Words, *, dpo: bool) -> dict[str, Any]:
    job, options = words.job, words.options
    kind = "dpo" if dpo else "sft"
    targets = "all" if options.targets == "all-linear" else ",".join(options.targets)
    made = {
        "model_name_or_path": job.base,
        "stage": kind,
        "do_train": True,
        "finetuning_type": "lora",
        "lora_rank": options.rank,
        "lora_alpha": options.alpha,
        "lora_dropout": options.dropout,
        "lora_target": targets,
        "dataset_dir": ".",
        "dataset": "correction_pairs" if dpo else "corrections",
        "template": "default",
        "cutoff_len": options.max_length,
        "mask_history": True,
        "per_device_train_batch_size": options.batch,
        "gradient_accumulation_steps": options.accumulate,
        "num_train_epochs": float(options.dpo_epochs if dpo else options.epochs),
        "learning_rate": options.dpo_rate if dpo else options.learning_rate,
        "lr_scheduler_type": "cosine",
        "warmup_ratio": options.warmup,
        "bf16": True,
        "seed": job.seed,
        "report_to": "none",
        "output_dir": f"./out/{kind}",
    }
    if dpo:
        made |= {"pref_beta": options.beta, "pref_loss": "sigmoid"}
        made |= {"pref_ftx": options.anchor, "adapter_name_or_path": "./out/sft"}
    elif words.validated:
        made |= {"eval_dataset": "corrections_held_out", "eval_strategy": "epoch"}
    return made


def _factory_data(files: set[str]) -> dict[str, Any]:
    tags = {"role_tag": "role", "content_tag": "content", "user_tag": "user"}
    tags |= {"assistant_tag": "assistant", "system_tag": "system"}
    chat = {"formatting": "sharegpt", "columns": {"messages": "messages"}, "tags": tags}
    columns = {"messages": "messages", "chosen": "chosen", "rejected": "rejected"}
    pairs = {"formatting": "sharegpt", "ranking": True, "columns": columns, "tags": tags}
    known: dict[str, tuple[str, dict[str, Any]]] = {
        "corrections": ("sft_train.jsonl", chat),
        "corrections_held_out": ("sft_validation.jsonl", chat),
        "correction_pairs": ("dpo_train.jsonl", pairs),
    }
    return {n: {"file_name": f, **told} for n, (f, told) in known.items() if f in files}


def _unsloth(words: _Words) -> dict[str, Any]:
    """The arguments of its Python calls, by the name of the call."""
    job, options = words.job, words.options
    made: dict[str, Any] = {
        "FastLanguageModel.from_pretrained": {
            "model_name": job.base,
            "max_seq_length": options.max_length,
        },
        "FastLanguageModel.get_peft_model": {
            "r": options.rank,
            "lora_alpha": options.alpha,
            "lora_dropout": options.dropout,
            "target_modules": options.targets,
            "random_state": job.seed,
        },
        "SFTConfig": _unsloth_steps(words, options.epochs, options.learning_rate, "sft"),
        "data": {"sft": "sft_train.jsonl"},
    }
    if words.pairs:
        steps = _unsloth_steps(words, options.dpo_epochs, options.dpo_rate, "dpo")
        made["DPOConfig"] = {**steps, "beta": options.beta}
        made["data"]["dpo"] = "dpo_train.jsonl"
    return made


def _unsloth_steps(words: _Words, epochs: int, rate: float, kind: str) -> dict[str, Any]:
    return {
        "num_train_epochs": epochs,
        "learning_rate": rate,
        "per_device_train_batch_size": words.options.batch,
        "gradient_accumulation_steps": words.options.accumulate,
        "lr_scheduler_type": "cosine",
        "seed": words.job.seed,
        "report_to": "none",
        "output_dir": f"./out/{kind}",
    }


def _usable(rows: Sequence[Example]) -> list[tuple[Example, list[Turn]]]:
    told = ((row, turns(row.messages, ())) for row in rows if row.answer.strip() and row.weight)
    return [(row, taking_turns(said)) for row, said in told if said]


def _chat(row: Example, said: list[Turn]) -> dict[str, Any]:
    messages: list[dict[str, Any]] = [{**turn, "train": False} for turn in said]
    return {"messages": [*messages, {**_turn(row.answer), "train": True}]}


def _pair(row: Example, said: list[Turn]) -> dict[str, Any]:
    right, wrong = _turn(row.answer), _turn(row.rejected)
    return {"messages": said, "chosen": right, "rejected": wrong}


def _turn(content: str) -> Turn:
    return {"role": "assistant", "content": content}


def _lines(folder: Path, name: str, rows: Iterator[dict[str, Any]]) -> list[str]:
    written = 0
    with (folder / name).open("w", encoding="utf-8") as lines:
        for row in rows:
            lines.write(json.dumps(row, ensure_ascii=False) + "\n")
            written += 1
    if not written:
        (folder / name).unlink()
    return [name] if written else []
