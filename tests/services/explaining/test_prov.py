"""PROV: every relation joins things that are there, of the kinds that the model demands."""

import re
from typing import Any

import orjson
import pytest
from msgspec.structs import replace

from freehold.services.explaining import prov
from tests.services.explaining import made
from tests.services.explaining.test_renderings import EVERY, HOSTILE, hostile

ENDS = {
    "used": ("activity", "entity"),
    "wasGeneratedBy": ("entity", "activity"),
    "wasInformedBy": ("activity", "activity"),
    "wasDerivedFrom": ("entity", "entity"),
    "wasAttributedTo": ("entity", "agent"),
    "wasAssociatedWith": ("activity", "agent"),
    "actedOnBehalfOf": ("agent", "agent"),
}
ROLES = {
    "used": ("prov:activity", "prov:entity"),
    "wasGeneratedBy": ("prov:entity", "prov:activity"),
    "wasInformedBy": ("prov:informed", "prov:informant"),
    "wasDerivedFrom": ("prov:generatedEntity", "prov:usedEntity"),
    "wasAttributedTo": ("prov:entity", "prov:agent"),
    "wasAssociatedWith": ("prov:activity", "prov:agent"),
    "actedOnBehalfOf": ("prov:delegate", "prov:responsible"),
}
"""W3C PROV-JSON, section 3: the members of each relation."""
NAME = re.compile(r"[a-z]+:(?:[A-Za-z0-9._-]|%[0-9A-F]{2})+")


def check(graph: dict[str, Any]) -> None:
    sorts = {"entity", "activity", "agent"}
    assert set(graph) <= sorts | set(ENDS) | {"prefix"}
    for sort in sorts:
        for name, said in graph.get(sort, {}).items():
            assert NAME.fullmatch(name), name
            assert name.partition(":")[0] in graph["prefix"]
            for key in said:
                assert key.partition(":")[0] in {*graph["prefix"], "prov"}
    for relation, (first, second) in ENDS.items():
        for name, said in graph.get(relation, {}).items():
            assert name.startswith("_:")
            ends = {key: each for key, each in said.items() if key != "prov:plan"}
            one, other = (ends[key] for key in ROLES[relation])
            assert len(ends) == 2
            assert one in graph[first], (relation, one)
            assert other in graph[second], (relation, other)
            assert said.get("prov:plan", one) in {one, *graph["entity"]}


@pytest.mark.parametrize("name", EVERY)
def test_all_that_is_named_is_there(name: str) -> None:
    graph = orjson.loads(prov.as_json(EVERY[name]))
    check(graph)
    assert f"fh:exchange.{made.EXCHANGE}" in graph["activity"]
    assert f"fh:request.{made.EXCHANGE}" in graph["entity"]


def test_an_answer_comes_from_what_was_used() -> None:
    graph = prov.graph(EVERY["allowed"])
    derived = {each["prov:usedEntity"] for each in graph["wasDerivedFrom"].values()}
    request, context = f"fh:request.{made.EXCHANGE}", f"fh:context.{made.EXCHANGE}.orders"
    assert derived == {request, context}
    assert graph["entity"][context]["fh:digest"] == "d" * 64
    assert "fh:model.large" in graph["entity"]
    assert "fh:person.https%3A%2F%2Flogin%2Eexample.customer-17" in graph["agent"]


def test_an_approval_has_its_person() -> None:
    graph = prov.graph(EVERY["approved"])
    check(graph)
    assert "fh:approval.evt_1" in graph["activity"]
    assert "fh:person.https%3A%2F%2Flogin%2Eexample.ada" in graph["agent"]


def test_what_went_on_names_where_it_was_held() -> None:
    record = made.made()
    request = {**record.opened["request"], "approval": "apr_1", "parent": "before"}
    graph = prov.graph(replace(record, opened={**record.opened, "request": request}))
    check(graph)
    informed = [each["prov:informant"] for each in graph["wasInformedBy"].values()]
    assert "fh:exchange.before" in informed


def test_hostile_names_stay_names() -> None:
    check(prov.graph(hostile()))
    said = prov.as_prov_n(hostile())
    assert HOSTILE not in said
    assert "\x1b" not in said


@pytest.mark.parametrize("name", EVERY)
def test_prov_n_has_a_line_for_each(name: str) -> None:
    lines = prov.as_prov_n(EVERY[name]).splitlines()
    assert (lines[0], lines[-1]) == ("document", "endDocument")
    graph = prov.graph(EVERY[name])
    told = sum(len(known) for key, known in graph.items() if key != "prefix")
    assert len(lines) == 2 + len(graph["prefix"]) + told
    for line in lines[1 + len(graph["prefix"]) : -1]:
        assert re.fullmatch(r"  [a-zA-Z]+\(.*\)", line)
        assert line.count('"') % 2 == 0
