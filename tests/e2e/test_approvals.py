"""Held answers from end to end: the SDK's user who waits, the approver who decides, the record."""

import asyncio
import base64
import hashlib
import hmac
import http.server
import json
import secrets
import socket
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, ClassVar

import openai
import pytest
import sqlalchemy as sa
from click.testing import CliRunner

from freehold.app.terminal import record_service
from freehold.cli.main import main
from freehold.services import notices
from freehold.storage.engine import connect
from freehold.testing import Simulator
from tests.e2e.approving import ASK, Place, call, make_place
from tests.e2e.served import Served, ledger, serving

OFFER = "For bob.miller@corner-mail.org: we can give you 35 % off."
HUGE = "We can give you 60 % off."


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory, simulator: Simulator) -> Place:
    return make_place(tmp_path_factory.mktemp("approving"), simulator.url)


@pytest.fixture(scope="module")
def served(place: Place) -> Iterator[Served]:
    with Served(place.folder, place.home, keep_alive_s=0.1) as running:
        yield running


@pytest.fixture
def url(served: Served) -> str:
    return served.url


@pytest.fixture
def bob(place: Place) -> str:
    return place.token("bob", "clerk")


@pytest.fixture
def ada(place: Place) -> str:
    return place.token("ada", "manager", tenant="chain")


def run(place: Place, token: str | None, *arguments: str, code: int = 0) -> Any:
    """A command of the terminal; what it printed."""
    environment = {} if token is None else {"FREEHOLD_IDENTITY_TOKEN": token}
    done = CliRunner().invoke(
        main, ["approval", *arguments, "--home", str(place.home)], env=environment
    )
    assert done.exit_code == code, done.output
    return json.loads(done.stdout) if "--json" in arguments else done.output


def waiting(url: str, place: Place, simulator: Simulator, bob: str, answer: str = OFFER) -> str:
    return place.held(url, simulator, answer, bob)


# -- the life of an SDK's user --


@pytest.mark.parametrize("stream", [False, True])
def test_the_same_request_again_gets_the_released_answer(
    url: str, place: Place, simulator: Simulator, bob: str, ada: str, stream: bool
) -> None:
    approval = waiting(url, place, simulator, bob)
    header = {"x-freehold-approval": approval}
    with place.client(url, bob) as client:
        early = client.chat.completions.create(model="auto", messages=ASK, extra_headers=header)
        assert early.choices[0].finish_reason == "content_filter"
        assert approval in (early.choices[0].message.content or "")
        assert "35" not in (early.choices[0].message.content or "").replace(approval, "")
        done = run(place, ada, "approve", approval, "--reason", "A good customer", "--json")
        assert (done["status"], done["decision"]) == ("approved", "approved")
        raw = client.chat.completions.with_raw_response.create(
            model="auto", messages=ASK, stream=stream, extra_headers=header
        )
        answer = raw.parse()
        if stream:
            chunks = list(answer)
            text = "".join(c.choices[0].delta.content or "" for c in chunks)
            assert chunks[-1].choices[0].finish_reason == "stop"
        else:
            text = answer.choices[0].message.content
            assert answer.choices[0].finish_reason == "stop"
            assert raw.headers["x-freehold-approval"] == approval
    assert text == OFFER, "with the recipient's own values put back"
    trace = raw.headers["x-freehold-trace-id"]
    (opened,) = [b["opened"] for b in ledger(place.home) if b.get("exchange") == trace
                 and "opened" in b]  # fmt: skip
    assert opened["request"]["approval"] == approval
    assert opened["request"]["parent"]


def test_polling_gets_it_too(
    url: str, place: Place, simulator: Simulator, bob: str, ada: str
) -> None:
    approval = waiting(url, place, simulator, bob)
    poll = call(url, place.key, bob, f"/{approval}")
    assert poll.status == 202
    assert poll.body["status"] == "waiting"
    assert set(poll.body) == {"object", "id", "waits", "status", "role", "releasable", "created_at",
                              "expires_at"}  # fmt: skip
    call(url, place.desk, ada, f"/{approval}/approve", {"reason": "fine"})
    for _ in range(2):  # as often as it takes
        got = call(url, place.key, bob, f"/{approval}")
        assert got.status == 200
        assert got.body["object"] == "chat.completion"
        assert got.body["choices"][0]["message"]["content"] == OFFER
        assert got.headers["x-freehold-outcome"] == "allowed"


