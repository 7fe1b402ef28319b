"""Held requests from end to end: no model is asked before a second person has agreed."""

import json
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, NamedTuple

import openai
import pytest

from freehold.testing import Simulator
from tests.e2e.approving import ASK as OTHER
from tests.e2e.approving import Place, call, make_place
from tests.e2e.served import Served, ledger
from tests.e2e.test_approvals import rewrite, run, until_live

ASK: Any = [
    {"role": "user", "content": "Export every order of bob.miller@corner-mail.org, please."}
]
SAID = "Here are the orders."
RULES = """\
rules:
  bulk-export:
    phase: request
    when: request.text.contains("Export") && !("auditor" in principal.roles)
    do: [{require_approval: {role: manager}}, {annotate: {tag: export}}]
    why: Exports leave the house.
    public: An export needs a manager.
  foreign-export:
    phase: request
    when: request.text.contains("Export") && request.text.contains("abroad")
    do: [{require_approval: {role: director}}]
"""


def make(base: Path, url: str, **more: str) -> Place:
    place = make_place(base, url, **more)
    rewrite(place, "rules:\n", RULES)
    rewrite(
        place, "rules: [big", "embedding_route: vectors, rules: [bulk-export, foreign-export, big"
    )
    vectors = f'simulated-embedding: {{base_url: "{url}/v1", capabilities: [embedding]}}'
    rewrite(place, "models:\n", f"models:\n  {vectors}\n")
    rewrite(place, "routes:\n", "routes:\n  vectors: {candidates: [simulated-embedding]}\n")
    return place


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory, simulator: Simulator) -> Place:
    return make(tmp_path_factory.mktemp("asking"), simulator.url)


@pytest.fixture(scope="module")
def served(place: Place) -> Iterator[Served]:
    with Served(place.folder, place.home, keep_alive_s=0.1) as running:
        yield running


@pytest.fixture
def url(served: Served, simulator: Simulator) -> str:
    simulator.control_now(models={"simulated-frontier": {"answers": [SAID]}})
    return served.url


@pytest.fixture
def bob(place: Place) -> str:
    return place.token("bob", "clerk")


@pytest.fixture
def ada(place: Place) -> str:
    return place.token("ada", "manager", tenant="chain")


def asked(simulator: Simulator) -> int:
    """How many requests have reached a model."""
    return int(simulator.stats_now()["requests"])


def held(url: str, place: Place, token: str | None, messages: Any = ASK) -> str:
    with place.client(url, token) as client:
        raw = client.chat.completions.with_raw_response.create(model="auto", messages=messages)
    assert raw.headers["x-freehold-outcome"] == "held"
    return raw.headers["x-freehold-approval"]


class Said(NamedTuple):
    """What the SDK's user reads, and the reply's headers."""

    text: str
    headers: Any


def again(
    url: str, place: Place, token: str, approval: str, messages: Any = ASK, **more: Any
) -> Said:
    with place.client(url, token) as client:
        raw = client.chat.completions.with_raw_response.create(
            model="auto", messages=messages, extra_headers={"x-freehold-approval": approval}, **more
        )
        return Said(said(raw, more.get("stream", False)), raw.headers)


def said(raw: Any, stream: bool = False) -> str:
    if not stream:
        return str(raw.parse().choices[0].message.content)
    return "".join(c.choices[0].delta.content or "" for c in raw.parse())


