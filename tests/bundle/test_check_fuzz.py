"""Whatever stands where in a bundle, ``check`` answers with problems, never an exception."""

import copy
from textwrap import dedent
from typing import Any

import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from freehold.bundle.check import check_snapshot
from freehold.bundle.problems import Problems
from freehold.bundle.resolve import resolve
from freehold.bundle.snapshot import Snapshot
from tests.bundle.samples import GOOD

WHOLE: dict[str, Any] = {}
for _text in GOOD.values():
    WHOLE.update(yaml.safe_load(dedent(_text)))
WHOLE["identity"]["issuers"] = {
    "company": {"issuer": "https://i", "audience": "a", "jwks": "file:j.json",
                "attribute_claims": {"tier": "t"}}
}  # fmt: skip
WHOLE["tenants"]["north"]["settings"] = {"detectors": {"pii.*": {"mode": "enforce"}}}


def paths(node: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    found = [path] if path else []
    children = (
        node.items()
        if isinstance(node, dict)
        else enumerate(node)
        if isinstance(node, list)
        else ()
    )
    for key, child in children:
        found += paths(child, (*path, key))
    return found


ALL = paths(WHOLE)
junk = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20)
    | st.sampled_from(["chain", "north", "gpt-5", "main", "service", "orders", "http://[", "pii.*",
                       "https://h:99999/", "env:X", "principal.attributes.", "SELECT :a", ":"]),
    lambda inner: st.lists(inner, max_size=3)
    | st.dictionaries(st.text(max_size=8) | st.sampled_from(["parent", "lock", "settings", "do"]),
                      inner, max_size=3),
    max_leaves=8,
)  # fmt: skip


@given(st.lists(st.tuples(st.sampled_from(ALL), junk, st.booleans()), min_size=1, max_size=4))
@settings(max_examples=300, deadline=None)
def test_no_change_to_a_bundle_makes_check_raise(
    changes: list[tuple[tuple[Any, ...], Any, bool]],
) -> None:
    bundle = copy.deepcopy(WHOLE)
    for path, value, remove in changes:
        here = bundle
        try:
            for part in path[:-1]:
                here = here[part]
            if remove:
                del here[path[-1]]
            else:
                here[path[-1]] = value
        except (KeyError, IndexError, TypeError):
            continue  # an earlier change took away what this one is about
    text = yaml.safe_dump(bundle, allow_unicode=True)
    report = check_snapshot(
        Snapshot("folder", {"a.yaml": text.encode("utf-8", "surrogatepass")}), Problems(),
        compile_rule=lambda _text, _phase: None,
    )  # fmt: skip
    for problem in report.problems:
        assert str(problem)
        assert problem.line >= 0
    if report.bundle is not None:
        resolved = resolve(report.bundle, report.hash, lookup=lambda _name: "http://127.0.0.1:1/v1")
        for app_id, app in report.bundle.apps.items():
            resolved.app_for(app.tenant, app_id)
    else:
        assert report.errors


def test_wherever_a_file_breaks_off_nothing_is_made_up() -> None:
    whole = {name: dedent(text) for name, text in GOOD.items()}
    for name, text in whole.items():
        lines = text.splitlines(keepends=True)
        for number in range(len(lines)):
            if "SELECT" in lines[number] or "SELECT" in lines[number - 1]:
                continue  # inside a text, where anything may stand
            indent = " " * (len(lines[number]) - len(lines[number].lstrip()))
            broken = "".join([*lines[:number], indent, "}: [\n", *lines[number:]])
            files = {other: value.encode() for other, value in (whole | {name: broken}).items()}
            report = check_snapshot(Snapshot("folder", files), Problems())
            assert [(p.code, p.file) for p in report.problems] == [("yaml.syntax", name)], number
