"""Names that a bundle may use without declaring them: detectors, labels, bind paths."""

DETECTORS: tuple[str, ...] = (
    "grounded.values",
    "hidden.unicode",
    "injection.model",
    "injection.patterns",
    "pii.address",
    "pii.age",
    "pii.birth_date",
    "pii.card",
    "pii.crypto",
    "pii.date",
    "pii.email",
    "pii.iban",
    "pii.ip",
    "pii.licence",
    "pii.mac",
    "pii.national_id",
    "pii.nationality",
    "pii.organisation",
    "pii.passport",
    "pii.person",
    "pii.phone",
    "pii.place",
    "pii.postcode",
    "pii.title",
    "pii.url_credentials",
    "pii.us_ssn",
    "promise.unauthorised",
    "purpose.scope",
    "secret.api_key",
    "secret.aws_key",
    "secret.entropy",
    "secret.jwt",
    "secret.private_key",
    "secret.token",
    "toxicity.model",
    "voice.banned",
    "voice.competitor",
    "voice.tone",
)
"""The detectors that Freehold ships, in order of name."""

NAMED = frozenset(
    {
        "pii.address",
        "pii.age",
        "pii.date",
        "pii.nationality",
        "pii.organisation",
        "pii.person",
        "pii.place",
        "pii.postcode",
        "pii.title",
    }
)
"""Those that read for names: they observe until a bundle says otherwise."""

LEARNED = frozenset({"injection.model", "purpose.scope", "toxicity.model"})
"""Those that judge whole stretches: they observe until a bundle says otherwise."""

UNFOUNDED = frozenset({"grounded.values", "promise.unauthorised"})
"""Those that hold an answer against what the model was given."""

SAID = frozenset({"promise", "ungrounded", "voice"})
"""Labels of what an answer says in the company's name; it is no value of anybody's."""

QUIET = NAMED | UNFOUNDED | {"injection.model", "toxicity.model"}
"""Those that read nothing until a bundle names them one by one: each costs a tenth of a millisecond
and more for a thousand characters, and may surprise. A family (``pii.*``) does not wake them.
"""

WHOLE = UNFOUNDED | frozenset({"toxicity.model", "voice.banned", "voice.competitor"})
"""Those that may need the whole answer to judge it; the others judge spans or sentences."""

REDACTABLE_LABELS = frozenset({"pii", "secret"})
BUILT_IN_LABELS = REDACTABLE_LABELS | SAID | {"hidden", "injection", "purpose", "toxicity"}

PRINCIPAL_PATHS = frozenset({"principal.id", "principal.tenant"})
REQUEST_PATHS = frozenset({"request.text", "request.terms", "request.ids"})
ATTRIBUTE_PREFIX = "principal.attributes."


def matches(pattern: str, detector: str) -> bool:
    """Whether ``pattern`` (``pii.email``, or a family: ``pii.*``) means this detector."""
    if pattern.endswith(".*"):
        return detector.startswith(pattern[:-1])
    return pattern == detector
