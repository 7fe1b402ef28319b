"""What the gate lets through, and what it refuses and names."""

from random import Random

import pytest

from freehold.bundle.gate import Gate
from freehold.core.decisions import MILLION
from freehold.core.training import Example
from freehold.learning.gate import Answer, Compared, compared, evaluate, right
from freehold.learning.gate.answers import recorded
from freehold.learning.gate.paired import holm, interval, most_worse, worse_by_chance

LABELS = ["track", "return", "pay"]
STORES = ["berlin", "paris", "rome", "oslo"]


def example(n: int, **more: object) -> Example:
    given = {"label": LABELS[n % 3], "tenant": STORES[n % 4], "app": "triage", **more}
    return Example(id=f"case_{n:04}", messages=({"role": "user", "content": f"q{n}"},), **given)


def say(right_share: float, seed: int, worse_in: str = "", share: float = 1.0):
    """A model that is right as often as told, in one store less often."""
    dice = Random(seed)

    def answer(one: Example) -> Answer:
        chance = share if one.tenant == worse_in else right_share
        wrong = LABELS[(LABELS.index(one.label) + 1) % 3]
        return Answer(label=one.label if dice.random() < chance else wrong, took_ms=2.0)

    return answer


def seen(candidate, live, count: int = 400) -> list[Compared]:
    return list(compared(map(example, range(count)), candidate, live))


def test_a_better_one_passes() -> None:
    report = evaluate(seen(say(0.95, 1), say(0.8, 2)), Gate(accuracy=0.9), against="live")
    assert (report.verdict, report.reasons, report.against) == ("passed", (), "live")
    assert report.accuracy is not None
    assert report.difference is not None
    assert report.accuracy.low < report.accuracy.value < report.accuracy.high
    assert 0.05 < report.difference.low < report.difference.value < 0.25
    assert report.chance > 0.99
    assert report.coverage is not None
    assert report.coverage.value == 1.0
    assert (report.p50_ms, report.p95_ms, report.cost) == (2.0, 2.0, 0.0)


def test_better_on_average_and_worse_in_one_store_is_refused_and_names_it() -> None:
    report = evaluate(seen(say(0.98, 1, "oslo", 0.5), say(0.8, 2)), Gate())
    assert report.difference is not None
    assert report.difference.value > 0, "on the whole it is better"
    assert report.verdict == "refused"
    (reason,) = report.reasons
    assert reason.startswith("tenant oslo gets worse by")
    first, *others = report.slices
    assert (first.by, first.name, first.refused, first.judged) == ("tenant", "oslo", True, True)
    assert first.chance < 0.05
    assert not any(one.refused for one in others)
    missed = [one.name for one in report.criteria if not one.met]
    assert missed == ["worst_slice"]
    worse = [one for one in report.changed if one.way == "worse"]
    better = [one for one in report.changed if one.way == "better"]
    assert len(worse) > 20
    assert len(better) > 20
    assert evaluate(seen(say(0.98, 1, "oslo", 0.5), say(0.8, 2)), Gate(worst_slice=None)).passed


@pytest.mark.parametrize("count", [40, 75])
def test_chance_refuses_no_slice(count: int) -> None:
    """Two models that are as good as each other, and many slices, of 15 examples or of 8: hardly
    one is called worse.
    """
    stores = [f"store_{n}" for n in range(count)]
    refused = 0
    for seed in range(20):
        dice = Random(seed)
        held = [
            Compared(
                example=example(n, tenant=stores[n % count]),
                candidate=Answer(label=LABELS[n % 3] if dice.random() < 0.6 else "x"),
                live=Answer(label=LABELS[n % 3] if dice.random() < 0.6 else "x"),
            )
            for n in range(600)
        ]
        refused += any(s.refused for s in evaluate(held, Gate(slices=["tenant"])).slices)
    assert refused <= 2


def test_a_small_slice_that_loses_everything_is_refused_by_name() -> None:
    """Better on the whole, and a store with fewer examples than are asked loses them all."""
    held = [one for one in seen(say(0.98, 1, "oslo", 0.0), say(0.8, 2)) if one.right(one.live)]
    oslo = [one for one in held if one.example.tenant == "oslo"]
    rest = [one for one in seen(say(0.98, 1), say(0.8, 2)) if one.example.tenant != "oslo"]
    report = evaluate([*rest, *oslo[:8]], Gate())
    assert report.difference is not None
    assert report.difference.low > 0, "on the whole it is surely better"
    assert report.reasons == ("tenant oslo gets worse by 100.0% (100.0% to 0.0% of 8)",)
    first = report.slices[0]
    assert (first.name, first.judged, first.refused) == ("oslo", True, True)
    assert first.chance == pytest.approx(1 / 256 * 4, rel=0.01), "of four stores, by Holm"