def test_a_long_poll_ends_when_somebody_decides(
    url: str, place: Place, simulator: Simulator, bob: str, ada: str
) -> None:
    approval = waiting(url, place, simulator, bob)
    began = time.monotonic()
    decide = threading.Timer(
        0.7, lambda: call(url, place.desk, ada, f"/{approval}/approve", {"reason": "fine"})
    )
    decide.start()
    got = call(url, place.key, bob, f"/{approval}?wait=15")
    took = time.monotonic() - began
    decide.join()
    assert got.status == 200
    assert 0.6 < took < 10
    with place.client(url, bob) as client:
        other = waiting(url, place, simulator, bob)
        began = time.monotonic()
        again = client.chat.completions.create(
            model="auto", messages=ASK, extra_headers={"x-freehold-approval": other},
            extra_query={"wait": 1},
        )  # fmt: skip
        assert again.choices[0].finish_reason == "content_filter"
        assert time.monotonic() - began > 0.9


def test_another_request_gets_nothing(
    url: str, place: Place, simulator: Simulator, bob: str, ada: str
) -> None:
    approval = waiting(url, place, simulator, bob)
    other = [{"role": "user", "content": "Something else"}]
    header = {"x-freehold-approval": approval}
    for decided in (False, True):
        if decided:
            call(url, place.desk, ada, f"/{approval}/approve", {"reason": "fine"})
        began = time.monotonic()
        with (
            place.client(url, bob) as client,
            pytest.raises(openai.BadRequestError, match="another request"),
        ):
            client.chat.completions.create(
                model="auto", messages=other, extra_headers=header, extra_query={"wait": "20"}
            )
        assert time.monotonic() - began < 10, "and nobody waits for it"
    for token in (None, place.token("eve", "clerk")):
        with place.client(url, token) as client, pytest.raises(openai.NotFoundError):
            client.chat.completions.create(model="auto", messages=ASK, extra_headers=header)


def test_amended(url: str, place: Place, simulator: Simulator, bob: str, ada: str) -> None:
    approval = waiting(url, place, simulator, bob)
    refused = call(url, place.desk, ada, f"/{approval}/amend",
                   {"reason": "kinder", "text": "Have a darn good 25 % off."})  # fmt: skip
    assert refused.status == 403
    assert "We mind our language" in refused.body["error"]["message"]
    assert call(url, place.key, bob, f"/{approval}").status == 202, "it waits on"
    text = "We can give you 25 % off."
    done = call(url, place.desk, ada, f"/{approval}/amend", {"reason": "less", "text": text})
    assert done.body["decision"] == "amended"
    got = call(url, place.key, bob, f"/{approval}")
    assert got.body["choices"][0]["message"]["content"] == text
    told = call(url, place.desk, ada, f"/{approval}").body
    assert told["answer"][0]["text"] == text
    assert "35 %" in told["original"][0]["text"]


def test_an_approver_is_told_what_of_an_amended_answer_leaves(
    url: str, place: Place, simulator: Simulator, bob: str, ada: str
) -> None:
    approval = waiting(url, place, simulator, bob)
    text = "We can give you 25 % off, ask ann@zz-corp.com."
    leaves = "We can give you 25 % off, ask [email removed]."
    said = run(place, ada, "amend", approval, "--reason", "less", "--text", text)
    assert f"leaves as: {leaves}" in said
    got = call(url, place.key, bob, f"/{approval}")
    assert got.body["choices"][0]["message"]["content"] == leaves


def test_an_amended_answer_discharges_nothing_else(
    url: str, place: Place, simulator: Simulator, bob: str, ada: str
) -> None:
    """The manager may say 25 %; when they say 60 %, the director's rule is not met by that."""
    approval = waiting(url, place, simulator, bob)
    done = call(url, place.desk, ada, f"/{approval}/amend", {"reason": "more", "text": HUGE})
    assert (done.body["status"], done.body["role"]) == ("waiting", "director")
    assert call(url, place.key, bob, f"/{approval}").status == 202
    again = call(url, place.desk, ada, f"/{approval}/approve", {"reason": "more"})
    assert "role director" in again.body["error"]["message"]
    dora = place.token("dora", "director", tenant="chain")
    assert call(url, place.desk, dora, f"/{approval}/approve", {"reason": "ok"}).status == 200
    got = call(url, place.key, bob, f"/{approval}")
    assert got.body["choices"][0]["message"]["content"] == HUGE


