"""It learns who is good at what, and what it costs; its state survives a file."""

import random

import msgspec
import numpy as np
import pytest

from freehold.stages.routing.learned import LearnedPolicy, Prior, state
from freehold.stages.routing.learned.policy import INHERITED
from freehold.text import safetensors
from tests.stages.routing.learned import made

SUMS, LETTERS = made.model("sums"), made.model("letters")
MODELS = (SUMS, LETTERS)


def taught(rounds: int = 400, seed: int = 1, *, swapped: bool = False) -> LearnedPolicy:
    policy = LearnedPolicy()
    teach(policy, rounds, seed, swapped=swapped)
    return policy


def teach(policy: LearnedPolicy, rounds: int, seed: int, *, swapped: bool = False) -> None:
    """Partial feedback: a model drawn at random answers, only its own outcome is seen."""
    rng = random.Random(seed)
    for _ in range(rounds):
        topic, text = made.question(rng)
        signals = made.signals(text)
        policy.estimates(MODELS, signals)
        model = rng.choice(MODELS)
        good = (model.id == topic) is not swapped
        policy.learn(model.id, signals, float(rng.random() < (0.9 if good else 0.3)), 50_000)


def right(policy: LearnedPolicy, seed: int = 99, *, swapped: bool = False) -> float:
    rng = random.Random(seed)
    hits = 0
    for _ in range(200):
        topic, text = made.question(rng)
        found = policy.estimates(MODELS, made.signals(text))
        best = max(found, key=lambda estimate: estimate.success).model
        hits += (best == topic) is not swapped
    return hits / 200


def test_it_finds_who_is_good_at_what() -> None:
    assert right(taught()) > 0.95


def test_it_follows_when_quality_swaps() -> None:
    policy = taught()
    teach(policy, 500, 2, swapped=True)
    assert right(policy, swapped=True) > 0.9


def test_an_intent_alone_is_enough() -> None:
    policy, rng = LearnedPolicy(), random.Random(3)
    for _ in range(200):
        intent, model = rng.choice(["sums", "letters"]), rng.choice(MODELS)
        signals = made.signals("the same text", intent)
        policy.learn(model.id, signals, float(rng.random() < (0.9 if model.id == intent else 0.3)))
    for intent in ("sums", "letters"):
        found = policy.estimates(MODELS, made.signals("the same text", intent))
        assert max(found, key=lambda estimate: estimate.success).model == intent
        assert max(e.success for e in found) == pytest.approx(900_000, abs=100_000)


def test_what_it_says_happens_about_as_often() -> None:
    policy, rng = taught(800), random.Random(5)
    said, came = [], []
    for _ in range(400):
        topic, text = made.question(rng)
        for estimate in policy.estimates(MODELS, made.signals(text)):
            said.append(estimate.success / 1e6)
            came.append(0.9 if estimate.model == topic else 0.3)
    assert np.mean(said) == pytest.approx(np.mean(came), abs=0.06)
    assert np.mean(np.abs(np.array(said) - came)) < 0.12


def test_doubt_falls_with_what_is_seen() -> None:
    signals = made.signals("what is 4 plus 4")
    new = LearnedPolicy().estimates(MODELS, signals)[0]
    old = taught().estimates(MODELS, signals)[0]
    assert new.doubt > 2 * old.doubt > 0
    assert (new.seen, old.seen > 100) == (0, True)


def test_it_learns_what_an_answer_costs() -> None:
    short, long = made.model("short", 100), made.model("long", 100)
    policy, rng = LearnedPolicy(), random.Random(6)
    for _ in range(300):
        topic, text = made.question(rng)
        signals = made.signals(text)
        policy.estimates((short, long), signals)
        for model, tokens in ((short, 20), (long, 400)):
            tokens *= 4 if topic == "letters" else 1
            policy.learn(model.id, signals, 1.0, 20 * 100 + tokens * 200)
    for text, factor in (("what is 3 plus 9", 1), ("write a letter to my aunt number 3", 4)):
        cheap, dear = policy.estimates((short, long), made.signals(text))
        assert cheap.cost_nano == pytest.approx(2_000 + 20 * factor * 200, rel=0.5)
        assert dear.cost_nano == pytest.approx(2_000 + 400 * factor * 200, rel=0.5)


def test_an_answer_costs_no_more_than_its_longest() -> None:
    policy = LearnedPolicy()
    found = policy.estimates((SUMS,), made.signals("hello", max_tokens=5))
    assert found[0].cost_nano <= 20 * 100 + 5 * 200


