"""What a call costs, to the nano-unit."""

from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from freehold.core.handoffs import Usage
from freehold.core.prices import cost_nano, money, worst_nano
from freehold.core.spec import LongPrice
from tests.providers.made import model

counts = st.integers(0, 10_000_000)
prices = st.integers(0, 100_000_000)


def test_cached_tokens_are_parts_of_the_prompt():
    priced = model(
        input_price_nano=3_000,
        output_price_nano=15_000,
        cached_price_pico=300_000,
        cache_write_price_pico=3_750_000,
    )
    usage = Usage(
        prompt_tokens=1_000, completion_tokens=100, cached_tokens=700, cache_write_tokens=200
    )
    assert cost_nano(priced, usage) == 100 * 3_000 + 700 * 300 + 200 * 3_750 + 100 * 15_000


def test_without_a_price_of_their_own_cached_tokens_cost_what_others_do():
    priced = model(input_price_nano=7)
    assert cost_nano(priced, Usage(prompt_tokens=10, cached_tokens=10)) == 70


def test_reasoning_tokens_are_output_and_counted_once():
    priced = model(output_price_nano=10)
    assert cost_nano(priced, Usage(completion_tokens=500, reasoning_tokens=400)) == 5_000


def test_a_fraction_of_a_nano_unit_is_rounded_up_once():
    priced = model(input_price_nano=35, cached_price_pico=8_750)  # $0.00875 for a million
    assert cost_nano(priced, Usage(prompt_tokens=1, cached_tokens=1)) == 9
    assert cost_nano(priced, Usage(prompt_tokens=4, cached_tokens=4)) == 35
    assert cost_nano(priced, Usage(prompt_tokens=1_000_001, cached_tokens=1_000_000)) == 8_750_035


def test_every_token_of_a_long_prompt_has_the_long_price():
    long = LongPrice(over=200_000, input_price_nano=2_500, output_price_nano=15_000)
    priced = model(input_price_nano=1_250, output_price_nano=10_000, long_price=long)
    assert cost_nano(priced, Usage(prompt_tokens=200_000, completion_tokens=1)) == 250_010_000
    assert cost_nano(priced, Usage(prompt_tokens=200_001, completion_tokens=1)) == 500_017_500


@pytest.mark.parametrize(
    "usage",
    [
        Usage(prompt_tokens=10, cached_tokens=99),
        Usage(prompt_tokens=10, cached_tokens=9, cache_write_tokens=99),
        Usage(prompt_tokens=10, cached_tokens=-5),
    ],
)
def test_more_cached_tokens_than_there_are_make_nothing_negative(usage):
    priced = model(input_price_nano=10, cached_price_pico=1_000, cache_write_price_pico=12_500)
    assert 10 <= cost_nano(priced, usage) <= 125


@given(prompt=counts, cached=counts, written=counts, out=counts, per=st.tuples(*[prices] * 4))
def test_cost_is_the_exact_sum_and_never_above_the_worst_case(prompt, cached, written, out, per):
    cached, written = min(cached, prompt), min(written, max(prompt - cached, 0))
    price, read, write, said = per
    read = min(read, price * 1000)
    priced = model(
        input_price_nano=price,
        output_price_nano=said,
        cached_price_pico=read,
        cache_write_price_pico=write,
    )
    usage = Usage(
        prompt_tokens=prompt,
        completion_tokens=out,
        cached_tokens=cached,
        cache_write_tokens=written,
    )
    exact = (
        Fraction((prompt - cached - written) * price + out * said)
        + Fraction(cached * read, 1000)
        + Fraction(written * write, 1000)
    )
    assert 0 <= cost_nano(priced, usage) - exact < 1
    assert cost_nano(priced, usage) <= worst_nano(priced, prompt, out)


@pytest.mark.parametrize(
    ("nano", "said"),
    [(0, "0"), (1, "0.000000001"), (2_500_000, "0.0025"), (10**9, "1"), (20 * 10**9, "20"),
     (-4_200_000, "-0.0042"), (2**70, "1180591620717.411303424")],
)  # fmt: skip
def test_nano_units_are_told_as_money(nano: int, said: str) -> None:
    assert money(nano) == said
