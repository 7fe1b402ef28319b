"""What this release can't serve is left out of what is deployed, and nothing else is."""

from collections.abc import Mapping
from typing import Any

from freehold.bundle.deployed import text_of
from freehold.bundle.model import Local
from freehold.learning.registry.serving import Servable


def served(version: str) -> dict[str, Any]:
    return {
        "version": version,
        "digest": f"sha256:{version}",
        "kind": "responder",
        "file": f"deployed/{version}",
        "threshold": 0.5,
        "options": {},
    }


def laid(**deployments: Any) -> dict[str, bytes]:
    every = [o for s in deployments.values() for o in (s.get("live"), s.get("trial")) if o]
    files = {one["file"]: one["version"].encode() for one in every}
    return {"deployments.yaml": text_of(deployments), **files}


class Looker:
    """Can't read what is named ``old``."""

    def __init__(self) -> None:
        self.looked: list[str] = []

    def __call__(self, local: Local, files: Mapping[str, bytes]) -> str | None:
        self.looked.append(local.file)
        return "line 1" if b"old" in files[local.file] else None


def test_an_unreadable_version_goes_and_the_rest_stays() -> None:
    files = laid(
        a={"live": served("old-a"), "trial": served("new-a"), "state": "canary"},
        b={"live": served("new-b"), "trial": served("old-b"), "state": "shadow"},
        c={"live": served("old-c")},
    )
    rest, left = Servable(Looker()).of(files)
    assert rest == laid(
        a={"trial": served("new-a"), "state": "canary"}, b={"live": served("new-b")}
    )
    assert left.keys() == {"a@old-a", "b@old-b", "c@old-c"}
    assert "can't read it" in left["a@old-a"]
    assert "train it again" in left["a@old-a"]


def test_nothing_is_left_of_what_is_unreadable_throughout() -> None:
    assert Servable(Looker()).of(laid(a={"live": served("old-a")}))[0] == {}


def test_what_is_all_readable_stays_byte_by_byte_and_is_looked_at_once() -> None:
    files, look = laid(a={"live": served("new-a")}), Looker()
    servable = Servable(look)
    assert servable.of(files) == (files, {})
    assert servable.of(files) == (files, {})
    assert look.looked == ["deployed/new-a"]


def test_what_is_no_overlay_is_for_the_check_to_judge() -> None:
    for files in ({}, {"deployments.yaml": b"kept"}, {"deployments.yaml": b"#\n[]"}):
        assert Servable(Looker()).of(files) == (files, {})