def test_two_rules_want_two_persons(
    url: str, place: Place, simulator: Simulator, bob: str, ada: str
) -> None:
    approval = waiting(url, place, simulator, bob, HUGE)
    first = call(url, place.desk, ada, f"/{approval}/approve", {"reason": "for me"})
    assert (first.body["status"], first.body["rule"]) == ("waiting", "huge-discount")
    dora = place.token("dora", "director", tenant="chain")
    second = call(url, place.desk, dora, f"/{approval}/approve", {"reason": "for me too"})
    assert second.body["status"] == "approved"
    steps = call(url, place.desk, dora, f"/{approval}").body["decisions"]
    assert [(s["by"], s["rule"]) for s in steps] == [
        ("ada", "big-discount"), ("dora", "huge-discount"),
    ]  # fmt: skip
    assert call(url, place.key, bob, f"/{approval}").status == 200


def test_declined(url: str, place: Place, simulator: Simulator, bob: str, ada: str) -> None:
    approval = waiting(url, place, simulator, bob)
    run(place, ada, "decline", approval, "--reason", "too much", "--message", "20 % is our most.")
    got = call(url, place.key, bob, f"/{approval}")
    assert got.status == 403
    assert got.body["error"]["code"] == "approval_declined"
    assert got.body["error"]["message"] == "20 % is our most. (FH-APR-004)"
    with place.client(url, bob) as client, pytest.raises(openai.PermissionDeniedError):
        client.chat.completions.create(
            model="auto", messages=ASK, extra_headers={"x-freehold-approval": approval}
        )


# -- who may --


@pytest.mark.parametrize("verdict", ["approve", "amend", "decline"])
def test_who_may_not_decide(
    url: str, place: Place, simulator: Simulator, bob: str, ada: str, verdict: str
) -> None:
    approval = waiting(url, place, simulator, place.token("mia", "manager"))
    said = {"reason": "fine"} | ({"text": "25 % off."} if verdict == "amend" else {})

    def refusal(token: str | None, key: str = place.desk) -> tuple[int, str]:
        reply = call(url, key, token, f"/{approval}/{verdict}", said)
        return reply.status, reply.body["error"]["message"]

    assert refusal(None)[0] == 401
    assert refusal("no.token.at-all")[0] == 401
    assert "request of their own" in refusal(place.token("mia", "manager"))[1]
    assert "request of their own" in refusal(place.token("MIA", "manager"))[1]
    assert "role manager" in refusal(bob)[1]
    assert "names no tenant" in refusal(place.token("ada", "manager", tenant=None))[1]
    assert "names no tenant" in refusal(place.token("ada", "manager", tenant="west"))[1]
    assert refusal(place.token("ada", "manager", tenant="south"))[0] == 404
    assert "not for deciding" in refusal(ada, key=place.key)[1]
    expired = place.issuer.token(
        {"sub": "ada", "roles": ["manager"], "tenant": "chain"}, ttl_s=-100
    )
    assert refusal(expired)[0] == 401
    assert call(url, place.desk, ada, f"/{approval}").body["decisions"] == []


def test_the_terminal_is_no_way_round(
    url: str, place: Place, simulator: Simulator, bob: str
) -> None:
    approval = waiting(url, place, simulator, bob)
    decide = ("approve", approval, "--reason", "fine")
    assert "needs your identity token" in run(place, None, *decide, code=2)
    for token, why in (
        ("no.token.at-all", "FH-ADM-003"),
        (place.token("bob", "manager"), "request of their own"),
        (place.token("eve", "clerk"), "role manager"),
        (place.token("eve", "manager", tenant="south"), "no approval"),
        (place.token("eve", "manager", tenant=None), "names no tenant"),
    ):
        assert why in run(place, token, *decide, code=1)
    assert call(url, place.key, bob, f"/{approval}").status == 202


def test_nobody_releases_what_an_anonymous_caller_asked_for(
    url: str, place: Place, simulator: Simulator, ada: str
) -> None:
    simulator.control_now(models={"simulated-frontier": {"answers": [OFFER]}})
    with place.client(url) as client:
        raw = client.chat.completions.with_raw_response.create(model="auto", messages=ASK)
        text = raw.parse().choices[0].message.content
    assert "Nobody can release it" in text
    approval = raw.headers["x-freehold-approval"]
    for verdict, more in (("approve", {}), ("amend", {"text": "25 % off."})):
        said = {"reason": "fine", **more}
        reply = call(url, place.desk, ada, f"/{approval}/{verdict}", said)
        assert reply.status == 403
        assert "no verified identity asked" in reply.body["error"]["message"]
    assert call(url, place.key, None, f"/{approval}").body["releasable"] is False
    assert call(url, place.desk, ada, f"/{approval}/decline", {"reason": "no"}).status == 200
    assert call(url, place.key, None, f"/{approval}").status == 403


