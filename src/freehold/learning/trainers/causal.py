"""The trainer of causal language models: LoRA on a base that the owner names.

First the right answers (SFT), then, where there are enough pairs, to prefer them to the wrong ones
(DPO). Each stage goes on from its last checkpoint; what is written at the end is the merged model,
which any engine serves.
"""

import errno
import shutil
import warnings
from collections.abc import Mapping, Sequence
from hashlib import sha256
from pathlib import Path
from typing import Any

import msgspec
from msgspec import Struct
from msgspec.structs import replace

from freehold.core.errors import TrainingError
from freehold.core.training import Dataset, Progress, Trained, TrainingJob
from freehold.learning.trainers import (
    causal_base,
    causal_files,
    causal_measure,
    causal_options,
    causal_rows,
    causal_stages,
)
from freehold.learning.trainers.causal_base import Base
from freehold.learning.trainers.causal_measure import Measured
from freehold.learning.trainers.causal_options import Options
from freehold.learning.trainers.causal_rows import Row, Rows
from freehold.text.local.causal import Speaker

KIND = "causal-lm"
CHECKPOINTS = "checkpoints"
REPORT = "training.json"
"""How it was trained and what came of it, as JSON; written last."""
_RESERVE = 256 << 20


class _Run(Struct, kw_only=True):
    """One run of a job: what every step of it needs."""

    base: Base
    tokenizer: Any
    rows: Rows
    options: Options
    job: TrainingJob
    progress: Progress
    notes: list[str]
    went_on: list[str]

    @property
    def checkpoints(self) -> Path:
        return self.job.out / CHECKPOINTS


class CausalTrainer:
    """``freehold.core.training.Trainer``."""

    kind = KIND

    def check(self, options: Mapping[str, Any]) -> None:
        """Raises: ValueError: an option is none, or can't be."""
        causal_options.read(options)

    def train(self, dataset: Dataset, job: TrainingJob, progress: Progress) -> Trained:
        """Train, measure before and after, merge and write.

        Raises:
            TrainingError: nothing can be learned from this, the base is not there, or the disk or
                the memory is full. What was trained so far is kept; the same job goes on from it.
        """
        try:
            options = causal_options.read(job.options)
        except ValueError as error:
            raise TrainingError(str(error)) from None
        causal_base.libraries()
        base = causal_base.find(job.base, options)
        made = _made_before(job.out, _mark(dataset, job, base))
        if made is not None:
            return made
        quiet = _Quiet()
        try:
            with quiet:
                return self._train(dataset, job, base, options, progress)
        except TrainingError:
            raise
        except Exception as error:  # of six libraries, each with its own kinds
            raise _explained(error, job.out) from error

    def _train(
        self, dataset: Dataset, job: TrainingJob, base: Base, options: Options, progress: Progress
    ) -> Trained:
        import torch

        if options.threads:
            torch.set_num_threads(options.threads)
        tokenizer = causal_base.tokenizer_of(base)
        progress("read", 0, 1)
        window = _window(base, options)
        rows = causal_rows.read(dataset, tokenizer, window, options, job.seed)
        progress("read", 1, 1)
        run = _Run(
            base=base,
            tokenizer=tokenizer,
            rows=rows,
            options=options,
            job=job,
            progress=progress,
            notes=list(rows.notes),
            went_on=[],
        )
        _begin(run, _mark(dataset, job, base))
        before = _before(run)
        adapter = _stages(run)
        return _finish(run, before, adapter, _mark(dataset, job, base))


def _begin(run: _Run, mark: str) -> None:
    """Checkpoints of another job (other data, options, base or seed) are of no use to this one."""
    path = run.checkpoints / "job.json"
    if run.checkpoints.is_dir() and (not path.is_file() or path.read_text("utf-8") != mark):
        shutil.rmtree(run.checkpoints)
        run.notes.append("checkpoints of another job lay there: they were removed")
    run.checkpoints.mkdir(parents=True, exist_ok=True)
    size = sum(p.stat().st_size for p in run.base.folder.glob("*.safetensors"))
    # The merged model and its GGUF, each at most as large as the base in float32.
    need, free = 4 * size + _RESERVE, shutil.disk_usage(run.job.out).free
    if free < need:
        raise TrainingError(
            f"{run.job.out} has {free >> 20} MiB free, and this needs about {need >> 20}: make room"
            " there, or train into a folder on another disk"
        )
    _write(path, mark)


