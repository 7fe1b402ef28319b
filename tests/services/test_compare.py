"""Recorded exchanges put to a draft, from the facts in their records."""

from pathlib import Path
from typing import Any

import pytest

from freehold.app.rehearsal import rehearsal
from freehold.bundle.resolve import ResolvedBundle
from freehold.core.ask import Message, ToolCall
from freehold.core.subjects import Destroyed
from freehold.ledger.content import Opened, opened
from freehold.ledger.record import Record
from freehold.services.bundles import described_bundle
from freehold.services.compare import compare
from freehold.services.rehearse import Scene
from freehold.testing.fakes import MemoryKeys

BUNDLE = """\
freehold: 1
name: live
identity: {attributes: {tier: {default: guest}}}
tenants: {main: {settings: {content: CONTENT}}}
models: {one: {base_url: "http://127.0.0.1:9/v1"}}
routes: {main: {candidates: [one]}}
rules:
  discount:
    phase: answer
    when: answer.percents.exists(p, p.role == "discount" && p.upper > LIMIT)
    do: [{require_approval: {role: manager}}]
  weapons:
    phase: request
    when: request.text.contains("bazooka")
    do: [{block: {}}]
MORE
apps: {app: {tenant: main, purpose: p, route: main, rules: [discount, weapons, NAMES]}}
"""
ANSWERS = ("You get 5 % off.", "You get 15 % off.", "You get 30 % off.", "Hello.")


def bundle(folder: Path, limit: int = 2000, more: str = "", **words: str) -> ResolvedBundle:
    folder.mkdir(exist_ok=True)
    text = BUNDLE.replace("LIMIT", str(limit)).replace("MORE", more)
    text = text.replace("CONTENT", words.get("content", "redacted"))
    text = text.replace("NAMES", words.get("names", "")).replace(", ]", "]")
    (folder / "bundle.yaml").write_text(text, encoding="utf-8")
    return described_bundle(folder)


async def recorded(live: ResolvedBundle, *, erased: bool = False) -> list[Opened]:
    """What a gateway would have written, from the journey itself, with its texts opened."""
    keys = MemoryKeys()
    records = await written(live, keys)
    gone = Destroyed(1_795_224_600_000_000_000, "erased")
    return [opened(record, lambda _: gone if erased else keys.find(_)) for record in records]


async def written(live: ResolvedBundle, keys: MemoryKeys) -> list[Record]:
    run = rehearsal(live, keys)
    asked = [Message(role="user", content="One bazooka, please.")]
    scenes = [Scene(app="app", answer=answer) for answer in ANSWERS]
    scenes.append(Scene(app="app", messages=tuple(asked)))
    return [(await run.run(scene)).explanation.record for scene in scenes]


async def against(tmp_path: Path, content: str = "redacted", **draft: Any) -> Any:
    live = bundle(tmp_path / "live", content=content)
    records = await recorded(live)
    return compare(
        records, {live.hash: live}.get, bundle(tmp_path / "draft", content=content, **draft)
    )


async def test_the_same_rules_change_nothing(tmp_path: Path) -> None:
    same = await against(tmp_path)
    assert (same.compared, same.changed, same.undecided, dict(same.skipped)) == (5, (), (), {})


@pytest.mark.parametrize(
    ("limit", "expected"),
    [
        (1000, [("nothing", "require_approval")]),
        (100, [("nothing", "require_approval")] * 2),
        (5000, [("require_approval", "nothing")]),
    ],
)
async def test_a_changed_limit_changes_verdicts(
    tmp_path: Path, limit: int, expected: list[tuple[str, str]]
) -> None:
    got = await against(tmp_path, limit=limit)
    assert [(change.was, change.becomes) for change in got.changed] == expected
    assert all(change.as_dict()["app"] == "app" for change in got.changed)


NEW = """\
  no-offers:
    phase: answer
    when: answer.percents.exists(p, p.upper > 1000) && principal.attributes.tier == "guest"
    do: [{block: {}}]
  watched:
    phase: answer
    when: answer.percents.exists(p, p.upper > 0)
    do: [{block: {}}]
    mode: observe
"""


async def test_a_new_rule_is_put_to_old_facts(tmp_path: Path) -> None:
    got = await against(tmp_path, more=NEW, names="no-offers, watched")
    assert [(c.was, c.becomes, c.rules_become) for c in got.changed] == [
        ("nothing", "block", ("no-offers",)),
        ("require_approval", "block", ("discount", "no-offers")),
    ]


