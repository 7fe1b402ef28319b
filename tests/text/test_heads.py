"""Heads: what is shipped loads, and damaged or foreign files do not."""

import pytest

from freehold.text.heads import Header, pack, shipped, unpack
from freehold.text.vectors import BITS, SIZE, VERSION, vector


def header(**other: object) -> Header:
    fields = {"name": "t", "vector": VERSION, "bits": BITS, "scale": 0.1, "shift": 0.0} | other
    return Header(**fields)  # type: ignore[arg-type]


@pytest.mark.parametrize("name", ["injection", "toxicity", "rarity"])
def test_what_is_shipped_loads(name: str) -> None:
    assert shipped(name).header.name == name
    assert shipped(name) is shipped(name)


def test_a_file_survives_the_way_out_and_back() -> None:
    data = pack(header(), shipped("injection").weights)
    assert pack(unpack(data).header, unpack(data).weights) == data


@pytest.mark.parametrize(
    ("data", "why"),
    [
        (pack(header(vector="0"), shipped("injection").weights), "other vectors"),
        (pack(header(), shipped("injection").weights[: SIZE // 2]), "weights"),
        (b"nonsense", "no head"),
    ],
)
def test_damaged_or_foreign_files_are_refused(data: bytes, why: str) -> None:
    with pytest.raises(ValueError, match=why):
        unpack(data)


def test_a_text_without_a_column_has_the_score_of_nothing_known() -> None:
    head = unpack(pack(header(shift=-3.0), shipped("injection").weights))
    assert head.judge(vector("")).score == 47_426
