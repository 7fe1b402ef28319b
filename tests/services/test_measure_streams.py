"""Streams measured: what is held back, and that a cut which changes anything is told."""

import asyncio
from collections.abc import AsyncGenerator
from pathlib import Path

import pytest

from freehold.app.rehearsal import rehearsal
from freehold.bundle.resolve import ResolvedBundle
from freehold.core.errors import FreeholdError, NotFound
from freehold.services import stream_verdicts
from freehold.services.bundles import described_bundle, write_starter
from freehold.services.measure_streams import (
    Cutting,
    Streamed,
    measure_streams,
)
from freehold.services.stream_kinds import without_rules
from freehold.services.stream_texts import read_texts
from freehold.stages.governance.answers import Line
from tests.stages import made

PLAIN = "You can return the blue kettle within a month at any of our shops."
LEAK = "Sure, write to eve.adams@corp.io or call (212) 555-0187 today."
TWO = "My card is 4111 1111 1111 1111. Half price for you!"


@pytest.fixture
def starter(tmp_path: Path) -> ResolvedBundle:
    write_starter(tmp_path / "bundle", "simulator")
    return described_bundle(tmp_path / "bundle")


def measured(bundle: ResolvedBundle, *texts: str, every: int = 300, times: int = 5) -> Streamed:
    run = measure_streams(
        rehearsal, bundle, "assistant", texts, Cutting(every=every, times=times, seed=1)
    )
    return asyncio.run(run)


def test_detectors_hold_little_back_and_rules_on_the_whole_all(starter: ResolvedBundle) -> None:
    alone = measured(without_rules(starter), PLAIN)
    assert (alone.differences, alone.leaked, alone.outcomes) == (0, 0, {"allowed": 1})
    assert 0 < alone.hold_back_p50 <= alone.hold_back_p99 <= 24
    assert alone.cuts == len(PLAIN) - 1 + 1  # each position, and word by word
    assert alone.chunks == len(PLAIN.split())
    ruled = measured(starter, PLAIN)
    assert ruled.hold_back_p99 == len(PLAIN)
    assert ruled.us_per_chunk > 0


def test_what_is_masked_is_measured_in_the_models_own_characters(starter: ResolvedBundle) -> None:
    result = measured(without_rules(starter), LEAK)
    assert result.outcomes == {"transformed": 1}
    assert result.sound
    assert result.hold_back_p99 <= len("eve.adams@corp.io or call (212) 555-0187 today.")


def test_held_and_refused_answers_are_streams_too(tmp_path: Path) -> None:
    write_starter(tmp_path / "b", "simulator")
    path = tmp_path / "b" / "freehold.yaml"
    said = "secret.entropy: {mode: observe}"
    path.write_text(
        path.read_text("utf-8").replace(said, said + "\n        pii.card: {action: block}"), "utf-8"
    )
    bundle = described_bundle(tmp_path / "b")
    result = measured(bundle, TWO, TWO.split(". ")[1], LEAK)
    assert result.outcomes == {"denied": 1, "held": 1, "transformed": 1}
    assert result.sound
    assert measured(without_rules(bundle), TWO).sound


def test_what_a_rule_rewrites_is_the_measure(tmp_path: Path) -> None:
    write_starter(tmp_path / "b", "simulator")
    path = tmp_path / "b" / "rules.yaml"
    rules = path.read_text("utf-8").replace("require_approval: {role: manager}", "DO", 1)
    rules = rules.replace("DO", 'rewrite: {template: "Let me ask."}').replace(", outcome: held", "")
    path.write_text(rules.replace(",\n         outcome: held", ""), "utf-8")
    result = measured(described_bundle(tmp_path / "b"), TWO)
    assert (result.outcomes, result.sound) == ({"transformed": 1}, True)


def test_long_texts_are_cut_at_random_and_again_the_same(starter: ResolvedBundle) -> None:
    text = " ".join([PLAIN] * 6)
    one, two = (measured(starter, text, every=50, times=7) for _ in range(2))
    assert (one.cuts, one.differences) == (8, 0)
    assert one.hold_back_p50 == two.hold_back_p50


