"""LiteLLM's guardrails as detectors of a bundle, as far as there are any of the kind."""

from collections.abc import Iterator, Sequence
from typing import Any

from freehold.services.litellm_address import Tell
from freehold.services.litellm_nodes import Node

_PII = {"presidio", "pii_masking"}
_SECRETS = {"hide-secrets", "hide_secrets"}
_INJECTION = {"lakera", "lakera_v2", "lakera_prompt_injection", "detect_prompt_injection",
              "prompt_injection", "prompt_injection_params"}  # fmt: skip
_ENTITIES = {
    "CREDIT_CARD": "pii.card",
    "CRYPTO": "pii.crypto",
    "DATE_TIME": "pii.date",
    "EMAIL_ADDRESS": "pii.email",
    "IBAN_CODE": "pii.iban",
    "IP_ADDRESS": "pii.ip",
    "LOCATION": "pii.place",
    "MAC_ADDRESS": "pii.mac",
    "NRP": "pii.nationality",
    "ORGANIZATION": "pii.organisation",
    "PERSON": "pii.person",
    "PHONE_NUMBER": "pii.phone",
    "US_DRIVER_LICENSE": "pii.licence",
    "US_PASSPORT": "pii.passport",
    "US_SSN": "pii.us_ssn",
}
"""Presidio's entities; those of one country's numbers are `pii.national_id`."""
_COUNTRIES = ("UK_", "ES_", "IT_", "PL_", "SG_", "AU_", "IN_", "FI_", "KR_", "TH_")
_ACTIONS = {"BLOCK": "block", "MASK": "redact"}
Detectors = dict[str, dict[str, Any]]


def guardrails(holders: Sequence[Node], tell: Tell) -> Detectors:
    """Detector, or `group.*`, → how it is used."""
    made: Detectors = {}
    for holder in holders:
        listed = holder.take("guardrails")
        for node in listed.items() if listed is not None else ():
            for kind, params in _kinds(node):
                _detect(made, kind, node, params, tell)
        injection = holder.take("prompt_injection_params")
        if injection is not None:
            _detect(made, "prompt_injection", injection, None, tell)
    return made


def _kinds(node: Node) -> Iterator[tuple[str, Node | None]]:
    """What checks, with its settings; all of it is told with the guardrail."""
    params = node.take("litellm_params")
    if params is not None:
        node.take("guardrail_name")
        for _ in params.entries():
            pass
        yield params.text("guardrail"), params
        return
    for _, older in node.entries():  # the older form: a name, and callbacks
        called = older.take("callbacks")
        for one in called.items() if called is not None else ():
            yield str(one.value), None


def _detect(made: Detectors, kind: str, node: Node, params: Node | None, tell: Tell) -> None:
    if kind in _PII:
        said = _personal(made, params, tell)
    elif kind in _SECRETS:
        made["secret.*"] = {"mode": "enforce", "action": "redact"}
        said = "`secret.*` redacts here"
    elif kind in _INJECTION:
        for name in ("injection.patterns", "injection.model"):
            made[name] = {"mode": "observe", "action": "annotate"}
        said = "`injection.patterns` and `injection.model` observe here"
    else:
        do = "write a rule, or use a model as a guard, or install a detector"
        tell(node, "left_out", f"guardrail `{kind}` has no counterpart here", do)
        return
    tell(node, "changed", said, "try it on your own texts before you rely on it")


def _personal(made: Detectors, params: Node | None, tell: Tell) -> str:
    """Each entity with the action that the file names; without any, all of them redact."""
    listed = params.take("pii_entities_config") if params is not None else None
    named = list(listed.entries()) if listed is not None else []
    if not named:
        made["pii.*"] = {"mode": "enforce", "action": "redact"}
        return "`pii.*` redacts here, with detectors of its own"
    for entity, action in named:
        detector = _ENTITIES.get(entity)
        if detector is None and entity.startswith(_COUNTRIES):
            detector = "pii.national_id"
        wanted = _ACTIONS.get(str(action.value).upper())
        if detector is None or wanted is None:
            tell(action, "left_out", f"`{entity}: {action.value}` has no counterpart here")
        elif made.get(detector, {}).get("action") != "block":  # of two, the stricter one holds
            made[detector] = {"mode": "enforce", "action": wanted}
    return "each entity with its action, found by detectors of Freehold's own"