def _before(run: _Run) -> Measured:
    path = run.checkpoints / "before.json"
    if path.is_file():
        return msgspec.json.decode(path.read_bytes(), type=Measured)
    run.progress("measure", 0, 2)
    model = causal_base.load(run.base, run.options)
    before = causal_measure.measure(model, run.rows.held_out, run.options.batch)
    _write(path, msgspec.json.encode(before).decode())
    run.progress("measure", 1, 2, loss=before.loss)
    return before


def _stages(run: _Run) -> Path:
    """The folder of the adapter."""
    options, seed = run.options, run.job.seed
    answers = run.checkpoints / "sft"
    _tell_resumed(run, answers)
    parts = (run.rows.train, run.rows.held_out)
    note = causal_stages.sft(run.base, run.tokenizer, parts, options, seed, answers, run.progress)
    run.notes += [note] if note else []
    pairs = _pairs(run)
    if pairs is None:
        return answers / causal_stages.DONE
    preferences = run.checkpoints / "dpo"
    _tell_resumed(run, preferences)
    folders = (answers, preferences)
    note = causal_stages.dpo(run.base, run.tokenizer, pairs, options, seed, folders, run.progress)
    run.notes += [note] if note else []
    return preferences / causal_stages.DONE


def _tell_resumed(run: _Run, folder: Path) -> None:
    """What an earlier run of the same job left of a stage."""
    before = causal_stages.last(folder)
    if (folder / causal_stages.DONE).is_dir():
        run.went_on.append(f"{folder.name}: an earlier run had finished it")
    elif before is not None:
        step = causal_stages.step_of(Path(before))
        run.went_on.append(
            f"{folder.name}: it went on from update {step}, where an earlier run had ended"
        )


def _pairs(run: _Run) -> tuple[Sequence[Row], Sequence[Row]] | None:
    pairs = [row for row in run.rows.train if row.rejected]
    if not run.options.dpo or len(pairs) < run.options.least_pairs:
        if run.options.dpo:
            run.notes.append(
                f"no preferences were trained: {len(pairs)} pairs of a right and a wrong answer,"
                f" {run.options.least_pairs} are the least (`least_pairs`)"
            )
        return None
    return pairs, [row for row in run.rows.held_out if row.rejected]


def _finish(run: _Run, before: Measured, adapter: Path, mark: str) -> Trained:
    from peft import PeftModel

    options = run.options
    model = PeftModel.from_pretrained(causal_base.load(run.base, options), adapter)
    model = model.merge_and_unload()
    after = causal_measure.measure(model, run.rows.held_out, options.batch)
    speaker = Speaker(model, run.tokenizer, options.max_tokens, ())
    judged = causal_measure.judge(
        speaker,
        run.rows.held_out[: options.judged],
        options.close,
        options.precision,
        lambda done, total: run.progress("judge", done, total),
    )
    run.progress("measure", 2, 2, loss=after.loss)
    run.notes += causal_measure.doubts(judged, options.precision)
    run.progress("write", 0, 1)
    making = run.checkpoints / "making"
    shutil.rmtree(making, ignore_errors=True)
    causal_files.merged(model, run.tokenizer, run.base, adapter, making)
    del model, speaker
    if options.gguf != "none":
        name, target = run.job.model, making / causal_files.GGUF
        note = causal_files.gguf(making, name, options.gguf, target)
        run.notes += [note] if note else []
        if not note:
            causal_files.modelfile(run.tokenizer, options.max_tokens, making)
    files = causal_files.placed(making, run.job.out)
    trained = Trained(
        kind=KIND,
        serving={
            "kind": KIND,
            "threshold": options.precision,
            "options": {
                "max_tokens": options.max_tokens,
                "steps": [list(step) for step in judged.steps],
            },
        },
        file="",
        files=(*files, REPORT),
        figures=_figures(run.rows, before, after, judged),
        notes=tuple(run.notes),
    )
    report = {"job": msgspec.json.decode(mark), "trained": trained}
    _write(run.job.out / REPORT, msgspec.json.format(msgspec.json.encode(report)).decode())
    shutil.rmtree(run.checkpoints)
    run.progress("write", 1, 1)
    # not into the file: what was trained is the same, in one go or in two
    return replace(trained, notes=(*trained.notes, *run.went_on))


