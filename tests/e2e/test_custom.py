"""Custom models over real sockets: up the ladder, down again, and every decision replayed."""

import asyncio
import json
import shutil
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from click.testing import CliRunner

from freehold.app.deployed import with_deployed
from freehold.cli.main import main
from freehold.learning.datasets.folder import latest
from freehold.testing import Simulator
from tests.e2e.custom import custom, done, train, write
from tests.e2e.served import Served, ledger, make_key
from tests.e2e.trying import Asking, asking, compared, until

HOURS = "When do you open?"
ADMIN = {"roles": ["model-owner"], "tenant": "chain"}


@pytest.fixture
def upstream():
    with Simulator(behaviour="echo") as running:
        yield running


def events(home: Path, kind: str) -> list[dict[str, Any]]:
    return [body for body in ledger(home) if body.get("kind") == kind]


def app_key(folder: Path, home: Path) -> str:
    return make_key(folder, home, app="service", tenant="chain")


async def said(ask: Asking, conversation: str, text: str = HOURS) -> str:
    status, body, _ = await ask(text, conversation)
    assert status == 200, body
    return str(body["choices"][0]["message"]["content"])


async def until_said(ask: Asking, wanted: str, text: str = HOURS) -> None:
    """Wait until a new conversation is answered like this."""
    found = ""
    for number in range(200):
        found = await said(ask, f"wait-{wanted}-{number}", text)
        if wanted in found:
            return
        await asyncio.sleep(0.05)
    raise AssertionError(found)


async def share_of(ask: Asking, wanted: str, names: list[str]) -> list[bool]:
    return [wanted in await said(ask, name) for name in names]


async def until_live(served: Served, version: str) -> None:
    """Wait until the gateway's bundle has this version live, and none on trial."""

    def there() -> bool:
        standing = served.gateway.bundle.bundle.deployments.get("answers")
        live = standing.live if standing is not None and standing.trial is None else None
        return live is not None and live.version == version

    assert await until(there, bool)


async def moved(home: Path, *arguments: str, token: str) -> Any:
    """In a thread: a command that verifies a token has an event loop of its own."""
    return await asyncio.to_thread(done, home, *arguments, token=token)


async def until_trial(served: Served, kind: str) -> None:
    """Wait until the gateway's bundle has a trial of this kind."""

    def there() -> bool:
        return getattr(served.gateway.bundle.bundle.routes["customer"], kind) is not None

    assert await until(there, bool)


def run(*arguments: str) -> Any:
    result = CliRunner().invoke(main, [*arguments, "--json"])
    assert result.exit_code == 0, result.output
    return json.loads(result.stdout)


