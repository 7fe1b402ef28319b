"""Labelling over HTTP: verified people with roles, masked texts, problem details."""

import json
import urllib.error
import urllib.request
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from freehold.core.cases import Case
from freehold.core.clock import SystemClock
from freehold.learning.capture.boxes import box_of
from freehold.storage.cases import StoredCases
from freehold.storage.migrate import open_database
from freehold.storage.secrets import KeyFolder
from freehold.storage.vault import open_vault
from freehold.testing.identity import LocalIssuer
from tests.cli.made_home import FAR_NS, moment
from tests.e2e.served import Served, ledger, make_key

BUNDLE = """\
freehold: 1
name: labelling
identity:
  issuers:
    company:
      {issuer: "https://id.harbor-and-pine.example", audience: freehold, jwks: "file:jwks.json"}
tenants:
  chain: {}
  north: {parent: chain}
  south: {parent: chain}
models:
  small: {base_url: "http://127.0.0.1:9/v1"}
routes:
  main: {candidates: [small]}
apps:
  app: {tenant: chain, purpose: Is tested, route: main}
queues:
  answers:
    {apps: [app], guideline: Be kind., labelers: expert, adjudicators: senior, overlap: 2}
"""
MAIL = "bob.miller@corner-mail.org"


class Place(NamedTuple):
    url: str
    home: Path
    issuer: LocalIssuer
    key: str
    other: str

    def ask(
        self, path: str, body: dict[str, Any] | None = None, *, by: str = "", key: str = "",
        roles: tuple[str, ...] = ("expert",), tenant: str = "chain", post: bool = False,
    ) -> tuple[int, Any]:  # fmt: skip
        headers = {"authorization": f"Bearer {key or self.key}"}
        if by:
            claims = {"sub": by, "roles": list(roles), "tenant": tenant}
            headers["x-freehold-identity"] = self.issuer.token(claims)
        data = json.dumps(body or {}).encode() if body is not None or post else None
        request = urllib.request.Request(f"{self.url}/v1/labelling/{path}", data, headers)
        try:
            with urllib.request.urlopen(request, timeout=60) as reply:
                return reply.status, json.loads(reply.read())
        except urllib.error.HTTPError as error:
            told = json.loads(error.read())
            kind = error.headers["content-type"]
            return error.code, told if kind == "application/problem+json" else kind

    def next(self, by: str, **more: Any) -> Any:
        return self.ask("queues/answers/next", by=by, post=True, **more)[1]


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Place]:
    base = tmp_path_factory.mktemp("labelling")
    folder, home = base / "bundle", base / "home"
    folder.mkdir()
    (folder / "bundle.yaml").write_text(BUNDLE, encoding="utf-8")
    issuer = LocalIssuer.create(base / "issuer")
    issuer.write_jwks(folder / "jwks.json")
    other = make_key(folder, home, tenant="chain")
    key = make_key(folder, home, tenant="chain", scopes=frozenset({"labelling"}))
    database = open_database(home)
    vault = open_vault(home, None, KeyFolder(home).subjects(), SystemClock())
    asked = [f"I am {MAIL}, where is my sofa?", "Do you deliver to islands?", "Who paints walls?"]
    with vault.database.write() as connection:
        keys = vault.make(connection, len(asked), FAR_NS)
    StoredCases(database).add([
        Case(
            case_id=f"case_{n}", exchange_id=f"ex_{n}", conversation=f"con_{n}", owner="chain",
            tenant="south" if n == 3 else "north", app="app", route="main",
            reasons=("feedback:solved",), model="small", at_ns=n, value=(4 - n) * 1_000_000,
            seal_key=sealing.id, box=box_of(moment(text, f"Yes, {n}."), f"ex_{n}", sealing),
        )
        for n, (text, sealing) in enumerate(zip(asked, keys, strict=True), 1)
    ])  # fmt: skip
    vault.database.close()
    database.close()
    with Served(folder, home) as served:
        yield Place(served.url, home, issuer, key, other)


def test_who_may_not_is_told_why(place: Place) -> None:
    assert place.ask("queues")[1]["code"] == "FH-ADM-003"
    assert place.ask("queues", by="ann", key=place.other)[1]["code"] == "FH-ADM-004"
    assert place.ask("queues", by="ann", roles=("clerk",))[1]["data"] == []
    status, told = place.ask("queues/answers/next", by="ann", roles=("clerk",), post=True)
    assert (status, told["status"], told["code"]) == (404, 404, "FH-NTF-001")
    assert place.ask("queues/answers/next", by="sue", roles=("senior",), post=True)[0] == 403
    assert place.ask("nowhere", by="ann")[0] == 404
    assert place.ask("tasks/tsk_none/label", {"verdict": "correct"}, by="ann")[0] == 404