def test_an_approver_reads_what_they_are_cleared_for(
    url: str, place: Place, simulator: Simulator, bob: str, ada: str
) -> None:
    approval = waiting(url, place, simulator, bob)
    told = call(url, place.desk, ada, f"/{approval}").body
    assert "bob.miller" not in json.dumps(told)
    assert told["rule"]["why"] == "Above 20 % a manager answers for it."
    assert any("3500" in piece for piece in told["evidence"])
    assert told["facts"]["answer.percents"][0]["value"] == 3500
    assert told["requester"] == {
        "id": "bob", "verified": True, "issuer": place.issuer.issuer, "roles": ["clerk"],
    }  # fmt: skip
    cleared = place.token("ada", "manager", tenant="chain", clearances=["pii"])
    told = call(url, place.desk, cleared, f"/{approval}").body
    assert "bob.miller@corner-mail.org" in told["request"][0]["content"]
    listed = call(url, place.desk, ada).body["data"]
    assert approval in [row["id"] for row in listed]
    assert call(url, place.desk, bob).body["data"] == []


# -- decided twice, unknown, malformed --


def test_deciding_twice(url: str, place: Place, simulator: Simulator, bob: str, ada: str) -> None:
    approval = waiting(url, place, simulator, bob)
    call(url, place.desk, ada, f"/{approval}/approve", {"reason": "fine"})
    for verdict in ("approve", "decline"):
        reply = call(url, place.desk, ada, f"/{approval}/{verdict}", {"reason": "again"})
        assert reply.status == 409
        assert "was approved already" in reply.body["error"]["message"]
    assert "FH-APR-002" in run(place, ada, "decline", approval, "--reason", "again", code=1)


def test_many_at_once(url: str, place: Place, simulator: Simulator, bob: str) -> None:
    approval = waiting(url, place, simulator, bob)
    tokens = [place.token(f"m{i}", "manager") for i in range(8)]
    verdicts = ["approve", "decline"] * 4
    with ThreadPoolExecutor(8) as pool:
        replies = list(pool.map(
            lambda each: call(url, place.desk, each[0], f"/{approval}/{each[1]}", {"reason": "x"}),
            zip(tokens, verdicts, strict=True),
        ))  # fmt: skip
    assert sorted(reply.status for reply in replies) == [200] + [409] * 7
    events = [b for b in ledger(place.home) if b.get("subject") == approval]
    assert len(events) == 1


@pytest.mark.parametrize(
    ("path", "body", "status"),
    [
        ("/apr_nobody", None, 404), ("/apr_nobody/approve", {"reason": "x"}, 404),
        ("/apr_nobody/eat", {"reason": "x"}, 404), ("/a/b/c", None, 404),
        ("?status=odd", None, 400), ("?limit=0", None, 400), ("?odd=1", None, 400),
        ("/ID/approve", {}, 400), ("/ID/approve", {"reason": " "}, 400),
        ("/ID/approve", {"reason": 7}, 400), ("/ID/approve", {"reason": "x", "odd": "y"}, 400),
        ("/ID/amend", {"reason": "x"}, 400), ("/ID/approve", {"reason": "x" * 3_000}, 400),
    ],
)  # fmt: skip
def test_bad_input(
    url: str, place: Place, simulator: Simulator, bob: str, ada: str,
    path: str, body: dict[str, Any] | None, status: int,
) -> None:  # fmt: skip
    if "ID" in path:
        path = path.replace("ID", waiting(url, place, simulator, bob))
    reply = call(url, place.desk, ada, path, body)
    assert reply.status == status
    assert reply.body["error"]["message"]


# -- the record --


