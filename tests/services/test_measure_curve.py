"""How accuracy grows with labels: measured on real questions, a small cut of them."""

import csv
import json

import pytest
from click.testing import CliRunner

from freehold.cli.main import main
from freehold.core.errors import FreeholdError
from freehold.services.measure_curve import Choice, _needed, measure_curve

INTENTS = 6


@pytest.fixture(scope="module")
def some(shared_data, tmp_path_factory):
    """Sixty questions of each of some intents of a bank."""
    place = tmp_path_factory.mktemp("cut") / "train.csv"
    with (shared_data / "intents" / "banking77_train.csv").open(encoding="utf-8") as held:
        rows = list(csv.DictReader(held))
    names = sorted({row["category"] for row in rows})[:INTENTS]
    kept = [row for name in names for row in [row for row in rows if row["category"] == name][:60]]
    with place.open("w", encoding="utf-8", newline="") as out:
        writer = csv.DictWriter(out, ["text", "category"])
        writer.writeheader()
        writer.writerows(kept)
    return place


def test_more_labels_tell_more_and_chosen_ones_the_most(some):
    found = measure_curve(some, shots=(1, 5, None), seeds=2, choosing=True)
    one, five, every = (point.accuracy for point in found.points)
    assert 1.5 / INTENTS < one < five < every
    assert (found.intents, found.pool, found.test) == (INTENTS, INTENTS * 30, INTENTS * 30)
    assert [len(point.runs) for point in found.points] == [2, 2, 1]
    assert found.chosen.labels == found.random.labels
    assert found.chosen.labels[:2] == (INTENTS, 2 * INTENTS)
    assert sum(found.chosen.accuracy) > sum(found.random.accuracy)
    assert found.published == (), "these are not all 77"


def test_the_same_question_is_never_learned_and_asked(some):
    again = measure_curve(some, some, shots=(None,), seeds=1)
    apart = measure_curve(some, shots=(None,), seeds=1)
    assert again.points[0].accuracy > apart.points[0].accuracy


def test_the_command_prints_it(some):
    ask = ["bench", "intent", "--train", str(some), "--curve", "--shots", "1,all", "--seeds", "1"]
    said = CliRunner().invoke(main, [*ask, "--json"])
    assert said.exit_code == 0, said.output
    points = json.loads(said.stdout)["points"]
    assert [point["per_intent"] for point in points] == [1, None]
    for wrong in (["--shots", "few"], ["--shots", "0"]):
        assert CliRunner().invoke(main, [*ask, *wrong]).exit_code == 2
    assert CliRunner().invoke(main, ["bench", "intent", "--train", str(some)]).exit_code == 2


def test_one_question_each_can_not_be_asked(tmp_path):
    (tmp_path / "a.csv").write_text("text,category\nwhere,track\nback,return\n")
    with pytest.raises(FreeholdError, match="none can be asked"):
        measure_curve(tmp_path / "a.csv")


@pytest.mark.parametrize(
    ("accuracy", "needed"), [((0.5, 0.7, 0.9), 150), ((0.85, 0.9, 0.9), 0), ((0.1, 0.2, 0.3), None)]
)
def test_how_many_labels_are_needed(accuracy, needed):
    labels = (0, 100, 200)
    assert _needed(labels, accuracy) == needed
    assert Choice(labels=labels, accuracy=accuracy, needed=needed).needed == needed
