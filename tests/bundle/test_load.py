import os
import random
import sys
from pathlib import Path
from textwrap import dedent

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from freehold.bundle.check import check
from freehold.bundle.load import load
from freehold.bundle.problems import Problem, Problems
from freehold.bundle.snapshot import Snapshot, bundle_hash, read_folder, scan, short_hash
from tests.bundle.samples import GOOD, write


def read(folder: Path) -> tuple[object, tuple[Problem, ...]]:
    problems = Problems()
    loaded = load(read_folder(folder, problems), problems)
    return loaded.root.plain(), problems.sorted()


def test_files_are_merged_by_id(tmp_path: Path) -> None:
    write(tmp_path, {"a.yaml": "models: {x: {region: eu}}\nname: shop\n",
                     "sub/b.yml": "models:\n  y: {region: us}\n",
                     "c.yaml": "identity: {attributes: {tier: {}}}\n",
                     "d.yaml": "identity: {attributes: {store: {}}, issuers: {i: {}}}\n",
                     "notes.txt": "models: nothing\n"})  # fmt: skip
    merged, problems = read(tmp_path)
    assert problems == ()
    assert merged == {
        "models": {"x": {"region": "eu"}, "y": {"region": "us"}},
        "name": "shop",
        "identity": {"attributes": {"tier": {}, "store": {}}, "issuers": {"i": {}}},
    }


@pytest.mark.parametrize(
    ("second", "what"),
    [("models:\n  x: {}\n", "`x` in `models`"), ("name: other\n", "`name`"),
     ("egress: {allow: []}\n", "`egress`"), ("models: [1]\n", "`models`")],
)  # fmt: skip
def test_one_thing_in_two_files_names_both_places(tmp_path: Path, second: str, what: str) -> None:
    write(tmp_path, {"a.yaml": "egress: {allow: [h]}\nname: shop\nmodels:\n  x: {}\n",
                     "b.yaml": second})  # fmt: skip
    _, problems = read(tmp_path)
    assert [p.code for p in problems] == ["merge.twice"]
    assert problems[0].file == "b.yaml"
    assert what in problems[0].message
    assert "a.yaml:" in problems[0].message


@given(seed=st.integers(0, 10_000))
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
def test_how_sections_are_spread_over_files_makes_no_difference(
    tmp_path_factory: pytest.TempPathFactory, seed: int
) -> None:
    dice = random.Random(seed)
    chunks = []
    for text in GOOD.values():
        lines = dedent(text).splitlines(keepends=True)
        starts = [n for n, line in enumerate(lines) if line[0].isalpha()]
        chunks += [
            "".join(lines[a:b]) for a, b in zip(starts, [*starts[1:], len(lines)], strict=True)
        ]
    files: dict[str, str] = {}
    for number, chunk in enumerate(chunks):
        name = f"{dice.choice('abcdef')}{number}.yaml"
        files[name if dice.random() < 0.8 else f"sub/{name}"] = chunk
    folder = write(tmp_path_factory.mktemp("spread"), files)
    spread, together = check(folder), check(write(tmp_path_factory.mktemp("together")))
    assert spread.problems == ()
    assert spread.bundle == together.bundle
    assert spread.bundle is not None


def test_a_byte_order_mark_is_fine_and_other_encodings_are_not(tmp_path: Path) -> None:
    (tmp_path / "a.yaml").write_bytes(b"\xef\xbb\xbfname: shop\n")
    (tmp_path / "b.yaml").write_bytes("currency: EUR\nowner: ä\n".encode("latin-1"))
    merged, problems = read(tmp_path)
    assert merged == {"name": "shop", "currency": "EUR", "owner": "\ufffd"}  # to be looked at
    assert [(p.code, p.file, p.line, p.column) for p in problems] == [
        ("yaml.encoding", "b.yaml", 2, 8)
    ]


