"""A brand's voice: phrases, names and tone that an app declares, whole and in streams."""

import random
from typing import Literal

import pytest

from freehold.core.decisions import Finding, Mode
from freehold.core.errors import GovernanceRefusal
from freehold.core.handoffs import Answer, Choice
from freehold.core.spec import DetectorSetting, ToneSpec, VoiceSpec
from freehold.core.trail import Trail
from freehold.stages.governance import builtin_detectors
from freehold.stages.governance.detectors.voice import Banned, Competitor, Tone
from freehold.stages.governance.scanner import Panel
from freehold.text.normalise import fold
from tests.stages.governance import kit

Action = Literal["redact", "block", "annotate"]
TONE = ToneSpec(
    shouting=False,
    emoji=False,
    exclamation_marks=1,
    not_first_person=frozenset({"plural"}),
    max_sentence_words=12,
)
VOICE = VoiceSpec(
    banned=("best in class", "no-brainer", "guaranteed"),
    competitors=("Acme", "Yahoo! Mail", "Dr. Oetker"),
    tone=TONE,
)
CHINESE = VoiceSpec(banned=("最高品质", "cheap deal"))


def uses(
    mode: Mode, action: Action, voice: VoiceSpec | None = VOICE
) -> tuple[DetectorSetting, ...]:
    return tuple(
        DetectorSetting(
            id=name, mode=mode, action=action, phases=frozenset({"answer"}), voice=voice
        )
        for name in ("voice.banned", "voice.competitor", "voice.tone")
    )


def values(found: object, text: str) -> list[str]:
    assert isinstance(found, tuple | list)
    return [text[f.start : f.end] for f in found if isinstance(f, Finding)]


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("It is best in class.", ["best in class"]),
        ("It is Best-in-Class, BEST  IN\nCLASS", ["Best-in-Class", "BEST  IN\nCLASS"]),
        ("A no brainer, guaranteed", ["no brainer", "guaranteed"]),
        ("b\u0435st in cl\u0430ss", ["b\u0435st in cl\u0430ss"]),  # Cyrillic e and a
        ("Bést ïn class", ["Bést ïn class"]),
        ("ｂｅｓｔ in class", ["ｂｅｓｔ in class"]),
        ("the best of its class", []),
        ("guaranteedly, unguaranteed", []),
        ("сегодня в классе", []),  # Russian is no look-alike of anything
    ],
)
def test_banned_phrases(text: str, found: list[str]) -> None:
    detector = Banned().speaking(VOICE)
    assert values(detector.detect(text, fold(text), "answer"), text) == found


def test_competitors_are_whole_names() -> None:
    text = "Acme's kettle, Acmes, ACME; Yahoo! Mail, Dr. Oetker and \u0410cme, but no Acmeville."
    found = Competitor().speaking(VOICE).detect(text, fold(text), "answer")
    assert sorted(values(found, text)) == [
        "ACME",
        "Acme",
        "Dr. Oetker",
        "Yahoo! Mail",
        "\u0410cme",
    ]
    assert {f.label for f in found} == {"voice"}


def test_another_script_waits_for_the_whole_answer() -> None:
    detector = Banned().speaking(CHINESE)
    text = "这是最高品质的。 Cheap  Deal, cheap dealer."
    assert detector.needs == "whole"
    assert values(detector.detect(text, fold(text), "answer"), text) == ["最高品质", "Cheap  Deal"]
    assert Banned().speaking(VOICE).needs == "span"


@pytest.mark.parametrize(
    ("text", "kinds"),
    [
        ("BUY NOW!", ["shouting"]),
        ("This is VERY BIG NEWS today.", ["shouting"]),
        ("It has USB and HDMI A B.", []),
        ("Nice!! Ok! Fine!", ["exclamation"]),
        ("Nice! Ok! Fine!", []),
        ("Good \U0001f600 day ✓.", ["emoji", "emoji"]),
        ("We like our shop.", ["first_person", "first_person"]),
        ("In the US it is usual, and I agree.", []),
        ("one " * 12 + ". two", []),
        ("one " * 13, ["long_sentence"]),
    ],
)
def test_tone(text: str, kinds: list[str]) -> None:
    found = Tone().speaking(VOICE).detect(text, fold(text), "answer")
    assert [f.kind for f in found] == kinds
    assert all(0 <= f.start < f.end <= len(text) for f in found)