def test_a_slice_too_small_to_tell_is_named_and_not_refused() -> None:
    held = seen(say(1.0, 1, "oslo", 0.0), say(1.0, 2), 16)
    report = evaluate(held, Gate(slices=["tenant"], not_worse=None, examples=5))
    oslo = next(one for one in report.slices if one.name == "oslo")
    assert (oslo.examples, oslo.judged, oslo.refused, oslo.difference) == (4, False, False, -1.0)
    assert report.passed
    (said,) = [one for one in report.criteria if one.name == "worst_slice"]
    assert said.why == (
        "no slice has 10 examples; of 4 smaller ones tenant oslo does worst: -100.0% of 4, which"
        " may be chance"
    )
    alone = evaluate(held[:3], Gate(slices=["app"], examples=1))
    (said,) = [one for one in alone.criteria if one.name == "worst_slice"]
    assert said.why == "all are of one app, or of none: nothing to tell apart"


def test_a_worse_one_is_refused_and_so_is_one_that_may_be_worse() -> None:
    report = evaluate(seen(say(0.7, 1), say(0.9, 2)), Gate(accuracy=0.9, worst_slice=None))
    assert [one.name for one in report.criteria if not one.met] == ["accuracy", "not_worse"]
    assert report.chance < 0.001
    few = evaluate(seen(say(0.85, 1), say(0.85, 2), 40), Gate(worst_slice=None))
    assert [one.name for one in few.criteria if not one.met] == ["not_worse"], "not surely"
    assert evaluate(seen(say(0.85, 1), say(0.85, 2), 40), Gate(not_worse=None)).passed


def test_what_twenty_equal_answers_leave_open() -> None:
    """Nothing got worse, and no interval of differences tells how much still may."""
    held = seen(say(1.0, 1), say(1.0, 2), 20)
    report = evaluate(held, Gate())
    assert report.passed
    assert report.difference is not None
    assert (report.difference.low, report.difference.high) == (0.0, 0.0)
    (said,) = [one for one in report.criteria if one.name == "not_worse"]
    assert said.why.endswith("; none of 20 got worse, so surely no more than 13.9% do")
    for asked, met in ((0.14, True), (0.13, False)):
        judged = evaluate(held, Gate(negative_flips=asked))
        (flips,) = [one for one in judged.criteria if one.name == "negative_flips"]
        assert (flips.met, judged.passed) == (met, met)
        assert flips.measured == pytest.approx(0.1391, abs=1e-4)
    (reason,) = evaluate(held, Gate(negative_flips=0.05)).reasons
    assert reason == (
        "0 of 20 answers are right today and wrong with it:"
        " surely no more than 13.9%, 5.0% is asked"
    )
    assert evaluate(seen(say(1.0, 1), say(1.0, 2), 59), Gate(negative_flips=0.05)).passed


def test_what_gets_worse_counts_though_more_gets_better() -> None:
    held = seen(say(0.95, 1), say(0.8, 2))
    report = evaluate(held, Gate(negative_flips=0.02, worst_slice=None))
    assert [one.name for one in report.criteria if not one.met] == ["negative_flips"]
    flips = report.negative_flips
    assert flips is not None
    worse = sum(one.way == "worse" for one in report.changed)
    assert 10 < worse < 30
    assert (flips.value, flips.examples) == (worse / 400, 400)
    assert 0.02 < flips.value < flips.high < 0.09
    (said,) = [one for one in report.criteria if one.name == "not_worse"]
    assert "none of" not in said.why
    alone = list(compared(map(example, range(60)), say(0.95, 1), lambda _: None))
    assert evaluate(alone, Gate(negative_flips=0.02)).passed, "nothing could get worse"