def test_a_list_where_sections_belong_is_an_error(tmp_path: Path) -> None:
    _, problems = read(write(tmp_path, {"a.yaml": "- 1\n"}))
    assert [p.code for p in problems] == ["shape.type"]


def test_hidden_and_scratch_files_are_no_part_of_it(tmp_path: Path) -> None:
    write(tmp_path, {"a.yaml": "name: shop\n"})
    before = bundle_hash(tmp_path)
    write(tmp_path, {".a.yaml.swp": "x", "a.yaml~": "x", "#a.yaml#": "x", ".git/b.yaml": "name: x",
                     "4913": "", "a.yaml.tmp": "x"})  # fmt: skip
    assert read(tmp_path) == ({"name": "shop"}, ())
    assert bundle_hash(tmp_path) == before


def test_the_hash_covers_names_and_bytes_and_nothing_else(tmp_path: Path) -> None:
    one, two = write(tmp_path / "one"), write(tmp_path / "two")
    os.utime(two / "freehold.yaml", (1, 1))
    assert bundle_hash(one) == bundle_hash(two) == check(one).hash
    assert len(bundle_hash(one)) == 71
    assert short_hash(bundle_hash(one)) in bundle_hash(two)
    (two / "readme.md").write_text("hello")
    assert bundle_hash(two) != bundle_hash(one)


def test_names_and_contents_can_not_be_confused() -> None:
    pairs = [{"a": b"bc"}, {"ab": b"c"}, {"a": b"b", "c": b""}, {"a": b"", "bc": b""}]
    assert len({Snapshot("", files).hash for files in pairs}) == len(pairs)


@pytest.mark.skipif(sys.platform == "win32", reason="links need rights there")
def test_links_out_of_the_folder_are_refused(tmp_path: Path) -> None:
    outside = tmp_path / "outside"
    write(outside, {"secret.yaml": "name: stolen\n"})
    folder = write(tmp_path / "bundle", {"a.yaml": "currency: EUR\n"})
    (folder / "b.yaml").symlink_to(outside / "secret.yaml")
    (folder / "c").symlink_to(outside)
    (folder / "d.yaml").symlink_to(folder / "a.yaml")
    (folder / "e").symlink_to(folder)
    problems = Problems()
    assert sorted(read_folder(folder, problems).files) == ["a.yaml", "d.yaml"]
    assert [(p.code, p.file) for p in problems.sorted()] == [
        ("file.link", "b.yaml"), ("file.link", "c"), ("file.link", "e"),
    ]  # fmt: skip


@pytest.mark.skipif(sys.platform == "win32", reason="no named pipes there")
def test_what_is_no_file_is_not_opened(tmp_path: Path) -> None:
    write(tmp_path)
    os.mkfifo(tmp_path / "pipe.yaml")
    report = check(tmp_path)
    assert [p.code for p in report.problems] == ["file.kind"]
    assert not report.ok


def test_mounted_links_within_the_folder_are_followed(tmp_path: Path) -> None:
    """As container orchestrators mount configuration: `..data` is a hidden link to a folder."""
    write(tmp_path / "..2026_11_21", {"a.yaml": "name: shop\n"})
    (tmp_path / "..data").symlink_to("..2026_11_21")
    (tmp_path / "a.yaml").symlink_to("..data/a.yaml")
    assert read(tmp_path) == ({"name": "shop"}, ())


def test_too_much_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write(tmp_path)
    monkeypatch.setattr("freehold.bundle.snapshot.MAX_FILE_BYTES", 100)
    assert {p.code for p in check(tmp_path).errors} == {"folder.size"}
    monkeypatch.setattr("freehold.bundle.snapshot.MAX_FILES", 2)
    assert {p.code for p in check(tmp_path).errors} == {"folder.size"}


def test_a_scan_sees_what_changed(tmp_path: Path) -> None:
    write(tmp_path)
    before = scan(tmp_path)
    assert scan(tmp_path) == before
    (tmp_path / "models.yaml").write_text("models: {}\n")
    assert scan(tmp_path) != before
