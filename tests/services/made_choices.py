"""A route's log from a world whose truth is known."""

import numpy as np

from freehold.services.route_log import Arm, Chosen

MILLION = 1_000_000
COST = {"small": 1_000, "large": 20_000}


class World:
    """Half of the requests are hard; the small model fails them, the large one seldom does."""

    def __init__(self, rows: int = 2_000, seed: int = 0, floor: float = 0.2) -> None:
        rng = np.random.default_rng(seed)
        self.hard = rng.random(rows) < 0.5
        self.small = np.where(self.hard, 0.3, 0.9)
        self.large = np.where(self.hard, 0.85, 0.92)
        to_large = np.where(rng.random(rows) < 0.5, 1 - floor / 2, floor / 2)
        self.rows: list[Chosen] = []
        for number in range(rows):
            large = rng.random() < to_large[number]
            good = rng.random() < (self.large if large else self.small)[number]
            share = round(to_large[number] * MILLION)
            model = "large" if large else "small"
            self.rows.append(
                Chosen(
                    exchange=f"x{number}",
                    at_ns=number,
                    tenant="main",
                    app="app",
                    route="main",
                    conversation=f"c{number}",
                    model=model,
                    allowed=(
                        self.arm("small", MILLION - share, self.small[number], rng),
                        self.arm("large", share, self.large[number], rng),
                    ),
                    scores={"solved": MILLION if good else 0},
                    cost_nano=COST[model],
                    took_ms=100 if model == "small" else 900,
                    signals={"chars": 200 if self.hard[number] else 50},
                )
            )

    @staticmethod
    def arm(model: str, share: int, truth: float, rng: np.random.Generator) -> Arm:
        guess = min(max(truth + rng.normal(scale=0.05), 0.0), 1.0)
        return Arm(
            model=model,
            propensity=share,
            success=round(guess * MILLION),
            doubt=20_000,
            cost_nano=COST[model],
        )
