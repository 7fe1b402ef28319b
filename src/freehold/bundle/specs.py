"""Sections of the bundle as the specs of the request path: one function each, one to one."""

from collections.abc import Iterable
from decimal import Decimal

import msgspec

from freehold.bundle import schema
from freehold.bundle.rule import Do, Rule
from freehold.bundle.voice import Voice
from freehold.core.decisions import MILLION
from freehold.core.spec import (
    DetectorSetting,
    Disclaimer,
    IdentitySpec,
    ModelSpec,
    Obligation,
    PurposeScope,
    RuleSpec,
    SourceSpec,
    ToneSpec,
    VoiceSpec,
)


def model_spec(model_id: str, model: schema.Model, base_url: str) -> ModelSpec:
    """A model, with prices in nano-units per token."""
    return ModelSpec(
        id=model_id,
        provider=model.provider,
        base_url=base_url.rstrip("/"),
        upstream_model=model.upstream_model or model_id,
        api_key_ref=model.api_key,
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
        trains_on_data=model.trains_on_data,
        timeout_ms=model.timeout_ms,
        first_token_ms=model.first_token_ms,
        retries=model.retries,
        version=model.version,
        simulated=model.simulated,
    )


def price_nano(per_million_tokens: float) -> int:
    """Nano-units per token: three decimals of a price per million tokens are exact."""
    return round(Decimal(repr(per_million_tokens)) * 1000)


def source_spec(source_id: str, source: schema.Source, url: str) -> SourceSpec:
    """A source of context."""
    return SourceSpec(
        id=source_id,
        type=source.type,
        url=_database(url),
        title=source.title,
        query=source.query,
        method=source.method,
        headers=dict(source.headers),
        bind=dict(source.bind),
        when=source.when,
        public=source.public,
        labels=frozenset(source.labels),
        trusted=source.trusted,
        required=source.required,
        deadline_ms=source.deadline_ms,
        max_rows=source.max_rows,
        max_chars=source.max_chars,
    )


def _database(url: str) -> str:
    """``sqlite:shop.db`` as the address that database adapters know: ``sqlite:///shop.db``."""
    if url.startswith("sqlite:") and not url.startswith("sqlite:///"):
        return f"sqlite:///{url.removeprefix('sqlite:')}"
    return url


def rule_spec(rule_id: str, rule: Rule) -> RuleSpec:
    """A rule with its obligations, in the order in which they are written."""
    return RuleSpec(
        id=rule_id,
        version=rule.version,
        phase=rule.phase,
        when=rule.when,
        obligations=tuple(_obligation(do) for do in rule.do),
        mode=rule.mode,
        needs=rule.needs,
        owner=rule.owner,
        why=rule.why,
        public=rule.public,
    )


def _obligation(do: Do) -> Obligation:
    if do.require_approval is not None:
        return Obligation(action="require_approval", role=do.require_approval.role)
    if do.rewrite is not None:
        return Obligation(action="rewrite", template=do.rewrite.template)
    if do.redact is not None:
        return Obligation(
            action="redact", labels=frozenset(do.redact.labels), facts=frozenset(do.redact.facts)
        )
    if do.annotate is not None:
        return Obligation(action="annotate", tag=do.annotate.tag)
    return Obligation(action="block")


def scope_spec(scope: schema.AppScope | None) -> PurposeScope | None:
    """What an app is for, by example."""
    if scope is None:
        return None
    return PurposeScope(
        inside=tuple(scope.inside),
        outside=tuple(scope.outside),
        threshold=round(scope.threshold * MILLION),
    )


def voice_spec(voice: Voice) -> VoiceSpec:
    """How an app speaks; a tone without limits is none."""
    tone = ToneSpec(
        shouting=voice.tone.shouting,
        emoji=voice.tone.emoji,
        exclamation_marks=voice.tone.exclamation_marks,
        not_first_person=frozenset(voice.tone.not_first_person),
        max_sentence_words=voice.tone.max_sentence_words,
    )
    return VoiceSpec(
        banned=tuple(dict.fromkeys(voice.banned)),
        competitors=tuple(dict.fromkeys(voice.competitors)),
        tone=None if tone == ToneSpec() else tone,
        disclaimers=tuple(Disclaimer(text=d.text, when=d.when) for d in voice.disclaimers),
    )


def voiced(
    detectors: tuple[DetectorSetting, ...], voice: VoiceSpec | None
) -> tuple[DetectorSetting, ...]:
    """The detectors with what they look for; those of a voice that the app does not have go."""
    found = []
    for setting in detectors:
        if not setting.id.startswith("voice."):
            found.append(setting)
        elif voice is not None:
            phases = setting.phases & {"answer"}
            found.append(msgspec.structs.replace(setting, voice=voice, phases=phases))
    return tuple(found)


def issuer_spec(issuer_id: str, issuer: schema.Issuer, attributes: Iterable[str]) -> IdentitySpec:
    """A token issuer that is believed; an attribute without a claim of its own has its name's."""
    return IdentitySpec(
        id=issuer_id,
        issuer=issuer.issuer,
        audience=issuer.audience,
        jwks=issuer.jwks,
        algorithms=tuple(issuer.algorithms),
        roles_claim=issuer.roles_claim,
        clearances_claim=issuer.clearances_claim,
        tenant_claim=issuer.tenant_claim,
        tenant=issuer.tenant or "",
        attribute_claims={name: name for name in attributes} | issuer.attribute_claims,
    )
