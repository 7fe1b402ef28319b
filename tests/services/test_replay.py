"""Recorded decisions made once more: the same bytes, and others where something was changed."""

from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace

from freehold.app.rehearsal import rehearsal
from freehold.core.ask import ToolCall
from freehold.core.subjects import Destroyed
from freehold.ledger.content import Opened, opened
from freehold.services.replay import Replayer, Summary
from freehold.testing.fakes import MemoryKeys
from tests.services.made_replays import asked, bundle, changed, replayed, written

RULES = """\
  discount:
    phase: answer
    when: answer.percents.exists(p, p.role == "discount" && p.upper > 2000)
    do: [{require_approval: {role: manager}}]
    public: Ask a manager.
  bazooka:
    phase: request
    when: request.text.matches("(?i)bazooka") && request.chars < 1000
    do: [{block: {}}]
  loud:
    phase: request
    when: request.text.contains("!!!")
    do: [{annotate: {tag: loud}}]
  watched:
    phase: answer
    when: answer.text.matches("sorry")
    do: [{block: {}}]
    mode: observe
  ground:
    phase: answer
    when: answer.ungrounded_money.exists(m, m.value > 100)
    do: [{annotate: {tag: invented}}]
  sends:
    phase: tool_call
    when: tool.name == "send" && tool.money.exists(m, m.value > 5000)
    do: [{block: {}}]
"""
STREAMED = """\
  rude:
    phase: stream
    when: stream.sentence.matches("(?i)idiot")
    do: [{rewrite: {template: "We are sorry."}}]
  many:
    phase: stream
    when: stream.sentences > 3
    do: [{annotate: {tag: long}}]
  dear:
    phase: answer
    needs: sentence
    when: answer.money.exists(m, m.value > 10000)
    do: [{redact: {facts: [money]}}]
  half:
    phase: answer
    when: answer.percents.exists(p, p.upper > 4000)
    do: [{block: {}}]
"""
TALK = "It costs $5. You idiot! It is $200 now. That is all. Or is it? Yes."
SCENES = (
    asked("Hello.", answer="You get 5 % off."),
    asked("Hello.", answer="You get 30 % off."),
    asked("One bazooka, please.", answer="No."),
    asked("Sell me a BAZOOKA!!!"),
    asked("Ｂａｚｏｏｋａ", answer="No."),
    asked("Hi “you”!!!", answer="I am sorry, it is $500."),
    asked("My card is 4111 1111 1111 1111, mail a@b.example.", answer="Fine."),
    asked("Send it.", calls=(ToolCall(id="c", name="send", arguments='{"amount": "$100"}'),)),
    asked("Send it.", calls=(ToolCall(id="c", name="send", arguments='{"amount": "$10"}'),)),
)
STREAMS = (
    asked("Hello.", answer=TALK, stream=True),
    asked("Hello.", answer=TALK),
    asked("Hello.", answer="You get half of it. You get 50 % off.", stream=True),
    asked("Hello.", answer="Good day.", stream=True),
)


@pytest.mark.parametrize("content", ["none", "redacted", "full"])
async def test_what_was_decided_comes_out_again(tmp_path: Path, content: str) -> None:
    live = bundle(tmp_path, RULES, content=content)
    found = replayed(live, await written(live, SCENES))
    assert [each.diff for each in found] == [()] * len(SCENES)
    state = "identical" if content == "full" else "partly"
    assert {each.state for each in found} == {state}
    if content != "full":
        assert {taken.rule for each in found for taken in each.taken} == {"loud"}