WORDS = """\
  shouting:
    phase: answer
    when: answer.text.contains("Hello")
    do: [{block: {}}]
  money:
    phase: answer
    when: answer.money.exists(m, m.value > 5)
    do: [{block: {}}]
  named:
    phase: answer
    when: answer.percents.exists(p, p.text == "5 %")
    do: [{block: {}}]
"""


async def test_what_no_record_has_is_undecided_and_said(tmp_path: Path) -> None:
    got = await against(tmp_path, more=WORDS, names="shouting, money, named")
    assert got.changed == ()
    assert [(u.rule, u.fact, u.exchanges) for u in got.undecided] == [
        ("money", "answer.money", 4),
        ("named", "the words themselves", 4),
        ("shouting", "answer.text", 4),
    ]
    assert got.as_dict()["undecided"][0]["rule"] == "money"


async def test_a_rule_on_each_sentence_is_undecided(tmp_path: Path) -> None:
    more = NEW.replace("phase: answer", "phase: stream").replace("no-offers", "each")
    got = await against(tmp_path, more=more, names="each, watched")
    assert {u.rule: u.fact for u in got.undecided}["each"] == "the answer's sentences one by one"


CALLS = """\
  sends:
    phase: tool_call
    when: tool.name == "send"
    do: [{block: {}}]
  always:
    phase: tool_call
    when: "true"
    do: [{require_approval: {role: boss}}]
"""


async def test_rules_on_tool_calls_are_put_to_answers_that_call_tools(tmp_path: Path) -> None:
    live = bundle(tmp_path / "live")
    draft = bundle(tmp_path / "draft", more=CALLS, names="sends, always")
    called = Scene(app="app", calls=(ToolCall(id="c", name="send", arguments='{"n": 1}'),))
    keys = MemoryKeys()
    record = (await rehearsal(live, keys).run(called)).explanation.record
    records = [*await recorded(live), opened(record, keys.find)]
    got = compare(records, {live.hash: live}.get, draft)
    # which tool it was is no fact of the record
    assert [(u.rule, u.fact, u.exchanges) for u in got.undecided] == [("sends", "tool.name", 1)]
    assert [c.rules_become for c in got.changed] == [("always",)]


async def test_an_undecided_rule_takes_nothing_away(tmp_path: Path) -> None:
    changed = """\
  discount:
    phase: answer
    when: answer.text.contains("%")
    do: [{require_approval: {role: manager}}]
"""
    live = bundle(tmp_path / "live")
    draft = tmp_path / "draft"
    bundle(draft)
    text = (draft / "bundle.yaml").read_text("utf-8")
    start, end = text.index("  discount:"), text.index("  weapons:")
    (draft / "bundle.yaml").write_text(text[:start] + changed + text[end:], "utf-8")
    got = compare(await recorded(live), {live.hash: live}.get, described_bundle(draft))
    assert got.changed == ()
    assert [(u.rule, u.exchanges) for u in got.undecided] == [("discount", 4)]


async def test_what_can_not_be_compared_is_counted(tmp_path: Path) -> None:
    live = bundle(tmp_path / "live")
    records = await recorded(live)
    draft = bundle(tmp_path / "draft")
    assert dict(compare(records, lambda _: None, draft).skipped) == {"its bundle was not kept": 5}
    stranger = Record(
        exchange_id="x", tenant="", app="", outcome="denied", opened={}, closed={}, lines=()
    )
    assert dict(compare([opened(stranger, {}.get)], {live.hash: live}.get, draft).skipped) == {
        "no app is named": 1
    }


async def test_words_that_were_kept_are_read_until_they_are_erased(tmp_path: Path) -> None:
    live = bundle(tmp_path / "live", content="full")
    draft = bundle(tmp_path / "draft", content="full", more=WORDS, names="named")
    got = compare(await recorded(live), {live.hash: live}.get, draft)
    assert [change.rules_become for change in got.changed] == [("named",)]
    assert got.erased == 0
    assert got.undecided == ()
    got = compare(await recorded(live, erased=True), {live.hash: live}.get, draft)
    assert (got.compared, got.erased, got.changed) == (5, 5, ())
    assert [u.fact for u in got.undecided] == ["the words themselves"]
    assert got.as_dict()["erased"] == 5
