"""Figures of responders: a wording's draw and a speed as rows of the page."""

from benchmarks import responder_speed, responder_wordings


def test_wordings_tell_wrong_answers_by_all_that_was_asked():
    draw = {"data": "bank", "learned": 1500, "asked": 200, "answerable": 100, "given": 50,
            "right": 45, "left": 2}  # fmt: skip
    row = responder_wordings.table([draw]).splitlines()[-1]
    assert row == "| bank | 1,500 | 200 | 50.0 % | 25.0 % | 90.0 % | 2.5 % | 1.0 % |"


def test_speed_is_told_in_ratios():
    found = {"templates": [5, 50], "megabytes": [0.1, 1.0], "few_of_embed": 3.0,
             "many_of_few": 1.5, "load_few_of_asks": 0.5, "load_many_of_asks": 5.0,
             "asks": 40}  # fmt: skip
    few, many = responder_speed.table(found).splitlines()[2:]
    assert few.endswith("| 0.1 MB | 3.0 times its question's vector | 20 answers |")
    assert many.endswith("| 1.0 MB | 1.5 times that | 200 answers |")


def test_files_for_speed_hold_three_questions_for_each_template():
    data, asked = responder_speed.made(20)
    assert len(data.splitlines()) == 1 + 20 + 60
    assert len(asked) == 40
    assert all("HO-1000003" in text for text in asked)