async def test_up_the_whole_ladder_on_two_gateways_and_back(tmp_path: Path, upstream: Simulator):
    home, folder = tmp_path / "home", tmp_path / "bundle"
    issuer = write(folder, upstream.url)
    key = app_key(folder, home)
    first = train(home, "At nine.")
    ann = issuer.token({"sub": "ann", **ADMIN})
    olga = issuer.token({"sub": "olga", **ADMIN})
    names = [f"talk-{number}" for number in range(16)]
    with Served(folder, home) as served, Served(folder, home) as second:
        async with asking(served.url, key) as ask, asking(second.url, key) as other:
            assert HOURS in await said(ask, "before"), "the simulator echoes"
            foreseen = (await asyncio.to_thread(with_deployed, home, None, first)).hash
            nora = issuer.token({"sub": "nora", "roles": ["model-owner"], "tenant": "elsewhere"})
            refused = await asyncio.to_thread(custom, home, "deploy", "answers", token=nora)
            assert (refused.exit_code, "belongs to `chain`" in refused.stderr) == (1, True)
            # in the shadow: nobody gets it, and it is compared
            row = await moved(home, "deploy", "answers", "--reason", "ready", token=ann)
            assert (row["state"], row["version"]) == ("shadow", first.name)
            await until_trial(served, "shadow")
            await until_trial(second, "shadow")
            assert HOURS in await said(ask, "shadowed")
            (seen,) = await compared(home)
            assert (seen.model, seen.outcome) == (first.id, "allowed")
            # as a canary: half of the conversations, each of which stays
            assert (await moved(home, "advance", "answers", token=ann))["share"] == 0.5
            await until_trial(served, "canary")
            await until_trial(second, "canary")
            half = await share_of(ask, "At nine.", names)
            assert 1 <= half.count(True) <= 15
            assert await share_of(other, "At nine.", names) == half, "on every gateway"
            drawn = names[half.index(True)]
            assert (await ask(HOURS, drawn))[1]["model"] == first.id, "on trial by the same name"
            refused = await asyncio.to_thread(custom, home, "promote", "answers", token=olga)
            assert "stage 1 of 2" in refused.stderr
            byway = CliRunner().invoke(
                main, ["route", "canary", "promote", "customer", "--all", "--home", str(home)]
            )
            assert (byway.exit_code, "freehold custom advance" in byway.stderr) == (1, True)
            assert (await moved(home, "advance", "answers", token=ann))["share"] == 0.8
            # live: only a second person who has the role
            for token, why in (
                ("", "verified person"),
                (ann, "themselves"),
                (issuer.token({"sub": "TESS", **ADMIN}), "themselves"),
                (issuer.token({"sub": "olga", "roles": ["clerk"], "tenant": "chain"}), "role"),
            ):
                refused = await asyncio.to_thread(custom, home, "promote", "answers", token=token)
                assert (refused.exit_code, why in refused.stderr) == (1, True), refused.stderr
            assert (await moved(home, "promote", "answers", token=olga))["state"] == "live"
            await until_live(served, first.name)
            await until_live(second, first.name)
            assert served.gateway.bundle.hash == foreseen, "as the gate sees it beforehand"
            assert all(await share_of(ask, "At nine.", names[:6]))
            assert all(await share_of(other, "At nine.", names[:6]))
            assert (await ask(HOURS, "named"))[1]["model"] == first.id, "its name and version"
            assert f'"model":"{first.id}"' in (await ask(HOURS, "named", stream=True))[1]["text"]
            page = served.gateway.metrics("", "127.0.0.1").decode()
            assert f'version="{first.name}",state="live"}} 1' in page
            other_thing = await said(ask, "else", "How is the weather on Mars?")
            assert "weather" in other_thing, "it abstains, and the route goes on"
            # a second version takes its place, and the first comes back
            later = train(home, "At ten.")
            await moved(home, "deploy", "answers", token=ann)
            await moved(home, "advance", "answers", token=ann)
            await moved(home, "advance", "answers", token=ann)
            await moved(home, "promote", "answers", token=olga)
            await until_live(served, later.name)
            assert all(await share_of(ask, "At ten.", names[:6]))
            told = await asyncio.to_thread(
                custom, home, "rollback", "answers", "--reason", "a complaint"
            )
            assert f"answers@{first.name} is live" in told.stderr
            await until_live(served, first.name)
            await until_live(second, first.name)
            assert all(await share_of(ask, "At nine.", names[:6]))
            assert all(await share_of(other, "At nine.", names[:6]))
    _proven(home, first.name)
    await asyncio.to_thread(_drafted, home, folder)


def _drafted(home: Path, folder: Path) -> None:
    """A draft has what is deployed on its routes, as the live bundle has: rules' tests and
    simulations see the live version, and none of its answers would go to another model.
    """
    drafted = run("replay", "--last", "1000", "--bundle", str(folder), "--home", str(home))
    assert {move.rpartition(" -> ")[2] for move in drafted["summary"]} == {"answers"}
    scene = ("--bundle", str(folder), "--app", "service", "--home", str(home))
    simulated = run("policy", "simulate", *scene)
    assert "answers" in json.dumps(simulated["explanation"])
    rule = """\
rules:
  own-only:
    phase: answer
    when: answer.model == "answers"
    do: [{block: {}}]
    public: Not here.
    tests: [{name: own, expect: fires, answer: At nine., app: service}]
"""
    bundle = folder / "bundle.yaml"
    text = bundle.read_text().replace("route: customer}", "route: customer, rules: [own-only]}")
    bundle.write_text(text.replace("custom_models:", f"{rule}custom_models:"))
    alone = CliRunner().invoke(main, ["policy", "test", "--bundle", str(folder)])
    assert (alone.exit_code, "did not fire" in alone.stdout) == (1, True), alone.output
    assert run("policy", "test", "--bundle", str(folder), "--home", str(home))["passed"] == 1