def test_without_a_voice_nothing_runs() -> None:
    panel = Panel(uses("enforce", "block", None), {d.id: d for d in builtin_detectors()})
    scanners = (panel.answer, panel.answer_sentences, panel.answer_whole, panel.answer_late)
    assert not any(scanner.uses for scanner in scanners)
    only = VoiceSpec(banned=("x-ray",))
    panel = Panel(uses("enforce", "block", only), {d.id: d for d in builtin_detectors()})
    assert [s.uses.keys() for s in (panel.answer, panel.answer_sentences)] == [
        {"voice.banned"},
        set(),
    ]


def test_versions_follow_what_is_declared() -> None:
    one, two = (Banned().speaking(VoiceSpec(banned=(p,))) for p in ("alpha", "beta"))
    assert one.version != two.version


def test_many_long_phrases_are_read_still() -> None:
    words = [
        f"phrase number {n} of a very long list of things to be left alone" for n in range(500)
    ]
    detector = Banned().speaking(VoiceSpec(banned=tuple(words)))
    text = f"Well, {words[333]}."
    assert values(detector.detect(text, text, "answer"), text) == [words[333]]
    gov = kit.governance()
    settings = uses("enforce", "redact", VoiceSpec(banned=tuple(words)))
    sendable = kit.travel(gov, kit.prepared("Hello.", detectors=settings))[1]
    arrival = sendable.plan.ruled.admitted.arrival
    cut = kit.stream(gov, sendable, text, [10, 20, 30], arrival)[1]
    assert cut == "Well, [banned phrase removed]."


# -- whole and in pieces --

TEXTS = (
    "You could ask Acme, or Yahoo! Mail; Dr. Oetker is best in class. Best in the world, no?",
    "guaranteed",
    "Acm\u0435ville and Acm\u0435. b\u0435st in clas",
    "It is a no-brainer. WE LOVE THIS! It is fine!! Really?\nbest\nin class",
    "best in best in best in class in class Acme Acme, Acme",
)


@pytest.mark.parametrize("text", TEXTS)
@pytest.mark.parametrize("voice", [VOICE, VoiceSpec(competitors=VOICE.competitors), CHINESE])
def test_cuts_change_nothing(text: str, voice: VoiceSpec) -> None:
    gov = kit.governance()
    settings = uses("enforce", "redact", voice)
    sendable = kit.travel(gov, kit.prepared("Is Acme good?", detectors=settings))[1]
    arrival = sendable.plan.ruled.admitted.arrival
    whole = kit.stream(gov, sendable, text, (), arrival)[1]
    dice = random.Random(text)
    cuttings = [[cut] for cut in range(len(text))]
    cuttings += [sorted(dice.randint(0, len(text)) for _ in range(6)) for _ in range(30)]
    for cuts in (*cuttings, list(range(len(text)))):
        released, final = kit.stream(gov, sendable, text, cuts, arrival)
        assert final == whole
        for before in released:
            assert whole.startswith(before)


def test_what_the_caller_wrote_is_no_excuse_and_the_record_keeps_the_words() -> None:
    gov = kit.governance()
    settings = uses("enforce", "redact", VoiceSpec(competitors=("Acme",)))
    sendable = kit.travel(gov, kit.prepared("Is Acme good?", detectors=settings))[1]
    arrival = sendable.plan.ruled.admitted.arrival
    assert kit.stream(gov, sendable, "Acme is.", (), arrival)[1] == "[competitor removed] is."


def test_block_refuses_and_observe_only_records() -> None:
    gov = kit.governance()
    request = kit.prepared("Hello.", detectors=uses("enforce", "block"))
    sendable = kit.travel(gov, request)[1]
    with pytest.raises(GovernanceRefusal, match=r"voice\.banned blocks the answer"):
        kit.stream(gov, sendable, "It is best in class.", (), request.admitted.arrival)
    request = kit.prepared("Hello.", detectors=uses("observe", "block"))
    sendable = kit.travel(gov, request)[1]
    trail = Trail(request.admitted.arrival)
    text = "WE LOVE ACME! It is best in class \U0001f600."
    checked = gov.answer(
        Answer(sendable=sendable, choices=(Choice(text=text),), complete=True), trail
    )
    assert checked.choices[0].text == text
    assert {f.kind for f in trail.answer_findings} == {
        "banned_phrase",
        "competitor",
        "emoji",
        "first_person",
        "shouting",
    }
    assert {d.mode for d in trail.decisions} == {"observe"}
