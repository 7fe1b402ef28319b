"""Dates of birth, as an airline's profiles, agents and customers write them."""

from functools import cache

import pytest

from freehold.core.ask import Message
from freehold.stages.governance.placeholders import canonical
from freehold.stages.governance.scanner import Scanner
from tests.stages.governance import kit


@cache
def only() -> Scanner:
    return kit.scanner("pii.birth_date")


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ('{"dob": "1990-04-05", "membership": "gold"}', "1990-04-05"),
        ('"{\\"dob\\": \\"1990-04-05\\"}"', "1990-04-05"),
        ('{"date_of_birth":"05/04/1990"}', "05/04/1990"),
        ('{"dateOfBirth": "1990-04-05"}', "1990-04-05"),
        ("Ann Lee (DOB: 1990-04-05)", "1990-04-05"),
        ("- **Date of Birth:** April 5, 1990\n", "April 5, 1990"),
        ("Ann Lee, Date of Birth - 1990-04-05", "1990-04-05"),
        ("Her date of birth is April 5th, 1990.", "April 5th, 1990"),
        ("Ann Lee, born on the 5 April 1990, flies too", "5 April 1990"),
        ("Ann Lee, DOB 1990-04-05.", "1990-04-05"),
        ("my birthday is 5/4/90", "5/4/90"),
        ("Ann Lee, geb. am 5.4.1990", "5.4.1990"),
    ],
)
def test_found(text: str, value: str) -> None:
    assert kit.found(text, only()) == [("birth_date", value)]


@pytest.mark.parametrize(
    "text",
    [
        "The flight leaves on 2024-05-20.",
        "Please give a date of birth for each passenger on 2024-05-20",
        "a birthday trip on May 20, 2024",
        "DOB (in the form YYYY-MM-DD)",
        "Newborn? She was born. 2024-05-20 is the flight.",
        "reborn on 2024-05-20",
        "dob 1990-04-0512",
        '{"dob": "from your profile", "date": "2024-05-20"}',
    ],
)
def test_not_found(text: str) -> None:
    assert kit.found(text, only()) == []


def test_one_day_is_one_day_however_it_is_written() -> None:
    forms = ("1990-04-05", "April 5, 1990", "5 April 1990", "Apr 5th, 1990", "1990/4/5")
    assert {canonical("birth_date", form) for form in forms} == {"1990-04-05"}
    assert canonical("birth_date", "5/4/90") == canonical("birth_date", "5-4-90")


def test_each_form_of_a_day_comes_back_as_it_was() -> None:
    """A tool wants 1990-04-05 where the customer wrote it out."""
    gov = kit.governance()
    profile = Message(role="tool", content='{"dob": "1990-04-05"}', tool_call_id="c")
    _, sendable = kit.travel(gov, kit.prepared("I was born on April 5, 1990.", profile))
    assert sorted(sendable.restorations.values()) == ["1990-04-05", "April 5, 1990"]


def test_a_birth_date_from_a_profile_is_hidden_and_put_back() -> None:
    gov = kit.governance()
    profile = Message(role="tool", content='{"dob": "1990-04-05"}', tool_call_id="c")
    request = kit.prepared("Book it for me, please.", profile)
    _, sendable = kit.travel(gov, request)
    sent = sendable.messages[-1].content
    assert "1990" not in sent
    (placeholder,) = sendable.restorations
    assert placeholder in sent
    arrival = request.admitted.arrival
    said = f"For Ann (DOB: {placeholder})?"
    for cuts in ([], list(range(1, len(said)))):
        assert kit.stream(gov, sendable, said, cuts, arrival)[1] == "For Ann (DOB: 1990-04-05)?"


def test_the_same_day_in_other_words_is_no_leak_another_day_is() -> None:
    gov = kit.governance()
    request = kit.prepared("I was born on April 5, 1990.")
    _, sendable = kit.travel(gov, request)
    arrival = request.admitted.arrival
    for said, heard in (
        ("DOB: 1990-04-05.", "DOB: 1990-04-05."),
        ("DOB: 1991-11-30.", "DOB: [birth date removed]."),
    ):
        for cuts in ([], list(range(1, len(said)))):
            assert kit.stream(gov, sendable, said, cuts, arrival)[1] == heard
