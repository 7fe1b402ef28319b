"""Whatever is found in an answer is written again just so; and nothing else is written."""

from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from freehold.text.slots.context import Context
from freehold.text.slots.filling import Slot, fill
from freehold.text.slots.finding import Origin, find
from freehold.text.slots.forms import write, writings
from freehold.text.slots.rows import Asked

days = st.dates(date(1990, 1, 1), date(2090, 12, 31)).map(date.isoformat)
amounts = st.integers(0, 10_000_000).map(lambda cents: f"${cents / 100:,.2f}")
names = st.text(st.characters(categories=("Lu", "Ll", "Nd", "Pd", "Zs")), min_size=1, max_size=30)
hostile = st.text(max_size=50)
values = st.one_of(days, amounts, names, hostile, st.integers(-10, 10**9), st.floats(0, 1e6),
                   st.none(), st.booleans())  # fmt: skip
fields = st.sampled_from(["order_id", "total_cents", "max_discount_bp", "percent", "name", "on"])
rows = st.dictionaries(fields, values, max_size=6)


@given(fields, values)
def test_a_form_writes_what_it_says(field, value):
    for form, text in writings(field, value):
        assert write(field, value, form) == text


@given(rows, st.lists(fields, max_size=4), st.text(max_size=20), st.data())
def test_filling_what_was_found_gives_the_answer_back(row, used, between, data):
    """fill ∘ extract is the identity, whichever of the origins is taken."""
    context = Context({"orders": (row,)})
    asked = Asked("where is it?")
    written = [data.draw(st.sampled_from(w)) for f in used if (w := writings(f, row.get(f)))]
    answer = between.join(["It is", *(text for _, text in written), "today."])
    marks = find(answer, context, asked)
    done, again = 0, []
    for mark in marks:
        assert answer[mark.start : mark.end] == mark.text
        again += [answer[done : mark.start], mark.text]
        done = mark.end
        for origin in mark.origins:
            text = fill(Slot(any=(origin,)), context, asked)
            assert text in (mark.text, None)  # nothing rather than what may not be shown
            if mark.text.isprintable() and mark.text.strip():
                assert text == mark.text
    assert "".join([*again, answer[done:]]) == answer


@given(st.lists(rows, min_size=1, max_size=4), st.text(max_size=40), st.data())
def test_a_slot_says_nothing_that_its_field_does_not(some, question, data):
    context = Context({"orders": tuple(some)})
    asked = Asked(question)
    for mark in find(" / ".join(str(v) for row in some for v in row.values()), context, asked):
        origin = data.draw(st.sampled_from(sorted(mark.origins)))
        text = fill(Slot(any=(origin,)), context, asked)
        if text is not None:
            assert any(
                (origin.form, text) in writings(origin.field, row.get(origin.field))
                or text in str(row.get(origin.field))
                for row in some
            )


@pytest.mark.parametrize(
    ("field", "value", "text"),
    [
        ("on", "2025-03-03", "March 3"), ("on", "2025-03-03", "March 3rd, 2025"),
        ("on", "2025-03-03", "3. März"), ("on", "2025-03-03", "3 de marzo de 2025"),
        ("on", "2025-03-03T10:00:00Z", "3/3/2025"), ("on", "2025-03-03", "Monday, March 3"),
        ("total", 12.5, "$12.50"), ("total", "$12.50", "12.50 USD"),
        ("total_cents", 1250, "$12.50"),
        ("total_cents", 125000, "$1,250.00"), ("total", "€12.50", "12,50 €"),
        ("total", "$12.00", "$12"),
        ("quantity", 2, "two"), ("quantity", "2", "zwei"), ("max_discount_bp", 1500, "15 %"),
        ("percent", "7.5", "7.5%"), ("discount", "15 %", "15 percent"),
        ("state", "not_sent", "not sent"),
        ("state", "Shipped", "shipped"),
    ],
)  # fmt: skip
def test_usual_forms(field, value, text):
    assert text in [written for _, written in writings(field, value)]


def test_a_truth_is_no_number():
    """Though they are equal, and remembered."""
    assert writings("quantity", True) == ()
    assert ("text:", "1") in writings("quantity", 1)


@pytest.mark.parametrize("value", ["2025-02-30", "2025-13-01", "soon", "", None, True])
def test_no_day(value):
    assert write("on", value, "date:en:March 3") is None


@pytest.mark.parametrize(
    "value", ["N/A", "n/a", "-", "—", "none", "None", "unknown", "(unknown)", "TBD", " null ", "?"]
)
def test_what_stands_for_nothing_fills_nothing(value):
    origin = Origin("claims", "only", "handler", "text:")
    context = Context({"claims": ({"handler": value},)})
    asked = Asked("who handles my claim?")
    assert fill(Slot(any=(origin,)), context, asked) is None
    approved = Slot(any=(origin,), among=(value,))
    assert fill(approved, context, asked) == value, "experts have approved it as a state"


@pytest.mark.parametrize("value", ["Ida Voss", "Nona", "Una Known", "-5", "missing"])
def test_what_only_looks_like_nothing_fills_a_slot(value):
    context = Context({"claims": ({"handler": value},)})
    slot = Slot(any=(Origin("claims", "only", "handler", "text:"),))
    assert fill(slot, context, Asked("who handles my claim?")) == value
