"""Cases over HTTP: whoever decides sees, reads and brings in what their queues take, no more."""

import json
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import pytest
import yaml
from jsonschema import Draft202012Validator

from freehold.core.cases import Case
from freehold.core.clock import SystemClock
from freehold.learning.capture.boxes import box_of
from freehold.storage.cases import StoredCases
from freehold.storage.migrate import open_database
from freehold.storage.secrets import KeyFolder
from freehold.storage.vault import open_vault
from freehold.testing.identity import LocalIssuer
from tests.cli.made_home import FAR_NS, moment
from tests.e2e.served import ROOT, Served, ledger, make_key

BUNDLE = """\
freehold: 1
name: cases
labels: {trade: {redactable: false}}
identity:
  attributes: {training: {default: granted}}
  issuers:
    company:
      {issuer: "https://id.harbor-and-pine.example", audience: freehold, jwks: "file:jwks.json"}
tenants:
  chain: {}
  north: {parent: chain}
  south: {parent: chain}
models:
  small: {base_url: "http://127.0.0.1:9/v1"}
sources:
  stock:
    type: http
    url: "https://stock.harbor-and-pine.example/{id}"
    bind: {id: principal.id}
    labels: [trade]
routes:
  main: {candidates: [small]}
egress: {allow: [stock.harbor-and-pine.example]}
apps:
  app: {tenant: chain, purpose: Is tested, route: main, capture: {consent: {training: granted}}}
  other: {tenant: chain, purpose: Is tested, route: main, capture: {}}
  silent: {tenant: chain, purpose: Is tested, route: main}
queues:
  answers: {apps: [app], labelers: expert, adjudicators: senior}
  rules: {apps: [app], reasons: [rule], tenant: north, adjudicators: lawyer}
  south: {apps: [other], tenant: south, intents: [refund], adjudicators: senior}
"""
MAIL = "bob.miller@corner-mail.org"
PAGE = ROOT / "docs/reference/cases.openapi.yaml"
Reply = tuple[int, Any]
SENIOR: dict[str, Any] = {"by": "sue", "roles": ("senior",)}


class Place(NamedTuple):
    url: str
    home: Path
    issuer: LocalIssuer
    keys: dict[str, str]

    def ask(
        self, path: str = "", body: Any = None, *, by: str = "", key: str = "chain",
        roles: tuple[str, ...] = ("expert",), tenant: str = "chain", method: str | None = None,
    ) -> Reply:  # fmt: skip
        headers = {"authorization": f"Bearer {self.keys[key]}"}
        if by:
            claims = {"sub": by, "roles": list(roles), "tenant": tenant}
            headers["x-freehold-identity"] = self.issuer.token(claims)
        data = json.dumps(body).encode() if body is not None else None
        url = f"{self.url}/v1/cases{path}"
        request = urllib.request.Request(url, data, headers, method=method)
        try:
            with urllib.request.urlopen(request, timeout=60) as reply:
                return reply.status, json.loads(reply.read())
        except urllib.error.HTTPError as error:
            told = json.loads(error.read())
            kind = error.headers["content-type"]
            return error.code, told if kind == "application/problem+json" else {"kind": kind}

    def ids(self, path: str = "", **who: Any) -> list[str]:
        status, told = self.ask(path, **who)
        assert status == 200, told
        return [row["case_id"] for row in told["data"]]

    def bring(self, *rows: dict[str, Any], who: Any = SENIOR, **more: str) -> Reply:
        text = "".join(json.dumps(row) + "\n" for row in rows)
        body = {"tenant": "north", "app": "app", "source": "help desk", "text": text}
        return self.ask("/import", body | more, **who)


def a_case(number: int, **more: Any) -> Case:
    values: dict[str, Any] = {
        "case_id": f"case_{number}", "exchange_id": f"ex_{number}", "owner": "chain",
        "conversation": f"con_{number}", "tenant": "north", "app": "app", "route": "main",
        "reasons": ("feedback:solved",), "model": "small", "at_ns": number,
    }  # fmt: skip
    return Case(**(values | more))


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Place]:
    base = tmp_path_factory.mktemp("cases")
    folder, home = base / "bundle", base / "home"
    folder.mkdir()
    (folder / "bundle.yaml").write_text(BUNDLE, encoding="utf-8")
    issuer = LocalIssuer.create(base / "issuer")
    issuer.write_jwks(folder / "jwks.json")
    labels = frozenset({"labelling"})
    keys = {
        "chain": make_key(folder, home, tenant="chain", scopes=labels),
        "south": make_key(folder, home, tenant="south", scopes=labels),
        "usual": make_key(folder, home, tenant="chain"),
    }
    database = open_database(home)
    vault = open_vault(home, None, KeyFolder(home).subjects(), SystemClock())
    with vault.database.write() as connection:
        (key,) = vault.make(connection, 1, FAR_NS)
    piece = {"source": "stock", "title": "Prices", "text": "We pay 3 euros."}
    asked = moment(
        f"I am {MAIL}, where is my sofa?",
        "On its way.",
        pieces=(piece,),
        sent=({"role": "system", "content": piece["text"]},),
        said=f"On its way to {MAIL}.",
    )
    StoredCases(database).add([
        a_case(1, seal_key=key.id, box=box_of(asked, "ex_1", key)),
        a_case(2, reasons=("rule:r", "human:held"), intent="refund", state="labelled"),
        a_case(3, tenant="south", reasons=("rule:r", f"human:{MAIL} called twice")),
        a_case(4, app="other", tenant="south", intent="refund"),
        a_case(5, app="other", tenant="south", intent="parcel"),
        a_case(6, at_ns=2),
        a_case(7, tenant="gone"),
    ])  # fmt: skip
    vault.database.close()
    database.close()
    with Served(folder, home) as served:
        yield Place(served.url, home, issuer, keys)


