"""The airline example: its bundle holds together, and conversations come back as they were."""

import json
import re
from pathlib import Path
from typing import Any

import pytest

from examples.airline import checked, page
from examples.airline.conversations import RECORDING, Message, load, tools
from examples.airline.replay import BUNDLE, Reply, replay, running
from examples.airline.summary import Figures, Summary, in_the_clear, records, summarise
from freehold.bundle.check import check
from freehold.bundle.names import NAMED
from freehold.bundle.resolve import resolve
from freehold.core.spec import AppSpec
from freehold.rules.program import check_expression
from freehold.stages.policy.otherwise_calls import CONTAINMENT

PAGE = Path(__file__).resolve().parents[2] / "docs" / "explanation" / "airline.md"


@pytest.fixture(scope="module")
def app() -> AppSpec:
    report = check(BUNDLE, compile_rule=check_expression)
    assert report.problems == ()
    assert report.bundle is not None
    addresses = {"FREEHOLD_SIMULATOR_URL": "http://127.0.0.1:8711/v1"}
    bundle = resolve(report.bundle, report.hash, lookup=addresses.get)
    return bundle.app_for("airline", "airline-agent")


def test_the_bundle_holds_together_and_explains_itself(app: AppSpec) -> None:
    assert all(rule.owner and rule.why for rule in app.rules)
    stops = {"block", "require_approval", "rewrite"}
    strict = [rule for rule in app.rules if stops & {o.action for o in rule.obligations}]
    assert all(rule.public for rule in strict)
    # a recorded answer is what it is: what would stop it only observes
    assert [rule.id for rule in strict if rule.mode == "enforce"] == ["card-number"]


def test_the_recorded_model_is_a_simulator_without_clearance(app: AppSpec) -> None:
    model = app.models["recorded"]
    assert model.simulated
    assert model.clearances == set()
    personal = [s for s in app.detectors if s.id.startswith("pii.") and s.id not in NAMED]
    assert personal
    assert {(s.mode, s.action) for s in personal} == {("enforce", "redact")}


def test_the_page_has_every_rule_that_fired_under_its_name(app: AppSpec) -> None:
    shown = set(re.findall(r"^\| `([a-z0-9-]+)` \|", PAGE.read_text("utf-8"), re.MULTILINE))
    assert shown
    assert shown <= {rule.id for rule in app.rules} | {CONTAINMENT}


def test_figures_are_written_between_the_marks() -> None:
    before = f"# Title\n\n{page.BEGIN}\nold\n{page.END}\nend\n"
    once = page.written(before, "new")
    assert once == f"# Title\n\n{page.BEGIN}\n\nnew\n{page.END}\nend\n"
    assert page.written(once, "new") == once
    with pytest.raises(ValueError, match="not found"):
        page.written("no marks", "new")


# --- a made-up conversation, so that what must differ is known ------------------------------------


def _made() -> list[Message]:
    def call(name: str, **arguments: Any) -> dict[str, Any]:
        text = json.dumps(arguments, separators=(",", ":"))
        function = {"name": name, "arguments": text}
        return {"id": f"call_{name}", "type": "function", "function": function}

    profile = {"email": "ann.lee@mail.example", "dob": "1990-04-05", "first_name": "Ann"}
    return [
        {"role": "system", "content": "You are an airline's agent."},
        {"role": "user", "content": "Hi, I am ann_lee_1. My brother was born on May 6, 1991."},
        {"role": "assistant", "content": None, "tool_calls": [call("get_user", id="ann_lee_1")]},
        {"role": "tool", "tool_call_id": "call_get_user", "content": json.dumps(profile)},
        {"role": "assistant", "content": "Found you: ann.lee@mail.example (DOB: 1990-04-05)."},
        {"role": "user", "content": "Book it for us both and cancel the old one."},
        {
            "role": "assistant",
            "content": "",
            "tool_calls": [call("book", dob=["1990-04-05", "1991-05-06"], by="May 6, 1991")],
        },
        {"role": "tool", "tool_call_id": "call_book", "content": "{}"},
        # nobody in this conversation has named that address
        {"role": "assistant", "content": "I have refunded $120. Write to bob.ray@mail.example."},
        {"role": "user", "content": "Thanks."},
        {"role": "assistant", "content": "You're welcome!"},
    ]


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> tuple[Figures, str]:
    folder = tmp_path_factory.mktemp("made")
    recording = folder / "made.jsonl"
    recording.write_text(json.dumps({"messages": _made()}) + "\n", "utf-8")
    conversations = load(recording)
    with running(folder / "home", recording) as gateway:
        numbered = list(enumerate(conversations))
        offered = tools(conversations)
        replies = replay(gateway, numbered, offered, run="whole", streamed=False)
        replies += replay(gateway, numbered, offered, run="stream", streamed=True)
        last = gateway.simulator.stats_now(last=1)["received"][-1]["body"]["messages"]
        arrived = json.dumps(last, ensure_ascii=False)
    summary = summarise(replies, records(folder / "home"))
    clear = in_the_clear(conversations, summary.findings, {0: arrived})
    return Figures(conversations, replies, summary, clear), arrived


