from pathlib import Path

from freehold.bundle.check import check
from freehold.bundle.diff import diff
from freehold.bundle.schema import Bundle
from tests.bundle.samples import edited, write


def bundle(folder: Path, old: str = "name: corner-shop", new: str = "name: corner-shop") -> Bundle:
    report = check(write(folder, edited(old, new)))
    assert report.bundle is not None, "\n".join(map(str, report.problems))
    return report.bundle


def test_equal_bundles_do_not_differ(tmp_path: Path) -> None:
    assert diff(bundle(tmp_path / "a"), bundle(tmp_path / "b", "content: redacted",
                                               "content: 'redacted'")) == []  # fmt: skip


def test_what_changed_is_named_by_its_path(tmp_path: Path) -> None:
    before = bundle(tmp_path / "a")
    changed = bundle(tmp_path / "b", "requests_per_minute: 600", "requests_per_minute: 60")
    assert [str(change) for change in diff(before, changed)] == [
        "~ tenants.chain.settings.limits.requests_per_minute: 600 → 60"
    ]
    more = bundle(tmp_path / "c", "north: {parent: chain}", "north: {parent: chain, title: North}")
    assert [str(change) for change in diff(before, more)] == ["+ tenants.north.title: North"]
    less = bundle(tmp_path / "d", "    aliases: {gpt-4o: gpt-5}\n", "")
    assert [str(change) for change in diff(before, less)] == [
        "- apps.service.aliases: {'gpt-4o': 'gpt-5'}"
    ]
    order = bundle(tmp_path / "e", "[gpt-5, small]", "[small, gpt-5]")
    assert diff(before, order)[0].as_dict() == {
        "path": "routes.main.candidates",
        "kind": "changed",
        "before": ["gpt-5", "small"],
        "after": ["small", "gpt-5"],
    }
