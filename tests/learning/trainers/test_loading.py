"""Which trainers there are."""

from importlib.metadata import EntryPoint
from typing import Any

import pytest

from freehold.core.errors import TrainingError
from freehold.learning import trainers


class Own:
    kind = "own"

    def check(self, options: Any) -> None: ...

    def train(self, dataset: Any, job: Any, progress: Any) -> Any: ...


class Other(Own):
    kind = "other"


def offer(monkeypatch: pytest.MonkeyPatch, *places: tuple[str, str]) -> None:
    made = [EntryPoint(name, value, trainers.GROUP) for name, value in places]
    monkeypatch.setattr(trainers, "entry_points", lambda group: made)


def test_a_package_offers_a_trainer(monkeypatch: pytest.MonkeyPatch) -> None:
    offer(monkeypatch, ("own", f"{__name__}:Own"), ("broken", f"{__name__}:Nothing"))
    assert trainers.trainer_of("own").kind == "own"
    assert trainers.known() == ["broken", "causal-lm", "classifier", "own", "responder"]
    with pytest.raises(TrainingError, match="can't be imported: AttributeError"):
        trainers.trainer_of("broken")


def test_what_is_no_trainer_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    offer(
        monkeypatch,
        ("own", f"{__name__}:Own"),
        ("own", f"{__name__}:Other"),
        ("it", f"{__name__}:Other"),
        ("list", "builtins:list"),
    )
    with pytest.raises(TrainingError, match="several packages offer a trainer `own`"):
        trainers.trainer_of("own")
    with pytest.raises(TrainingError, match="its kind is 'other'"):
        trainers.trainer_of("it")
    with pytest.raises(TrainingError, match="it has no `check`"):
        trainers.trainer_of("list")
    with pytest.raises(TrainingError, match=r"no trainer of the kind `none`.*classifier"):
        trainers.trainer_of("none")


def test_a_built_in_one_that_lacks_its_package_names_the_extra(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(
        trainers,
        "BUILT_IN",
        {"a": ("no_such_package_here.x:Y", "learn"), "b": ("freehold.z:Z", "")},
    )
    with pytest.raises(
        TrainingError, match=r"no_such_package_here: pip install 'freehold\[learn\]'"
    ):
        trainers.trainer_of("a")
    with pytest.raises(TrainingError, match="has no trainer for `b` yet"):
        trainers.trainer_of("b")


@pytest.mark.parametrize(
    ("kind", "options", "says"),
    [
        ("classifier", {"featurs": "static"}, "no option `featurs`: did you mean `features`"),
        ("classifier", {"adapt": "perhaps"}, "`adapt`: Expected `bool`"),
        ("responder", {"alfa": 0.1}, "no option `alfa`: did you mean `alpha`"),
        ("causal-lm", {"epoch": 1}, "no option `epoch`: did you mean `epochs`"),
        ("causal-lm", {"epochs": "many"}, "`epochs`: Expected `int`"),
    ],
)
def test_a_wrong_option_is_named(kind: str, options: dict[str, Any], says: str) -> None:
    if kind == "causal-lm":
        pytest.importorskip("torch", reason="language models need the extra `train`")
    with pytest.raises(ValueError, match=says):
        trainers.trainer_of(kind).check(options)


def test_a_package_that_is_lacking_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    there = {"torch", "transformers", "datasets"}
    monkeypatch.setattr(trainers, "find_spec", lambda name: name if name in there else None)
    says = "`peft` is not installed here: pip install 'freehold[train]'"
    assert trainers.lacking("causal-lm") == says
    assert trainers.lacking("classifier") == ""
