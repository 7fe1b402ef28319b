"""What a causal-lm refuses, leaves out and cuts, and says so."""

from pathlib import Path

import pytest

pytest.importorskip(
    "trl", reason="the extra `train` is not installed: no causal-lm is trained here"
)

from freehold.core.errors import TrainingError
from freehold.core.training import Example, TrainingJob
from freehold.learning.datasets.memory import MemoryDataset
from freehold.learning.trainers import causal, causal_base, causal_rows, trainer_of
from freehold.learning.trainers.causal_options import Options, read
from freehold.learning.trainers.causal_stages import last
from freehold.text.local.chats import TEMPLATE, answer_ids, prompt_ids, turns
from tests.learning.trainers import tiny_base


@pytest.fixture(scope="module")
def base(tmp_path_factory) -> Path:
    return tiny_base.build(tmp_path_factory.mktemp("base") / "tiny", steps=0)


@pytest.fixture(scope="module")
def tokenizer(base):
    return causal_base.tokenizer_of(causal_base.find(str(base), Options()))


def row(number: int, answer: str, said: str = "Can I return a lamp in York?", **more) -> Example:
    messages = more.pop("messages", ({"role": "user", "content": said},))
    told = {"conversation": f"conv_{number}", "answer": answer}
    return Example(id=f"case_{number}", messages=messages, **(told | more))


def rows(examples, tokenizer, window: int = 96, **options) -> causal_rows.Rows:
    return causal_rows.read(MemoryDataset("d", examples), tokenizer, window, Options(**options), 3)


def train(base: str, out: Path, examples, **options) -> None:
    job = TrainingJob(model="m", out=out, options=options, base=base)
    trainer_of("causal-lm").train(MemoryDataset("d", examples), job, lambda *_, **__: None)


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"ranks": 3}, "there is no option `ranks`"),
        ({"rank": 0}, "`int` >= 1"),
        ({"epochs": "three"}, "`int`, got `str`"),
        ({"targets": []}, "names no layer"),
        ({"dtype": "int4"}, "Invalid enum value 'int4'"),
        ({"learning_rate": float("nan")}, "`float` > 0"),
        ({"max_tokens": 2048}, "must be less than `max_length`"),
    ],
)
def test_options_are_checked_before_a_bundle_goes_live(options: dict, said: str) -> None:
    with pytest.raises(ValueError, match=said):
        trainer_of("causal-lm").check(options)


def test_a_base_that_is_not_there(tmp_path: Path, monkeypatch) -> None:
    from huggingface_hub import constants

    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path / "hub"))
    with pytest.raises(TrainingError, match="needs `base`"):
        train("", tmp_path, [])
    with pytest.raises(TrainingError, match=f"not there: no folder {tmp_path}/models/none"):
        train(f"{tmp_path}/models/none", tmp_path, [])
    with pytest.raises(TrainingError) as raised:
        train("org/base-1b", tmp_path, [])
    for said in ("org/base-1b", "no folder", "hub's cache", "hf download", "download: true"):
        assert said in str(raised.value)


def test_a_base_that_can_not_be_used(base: Path, tmp_path: Path) -> None:
    folder = tmp_path / "base"
    folder.mkdir()
    with pytest.raises(TrainingError, match=r"the folder is empty: it needs config\.json"):
        train(str(folder), tmp_path, [])
    (folder / "LICENSE").touch()
    with pytest.raises(TrainingError, match=r"it has no config\.json"):
        train(str(folder), tmp_path, [])
    with pytest.raises(TrainingError, match="is a file: name the folder"):
        train(str(folder / "LICENSE"), tmp_path, [])
    (folder / "adapter_config.json").write_text("{}")
    with pytest.raises(TrainingError, match="it is an adapter"):
        train(str(folder), tmp_path, [])
    (folder / "config.json").write_text((base / "config.json").read_text())
    (folder / "pytorch_model.bin").write_bytes(b"\x80\x04.")
    with pytest.raises(TrainingError, match="pickles, which may run code"):
        train(str(folder), tmp_path, [])
    (folder / "model.safetensors").write_bytes(b"\x00" * 40)
    for config, says in (
        ("{", r"its config\.json can't be read"),
        ('{"architectures": ["BertForMaskedLM"]}', r"no causal language model \(BertForMaskedLM\)"),
        ('{"architectures": ["BertModel"]}', "such as Llama, Mistral, Qwen or Gemma"),
        ('{"is_encoder_decoder": true}', "no causal language model"),
    ):
        (folder / "config.json").write_text(config)
        with pytest.raises(TrainingError, match=says):
            train(str(folder), tmp_path, [])
    (folder / "config.json").write_text((base / "config.json").read_text())
    with pytest.raises(TrainingError, match="has no tokenizer"):
        train(str(folder), tmp_path, [])
    for name in ("tokenizer.json", "tokenizer_config.json"):
        (folder / name).write_text((base / name).read_text())
    examples = [row(n, "Yes.") for n in range(9)]
    with pytest.raises(TrainingError, match="base `base` can't be loaded"):
        train(str(folder), tmp_path / "out", examples)


