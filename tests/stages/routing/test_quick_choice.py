"""The quick choice is the plain one: the same formulas, written down a second time, row by row."""

from math import erfc, expm1, sqrt
from random import Random

import numpy as np
import pytest

from freehold.core.decisions import MILLION
from freehold.core.features import Features
from freehold.core.routes import ObjectiveSpec, RouteSpec
from freehold.core.routing import Contest, Estimate, Signals
from freehold.core.spec import ModelSpec
from freehold.stages.routing.choosing import LearnedRouter
from freehold.stages.routing.learned import Expected, LearnedPolicy, draw, features, shares
from freehold.stages.routing.learners import Learner, Learners
from freehold.text.embedding import DIMS
from tests.stages import made

INTENTS = ("", "billing", "travel", "never seen")


def seen(dice: Random) -> Signals:
    vector = np.random.default_rng(dice.randrange(2**32)).standard_normal(DIMS).astype(np.float32)
    return Signals(
        vector=vector / np.linalg.norm(vector) if dice.random() < 0.9 else None,
        features=Features(chars=dice.randrange(4_000), words=dice.randrange(700), lines=3),
        intent=dice.choice(INTENTS),
        prompt_tokens=dice.randrange(5_000),
        max_tokens=dice.choice((0, 20, 1_000)),
    )


def models(dice: Random, count: int) -> tuple[ModelSpec, ...]:
    prices = [(dice.randrange(500), dice.choice((0, 900))) for _ in range(count)]
    return tuple(
        made.model(f"m{n}", input_price_nano=read, output_price_nano=written)
        for n, (read, written) in enumerate(prices)
    )


def taught(dice: Random, of: tuple[ModelSpec, ...], outcomes: int) -> LearnedPolicy:
    policy = LearnedPolicy()
    policy.estimates(of, seen(dice))
    for _ in range(outcomes):
        cost = dice.choice((None, dice.randrange(2_000_000)))
        name = dice.choice(of[: max(1, len(of) - 1)]).id  # of the last one nothing is known
        policy.learn(name, seen(dice), dice.choice((0.0, 0.3, 1.0)), cost, dice.choice((1.0, 0.2)))
    return policy


def plain(policy: LearnedPolicy, of: tuple[ModelSpec, ...], signals: Signals) -> list[Estimate]:
    """One model after another, in double precision."""
    row = features.row(signals).astype(float)
    arms, beliefs, calibration = policy._arms, policy._beliefs, policy._calibration
    found = []
    for model in of:
        place = policy.models.index(model.id)
        base, usual, uncertain = (
            float(x[0]) for x in beliefs.all_of(np.array([place]), signals.intent)
        )
        rest, longer = arms.theta[place].astype(float) @ row
        spread = float(row @ arms.inverse[place].astype(float) @ row)
        edges = (np.arange(20) + 0.5) / 20
        at = min(1.0, max(0.0, base + rest))
        line = calibration._maps[place]
        # beyond the outermost bins the map goes on as straight as it was
        part = 0 if at < edges[1] else 18 if at > edges[18] else int(at * 20 - 0.5)
        slope = (line[part + 1] - line[part]) * 20
        success = min(0.999, max(0.001, line[part] + (max(at, 0) - edges[part]) * slope))
        doubt = sqrt(uncertain + beliefs.noise[place] * spread)
        tokens = max(1.0, expm1(min(16.0, usual + longer))) * beliefs.smear[place]
        tokens = min(tokens, signals.max_tokens) if signals.max_tokens else tokens
        cost = signals.prompt_tokens * model.input_price_nano + tokens * model.output_price_nano
        found.append(
            Estimate(
                model=model.id,
                success=int(success * MILLION),
                doubt=int(doubt * MILLION),
                cost_nano=int(cost),
                seen=int(beliefs.seen[place]),
            )
        )
    return found


def alike(one: int, other: int) -> bool:
    """To what single precision can tell."""
    return abs(one - other) <= 3 + 1e-4 * abs(other)


@pytest.mark.parametrize("count", [1, 2, 5, 10, 11, 50])
def test_estimates_are_those_of_the_plain_formulas(count: int) -> None:
    for seed in range(4):
        dice = Random(100 * count + seed)
        of = models(dice, count)
        policy = taught(dice, of, seed * 40 * min(count, 6))
        for turn in range(25):
            if turn % 5 == 4:  # what was kept of an earlier state is not used
                policy.learn(dice.choice(of).id, seen(dice), 1.0, 9_000)
            signals = seen(dice)
            asked = tuple(dice.sample(of, dice.randint(1, count)))
            found, wanted = policy.estimates(asked, signals), plain(policy, asked, signals)
            for one, other in zip(found, wanted, strict=True):
                assert (one.model, one.seen) == (other.model, other.seen)
                assert alike(one.success, other.success), (one, other)
                assert alike(one.doubt, other.doubt), (one, other)
                assert alike(one.cost_nano, other.cost_nano), (one, other)


def test_few_and_many_are_judged_alike() -> None:
    dice = Random(5)
    of = models(dice, 30)
    policy = taught(dice, of, 600)
    for _ in range(50):
        signals = seen(dice)
        whole = policy.estimates(of, signals)
        parts = [e for at in range(0, 30, 5) for e in policy.estimates(of[at : at + 5], signals)]
        for one, other in zip(whole, parts, strict=True):
            assert (one.model, one.doubt, one.seen) == (other.model, other.doubt, other.seen)
            assert one.success == other.success
            assert abs(one.cost_nano - other.cost_nano) <= 1  # two ways to take an exponent