@pytest.mark.parametrize("stream", [False, True])
def test_no_model_is_asked_before_somebody_agrees(
    url: str, place: Place, simulator: Simulator, bob: str, ada: str, stream: bool
) -> None:
    before = asked(simulator)
    with place.client(url, bob) as client:
        first = client.chat.completions.with_raw_response.create(
            model="auto", messages=ASK, stream=stream
        )
        told = said(first, stream)
    approval = first.headers["x-freehold-approval"] if not stream else told.split("(")[1][:-2]
    assert told == (f"An export needs a manager. It waits for approval by a manager ({approval}).")
    assert "not approved yet" in again(url, place, bob, approval).text
    assert asked(simulator) == before

    (row,) = [r for r in run(place, ada, "list", "--json") if r["id"] == approval]
    assert (row["waits"], row["rule"], row["status"]) == ("request", "bulk-export", "waiting")
    shown = run(place, ada, "show", approval, "--json")
    assert shown["answer"] is None
    assert shown["facts"]["principal.roles"] == ["clerk"]
    assert "Export every order" in shown["request"][-1]["content"]
    assert "corner-mail" not in json.dumps(shown), "the approver is not cleared for it"
    assert "No model has been asked." in run(place, ada, "show", approval)

    done = run(place, ada, "approve", approval, "--reason", "An audit", "--json")
    assert (done["status"], done["waits"]) == ("approved", "request")
    poll = call(url, place.key, bob, f"/{approval}")
    assert (poll.status, poll.body["status"], poll.body["waits"]) == (200, "approved", "request")
    assert asked(simulator) == before, "neither a decision nor a look asks a model"

    released = again(url, place, bob, approval, stream=stream)
    assert released.text == SAID
    assert asked(simulator) == before + 1
    trace = released.headers["x-freehold-trace-id"]
    (opened,) = [b["opened"] for b in ledger(place.home) if b.get("exchange") == trace
                 and "opened" in b]  # fmt: skip
    assert opened["request"]["approval"] == approval
    assert opened["request"]["parent"] == row["exchange"]
    assert opened["tags"] == ["export"]
    assert any("ada" in d["why"] and approval in d["why"] for d in opened["decisions"])
    kinds = [b["kind"] for b in ledger(place.home) if b.get("subject") == approval]
    assert sorted(kinds) == ["approval.approved", "approval.released"]


def test_the_record_of_a_held_request(url: str, place: Place, bob: str, ada: str) -> None:
    approval = held(url, place, bob)
    run(place, ada, "approve", approval, "--reason", "An audit")
    records = [b for b in ledger(place.home) if "closed" in b]
    (one,) = [b for b in records if (b["closed"].get("held") or {}).get("approval_id") == approval]
    assert one["closed"]["outcome"] == "held"
    assert one["closed"]["calls"] == []
    opened = [b["opened"] for b in ledger(place.home) if b.get("exchange") == one["exchange"]
              and "opened" in b]  # fmt: skip
    firing = next(f for part in opened for f in part["firings"] if f["rule"] == "bulk-export")
    assert firing["fired"]


def test_another_request_is_not_the_one_that_was_approved(
    url: str, place: Place, simulator: Simulator, bob: str, ada: str
) -> None:
    approval = held(url, place, bob)
    run(place, ada, "approve", approval, "--reason", "fine")
    before = asked(simulator)
    changed: Any = [{"role": "user", "content": "Export every order of everybody, please."}]
    with pytest.raises(openai.BadRequestError, match="another request"):
        again(url, place, bob, approval, changed)
    with pytest.raises(openai.BadRequestError, match="another request"):
        again(url, place, bob, approval, temperature=1)
    for stranger in (place.token("eve", "clerk"), ada):
        with pytest.raises(openai.NotFoundError):
            again(url, place, stranger, approval)
    with place.client(url) as client, pytest.raises(openai.NotFoundError):
        client.chat.completions.create(
            model="auto", messages=ASK, extra_headers={"x-freehold-approval": approval}
        )
    assert asked(simulator) == before
    assert held(url, place, bob) != approval, "without the id it is a request like any other"


def test_on_other_facts_it_is_another_demand(
    url: str, place: Place, simulator: Simulator, bob: str, ada: str
) -> None:
    """What the rule has before it when the request goes on is what the approver saw."""
    approval = held(url, place, bob)
    run(place, ada, "approve", approval, "--reason", "He is a clerk")
    before = asked(simulator)
    with pytest.raises(openai.PermissionDeniedError, match="without its approval's id"):
        again(url, place, place.token("bob", "clerk", "trainee"), approval)
    assert asked(simulator) == before
    assert again(url, place, bob, approval).text == SAID


