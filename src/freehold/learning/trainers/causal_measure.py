"""What a causal language model knows of rows that it has not seen."""

import math
import re
from collections import Counter
from collections.abc import Callable, Sequence
from itertools import groupby, pairwise
from typing import Any

from msgspec import Struct

from freehold.core.decisions import MILLION
from freehold.learning.trainers.causal_rows import Row
from freehold.text.local.causal import Speaker, chance

_WORD = re.compile(r"\w+", re.UNICODE)
_NUMBER = re.compile(r"\d[\d.,]*")


class Measured(Struct, frozen=True, kw_only=True):
    """On held-out rows.

    Attributes:
        loss: mean of −ln p over the tokens of the right answers.
        margin: mean over pairs of ln p(right) − ln p(wrong), each of the whole answer.
        prefers: the share of pairs with a margin above 0.
        pairs: how many there are; ``margin`` and ``prefers`` are 0 without any.
    """

    loss: float
    margin: float
    prefers: float
    pairs: int


class Judged(Struct, frozen=True, kw_only=True):
    """Its own answers to held-out questions, in shares.

    Attributes:
        accuracy: right, of all that it finished.
        coverage: sure enough to be given, of all.
        precision: right, of those.
        steps: see `freehold.text.local.causal.Options`.
    """

    accuracy: float
    coverage: float
    precision: float
    steps: list[tuple[int, int]]
    asked: int


def measure(model: Any, rows: Sequence[Row], batch: int) -> Measured:
    """Loss and preferences."""
    right = log_probs(model, [(row.prompt, row.answer) for row in rows], batch)
    tokens = sum(len(row.answer) for row in rows)
    pairs = [(row, known) for row, known in zip(rows, right, strict=True) if row.rejected]
    wrong = log_probs(model, [(row.prompt, row.rejected) for row, _ in pairs], batch)
    margins = [known - other for (_, known), other in zip(pairs, wrong, strict=True)]
    return Measured(
        loss=-sum(right) / tokens,
        margin=sum(margins) / len(margins) if margins else 0.0,
        prefers=sum(m > 0 for m in margins) / len(margins) if margins else 0.0,
        pairs=len(margins),
    )


def log_probs(
    model: Any, rows: Sequence[tuple[Sequence[int], Sequence[int]]], batch: int
) -> list[float]:
    """The logarithm of the chance of each second part after its first part."""
    import torch

    found: list[float] = [0.0] * len(rows)
    # Rows of like length together: a batch is as long as its longest.
    order = sorted(range(len(rows)), key=lambda i: len(rows[i][0]) + len(rows[i][1]))
    model.eval()
    for start in range(0, len(order), batch):
        part = order[start : start + batch]
        longest = max(len(rows[i][0]) + len(rows[i][1]) for i in part)
        ids = torch.zeros((len(part), longest), dtype=torch.long)
        seen = torch.zeros_like(ids)
        counts = torch.zeros_like(ids)
        for line, index in enumerate(part):
            before, after = rows[index]
            whole = [*before, *after]
            ids[line, : len(whole)] = torch.tensor(whole)
            seen[line, : len(whole)] = 1
            counts[line, len(before) : len(whole)] = 1
        device = model.device
        ids, seen, counts = ids.to(device), seen.to(device), counts.to(device)
        with torch.inference_mode():
            logits = model(input_ids=ids, attention_mask=seen).logits[:, :-1].float()
            logs = torch.log_softmax(logits, -1).gather(-1, ids[:, 1:, None])[..., 0]
            sums = (logs * counts[:, 1:]).sum(-1).tolist()
        for index, total in zip(part, sums, strict=True):
            found[index] = total
    return found


def judge(
    speaker: Speaker,
    rows: Sequence[Row],
    close: float,
    precision: float,
    told: Callable[[int, int], None],
) -> Judged:
    """Let it answer, and learn from which mean probability of its tokens on it is right.

    Args:
        close, precision: see the options of the trainer.
        told: is told how many of how many are answered.
    """
    asked: list[tuple[float, bool]] = []
    for number, row in enumerate(rows, 1):
        said = speaker.say(row.prompt)
        if said is not None and said.finished:
            asked.append((said.probability, right(said.text, row.text, close)))
        told(number, len(rows))
    steps = calibrate(asked)
    sure = [good for p, good in asked if chance(steps, p) >= precision * MILLION] if steps else []
    return Judged(
        accuracy=sum(good for _, good in asked) / len(asked) if asked else 0.0,
        coverage=len(sure) / len(rows) if rows else 0.0,
        precision=sum(sure) / len(sure) if sure else 0.0,
        steps=steps,
        asked=len(rows),
    )


def doubts(judged: Judged, precision: float) -> list[str]:
    """That it would answer none of them, where that is so."""
    if not judged.asked or judged.coverage:
        return []
    said = (
        f"of {judged.asked} held-out questions it is sure enough of none (`precision:"
        f" {precision:g}`), so in the gateway it would leave them all: more rows, or a lower"
        " `precision`"
    )
    return [said]


def right(said: str, wanted: str, close: float) -> bool:
    """Whether it says the same: all the numbers and no other ones, and nearly the same words."""
    if Counter(_NUMBER.findall(said)) != Counter(_NUMBER.findall(wanted)):
        return False
    a, b = Counter(_WORD.findall(said.casefold())), Counter(_WORD.findall(wanted.casefold()))
    both = sum((a & b).values())
    if not both:
        return said.split() == wanted.split()
    return 2 * both / (sum(a.values()) + sum(b.values())) >= close


def calibrate(asked: Sequence[tuple[float, bool]]) -> list[tuple[int, int]]:
    """Steps of the chance to be right that rise with the mean probability of tokens.

    Pool adjacent violators (isotonic regression), each step shrunk as by Laplace's rule of
    succession: n answers, all right, show a chance of (n + 1) / (n + 2) and no more.
    """
    blocks: list[list[float]] = []  # least probability, right, of
    for probability, alike in groupby(sorted(asked), key=lambda one: one[0]):
        goods = [good for _, good in alike]
        blocks.append([probability, float(sum(goods)), float(len(goods))])
        while len(blocks) > 1 and _share(blocks[-2]) >= _share(blocks[-1]):
            _, good_too, count = blocks.pop()
            blocks[-1][1] += good_too
            blocks[-1][2] += count
    merged = [(math.floor(b[0] * MILLION), round(_laplace(b) * MILLION)) for b in blocks]
    # Shrinking may turn the order of a small block and a large one.
    steps = [merged[0]] if merged else []
    for _, (floor, share) in pairwise(merged):
        steps.append((floor, max(share, steps[-1][1])))
    return steps


def _share(block: Sequence[float]) -> float:
    return block[1] / block[2]


def _laplace(block: Sequence[float]) -> float:
    return (block[1] + 1) / (block[2] + 2)
