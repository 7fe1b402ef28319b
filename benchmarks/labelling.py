"""What a long queue costs: the next case, and a thousand labels by a script.

    python -m benchmarks.labelling [--cases 20000] [--labels 1000] [--json]

A home as `freehold label` and `freehold demo --loop` use it: cases sealed in the store, keys in the
vault, entries in the ledger. Milliseconds of processor time; one core is enough. ``first`` is the
next case of a process that has just started, ``next`` the median of those after it, ``worst`` the
one at which a plan is made again.
"""

import argparse
import json
import random
import statistics
import tempfile
import time
from pathlib import Path
from textwrap import dedent

from freehold.app.labelling import labelling_desk
from freehold.bundle.kept import keep, mark_live
from freehold.bundle.problems import Problems
from freehold.bundle.snapshot import read_folder
from freehold.core.cases import Case, Moment
from freehold.core.clock import SystemClock
from freehold.core.ids import prefixed
from freehold.core.subjects import Subject
from freehold.learning.capture.boxes import box_of
from freehold.services.labelling import InHand
from freehold.services.labelling_people import named
from freehold.services.labelling_words import Given
from freehold.storage.cases import StoredCases
from freehold.storage.migrate import open_database
from freehold.storage.secrets import KeyFolder
from freehold.storage.subject_keys import LiveKeys
from freehold.storage.vault import open_vault
from freehold.text.embedding import embed

BUNDLE = """\
    freehold: 1
    name: bench
    currency: EUR
    tenants: {shop: {}}
    models: {small: {base_url: "http://127.0.0.1:9/v1"}}
    routes: {main: {candidates: [small]}}
    apps: {service: {tenant: shop, purpose: Helps customers., route: main, capture: {}}}
    queues: {answers: {apps: [service], guideline: Be kind.}}
"""
_WORDS = (
    "order parcel invoice refund late broken garden chair lamp return money card delivery street"
    " colour size wrong missing cancel change phone letter account password store open"
).split()
_PEOPLE = 2_000
_DAYS = 14 * 86_400 * 1_000_000_000


def prepare(home: Path, cases: int) -> None:
    """A home with so many open cases."""
    folder = home / "bundle"
    folder.mkdir(parents=True)
    (folder / "freehold.yaml").write_text(dedent(BUNDLE))
    snapshot = read_folder(folder, Problems())
    keep(snapshot, home)
    mark_live(home, folder, snapshot.hash)
    clock, dice = SystemClock(), random.Random(6)
    vault = open_vault(home, None, KeyFolder(home).subjects(), clock)
    keys = LiveKeys(vault, clock).open()
    database = open_database(home)
    try:
        book, made = StoredCases(database), []
        people = []
        for number in range(_PEOPLE):
            people.append(keys.of(Subject("shop", person=f"asker {number}"), 30))
            if number % 200 == 199:
                keys.refresh()
        for number in range(cases):
            made.append(_case(number, people[number % _PEOPLE], dice, clock.now_ns()))
            if len(made) == 1_000:
                book.add(made)
                made = []
        book.add(made)
    finally:
        keys.close()
        database.close()


def _case(number: int, key: object, dice: random.Random, now: int) -> Case:
    asked = " ".join(dice.sample(_WORDS, 9)) + f" {number}?"
    vector = embed(asked)
    moment = Moment(
        asked=({"role": "user", "content": asked},),
        released=f"I have looked at {number} for you. " + " ".join(dice.sample(_WORDS, 20)),
        vector=b"" if vector is None else vector.astype("<f4").tobytes(),
    )
    exchange = prefixed("ex", now - _DAYS + number)
    return Case(
        case_id=prefixed("case", now + number), exchange_id=exchange, conversation=f"con_{number}",
        owner="shop", tenant="shop", app="service", route="main", model="small", version="1",
        reasons=("feedback:solved",) if dice.random() < 0.7 else ("random",), outcome="allowed",
        uncertainty=dice.randrange(1_000_000), at_ns=now - dice.randrange(_DAYS),
        seal_key=key.id, subject=key.subject,  # type: ignore[attr-defined]
        box=box_of(moment, exchange, key),  # type: ignore[arg-type]
    )  # fmt: skip


def measure(home: Path, labels: int) -> dict[str, float]:
    """Milliseconds of processor time."""
    took, who = [], named("script")
    with labelling_desk(home) as desk:
        whole = time.process_time()
        wall = time.perf_counter()
        for number in range(labels):
            began = time.process_time()
            found = desk.labelling.next("answers", who)
            took.append(1_000 * (time.process_time() - began))
            if not isinstance(found, InHand):
                raise SystemExit(f"after {number} labels there is no more: {found.why}")
            verdict = ("correct", "edit", "reject")[number % 3]
            answer = f"The right answer is {number}." if verdict == "edit" else ""
            desk.labelling.label(found.task.task_id, who, Given(verdict=verdict, answer=answer))
        total = time.process_time() - whole
        wall = time.perf_counter() - wall
        began = time.process_time()
        desk.figures.progress(desk.book.bundle.queues["answers"], who)
        progress = 1_000 * (time.process_time() - began)
        began = time.process_time()
        desk.figures.agreement(desk.book.bundle.queues["answers"])
        agreement = 1_000 * (time.process_time() - began)
    return {
        "first": took[0],
        "next": statistics.median(took),
        "p99": sorted(took)[int(0.99 * len(took))],
        "worst": max(took[1:]),
        "progress": progress,
        "agreement": agreement,
        "all_s": total,
        "wall_s": wall,
    }


def main() -> None:
    """Print it."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--cases", type=int, default=20_000)
    parser.add_argument("--labels", type=int, default=1_000)
    parser.add_argument("--json", action="store_true")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="freehold-bench-") as name:
        prepare(Path(name), given.cases)
        found = {k: round(v, 2) for k, v in measure(Path(name), given.labels).items()}
    if given.json:
        print(json.dumps(found))
        return
    for key, value in found.items():
        print(f"{key:<10}{value:10.2f}")


if __name__ == "__main__":
    main()
