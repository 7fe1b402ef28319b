"""Capture under a running gateway: each trigger, what is kept of it, and what is not."""

import json
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from http.client import HTTPConnection
from pathlib import Path
from typing import Any

import orjson
import pytest
from click.testing import CliRunner

from freehold.cli.main import main
from freehold.core.cases import Case, CaseFilter, Moment
from freehold.core.clock import SystemClock
from freehold.services.case_reading import CaseReader
from freehold.storage.cases import StoredCases
from freehold.storage.migrate import open_database
from freehold.storage.secrets import KeyFolder
from freehold.storage.vault import open_vault
from freehold.testing import Simulator
from tests.e2e.approving import call, make_place
from tests.e2e.served import PATIENCE_S, Served, ledger, make_key

BUNDLE = """\
freehold: 1
name: capturing
metrics:
  helpful: {type: boolean}
  stars: {type: float, min: 1, max: 5}
  said: {type: comment}
  right: {type: demonstration}
identity:
  attributes: {training: {default: 'granted'}, tier: {default: silver}}
tenants:
  chain:
    settings: {content: CONTENT}
  north: {parent: chain}
models:
  broken: {base_url: "http://127.0.0.1:9/v1", simulated: true, retries: 0}
  small: {base_url: "URL/v1", upstream_model: simulated-small, simulated: true, retries: 0,
    clearances: [pii], version: v7}
routes:
  main: {candidates: [small]}
  shaky: {candidates: [broken, small]}
rules:
  no-weapons:
    phase: request
    when: request.text.contains("bazooka")
    do: [{block: {}}]
    public: We do not sell weapons.
  big-discount:
    phase: answer
    when: answer.percents.exists(p, p.upper > 2000)
    do: [{require_approval: {role: manager}}]
    public: A discount above 20 % needs a manager.
apps:
  desk:
    tenant: chain
    purpose: Is tested
    route: main
    rules: [no-weapons, big-discount]
    intents:
      refund: {examples: ["I want my money back", "Please refund me", "Return my payment"]}
      parcel: {examples: ["Where is my parcel?", "Has it been sent?", "When does it arrive?"]}
    capture: {CAPTURE}
  shaky: {tenant: chain, purpose: Is tested, route: shaky, capture: {CAPTURE},
    scope: {in: [My parcel is late, Where is it?, I want a refund, Is it sent?, It broke],
      threshold: 1}}
  quiet: {tenant: chain, purpose: Is tested, route: main, rules: [no-weapons]}
"""
NOTHING = (
    "when: {rules: [], detectors: [], low_confidence: 0, abstained: false, fallback: false, "
    "human: false, feedback: 0, demonstration: false, shadow_outcome: false, out_of_scope: false, "
    "drift: false, success: 0, random: 0}"
)


def only(**when: Any) -> str:
    """A section with these triggers alone."""
    base: dict[str, Any] = {
        "rules": [], "detectors": [], "low_confidence": 0, "abstained": False, "fallback": False,
        "human": False, "feedback": 0, "demonstration": False, "shadow_outcome": False,
        "out_of_scope": False, "drift": False, "success": 0, "random": 0,
    }  # fmt: skip
    return f"when: {json.dumps(base | when)}"


