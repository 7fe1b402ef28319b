"""``python -m benchmarks.append``: what is timed is an append, with the tree and without."""

import json

import pytest

from benchmarks import append
from benchmarks.marked import replaced


def test_one_object_with_every_figure(capsys: pytest.CaptureFixture[str]) -> None:
    assert append.main(["--json", "--repeats", "3"]) == 0
    result = json.loads(capsys.readouterr().out)
    sizes = {f"{kind}_{size}" for kind in ("with", "without") for size in append.SIZES}
    assert set(result["us"]) == {*sizes, "signing"}
    assert min(result["us"].values()) > 0
    page = f"a\n{append.BEGIN}\nold\n{append.END}\nb\n"
    assert "old" not in replaced(page, append.BEGIN, append.END, append.table(result), append.PAGE)
    assert all(len(append._record(size)) == size for size in append.SIZES)