def _proven(home: Path, first: str) -> None:
    """The ledger tells each step, and what was decided is decided again."""
    (live, again) = events(home, "deployment.live")
    assert (live["actor"], live["details"]["approver"]) == ("olga", "olga")
    assert live["details"]["deployer"] == "ann"
    assert live["details"]["version"] == first
    assert again["details"]["others"][0]["state"] == "retired"
    (back,) = events(home, "deployment.rolled_back")
    assert back["details"]["reason"] == "a complaint"
    assert back["details"]["others"][0]["version"] == first
    steps = done(home, "history", "answers")
    entries = {event["id"] for event in ledger(home) if "details" in event}
    assert {step["entry"] for step in steps} <= entries  # type: ignore[index, str]
    replayed = run("replay", "--last", "1000", "--home", str(home))
    assert (replayed["mismatches"], replayed["replayed"] > 40) == (0, True), replayed
    opened = [b["opened"] for b in ledger(home) if "opened" in b]
    assert any(call["model"] == "answers" for entry in opened for call in entry["calls"])
    (answered, *_) = [
        (body["exchange"], call)
        for body in ledger(home)
        for call in body.get("opened", {}).get("calls", ())
        if call["model"] == "answers" and not call["error"]
    ]
    basis = answered[1]["basis"]
    assert (basis["version"], basis["line"], basis["nearest"]) == (first, 900_000, "answer-1")
    told = CliRunner().invoke(main, ["explain", answered[0], "--home", str(home)])
    assert f"version {first}, 100.0 % sure, where 90.0 % are asked for" in told.stdout
    own = run("report", "own", "--home", str(home), "--by", "model")
    assert 0 < own["own_share"] < 1
    assert own["saved_nano"] > 0
    assert {"answers", "rented"} < {part["name"] for part in own["parts"]}
    verified = CliRunner().invoke(main, ["audit", "verify", "--home", str(home)])
    assert verified.exit_code == 0, verified.output


async def test_a_guardrail_takes_a_canary_back_by_itself(tmp_path: Path, upstream: Simulator):
    rails = "guardrails: {refusals: 0.05}"
    home, folder = tmp_path / "home", tmp_path / "bundle"
    write(folder, upstream.url, f"{{shadow: 0, stages: [0.5], {rails}}}")
    text = (folder / "bundle.yaml").read_text()
    rule = """\
rules:
  no-promise:
    phase: answer
    when: answer.text.contains("guarantee")
    do: [{block: {}}]
    public: We promise nothing.
"""
    captured = "route: customer, rules: [no-promise], capture: {}}"
    text = text.replace("route: customer}", captured)
    (folder / "bundle.yaml").write_text(text + rule)
    key = app_key(folder, home)
    version = train(home, "At nine, we guarantee it.")
    with Served(folder, home) as served:
        async with asking(served.url, key) as ask:
            assert done(home, "deploy", "answers")["state"] == "canary"
            await until_trial(served, "canary")
            for number in range(600):
                await ask(HOURS, f"talk-{number}")
                if number % 40 == 39 and events(home, "deployment.rolled_back"):
                    break
            (back,) = await until(lambda: events(home, "deployment.rolled_back"), bool)
            assert back["actor"] == "freehold"
            assert "refusals" in back["details"]["reason"]
            # what was refused may not be said again: it is in the set before anybody asks for it
            (grown,) = await until(lambda: events(home, "regressions.grown"), bool)
            assert grown["details"]["taken_back"] == f"answers@{version.name}"
            assert grown["actor"] == "freehold"
            remembered = latest(home, "answers-regressions")
            assert remembered is not None
            rows = remembered.rows("test")
            assert rows[0].rejected == "At nine, we guarantee it."
            assert sorted(row.id for row in rows) == grown["details"]["cases"]
            for number in range(20):
                status, _, _ = await ask(HOURS, f"later-{number}")
                assert status == 200
    (row,) = done(home, "list")
    assert row["state"] == "rolled_back"  # type: ignore[index]