class House:
    """A gateway with its home, and what its store says."""

    def __init__(
        self, home: Path, connection: HTTPConnection, keys: dict[str, str], key: str, served: Served
    ) -> None:
        self.home = home
        self.keys = keys
        self.key = key
        self.served = served
        self._connection = connection
        self._database = open_database(home)
        self.book = StoredCases(self._database)
        self._vault = open_vault(home, None, KeyFolder(home).subjects(), SystemClock())

    def close(self) -> None:
        self._database.close()
        self._vault.database.close()

    def post(self, path: str, body: Any, **headers: str) -> tuple[int, dict[str, Any], str]:
        sent = {"authorization": f"Bearer {self.key}"} | headers
        self._connection.request("POST", path, orjson.dumps(body), sent)
        reply = self._connection.getresponse()
        told = orjson.loads(reply.read())
        return reply.status, told, reply.headers["x-freehold-trace-id"]

    def ask(self, *texts: str, **headers: str) -> str:
        messages = [{"role": "user", "content": text} for text in texts]
        status, told, exchange = self.post(
            "/v1/chat/completions", {"messages": messages}, **headers
        )
        assert status in (200, 202, 403), told
        return exchange

    def tell(self, exchange: str, metric: str, value: Any, **more: Any) -> dict[str, Any]:
        body = {"exchange_id": exchange, "metric": metric, "value": value} | more
        status, told, _ = self.post("/v1/feedback", body)
        assert status == 200, told
        return told

    def until(self, true: Callable[[], Any]) -> Any:
        end = time.monotonic() + PATIENCE_S
        while not (found := true()):
            assert time.monotonic() < end, self.cases()
            time.sleep(0.02)
        return found

    def cases(self, **wanted: Any) -> list[Case]:
        return self.book.list(CaseFilter(**wanted))

    def case(self, exchange: str, *reasons: str) -> Case:
        """The case that an exchange becomes, with all these reasons."""
        return self.until(
            lambda: next(
                (
                    one
                    for one in self.cases()
                    if one.exchange_id == exchange and set(reasons) <= set(one.reasons)
                ),
                None,
            )
        )

    def moment(self, case: Case) -> Moment:
        read = CaseReader(self._vault.find).read(case)
        assert read.moment is not None, read.fate
        return read.moment

    def idle(self) -> None:
        capture = self.served.gateway._make_journey.cases.capture  # type: ignore[attr-defined]
        self.until(lambda: capture.idle)


@contextmanager
def house(
    tmp_path: Path, upstream: Simulator, capture: str, *, content: str = "redacted",
    app: str = "desk", scopes: tuple[str, ...] = ("chat", "feedback"), **key: Any,
) -> Iterator[House]:  # fmt: skip
    folder, home = tmp_path / "bundle", tmp_path / "home"
    folder.mkdir(exist_ok=True)
    text = BUNDLE.replace("URL", upstream.url).replace("CONTENT", content)
    (folder / "bundle.yaml").write_text(text.replace("CAPTURE", capture))
    keys = {
        name: make_key(folder, home, tenant="chain", app=name, scopes=frozenset(scopes), **key)
        for name in ("desk", "shaky", "quiet")
    }
    with Served(folder, home) as served:
        at = served.url.removeprefix("http://")
        with closing(HTTPConnection(at, timeout=30)) as connection:
            made = House(home, connection, keys, keys[app], served)
            with closing(made):
                yield made


@pytest.fixture(scope="module")
def upstream() -> Iterator[Simulator]:
    with Simulator(behaviour="echo") as running:
        yield running


def test_a_rule_that_fired_makes_a_case_with_its_state(tmp_path: Path, upstream: Simulator) -> None:
    with house(tmp_path, upstream, only(rules=["*"])) as it:
        fine = it.ask("Where is my parcel?")
        bad = it.ask("Do you sell a bazooka to jane.doe@example.com?")
        case = it.case(bad, "rule:no-weapons")
        it.idle()
        assert [one.exchange_id for one in it.cases()] == [bad], fine
        assert (case.owner, case.tenant, case.app, case.route) == ("chain", "chain", "desk", "main")
        assert (case.outcome, case.model, case.chance, case.state) == (
            "denied",
            "",
            1_000_000,
            "open",
        )
        moment = it.moment(case)
        assert moment.rules == ("no-weapons",)
        assert "jane.doe" not in repr(moment)
        assert "[EMAIL_" in moment.asked[0]["content"]
        assert len(moment.vector) == 1024


