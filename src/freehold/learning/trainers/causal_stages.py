"""Two stages of training: answers (SFT), then preferences (DPO), each from its last checkpoint."""

import json
import math
import shutil
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from freehold.core.training import Progress
from freehold.learning.trainers.causal_base import Base, device_of, dtype_of, load
from freehold.learning.trainers.causal_options import Options
from freehold.learning.trainers.causal_rows import Row, plan

_MOST_BETWEEN = 200
"""Updates between two checkpoints, where the owner says nothing."""
DONE = "done"


def sft(
    base: Base,
    tokenizer: Any,
    rows: tuple[Sequence[Row], Sequence[Row]],
    options: Options,
    seed: int,
    folder: Path,
    progress: Progress,
) -> str:
    """Learn the answers; the adapter lies in ``folder/done`` then. Returns a note, or nothing."""
    from peft import LoraConfig, get_peft_model
    from transformers import set_seed
    from trl import SFTConfig, SFTTrainer

    if (folder / DONE).is_dir():
        return ""
    model = load(base, options)
    # peft draws the adapter's first weights.
    set_seed(seed)
    lora = LoraConfig(
        r=options.rank,
        lora_alpha=options.alpha,
        lora_dropout=options.dropout,
        target_modules=options.targets,
        task_type="CAUSAL_LM",
    )
    model = get_peft_model(model, lora)
    train, held_out = ([_answered(row) for row in part] for part in rows)
    order = plan(rows[0], options.epochs, seed)
    config = SFTConfig(
        **_arguments(options, len(order), options.epochs, bool(held_out), folder, seed),
        learning_rate=options.learning_rate,
        max_length=None,
        dataset_kwargs={"skip_prepare_dataset": True},
    )
    made = _quiet(SFTTrainer)
    return _run(made, model, tokenizer, config, (train, order, held_out), options, folder, progress)


def dpo(
    base: Base,
    tokenizer: Any,
    rows: tuple[Sequence[Row], Sequence[Row]],
    options: Options,
    seed: int,
    folders: tuple[Path, Path],
    progress: Progress,
) -> str:
    """Learn to prefer the right answer to the wrong one, from where ``folders[0]/done`` stands;
    that is also what it must not stray far from. The adapter lies in ``folders[1]/done`` then.
    """
    from peft import PeftModel
    from trl import DPOConfig, DPOTrainer

    before, folder = folders
    if (folder / DONE).is_dir():
        return ""
    model = PeftModel.from_pretrained(load(base, options), before / DONE, is_trainable=True)
    train, held_out = ([_paired(row) for row in part] for part in rows)
    order = plan(rows[0], options.dpo_epochs, seed)
    config = DPOConfig(
        **_arguments(options, len(order), options.dpo_epochs, bool(held_out), folder, seed),
        learning_rate=options.dpo_rate,
        beta=options.beta,
        # Preferences alone may make both answers less likely, the right one only slower.
        loss_type=["sigmoid", "sft"],
        loss_weights=[1.0, options.anchor],
        max_length=None,
    )
    # The rows are token ids already, cut as those of the first stage.
    made = _quiet(DPOTrainer, _prepare_dataset=lambda _self, dataset, *_rest: dataset)
    return _run(made, model, tokenizer, config, (train, order, held_out), options, folder, progress)


def _answered(row: Row) -> dict[str, list[int]]:
    labels = [-100] * len(row.prompt) + row.answer
    return {"input_ids": [*row.prompt, *row.answer], "labels": labels}


def _paired(row: Row) -> dict[str, list[int]]:
    return {"prompt_ids": row.prompt, "chosen_ids": row.answer, "rejected_ids": row.rejected}