def test_a_new_model_starts_from_its_prior() -> None:
    policy, signals = taught(), made.signals("what is 4 plus 4", "calm")
    policy.add("new", Prior(success=910_000, strength=50))
    found = policy.estimates((*MODELS, made.model("new")), signals)
    assert found[2].success == pytest.approx(910_000, abs=30_000)
    assert found[2].seen == 0
    assert found[:2] == policy.estimates(MODELS, signals)


def test_unknown_models_start_by_their_price() -> None:
    cheap, dear = made.model("cheap", 10), made.model("dear", 1000)
    low, high = LearnedPolicy().estimates((cheap, dear), made.blank())
    assert low.success < high.success
    assert low.cost_nano < high.cost_nano


def test_no_models_no_estimates() -> None:
    assert LearnedPolicy().estimates((), made.blank()) == ()


def test_a_new_price_counts_at_once() -> None:
    policy = taught()
    signals = made.signals("what is 4 plus 4")
    before = policy.estimates((SUMS,), signals)[0]
    after = policy.estimates((made.model("sums", 200),), signals)[0]
    assert after.cost_nano == pytest.approx(2 * before.cost_nano, rel=0.01)


def test_state_survives_a_file() -> None:
    policy = taught()
    policy.learn("sums", made.signals("add 3 to 4", "maths"), 1.0)
    data = policy.dump()
    loaded = LearnedPolicy.load(data)
    assert (loaded.version, loaded.models) == (policy.version, policy.models)
    rng = random.Random(7)
    for intent in ("", "maths"):
        for _ in range(20):
            signals = made.signals(made.question(rng)[1], intent)
            assert loaded.estimates(MODELS, signals) == policy.estimates(MODELS, signals)
    assert loaded.dump() == data == policy.dump()
    teach(loaded, 20, 8)
    teach(policy, 20, 8)
    assert loaded.dump() == policy.dump()


def test_the_same_lessons_make_the_same_state() -> None:
    assert taught(50).dump() == taught(50).dump()
    assert taught(50).dump() != taught(51).dump()