def test_explain_tells_who_decided(
    url: str, place: Place, simulator: Simulator, bob: str, ada: str
) -> None:
    approval = waiting(url, place, simulator, bob)
    run(place, ada, "approve", approval, "--reason", "A good customer")
    released = call(url, place.key, bob, f"/{approval}").headers["x-freehold-trace-id"]
    events = sorted(
        (b for b in ledger(place.home) if b.get("subject") == approval), key=lambda b: b["at_ns"]
    )  # the terminal writes a segment of its own
    assert [(e["kind"], e["actor"], e["tenant"]) for e in events] == [
        ("approval.approved", "ada", "north"), ("approval.released", "bob", "north"),
    ]  # fmt: skip
    assert events[0]["details"]["reason"] == "A good customer"
    with record_service(place.home) as records:
        told = records.explain(events[0]["details"]["exchange"]).as_text()
        assert "approved by ada" in told
        assert "A good customer" in told
        assert events[0]["id"] in told
        told = records.explain(released).as_text()
        assert f"it left as {approval}" in told
        assert "ada (https://id.harbor-and-pine.example), a manager, approved it" in told


def test_what_waited_too_long(tmp_path: Path, simulator: Simulator) -> None:
    place = make_place(
        tmp_path, simulator.url, settings="settings: {approvals: {expires_hours: 1}}"
    )
    bob, ada = place.token("bob"), place.token("ada", "manager", tenant="chain")
    with Served(place.folder, place.home) as served:
        approval = waiting(served.url, place, simulator, bob)
        hold = served.gateway.approvals.store.find(approval)
        assert hold is not None
        assert hold.expires_ns - hold.created_ns == 3_600 * 10**9
        served.gateway.approvals.store._clock = _Later()  # type: ignore[attr-defined]
        served.gateway.approvals._clock = _Later()
        for verdict in ("approve", "approve"):
            reply = call(served.url, place.desk, ada, f"/{approval}/{verdict}", {"reason": "x"})
            assert reply.status == 410
            assert "expired" in reply.body["error"]["message"]
        assert call(served.url, place.key, bob, f"/{approval}").status == 410
    (event,) = [b for b in ledger(place.home) if b.get("subject") == approval]
    assert (event["kind"], event["actor"]) == ("approval.expired", "freehold")


class _Later:
    """A clock that is two hours ahead."""

    def now_ns(self) -> int:
        return time.time_ns() + 7_200 * 10**9

    def monotonic_ns(self) -> int:
        return time.perf_counter_ns()


# -- what happens meanwhile --


def rewrite(place: Place, old: str, new: str) -> None:
    path = place.folder / "bundle.yaml"
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new, 1))


def until_live(served: Served, before: str) -> None:
    deadline = time.monotonic() + 10
    while served.gateway.bundle.hash == before and time.monotonic() < deadline:
        time.sleep(0.05)
    assert served.gateway.bundle.hash != before


def test_the_live_rules_judge(tmp_path: Path, simulator: Simulator) -> None:
    """A rule that was tightened while an answer waited holds for it, before and after."""
    place = make_place(tmp_path, simulator.url)
    bob, ada = place.token("bob"), place.token("ada", "manager", tenant="chain")
    with Served(place.folder, place.home) as served:
        decided = waiting(served.url, place, simulator, bob)
        call(served.url, place.desk, ada, f"/{decided}/approve", {"reason": "fine"})
        undecided = waiting(served.url, place, simulator, bob)
        before = served.gateway.bundle.hash
        rewrite(place, "answer.percents.exists(p, p.upper > 5000)\n    do: [{require_approval: "
                "{role: director}}]", "answer.percents.exists(p, p.upper > 3000)\n    do: [{block: "
                "{}}]")  # fmt: skip
        until_live(served, before)
        reply = call(served.url, place.desk, ada, f"/{undecided}/approve", {"reason": "fine"})
        assert reply.status == 403
        assert "needs a director" in reply.body["error"]["message"]
        got = call(served.url, place.key, bob, f"/{decided}")
        assert got.status == 403
        assert "35" not in str(got.body)
        text = "We can give you 25 % off."
        said = {"reason": "less", "text": text}
        assert call(served.url, place.desk, ada, f"/{undecided}/amend", said).status == 200
        assert call(served.url, place.key, bob, f"/{undecided}").status == 200


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("  big-discount:\n    phase", "  big-discount:\n    version: 2\n    phase"),
        ("p.upper > 2000", "p.upper > 1000"),  # nobody has counted up the version
    ],
)
def test_a_changed_rule_wants_to_be_approved_anew(
    tmp_path: Path, simulator: Simulator, old: str, new: str
) -> None:
    place = make_place(tmp_path, simulator.url)
    bob, ada = place.token("bob"), place.token("ada", "manager", tenant="chain")
    with Served(place.folder, place.home) as served:
        decided = waiting(served.url, place, simulator, bob)
        call(served.url, place.desk, ada, f"/{decided}/approve", {"reason": "fine"})
        held = waiting(served.url, place, simulator, bob)
        before = served.gateway.bundle.hash
        rewrite(place, old, new)
        until_live(served, before)
        got = call(served.url, place.key, bob, f"/{decided}")
        assert (got.status, got.body["error"]["code"]) == (403, "approval_needed")
        first = call(served.url, place.desk, ada, f"/{held}/approve", {"reason": "as it was"})
        assert first.body["status"] == "waiting"
        again = call(served.url, place.desk, ada, f"/{held}/approve", {"reason": "as it is"})
        assert again.body["status"] == "approved"
        assert call(served.url, place.key, bob, f"/{held}").status == 200


