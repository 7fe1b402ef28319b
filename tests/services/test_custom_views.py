"""A version is asked by hand: with context, as its route would, and without."""

from pathlib import Path

from freehold.core.training import TrainingJob
from freehold.learning.datasets.memory import MemoryDataset
from freehold.learning.registry import About, Registry
from freehold.learning.trainers.responder import ResponderTrainer
from freehold.services.custom_views import tried
from tests.learning.trainers.taught import order, orders, piece, said_of


def test_a_trained_responder_answers_from_the_context_or_says_why_not(tmp_path: Path) -> None:
    job = TrainingJob(model="answers", out=tmp_path / "out", options={})
    job.out.mkdir()
    rows = MemoryDataset("answers", orders())
    trained = ResponderTrainer().train(rows, job, lambda *_, **__: None)
    registry = Registry(tmp_path / "custom")
    version = registry.add(trained, job, rows, about=About(by="ada"))
    row = order(5_555_555, "shipped", "2027-01-09")
    asked = "where is my order HO-5555555?"
    told = tried(registry, "answers", asked, pieces=[piece("orders", row)])
    assert told["model"] == version.id
    assert (told["answer"], told["answers"], told["why"]) == (said_of(row), True, "")
    without = tried(registry, "answers", asked)
    assert (without["answer"], without["answers"]) == ("", False)
    assert "value is missing" in without["why"]
