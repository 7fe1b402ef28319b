"""Whose data a tenant's name stands for: its own and that of everyone below it."""

from pathlib import Path

import pytest

from freehold.bundle.kept import keep, kept_folder, kept_hashes
from freehold.bundle.problems import Problems
from freehold.bundle.snapshot import read_folder
from freehold.core.errors import BundleError, NotFound
from freehold.services.tenants import Family, family
from tests.bundle.samples import edited, write

PARENTS = {"chain": None, "north": "chain", "1001": "north", "south": "chain"}


def live(folder: Path, home: Path, *edits: tuple[str, str]) -> str:
    """Keep a bundle as one that was live; its hash."""
    folder.mkdir(parents=True)
    snapshot = read_folder(write(folder, *(edited(*edit) for edit in edits)), Problems())
    keep(snapshot, home)
    return snapshot.hash


def test_a_tenant_and_all_below_it() -> None:
    tree = Family(PARENTS)
    assert tree.within("chain") == PARENTS.keys()
    assert tree.within("north") == {"north", "1001"}
    assert tree.within("north", only=True) == {"north"}
    assert tree.within("1001") == {"1001"}


def test_an_unknown_tenant_is_an_error_with_what_may_be_meant() -> None:
    with pytest.raises(NotFound, match="no tenant `nroth` is known here; did you mean `north`"):
        Family(PARENTS).within("nroth")
    with pytest.raises(NotFound, match="known: `1001`, `chain`, `north`, `south`"):
        Family(PARENTS).within("zzzzzz")
    with pytest.raises(NotFound, match="known: none"):
        Family({}).within("any")


def test_the_tree_is_that_of_the_bundle_that_ran_last(tmp_path: Path) -> None:
    home = tmp_path / "home"
    before = live(tmp_path / "a", home)
    after = live(tmp_path / "b", home, ('"1001": {parent: north}', '"1001": {parent: chain}'))
    assert set(kept_hashes(home)) == {before, after}
    assert family(home, [("1001", before)]).within("north") == {"north", "1001"}
    assert family(home, [("1001", after), ("1001", before)]).within("north") == {"north"}


def test_who_left_the_bundle_stands_where_it_stood(tmp_path: Path) -> None:
    home = tmp_path / "home"
    before = live(tmp_path / "a", home)
    after = live(tmp_path / "b", home, ('"1001": {parent: north}', '"1002": {parent: north}'))
    seen = [("chain", after), ("1001", before), ("", None)]
    assert family(home, seen).within("north") == {"north", "1001", "1002"}
    assert "" not in family(home, seen).within("chain")


def test_a_store_without_bundles_knows_names_only(tmp_path: Path) -> None:
    tree = family(tmp_path, [("north", "sha256:" + "0" * 64)], {"south"})
    assert tree.within("north") == {"north"}
    assert tree.within("south") == {"south"}


def test_a_changed_copy_is_no_tree(tmp_path: Path) -> None:
    kept = live(tmp_path / "a", tmp_path / "home")
    for path in kept_folder(tmp_path / "home", kept).rglob("*.yaml"):
        path.chmod(0o600)
        path.write_text(path.read_text() + "# changed")
    with pytest.raises(BundleError, match="was changed"):
        family(tmp_path / "home", [("north", kept)])
