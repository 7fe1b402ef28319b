"""One signed archive: who gets which lines, what is claimed of them, and what is never left out."""

import base64
import hashlib
import io
import json
import shutil
import time
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import orjson
import pytest

from freehold.core.errors import NotFound, RequestError, StorageError
from freehold.ledger import notes
from freehold.ledger.checkpoints import Checkpoint
from freehold.ledger.files import ledger_folder, segment_path
from freehold.ledger.signing import LedgerKeys
from freehold.ledger.tree import leaf_hash
from freehold.services import audit_export
from freehold.services.audit_export import Exporting
from freehold.services.export_choice import Asked
from tests.ledger.test_skeleton import root_of
from tests.services.made_ledger import SECOND, START_NS, event, exchange, write_log

GATEWAY, MINE = "w-0123456789ab", "w-fedcba987654"


class Opened(NamedTuple):
    """An archive that was made, and the zip itself."""

    manifest: dict[str, Any]
    zip: zipfile.ZipFile
    data: bytes

    def lines(self, writer: str = GATEWAY) -> list[dict[str, Any]]:
        return [orjson.loads(line) for line in self.raw(writer)]

    def raw(self, writer: str = GATEWAY) -> list[bytes]:
        return self.zip.read(f"logs/{writer}/lines.jsonl").splitlines()

    def log(self, writer: str = GATEWAY) -> dict[str, Any]:
        (found,) = (log for log in self.manifest["logs"] if log["writer"] == writer)
        return found

    def root(self, writer: str = GATEWAY) -> str:
        """What lines and skeleton come to."""
        nodes = {}
        for row in self.zip.read(f"logs/{writer}/skeleton.jsonl").splitlines():
            level, number, digest = json.loads(row)
            nodes[level, number] = base64.b64decode(digest)
        for line in self.raw(writer):
            nodes[0, orjson.loads(line)["seq"] - 1] = leaf_hash(line)
        return base64.b64encode(root_of(self.log(writer)["size"], nodes)).decode()


class House:
    """A home with a gateway's log and one of the terminal's own, which takes the entry."""

    def __init__(self, home: Path, bodies: list[dict[str, Any]], **how: Any) -> None:
        self.home = home
        self.lines = write_log(home, GATEWAY, bodies, **how)
        self.mine = [event("ledger.started", "x")]
        self._sign()

    def export(
        self,
        log: Callable[..., str] | None = None,
        pause: Callable[[float], None] = time.sleep,
        **asked: Any,
    ) -> Opened:
        with Exporting(
            self.home,
            None,  # type: ignore[arg-type] - no texts are asked for
            None,  # type: ignore[arg-type]
            lambda _: [],
            "tester",
            log or self.log,
            lambda _: None,
            pause,
        ) as exporting:
            return self._export(exporting, asked)

    def _export(self, exporting: Exporting, asked: dict[str, Any]) -> Opened:
        if isinstance(asked.get("tenants"), str):
            asked |= {"tenant": asked["tenants"], "tenants": frozenset({asked["tenants"]})}
        prepared = exporting.prepare(Asked(**asked), MINE)
        file = io.BytesIO()
        manifest = exporting.write(prepared, file)
        return Opened(manifest, zipfile.ZipFile(io.BytesIO(file.getvalue())), file.getvalue())

    def log(self, kind: str, actor: str, subject: str, details: Any, *, tenant: str = "") -> str:
        self.mine.append(event(kind, subject, tenant=tenant, **details))
        self._sign()
        return str(self.mine[-1]["id"])

    def _sign(self) -> None:
        shutil.rmtree(ledger_folder(self.home) / MINE, ignore_errors=True)
        write_log(self.home, MINE, self.mine)