def test_a_key_alone_or_another_key_sees_nothing(place: Place) -> None:
    assert place.ask()[1]["code"] == "FH-ADM-003"
    status, told = place.ask(key="usual", **SENIOR)
    assert (status, told["code"]) == (403, "FH-ADM-004")
    assert place.ask("/import", {}, by="ann", key="usual")[0] == 403


def test_whoever_decides_sees_what_their_queues_take(place: Place) -> None:
    assert place.ids(**SENIOR) == ["case_4", "case_3", "case_6", "case_2", "case_1"]
    assert place.ids(by="ann") == [], "whoever only labels gets one case after the other"
    lawyer: dict[str, Any] = {"by": "lea", "roles": ("lawyer",)}
    assert place.ids(**lawyer) == ["case_2"], "the queue is of rules, in the north"
    assert place.ask("/case_2", **lawyer)[0] == 200
    assert place.ask("/case_1", **lawyer)[0] == 404
    assert place.ids("?kind=rule", **SENIOR) == ["case_3", "case_2"]
    assert place.ids("?kind=human&intent=refund&app=app", **SENIOR) == ["case_2"]
    listing = json.dumps(place.ask("?kind=human", **SENIOR)[1])
    assert "called twice" in listing
    assert MAIL not in listing, "what somebody wrote by hand is masked like other texts"
    assert MAIL not in json.dumps(place.ask("/case_3", **SENIOR)[1])
    assert place.ids("?state=labelled&owner=chain", **SENIOR) == ["case_2"]
    assert place.ids("?owner=north", **SENIOR) == []


def test_people_of_another_tenant_see_nothing_of_it(place: Place) -> None:
    south: dict[str, Any] = SENIOR | {"tenant": "south"}
    assert place.ids(**south) == ["case_4", "case_3"]
    assert place.ids(key="south", **SENIOR) == ["case_4", "case_3"], "nor does a key of the south"
    north: dict[str, Any] = SENIOR | {"tenant": "north"}
    assert place.ids(key="south", **north) == [], "neither reaches what the other does"
    for name in ("case_1", "ex_1"):
        status, told = place.ask(f"/{name}", **south)
        assert (status, told["code"]) == (404, "FH-NTF-001")
        assert told["detail"] == place.ask("/case_99", **south)[1]["detail"]
    assert place.ask("/case_", **south)[0] == 404, "a beginning finds nothing"
    assert place.ask("?after=case_1", **south)[1]["param"] == "after"
    status, told = place.bring({"text": "Mine now?"}, who=south)
    assert (status, told["detail"]) == (404, "There is no such tenant that you reach.")


def test_pages_follow_each_other(place: Place) -> None:
    whole = place.ids(**SENIOR)
    found: list[str] = []
    after, more = "", True
    while more:
        _, told = place.ask(f"?limit=2{after}", **SENIOR)
        found += [row["case_id"] for row in told["data"]]
        after, more = f"&after={told['last_id']}", told["has_more"]
    assert found == whole
    assert place.ask("?state=dropped", **SENIOR)[1] == {
        "object": "list", "data": [], "has_more": False, "last_id": None,
    }  # fmt: skip
    for wrong in ("limit=0", "limit=1001", "limit=x", "kind=wrong", "state=x", "after=x", "what=1"):
        status, told = place.ask(f"?{wrong}", **SENIOR)
        assert (status, told["param"]) == (400, wrong.partition("=")[0]), told
    assert place.ask("/case_1?what=1", **SENIOR)[0] == 400
    assert place.ask("/case_1/more", **SENIOR)[0] == 404
    assert place.ask("/case_1", method="DELETE", **SENIOR)[0] == 404


def test_texts_are_masked_and_reading_them_is_recorded(place: Place) -> None:
    status, told = place.ask("/ex_1", **SENIOR)
    assert (status, told["case_id"], told["fate"], told["share"]) == (200, "case_1", "open", "none")
    read = told["moment"]
    assert read["question"].endswith("where is my sofa?")
    assert MAIL not in json.dumps(told), "they are not cleared for it"
    assert read["answer"] == "On its way."
    assert read["said"].startswith("On its way to ")
    assert read["context"] == [{"source": "stock", "title": "Prices", "text": None}]
    assert "3 euros" not in json.dumps(told), "nor for what the source says"
    assert place.ask("/case_2", **SENIOR)[1]["moment"] is None
    (entry,) = (one for one in ledger(place.home) if one.get("kind") == "case.read")
    assert (entry["actor"], entry["subject"], entry["tenant"]) == ("sue", "case_1", "north")
    assert entry["details"]["verified"]


