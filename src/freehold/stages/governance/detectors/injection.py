"""Phrases that try to change a model's instructions: a modest list, meant to be observed."""

from typing import ClassVar

from freehold.core.decisions import Needs
from freehold.stages.governance.detectors.base import PatternDetector, Shape


def _either(words: str) -> str:
    """Words apart by blanks, `_` for a blank, as one group."""
    return "(?:" + "|".join(word.replace("_", " ") for word in words.split()) + ")"


_ALL = r"(?:all |any |the |your |my |these |those |every |of )*"
_EARLIER = _either(
    "previous prior earlier preceding above former original initial existing system last"
)
_ORDERS = _either(
    "instructions? prompts? rules? guidelines? directions? directives? orders? commands?"
    " constraints? programming training messages? context text"
)
_DROP = _either("ignore disregard forget override bypass neglect skip discard drop")
_FREE = _either(
    "unrestricted uncensored unfiltered amoral evil jailbroken free_from not_bound"
    " without_(?:any_)?(?:rules|restrictions|limits|filters|ethic|moral)"
)
_OWN_TEXT = _either("prompts? instructions? system_messages? configuration guidelines")
_TELL = _either("reveal show print repeat output display leak tell_me give_me write recite dump")
_OWN = _either("your its exact full entire whole complete hidden secret initial original system")
_GUARDS = _either("filters? safety guardrails? restrictions safeguards moderation")
_GERMAN = _either("anweisungen aufgaben befehle regeln davor vorher")


def _shape(pattern: str, gate: str, score: int, why: str) -> Shape:
    return Shape(kind="injection", pattern=pattern, gate=gate, score=score, why=why, any_case=True)


_ENGLISH = (
    _shape(
        rf"\b{_DROP}\s+{_ALL}(?:{_EARLIER}\s+)?{_ALL}{_ORDERS}\b",
        rf"\b{_DROP}\s",
        820_000,
        "asks to drop earlier instructions",
    ),
    _shape(
        rf"\b(?:{_DROP}|(?:do not|don't|stop) follow(?:ing)?)\s+"
        r"(?:all |everything |anything |what )+(?:\w+ ){0,4}"
        r"\b" + _either("above before previously earlier so_far told said") + r"\b",
        rf"\b(?:{_DROP}|follow|following)\s",
        780_000,
        "asks to drop what was said before",
    ),
    _shape(
        rf"\b{_TELL}\s+(?:me |us |out |back |all |of |the )*(?:{_OWN} )+{_OWN_TEXT}\b",
        rf"\b{_OWN_TEXT}\b",
        760_000,
        "asks for the instructions themselves",
    ),
    _shape(
        r"\b(?:developer|debug|god|dan|jailbreak|unrestricted|sudo|admin|maintenance)\s+mode\b"
        r"|\bdo anything now\b|\bjail ?break(?:ed|ing)?\b",
        r"\bmode\b|do anything now|jail ?break",
        700_000,
        "names a mode without restrictions",
    ),
    _shape(
        r"\b(?:you are|you're|act|behave|respond|imagine you are|pretend(?: to be| you are)?)\s+"
        rf"(?:now |no longer |going to |as |an? |to |be )*{_FREE}",
        _FREE,
        760_000,
        "asks to play a model without rules",
    ),
    _shape(
        r"\b(?:new|updated|revised|real|actual|important)\s+(?:system )?"
        r"(?:instructions?|rules|task|prompt)\s*(?::|\bare\b|\bfollow)"
        r"|\bfrom now on,? (?:you|your|ignore|act|respond|answer)\b",
        r"\b(?:instructions?|rules|task|prompt)\b|\bfrom now on\b",
        620_000,
        "announces new instructions",
    ),
    _shape(
        rf"\b{_TELL}\s+(?:me |us |out |back )*(?:everything|all|the (?:text|words|lines))\s+"
        r"(?:\w+ )?(?:above|before this|so far|up to here)\b",
        r"\b(?:above|before this|so far|up to here)\b",
        700_000,
        "asks for what stands before its own words",
    ),
    _shape(
        r"\b(?:disable|deactivate|turn off|switch off|remove|lift|drop)\s+"
        rf"(?:all |any |your |the |every )*(?:content |safety |security )?{_GUARDS}\b",
        rf"\b{_GUARDS}\b",
        640_000,
        "asks to switch controls off",
    ),
    _shape(
        r"(?:^|\n)\s{0,4}(?:system|developer)\s?(?:message|prompt|override)?\s?:"
        r"|\[(?:system|developer)(?: (?:message|prompt|note))?\]",
        r"(?:system|developer)\s?(?:message|prompt|override)?\s?:|\[(?:system|developer)",
        760_000,
        "poses as another speaker",
    ),
    _shape(
        r"<\|(?:im_start|im_end|system|endoftext|start_header_id|eot_id)\|>|\[/?INST\]|<</?SYS>>"
        r"|</?(?:system|assistant)(?:_prompt|_message)?>|\n#{1,3} ?(?:system|instruction)s? ?:",
        r"<\||\[/?inst\]|<</?sys>>|# ?(?:system|instruction)|</?(?:system|assistant)",
        840_000,
        "imitates the marks between turns",
    ),
)
_OTHERS = (
    _shape(
        r"\b(?:vergi\w+|ignorier\w*)\s+(?:bitte )?(?:alle |deine |die |alles )+"
        rf"(?:\w+ ){{0,3}}{_GERMAN}"
        r"|\b(?:ignor|olvid)[ae]\w*\s+(?:todas? |las? |los? |tus? )+(?:\w+ ){0,2}"
        r"(?:instrucciones|reglas|ordenes)"
        r"|\b(?:ignore|oublie)[rsz]?\s+(?:toutes? |les |tes |vos )+(?:\w+ ){0,2}"
        r"(?:instructions|consignes|regles)",
        r"\bvergi|\bignorier|\bignor[ae]|\bolvid[ae]|\boublie|\bignore[rsz]?\s",
        800_000,
        "asks to drop earlier instructions, in another language",
    ),
)


class InjectionPatterns(PatternDetector):
    """Direct attacks in a request, indirect ones in context. A learned one may sit beside it."""

    id = "injection.patterns"
    label = "injection"
    needs: ClassVar[Needs] = "sentence"
    shapes: ClassVar[tuple[Shape, ...]] = _ENGLISH + _OTHERS
