"""``freehold report load``: the table, the JSON, and what it says of nonsense."""

import json
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from freehold.cli.main import main
from freehold.ledger.segment import SegmentJournal
from freehold.services.load import LAYERS
from freehold.stages.audit import Audit
from freehold.storage.migrate import open_database
from tests.audit_samples import Standing, exchange, tenant_key


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two tenants' exchanges; the second hour has one of the other tenant."""
    made = tmp_path_factory.mktemp("home")
    open_database(made).close()
    clock = Standing()
    journal = SegmentJournal(made).open()
    audit = Audit(journal, "r", tenant_key, clock=clock)
    for tenant in ("north", "north", "south"):
        trail, ruled, one = exchange(tenant=tenant)
        audit.opened(ruled, trail)
        audit.closed(one, trail, "allowed")
        clock.now += 1_800_000_000_000
    audit.close()
    journal.close()
    return made


def run(home: Path, *arguments: str) -> Result:
    return CliRunner().invoke(main, ["report", "load", "--home", str(home), *arguments])


def test_the_table_stands_beside_the_published_case(home: Path) -> None:
    result = run(home)
    assert result.exit_code == 0, result.output
    lines = result.stdout.splitlines()
    assert lines[0].startswith("3 exchanges from 2026-11-21 01:30 UTC")
    for name, _, percent in LAYERS:
        (line,) = (line for line in lines if line.startswith(f"{name} "))
        assert f" {percent} %" in line
    assert any(line.startswith("wire and door") for line in lines)
    assert "of 3 exchanges: it is measured of one in 16" in result.stdout
    assert "1,600+ stores, 50,000 requests a day" in result.stdout


def test_json(home: Path) -> None:
    found = json.loads(run(home, "--by", "app", "--json").stdout)
    assert found["total"]["exchanges"] == 3
    assert [layer["layer"] for layer in found["total"]["layers"]] == [name for name, _, _ in LAYERS]
    assert {(part["tenant"], part["app"]): part["exchanges"] for part in found["parts"]} == {
        ("north", "service"): 2,
        ("south", "service"): 1,
    }
    shares = [layer["wall_share"] for layer in found["total"]["layers"]]
    assert sum(shares) == pytest.approx(1, abs=0.001)


@pytest.mark.parametrize(
    ("scope", "exchanges"),
    [
        (["--tenant", "north"], 2),
        (["--tenant", "south", "--only"], 1),
        (["--app", "service"], 3),
        (["--since", "2026-11-21T02:30:00Z"], 1),
        (["--since", "2026-11-21 02:00", "--until", "2026-11-21T04:00+01:00"], 2),
        (["--until", "2026-11-21"], None),
        (["--app", "nobody's"], None),
    ],
)
def test_scopes(home: Path, scope: list[str], exchanges: int | None) -> None:
    result = run(home, *scope, "--json")
    assert result.exit_code == 0, result.output
    total = json.loads(result.stdout)["total"]
    assert (total and total["exchanges"]) == exchanges


@pytest.mark.parametrize(("by", "count"), [("tenant", 2), ("hour", 3)])
def test_each_one_s_own(home: Path, by: str, count: int) -> None:
    """The last hour has the event of the gateway's end, and no exchange."""
    result = run(home, "--by", by)
    rows = [
        line for line in result.stdout.splitlines() if line.startswith(("north", "south", "20"))
    ]
    assert len(rows) == count


@pytest.mark.parametrize(
    ("arguments", "said", "status"),
    [
        (["--tenant", "west"], "no tenant `west` is known here", 1),
        (["--only"], "--only goes with --tenant", 2),
        (["--last", "soon"], "is no length such as", 2),
        (["--last", "24h", "--since", "2026-01-01"], "--last goes with neither", 2),
        (["--since", "2026-01-02", "--until", "2026-01-01"], "--since is not before --until", 2),
        (["--since", "0000-01-01"], "is no time", 2),
        (["--since", "1900-01-01"], "is no time that records can have", 2),
        (["--by", "moon"], "is not one of", 2),
    ],
)
def test_nonsense_is_refused(home: Path, arguments: list[str], said: str, status: int) -> None:
    result = run(home, *arguments)
    assert result.exit_code == status
    assert said in result.stderr


def test_nothing_is_no_error(home: Path, tmp_path: Path) -> None:
    result = run(home, "--since", "2030-01-01")
    assert (result.exit_code, result.stdout) == (0, "")
    assert "Nothing of that kind is recorded." in result.stderr
    open_database(tmp_path).close()
    empty = run(tmp_path)
    assert (empty.exit_code, empty.stdout) == (0, "")
    assert "Nothing recorded yet." in empty.stderr


def test_without_a_home_there_is_nothing_to_report(tmp_path: Path) -> None:
    result = run(tmp_path / "none")
    assert result.exit_code == 1
    assert "Traceback" not in result.output