def test_its_app_is_gone(tmp_path: Path, simulator: Simulator) -> None:
    place = make_place(tmp_path, simulator.url)
    bob, ada = place.token("bob"), place.token("ada", "manager", tenant="chain")
    with Served(place.folder, place.home) as served:
        held = waiting(served.url, place, simulator, bob)
        before = served.gateway.bundle.hash
        rewrite(place, "\n  app: {tenant", "\n  other: {tenant")
        until_live(served, before)
    assert "only be declined" in run(place, ada, "approve", held, "--reason", "x", code=1)
    run(place, ada, "decline", held, "--reason", "x")


async def test_kill_9_between_decision_and_release(tmp_path: Path) -> None:
    """The decision is taken, the server dies, another one releases; what waited waits on."""
    async with Simulator(behaviour="echo") as simulator:
        place = make_place(tmp_path, simulator.url)
        bob, ada = place.token("bob"), place.token("ada", "manager", tenant="chain")
        with serving(place.folder, place.home) as process:
            await simulator.control(
                models={"simulated-frontier": {"answers": [OFFER, OFFER, OFFER]}}
            )
            held = []
            for _ in range(3):
                with place.client(process.url, bob) as client:
                    raw = client.chat.completions.with_raw_response.create(
                        model="auto", messages=ASK
                    )
                held.append(raw.headers["x-freehold-approval"])
            call(process.url, place.desk, ada, f"/{held[0]}/approve", {"reason": "fine"})
            call(process.url, place.desk, ada, f"/{held[1]}/decline", {"reason": "no"})
            process.kill()
        down = ("approve", held[2], "--reason", "while it was down")
        await asyncio.to_thread(run, place, ada, *down)
        with serving(place.folder, place.home) as again:
            got = call(again.url, place.key, bob, f"/{held[0]}")
            assert got.body["choices"][0]["message"]["content"] == OFFER
            assert call(again.url, place.key, bob, f"/{held[1]}").status == 403
            got = call(again.url, place.key, bob, f"/{held[2]}")
            assert got.body["choices"][0]["message"]["content"] == OFFER
        kinds = [(b["subject"], b["kind"]) for b in ledger(place.home)
                 if b.get("kind", "").startswith("approval.")]  # fmt: skip
        assert sorted(kinds) == sorted([
            (held[0], "approval.approved"), (held[1], "approval.declined"),
            (held[2], "approval.approved"), (held[0], "approval.released"),
            (held[2], "approval.released"),
        ])  # fmt: skip


def test_a_client_that_stops_waiting_leaves_nothing_behind(
    url: str, place: Place, simulator: Simulator, bob: str, served: Served,
    capfd: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    approval = waiting(url, place, simulator, bob)
    before = served.tasks()
    host = url.removeprefix("http://").split(":")
    with socket.create_connection((host[0], int(host[1]))) as line:
        head = (
            f"GET /v1/approvals/{approval}?wait=60 HTTP/1.1\r\nhost: x\r\n"
            f"authorization: Bearer {place.key}\r\nx-freehold-identity: {bob}\r\n\r\n"
        )
        line.sendall(head.encode())
        time.sleep(0.5)
    deadline = time.monotonic() + 5
    while served.tasks() > before and time.monotonic() < deadline:
        time.sleep(0.05)
    assert served.tasks() <= before
    assert "Traceback" not in capfd.readouterr().err


class Hook(http.server.BaseHTTPRequestHandler):
    """Takes notices; the first is refused."""

    got: ClassVar[list[tuple[dict[str, str], bytes]]] = []

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["content-length"]))
        self.got.append(({k.lower(): v for k, v in self.headers.items()}, body))
        self.send_response(503 if len(self.got) == 1 else 204)
        self.send_header("content-length", "0")
        self.end_headers()

    def log_message(self, format: str, *args: object) -> None:
        """Nothing on stderr."""


