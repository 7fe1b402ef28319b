"""The chaos run holds on a few requests, and its judge sees each way in which it would not."""

from typing import Any

import orjson
import pytest
from click.testing import CliRunner

from freehold.cli.main import main
from freehold.testing.chaos.run import MODELS, run
from freehold.testing.chaos.verdict import Asked, Evidence, judge

TEXT = "We look for green chairs."


def test_no_request_is_lost_and_nothing_is_paid_twice(tmp_path):
    verdict = run(tmp_path, requests=120, seed=5)
    assert verdict.ok, verdict
    assert verdict.answered + verdict.broken_off + verdict.hung_up == 120
    assert verdict.answered > 80
    assert verdict.spent_nano == verdict.recorded_nano > 0
    assert set(verdict.calls) == set(MODELS)
    assert verdict.switches["failover"] > 0
    assert verdict.switches["retry"] > 0
    assert any("endpoint is down" in why for why in verdict.reasons)


def test_the_command(monkeypatch):
    reply = CliRunner().invoke(main, ["bench", "chaos", "--requests", "24", "--json"])
    assert reply.exit_code == 0, reply.output
    verdict = orjson.loads(reply.stdout)
    assert verdict["ok"]
    assert verdict["requests"] == 24


# -- the judge ------------------------------------------------------------------------------------


def call(model: str = "steady", error: str = "", **more: Any) -> dict[str, Any]:
    usage = {"prompt_tokens": 10, "completion_tokens": 5, "estimated": False}
    return {
        "role": "answer", "model": model, "error": error, "usage": usage, "cost_nano": 20_000,
        "started_ns": 0, "ended_ns": 10, "first_ns": 5,
    } | more  # fmt: skip


def asked(**more: Any) -> Asked:
    body = orjson.dumps({"choices": [{"message": {"content": TEXT}}]})
    values: dict[str, Any] = {
        "number": 0, "app": "plain", "text": TEXT, "model": "auto", "stream": False,
        "hangs_up_s": None, "status": 200, "body": body, "exchange": "x",
    }  # fmt: skip
    return Asked(**(values | more))


def judged(
    one: Asked, *calls: dict[str, Any], spent: int | None = None, served: int | None = None,
    decisions: tuple[dict[str, Any], ...] = (), candidates: tuple[dict[str, Any], ...] = (),
) -> Any:  # fmt: skip
    cost = sum(c["cost_nano"] for c in calls)
    good = [c for c in calls if not c["error"]]
    opened = {"decisions": list(decisions), "candidates": list(candidates)}
    closed = {"calls": list(calls), "cost_nano": cost, "decisions": [], "model": "steady"}
    count = len(good) if served is None else served
    counts = {"completed": count, "completed_tokens": 15 * count}
    return judge(
        Evidence(
            asked=[one],
            records=[{"exchange": "x", "opened": opened}, {"exchange": "x", "closed": closed}],
            spent=cost if spent is None else spent,
            served={c["model"]: counts for c in calls},
            took_s=1.0,
            seed=0,
        )
    )


def stream(*texts: str, error: bool = False) -> bytes:
    events = [orjson.dumps({"choices": [{"delta": {"content": text}}]}) for text in texts]
    events.append(orjson.dumps({"error": {"message": "gone"}}) if error else b"[DONE]")
    return b"".join(b"data: " + event + b"\n\n" for event in events)


def test_an_answer_is_an_answer():
    verdict = judged(asked(), call())
    assert verdict.ok
    assert verdict.answered == 1
    assert judged(asked(stream=True, body=stream("We look ", "for green chairs.")), call()).ok


@pytest.mark.parametrize(
    "one",
    [
        asked(status=503, body=b"{}"),
        asked(stream=True, body=stream(error=True)),
        asked(stream=True, body=stream("We look ")),
        asked(stream=True, body=b""),
    ],
    ids=["refused", "nothing", "half, and no error", "silence"],
)
def test_a_lost_request_is_seen(one):
    verdict = judged(one, call())
    assert not verdict.ok
    assert len(verdict.lost) == 1


def test_a_stream_that_its_model_broke_is_no_loss_and_one_that_we_broke_is():
    broke = asked(stream=True, body=stream("We look ", error=True))
    assert judged(broke, call(error="gone")).broken_off == 1
    assert judged(broke, call(error="gone", first_ns=None)).lost
    assert judged(broke, call()).lost


def test_a_second_models_text_after_the_firsts_is_seen():
    verdict = judged(asked(stream=True, body=stream("We look ", "We look for")), call())
    assert len(verdict.garbled) == 1
    assert not verdict.ok


def test_money_that_differs_is_seen():
    assert judged(asked(), call(), spent=1).money_differs
    assert judged(asked(), call(cost_nano=7)).money_differs
    assert judged(asked(), call(), served=0).money_differs
    assert judged(asked(), call(), call(model="steady", error="gone")).ok
    assert judged(asked(), call(), call()).charged_twice == ["x"]


def test_a_switch_without_a_reason_is_seen():
    calls = call("limited", "answered 429"), call("steady", started_ns=11, ended_ns=20)
    assert judged(asked(), *calls).unexplained
    why = {"rule": "failover", "why": "model limited: answered 429; steady is asked instead"}
    assert judged(asked(), *calls, decisions=(why,)).ok
    two = ({"model": "a", "lost": ""}, {"model": "b", "lost": ""})
    assert judged(asked(), call(), candidates=two).unexplained