def _figures(
    rows: Rows, before: Measured, after: Measured, judged: causal_measure.Judged
) -> dict[str, float]:
    made = {
        "rows": float(len(rows.train)),
        "held_out": float(len(rows.held_out)),
        "loss_before": before.loss,
        "loss_after": after.loss,
        "pairs_held_out": float(after.pairs),
        "judged": float(judged.asked),
        "accuracy": judged.accuracy,
        "coverage": judged.coverage,
        "precision": judged.precision,
    }
    if after.pairs:
        made |= {
            "margin_before": before.margin,
            "margin_after": after.margin,
            "prefers_before": before.prefers,
            "prefers_after": after.prefers,
        }
    return {name: round(value, 6) for name, value in made.items()}


def _mark(dataset: Dataset, job: TrainingJob, base: Base) -> str:
    """What makes two runs the same job."""
    said = {
        "dataset": dataset.digest,
        "base": base.name,
        "base_digest": base.digest,
        "options": dict(job.options),
        "seed": job.seed,
    }
    return msgspec.json.encode(said, order="deterministic").decode()


def _made_before(out: Path, mark: str) -> Trained | None:
    """A run that was ended after its last file and before anybody heard of it."""

    class Report(Struct):
        job: Any
        trained: Trained

    try:
        report = msgspec.json.decode((out / REPORT).read_bytes(), type=Report)
    except (OSError, msgspec.MsgspecError):
        return None
    whole = all((out / name).is_file() for name in report.trained.files)
    return report.trained if whole and report.job == msgspec.json.decode(mark) else None


def _window(base: Base, options: Options) -> int:
    from transformers import AutoConfig

    config = AutoConfig.from_pretrained(base.folder, local_files_only=True).get_text_config()
    own = getattr(config, "max_position_embeddings", None) or options.max_length
    return min(options.max_length, int(own))


def _explained(error: BaseException, out: Path) -> TrainingError:
    """The two that an owner can help against are told from all others."""
    free = shutil.disk_usage(out if out.is_dir() else out.parent).free
    full = isinstance(error, OSError) and error.errno in {errno.ENOSPC, errno.EDQUOT}
    if full or free < 1 << 20:
        return TrainingError(
            f"the disk of {out} is full: make room, and start the job again; it goes on from its"
            " last checkpoint"
        )
    said = " ".join(str(error).split())[:300]
    if isinstance(error, MemoryError) or "out of memory" in said.casefold():
        return TrainingError(
            "the memory is full: a smaller `batch` with a larger `accumulate`, a smaller"
            f" `max_length`, or a smaller base ({said})"
        )
    return TrainingError(f"training failed: {type(error).__name__}: {said}")


class _Quiet:
    """No progress bars and no chatter of the libraries while it lasts."""

    def __enter__(self) -> None:
        from datasets.utils import logging as datasets_logging
        from transformers.utils import logging

        self._caught = warnings.catch_warnings()
        self._caught.__enter__()
        # trl and peft still use the name that transformers 5 has given up; here it is not written
        # but where a GPU wants it, and whoever trains can do nothing about it
        warnings.filterwarnings(
            "ignore", message=".*gradient_checkpointing.*", category=FutureWarning
        )
        self._bars = logging.is_progress_bar_enabled()
        self._level = logging.get_verbosity()
        logging.disable_progress_bar()
        logging.set_verbosity_error()
        datasets_logging.disable_progress_bar()

    def __exit__(self, *_raised: object) -> None:
        from transformers.utils import logging

        self._caught.__exit__(None, None, None)
        logging.set_verbosity(self._level)
        if self._bars:
            logging.enable_progress_bar()


def _write(path: Path, text: str) -> None:
    half = path.with_name(f".{path.name}.half")
    half.write_text(text, encoding="utf-8")
    half.replace(path)


def digest(path: Path) -> str:
    """SHA-256 of a file, in hex: for the ``files`` that serving wants."""
    with path.open("rb") as opened:
        told = sha256()
        while block := opened.read(1 << 20):
            told.update(block)
    return told.hexdigest()