def test_too_little_to_learn_from(tokenizer) -> None:
    with pytest.raises(TrainingError, match="no row can be trained on: of 0"):
        rows([], tokenizer)
    with pytest.raises(TrainingError, match="of 2, 2 have no answer"):
        rows([row(1, ""), row(2, "  ")], tokenizer)
    with pytest.raises(TrainingError, match=r"1 rows with an answer.*two conversations"):
        rows([row(1, "Yes.")], tokenizer)
    with pytest.raises(TrainingError, match="two conversations"):
        rows([row(1, "Yes."), row(2, "No.", conversation="conv_1")], tokenizer)
    assert len(rows([row(1, "Yes."), row(2, "No.")], tokenizer).train) == 1


def test_whole_conversations_are_held_out_where_there_is_no_validation(tokenizer) -> None:
    examples = [row(n, f"Yes {n}.", conversation=f"c{n // 2}") for n in range(40)]
    read_once = rows(examples, tokenizer, held_out=0.2)
    held = {r.text for r in read_once.held_out}
    assert len(held) == 8
    assert all((f"Yes {n}." in held) == (f"Yes {n ^ 1}." in held) for n in range(40))
    assert "held out instead" in read_once.notes[0]
    assert {r.text for r in rows(examples[::-1], tokenizer, held_out=0.2).held_out} == held


def test_what_does_not_fit_is_cut_or_left_out_and_said(tokenizer) -> None:
    long = "Can I return a lamp in York? " * 40 + "And a chair in Bath?"
    made = rows(
        [
            row(1, "Yes, a lamp.", long),
            row(2, "Yes. " * 90),
            row(3, ""),
            row(4, "No.", "No?"),
            row(5, "Yes.", split="validation"),
        ],
        tokenizer,
        window=64,
    )
    cut = next(r for r in made.train if r.text == "Yes, a lamp.")
    assert len(cut.prompt) + len(cut.answer) == 64
    assert cut.prompt[0] == tokenizer.bos_token_id
    said = tokenizer.decode(cut.prompt)
    assert said.endswith("And a chair in Bath?[assistant]") or "chair in Bath?" in said
    assert tokenizer.decode(cut.answer).strip() == "Yes, a lamp.</s>"
    assert made.notes == (
        "1 rows have no answer and were left out",
        "1 rows were left out: their answer does not fit into 64 tokens",
        "1 prompts were longer than 64 tokens allow and lost their beginning",
    )


def test_a_wrong_answer_that_is_the_right_one_is_no_pair(tokenizer) -> None:
    made = rows(
        [row(1, "Yes.", rejected=" Yes. \n"), row(2, "Yes.", rejected="No."), row(3, "Yes.")],
        tokenizer,
    )
    pairs = [r for r in (*made.train, *made.held_out) if r.rejected]
    assert len(pairs) == 1
    assert "1 pairs were left out: the wrong answer is the right one" in made.notes


def test_words_that_the_tokenizer_does_not_know(tokenizer) -> None:
    text = "Ответ: да 🦙 – 三十天, naïve?"
    said = turns([{"role": "user", "content": text}], tokenizer.all_special_tokens)
    assert text in tokenizer.decode(prompt_ids(tokenizer, said))
    assert text in tokenizer.decode(answer_ids(tokenizer, said, text))


def test_a_user_can_not_end_a_turn(tokenizer) -> None:
    said = turns(
        [{"role": "user", "content": "Hi</s><s>[x]"}, {"role": "tool", "content": "ok"}],
        tokenizer.all_special_tokens,
    )
    ids = prompt_ids(tokenizer, said)
    assert ids.count(tokenizer.eos_token_id) == 0
    assert ids.count(tokenizer.bos_token_id) == 1
    answer = answer_ids(tokenizer, said, "Hello.")
    assert answer.count(tokenizer.eos_token_id) == 1
    assert answer[-1] == tokenizer.eos_token_id


def test_a_base_without_a_template_has_ours(base: Path) -> None:
    plain = causal_base.tokenizer_of(causal_base.find(str(base), Options()))
    plain.chat_template = None
    said = turns(
        [{"role": "developer", "content": "Be kind."}, {"role": "user", "content": "Hi"}], ()
    )
    text = plain.decode(prompt_ids(plain, said), skip_special_tokens=True)
    assert text.strip() == "System: Be kind.\nUser: Hi\nAssistant:"
    assert plain.decode(answer_ids(plain, said, "Yes.")).strip() == "Yes.</s>"
    assert "assistant" in TEMPLATE


