"""An app's examples in its YAML: read, and refused where they are wrong."""

from pathlib import Path

import yaml

from freehold.bundle.check import check
from freehold.bundle.starter import write_starter

GOOD = ["where is my order", "return my kettle", "is it in stock", "cancel it", "opening hours"]


def checked(tmp_path: Path, scope: object) -> tuple[list[str], object]:
    folder = tmp_path / "bundle"
    write_starter(folder, "simulator")
    path = folder / "apps.yaml"
    sections = yaml.safe_load(path.read_text("utf-8"))
    app = next(iter(sections["apps"].values()))
    app["scope"] = scope
    path.write_text(yaml.safe_dump(sections), "utf-8")
    report = check(folder)
    bundle = report.bundle
    found = None if bundle is None else next(iter(bundle.apps.values())).scope
    return [problem.code for problem in report.errors], found


def test_examples_are_read(tmp_path: Path) -> None:
    errors, scope = checked(tmp_path, {"in": GOOD, "out": ["a poem"], "threshold": 0.4})
    assert errors == []
    assert scope is not None
    assert (scope.inside, scope.outside, scope.threshold) == (GOOD, ["a poem"], 0.4)  # type: ignore[attr-defined]


def test_too_few_is_an_error(tmp_path: Path) -> None:
    assert checked(tmp_path, {"in": GOOD[:4]})[0] != []


def test_an_example_on_both_sides_or_without_a_word_is_an_error(tmp_path: Path) -> None:
    errors, _ = checked(tmp_path, {"in": [*GOOD, "?!"], "out": ["Cancel it "]})
    assert errors == ["scope.example", "scope.example"]


def test_a_misspelt_key_is_an_error(tmp_path: Path) -> None:
    assert checked(tmp_path, {"in": GOOD, "outt": ["a poem"]})[0] == ["shape.unknown-key"]
