"""From a day's answers to custom models: cases, labels, datasets, training, gate, ladder."""

import asyncio
import re
import time
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

from msgspec import Struct

from freehold.app.cases import case_service
from freehold.app.datasets import bundle_of, learning_service
from freehold.app.deployments import deployment_service, person_of
from freehold.app.gating import gate_service
from freehold.app.labelling import labelling_desk
from freehold.app.training import training_service
from freehold.bundle.kept import live_mark
from freehold.cli.demo.loop_days import Answer
from freehold.core.cases import CaseFilter
from freehold.core.training import Progress
from freehold.services.dataset_plans import plan_of as dataset_plan
from freehold.services.deployment_checks import By
from freehold.services.deployments import Deployments
from freehold.services.gate import Gated
from freehold.services.labelling import InHand
from freehold.services.labelling_people import named
from freehold.services.labelling_words import Given
from freehold.services.training import Outcome, plan_of
from freehold.testing.retail.expert.judging import judge

QUEUE = "answers"
EXPERTS = ("scripted-expert-1", "scripted-expert-2")
_FIRST = re.compile(r"candidates: \[simulated-small, simulated-frontier\]")
_LEARNS = re.compile(r"\n    objective:\n(?:      .*\n)+    learn: .*")
_QUIET_S = 60.0
_MANY = 1_000_000
_SETTLED_S = 3.0
"""Several moves in a row are several versions of the bundle; a gateway looks twice a second."""

Tell = Callable[..., None]


class Labels(Struct, frozen=True, kw_only=True):
    """How labelling went: how many by verdict, and how much the experts agree."""

    cases: int
    verdicts: dict[str, int]
    agreement: dict[str, Any]


def frontier_first(bundle: Path) -> None:
    """The copy's routes ask the rented model first: that is where most companies begin."""
    file = bundle / "models.yaml"
    text = _LEARNS.sub("", file.read_text(encoding="utf-8"))
    text = _FIRST.sub("candidates: [simulated-frontier, simulated-small]", text)
    file.write_text(text, encoding="utf-8")


def captured(home: Path) -> int:
    """How many cases there are, once capturing, which follows the answers, has come to rest."""
    before, until = -1, time.monotonic() + _QUIET_S
    while time.monotonic() < until:
        with case_service(home) as cases:
            count = len(cases.book.list(CaseFilter(limit=_MANY)))
        if count == before:
            break
        before = count
        time.sleep(2)
    return before


def label(home: Path, answers: Sequence[Answer], most: int, tell: Tell) -> Labels:
    """The scripted experts label what the queue gives them, as many as ``most``."""
    known = {answer.exchange_id: answer for answer in answers}
    verdicts: Counter[str] = Counter()
    people = [named(name) for name in EXPERTS]
    with labelling_desk(home) as desk:
        for number in range(most):
            who = people[number % len(people)]
            task = desk.labelling.next(QUEUE, who)
            if not isinstance(task, InHand):
                break
            given = _verdict(known.get(task.case.exchange_id), task)
            desk.labelling.label(task.task.task_id, who, given)
            verdicts[given.verdict] += 1
            tell("labels", number + 1, most)
        told = desk.figures.agreement(desk.labelling.queue(QUEUE, people[0]))
    return Labels(
        cases=sum(verdicts.values()), verdicts=dict(verdicts.most_common()), agreement=told
    )


def _verdict(answer: Answer | None, task: InHand) -> Given:
    """What the expert says: the house's answer; or that a larger model should answer this."""
    if answer is None:
        return Given(verdict="skip")
    suggested = task.suggestion.answer
    expert = judge(answer.asked, suggested).expert
    if not expert:
        return Given(verdict="reject")
    if expert == suggested:
        return Given(verdict="correct")
    return Given(verdict="edit", answer=expert)


def train(home: Path, model: str, progress: Progress) -> tuple[Outcome, int]:
    """Dataset and version of one custom model; how many rows it was made of."""
    bundle = bundle_of(home, None)
    plan = dataset_plan(bundle, model, "", sources=("label",))
    with learning_service(home, bundle, plan.owner, f"dataset {plan.name}") as (sets, learnable):
        made = sets.build(plan, learnable)
    with training_service(home) as training:
        outcome = training.run(plan_of(bundle, model, home, actor="scripted"), progress)
    return outcome, made.manifest.rows


def gate(home: Path, version: str) -> Gated:
    """The verdict on a version."""
    with gate_service(home) as gates:
        return asyncio.run(gates.judge(version, "scripted"))


class Ladder:
    """Takes versions from the shadow to live, in a gateway that runs.

    Args:
        token: an identity token for claims, as the demo's issuer signs it.
        seen: drives requests while something is on trial.
    """

    def __init__(
        self, home: Path, token: Callable[[Mapping[str, Any]], str], seen: Callable[[str], None]
    ) -> None:
        self._home = home
        self._token = token
        self._seen = seen

    def climb(self, versions: Sequence[str]) -> None:
        """Shadow, canary, live: the second by another verified person than the first."""
        models = [version.partition("@")[0] for version in versions]
        ann = self._who("ann", "trainer")
        self._moved(partial(Deployments.deploy, which=version, by=ann) for version in versions)
        self._seen("in the shadow")
        self._moved(partial(Deployments.advance, model=model, by=ann) for model in models)
        self._seen("as a canary")
        olga = self._who("olga", "model-owner")
        self._moved(partial(Deployments.promote, which=model, by=olga) for model in models)

    def _who(self, name: str, role: str) -> By:
        claims = {"sub": f"E-demo-{name}", "roles": [role], "tenant": "harbor-and-pine"}
        return By(name=name, person=person_of(self._home, self._token(claims)))

    def _moved(self, moves: Iterable[Callable[[Deployments], object]]) -> None:
        """Do these, and wait until the gateway has taken them over."""
        before = live_mark(self._home)[1]
        with deployment_service(self._home) as deployments:
            for move in moves:
                move(deployments)
        until = time.monotonic() + _QUIET_S
        while live_mark(self._home)[1] == before:
            if time.monotonic() > until:
                raise TimeoutError("the gateway has not taken over what was deployed")
            time.sleep(0.2)
        time.sleep(_SETTLED_S)