def test_a_webhook_hears_of_it(
    tmp_path: Path, simulator: Simulator, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(notices, "BACKOFF_S", (0,))
    monkeypatch.setenv("DESK_SECRET", "whsec_" + base64.b64encode(b"desk").decode())
    Hook.got.clear()
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Hook) as desk:
        threading.Thread(target=desk.serve_forever, daemon=True).start()
        address = f"http://127.0.0.1:{desk.server_port}/in"
        place = make_place(
            tmp_path, simulator.url, egress=f"127.0.0.1:{desk.server_port}",
            approvals=f'approvals: {{webhook: {{url: "{address}", secret: "env:DESK_SECRET"}}}}',
        )  # fmt: skip
        bob, ada = place.token("bob"), place.token("ada", "manager", tenant="chain")
        with Served(place.folder, place.home) as served:
            held = waiting(served.url, place, simulator, bob)
            run(place, ada, "approve", held, "--reason", "between us", "--json")
            deadline = time.monotonic() + 15
            while len(Hook.got) < 3 and time.monotonic() < deadline:
                time.sleep(0.05)
        desk.shutdown()
    heard = {h["webhook-id"]: json.loads(body) for h, body in Hook.got}
    assert [n["type"] for n in heard.values()] == ["approval.requested", "approval.approved"]
    assert {n["data"]["id"] for n in heard.values()} == {held}
    assert len(Hook.got) == 3, "the one that was refused came again, under the same id"
    for headers, body in Hook.got:
        said = f"{headers['webhook-id']}.{headers['webhook-timestamp']}.".encode() + body
        digest = hmac.new(b"desk", said, hashlib.sha256).digest()
        assert headers["webhook-signature"] == "v1," + base64.b64encode(digest).decode()
        assert not {"request", "answer", "requester", "reason"} & set(json.loads(body)["data"])


# -- every form of answer --


@pytest.mark.parametrize("stream", [False, True])
def test_a_rule_on_a_call_holds_it_and_lets_it_go_when_approved(
    url: str, place: Place, simulator: Simulator, bob: str, ada: str, stream: bool
) -> None:
    function = {"name": "send_mail", "arguments": '{"to": "the customer"}'}
    said = {"content": "I am sending it.",
            "tool_calls": [{"id": "call_1", "type": "function", "function": function}]}  # fmt: skip
    simulator.control_now(models={"simulated-frontier": {"answers": [said]}})
    tools: Any = [{"type": "function", "function": {"name": "send_mail", "parameters": {}}}]
    asked: Any = {"model": "auto", "messages": ASK, "tools": tools}
    with place.client(url, bob) as client:
        raw = client.chat.completions.with_raw_response.create(**asked)
        assert raw.headers["x-freehold-outcome"] == "held"
        held = raw.headers["x-freehold-approval"]
        message = raw.parse().choices[0].message
        assert message.tool_calls is None
        assert "I am sending" not in (message.content or "")
        detail = call(url, place.desk, ada, f"/{held}").body
        assert detail["rule"]["id"] == "mail"
        assert detail["answer"][0]["tool_calls"][0]["name"] == "send_mail"
        approved = call(url, place.desk, ada, f"/{held}/approve", {"reason": "he asked for it"})
        assert approved.status == 200
        again: Any = {**asked, "extra_headers": {"x-freehold-approval": held}, "stream": stream}
        if not stream:
            (wanted,) = client.chat.completions.create(**again).choices[0].message.tool_calls or ()
            assert wanted.function.arguments == function["arguments"]
            return
        parts = [
            part
            for chunk in client.chat.completions.create(**again)
            for choice in chunk.choices
            for part in choice.delta.tool_calls or ()
        ]
        assert "".join(part.function.arguments or "" for part in parts) == function["arguments"]