def test_fallbacks_and_what_lies_outside(tmp_path: Path, upstream: Simulator) -> None:
    capture = only(fallback=True, out_of_scope=True, human=True)
    with house(tmp_path, upstream, capture, app="shaky", content="full") as it:
        exchange = it.ask("Where is my parcel?")
        case = it.case(exchange, "fallback:broken")
        assert (case.model, case.version, case.outcome) == ("small", "v7", "allowed")
        moment = it.moment(case)
        assert moment.said == moment.released
        assert moment.sent[-1]["content"] == "Where is my parcel?"
        it.key = it.keys["desk"]
        assert set(case.reasons) == {"fallback:broken", "out_of_scope"}, "one case, two reasons"
        held = it.ask("Say that I get 30 % off")
        case = it.case(held, "human:held")
        assert case.outcome == "held"
        moment = it.moment(case)
        assert "30 %" in moment.said
        assert "30 %" not in moment.released, "it has not left"
        it.key = it.keys["quiet"]
        it.ask("Do you sell a bazooka?")
        it.idle()
        assert {one.app for one in it.cases()} == {"shaky", "desk"}, "quiet captures nothing"


def test_what_is_said_later_finds_the_moment_or_the_ledger(
    tmp_path: Path, upstream: Simulator
) -> None:
    with house(tmp_path, upstream, only(feedback=0.5, demonstration=True)) as it:
        down, stars, right, remarked = (
            it.ask(f"Question {n} of joe.b@example.com") for n in range(4)
        )
        told = it.tell(down, "helpful", False, comment="call max.m@example.com, it is wrong")
        assert told["comment_kept"]
        it.tell(stars, "stars", 2)
        case = it.case(down, "feedback:helpful")
        moment = it.moment(case)
        assert moment.sent, "memory had all of it"
        assert moment.said
        assert "max.m" not in repr(moment)
        assert "it is wrong" in moment.comments[0]
        assert it.case(stars, "feedback:stars").chance == 1_000_000
        it.served.gateway._make_journey.cases.capture._recent.clear()  # type: ignore[attr-defined]
        told = it.tell(right, "right", "Write to otto@example.com within 14 days.")
        assert told["value"] is None, "nobody repeats it"
        case = it.case(right, "feedback:right")
        moment = it.moment(case)
        assert not moment.sent, "the ledger has no more than this"
        assert "[EMAIL_" in moment.asked[0]["content"]
        assert moment.released
        assert "within 14 days" in moment.correction
        assert "otto@" not in moment.correction
        assert len(moment.vector) == 1024
        # a good score and a remark make no case; a remark goes with one that there is
        it.tell(remarked, "helpful", True)
        it.tell(remarked, "said", "fine")
        it.tell(stars, "said", "three more words")
        it.until(lambda: it.moment(it.case(stars)).comments == ("three more words",))
        it.tell(stars, "right", "Better so.")
        case = it.until(lambda: it.case(stars, "feedback:stars", "feedback:right"))
        moment = it.moment(case)
        assert (moment.correction, moment.comments) == ("Better so.", ("three more words",))
        it.idle()
        assert {one.exchange_id for one in it.cases()} == {down, stars, right}
        for bad in ("", 7, "x" * 32_001):
            body = {"exchange_id": down, "metric": "right", "value": bad}
            assert it.post("/v1/feedback", body)[0] == 400
        body = {"conversation_id": "c", "metric": "right", "value": "So."}
        assert it.post("/v1/feedback", body)[0] == 400
        assert b"within 14 days" not in b"".join(
            path.read_bytes() for path in it.home.rglob("*") if path.is_file()
        )


def test_without_consent_nothing_is_captured_now_or_later(
    tmp_path: Path, upstream: Simulator
) -> None:
    capture = only(rules=["*"], feedback=0.5) + ", consent: {training: granted}"
    trusted = frozenset({"training"})
    with house(tmp_path, upstream, capture, trusted_headers=trusted) as it:
        refused = {"x-freehold-attribute-training": "refused"}
        no = it.ask("A bazooka?", **refused)
        later = it.ask("Hello", **refused)
        it.tell(later, "helpful", False)
        yes = it.ask("A bazooka!")
        it.case(yes, "rule:no-weapons")
        it.idle()
        assert [one.exchange_id for one in it.cases()] == [yes], (no, later)
        added = CliRunner().invoke(
            main, ["cases", "add", later, "--reason", "x", "--home", str(it.home)]
        )
        assert "not consented" in added.output


