"""The JSON Schema for editors takes what the reader takes."""

import json
import re
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from freehold.bundle.problems import Problems
from freehold.bundle.tree import parse
from freehold.rules.decisions import inputs, reading, rowing, stepping
from freehold.rules.decisions.tables import HITS

_BLOCK = re.compile(r"^```yaml \{file=[^}]*policy\.yaml\}\n(.*?)^```", re.MULTILINE | re.DOTALL)


@pytest.fixture(scope="module")
def schema() -> dict[str, Any]:
    path = Path(reading.__file__).with_name("policy.schema.json")
    found: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    jsonschema.Draft202012Validator.check_schema(found)
    return found


def documents(repository: Path) -> list[str]:
    examples = sorted((repository / "examples" / "policies").glob("*/policy.yaml"))
    texts = [path.read_text(encoding="utf-8") for path in examples]
    for page in ("reference/decisions.md", "how-to/write-a-decision-table.md"):
        texts += _BLOCK.findall((repository / "docs" / page).read_text(encoding="utf-8"))
    return texts


def test_every_policy_of_the_repository_fits(repository: Path, schema: dict[str, Any]) -> None:
    found = documents(repository)
    assert len(found) == 5
    for text in found:
        jsonschema.validate(parse(text, "policy.yaml", Problems()).tree.plain(), schema)


@pytest.mark.parametrize(
    "change",
    [
        {"policy": 2},
        {"colour": "red"},
        {"inputs": {"age": "numbr"}},
        {"values": {"a": {"first": []}}},
        {"values": {"a": {"value": 1, "table": "t"}}},
        {"outputs": {}},
    ],
)
def test_what_the_reader_refuses_does_not_fit(
    schema: dict[str, Any], change: dict[str, Any]
) -> None:
    good = {"policy": 1, "inputs": {"age": "number"}, "outputs": {"x": "age"}}
    jsonschema.validate(good, schema)
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate(good | change, schema)


def test_the_keys_are_those_of_the_reader(schema: dict[str, Any]) -> None:
    parts = schema["$defs"]
    assert set(schema["properties"]) == set(reading._TOP)
    assert set(parts["input"]["oneOf"][1]["properties"]) == set(inputs._INPUT)
    assert set(parts["output"]["oneOf"][1]["properties"]) == set(reading._OUTPUT)
    assert set(parts["table"]["properties"]) == set(rowing._TABLE)
    assert set(parts["table"]["properties"]["hit"]["enum"]) == set(HITS)
    forms = parts["values"]["additionalProperties"]["oneOf"][1:]
    assert {form["required"][0] for form in forms} == set(stepping._KINDS)
