"""A causal language model learns from corrections: held-out loss falls, and it prefers them."""

import json
import signal
import socket
import subprocess
import sys
from pathlib import Path

import pytest

pytest.importorskip(
    "trl", reason="the extra `train` is not installed: no causal-lm is trained here"
)

from freehold.core.training import TrainingJob
from freehold.learning.datasets.memory import MemoryDataset
from freehold.learning.trainers import trainer_of
from tests.learning.trainers import tiny_base

OPTIONS = {
    "epochs": 6,
    "learning_rate": 1e-2,
    "batch": 8,
    "accumulate": 1,
    "rank": 8,
    "dpo_rate": 1e-3,
    "dpo_epochs": 2,
    "max_tokens": 32,
    "max_length": 96,
    "device": "cpu",
}


@pytest.fixture(scope="session")
def base(tmp_path_factory) -> Path:
    return tiny_base.build(tmp_path_factory.mktemp("base") / "tiny")


def dataset(rows=None) -> MemoryDataset:
    return MemoryDataset("corrections", tiny_base.examples() if rows is None else rows)


def job(base: Path, out: Path, **options) -> TrainingJob:
    return TrainingJob(model="shop", out=out, options=OPTIONS | options, base=str(base))


def silent(*_args, **_figures) -> None:
    pass


@pytest.fixture(scope="session")
def trained(base, tmp_path_factory):
    """One whole run, on a machine where every connection fails."""
    out = tmp_path_factory.mktemp("trained")
    seen: list[tuple] = []
    tried: list[object] = []

    def refuse(_socket, address):
        tried.append(address)
        raise OSError("no network")

    with pytest.MonkeyPatch.context() as patch:
        # trl reports each run to its makers, except in CI.
        patch.delenv("CI", raising=False)
        patch.setattr(socket.socket, "connect", refuse)
        patch.setattr(socket, "getaddrinfo", lambda *a, **k: refuse(None, a))
        made = trainer_of("causal-lm").train(
            dataset(), job(base, out), lambda *a, **figures: seen.append((*a, figures))
        )
    return out, made, seen, tried


def test_what_was_corrected_is_learned(trained) -> None:
    _, made, _, _ = trained
    figures = made.figures
    assert figures["rows"] == 48
    assert figures["held_out"] == 12
    assert figures["loss_after"] < figures["loss_before"] / 2
    # The base prefers its own refusals; the trained one the corrections, of questions not seen.
    assert figures["margin_before"] < 0 < figures["margin_after"]
    assert figures["prefers_before"] == 0
    assert figures["prefers_after"] == 1


def test_nothing_phones_home(trained) -> None:
    assert trained[3] == []


def test_open_formats_only_and_no_checkpoints_are_left(trained) -> None:
    out, made, _, _ = trained
    there = {p.relative_to(out).as_posix() for p in out.rglob("*") if p.is_file()}
    assert there == set(made.files)
    assert {Path(name).suffix for name in there} <= {
        ".safetensors", ".json", ".jinja", ".model", ".gguf", ".txt", "",
    }  # fmt: skip
    for name in there:
        head = (out / name).read_bytes()[:4]
        assert not head.startswith((b"PK\x03\x04", b"\x80\x02", b"\x80\x04")), name
    assert {"config.json", "model.safetensors", "tokenizer.json", "chat_template.jinja"} <= there
    assert "adapter/adapter_model.safetensors" in there
    said = (out / "adapter/adapter_config.json").read_text("utf-8")
    assert json.loads(said)["base_model_name_or_path"] == "tiny"


def test_progress_is_told_by_stage(trained) -> None:
    seen = trained[2]
    stages = list(dict.fromkeys(stage for stage, *_ in seen))
    assert stages == ["read", "measure", "sft", "dpo", "judge", "write"]
    steps = [(done, total, figures) for stage, done, total, figures in seen if stage == "sft"]
    assert [done for done, _, _ in steps] == list(range(1, 37))
    assert {total for _, total, _ in steps} == {36}
    assert steps[-1][2]["loss"] < steps[2][2]["loss"]
    assert steps[-1][2]["eval_loss"] > 0