def test_a_day_has_so_many_cases_and_the_draw_goes_on(tmp_path: Path, upstream: Simulator) -> None:
    capture = only(rules=["*"], random=0.3) + ", per_day: 3"
    with house(tmp_path, upstream, capture) as it:
        asked = [it.ask(f"bazooka {n}") for n in range(40)]
        it.idle()
        cases = it.cases()
        certain = [one for one in cases if one.chance == 1_000_000]
        assert {one.exchange_id for one in certain} == set(asked[:3])
        drawn = [one for one in cases if one.chance < 1_000_000]
        assert {one.chance for one in drawn} == {300_000}
        assert 0 < len(drawn) < 30


def test_people_look_add_drop_and_count(tmp_path: Path, upstream: Simulator) -> None:
    def run(*arguments: str) -> Any:
        done = CliRunner().invoke(main, ["cases", *arguments, "--home", str(it.home)])
        assert done.exit_code == 0, done.output
        return done.stdout

    with house(tmp_path, upstream, only(rules=["*"]) + ", value: {intents: {parcel: 2}}") as it:
        bad = it.ask("A bazooka?")
        plain = it.ask("Where is my parcel, Ann? ann@example.com")
        case = it.case(bad)
        added = json.loads(run("add", plain, "--reason", "worth a  look", "--json"))
        assert (added["reasons"], added["texts"]) == (["human:worth a look"], True)
        assert added["intent"] == "parcel"
        listed = json.loads(run("list", "--json"))
        assert [one["exchange_id"] for one in listed] == [plain, bad]
        assert "box" not in listed[0]
        assert json.loads(run("list", "--kind", "rule", "--json"))[0]["case_id"] == case.case_id
        shown = json.loads(run("show", plain, "--json"))
        assert "[EMAIL_" in shown["moment"]["asked"][0]["content"]
        assert (shown["fate"], shown["share"]) == ("open", "none")
        assert "What was asked" in run("show", case.case_id[:20])
        assert run("drop", case.case_id, "--reason", "a joke") == "1 dropped\n"
        assert json.loads(run("list", "--state", "open", "--json"))[0]["exchange_id"] == plain
        rows = json.loads(run("stats", "--json"))
        assert [(row["kind"], row["state"], row["cases"]) for row in rows] == [
            ("human", "open", 1), ("rule", "dropped", 1),
        ]  # fmt: skip
        kinds = [
            one["kind"] for one in ledger(it.home) if str(one.get("kind", "")).startswith("case.")
        ]
        assert kinds == ["case.added", "case.read", "case.read", "case.dropped"]


def test_erasing_a_person_erases_their_cases(tmp_path: Path, upstream: Simulator) -> None:
    named = frozenset({"subject"})
    with house(tmp_path, upstream, only(rules=["*"]), trusted_headers=named) as it:
        hers = it.ask("A bazooka?", **{"x-freehold-subject": "jane"})
        his = it.ask("A bazooka?", **{"x-freehold-subject": "otto"})
        it.case(hers)
        other = it.case(his)
        erase = [
            "erase",
            "--tenant",
            "chain",
            "--subject",
            "jane",
            "--json",
            "--home",
            str(it.home),
        ]
        planned = CliRunner().invoke(main, [*erase, "--dry-run"])
        assert json.loads(planned.stdout)["cases"] == 1
        assert it.moment(it.case(hers))
        done = CliRunner().invoke(main, [*erase, "--yes"])
        assert json.loads(done.stdout)["cases"] == 1
        case = it.case(hers)
        assert case.box == b""
        assert CaseReader(it._vault.find).read(case).fate == "erased"
        assert it.moment(other)
        # what is said of it later brings nothing back
        it.until(lambda: not it.served.gateway._make_journey.cases.capture._recent)  # type: ignore[attr-defined]
        it.tell(hers, "right", "No.")
        it.idle()
        assert it.case(hers).box == b""