def test_what_is_brought_in_is_labelled_like_the_rest(place: Place) -> None:
    rows = [
        {"text": f"Who is {MAIL}?", "said": "No idea."},
        {"text": "And this?", "attributes": {"training": "refused"}},
    ]
    status, done = place.bring(*rows)
    assert (status, done["object"], done["cases"]) == (200, "case.import", 1), done
    assert done["left_out"] == {"whoever asked has not consented": 1}
    assert done["queues"] == ["answers"]
    (new,) = place.ids("?kind=imported", **SENIOR)
    told = place.ask(f"/{new}", **SENIOR)[1]
    assert told["reasons"] == ["imported:help desk"]
    assert MAIL not in json.dumps(told)
    assert place.bring(*rows)[1]["there"] == 1, "the same again adds nothing"
    (entry,) = (one for one in ledger(place.home) if one.get("kind") == "cases.imported")
    assert (entry["actor"], entry["details"]["cases"]) == ("sue", "1")
    table = f"\ufefftext,said\nWhere is {MAIL}?,Here\n"
    body = {"tenant": "north", "app": "app", "source": "mail", "format": "csv", "text": table}
    assert place.ask("/import", body, **SENIOR)[1]["cases"] == 1


def test_mistakes_are_told_and_nothing_is_taken(place: Place) -> None:
    row = {"text": "A question?"}
    before = place.ids(**SENIOR)
    wrong: list[tuple[Reply, int, str]] = [
        (place.bring(row, {"text": "a", "label": "x"}), 400, "line 2: `label` says what is right"),
        (place.bring(row, format="parquet"), 400, "jsonl or csv"),
        (place.bring(), 400, "`text`"),
        (place.bring(row, source=" "), 400, "`source`"),
        (place.bring(row, source="x" * 201), 400, "200 characters"),
        (place.bring(*({"text": f"{n}"} for n in range(1_001))), 400, "more than 1,000 rows"),
        (place.bring(row, tenant="nowhere"), 404, "no such tenant"),
        (place.bring(row, app="nothing"), 404, "no such app"),
        (place.bring(row, app="silent"), 400, "give it a `capture` section"),
        (place.bring(row, app="other"), 403, "You decide in no queue"),
        (place.bring(row, who={"by": "ann"}), 403, "You decide in no queue"),
        (place.bring(row, who={"by": "lea", "roles": ("lawyer",)}), 403, "You decide in no queue"),
        (place.bring(row, more="x"), 400, "no field 'more'"),
        (place.ask("/import", ["x"], **SENIOR), 400, "a JSON object"),
    ]
    for (status, told), expected, says in wrong:
        assert (status, says in told["detail"]) == (expected, True), told
    assert place.ids(**SENIOR) == before


def test_the_description_says_what_the_routes_do(place: Place) -> None:
    page = yaml.safe_load(PAGE.read_text(encoding="utf-8"))
    assert page["openapi"].startswith("3.1")
    seen = {
        ("/v1/cases", "get"): place.ask("?limit=2", **SENIOR),
        ("/v1/cases/{case}", "get"): place.ask("/case_1", **SENIOR),
        ("/v1/cases/import", "post"): place.bring({"text": "Described?"}),
    }
    assert seen.keys() == {(path, verb) for path, verbs in page["paths"].items() for verb in verbs}
    for (path, verb), (status, told) in seen.items():
        schema_of(page, path, verb, "200").validate(told)
        assert status == 200
    assert place.ask("/case_2", **SENIOR)[1]["moment"] is None
    schema_of(page, "/v1/cases/{case}", "get", "200").validate(place.ask("/case_2", **SENIOR)[1])
    listing = page["paths"]["/v1/cases"]["get"]["parameters"]
    named = {one["name"] for one in listing if one["in"] == "query"}
    told = place.ask("?what=1", **SENIOR)[1]["detail"]
    assert all(name in told for name in named)
    assert told.count(" and ") + 1 == len(named), "and no others"
    kinds = next(one["schema"]["enum"] for one in listing if one["name"] == "kind")
    wrong = place.ask("?kind=x", **SENIOR)
    assert all(kind in wrong[1]["detail"] for kind in kinds)
    schema_of(page, "/v1/cases", "get", "400").validate(wrong[1])
    asked = page["paths"]["/v1/cases/import"]["post"]["requestBody"]["content"]
    fields = asked["application/json"]["schema"]["properties"]
    assert all(name in place.bring(more="x")[1]["detail"] for name in fields)


def schema_of(page: Any, path: str, verb: str, status: str) -> Draft202012Validator:
    """What the description says of a reply."""
    found = page["paths"][path][verb]["responses"][status]
    name = found.get("$ref", "").rpartition("/")[2]
    found = page["components"]["responses"][name] if name else found
    (kind,) = found["content"].values()
    whole = {"$ref": kind["schema"]["$ref"], "components": page["components"]}
    Draft202012Validator.check_schema(whole)
    return Draft202012Validator(whole)