# peft asks for what transformers has renamed
@pytest.mark.filterwarnings("ignore:.*gradient_checkpointing.*:FutureWarning")
def test_merged_is_base_and_adapter(base, trained) -> None:
    import torch
    from peft import PeftModel
    from transformers import AutoModelForCausalLM

    out = trained[0]
    ids = torch.tensor([[1, 5, 9, 200, 31, 77, 12]])
    merged = AutoModelForCausalLM.from_pretrained(out)
    whole = AutoModelForCausalLM.from_pretrained(base)
    with torch.inference_mode():
        before = whole(ids).logits
        adapted = PeftModel.from_pretrained(whole, out / "adapter")(ids).logits
        after = merged(ids).logits
    assert torch.allclose(after, adapted, atol=1e-4)
    assert not torch.allclose(after, before, atol=1e-1)


def test_a_finished_job_is_not_trained_again(base, trained) -> None:
    out, made, _, _ = trained
    seen: list[object] = []
    again = trainer_of("causal-lm").train(dataset(), job(base, out), lambda *a, **_: seen.append(a))
    assert again == made
    assert seen == []


SHORT = {"epochs": 2, "dpo": False, "judged": 0, "gguf": "none"}


@pytest.fixture(scope="session")
def short(base, tmp_path_factory):
    """Two epochs of answers alone, which nothing interrupted."""
    out = tmp_path_factory.mktemp("short")
    return out, trainer_of("causal-lm").train(dataset(), job(base, out, **SHORT), silent)


def test_the_same_seed_gives_the_same_weights(base, short, tmp_path) -> None:
    out, made = short
    again = trainer_of("causal-lm").train(dataset(), job(base, tmp_path, **SHORT), silent)
    assert "model.gguf" not in made.files
    assert again.files == made.files
    for file in made.files:
        assert (tmp_path / file).read_bytes() == (out / file).read_bytes(), file


_KILLED = """
import os, signal, sys, warnings
from pathlib import Path
warnings.simplefilter("ignore")
from tests.learning.trainers import test_causal as t

def progress(stage, done, total, **figures):
    if (stage, done) == (sys.argv[3], int(sys.argv[4])):
        os.kill(os.getpid(), signal.SIGKILL)

job = t.job(Path(sys.argv[1]), Path(sys.argv[2]), **t.SHORT)
t.trainer_of("causal-lm").train(t.dataset(), job, progress)
"""


def test_a_killed_run_goes_on(base, short, tmp_path) -> None:
    out = tmp_path / "out"
    # In the middle of the second epoch: the checkpoint of the first one is there.
    args = [sys.executable, "-c", _KILLED, str(base), str(out), "sft", "9"]
    done = subprocess.run(args, capture_output=True, text=True, timeout=100, check=False)
    assert done.returncode == -signal.SIGKILL, done.stderr
    folders = sorted(path.name for path in (out / "checkpoints/sft").iterdir())
    assert "checkpoint-6" in folders
    # Killed while it wrote another one.
    (out / "checkpoints/sft/checkpoint-10").mkdir()
    (out / "checkpoints/sft/checkpoint-10/trainer_state.json").write_text('{"global_st')

    steps: list[tuple[str, int]] = []
    made = trainer_of("causal-lm").train(
        dataset(), job(base, out, **SHORT), lambda stage, at, *_, **__: steps.append((stage, at))
    )
    assert [at for stage, at in steps if stage == "sft"] == list(range(6, 13))
    whole = short[1]
    went_on = "sft: it went on from update 6, where an earlier run had ended"
    assert made.notes == (*whole.notes, went_on)
    assert "went on" not in (out / "training.json").read_text("utf-8"), "the same was trained"
    assert made.files == whole.files
    for name in ("loss_before", "loss_after", "margin_after"):
        assert made.figures[name] == pytest.approx(whole.figures[name], rel=0.1), name
    assert not (out / "checkpoints").exists()
