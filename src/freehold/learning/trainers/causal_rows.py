"""A dataset as rows of token ids: answers to learn, and pairs of a right and a wrong one."""

import random
from collections.abc import Sequence
from hashlib import sha256
from typing import Any

from msgspec import Struct

from freehold.core.decisions import MILLION
from freehold.core.errors import TrainingError
from freehold.core.training import Dataset, Example
from freehold.learning.agreement import same
from freehold.learning.trainers.causal_options import Options
from freehold.text.local.chats import Turn, answer_ids, prompt_ids, turns

_LEAST_PROMPT = 8
"""Tokens of the prompt that must be left beside an answer."""


class Row(Struct, frozen=True, kw_only=True):
    """One example in token ids; ``rejected`` is empty where there is no wrong answer."""

    prompt: list[int]
    answer: list[int]
    rejected: list[int]
    text: str
    weight: int


class Rows(Struct, frozen=True, kw_only=True):
    """What is trained on and what is held out, and what was left out of both."""

    train: list[Row]
    held_out: list[Row]
    notes: tuple[str, ...]


class _Left(Struct):
    empty: int = 0
    long: int = 0
    cut: int = 0
    same: int = 0


def read(dataset: Dataset, tokenizer: Any, window: int, options: Options, seed: int) -> Rows:
    """Both parts. The test part is not looked at: it is the gate's.

    Args:
        window: tokens of prompt and answer together.

    Raises:
        TrainingError: fewer than two answers, or a template that can't say them.
    """
    notes: list[str] = []
    learned, held = list(dataset.rows("train")), list(dataset.rows("validation"))
    if not any(example.answer.strip() for example in held):
        learned, held = _apart(learned, options.held_out, seed)
        if held:
            notes.append(
                f"the dataset has no validation part: {len(held)} of {len(learned) + len(held)}"
                " training rows, whole conversations, were held out instead"
            )
    left = _Left()
    train = [row for e in learned if (row := _row(e, tokenizer, window, left))]
    if not train:
        raise TrainingError(
            f"no row can be trained on: of {len(learned)}, {left.empty} have no answer and"
            f" {left.long} an answer that does not fit into {window} tokens"
        )
    held_out = [row for e in held if (row := _row(e, tokenizer, window, left))]
    if not held_out:
        raise TrainingError(
            f"{len(train)} rows with an answer are left to train on and none to measure with: it"
            " takes answers from two conversations at least, better fifty"
        )
    notes += [*_said(left, window), *_contradicting([*train, *held_out])]
    return Rows(train=train, held_out=held_out, notes=tuple(notes))


def plan(rows: Sequence[Row], epochs: int, seed: int) -> list[int]:
    """The order in which rows are seen, over all epochs: each as often as its weight says."""
    order: list[int] = []
    for epoch in range(epochs):
        now: list[int] = []
        for index, row in enumerate(rows):
            # Rounded over the whole run: of weight 0.5, every other epoch.
            until = ((epoch + 1) * row.weight + MILLION // 2) // MILLION
            now += [index] * (until - (epoch * row.weight + MILLION // 2) // MILLION)
        random.Random(f"{seed} {epoch}").shuffle(now)
        order += now
    return order


def _contradicting(rows: Sequence[Row]) -> list[str]:
    """Rows that answer one conversation in two ways, or give as right what another calls wrong."""
    groups: dict[tuple[int, ...], list[Row]] = {}
    for row in rows:
        groups.setdefault(tuple(row.prompt), []).append(row)
    count = 0
    for group in groups.values():
        wrong = {tuple(row.rejected) for row in group if row.rejected}
        several = any(not same(group[0].text, row.text) for row in group[1:])
        count += len(group) if several or any(tuple(row.answer) in wrong for row in group) else 0
    if not count:
        return []
    said = (
        f"{count} of {len(rows)} rows answer a conversation otherwise than others do, or call their"
        " answer wrong: where that is more than other words, no model learns both; settle them, or"
        " leave one side out"
    )
    return [said]


def _apart(rows: list[Example], share: float, seed: int) -> tuple[list[Example], list[Example]]:
    """Whole conversations held out, by their hash, so that more data moves none of them."""
    groups: dict[str, list[Example]] = {}
    for row in rows:
        if row.answer.strip():
            groups.setdefault(row.conversation or row.id, []).append(row)
    names = sorted(groups, key=lambda name: sha256(f"{seed} {name}".encode()).digest())
    kept = set(names[: max(1, round(len(names) * share))]) if len(names) > 1 else set()
    held = [row for name in names if name in kept for row in groups[name]]
    out = {id(row) for row in held}
    return [row for row in rows if id(row) not in out], held


def _row(example: Example, tokenizer: Any, window: int, left: _Left) -> Row | None:
    special = tokenizer.all_special_tokens
    said = turns(example.messages, special)
    answer = _plain(example.answer, special)
    if not answer or not said:
        left.empty += 1
        return None
    try:
        prompt = prompt_ids(tokenizer, said)
        right = answer_ids(tokenizer, said, answer)
        wrong = _wrong(example, tokenizer, said, left)
    except ValueError as error:
        raise TrainingError(f"row {example.id}: {error}") from None
    longest = max(len(right), len(wrong))
    if longest + _LEAST_PROMPT > window and len(prompt) + longest > window:
        left.long += 1
        return None
    room = window - longest
    if len(prompt) > room:
        left.cut += 1
        # What was said last is what is answered; the first token is where models park attention.
        prompt = [prompt[0], *prompt[len(prompt) - room + 1 :]]
    return Row(prompt=prompt, answer=right, rejected=wrong, text=answer, weight=example.weight)


def _wrong(example: Example, tokenizer: Any, said: Sequence[Turn], left: _Left) -> list[int]:
    wrong = _plain(example.rejected, tokenizer.all_special_tokens)
    if not wrong:
        return []
    if wrong.split() == example.answer.split():
        left.same += 1
        return []
    return answer_ids(tokenizer, said, wrong)


def _plain(text: str, special: Sequence[str]) -> str:
    for token in special:
        text = text.replace(token, " ")
    return text.strip()


def _said(left: _Left, window: int) -> list[str]:
    told = (
        (left.empty, "rows have no answer and were left out"),
        (left.long, f"rows were left out: their answer does not fit into {window} tokens"),
        (left.cut, f"prompts were longer than {window} tokens allow and lost their beginning"),
        (left.same, "pairs were left out: the wrong answer is the right one"),
    )
    return [f"{count} {what}" for count, what in told if count]
