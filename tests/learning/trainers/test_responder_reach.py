"""How far approved answers reach: other wordings, other states, asides; and how seldom too far."""

import random

import pytest

from freehold.core.ask import Message
from freehold.core.local import Beside
from freehold.core.training import TrainingJob
from freehold.learning.datasets.memory import MemoryDataset
from freehold.learning.trainers.responder import ResponderTrainer, plain
from freehold.learning.trainers.responder_calibration import STRANGERS, Tried, draw
from freehold.learning.trainers.responder_easing import eased
from freehold.learning.trainers.responder_learning import learn
from freehold.learning.trainers.responder_lessons import lesson
from freehold.text.local import make
from freehold.text.local.learned import Learned
from freehold.text.slots.questions import Question
from freehold.text.slots.small_talk import bare, small_talk
from tests.learning.trainers.library import readers
from tests.learning.trainers.taught import example, order, said_of

ALPHA = 0.05


def fared(tmp_path, count, seed):
    """Shares of what was asked: answerable, answered, answered wrongly."""
    job = TrainingJob(model="library", out=tmp_path, options={"alpha": ALPHA})
    made = ResponderTrainer().train(
        MemoryDataset("library", readers(count, seed)), job, lambda *_, **__: None
    )
    model = make("responder", (tmp_path / made.file).read_bytes())
    tests = readers(150, seed + 1_000)
    given = wrong = 0
    for one in tests:
        asks = [Message(role="user", content=one.question)]
        told = model.explain(asks, Beside(pieces=one.pieces))
        given += told.given
        wrong += told.given and plain(told.text) != plain(one.answer)
    count = len(tests)
    return sum(bool(one.answer) for one in tests) / count, given / count, wrong / count


@pytest.mark.parametrize("seed", [1, 2])
def test_a_library_of_another_kind(tmp_path, seed):
    answerable, given, wrong = fared(tmp_path, 300, seed)
    assert given >= 0.85 * answerable
    assert wrong <= ALPHA


def test_the_share_of_wrong_answers_stays_below_alpha_on_average():
    """Over many draws of questions whose scores tell little, the promise is kept."""
    dice = random.Random(3)

    def some(count):
        made = []
        for _ in range(count):
            right = dice.random() < 0.8
            score = dice.gauss(0.6 if right else 0.45, 0.15)
            made.append(Tried(max(1, round(score * 1_000_000)), right))
        return made

    shares = []
    for _ in range(150):
        line = draw(some(150), 200, ALPHA, others=STRANGERS)
        later = some(150)
        wrong = sum(not one.right for one in later if one.score >= line.line)
        shares.append(wrong / 200)
    assert 0 < sum(shares) / len(shares) <= ALPHA


def test_asides_are_small_talk_and_questions_are_not():
    asks = [lesson(one).question for one in readers(400, 5)]
    talk = small_talk(one.masked for one in asks)
    assert "my daughter reads a lot" in talk or "my daughter reads a lot by the way" in talk
    assert "what do i owe you" not in talk
    seen = Question(
        masked="Dear library, what do I owe you? Could you call me under phone , please?"
    )
    assert bare(seen, talk).masked == "what do I owe you?"
    assert bare(seen, talk).asks == 1


def test_a_state_is_shared_over_wordings():
    """One wording was only approved for what is shipped, another for both states."""
    rows = [(n, "shipped" if n % 2 else "placed") for n in range(1_000_000, 1_000_024)]
    taught = [
        example(n, f"Where is my order HO-{n} now?", row := order(n, state), said_of(row))
        for n, state in rows
    ] + [
        example(n, f"Where is my order HO-{n} now, I wonder?", row := order(n), said_of(row))
        for n in range(2_000_000, 2_000_004)
    ]
    made = learn([lesson(one) for one in taught])
    assert {len(template.beside) for template in made.templates} == {1}
    row = order(5_555_555, "placed")
    one = lesson(example(1, "Where is my order HO-5555555 now, I wonder?", row, ""))
    guess = Learned(made.templates, made.entries, made.talk).best(one.asked, one.context)
    assert guess.text == said_of(row)


@pytest.mark.parametrize(("same", "lets"), [(True, ("follows",)), (False, ())])
def test_following_is_let_pass_where_it_made_no_difference(same, lets):
    taught = []
    for number in range(24):
        one = example(number, "Do you take gift cards?", order(number + 10**6), "Yes, everywhere.")
        if number >= 12:
            earlier = ({"role": "user", "content": "Hello"}, {"role": "assistant", "content": "Hi"})
            answer = one.answer if same or number % 2 else ""
            fields = {name: getattr(one, name) for name in one.__struct_fields__}
            fields |= {"messages": (*earlier, *one.messages), "answer": answer}
            one = type(one)(**fields)
        taught.append(lesson(one))
    assert learn(taught).eased == lets
    assert eased([], []) == ()