def test_where_it_abstains_what_is_said_today_counts() -> None:
    def shy(one: Example) -> Answer:
        return Answer() if one.label == "pay" else Answer(label=one.label)

    report = evaluate(seen(shy, say(0.9, 2)), Gate(accuracy=1.0, coverage=0.6))
    assert report.passed
    assert report.accuracy is not None
    assert report.accuracy.value == 1.0
    assert report.coverage is not None
    assert report.coverage.value == pytest.approx(2 / 3, abs=0.01)
    low = evaluate(seen(shy, say(0.9, 2)), Gate(coverage=0.7))
    assert low.reasons[0].startswith("66.8% of the questions it answers")
    silent = evaluate(seen(lambda _: Answer(), say(0.9, 2)), Gate(accuracy=0.9))
    assert silent.reasons[1:] == ("it answers nothing, so there is no accuracy",)
    assert silent.difference is not None
    assert silent.difference.value == 0


def test_one_that_answers_nothing_has_shown_nothing() -> None:
    """It is no worse than today, breaks nothing and gets nothing wrong: since it is never heard."""
    silent = evaluate(seen(lambda _: Answer(), say(0.9, 2), 87), Gate())
    (said,) = silent.reasons
    assert said == (
        "not enough evidence: it answers none of the 87 held-out examples itself, 5 are asked; of"
        " what it leaves to other models nothing is shown"
    )

    def shy(most: int):
        return lambda one: Answer(label=one.label) if int(one.id[-4:]) < most else Answer()

    for count, gate, passed in (
        (4, Gate(), False),
        (5, Gate(), True),
        (4, Gate(answers=4), True),
        (2, Gate(examples=3), False),
        (3, Gate(examples=3), True),
    ):
        report = evaluate(seen(shy(count), say(0.9, 2), 87), gate)
        assert report.passed is passed, (count, gate)
        (own,) = [one for one in report.criteria if one.name == "answers"]
        assert own.measured == count


def left_by_experts(answered: int, count: int, today: int = -1) -> list[Compared]:
    """Good answers to what has one, and to so many of the questions where one was rejected and no
    other was given; so many of these are answered today.
    """
    good = Answer(text="Yes.")
    known = [
        Compared(example=written(answer="Yes."), candidate=good, live=good, by="answer")
        for _ in range(40)
    ]
    own, other = Answer(text="Of course."), Answer(text="Surely.")
    rejected = [
        Compared(
            example=written(rejected="Never."),
            candidate=own if n < answered else Answer(),
            live=None if today < 0 else other if n < today else Answer(),
            by="answer",
        )
        for n in range(count)
    ]
    return [*known, *rejected]


def test_answers_to_what_experts_left_to_others_are_counted() -> None:
    report = evaluate(left_by_experts(18, 20, 20), Gate())
    assert report.over_answers is not None
    assert report.over_answers_today is not None
    assert (report.over_answers.value, report.over_answers.examples) == (0.9, 20)
    # Clopper and Pearson's lower end of 18 of 20, one-sided at 95 %
    assert report.over_answers.low == pytest.approx(0.717, abs=0.001)
    assert report.over_answers_today.value == 1.0
    (said,) = report.reasons
    assert said == (
        "18 of 20 questions that experts left without a right answer get one from it, today 20 of"
        " 20 do: surely more than 71.7%, at most 50.0% is asked; another answer than the rejected"
        " one may be right, but nobody has said so"
    )
    assert report.set_aside == {"an answer was rejected and no right one given": 20}
    assert evaluate(left_by_experts(18, 20), Gate(over_answers=None)).passed
    assert evaluate(left_by_experts(18, 20), Gate(over_answers=0.8)).passed
    alone = evaluate(left_by_experts(2, 20), Gate())
    assert alone.passed
    assert alone.over_answers_today is None, "nobody knows"
    (met,) = [one for one in alone.criteria if one.name == "over_answers"]
    assert met.why == (
        "2 of 20 questions that experts left without a right answer get one from it: 10.0%, at most"
        " 50.0% is asked"
    )


def test_a_few_answers_to_what_experts_left_may_be_chance() -> None:
    assert evaluate(left_by_experts(4, 4), Gate()).passed
    assert not evaluate(left_by_experts(5, 5), Gate()).passed
    assert not [
        one
        for one in evaluate(left_by_experts(0, 0), Gate()).criteria
        if one.name == "over_answers"
    ]


def test_a_classifier_that_finds_a_class_for_everything_is_seen() -> None:
    held = [
        *seen(say(1.0, 1), say(1.0, 2), 200),
        *compared(
            [example(n, label="none") for n in range(10)],
            lambda one: Answer(label="pay" if int(one.id[-4:]) < 9 else "none"),
            lambda one: Answer(label="pay"),
            by="label",
        ),
    ]
    report = evaluate(held, Gate())
    assert report.over_answers is not None
    assert report.over_answers_today is not None
    assert (report.over_answers.value, report.over_answers_today.value) == (0.9, 1.0)
    assert [one.name for one in report.criteria if not one.met] == ["over_answers"]
    assert evaluate(held, Gate(over_answers=1.0)).passed


