"""What a call costs: integers only, rounded up once, at the end."""

from freehold.core.handoffs import Usage
from freehold.core.spec import LongPrice, ModelSpec

PICO = 1000
"""Pico-units in a nano-unit."""
_NANO = 1_000_000_000


def money(nano: int) -> str:
    """Nano-units as money, for people: ``0.0042``."""
    sign, size = "-" if nano < 0 else "", abs(nano)
    return f"{sign}{size // _NANO}.{size % _NANO:09d}".rstrip("0").removesuffix(".")


def cost_nano(model: ModelSpec, usage: Usage) -> int:
    """Nano-units of the bundle's currency for what was used.

    Reasoning tokens are output. Cached tokens that a provider counts beyond its own prompt are
    not believed; the rest of the prompt then has the plain price.
    """
    prompt, completion = usage.prompt_tokens, usage.completion_tokens
    rates: ModelSpec | LongPrice = model
    if model.long_price is not None and prompt > model.long_price.over:
        rates = model.long_price
    plain_pico = rates.input_price_nano * PICO
    cached = min(max(usage.cached_tokens, 0), prompt)
    written = min(max(usage.cache_write_tokens, 0), prompt - cached)
    pico = (prompt - cached - written) * plain_pico + completion * rates.output_price_nano * PICO
    if cached:
        rate = rates.cached_price_pico
        pico += cached * (plain_pico if rate is None else rate)
    if written:
        pico += written * _write_pico(model, plain_pico)
    return -(-pico // PICO)


def worst_nano(model: ModelSpec, prompt: int, completion: int) -> int:
    """The most that a call with at most so many tokens can cost: nothing cached, or all written."""
    if model.cache_write_price_pico is None and model.long_price is None:
        return prompt * model.input_price_nano + completion * model.output_price_nano
    plain = cost_nano(model, Usage(prompt_tokens=prompt, completion_tokens=completion))
    if model.cache_write_price_pico is None:
        return plain
    written = Usage(prompt_tokens=prompt, completion_tokens=completion, cache_write_tokens=prompt)
    return max(plain, cost_nano(model, written))


def _write_pico(model: ModelSpec, plain_pico: int) -> int:
    """A long prompt's writes cost as many times more as its other input."""
    rate = model.cache_write_price_pico
    if rate is None:
        return plain_pico
    base = model.input_price_nano * PICO
    return rate if plain_pico == base or not base else -(-rate * plain_pico // base)