@pytest.mark.parametrize("content", ["none", "full"])
async def test_so_do_words_that_were_refused_after_the_calls_were_judged(
    tmp_path: Path, content: str
) -> None:
    """A whole answer's calls come before its words, even if the last of these is not looked at."""
    rules = """\
  long:
    phase: stream
    when: stream.sentences > 2 && stream.chars > 30
    do: [{block: {}}]
  dear:
    phase: tool_call
    when: tool.money.exists(m, m.value > 5000)
    do: [{require_approval: {role: manager}}]
"""
    calls = (ToolCall(id="c", name="look", arguments='{"to": "me", "amount": "$10"}'),)
    pieces = ("", "Is it", " half? Mail", " me today. You get some. Mail me now. Mail me then.")
    scene = asked("Hi.", answer="".join(pieces), calls=calls, stream=True, pieces=pieces)
    live = bundle(tmp_path, rules, content=content)
    (record,) = await written(live, [scene])
    assert record.record.outcome == "denied"
    (told,) = replayed(live, [record])
    assert told.diff == ()


@pytest.mark.parametrize("content", ["none", "full"])
async def test_so_does_an_answer_that_was_judged_by_sentence(tmp_path: Path, content: str) -> None:
    live = bundle(tmp_path, STREAMED, content=content)
    records = await written(live, STREAMS)
    assert len(records[0].record.closed["inputs"]["steps"]) > 4  # type: ignore[index]
    found = replayed(live, records)
    assert [(each.state, each.diff) for each in found] == [("identical", ())] * len(STREAMS)


def _fact(first: dict[str, Any], last: dict[str, Any]) -> None:
    first["facts"]["request.chars"] = 5000


def _pattern(first: dict[str, Any], last: dict[str, Any]) -> None:
    last["inputs"]["steps"] = []


def _firing(first: dict[str, Any], last: dict[str, Any]) -> None:
    for firing in (*first["firings"], *last["firings"]):
        firing["fired"] = not firing["fired"]


def _why(first: dict[str, Any], last: dict[str, Any]) -> None:
    for decision in first["decisions"]:
        if decision["stage"] == "policy":
            decision["why"] = "because"


def _outcome(first: dict[str, Any], last: dict[str, Any]) -> str:
    last["failure"] = None
    return "allowed"


@pytest.mark.parametrize("change", [_fact, _pattern, _firing, _why, _outcome])
async def test_a_refusal_that_was_changed_does_not(tmp_path: Path, change: Any) -> None:
    live = bundle(tmp_path, RULES, content="none")
    (found,) = await written(live, [asked("One bazooka, please.")])
    (told,) = replayed(live, [changed(found, change)])
    assert told.state == "mismatch"
    assert told.diff


def _percent(first: dict[str, Any], last: dict[str, Any]) -> None:
    last["answer_facts"][0] |= {"value": 500, "upper": 500}


def _released(first: dict[str, Any], last: dict[str, Any]) -> str:
    last["held"] = None
    return "allowed"


def _chosen(first: dict[str, Any], last: dict[str, Any]) -> None:
    first["candidates"].reverse()


def _propensity(first: dict[str, Any], last: dict[str, Any]) -> None:
    first["candidates"][0]["propensity"] -= 1


def _invented(first: dict[str, Any], last: dict[str, Any]) -> None:
    first["decisions"].append(dict(first["decisions"][-1]))


@pytest.mark.parametrize("change", [_percent, _released, _chosen, _propensity, _invented])
async def test_nor_does_an_answer_that_was_held(tmp_path: Path, change: Any) -> None:
    live = bundle(tmp_path, RULES, content="none")
    (found,) = await written(live, [asked("Hello.", answer="You get 30 % off.")])
    assert replayed(live, [found])[0].diff == ()
    assert replayed(live, [changed(found, change)])[0].state == "mismatch"


async def test_a_finding_below_its_threshold_was_none(tmp_path: Path) -> None:
    blocks = ", settings: {detectors: {pii.card: {action: block}}}"
    live = bundle(tmp_path, RULES, content="none", app=blocks)
    (found,) = await written(live, [asked("My card is 4111 1111 1111 1111.")])
    assert found.record.outcome == "denied"
    assert replayed(live, [found])[0].diff == ()

    def lower(first: dict[str, Any], last: dict[str, Any]) -> None:
        first["findings"][0]["score"] = 1

    (told,) = replayed(live, [changed(found, lower)])
    parts = {part["part"] for part in told.diff}
    assert {"outcome", "failure", "decisions", "labels"} & parts


