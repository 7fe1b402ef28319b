"""Long harmless pages for the heads, and pages with an attack hidden in them.

Two kinds train: this repository's own documentation, as it stood when `docs.txt` was copied from
it, and business and technical documents strung together from the sentences of `pages.txt`. Whole
pages of the first and whole sentence patterns of the second stay out of a head that is measured on
them. Pages that nobody of this project wrote only measure: the policies and scenarios below
`../shared/data`, Python's help topics, and what installed packages say of themselves.
"""

from importlib import metadata
from pydoc_data import topics
from random import Random

from freehold.text.vectors import parts
from scripts.heads.corpus import (
    FOLDER,
    QUARTERS,
    Grammar,
    Quarters,
    expand,
    grammar,
    only,
    public,
    shared,
    without,
)

KINDS = (
    "manual policy", "policy", "mail", "scenario", "technical markup", "runbook technical",
    "manual", "technical policy", "markup", "markup technical",
)  # fmt: skip
"""Of which sections of `pages.txt` a page is made; the next page takes the next entry."""
SECTIONS = "manual policy mail scenario technical runbook markup"

LONG = 1_000
"""Characters from which a text of others counts as a page."""
HIDING = 20_000
"""Characters of a page in which an attack is hidden."""

_CHUNK, _PASTED = 2_000, 600


def docs(some: Quarters) -> list[str]:
    """Pages of this repository's documentation, as `docs.txt` has them."""
    text = (FOLDER / "docs.txt").read_text(encoding="utf-8")
    pages = [page.split("\n", 1)[1] for page in text.split("\n=== ")[1:]]
    return [page for number, page in enumerate(pages) if number % QUARTERS in some]


def written(out: int | None, count: int, dice: Random, *, held: bool = False) -> list[str]:
    """Documents made of the sentence patterns that are not in quarter ``out``, or only of those."""
    own = grammar("pages.txt")
    own = only(own, SECTIONS, out) if held and out is not None else without(own, SECTIONS, out)
    rules = grammar("benign.txt") | own
    return [_page(rules, KINDS[number % len(KINDS)], dice) for number in range(count)]


def _page(rules: Grammar, sections: str, dice: Random) -> str:
    lines = [line for section in sections.split() for line in rules[section]]
    said: list[str] = []
    for _ in range(dice.randint(4, 9) if sections == "scenario" else dice.randint(8, 40)):
        if dice.random() < 0.12:
            heading = expand(rules, dice.choice(rules["heading"]), dice)
            said.append(dice.choice(("\n\n## ", "\n\n", "\n")) + heading + "\n\n")
        sentence = expand(rules, dice.choice(lines), dice)
        said.append(dice.choice(("", "- ", "")) + sentence + dice.choice((" ", " ", " ", "\n")))
    return "".join(said)


def chunks(pages: list[str]) -> list[str]:
    """Pages cut to pieces of which every stretch can train."""
    return [
        part[at : at + _CHUNK]
        for page in pages
        for _, part in parts(page)
        for at in range(0, len(part), _CHUNK)
    ]


def pasted(attacks: list[str], around: list[str], count: int, dice: Random) -> list[str]:
    """Some of the attacks, or their beginnings, each between two scraps of a page."""
    pool = "\n\n".join(around)
    made = []
    for attack in dice.sample(attacks, count):
        begin, before, after = (dice.randrange(n) for n in (len(pool) - 400, 160, 160))
        middle = begin + 40 + before
        scraps = pool[begin:middle], pool[middle : middle + 40 + after]
        glue = dice.choice(" \n"), dice.choice(" \n")
        made.append(f"{scraps[0]}{glue[0]}{attack[:_PASTED]}{glue[1]}{scraps[1]}")
    return made


# -- what only measures --


def policies() -> list[str]:
    """Policies of companies, in prose."""
    names = ("loan", "luggage", "time_off")
    return [*(shared(f"policies/{name}/policy.txt") for name in names), shared("retail/policy.md")]


def scenarios() -> list[str]:
    """What simulated customers of a shop are told to want and to say."""
    return [
        "\n".join(str(said) for said in task["user_scenario"]["instructions"].values() if said)
        for task in public("retail/tasks.json")
    ]


def help_topics() -> list[str]:
    """Long pages of Python's language reference, as `help()` shows them."""
    return [text for _, text in sorted(topics.topics.items()) if len(text) >= LONG]


def readmes() -> list[str]:
    """Long descriptions of the packages that are installed here."""
    found: dict[str, str] = {}
    for package in metadata.distributions():
        _, _, text = (package.read_text("METADATA") or "").partition("\n\n")
        if len(text) >= LONG and package.name != "freehold":
            found[package.name] = text
    return [found[name] for name in sorted(found)]


def hidden(attack: str, carrier: str, at: float, dice: Random) -> tuple[str, int]:
    """A page of `HIDING` characters with the attack at a line's end near ``at``, and its place."""
    begin = dice.randrange(max(1, len(carrier) - HIDING))
    page = carrier[begin : begin + HIDING]
    place = round(at * len(page))
    place = max(page.rfind("\n", 0, place), place - 400)
    return f"{page[:place]}\n{attack}\n{page[place:]}", place + 1
