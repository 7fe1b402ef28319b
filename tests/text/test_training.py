"""Training a head from labelled texts: what it learns, and what it says of itself."""

import numpy as np
import pytest

from freehold.text.heads import Head
from freehold.text.training import draw, train_head
from freehold.text.vectors import vector

ITEMS = "kettle toaster lamp sofa tent bike drill phone jacket desk mattress blender".split()
LEGAL = [f"I will sue you over the {item}, my lawyer writes tomorrow" for item in ITEMS]
PRESS = [f"I am a reporter and write an article about your {item}" for item in ITEMS]
PLAIN = [f"where is the {item} that I ordered" for item in ITEMS]
PLAIN += [f"can I return the {item} without a receipt" for item in ITEMS]
TEXTS = LEGAL + PRESS + PLAIN
LABELS = ["legal"] * len(LEGAL) + ["press"] * len(PRESS) + [None] * len(PLAIN)


def said(head: Head, text: str) -> dict[str, bool]:
    return {one.label: one.score >= 500_000 for one in head.judge_all(vector(text))}


def test_each_label_is_learned_against_all_else() -> None:
    head = train_head(TEXTS, LABELS, name="escalation")
    assert head.header.labels == ("legal", "press")
    assert said(head, "my lawyer will sue you") == {"legal": True, "press": False}
    assert said(head, "a reporter who writes an article") == {"legal": False, "press": True}
    assert said(head, "where is my carpet") == {"legal": False, "press": False}


def test_the_same_texts_make_the_same_file() -> None:
    assert train_head(TEXTS, LABELS).version == train_head(TEXTS, LABELS).version


def test_what_it_says_of_itself_was_measured_on_texts_held_back() -> None:
    # labels without any pattern: whoever measures on the texts that trained sees far too much
    dice = np.random.default_rng(3)
    words = [" ".join(dice.choice(ITEMS, 6)) for _ in range(300)]
    labels = [str(label) if label else None for label in dice.choice(["", "odd"], 300)]
    measured = train_head(words, labels, false_alarms=0.1).header.trained["held_back"]["odd"]
    assert measured["recall"] < 0.4
    assert measured["false_positive_rate"] <= 0.1


def test_near_copies_are_not_held_back_from_each_other() -> None:
    dice = np.random.default_rng(5)
    words = [" ".join(dice.choice(ITEMS, 16)) for _ in range(60)]
    labels = [str(label) if label else None for label in dice.choice(["", "odd"], 60)]
    copies = [f"{text} {n}" for n in range(4) for text in words]
    measured = train_head(copies, labels * 4, false_alarms=0.1).header.trained["held_back"]["odd"]
    assert measured["recall"] < 0.5


def test_what_is_hidden_in_a_long_text_trains_and_is_found() -> None:
    page = "Items may be returned within thirty days with a receipt. " * 30
    texts = [f"{page} {text} {page}" for text in LEGAL] + [page + text for text in PLAIN]
    head = train_head(texts, ["legal"] * len(LEGAL) + [None] * len(PLAIN))
    found = head.judge(vector(f"{page}{page} I will sue you, my lawyer writes {page}"))
    assert found.score >= 500_000
    assert found.start <= 2 * len(page) <= found.end


def test_the_threshold_keeps_to_the_false_alarms_and_lies_in_the_gap() -> None:
    logits = np.array([3, 2, 1, 0.5, -1, -2, -3, -4], np.float32)
    yes = np.array([1, 1, 0, 1, 0, 0, 0, 0], np.bool_)
    line, measured = draw(logits, yes, 0.0)
    assert line == 1.5
    assert measured["recall"] == 0.6667
    line, measured = draw(logits, yes, 0.2)
    assert line == -0.25
    assert measured["false_positive_rate"] == 0.2


@pytest.mark.parametrize(
    ("texts", "labels", "why"),
    [
        (TEXTS, LABELS[:-1], "one label"),
        (PLAIN, [None] * len(PLAIN), "texts with a label"),
        (LEGAL, ["legal"] * len(LEGAL), "without the label legal, there are 0"),
        (TEXTS, ["Not/A Name", *LABELS[1:]], "other characters"),
        (["same"] * 20 + PLAIN, ["x"] * 20 + [None] * len(PLAIN), "different texts .* are 1"),
    ],
)
def test_what_can_not_train_is_refused(texts: list[str], labels: list[str], why: str) -> None:
    with pytest.raises(ValueError, match=why):
        train_head(texts, labels)