def test_tool_calls_and_their_arguments(
    url: str, place: Place, simulator: Simulator, bob: str, ada: str
) -> None:
    function = {"name": "offer", "arguments": '{"to": "bob.miller@corner-mail.org"}'}
    said = {"content": "We can give you 35 % off.",
            "tool_calls": [{"id": "call_1", "type": "function", "function": function}]}  # fmt: skip
    simulator.control_now(models={"simulated-frontier": {"answers": [said]}})
    tools: Any = [{"type": "function", "function": {"name": "offer", "parameters": {}}}]
    asked: Any = {"model": "auto", "messages": ASK, "tools": tools, "temperature": 0.3}
    with place.client(url, bob) as client:
        raw = client.chat.completions.with_raw_response.create(**asked)
        approval = raw.headers["x-freehold-approval"]
        assert raw.parse().choices[0].message.tool_calls is None, "held with the answer"
        call(url, place.desk, ada, f"/{approval}/approve", {"reason": "fine"})
        header = {"x-freehold-approval": approval}
        answer = client.chat.completions.create(**asked, extra_headers=header)
    (wanted,) = answer.choices[0].message.tool_calls or ()
    assert json.loads(wanted.function.arguments) == {"to": "bob.miller@corner-mail.org"}


def test_several_choices_and_legacy_completions(
    url: str, place: Place, simulator: Simulator, bob: str, ada: str
) -> None:
    simulator.control_now(models={"simulated-frontier": {"answers": [OFFER, OFFER]}})
    with place.client(url, bob) as client:
        raw = client.chat.completions.with_raw_response.create(model="auto", messages=ASK, n=2)
        two = raw.headers["x-freehold-approval"]
        amend = f"/{two}/amend"
        for text in ("25 % off, then.", ["25 % off, then."], ["a", "b", "c"], ["a", " "], ["a", 5]):
            few = call(url, place.desk, ada, amend, {"reason": "x", "text": text})
            assert few.status == 400, text
        assert "This answer has 2 choices" in str(
            call(url, place.desk, ada, amend, {"reason": "x", "text": "One."}).body
        )
        said = {"reason": "x", "text": ["25 % off, then.", "24 % off, then."]}
        assert call(url, place.desk, ada, amend, said).status == 200
        answer = client.chat.completions.create(
            model="auto", messages=ASK, n=2, extra_headers={"x-freehold-approval": two}
        )
        assert [c.message.content for c in answer.choices] == said["text"]
        simulator.control_now(models={"simulated-frontier": {"answers": [OFFER]}})
        prompt = str(ASK[0]["content"])
        raw_text = client.completions.with_raw_response.create(model="auto", prompt=prompt)
        approval = raw_text.headers["x-freehold-approval"]
        call(url, place.desk, ada, f"/{approval}/approve", {"reason": "fine"})
        header = {"x-freehold-approval": approval}
        text = client.completions.create(model="auto", prompt=prompt, extra_headers=header)
        assert text.choices[0].text == OFFER
    assert call(url, place.key, bob, f"/{approval}").body["object"] == "text_completion"


def test_a_life_on_postgresql(
    tmp_path: Path, simulator: Simulator, postgres_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    schema = f"freehold_{secrets.token_hex(6)}"
    server = connect(postgres_url)
    with server.write() as connection:
        connection.execute(sa.schema.CreateSchema(schema))
    own = sa.make_url(postgres_url).update_query_dict({"options": f"-csearch_path={schema}"})
    monkeypatch.setenv("FREEHOLD_DATABASE_URL", own.render_as_string(hide_password=False))
    try:
        place = make_place(tmp_path, simulator.url)
        bob, ada = place.token("bob"), place.token("ada", "manager", tenant="chain")
        with Served(place.folder, place.home) as served:
            held, other = (waiting(served.url, place, simulator, bob) for _ in range(2))
            run(place, ada, "approve", held, "--reason", "fine")
            tokens = [place.token(f"m{i}", "manager") for i in range(4)]
            with ThreadPoolExecutor(4) as pool:
                replies = list(pool.map(
                    lambda t: call(served.url, place.desk, t, f"/{other}/decline", {"reason": "x"}),
                    tokens,
                ))  # fmt: skip
            assert sorted(reply.status for reply in replies) == [200, 409, 409, 409]
            got = call(served.url, place.key, bob, f"/{held}")
            assert got.body["choices"][0]["message"]["content"] == OFFER
            assert call(served.url, place.key, bob, f"/{other}").status == 403
    finally:
        with server.write() as connection:
            connection.execute(sa.schema.DropSchema(schema, cascade=True))
        server.close()
