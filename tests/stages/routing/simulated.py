"""Two models of known quality by topic, and a stage that learns which is which."""

from random import Random

from msgspec import structs

from freehold.core.handoffs import Plan
from freehold.core.health import Untroubled
from freehold.core.routes import LearnSpec, MetricSpec, ObjectiveSpec, RouteSpec
from freehold.core.trail import Trail
from freehold.stages.routing import Routing
from freehold.stages.routing.choosing import LearnedRouter
from freehold.stages.routing.learners import Learners
from freehold.text.embedding import embed
from freehold.text.features import featurise
from freehold.text.signal_bytes import unpack
from tests.stages import made

TOPICS = {
    "billing": ["invoice", "refund", "payment", "charge", "receipt", "card"],
    "travel": ["flight", "hotel", "luggage", "airport", "ticket", "visa"],
}
_ASKS = (
    "Can you help me with the {0} from last week?",
    "I have a question about my {0} and the {1}.",
    "Why is the {0} not what I was told about the {1}?",
    "Please tell me what happens with a {0} when the {1} is late.",
    "{0} again: what do I do now?",
    "My {1} is wrong, and so is the {0}, since Monday.",
)


def question(dice: Random, topic: str) -> str:
    """Something about a topic, in one of many ways."""
    one, other = dice.sample(TOPICS[topic], 2)
    return f"{dice.choice(_ASKS).format(one, other)} It is number {dice.randrange(10_000)}."


class Simulated:
    """A route of two models, over the stage alone. ``quality``: model → topic → share right."""

    def __init__(self, quality: dict[str, dict[str, float]], **aims: int) -> None:
        self.quality = quality
        self.learners = Learners()
        self.clock = made.Standing()
        models = {name: made.model(name, input_price_nano=100) for name in quality}
        self.learners.adopt({"main": tuple(models.values())})
        route = RouteSpec(
            id="main",
            candidates=tuple(models),
            objective=ObjectiveSpec(policy="learned", **aims),
            learn=LearnSpec(metric="solved"),
        )
        self.app = made.app(
            models=models, route=route, metrics={"solved": MetricSpec(id="solved")}, embeds=True
        )
        self.stage = Routing(
            Untroubled(), self.clock, routers={"learned": LearnedRouter(self.learners)}
        )
        self.dice = Random(7)
        self.intents = True
        self.count = 0

    def ask(self, text: str, intent: str = "") -> tuple[Plan, Trail]:
        """One request; the exchange's id counts up."""
        self.count += 1
        grounded = made.grounded(made.ask(text), self.app, features=featurise(text))
        prepared = grounded.screened.prepared
        prepared = structs.replace(prepared, vector=embed(text), intent=intent)
        arrival = made.arrival(made.ask(text), exchange_id=f"exchange-{self.count}")
        admitted = structs.replace(prepared.admitted, arrival=arrival)
        prepared = structs.replace(prepared, admitted=admitted)
        screened = structs.replace(grounded.screened, prepared=prepared)
        stitched = structs.replace(grounded.stitched, screened=screened)
        trail = Trail(arrival)
        ruled = made.ruled(structs.replace(grounded, stitched=stitched))
        return self.stage(ruled, trail), trail

    def turn(self, topic: str) -> tuple[str, bool]:
        """One request with its outcome told: which model, and whether it was right."""
        text = question(self.dice, topic)
        plan, trail = self.ask(text, topic if self.intents else "")
        model = plan.attempts[0].model.id
        right = self.dice.random() < self.quality[model][topic]
        assert trail.routed is not None
        learner = self.learners.own(trail.routed.owner, trail.routed.route)
        learner.learn(model, unpack(trail.signals), float(right), 1_000, 1.0)
        return model, right

    def run(self, turns: int) -> float:
        """The share of requests that went to the better model for their topic."""
        better = 0
        for _ in range(turns):
            topic = self.dice.choice(list(TOPICS))
            best = max(self.quality, key=lambda model: self.quality[model][topic])
            better += self.turn(topic)[0] == best
        return better / turns
