"""``python -m benchmarks.sealing``: it seals what it says, and costs something."""

import json

import pytest

from benchmarks import sealing
from benchmarks.marked import replaced
from freehold.stages.audit import Audit
from freehold.stages.governance import Governance
from freehold.testing.fakes import MemoryKeys
from tests.audit_samples import Memory, tenant_key


@pytest.mark.parametrize("kept", sealing.KINDS)
def test_what_is_timed_is_what_is_kept(kept: str) -> None:
    memory = Memory()
    governance = Governance(placeholder_key=b"p" * 32, keys=MemoryKeys())
    assert sealing.one(governance, Audit(memory, "r", tenant_key), kept) > 0
    written = map(json.loads, memory.records)
    (record,) = (record for record in written if record["type"] != "event")
    assert len(record["opened"]["findings"]) >= 3
    for part in (record["opened"], record["closed"]):
        assert ("sealed" in part["content"]) is (kept != "none")


def test_one_object_with_every_figure(capsys: pytest.CaptureFixture[str]) -> None:
    assert sealing.main(["--json", "--repeats", "3"]) == 0
    result = json.loads(capsys.readouterr().out)
    assert set(result["us"]) == {*sealing.KINDS, "at_hand", "first"}
    assert min(result["us"].values()) > 0
    page = f"a\n{sealing.BEGIN}\nold\n{sealing.END}\nb\n"
    figures = sealing.BEGIN, sealing.END, sealing.table(result), sealing.PAGE
    assert "old" not in replaced(page, *figures)
    with pytest.raises(SystemExit):
        replaced("no marks", *figures)