def test_a_damaged_file_is_refused() -> None:
    data, rng = taught(30).dump(), random.Random(9)
    for _ in range(200):
        broken = bytearray(data)
        broken[rng.randrange(len(data))] ^= 1 << rng.randrange(8)
        with pytest.raises(ValueError):
            LearnedPolicy.load(bytes(broken))
    for cut in (0, 7, 100, len(data) // 2, len(data) - 1):
        with pytest.raises(ValueError):
            LearnedPolicy.load(data[:cut])


def test_a_file_that_was_forged_to_hold_no_numbers_is_refused() -> None:
    arrays, said = safetensors.unpack(taught(5).dump())
    about = state.msgspec.json.decode(said["policy"], type=state.About)
    for name, value in (("sums", np.nan), ("beliefs.won", np.inf)):
        forged = dict(arrays) | {name: np.full_like(arrays[name], value)}
        with pytest.raises(ValueError, match="no number"):
            LearnedPolicy.load(state.pack(about, forged))
    for name in arrays:
        less = {key: value for key, value in arrays.items() if key != name}
        with pytest.raises(ValueError, match=name):
            LearnedPolicy.load(state.pack(about, less))
    other = state.msgspec.structs.replace(about, vectors="of another version")
    with pytest.raises(ValueError, match="other features"):
        LearnedPolicy.load(state.pack(other, dict(arrays)))


@pytest.mark.parametrize("score", [-0.1, 1.1, float("nan")])
def test_no_score_beyond_its_bounds(score: float) -> None:
    with pytest.raises(ValueError, match="score"):
        LearnedPolicy().learn("m", made.blank(), score)


@pytest.mark.parametrize(("cost", "weight"), [(-1, 1.0), (1, 0.0), (1, float("inf"))])
def test_no_cost_or_weight_that_cannot_be(cost: int, weight: float) -> None:
    with pytest.raises(ValueError):
        LearnedPolicy().learn("m", made.blank(), 0.5, cost, weight)


def test_hostile_texts_and_huge_numbers_keep_it_finite() -> None:
    policy = LearnedPolicy()
    for text in ("", "\x00", "9" * 5_000, "\ud800", "字" * 900, "A" * 20_000):
        signals = made.signals(text, text[:9], prompt_tokens=10**9, max_tokens=10**9)
        for model in MODELS:
            policy.estimates(MODELS, signals)
            policy.learn(model.id, signals, 1.0, 10**15, 100.0)
    for estimate in policy.estimates(MODELS, made.signals("", prompt_tokens=10**9)):
        assert 0 <= estimate.success <= 1_000_000
        assert 0 <= estimate.cost_nano < 10**18
        assert estimate.doubt >= 0


def versions(
    inherited: float | None, success: float, seed: int, monkeypatch: pytest.MonkeyPatch
) -> tuple[LearnedPolicy, int]:
    """400 outcomes of a good version and of a rented model, then those of another version; and
    after how many of these the rented model is expected to do better.
    """
    if inherited is not None:
        monkeypatch.setattr("freehold.stages.routing.learned.policy.INHERITED", inherited)
    policy, rng = LearnedPolicy(), random.Random(seed)
    for _ in range(400):
        signals = made.signals(made.question(rng)[1])
        policy.learn("sums", signals, float(rng.random() < 0.9), version="v1")
        policy.learn("letters", signals, float(rng.random() < 0.75))
    for number in range(1, 120):
        signals = made.signals(made.question(rng)[1])
        policy.learn("sums", signals, float(rng.random() < success), version="v2")
        own, rented = policy.estimates(MODELS, signals)
        if own.success < rented.success:
            return policy, number
    return policy, 120


def test_another_version_starts_from_a_tenth_of_the_evidence() -> None:
    policy, rng = LearnedPolicy(), random.Random(11)
    for _ in range(300):
        signals = made.signals(made.question(rng)[1], "maths")
        policy.learn("sums", signals, float(rng.random() < 0.9), version="v1")
    (before,) = policy.estimates(MODELS[:1], signals)
    policy.learn("sums", signals, 1.0, version="v2")
    (after,) = policy.estimates(MODELS[:1], signals)
    assert before.seen > 200
    assert after.seen == int(INHERITED * before.seen * policy.kept + 1)
    assert abs(after.success - before.success) < 60_000, "as much is expected of it"
    assert after.doubt > 2 * before.doubt, "with less evidence"
    policy.learn("sums", signals, 1.0, version="v2")
    (then,) = policy.estimates(MODELS[:1], signals)
    assert then.seen == after.seen + 1, "once"
    policy.learn("sums", signals, 1.0)
    (unsaid,) = policy.estimates(MODELS[:1], signals)
    assert unsaid.seen >= then.seen, "what names no version is no other one"


def test_a_worse_version_is_found_out_sooner_and_a_good_one_not_doubted(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    late = [versions(1.0, 0.65, seed, monkeypatch)[1] for seed in range(3)]
    soon = [versions(0.1, 0.65, seed, monkeypatch)[1] for seed in range(3)]
    assert all(one < other / 2 for one, other in zip(soon, late, strict=True)), (soon, late)
    assert [versions(0.1, 0.9, seed, monkeypatch)[1] for seed in range(3)] == [120] * 3


def test_a_file_knows_whose_outcomes_were_last(monkeypatch: pytest.MonkeyPatch) -> None:
    policy, _ = versions(None, 0.9, 5, monkeypatch)
    loaded = LearnedPolicy.load(policy.dump())
    signals = made.signals("add 3 to 4")
    for one in (policy, loaded):
        one.learn("sums", signals, 0.0, version="v2")
    assert loaded.dump() == policy.dump()
    for one in (policy, loaded):
        one.learn("sums", signals, 0.0, version="v3")
    assert loaded.dump() == policy.dump()
    assert loaded.estimates(MODELS[:1], signals)[0].seen < 60


def test_a_file_of_an_older_release_knows_no_versions() -> None:
    policy = taught(50)
    arrays, said = safetensors.unpack(policy.dump())
    about = msgspec.json.decode(said["policy"])
    assert about.pop("versions") == {}
    text = {"policy": msgspec.json.encode(about).decode()}
    data = safetensors.pack(arrays, {**text, "sha256": state._digest(text, arrays)})
    loaded = LearnedPolicy.load(data)
    signals = made.signals("add 3 to 4")
    (before,) = loaded.estimates(MODELS[:1], signals)
    loaded.learn("sums", signals, 1.0, version="v1")
    assert loaded.estimates(MODELS[:1], signals)[0].seen >= before.seen, "nobody knows better"
