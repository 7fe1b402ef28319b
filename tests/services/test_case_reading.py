"""What became of a case's texts, and whose cases a tenant may learn from."""

from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace

from freehold.bundle.check import check
from freehold.bundle.resolve import ResolvedBundle, resolve
from freehold.core.cases import Case, Moment
from freehold.core.errors import NotFound
from freehold.core.subjects import Destroyed, Subject
from freehold.learning.capture.boxes import box_of
from freehold.services.case_reading import CaseReader, may_learn, visible_owners
from freehold.testing.fakes import MemoryKeys

BUNDLE = """\
freehold: 1
name: sharing
tenants:
  chain: {}
  north: {parent: chain, settings: {capture: {owner_tenant: north, share: NORTH}}}
  shop: {parent: north, settings: {capture: {owner_tenant: shop, share: SHOP}}}
  south: {parent: chain}
models: {m: {base_url: "http://127.0.0.1:9/v1"}}
routes: {main: {candidates: [m]}}
apps:
  desk: {tenant: chain, purpose: Is tested, route: main}
  bench: {tenant: south, purpose: Is tested, route: main, capture: {share: down}}
"""


def bundle(folder: Path, north: str, shop: str) -> ResolvedBundle:
    text = BUNDLE.replace("NORTH", north).replace("SHOP", shop)
    (folder / "bundle.yaml").write_text(text)
    report = check(folder)
    assert report.bundle is not None, [str(problem) for problem in report.problems]
    return resolve(report.bundle, report.hash, lookup=lambda _: None)


def case(**more: Any) -> Case:
    values: dict[str, Any] = {
        "case_id": "c", "exchange_id": "x", "conversation": "t", "owner": "shop", "tenant": "shop",
        "app": "desk", "route": "main", "reasons": ("random",),
    }  # fmt: skip
    return Case(**(values | more))


@pytest.mark.parametrize(
    ("north", "shop", "of_chain", "of_north", "of_shop"),
    [
        ("none", "none", ["chain"], ["north"], ["shop"]),
        ("none", "up", ["chain", "shop"], ["north", "shop"], ["shop"]),
        ("down", "none", ["chain"], ["north"], ["shop", "north"]),
        ("up", "down", ["chain", "north"], ["north"], ["shop"]),
        ("both", "both", ["chain", "north", "shop"], ["north", "shop"], ["shop", "north"]),
    ],
)
def test_cases_go_up_or_down_the_tree_as_declared(
    tmp_path: Path, north: str, shop: str, of_chain: Any, of_north: Any, of_shop: Any
) -> None:
    made = bundle(tmp_path, north, shop)
    assert list(visible_owners("chain", made)) == of_chain
    assert list(visible_owners("north", made)) == of_north
    assert list(visible_owners("shop", made)) == of_shop
    assert list(visible_owners("south", made)) == ["south"], "never to the side"
    for tenant, owners in (("chain", of_chain), ("north", of_north), ("shop", of_shop)):
        assert may_learn(tenant, case(), made) is ("shop" in owners)
        assert may_learn(tenant, case(owner="north", tenant="north"), made) is ("north" in owners)


def test_of_an_app_that_is_gone_only_the_owner_learns(tmp_path: Path) -> None:
    made = bundle(tmp_path, "both", "both")
    gone = case(app="gone")
    assert may_learn("shop", gone, made)
    assert not may_learn("north", gone, made)
    with pytest.raises(NotFound):
        visible_owners("nowhere", made)


def test_what_became_of_the_texts() -> None:
    keys = MemoryKeys()
    key = keys.of(Subject("shop", person="ann"), 30)
    moment = Moment(said="Hello")
    kept = case(seal_key=key.id, box=box_of(moment, "x", key))
    reader = CaseReader(keys.find)
    assert reader.read(kept).moment == moment
    assert [read.fate for read in reader.read_many([kept, case()])] == ["open", "none"]
    assert reader.read(replace(kept, exchange_id="y")).fate == "lost", "it is bound to its exchange"
    assert reader.read(replace(kept, box=b"")).fate == "erased"
    gone = CaseReader(lambda _: Destroyed(5, "expired")).read(kept)
    assert (gone.moment, gone.fate) == (None, "expired")
    keys.erase(Subject("shop", person="ann"))
    assert reader.read(kept).fate == "lost"
