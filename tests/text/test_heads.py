"""Heads: what is shipped loads, and damaged or foreign files do not."""

from pathlib import Path

import numpy as np
import pytest

from freehold.core.decisions import MILLION
from freehold.text import safetensors
from freehold.text.heads import Header, load, pack, shipped, unpack
from freehold.text.vectors import BITS, SIZE, VERSION, vector

WEIGHTS = np.zeros((1, SIZE), np.int8)


def header(**other: object) -> Header:
    fields = {
        "name": "t", "vector": VERSION, "bits": BITS,
        "labels": ("t",), "scales": (0.1,), "shifts": (0.0,),
    } | other  # fmt: skip
    return Header(**fields)  # type: ignore[arg-type]


@pytest.mark.parametrize("name", ["injection", "toxicity", "rarity"])
def test_what_is_shipped_loads(name: str) -> None:
    assert shipped(name).header.name == name
    assert shipped(name) is shipped(name)


def test_a_file_survives_the_way_out_and_back(tmp_path: Path) -> None:
    head = shipped("injection")
    head.save(tmp_path / "again.safetensors")
    again = load(tmp_path / "again.safetensors")
    assert (again.header, again.version) == (head.header, head.version)
    assert (again.weights == head.weights).all()


@pytest.mark.parametrize(
    ("data", "why"),
    [
        (pack(header(vector="0"), WEIGHTS), "other vectors"),
        (pack(header(), WEIGHTS[:, : SIZE // 2]), "weights"),
        (pack(header(labels=("a", "b")), WEIGHTS), "weights"),
        (pack(header(scales=()), WEIGHTS), "one scale"),
        (pack(header(labels=("A]\n",)), WEIGHTS), "no label is written like"),
        (pack(header(labels=(), scales=(), shifts=()), WEIGHTS[:0]), "one scale"),
        (pack(header(caution=-0.1), WEIGHTS), "less cautious"),
        (safetensors.pack({"weights": WEIGHTS}, {}), "no head"),
        (b"nonsense", "no safetensors"),
        (pack(header(), WEIGHTS)[:-1], "does not fit"),
    ],
)
def test_damaged_or_foreign_files_are_refused(data: bytes, why: str) -> None:
    with pytest.raises(ValueError, match=why):
        unpack(data)


def test_a_text_without_a_column_has_the_score_of_nothing_known() -> None:
    head = unpack(pack(header(shifts=(-3.0,)), WEIGHTS))
    assert head.judge(vector("")).score == 47_426


def test_the_loudest_of_many_stretches_has_to_be_louder() -> None:
    bold, cautious = (unpack(pack(header(caution=some), WEIGHTS)) for some in (None, 0.5))
    one, page = vector("The kettle is quiet."), vector("The kettle is quiet. " * 700)
    assert bold.judge(page).score == bold.judge(one).score == cautious.judge(one).score
    stretches = len(page.stretches())
    odds = cautious.judge(page).score / (MILLION - cautious.judge(page).score)
    assert odds == pytest.approx(stretches**-0.5, rel=1e-3)


def test_a_head_of_before_keeps_its_bytes() -> None:
    assert b"caution" not in pack(header(), WEIGHTS)
    assert shipped("toxicity").header.caution is None
    assert shipped("injection").header.caution


def test_each_label_is_judged_by_its_own_weights() -> None:
    weights = np.stack((WEIGHTS[0], WEIGHTS[0] + np.int8(100)))
    two = header(labels=("calm", "loud"), scales=(0.1, 0.1), shifts=(0.0, 0.0))
    head = unpack(pack(two, weights))
    assert [said.label for said in head.judge_all(vector("good day"))] == ["calm", "loud"]
    assert head.judge(vector("good day")).label == "loud"
