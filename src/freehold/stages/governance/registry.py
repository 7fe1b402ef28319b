"""The built-in detectors, by name, and those that a bundle declares, made from what it says."""

from collections.abc import Mapping
from importlib import import_module

from freehold.core.errors import ControlFailed
from freehold.core.ports import Detector
from freehold.core.spec import ClassifierSpec, DetectorSetting, GuardSpec
from freehold.stages.governance.detectors.classifier import Classifier
from freehold.stages.governance.guards import Guard
from freehold.stages.governance.installed import InstalledDetector, Unloadable, load
from freehold.text.heads import Head

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
    ("promise.unauthorised", "promises:UnauthorisedPromise"),
    ("grounded.values", "promises:Ungrounded"),
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


def own_detector(setting: DetectorSetting, heads: Mapping[str, Head]) -> Detector:
    """A detector that the bundle declares. ``heads``: trained ones by the SHA-256 of their file.

    Raises:
        ControlFailed: it can't be made, so nothing that it is to read may pass.
    """
    spec = setting.own
    made: object
    try:
        if isinstance(spec, GuardSpec):
            made = Guard(setting.id, spec)
        elif isinstance(spec, ClassifierSpec):
            if spec.digest not in heads:
                raise ValueError(f"the head {spec.file} is not there")
            made = Classifier(setting.id, spec, heads[spec.digest])
        else:
            assert spec is not None  # noqa: S101 -- asked only for those that are declared
            detector, package = load(setting.id, spec.options)
            made = InstalledDetector(detector, spec, package)
    except (Unloadable, ValueError) as error:
        raise ControlFailed(f"detector {setting.id}: {error}", rule=setting.id) from None
    return made  # type: ignore[return-value]  # those that wait are never asked to `detect`
