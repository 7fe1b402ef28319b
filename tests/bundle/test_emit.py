import json
from pathlib import Path
from typing import Any

import pytest
import yaml

from freehold.bundle.emit import json_schema, reference_page, schema_text, shipped_schema
from freehold.bundle.schema import Bundle
from freehold.bundle.starter import PROVIDERS, write_starter
from tests.bundle.samples import GOOD, write

ROOT = Path(__file__).resolve().parents[2]


def test_the_shipped_schema_is_current() -> None:
    assert shipped_schema() == schema_text(), (
        "python -m freehold.bundle.emit > src/freehold/bundle/bundle.schema.json"
    )


def test_the_reference_page_is_current() -> None:
    page = (ROOT / "docs/reference/bundle.md").read_text(encoding="utf-8")
    assert page == reference_page(), (
        "python -m freehold.bundle.emit --page > docs/reference/bundle.md"
    )


def walk(node: Any) -> list[dict[str, Any]]:
    found = [node] if isinstance(node, dict) else []
    for child in (
        node.values() if isinstance(node, dict) else node if isinstance(node, list) else []
    ):
        found += walk(child)
    return found


def test_the_schema_keeps_to_draft_7() -> None:
    schema = json_schema()
    assert schema["$schema"] == "http://json-schema.org/draft-07/schema#"
    for node in walk(schema):
        assert not {"$defs", "const", "prefixItems", "$dynamicRef", "unevaluatedProperties"} & set(
            node
        )
        if "$ref" in node:
            assert set(node) == {"$ref"}
            assert node["$ref"].removeprefix("#/definitions/") in schema["definitions"]


def test_every_key_of_every_section_is_explained() -> None:
    schema = json_schema()
    for name, definition in {**schema["definitions"], "": schema}.items():
        for key, value in definition.get("properties", {}).items():
            assert value.get("description") or "$ref" in str(value), f"{name}.{key}"
        if name:
            assert definition.get("description"), name
    assert set(schema["properties"]) == set(Bundle.model_fields)


@pytest.mark.parametrize("provider", PROVIDERS)
def test_editors_accept_the_starter_and_see_mistakes(tmp_path: Path, provider: str) -> None:
    jsonschema = pytest.importorskip("jsonschema")
    jsonschema.Draft7Validator.check_schema(json_schema())
    validator = jsonschema.Draft7Validator(json.loads(shipped_schema()))
    starter = write_starter(tmp_path / "starter", provider)
    good = [tmp_path / "good" / name for name in GOOD]
    write(tmp_path / "good")
    for path in [*starter, *good]:
        if path.suffix == ".yaml":
            document = yaml.safe_load(path.read_text(encoding="utf-8"))
            assert list(validator.iter_errors(document)) == []
            document["modles"] = {}
            assert list(validator.iter_errors(document))