def plain_choice(
    rows: list[Estimate], aim: ObjectiveSpec, price: float, floor: int, seed: str
) -> list[tuple[str, int, int]]:
    """Model, score and propensity in the order of a ranking."""
    weight = aim.latency_price / 1_000
    reach = [e.success >= floor for e in rows]
    if any(reach):
        scores = [int(e.success - price * e.cost_nano - weight * e.latency_ms) for e in rows]
    else:
        scores, reach = [e.success for e in rows], [True] * len(rows)
    places = range(len(rows))
    best = max((p for p in places if reach[p]), key=scores.__getitem__)
    if aim.explore:
        odds = plain_shares(
            [float(scores[p]) if reach[p] else -1e12 for p in places],
            [0.25 * rows[p].doubt if reach[p] else 0.0 for p in places],
            aim.explore,
        )
    else:
        odds = [MILLION * (p == best) for p in places]
    chosen = draw(odds, seed.encode())
    others = sorted(
        (p for p in places if p != chosen), key=lambda p: (reach[p], scores[p]), reverse=True
    )
    return [(rows[p].model, scores[p], odds[p]) for p in (chosen, *others)]


def plain_shares(scores: list[float], doubts: list[float], floor: int) -> list[int]:
    best = max(range(len(scores)), key=scores.__getitem__)
    weights = [
        0.5 * erfc((scores[best] - s) / sqrt(2 * (d**2 + doubts[best] ** 2)))
        if d or doubts[best]
        else 0.0
        for s, d in zip(scores, doubts, strict=True)
    ]
    weights[best] = 0.0
    weights[best] = max(1.0 - sum(weights), *weights, 1e-9)
    least = floor // len(scores)
    rest = MILLION - least * len(scores)
    found = [least + int(rest * weight / sum(weights)) for weight in weights]
    found[best] += MILLION - sum(found)
    return found


class Told:
    """A policy that expects what a test says."""

    version = 1

    def __init__(self, rows: list[Estimate]) -> None:
        self.rows = rows

    def estimates(self, _models: object, _signals: object) -> tuple[Estimate, ...]:
        return tuple(self.rows)

    def expected(self, _models: object, _signals: object) -> Expected:
        return Expected.of(self.rows)


@pytest.mark.parametrize("count", [1, 2, 3, 10, 50])
def test_rankings_are_those_of_the_plain_formulas(count: int) -> None:
    for seed in range(150):
        dice = Random(1_000 * count + seed)
        of = models(dice, count)
        even = dice.random() < 0.2  # as good as each other
        rows = [
            Estimate(
                model=model.id,
                success=700_000 if even else dice.randrange(1_000, 999_000),
                doubt=dice.choice((0, 1, dice.randrange(400_000))),
                cost_nano=dice.randrange(200_000),
                seen=4,
            )
            for model in of
        ]
        learners = Learners()
        learners.put("north", "main", Learner(Told(rows)))  # type: ignore[arg-type]
        aim = ObjectiveSpec(
            policy="learned",
            explore=dice.choice((0, 20_000, MILLION)),
            nano_per_success=dice.choice((None, 300_000)),
            latency_price=dice.choice((0, 150_000)),
        )
        for model in of:
            learners.answered(model.id, dice.randrange(3_000))
        floor = dice.choice((0, 600_000, 999_500))
        route = RouteSpec(id="main", candidates=tuple(m.id for m in of), objective=aim)
        contest = Contest(
            exchange_id=f"e{seed}", route=route, owner="north", models=of, signals=seen(dice),
            floor=floor,
        )  # fmt: skip
        ranking = LearnedRouter(learners).rank(contest)
        if aim.latency_price:
            rows = [
                Estimate(
                    model=e.model, success=e.success, doubt=e.doubt, cost_nano=e.cost_nano,
                    seen=4, latency_ms=learners.latency_ms(e.model),
                )
                for e in rows
            ]  # fmt: skip
        price = MILLION / aim.nano_per_success if aim.nano_per_success else 0.0
        wanted = plain_choice(rows, aim, price, floor, contest.exchange_id)
        assert [(r.model, r.score, r.propensity) for r in ranking.ranked] == wanted
        assert ranking.names() == tuple(r.model for r in ranking.ranked)
        by_name = {row.model: row for row in rows}
        assert [r.estimate for r in ranking.ranked] == [by_name[r.model] for r in ranking.ranked]
        assert [bool(r.lost) for r in ranking.ranked] == [False] + [True] * (count - 1)


def test_shares_are_those_of_the_plain_formula() -> None:
    dice = Random(8)
    for _ in range(3_000):
        count = dice.choice((1, 2, 3, 7, 50))
        scale = dice.choice((1.0, 1e3, 1e6))
        scores = [dice.gauss(0, scale) for _ in range(count)]
        doubts = [dice.choice((0.0, dice.random() * scale, 1e-9 * scale)) for _ in range(count)]
        floor = dice.choice((0, 20_000, MILLION))
        assert list(shares(scores, doubts, floor)) == plain_shares(scores, doubts, floor)
