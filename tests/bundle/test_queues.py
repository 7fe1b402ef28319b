"""Queues name what is declared, and their guidelines can be read."""

from hashlib import sha256
from pathlib import Path
from textwrap import dedent

import pytest

from freehold.bundle.check import check
from freehold.bundle.resolve import resolve
from tests.bundle.samples import GOOD, write

QUEUES = """\
    queues:
      answers:
        apps: [service]
        tenant: north
        ask: [intent, rating]
        classes: [refund]
        rating: {min: 0, max: 10}
        guideline_file: guide.md
        overlap: 2
        overlap_share: 0.15
        labelers: expert
    """


def folder(tmp_path: Path, queues: str = QUEUES, guide: str = "Be kind.") -> Path:
    return write(tmp_path, {**GOOD, "queues.yaml": dedent(queues), "guide.md": guide})


def test_a_queue_comes_with_its_guideline(tmp_path: Path) -> None:
    report = check(folder(tmp_path))
    assert report.bundle is not None, report.problems
    files = {"guide.md": b"Be kind."}
    queue = resolve(report.bundle, report.hash, lookup={}.get, files=files).queues["answers"]
    assert (queue.overlap, queue.share, queue.adjudicators) == (2, 150_000, "expert")
    assert (queue.least, queue.most, queue.classes) == (0, 10_000_000, ("refund",))
    assert queue.digest == f"sha256:{sha256(b'Be kind.').hexdigest()}"


@pytest.mark.parametrize(
    ("old", "new", "code"),
    [
        ("[service]", "[servise]", "ref.app"),
        ("tenant: north", "tenant: nort", "ref.tenant"),
        ("guide.md", "guid.md", "queue.guideline"),
        (
            "guideline_file: guide.md",
            "guideline_file: guide.md\n    guideline: x",
            "queue.guideline",
        ),
        ("classes: [refund]", "skill: x", "queue.classes"),
        ("{min: 0, max: 10}", "{min: 5, max: 5}", ""),
        ("overlap: 2", "overlap: 0", ""),
        ("apps: [service]", "apps: []", ""),
        ("[intent, rating]", "[colour]", ""),
    ],
)
def test_what_can_not_be_is_told_with_its_place(
    tmp_path: Path, old: str, new: str, code: str
) -> None:
    report = check(folder(tmp_path, dedent(QUEUES).replace(old, new)))
    assert not report.ok
    first = report.errors[0]
    assert first.file == "queues.yaml"
    assert code in ("", first.code)


def test_verified_identities_need_somebody_who_vouches(tmp_path: Path) -> None:
    files = {**GOOD, "queues.yaml": dedent(QUEUES) + "    identity: verified\n"}
    files["guide.md"] = "x"
    del files["staff.yaml"]
    found = {p.code for p in check(write(tmp_path, files)).errors}
    assert "queue.identity" in found