def _arguments(
    options: Options, seen: int, epochs: int, held_out: bool, folder: Path, seed: int
) -> dict[str, Any]:
    """What both stages hand to their trainer."""
    updates = max(1, math.ceil(seen / (options.batch * options.accumulate)))
    each = options.checkpoint_steps or min(_MOST_BETWEEN, max(1, updates // epochs))
    gpu = device_of(options) == "cuda"
    return {
        "output_dir": str(folder),
        # All epochs are laid out in the plan: what is seen, and in which order, is the seed's.
        "num_train_epochs": 1,
        "train_sampling_strategy": "sequential",
        "per_device_train_batch_size": options.batch,
        "per_device_eval_batch_size": options.batch,
        "gradient_accumulation_steps": options.accumulate,
        "warmup_steps": options.warmup,
        "lr_scheduler_type": "cosine",
        "logging_steps": max(1, updates // 100),
        "logging_nan_inf_filter": False,
        "eval_strategy": "steps" if held_out else "no",
        "eval_steps": each,
        "save_strategy": "steps",
        "save_steps": each,
        "save_total_limit": 2,
        "load_best_model_at_end": held_out,
        "metric_for_best_model": "eval_loss" if held_out else None,
        "greater_is_better": False if held_out else None,
        "report_to": "none",
        "push_to_hub": False,
        "disable_tqdm": True,
        "use_cpu": not gpu,
        "bf16": gpu and dtype_of(options) == "bfloat16",
        "gradient_checkpointing": gpu,
        "dataloader_pin_memory": gpu,
        "remove_unused_columns": False,
        "seed": seed,
        "data_seed": seed,
    }


def _run(
    kind: Any,
    model: Any,
    tokenizer: Any,
    config: Any,
    data: tuple[list[Any], list[int], list[Any]],
    options: Options,
    folder: Path,
    progress: Progress,
) -> str:
    from datasets import Dataset
    from transformers import EarlyStoppingCallback, PrinterCallback

    train, order, held_out = data
    callbacks = [_told(folder.name, progress)]
    if options.patience and held_out:
        callbacks.append(EarlyStoppingCallback(options.patience))
    # trl refuses several GPUs in one process; the first is used.
    config._n_gpu = min(1, config.n_gpu)
    trainer = kind(
        model=model,
        args=config,
        train_dataset=Dataset.from_list(train).select(order),
        eval_dataset=Dataset.from_list(held_out) if held_out else None,
        processing_class=tokenizer,
        callbacks=callbacks,
    )
    trainer.remove_callback(PrinterCallback)
    trainer.train(resume_from_checkpoint=last(folder))
    total, now = trainer.state.max_steps, trainer.state.global_step
    _keep(model, folder)
    if now >= total:
        return ""
    return f"{folder.name}: stopped early after {now} of {total} updates, the best one is kept"


def last(folder: Path) -> str | None:
    """The newest checkpoint that was written whole; one that was cut short is removed."""
    whole: list[tuple[int, Path]] = []
    for path in folder.glob("checkpoint-*"):
        try:
            # It is the last file of a checkpoint to be written.
            step = step_of(path)
        except (OSError, ValueError, KeyError):
            shutil.rmtree(path, ignore_errors=True)
        else:
            whole.append((step, path))
    return str(max(whole)[1]) if whole else None


def step_of(checkpoint: Path) -> int:
    """After how many updates it was written.

    Raises:
        OSError, ValueError, KeyError: it was cut short.
    """
    return int(json.loads((checkpoint / "trainer_state.json").read_text("utf-8"))["global_step"])


def _keep(model: Any, folder: Path) -> None:
    """The adapter alone, whole or not at all; the states of the optimizer are of no use now."""
    making = folder / "making"
    shutil.rmtree(making, ignore_errors=True)
    model.save_pretrained(making, selected_adapters=["default"])
    making.rename(folder / DONE)
    for path in folder.glob("checkpoint-*"):
        shutil.rmtree(path)


def _quiet(kind: Any, **methods: Any) -> Any:
    """A trl trainer that tells nobody: by itself it reports each run to its makers."""
    return type(kind.__name__, (kind,), {"_send_telemetry": lambda _self: None, **methods})


def _told(stage: str, progress: Progress) -> Any:
    from transformers import TrainerCallback

    losses: dict[str, float] = {}

    def on_log(_self: Any, _args: Any, _state: Any, _control: Any, **kw: Any) -> None:
        for name in ("loss", "eval_loss"):
            value = (kw.get("logs") or {}).get(name)
            if value is not None:
                losses[name] = float(value)

    def on_step_end(_self: Any, _args: Any, state: Any, _control: Any, **_kw: Any) -> None:
        progress(stage, state.global_step, state.max_steps, **losses)

    def on_train_begin(_self: Any, _args: Any, state: Any, _control: Any, **_kw: Any) -> None:
        if state.global_step:  # an earlier run came so far
            progress(stage, state.global_step, state.max_steps)

    methods: dict[str, Callable[..., None]] = {
        "on_train_begin": on_train_begin, "on_log": on_log, "on_step_end": on_step_end,
    }  # fmt: skip
    return type("Told", (TrainerCallback,), methods)()