def test_what_was_not_written_when_it_was_killed_is_judged_again(
    tmp_path: Path, upstream: Simulator
) -> None:
    capture = only(rules=["*"], random=0.4)
    with house(tmp_path, upstream, capture) as it:
        made = it.served.gateway._make_journey.cases.capture  # type: ignore[attr-defined]
        made._work = lambda _: False  # nothing is written any more: as good as dead
        made.close = lambda: None
        asked = [it.ask(f"bazooka {n}" if n < 2 else f"Question {n}") for n in range(22)]
        assert it.cases() == []
        keys = it.keys
    with Served(tmp_path / "bundle", it.home) as served:
        again = House(it.home, HTTPConnection("127.0.0.1"), keys, keys["desk"], served)
        with closing(again):
            case = again.case(asked[0], "rule:no-weapons")
            again.case(asked[1], "rule:no-weapons")
            again.idle()
            assert again.moment(case).asked[0]["content"] == "bazooka 0"
            drawn = [one for one in again.cases() if one.exchange_id not in asked[:2]]
            assert {one.chance for one in drawn} == {400_000}
            assert 0 < len(drawn) < 20
            before = {one.exchange_id: one for one in again.cases()}
    with Served(tmp_path / "bundle", it.home) as served:  # and once more: nothing comes twice
        again = House(it.home, HTTPConnection("127.0.0.1"), keys, keys["desk"], served)
        with closing(again):
            again.idle()
            assert {one.exchange_id: one for one in again.cases()} == before


def test_what_is_decided_while_no_gateway_runs_is_a_case_too(
    tmp_path: Path, upstream: Simulator
) -> None:
    place = make_place(tmp_path, upstream.url, settings="settings: {capture: {}}")
    with Served(place.folder, place.home) as served:
        approval = place.held(served.url, upstream, "You get 30 % off.", place.token("bob"))
    arguments = ["approval", "decline", approval, "--reason", "too much", "--home", str(place.home)]
    token = {"FREEHOLD_IDENTITY_TOKEN": place.token("ada", "manager")}
    done = CliRunner().invoke(main, arguments, env=token)
    assert done.exit_code == 0, done.output
    database = open_database(place.home)
    (found,) = StoredCases(database).list(CaseFilter(kind="human"))
    database.close()
    assert "human:declined" in found.reasons
    upstream.control_now(models={"simulated-frontier": {"answers": []}})


def test_an_amended_answer_is_a_correction(tmp_path: Path, upstream: Simulator) -> None:
    place = make_place(tmp_path, upstream.url, settings="settings: {capture: {}}")
    with Served(place.folder, place.home) as served:
        bob, ada = place.token("bob"), place.token("ada", "manager")
        approval = place.held(served.url, upstream, "You get 30 % off.", bob)
        text = "You get 10 % off, ann@example.com."
        done = call(
            served.url, place.desk, ada, f"/{approval}/amend", {"reason": "less", "text": text}
        )
        assert done.body["decision"] == "amended"
        database = open_database(place.home)
        vault = open_vault(place.home, None, KeyFolder(place.home).subjects(), SystemClock())
        end = time.monotonic() + PATIENCE_S
        while True:
            found = StoredCases(database).list(CaseFilter(kind="human"))
            if found and "human:amended" in found[0].reasons:
                break
            assert time.monotonic() < end, found
            time.sleep(0.02)
        read = CaseReader(vault.find).read(found[0])
        database.close()
        vault.database.close()
    assert read.moment is not None
    assert {"human:held", "human:amended", "rule:big-discount"} <= set(found[0].reasons)
    assert read.moment.said == "You get 30 % off."
    assert read.moment.correction.startswith("You get 10 % off, ")
    assert "ann@" not in read.moment.correction
    upstream.control_now(models={"simulated-frontier": {"answers": []}})