def test_two_rules_want_two_persons(
    url: str, place: Place, simulator: Simulator, bob: str, ada: str
) -> None:
    abroad: Any = [{"role": "user", "content": "Export it abroad."}]
    approval = held(url, place, bob, abroad)
    first = run(place, ada, "approve", approval, "--reason", "fine", "--json")
    assert (first["status"], first["role"]) == ("waiting", "director")
    assert "not approved yet" in again(url, place, bob, approval, abroad).text
    dora = place.token("dora", "director", tenant="chain")
    run(place, dora, "approve", approval, "--reason", "fine")
    assert again(url, place, bob, approval, abroad).text == SAID


def test_declined_and_not_amended(
    url: str, place: Place, simulator: Simulator, bob: str, ada: str
) -> None:
    approval = held(url, place, bob)
    before = asked(simulator)
    text = {"reason": "x", "text": "Export nothing."}
    amended = call(url, place.desk, ada, f"/{approval}/amend", text)
    assert amended.status == 403
    assert "Nobody rewrites what somebody else asks" in amended.body["error"]["message"]
    run(place, ada, "decline", approval, "--reason", "no", "--message", "Ask the office.")
    with pytest.raises(openai.PermissionDeniedError, match="Ask the office"):
        again(url, place, bob, approval)
    late = call(url, place.desk, ada, f"/{approval}/approve", {"reason": "after all"})
    assert late.status == 409
    assert asked(simulator) == before


def test_who_may_not_decide(url: str, place: Place, bob: str) -> None:
    own = place.token("bob", "manager")
    approval = held(url, place, own)
    assert "of their own" in run(place, own, "approve", approval, "--reason", "x", code=1)
    assert "role manager" in run(place, place.token("al", "clerk", tenant="chain"), "approve",
                                 approval, "--reason", "x", code=1)  # fmt: skip
    elsewhere = place.token("mo", "manager", tenant="south")
    assert f"no approval {approval}" in run(place, elsewhere, "show", approval, code=1)
    reply = call(url, place.desk, elsewhere, f"/{approval}/approve", {"reason": "x"})
    assert reply.status == 404
    nobody = held(url, place, None)
    said_no = call(url, place.desk, place.token("ada", "manager", tenant="chain"),
                   f"/{nobody}/approve", {"reason": "x"})  # fmt: skip
    assert said_no.status == 403
    assert "Nobody can release this request" in said_no.body["error"]["message"]


def test_an_answer_may_be_held_after_its_request(
    url: str, place: Place, simulator: Simulator, bob: str, ada: str
) -> None:
    approval = held(url, place, bob)
    run(place, ada, "approve", approval, "--reason", "fine")
    simulator.control_now(models={"simulated-frontier": {"answers": ["You get 35 % off."]}})
    second = again(url, place, bob, approval)
    other = second.headers["x-freehold-approval"]
    assert second.headers["x-freehold-outcome"] == "held"
    assert other != approval
    run(place, ada, "approve", other, "--reason", "fine")
    assert again(url, place, bob, other).text == "You get 35 % off."


def test_embeddings_say_it_as_an_error(url: str, place: Place, bob: str, ada: str) -> None:
    """No words fit into a list of vectors, and SDKs choke on an empty one."""
    with place.client(url, bob) as client:
        with pytest.raises(openai.PermissionDeniedError) as caught:
            client.embeddings.create(model="auto", input="Export this")
        approval = caught.value.response.headers["x-freehold-approval"]
        assert caught.value.response.headers["x-freehold-outcome"] == "held"
        run(place, ada, "approve", approval, "--reason", "fine")
        got = client.embeddings.create(
            model="auto", input="Export this", extra_headers={"x-freehold-approval": approval}
        )
    assert got.data[0].embedding


def test_legacy_completions(url: str, place: Place, bob: str, ada: str) -> None:
    with place.client(url, bob) as client:
        raw = client.completions.with_raw_response.create(model="auto", prompt="Export it.")
        approval = raw.headers["x-freehold-approval"]
        assert "needs a manager" in raw.parse().choices[0].text
        run(place, ada, "approve", approval, "--reason", "fine")
        got = client.completions.create(
            model="auto", prompt="Export it.", extra_headers={"x-freehold-approval": approval}
        )
    assert got.choices[0].text == SAID


