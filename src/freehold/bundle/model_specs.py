"""Models as the request path sees them: prices as integers, references still references."""

import json
from collections.abc import Mapping
from decimal import Decimal

from freehold.bundle.ceilings import limits
from freehold.bundle.model import Model
from freehold.core.decisions import MILLION
from freehold.core.limits import Scope
from freehold.core.spec import LocalSpec, LongPrice, ModelSpec


def model_spec(
    model_id: str, model: Model, base_url: str, digests: Mapping[str, str] | None = None
) -> ModelSpec:
    """A model, with prices in nano-units per token. ``digests``: SHA-256 by file."""
    long = model.price.long
    return ModelSpec(
        id=model_id,
        provider=model.provider,
        base_url=base_url.rstrip("/"),
        upstream_model=model.upstream_model or model_id,
        api_key_ref=model.api_key,
        aws=_aws(model),
        local=_local(model, digests or {}),
        headers=dict(model.headers),
        query=dict(model.query),
        clearances=frozenset(model.clearances),
        certifications=frozenset(model.certifications),
        region=model.region,
        capabilities=frozenset(model.capabilities),
        context_window=model.context_window,
        max_output_tokens=model.max_output_tokens,
        input_price_nano=price_nano(model.price.input),
        output_price_nano=price_nano(model.price.output),
        cached_price_pico=_price_pico(model.price.cached_input),
        cache_write_price_pico=_price_pico(model.price.cache_write),
        long_price=None
        if long is None
        else LongPrice(
            over=long.over,
            input_price_nano=price_nano(long.input),
            output_price_nano=price_nano(long.output),
            cached_price_pico=_price_pico(long.cached_input),
        ),
        trains_on_data=model.trains_on_data,
        timeout_ms=model.timeout_ms,
        first_token_ms=model.first_token_ms,
        deadline_header=model.deadline_header.lower(),
        retries=model.retries,
        version=model.version,
        simulated=model.simulated,
        scope=Scope(id=f"model:{model_id}", limits=limits(model.limits)),
    )


def _aws(model: Model) -> dict[str, str]:
    """What is said of its credentials; references stay references."""
    if model.aws is None:
        return {}
    said = {name: value for name, value in model.aws.model_dump().items() if value}
    return {name: "true" if value is True else str(value) for name, value in said.items()}


def _local(model: Model, digests: Mapping[str, str]) -> LocalSpec | None:
    local = model.local
    if local is None:
        return None
    return LocalSpec(
        kind=local.kind,
        file=local.file,
        digest=digests.get(local.file, ""),
        threshold=round(Decimal(repr(local.threshold)) * MILLION),
        options=json.dumps(local.options, sort_keys=True, ensure_ascii=False),
    )


def _price_pico(per_million_tokens: float | None) -> int | None:
    """Pico-units per token: six decimals of a price per million tokens are exact."""
    if per_million_tokens is None:
        return None
    return round(Decimal(repr(per_million_tokens)) * 1_000_000)


def price_nano(per_million_tokens: float) -> int:
    """Nano-units per token: three decimals of a price per million tokens are exact."""
    return round(Decimal(repr(per_million_tokens)) * 1000)