async def test_an_altered_file_goes_nowhere_and_what_was_live_stays(
    tmp_path: Path, upstream: Simulator
):
    home, folder = tmp_path / "home", tmp_path / "bundle"
    write(folder, upstream.url, "{shadow: 0, stages: []}")
    key = app_key(folder, home)
    first = train(home, "At nine.")
    with Served(folder, home) as served:
        async with asking(served.url, key) as ask:
            done(home, "promote", "answers")
            await until_said(ask, "At nine.")
            second = train(home, "At ten.")
            path = second.folder / "answers.jsonl"
            path.chmod(0o600)
            path.write_text(path.read_text().replace("ten", "two"))
            refused = custom(home, "promote", "answers")
            assert (refused.exit_code, "`answers.jsonl` was altered" in refused.stderr) == (1, True)
            # the live one's file: nothing that is served changes, and it is said
            live = first.folder / "answers.jsonl"
            live.chmod(0o600)
            live.write_text(live.read_text().replace("nine", "two"))
            (told,) = await until(lambda: events(home, "bundle.rejected"), bool)
            assert "answers.jsonl" in told["details"]["why"]
            assert await said(ask, "still") == "At nine."
    # a gateway that starts now serves what was live, from its kept copy
    with Served(folder, home) as served:
        async with asking(served.url, key) as ask:
            assert await said(ask, "again") == "At nine."
    shutil.rmtree(first.folder)
    shutil.rmtree(home / "bundles")
    with Served(folder, home) as served:
        async with asking(served.url, key) as ask:
            assert HOURS in await said(ask, "rented"), "without any copy, others answer"


async def test_a_version_of_another_release_is_left_out_and_the_rest_goes_on(
    tmp_path: Path, upstream: Simulator, monkeypatch: pytest.MonkeyPatch
):
    home, folder = tmp_path / "home", tmp_path / "bundle"
    write(folder, upstream.url, "{shadow: 0, stages: []}")
    key = app_key(folder, home)
    with Served(folder, home):
        pass  # the bundle is live
    old = train(home, "At nine.", head={"responder": "freehold-responder-2"})
    refused = custom(home, "promote", "answers")
    assert (refused.exit_code, "made by another release" in refused.stderr) == (1, True)
    with monkeypatch.context() as patched:  # the release that made it let it go live
        patched.setattr("freehold.app.deployments._rehearsing", lambda *_: lambda _: None)
        done(home, "promote", "answers")
    with Served(folder, home) as served:
        async with asking(served.url, key) as ask:
            assert HOURS in await said(ask, "rented"), "others answer"
            (told,) = await until(lambda: events(home, "deployment.left_out"), bool)
            assert told["details"]["version"] == old.name
            assert "train it again" in told["details"]["why"]
            ready, words = served.gateway.ready()
            assert ready
            assert words.endswith(f"not served: answers@{old.name}")
            checked = CliRunner().invoke(
                main, ["check", "--bundle", str(folder), "--home", str(home)]
            )
            assert (checked.exit_code, "custom.left_out" in checked.output) == (0, True)
            # what is trained again takes its place, with the gateway running
            train(home, "At ten.")
            done(home, "promote", "answers")
            await until_said(ask, "At ten.")
            assert "not served" not in served.gateway.ready()[1]
    assert events(home, "bundle.rejected") == []
    assert len(events(home, "deployment.left_out")) == 1


