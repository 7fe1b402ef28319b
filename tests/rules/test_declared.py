"""The table of facts and its page in the docs."""

import subprocess
import sys
from pathlib import Path

import pytest

from freehold.core.facts import TextFact
from freehold.rules.declared import DECLARED, PHASES, attribute_of, page, types_of


def test_the_docs_page_is_current(repository: Path) -> None:
    written = (repository / "docs" / "reference" / "facts.md").read_text(encoding="utf-8")
    assert written == page(), "run: python -m freehold.rules.declared > docs/reference/facts.md"


def test_the_page_is_what_the_module_prints() -> None:
    run = subprocess.run(
        [sys.executable, "-m", "freehold.rules.declared"],
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    assert run.stdout == page()


@pytest.mark.parametrize("fact", DECLARED, ids=lambda fact: fact.name)
def test_the_page_has_every_fact(fact: object) -> None:
    assert isinstance(fact, type(DECLARED[0]))
    assert page().count(f"| `{fact.name}` |") == 1
    assert fact.phases <= set(PHASES)
    assert fact.says.endswith((".", "?"))


def test_the_page_has_every_field_of_a_record() -> None:
    record = TextFact(
        kind="percent", value=1, unit="bp", start=0, end=1, text="1", polarity="affirmed", role=""
    ).cel()
    for field in record:
        assert f"`{field}`" in page()


def test_names_are_unique_and_dotted() -> None:
    names = [fact.name for fact in DECLARED]
    assert len(set(names)) == len(names)
    assert all(name.count(".") == 1 for name in names)


def test_types() -> None:
    assert types_of(["answer.chars", "principal.attributes.tier"]) == {
        "answer.chars": "int",
        "principal.attributes.tier": "string",
    }


def test_attribute_of() -> None:
    assert attribute_of("principal.attributes.tier") == "tier"
    assert attribute_of("principal.id") is None