def test_from_a_queue_to_a_decision(place: Place) -> None:
    (queue,) = place.ask("queues", by="ann")[1]["data"]
    assert queue["name"] == "answers"
    assert place.ask("queues/answers", by="ann")[1]["guideline"]["text"] == "Be kind."
    first = place.next("ann")
    assert first["case"] == "case_1"
    assert MAIL not in json.dumps(first)
    assert place.next("ann")["id"] == first["id"]
    path = f"tasks/{first['id']}/label"
    status, told = place.ask(path, {"verdict": "edit", "anwser": "x"}, by="ann")
    assert (status, told["param"]) == (400, "anwser")
    assert place.ask(path, {"verdict": "edit"}, by="ann")[1]["param"] == "answer"
    kept = place.ask(path, {"verdict": "edit", "answer": "On Friday."}, by="ann")[1]
    assert (kept["verified"], kept["state"]) == (True, "open")
    assert place.ask(path, {"verdict": "correct"}, by="ann")[0] == 409
    second = place.next("bob")
    assert second["id"] == first["id"], "what others have begun comes first"
    assert "Friday" not in json.dumps(second)
    assert place.ask(path, {"verdict": "correct"}, by="bob")[1]["state"] == "disputed"
    senior: dict[str, Any] = {"by": "sue", "roles": ("senior",)}
    (dispute,) = place.ask("queues/answers/disputes", **senior)[1]["data"]
    yours = place.ask("queues/answers/effect", by="ann")[1]
    assert (yours["object"], yours["by"], yours["datasets"]) == ("labelling.effect", "ann", [])
    assert place.ask("queues/answers/effect?by=bob", by="ann")[0] == 403
    assert place.ask("queues/answers/effect?by=*", **senior)[1]["by"] is None
    assert place.ask("queues/answers/effect?who=bob", **senior)[1]["param"] == "who"
    assert place.ask("queues/answers/effect", by="ann", roles=("clerk",))[0] == 404
    shown = place.ask(f"tasks/{dispute['id']}/dispute", **senior)[1]
    assert {one["answer"] for one in shown["said"]} == {"On Friday.", "Yes, 1."}
    assert place.ask(f"tasks/{first['id']}/decide", {"verdict": "correct"}, by="ann")[0] == 403
    done = place.ask(f"tasks/{first['id']}/decide", {"verdict": "correct"}, **senior)[1]
    assert done["state"] == "settled"
    assert place.ask("queues/answers/agreement", by="ann")[1]["agreement"]["answer"]["cases"] == 1
    written = json.dumps(ledger(place.home))
    assert written.count('"label.given"') == 2
    assert written.count('"label.decided"') == 1
    assert "Friday" not in written


def test_people_of_a_tenant_get_its_cases_only(place: Place) -> None:
    mine = place.next("sam", tenant="south")
    assert mine["case"] == "case_3"
    assert place.ask(f"tasks/{mine['id']}/release", {}, by="ann", tenant="north")[0] == 404
    assert place.ask(f"tasks/{mine['id']}/release", {}, by="sam", tenant="south")[1]["released"]


def test_many_at_once_never_share_a_seat(place: Place) -> None:
    people = [f"person {n}" for n in range(6)]
    with ThreadPoolExecutor(6) as pool:
        given = [one["case"] for one in pool.map(place.next, people) if "case" in one]
    assert all(given.count(case) <= 2 for case in given)
    assert len(given) == 4, "two cases, two people each"
    for person in people:
        if "case" in (found := place.next(person)):
            place.ask(f"tasks/{found['id']}/release", {}, by=person)


def test_whoever_decides_exports_brings_and_reopens(place: Place) -> None:
    senior: dict[str, Any] = {"by": "sue", "roles": ("senior",)}
    for path in ("export", "hints", "gold"):
        assert place.ask(f"queues/answers/{path}", by="ann")[0] == 403, path
    assert place.ask("queues/answers/reopen", {"cases": ["case_1"]}, by="ann")[0] == 403
    status, told = place.ask("queues/answers/export?format=jsonl", **senior)
    assert status == 200
    rows = {row["case"]: row for row in map(json.loads, told["text"].splitlines())}
    assert rows["case_1"]["decided"]["by"] == "sue"
    assert MAIL not in told["text"]
    north = place.ask("queues/answers/export", by="sue", roles=("senior",), tenant="south")[1]
    assert [json.loads(row)["case"] for row in north["text"].splitlines()] == ["case_3"]
    body = {"format": "jsonl", "text": told["text"]}
    done = place.ask("queues/answers/import", body, **senior)[1]
    assert (done["labels"], done["there"]) == (0, 2)
    assert place.ask("queues/answers/gold", **senior)[1]["cases"] == ["case_1"]
    assert place.ask("queues/answers/relabel", **senior)[1]["data"] == []
    wrong = place.ask("queues/answers/reopen", {"cases": "case_1"}, **senior)[1]
    assert wrong["param"] == "cases"
    again = {"cases": ["case_1"], "why": "asked"}
    assert place.ask("queues/answers/reopen", again, **senior)[1]["cases"] == ["case_1"]
    assert json.dumps(ledger(place.home)).count('"label.reopened"') == 1