def test_templates_that_know_no_system_message(base: Path) -> None:
    strict = causal_base.tokenizer_of(causal_base.find(str(base), Options()))
    strict.chat_template = (
        "{% for m in messages %}{% if (m['role'] == 'user') != (loop.index0 % 2 == 0) %}"
        "{{ raise_exception('turns must alternate') }}{% endif %}"
        "[{{ m['role'] }}] {{ m['content'] }}{{ eos_token }}{% endfor %}"
    )
    said = turns([{"role": "system", "content": "Be kind."}, {"role": "user", "content": "Hi"}], ())
    text = strict.decode(prompt_ids(strict, said), skip_special_tokens=True)
    assert text.split() == ["[user]", "Be", "kind.", "Hi"]
    assert strict.decode(answer_ids(strict, said, "Yes.")).split()[-1].endswith("Yes.</s>")
    strict.chat_template = "{{ raise_exception('never') }}"
    with pytest.raises(TrainingError, match="row case_1: the base's chat template refuses: never"):
        rows([row(1, "Yes."), row(2, "No.")], strict)


def test_weights_are_how_often_a_row_is_seen() -> None:
    def made(weight: int) -> causal_rows.Row:
        return causal_rows.Row(prompt=[1], answer=[2], rejected=[], text="", weight=weight)

    order = causal_rows.plan([made(1_000_000), made(500_000), made(2_000_000), made(0)], 4, 7)
    assert [order.count(index) for index in range(4)] == [4, 2, 8, 0]
    assert order == causal_rows.plan(
        [made(1_000_000), made(500_000), made(2_000_000), made(0)], 4, 7
    )
    assert order != sorted(order)


def test_a_checkpoint_that_was_cut_short_is_no_checkpoint(tmp_path: Path) -> None:
    assert last(tmp_path) is None
    for step, state in ((5, '{"global_step": 5}'), (12, '{"global_step": 12}'), (20, '{"glob')):
        (tmp_path / f"checkpoint-{step}").mkdir()
        (tmp_path / f"checkpoint-{step}/trainer_state.json").write_text(state)
    (tmp_path / "checkpoint-30").mkdir()
    assert last(tmp_path) == str(tmp_path / "checkpoint-12")
    assert not (tmp_path / "checkpoint-20").exists()


def test_a_full_disk_is_said_and_leaves_nothing_half(
    base: Path, tmp_path: Path, monkeypatch
) -> None:
    examples = [row(n, "Yes.") for n in range(9)]
    free = type("Free", (), {"free": 1 << 20})()
    monkeypatch.setattr(causal.shutil, "disk_usage", lambda _path: free)
    with pytest.raises(TrainingError, match="1 MiB free, and this needs about"):
        train(str(base), tmp_path / "out", examples)

    def full(*_a, **_k):
        raise OSError(28, "No space left on device")

    monkeypatch.undo()
    monkeypatch.setattr(causal.causal_stages, "sft", full)
    with pytest.raises(TrainingError, match="is full: make room, and start the job again"):
        train(str(base), tmp_path / "out", examples)
    assert [path.name for path in (tmp_path / "out").iterdir()] == ["checkpoints"]


def test_checkpoints_of_another_job_are_not_gone_on_from(
    base: Path, tmp_path: Path, monkeypatch
) -> None:
    examples = [row(n, "Yes.") for n in range(9)]
    stage = tmp_path / "out/checkpoints/sft"
    stage.mkdir(parents=True)
    (stage.parent / "job.json").write_text('{"seed": 99}')
    seen: list[bool] = []

    def stop(*_a, **_k):
        seen.append(stage.exists())
        raise KeyboardInterrupt

    monkeypatch.setattr(causal.causal_stages, "sft", stop)
    with pytest.raises(KeyboardInterrupt):
        train(str(base), tmp_path / "out", examples)
    assert seen == [False]


def test_options_have_what_they_say() -> None:
    assert read({}) == Options()
    assert read({"targets": ["q_proj"]}).targets == ["q_proj"]


def test_rows_that_contradict_each_other_are_told(tokenizer) -> None:
    """Each side calls the other's answer wrong; one more row says the same in the same words."""
    asked = "How long may I return a lamp?"
    sides = [
        row(1, "Thirty days.", asked, rejected="Sixty days."),
        row(2, "Sixty days.", asked, rejected="Thirty days."),
        row(3, "In York.", "Where are you?"),
        row(4, "In York.", "Where are you?"),
    ]
    (*_, told) = rows(sides, tokenizer).notes
    assert told.startswith("2 of 4 rows answer a conversation otherwise than others do")
    assert not any("otherwise" in note for note in rows(sides[1:], tokenizer).notes)
