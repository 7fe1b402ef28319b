"""The built-in detectors, by name. Third-party ones come as instances from whoever wires."""

from importlib import import_module

from freehold.core.ports import Detector

_DETECTORS = "freehold.stages.governance.detectors"
BUILT_IN: tuple[tuple[str, str], ...] = (
    ("pii.email", "contact:Email"),
    ("pii.phone", "contact:Phone"),
    ("pii.birth_date", "birth:BirthDate"),
    ("pii.card", "banking:Card"),
    ("pii.iban", "banking:Iban"),
    ("pii.crypto", "banking:Crypto"),
    ("pii.us_ssn", "national:UsSsn"),
    ("pii.national_id", "national:NationalId"),
    ("pii.passport", "documents:Passport"),
    ("pii.licence", "documents:Licence"),
    ("pii.person", "named:Person"),
    ("pii.title", "named:Title"),
    ("pii.address", "named:Address"),
    ("pii.postcode", "named:Postcode"),
    ("pii.place", "named:Place"),
    ("pii.nationality", "named:Nationality"),
    ("pii.organisation", "named:Organisation"),
    ("pii.date", "named:Date"),
    ("pii.age", "named:Age"),
    ("pii.ip", "network:Ip"),
    ("pii.mac", "network:Mac"),
    ("pii.url_credentials", "network:UrlCredentials"),
    ("secret.aws_key", "secrets:AwsKey"),
    ("secret.api_key", "secrets:ApiKey"),
    ("secret.private_key", "secrets:PrivateKey"),
    ("secret.jwt", "secrets:Jwt"),
    ("secret.token", "passwords:Token"),
    ("secret.entropy", "secrets:Entropy"),
    ("hidden.unicode", "hidden:HiddenUnicode"),
    ("injection.patterns", "injection:InjectionPatterns"),
    ("injection.model", "learned:InjectionModel"),
    ("toxicity.model", "learned:ToxicityModel"),
    ("purpose.scope", "purpose:PurposeDetector"),
    ("voice.banned", "voice:Banned"),
    ("voice.competitor", "voice:Competitor"),
    ("voice.tone", "voice:Tone"),
)


def builtin_detectors() -> tuple[Detector, ...]:
    """One instance of each, in the order above."""
    made: list[Detector] = []
    for _, place in BUILT_IN:
        module, name = place.split(":")
        made.append(getattr(import_module(f"{_DETECTORS}.{module}"), name)())
    return tuple(made)