async def test_another_rule_decides_otherwise(tmp_path: Path) -> None:
    live = bundle(tmp_path / "live", RULES, content="none")
    found = await written(live, SCENES)
    stricter = bundle(tmp_path / "other", RULES.replace("2000", "100"), content="none")
    replayer = Replayer({live.hash: stricter}.get)
    states = [replayer.replay(each).state for each in found]
    assert states[0] == "mismatch"


async def test_what_was_judged_step_by_step_counts_step_by_step(tmp_path: Path) -> None:
    live = bundle(tmp_path, STREAMED, content="none")
    (found,) = await written(live, STREAMS[:1])
    steps = len(found.record.closed["inputs"]["steps"])  # type: ignore[index]
    for number in range(steps):

        def drop(first: dict[str, Any], last: dict[str, Any], number: int = number) -> None:
            del last["inputs"]["steps"][number]["facts"]
            last["inputs"]["steps"][number]["noted"] = []

        if found.record.closed["inputs"]["steps"][number].get("noted"):  # type: ignore[index]
            assert replayed(live, [changed(found, drop)])[0].state == "mismatch"


async def test_what_people_are_told_is_what_the_rules_saw(tmp_path: Path) -> None:
    live = bundle(tmp_path, STREAMED, content="none")
    (found,) = await written(live, [asked("Hello.", answer="You get 50 % off. Bye.")])
    (told,) = replayed(live, [found])
    assert told.state == "identical"
    (told,) = replayed(live, [changed(found, _percent)])
    assert (told.state, [part["part"] for part in told.diff]) == ("mismatch", ["answer.percents"])


async def test_a_finding_tells_of_the_threshold_that_it_was_held_against(tmp_path: Path) -> None:
    live = bundle(tmp_path, RULES)
    (found,) = await written(live, [asked("My card is 4111 1111 1111 1111.")])

    def change(first: dict[str, Any], _last: dict[str, Any]) -> None:
        for finding in first["findings"]:
            finding["threshold"] += 1

    (told,) = replayed(live, [changed(found, change)])
    assert (told.state, {part["part"] for part in told.diff}) == ("mismatch", {"findings"})


async def test_erased_words_are_said_and_the_rest_comes_out_again(tmp_path: Path) -> None:
    live = bundle(tmp_path, RULES, content="full")
    keys = MemoryKeys()
    run = rehearsal(live, keys)
    gone = Destroyed(1_795_224_600_000_000_000, "erased")
    records = [(await run.run(scene)).explanation.record for scene in SCENES]
    told = replayed(live, [opened(record, lambda _: gone) for record in records])
    assert [each.diff for each in told] == [()] * len(SCENES)
    assert {each.state for each in told} == {"erased"}
    assert {taken.rule for each in told for taken in each.taken} == {"loud"}


async def test_what_can_not_be_replayed_says_why(tmp_path: Path) -> None:
    live = bundle(tmp_path, RULES)
    (found,) = await written(live, SCENES[:1])
    summary = Summary()

    def unnamed(first: dict[str, Any], last: dict[str, Any]) -> None:
        first["app"] = None

    summary.add(replayed(live, [changed(found, unnamed)])[0])
    old = replace(found.record, lines=({"body": {"v": 1}, "seq": 1},))
    summary.add(replayed(live, [Opened(record=old, state="none")])[0])
    summary.add(Replayer(lambda _: None).replay(found))
    assert summary.not_replayable == 3
    assert summary.replayed == 0
    assert set(summary.as_dict()["reasons"]) == {
        "no app is named",
        "its format is 1, which lacks what a replay reads",
        "its bundle was not kept",
    }