async def test_who_asks_for_one_that_is_not_live_yet_gets_the_routes_own_answer(
    tmp_path: Path, upstream: Simulator
):
    home, folder = tmp_path / "home", tmp_path / "bundle"
    write(folder, upstream.url, "{shadow: 0.01, stages: []}")
    text = (folder / "bundle.yaml").read_text()
    strict = "route: customer, aliases: {best: answers}, unknown_model: error}"
    (folder / "bundle.yaml").write_text(text.replace("route: customer}", strict))
    key = app_key(folder, home)
    train(home, "At nine.")
    headers = {"authorization": f"Bearer {key}"}
    with Served(folder, home) as served:
        done(home, "deploy", "answers")
        await until_trial(served, "shadow")
        async with aiohttp.ClientSession(headers=headers) as http:

            async def asked(model: str) -> tuple[int, str]:
                body = {"model": model, "messages": [{"role": "user", "content": HOURS}]}
                async with http.post(f"{served.url}/v1/chat/completions", json=body) as reply:
                    trace = reply.headers["x-freehold-trace-id"]
                    return reply.status, trace

            found = [await asked(model) for model in ("best", "answers", "nothing")]
            assert [status for status, _ in found] == [200, 200, 400]
        checked = CliRunner().invoke(main, ["check", "--bundle", str(folder), "--home", str(home)])
        assert (checked.exit_code, "custom.waiting" in checked.output) == (0, True)
    for name, (_, trace) in zip(("best", "answers"), found, strict=False):
        told = CliRunner().invoke(main, ["explain", trace, "--home", str(home)])
        said = f"the client asked for `{name}`: no version of the custom model `answers` is live"
        assert f"{said}, and one is in the shadow" in told.stdout
    replayed = run("replay", "--last", "10", "--home", str(home))
    assert (replayed["mismatches"], replayed["replayed"]) == (0, 3)


def test_what_the_gate_has_not_passed_needs_the_approver(tmp_path: Path, upstream: Simulator):
    home, folder = tmp_path / "home", tmp_path / "bundle"
    issuer = write(folder, upstream.url)
    app_key(folder, home)
    with Served(folder, home):
        pass
    train(home, "At nine.", gate="")
    assert "has not been through the gate" in custom(home, "deploy", "answers").stderr
    train(home, "At ten.", gate="failed")
    assert "the gate refused it" in custom(home, "deploy", "answers").stderr
    assert "verified person" in custom(home, "deploy", "answers", "--force").stderr
    olga = issuer.token({"sub": "olga", **ADMIN})
    row = done(home, "deploy", "answers", "--force", "--reason", "an emergency", token=olga)
    assert row["forced"] is True
    (event,) = events(home, "deployment.shadow")
    assert event["details"]["forced"] is True
    assert event["details"]["approver"] == "olga"
    assert "on trial" in custom(home, "deploy", "answers@v1").stderr
    assert done(home, "retire", "answers", token=olga)["state"] == "retired"
    assert "is deployed" in custom(home, "rollback", "answers").stderr
    assert "no custom model `nothing`" in custom(home, "advance", "nothing").stderr


def test_what_a_person_sees_of_a_version(tmp_path: Path, upstream: Simulator):
    home, folder = tmp_path / "home", tmp_path / "bundle"
    write(folder, upstream.url)
    version = train(home, "At nine.")
    assert "not deployed" in custom(home, "list").stdout
    assert version.manifest.digest in custom(home, "show", "answers").stdout
    assert "1 files as trained" in custom(home, "verify").stdout
    told = done(home, "try", "answers", HOURS)
    assert (told["answer"], told["answers"], told["confidence"]) == ("At nine.", True, 1.0)
    assert done(home, "try", "answers", "Who won the match?")["answers"] is False


def test_a_first_step_without_a_token_says_that_nobody_can_ever_promote_it(
    tmp_path: Path, upstream: Simulator
):
    home, folder = tmp_path / "home", tmp_path / "bundle"
    issuer = write(folder, upstream.url)
    app_key(folder, home)
    with Served(folder, home):
        pass
    train(home, "At nine.")
    olga, nora = (issuer.token({"sub": name, **ADMIN}) for name in ("olga", "nora"))
    told = custom(home, "deploy", "answers")
    assert told.exit_code == 0, "a shadow alone is of use"
    assert "Warning: Nobody can approve answers@v1" in told.stderr
    assert "deploy it with an identity token" in told.stderr
    row = json.loads(custom(home, "advance", "answers", "--json").stdout)
    assert row["state"] == "canary"
    assert row["warning"].startswith("Nobody can approve")
    done(home, "advance", "answers")
    refused = custom(home, "promote", "answers", token=olga)
    assert row["warning"] in refused.stderr, "which is what the approver would be told"
    done(home, "rollback", "answers")
    assert done(home, "deploy", "answers", token=nora)["warning"] == ""
