"""What others reached on a public data set stands beside ours, and only there."""

from importlib.util import find_spec

from freehold.learning.trainers import encoders
from freehold.services.measure_intents import features_here, published

BANKING = {"card_arrival", "getting_virtual_card", "lost_or_stolen_card"}
CLINC = {"oil_change_how", "meal_suggestion", "translate"}


def named(known: set[str], count: int) -> dict[str, list[str]]:
    return {name: [] for name in (*known, *(f"i{n}" for n in range(count - len(known))))}


def reached(names: dict[str, list[str]], per_intent: int | None = None) -> set[tuple[str, float]]:
    rows = published(names, per_intent)
    return {(row.name, row.accuracy) for row in rows if "et al." in row.source}


def test_the_rows_of_a_public_data_set() -> None:
    banking = named(BANKING, 77)
    few = {("USE + ConveRT", 0.8519), ("CPFT", 0.872)}
    assert reached(banking) == {("BERT, tuned", 0.9366), ("USE + ConveRT", 0.9336)} | few
    assert reached(banking, 10) == few
    assert reached(banking, 3) == set()
    (row,) = published(named(CLINC, 150), None)
    assert (row.accuracy, row.oos_recall) == (0.969, 0.403)


def test_of_other_data_nothing_ispublished() -> None:
    assert published(named(BANKING, 78), None) == ()
    assert published({}, None) == ()


def test_auto_is_the_transformer_where_it_was_added(tmp_path, monkeypatch):
    monkeypatch.delenv(encoders.VARIABLE, raising=False)
    monkeypatch.setenv("FREEHOLD_HOME", str(tmp_path))
    monkeypatch.chdir(tmp_path)
    assert features_here() == "static"
    (tmp_path / encoders.PLACE).mkdir(parents=True)
    (tmp_path / encoders.PLACE / encoders.ENCODER).touch()
    there = all(map(find_spec, ("onnxruntime", "tokenizers")))
    assert features_here() == ("minilm" if there else "static")