def test_a_leak_is_counted(starter: ResolvedBundle, monkeypatch: pytest.MonkeyPatch) -> None:
    def hasty(line: Line, raw: str, complete: bool, *_: object) -> None:
        line.text = raw if not complete else line.text + raw[len(line.text) :]

    honest = Line.grow

    def grow(line: Line, raw: str, complete: bool, *rest: object) -> None:
        whole = complete and not line.text
        (honest if whole else hasty)(line, raw, complete, *rest)  # type: ignore[arg-type]

    monkeypatch.setattr(Line, "grow", grow)
    result = measured(without_rules(starter), LEAK)
    assert not result.sound
    assert result.differences == result.cuts
    assert result.leaked >= result.cuts * len("eve.adams@corp.io")
    assert result.examples[0].as_dict()["text"] == 1
    assert "eve" not in str([example.as_dict() for example in result.examples])


def test_a_difference_is_told_even_where_nothing_leaks(
    starter: ResolvedBundle, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = stream_verdicts.verdict
    calls = iter(range(10_000))
    monkeypatch.setattr(stream_verdicts, "verdict", lambda t: (*real(t), str(next(calls))))
    result = measured(starter, "Hello there.")
    assert (result.leaked, result.sound) == (0, False)


def test_an_app_that_refuses_everything_measures_nothing(tmp_path: Path) -> None:
    write_starter(tmp_path / "b", "simulator")
    path = tmp_path / "b" / "apps.yaml"
    more = "    settings: {require_identity: true}\n"
    path.write_text(path.read_text("utf-8") + more, "utf-8")
    with pytest.raises(FreeholdError, match="refuses before a model is asked"):
        measured(described_bundle(tmp_path / "b"), PLAIN)


def test_an_unknown_app_is_named(starter: ResolvedBundle) -> None:
    with pytest.raises(NotFound, match="no app 'nobody'"):
        asyncio.run(measure_streams(rehearsal, starter, "nobody", ("Hi.",), Cutting()))


def test_a_stream_comes_in_the_pieces_that_are_told(starter: ResolvedBundle) -> None:
    from freehold.services.rehearse import Scene, StandIn

    stand = StandIn()
    stand.scene = Scene(app="assistant", stream=True, answer="abc", pieces=("a", "", "bc"))
    seen: list[str] = []
    stand.said = lambda: seen.append("|")

    async def hear(deltas: AsyncGenerator[object, None]) -> None:
        async for delta in deltas:
            seen.extend(choice.text for choice in delta.choices)  # type: ignore[attr-defined]

    asyncio.run(hear(stand.call(made.sendable())))
    assert seen == ["|", "a", "|", "", "|", "bc", "|", ""]


# -- the forms of files --

CONVERSATION = (
    '{"messages": [{"role": "user", "content": "Hi."}, {"role": "assistant", "content": null}, '
    '{"role": "assistant", "content": "Yes."}]}'
)


@pytest.mark.parametrize(
    ("name", "raw", "texts"),
    [
        ("a.txt", "One.\n\nTwo.\nOne.\n", ("One.", "Two.")),
        ("a.json", '["One.", {"text": "Two."}, {"full_text": "Three.", "spans": []}]',
         ("One.", "Two.", "Three.")),
        ("a.jsonl", '{"text": "One."}\n\n"Two."\n', ("One.", "Two.")),
        ("a.jsonl", CONVERSATION, ("Yes.",)),
    ],
)  # fmt: skip
def test_texts_are_read(tmp_path: Path, name: str, raw: str, texts: tuple[str, ...]) -> None:
    (tmp_path / name).write_text(raw, "utf-8")
    assert read_texts(tmp_path / name) == texts


@pytest.mark.parametrize(
    ("name", "raw", "said"),
    [
        ("a.txt", "\n \n", "holds no text"),
        ("a.json", "{}", "must be a JSON list"),
        ("a.json", "[1]", "entry 0 has no text"),
        ("a.jsonl", '{"text": "One."}\n{', r"a\.jsonl:2 is no JSON"),
        ("a.jsonl", '{"words": "One."}', r"a\.jsonl:1 has no text"),
    ],
)
def test_other_files_are_refused(tmp_path: Path, name: str, raw: str, said: str) -> None:
    (tmp_path / name).write_text(raw, "utf-8")
    with pytest.raises(FreeholdError, match=said):
        read_texts(tmp_path / name)


def test_bytes_that_are_no_text_are_refused(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(FreeholdError, match="is not UTF-8"):
        read_texts(tmp_path / "a.txt")
