"""Sections of the bundle as the specs of the request path: one function each, one to one."""

import json
from collections.abc import Iterable, Mapping
from hashlib import sha256
from typing import Literal

import msgspec

from freehold.bundle import schema
from freehold.bundle.application import AppScope
from freehold.bundle.detectors import Installed, OwnDetector
from freehold.bundle.names import REDACTABLE_LABELS
from freehold.bundle.rule import Do, Rule
from freehold.bundle.tools import Member, Tool
from freehold.bundle.voice import Voice
from freehold.core.decisions import MILLION
from freehold.core.spec import (
    ClassifierSpec,
    DetectorSetting,
    Disclaimer,
    FieldSpec,
    GuardSpec,
    IdentitySpec,
    InstalledSpec,
    ModelSpec,
    Obligation,
    PurposeScope,
    RuleSpec,
    SourceSpec,
    ToneSpec,
    ToolSpec,
    VoiceSpec,
)

OwnSpec = GuardSpec | ClassifierSpec | InstalledSpec


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
        needs=_needs(rule),
        late=rule.late,
        owner=rule.owner,
        why=rule.why,
        public=rule.public,
        private_limits=rule.limits == "private",
    )


def _needs(rule: Rule) -> Literal["sentence", "whole"]:
    """A rule on streams judges sentences; JSON is known when it has ended."""
    if rule.phase == "stream":
        return "sentence"
    return "whole" if "answer.json" in rule.when else rule.needs


def _obligation(do: Do) -> Obligation:
    if do.require_approval is not None:
        return Obligation(action="require_approval", role=do.require_approval.role)
    if do.rewrite is not None:
        return Obligation(action="rewrite", template=do.rewrite.template)
    if do.redact is not None:
        return Obligation(
            action="redact",
            labels=frozenset(do.redact.labels),
            facts=frozenset(do.redact.facts),
            arguments=tuple(do.redact.arguments),
        )
    if do.allow is not None:
        return Obligation(action="allow", arguments=tuple(do.allow.arguments))
    if do.annotate is not None:
        return Obligation(action="annotate", tag=do.annotate.tag)
    return Obligation(action="block")


def tool_spec(name: str, tool: Tool) -> ToolSpec:
    """What is known of a tool."""
    return ToolSpec(name=name, arguments=field_specs(tool.arguments), trusted=tool.trusted)


def redactable(labels: Mapping[str, schema.Label]) -> frozenset[str]:
    """The labels whose values are redacted: the built-in ones, but as the bundle says otherwise."""
    own = {name for name, label in labels.items() if label.redactable}
    return frozenset((REDACTABLE_LABELS | own) - (labels.keys() - own))


def field_specs(members: Mapping[str, Member]) -> tuple[FieldSpec, ...]:
    """Declared members of JSON, in the order in which they are written."""
    return tuple(
        FieldSpec(
            path=path,
            type=member.type,
            unit=member.unit,
            default=tuple(member.default) if isinstance(member.default, list) else member.default,
        )
        for path, member in members.items()
    )


def scope_spec(scope: AppScope | None) -> PurposeScope | None:
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


def owned(
    detectors: tuple[DetectorSetting, ...], own: Mapping[str, OwnSpec]
) -> tuple[DetectorSetting, ...]:
    """The detectors, with what those are that the bundle itself declares."""
    if not own:
        return detectors
    return tuple(
        msgspec.structs.replace(setting, own=own[setting.id]) if setting.id in own else setting
        for setting in detectors
    )


def own_spec(
    detector: OwnDetector, models: Mapping[str, ModelSpec], digests: Mapping[str, str]
) -> OwnSpec:
    """What a detector is that Freehold does not ship. ``digests``: SHA-256 by file."""
    if detector.guard is not None:
        guard = detector.guard
        model = models[guard.model]
        where = (model.provider, model.base_url, model.upstream_model, model.version)
        return GuardSpec(
            model=guard.model,
            model_digest=sha256(repr(where).encode()).hexdigest()[:12],
            style=guard.style,
            prompt=guard.prompt,
            categories=tuple(sorted(guard.categories.items())),
            ignore=frozenset(guard.ignore),
            label=guard.label,
            deadline_ms=guard.deadline_ms,
            max_chars=guard.max_chars,
            max_parts=guard.max_parts,
        )
    if detector.classifier is not None:
        file = detector.classifier.file
        label = detector.classifier.label or ""
        return ClassifierSpec(file=file, digest=digests.get(file, ""), label=label)
    installed = detector.installed or Installed.model_validate({})
    return InstalledSpec(
        label=installed.label or "",
        deadline_ms=installed.deadline_ms,
        options=options_text(installed),
    )


def options_text(installed: Installed) -> str:
    """A detector's options as one JSON text, the same for the same options."""
    return json.dumps(installed.options, sort_keys=True, ensure_ascii=False)


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