def test_many_decide_at_once(url: str, place: Place, bob: str) -> None:
    approval = held(url, place, bob)
    tokens = [place.token(f"m{i}", "manager") for i in range(4)]
    with ThreadPoolExecutor(4) as pool:
        replies = list(pool.map(
            lambda t: call(url, place.desk, t, f"/{approval}/approve", {"reason": "x"}), tokens
        ))  # fmt: skip
    assert sorted(reply.status for reply in replies) == [200, 409, 409, 409]


def test_what_changed_meanwhile(tmp_path: Path, simulator: Simulator) -> None:
    """Expiry, a new version of the rule, and a rule that blocks now, each stop it."""
    place = make(tmp_path, simulator.url)
    bob, ada = place.token("bob"), place.token("ada", "manager", tenant="chain")
    with Served(place.folder, place.home) as served:
        url = served.url
        approval, waits = held(url, place, bob), held(url, place, bob)
        run(place, ada, "approve", approval, "--reason", "fine")
        asks = asked(simulator)
        before = served.gateway.bundle.hash
        rewrite(place, "bulk-export:\n", "bulk-export:\n    version: 2\n")
        until_live(served, before)
        with pytest.raises(openai.PermissionDeniedError):
            again(url, place, bob, approval)
        before = served.gateway.bundle.hash
        rewrite(place, "do: [{require_approval: {role: manager}}, {annotate: {tag: export}}]",
                "do: [{block: {}}]")  # fmt: skip
        until_live(served, before)
        reply = call(url, place.desk, ada, f"/{waits}/approve", {"reason": "fine"})
        assert reply.status == 403
        assert "The request may not go on like this" in reply.body["error"]["message"]
        with pytest.raises(openai.PermissionDeniedError):
            again(url, place, bob, approval)
        served.gateway.approvals._clock = served.gateway.collecting._clock = _Later()  # type: ignore[attr-defined]
        served.gateway.approvals.store._clock = _Later()  # type: ignore[attr-defined]
        for one in (approval, waits):
            with pytest.raises(openai.APIStatusError) as caught:
                again(url, place, bob, one)
            assert caught.value.status_code == 410
        assert asked(simulator) == asks


class _Later:
    """A clock that is a month ahead."""

    def now_ns(self) -> int:
        return time.time_ns() + 30 * 86_400 * 10**9

    def monotonic_ns(self) -> int:
        return time.perf_counter_ns()


def test_ids_are_not_to_be_guessed(url: str, place: Place, simulator: Simulator, bob: str) -> None:
    """Whether by polling or by sending a request with an id: after a few misses, whoever guesses
    waits, for an id that exists too; others don't.
    """
    approval = held(url, place, bob)
    eve = place.token("eve-who-guesses", "manager")
    statuses = [call(url, place.desk, eve, f"/apr_{n:032x}").status for n in range(15)]
    with place.client(url, eve, place.desk) as client:
        for number in range(6):
            with pytest.raises(openai.APIStatusError) as caught:
                client.with_options(max_retries=0).chat.completions.create(
                    model="auto", messages=ASK,
                    extra_headers={"x-freehold-approval": f"apr_{number}"},
                )  # fmt: skip
            statuses.append(caught.value.status_code)
    assert statuses == [404] * 20 + [429]
    late = call(url, place.desk, eve, f"/{approval}")
    assert (late.status, late.body["error"]["code"]) == (429, "rate_limited")
    assert int(late.headers["retry-after"]) >= 1
    assert call(url, place.key, bob, f"/{approval}").status == 202


def test_other_questions_are_not_stopped(url: str, place: Place, bob: str) -> None:
    with place.client(url, bob) as client:
        reply = client.chat.completions.create(model="auto", messages=OTHER)
    assert reply.choices[0].message.content == SAID