@pytest.fixture(autouse=True)
def verifier(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(audit_export, "one_file", lambda: b"raise SystemExit(0)\n")


def day(count: int = 6) -> list[dict[str, Any]]:
    """Exchanges of two tenants in turn, with events about them."""
    bodies = [{"type": "started", "at_ns": START_NS, "at": "t"}]
    for number in range(count):
        tenant = ("north", "south")[number % 2]
        person = ("ada", "ben", "cleo")[number % 3]
        bodies += exchange(f"x{number}", tenant=tenant, person=person, at=number * 100)
    return bodies


# --- the whole ---------------------------------------------------------------------------------


def test_everything_is_complete_and_needs_no_skeleton(tmp_path: Path) -> None:
    house = House(tmp_path / "home", day(), segments=3)
    made = house.export()
    assert made.raw() == house.lines
    assert made.zip.read(f"logs/{GATEWAY}/skeleton.jsonl") == b""
    assert made.manifest["claim"] == "complete"
    assert {log["status"] for log in made.manifest["logs"]} == {"proven"}
    assert made.root() == made.log()["root"]


def test_the_manifest_names_every_file_and_is_signed(tmp_path: Path) -> None:
    house = House(tmp_path / "home", day())
    made = house.export(tenants="north")
    names = made.zip.namelist()
    assert names == sorted(names)
    assert set(names) == {*made.manifest["files"], "manifest.json", "manifest.sig"}
    for name, told in made.manifest["files"].items():
        data = made.zip.read(name)
        assert (hashlib.sha256(data).hexdigest(), len(data)) == (told["sha256"], told["bytes"])
    keys = LedgerKeys(house.home)
    note = notes.read(made.zip.read("manifest.sig").decode())
    digest = hashlib.sha256(made.zip.read("manifest.json")).hexdigest()
    assert note.text == f"freehold audit export\n{keys.base}\nsha256:{digest}\n"
    assert notes.verified(note, keys.vkeys(keys.base)) == (keys.base,)
    checkpoint = notes.read(made.zip.read(f"logs/{GATEWAY}/checkpoint").decode())
    assert base64.b64encode(Checkpoint.parse(checkpoint.text).root).decode() == made.log()["root"]


def test_the_same_ledger_gives_the_same_bytes(tmp_path: Path) -> None:
    house = House(tmp_path / "home", day())
    first = house.export(tenants="north").data
    house.mine.pop()
    house._sign()
    assert house.export(tenants="north").data == first


# --- who gets what -----------------------------------------------------------------------------


def test_a_tenant_gets_all_of_its_lines_and_nobody_elses(tmp_path: Path) -> None:
    bodies = [
        *day(),
        event("outcome.told", "x0", tenant="north"),
        event("outcome.told", "x1", tenant="south"),
        {"type": "counted", "tenant": "north", "at_ns": START_NS, "at": "t", "v": 2},
        event("ledger.key_adopted", "k"),
    ]
    made = House(tmp_path / "home", bodies).export(tenants="north")
    found = [line["body"] for line in made.lines()]
    assert {body["tenant"] for body in found if body.get("kind") != "ledger.key_adopted"} == {
        "north"
    }
    assert [body.get("exchange", body.get("subject", body["type"])) for body in found] == [
        "x0", "x0", "x2", "x2", "x4", "x4", "x0", "counted", "k",
    ]  # fmt: skip
    assert made.manifest["claim"] == "complete"
    assert made.log()["tenants"] == [
        {"tenant": "north", "from": 1, "to": 8, "before": "beginning", "after": "end"}
    ]
    assert made.root() == made.log()["root"]


def test_a_time_of_a_tenant_has_a_line_on_either_side(tmp_path: Path) -> None:
    house = House(tmp_path / "home", day(10))
    since, until = START_NS + 150 * SECOND, START_NS + 500 * SECOND
    made = house.export(tenants="north", since_ns=since, until_ns=until)
    assert [line["body"]["exchange"] for line in made.lines()] == [
        "x0",
        "x2",
        "x2",
        "x4",
        "x4",
        "x6",
    ]
    (told,) = made.log()["tenants"]
    assert (told["from"], told["to"], told["before"], told["after"]) == (2, 7, "line", "line")
    assert made.manifest["claim"] == "complete"


def test_a_time_in_which_nothing_was_has_its_neighbours(tmp_path: Path) -> None:
    house = House(tmp_path / "home", day(10))
    since, until = START_NS + 230 * SECOND, START_NS + 390 * SECOND
    made = house.export(tenants="north", since_ns=since, until_ns=until)
    assert [line["tenant_seq"] for line in made.lines()] == [4, 5]
    assert made.manifest["claim"] == "complete"


def test_what_came_of_a_request_later_belongs_to_its_time(tmp_path: Path) -> None:
    late = event("outcome.told", "x2", tenant="north", at=90_000)
    other = event("outcome.told", "x6", tenant="north", at=90_001)
    house = House(tmp_path / "home", [*day(10), late, other])
    until = START_NS + 250 * SECOND
    made = house.export(tenants="north", until_ns=until)
    assert late in [line["body"] for line in made.lines()]
    assert other not in [line["body"] for line in made.lines()]


def test_a_person_gets_what_concerns_them(tmp_path: Path) -> None:
    bodies = [
        *exchange("x0", person="ada", held={"approval_id": "apr_1"}),
        *exchange("x1", person="ben", held={"approval_id": "apr_2"}, at=5),
        event("approval.approved", "apr_1", tenant="north", exchange="x0"),
        event("approval.approved", "apr_2", tenant="north", exchange="x1"),
        event("content.read", "x0", tenant="north"),
        event("legal_hold.placed", "x0", tenant="north", reason="a case"),
        event("key.created", "k1", tenant="north"),
    ]
    made = House(tmp_path / "home", bodies).export(person="ada")
    found = [line["body"] for line in made.lines()]
    assert [body.get("exchange") or body["subject"] for body in found] == [
        "x0", "x0", "apr_1", "x0",
    ]  # fmt: skip
    assert not any(body.get("kind") == "legal_hold.placed" for body in found)
    assert made.manifest["claim"] == "authentic"
    assert made.log()["tenants"] == []
    assert made.root() == made.log()["root"]


def test_an_erasure_of_a_person_is_among_what_concerns_them(tmp_path: Path) -> None:
    bodies = exchange("x0", person="ada") + exchange("x1", person="ben", at=5)
    bodies[0]["opened"]["content"] = {"kept": "full", "sealed": {"key": "k", "subject": "s-ada"}}
    bodies += [event("erased", "s-ada", tenant="north"), event("erased", "s-ben", tenant="north")]
    made = House(tmp_path / "home", bodies).export(person="ada")
    assert [line["body"].get("subject") for line in made.lines()] == [None, None, "s-ada"]


def test_who_may_be_two_people_must_be_told_apart(tmp_path: Path) -> None:
    bodies = exchange("x0", issuer="one") + exchange("x1", issuer="two", at=5)
    house = House(tmp_path / "home", bodies)
    with pytest.raises(RequestError, match="several people"):
        house.export(person="ada")
    made = house.export(person="ada", issuer="two")
    assert {line["body"]["exchange"] for line in made.lines()} == {"x1"}


def test_an_app_and_one_exchange(tmp_path: Path) -> None:
    bodies = exchange("x0") + exchange("x1", app="other", at=5) + exchange("x2", app="other", at=9)
    house = House(tmp_path / "home", bodies)
    assert {line["body"]["exchange"] for line in house.export(app="other").lines()} == {"x1", "x2"}
    one = house.export(exchange="x2")
    assert {line["body"]["exchange"] for line in one.lines()} == {"x2"}
    assert one.manifest["exchanges"] == 1
    with pytest.raises(NotFound):
        house.export(exchange="x9")


# --- the ledger's own entry --------------------------------------------------------------------


def test_the_ledger_says_what_was_handed_out_and_the_archive_has_that_line(tmp_path: Path) -> None:
    made = House(tmp_path / "home", day()).export(tenants="north")
    where = made.manifest["event"]
    assert where["writer"] == MINE
    (line,) = (line for line in made.lines(MINE) if line["seq"] == where["seq"])
    details = line["body"]["details"]
    assert line["body"]["kind"] == "audit.exported"
    assert details["filter"]["tenants"] == ["north"]
    assert details["lines"] == made.manifest["lines"] - 1
    (told,) = (log for log in details["logs"] if log["writer"] == GATEWAY)
    assert (told["size"], told["root"]) == (made.log()["size"], made.log()["root"])
    assert told["tenants"] == {"north": 6}
    digests = []
    for writer in sorted((GATEWAY, MINE)):
        before = [
            each
            for each in made.raw(writer)
            if writer != MINE or orjson.loads(each)["seq"] < where["seq"]
        ]
        digests.append(hashlib.sha256(b"".join(map(leaf_hash, before))).digest())
    assert details["digest"] == hashlib.sha256(b"".join(digests)).hexdigest()


def test_nothing_is_made_where_the_ledger_does_not_take_it(tmp_path: Path) -> None:
    def refuse(*_: Any, **__: Any) -> str:
        raise StorageError("full")

    with pytest.raises(StorageError, match="full"):
        House(tmp_path / "home", day()).export(refuse)


# --- what does not hold ------------------------------------------------------------------------


def test_a_damaged_line_is_named_and_the_rest_is_proven(tmp_path: Path) -> None:
    house = House(tmp_path / "home", day())
    path = segment_path(ledger_folder(house.home) / GATEWAY, 1)
    data = bytearray(path.read_bytes())
    at = len(house.lines[0]) + 1 + 40
    data[at] ^= 1
    path.write_bytes(data)
    made = house.export(tenants="north")
    assert made.log()["status"] == "proven"
    (damaged,) = made.log()["damaged"]
    assert (damaged["index"], damaged["offset"]) == (1, len(house.lines[0]) + 1)
    assert made.root() == made.log()["root"]
    assert made.manifest["claim"] == "authentic"
    assert "## Damaged" in made.zip.read("README.md").decode()
    assert house.lines[1] not in made.raw()


@pytest.mark.parametrize("broken", [b"\n", b"x"])
def test_newlines_lost_or_added_move_nothing(tmp_path: Path, broken: bytes) -> None:
    house = House(tmp_path / "home", day())
    path = segment_path(ledger_folder(house.home) / GATEWAY, 1)
    data = bytearray(path.read_bytes())
    place = len(house.lines[0]) + (20 if broken == b"\n" else 0)
    data[place : place + 1] = broken
    path.write_bytes(data)
    made = house.export()
    assert made.log()["status"] == "proven"
    assert made.root() == made.log()["root"]
    gone = 1 if broken == b"\n" else 0
    assert len(made.raw()) == len(house.lines) - gone


def test_a_dropped_line_is_named(tmp_path: Path) -> None:
    house = House(tmp_path / "home", day())
    path = segment_path(ledger_folder(house.home) / GATEWAY, 1)
    path.write_bytes(b"".join(line + b"\n" for line in house.lines if line != house.lines[3]))
    made = house.export()
    assert [each["index"] for each in made.log()["damaged"]] == [3]
    assert made.manifest["claim"] == "authentic"
    assert made.root() == made.log()["root"]


def test_a_log_that_its_tree_does_not_save_is_called_unproven(tmp_path: Path) -> None:
    house = House(tmp_path / "home", day())
    folder = ledger_folder(house.home) / GATEWAY
    (folder / "tree" / "0").write_bytes(b"")
    path = segment_path(folder, 1)
    path.write_bytes(path.read_bytes().replace(b'"x4"', b'"x5"'))
    made = house.export()
    assert made.log()["status"] == "unproven"
    assert made.manifest["claim"] == "authentic"
    assert "NOT PROVEN" in made.zip.read("README.md").decode()


def test_a_checkpoint_of_another_key_proves_nothing(tmp_path: Path) -> None:
    house = House(tmp_path / "home", day())
    origin = LedgerKeys(house.home).origin(GATEWAY)
    path = ledger_folder(house.home) / GATEWAY / "checkpoint"
    text = notes.read(path.read_text()).text
    path.write_text(notes.sign(text, notes.Signer(origin, b"s" * 32)))
    made = house.export()
    assert made.log()["status"] == "unproven"
    assert "not signed" in made.log()["why"]


def test_lines_behind_the_checkpoint_wait_for_the_next_one(tmp_path: Path) -> None:
    house = House(tmp_path / "home", day())
    path = segment_path(ledger_folder(house.home) / GATEWAY, 1)
    with path.open("ab") as segment:
        segment.write(b'{"body":{"half')
    made = house.export()
    assert made.raw() == house.lines
    assert made.manifest["claim"] == "complete"


def test_a_log_of_format_1_is_adopted_or_unproven(tmp_path: Path) -> None:
    old = "w-000000000001"
    house = House(tmp_path / "home", day())
    lines = write_log(house.home, old, day(4), version=1)
    made = house.export()
    assert made.log(old)["status"] == "unproven"
    assert made.raw(old) == lines

    said = {
        "writer": old,
        "lines": len(lines),
        "root": base64.b64decode(made.log(old)["root"]).hex(),
    }
    house.mine.insert(1, event("ledger.adopted", old, **said))
    house._sign()
    made = house.export(tenants="north")
    log = made.log(old)
    assert (log["status"], log["anchor"]) == ("adopted", {"writer": MINE, "seq": 2})
    assert made.root(old) == log["root"]
    assert made.manifest["claim"] == "authentic"
    assert house.export().manifest["claim"] == "complete"

    path = segment_path(ledger_folder(house.home) / old, 1)
    path.write_bytes(path.read_bytes().replace(b'"x1"', b'"x3"'))
    assert house.export().log(old)["status"] == "unproven"


# --- rules and people --------------------------------------------------------------------------


def test_rules_that_were_not_kept_are_named(tmp_path: Path) -> None:
    made = House(tmp_path / "home", day()).export()
    assert made.manifest["bundles"] == made.manifest["missing_bundles"]
    said = made.zip.read("README.md").decode()
    assert "Rules that were not kept" in said
    assert "service: care" in said