def test_too_little_to_judge_by() -> None:
    for held in ([], seen(say(1, 1), say(1, 1), 5)):
        report = evaluate(held, Gate())
        assert report.reasons == (f"{len(held)} held-out examples can be judged, 20 are asked",)
    doubted = [
        Compared(example=example(n, weight=MILLION // 10), candidate=Answer(label="x"))
        for n in range(30)
    ]
    report = evaluate(doubted, Gate())
    assert report.set_aside == {"its label is not trusted": 30}
    assert not report.passed


def test_nothing_said_today_is_told() -> None:
    held = list(compared(map(example, range(60)), say(0.95, 1), lambda _: None))
    report = evaluate(held, Gate(accuracy=0.8))
    assert report.passed
    assert report.difference is None
    (said,) = [one for one in report.criteria if one.name == "not_worse"]
    assert said.measured is None
    assert "nothing is said today" in said.why
    odd = list(compared(map(example, range(60)), say(0.95, 1, "rome", 0.2), lambda _: None))
    first, *_ = evaluate(odd, Gate()).slices
    assert (first.name, first.judged, first.refused) == ("rome", False, False), "to be seen"
    assert first.difference < -0.3


def test_a_rule_that_today_keeps_must_be_kept() -> None:
    held = seen(say(1.0, 1), say(1.0, 2), 60)
    both = frozenset({"policy:no-discount"})
    held[0] = Compared(
        example=held[0].example,
        candidate=Answer(label=held[0].example.label, broke=both),
        live=Answer(label=held[0].example.label, broke=both),
    )
    assert evaluate(held, Gate()).passed, "today's answer breaks it too"
    held[1] = Compared(
        example=held[1].example,
        candidate=Answer(label=held[1].example.label, broke=both),
        live=held[1].live,
    )
    report = evaluate(held, Gate())
    assert report.reasons == (
        "1 of its 60 answers that controls saw break what today's keep: policy:no-discount (1)",
    )
    assert report.broken == {"policy:no-discount": 1}
    (changed,) = report.changed
    assert (changed.way, changed.id, changed.rules) == (
        "breaks", "case_0001", ("policy:no-discount",),
    )  # fmt: skip
    assert evaluate(held, Gate(new_violations=1)).passed


def test_past_incidents_stay_mended() -> None:
    held = seen(say(1.0, 1), say(1.0, 2), 60)
    ones = [example(n) for n in range(900, 904)]
    answers = [
        Answer(label=ones[0].label),
        Answer(),
        Answer(label="x"),
        Answer(label=ones[3].label),
    ]
    past = [Compared(example=e, candidate=a) for e, a in zip(ones, answers, strict=True)]
    report = evaluate(held, Gate(), regressions=past)
    (reason,) = report.reasons
    assert reason.startswith("75.0% of 4 past incidents are right or left to the next model")
    assert evaluate(held, Gate(regressions=0.7), regressions=past).passed


def test_speed_and_cost() -> None:
    held = [
        Compared(
            example=example(n),
            candidate=Answer(label=LABELS[n % 3], took_ms=float(n), cost_nano=2_000_000),
            live=Answer(label=LABELS[n % 3]),
        )
        for n in range(101)
    ]
    report = evaluate(held, Gate(p95_ms=94, cost_per_answer=0.001))
    assert [one.name for one in report.criteria if not one.met] == ["p95_ms", "cost_per_answer"]
    assert report.p95_ms == 95.0
    assert report.cost == pytest.approx(0.002)
    assert evaluate(held, Gate(p95_ms=95, cost_per_answer=0.002)).passed
    unmeasured = [
        Compared(example=c.example, candidate=Answer(label=c.example.label)) for c in held
    ]
    assert not evaluate(unmeasured, Gate(p95_ms=95)).passed


def test_a_report_names_examples_and_quotes_nobody() -> None:
    report = evaluate(seen(say(0.5, 1), say(0.9, 2), 60), Gate())
    made = report.as_dict()
    assert made["format"] == "freehold.gate/1"
    assert made["verdict"] == "refused"
    assert made["reasons"]
    assert "q1" not in str(made)


def written(answer: str = "", rejected: str = "", label: str = "") -> Example:
    return Example(id="x", messages=(), answer=answer, rejected=rejected, label=label)


@pytest.mark.parametrize(
    ("one", "said", "expected"),
    [
        (written(label="pay"), Answer(label="pay"), True),
        (written(label="pay"), Answer(text='{"label": "pay"}'), True),
        (written(label="pay"), Answer(text='{"intent": "return"}'), False),
        (written(label="pay"), Answer(text='{"label": null}'), False),
        (written(label="pay"), Answer(text="{pay"), False),
        (written(label="pay"), Answer(text=" pay "), True),
        (written(label="pay"), Answer(), False),
        (written(label="none"), Answer(), True),
        (written(label="none"), Answer(text='{"label": null}'), True),
        (written(label="none"), Answer(label="pay"), False),
        (written(answer="It takes 3 days."), Answer(text="It takes 3 days"), True),
        (written(answer="It takes 3 days."), Answer(text="It takes 4 days"), False),
        (written(answer="It takes 3 days."), Answer(), False),
        (written(rejected="Yes."), Answer(text="yes"), False),
        (written(rejected="Yes."), Answer(text="No, never."), None),
    ],
)
def test_what_is_right(one: Example, said: Answer, expected: bool | None) -> None:
    assert right(one, said) is expected


def test_what_was_said_that_day() -> None:
    assert recorded(written(label="pay")) is None
    corrected = recorded(written(answer="No.", rejected="Yes."))
    assert corrected is not None
    assert corrected.text == "Yes."
    kept = recorded(written(answer="No."))
    assert kept is not None
    assert kept.text == "No."


def test_statistics() -> None:
    # binomial tails by hand: P(X >= 5 | 5, 1/2) = 1/32, mid-p half of it
    assert worse_by_chance(0, 5) == pytest.approx(1 / 64)
    assert worse_by_chance(5, 0) == pytest.approx(1 - 1 / 64)
    assert worse_by_chance(0, 5, plain=True) == pytest.approx(1 / 32)
    assert worse_by_chance(0, 0) == 1.0
    assert worse_by_chance(3_000, 3_000) == pytest.approx(0.5, abs=0.01)
    assert holm([0.04, 0.01, 0.03]) == pytest.approx([0.06, 0.03, 0.06])
    assert holm([]) == []
    # the rule of three and its exact form; Clopper and Pearson's table for 3 of 50 is 14.8 %
    assert most_worse(0, 300, 0.95) == pytest.approx(3 / 300, rel=0.01)
    assert most_worse(0, 20, 0.95) == pytest.approx(1 - 0.05 ** (1 / 20))
    assert most_worse(3, 50, 0.95) == pytest.approx(0.1478, abs=1e-4)
    assert most_worse(2_000, 100_000, 0.95) == pytest.approx(0.02076, abs=1e-4)
    assert (most_worse(7, 7, 0.95), most_worse(1, 1, 0.5)) == (1.0, 1.0)
    low, high = interval([1.0] * 50 + [0.0] * 50, 0.95)
    assert low == pytest.approx(0.4, abs=0.02)
    assert high == pytest.approx(0.6, abs=0.02)
    assert interval([], 0.95) == (-1.0, 1.0)
    assert interval([0.0] * 9, 0.95) == (0.0, 0.0)
    # six of six: n / (n + z²), by hand
    assert interval([1.0] * 6, 0.95) == pytest.approx((0.6097, 1.0), abs=1e-4)
    assert interval([-1.0] * 6, 0.95) == pytest.approx((-1.0, -0.6097), abs=1e-4)


def test_the_kind_says_what_is_the_truth() -> None:
    both = written(answer="It takes 3 days.", label="track", rejected='{"label": "pay"}')
    assert right(both, Answer(text="It takes 3 days."), "answer") is True
    assert right(both, Answer(text='{"label": "track"}'), "label") is True
    assert right(both, Answer(text='{"label": "track"}')) is True
    assert right(written(answer="It takes 3 days."), Answer(label="track"), "label") is None
    then = recorded(both, "label")
    assert then is not None
    assert right(both, then, "label") is False
    assert recorded(written(answer="It takes 3 days.", label="track"), "label") is None
    stood = recorded(written(answer='{"label": "track"}', label="track"), "label")
    assert stood is not None
    assert stood.text == '{"label": "track"}'