def test_what_was_hidden_comes_back_and_what_leaks_is_masked_and_counted(
    made: tuple[Figures, str],
) -> None:
    replies = made[0].replies
    assert len(replies) == 10
    assert [r.error for r in replies if r.said is None] == []
    changed = [r for r in replies if not r.identical]
    assert [r.turn.place for r in changed] == [8, 8]
    for reply in changed:
        assert reply.said is not None
        assert reply.said.text == "I have refunded $120. Write to [email removed]."
    assert sorted(made[0].summary.leaks) == [(0, 8, "email"), (0, 8, "email")]


def test_the_model_saw_placeholders_only(made: tuple[Figures, str]) -> None:
    figures, arrived = made
    assert {finding.kind for finding in figures.summary.findings} >= {"email", "birth_date"}
    assert figures.clear == {}
    for value in ("ann.lee@", "1990-04-05", "May 6, 1991"):
        assert value not in arrived
    # in both ways: the address, her birthday twice, his once
    assert figures.summary.restored == 8


def test_records_say_what_rules_saw(made: tuple[Figures, str]) -> None:
    summary = made[0].summary
    fired = {rule: count for (rule, *_), count in summary.rules.items()}
    assert fired["promised-refund"] == 2
    assert fired["passenger-data"] == 10
    assert "card-number" not in fired
    promised = {(f.role, f.polarity) for f in summary.facts if f.kind == "commitment"}
    assert promised == {("refund", "affirmed")}
    assert summary.outcomes == {"transformed": 10}


def test_arguments_are_traced_to_what_tools_returned(made: tuple[Figures, str]) -> None:
    summary = made[0].summary
    # her birthday is a field of the profile, his the customer said
    assert (summary.calls, summary.traced) == (4, 2)
    assert summary.origins == {("value", True): 2}
    assert summary.stopped == {"observe": 0, "addresses": 0, "prose": 0, "all": 2}


def test_the_tables_show_it(made: tuple[Figures, str]) -> None:
    figures = made[0]
    shown = page.tables(figures, checked.rounds(figures, {}))
    assert "| identical to the recording |" in shown
    assert "- changed on the way: conversation 0, message 8" in shown
    assert "- masked in the answer" in shown
    assert "| `untrusted: all` | 2 |" in shown
    drawn = list(checked.draw(checked.Sample.COMMITMENTS, figures, seed=1, size=5))
    assert len(drawn) == 1
    assert "⟦I have refunded⟧ $120." in drawn[0]


# --- real conversations ---------------------------------------------------------------------------


@pytest.fixture(scope="module")
def real(tmp_path_factory: pytest.TempPathFactory) -> tuple[list[Reply], Summary]:
    if not RECORDING.is_file():
        pytest.skip(f"no recorded conversations at {RECORDING}")
    home = tmp_path_factory.mktemp("airline")
    conversations = load(RECORDING)
    some = list(enumerate(conversations))[3::8][:12]
    with running(home, RECORDING) as gateway:
        replies = replay(gateway, some, tools(conversations), run="test")
    return replies, summarise(replies, records(home))


def test_real_conversations_come_back_identical(real: tuple[list[Reply], Summary]) -> None:
    replies, _ = real
    assert len({reply.turn.conversation for reply in replies}) == 12
    assert [reply.error for reply in replies if reply.said is None] == []
    assert [reply.turn[:2] for reply in replies if not reply.identical] == []
    for streamed in (False, True):
        some = [reply for reply in replies if reply.turn.streamed is streamed]
        assert len(some) > len(replies) // 3
        assert any(reply.turn.recorded.calls for reply in some)
        assert any(reply.turn.recorded.text for reply in some)


def test_personal_data_was_hidden_on_the_way(real: tuple[list[Reply], Summary]) -> None:
    replies, summary = real
    assert set(summary.outcomes) == {"allowed", "transformed"}
    assert sum(summary.outcomes.values()) == len(replies)
    assert summary.redacted > len(summary.findings) > 20
    assert summary.restored > 0
    assert summary.leaks == []
    assert all(fact.parsed for fact in summary.facts)
