"""Persons, addresses and the like, found by the shipped tagger."""

import pytest

from freehold.bundle.names import NAMED, QUIET
from freehold.bundle.schema import Settings
from freehold.bundle.settings import declared, defaults, detectors_of, extend
from freehold.stages.governance import builtin_detectors
from tests.stages.governance import kit

EVERYTHING = kit.scanner(*sorted(NAMED))


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("My name is Katarzyna Nowicka and I need help.", ("person", "Katarzyna Nowicka")),
        ("Please call Mr. Okonkwo before noon.", ("title", "Mr")),
        ("Send it to 48 Elm Lane, Bristol BS1 4QT.", ("address", "48 Elm Lane, Bristol BS1 4QT")),
        ("We moved from Lisbon to a village last year.", ("place", "Lisbon")),
        ("She is Polish and lives in Leeds.", ("nationality", "Polish")),
        ("I work at Brightwater Ltd in town.", ("organisation", "Brightwater Ltd")),
        ("The contract was signed on 14 March 2019.", ("date", "14 March 2019")),
        ("My daughter is 9 years old.", ("age", "9")),
        ("zip code: 90210, thanks", ("postcode", "90210")),
        ("hi, my name is katarzyna nowicka and i need help", ("person", "katarzyna nowicka")),
        ("HELLO, MY NAME IS ROBERT MILLER AND I NEED HELP.", ("person", "ROBERT MILLER")),
        ("Wanjiru: Did you get the file?\nTomasz: Not yet.", ("person", "Wanjiru")),
        ("Mein Name ist Jürgen Schäfer und ich brauche Hilfe.", ("person", "Jürgen Schäfer")),
        ("Bonjour, je m'appelle Amélie Dubois.", ("person", "Amélie Dubois")),
        ("Me llamo Javier Hernández y vivo en Sevilla.", ("person", "Javier Hernández")),
        (
            "Bitte liefern Sie an Lindenstraße 14, 50674 Köln.",
            ("address", "Lindenstraße 14, 50674 Köln"),
        ),
        (
            "Veuillez envoyer le colis au 12 rue de la Paix, 75002 Paris.",
            ("address", "12 rue de la Paix, 75002 Paris"),
        ),
        (
            "Mi nueva dirección es Calle de Alcalá 45, 28014 Madrid.",
            ("address", "Calle de Alcalá 45, 28014 Madrid"),
        ),
        ('{"id": 7, "first_name": "Wanjiru", "status": "ok"}', ("person", "Wanjiru")),
        ('{"customer": {"city": "Gdansk", "tier": "gold"}}', ("place", "Gdansk")),
        ("id,name,city\n1,Tomasz Zielinski,Gdansk", ("person", "Tomasz Zielinski")),
    ],
)  # fmt: skip
def test_found(text: str, found: tuple[str, str]) -> None:
    assert found in kit.found(text, EVERYTHING)


@pytest.mark.parametrize(
    "text",
    [
        "How do I change my delivery address for an order?",
        "Why was my card declined at the ATM this morning?",
        "The invoice is due in 30 days and costs 120 dollars.",
        "please remind me to water the plants at 5pm",
        "Order 48213 was shipped; the parcel weighs 3 kg.",
        "HOW DO I CHANGE THE PIN OF MY CARD?",
        "see file4111111111111111x",
        '{"status": "available", "price": 12.5, "tags": ["new", "blue"]}',
        "def total(items):\n    return sum(item.price * item.count for item in items)",
        "SELECT id, status FROM orders WHERE created_at > now() ORDER BY id;",
        "One",
        "",
    ],
)
def test_ordinary_questions_name_nobody(text: str) -> None:
    assert kit.found(text, EVERYTHING) == []


def test_findings_carry_what_the_record_needs() -> None:
    (finding,) = EVERYTHING.scan("My name is Katarzyna Nowicka.", "message:0", lambda *_: None)
    assert finding.detector == "pii.person"
    assert finding.label == "pii"
    assert len(finding.version) == 12
    assert 500_000 <= finding.score < 1_000_000
    assert finding.explanation


def test_they_need_a_sentence_and_observe_until_told_otherwise() -> None:
    named = [d for d in builtin_detectors() if d.id in NAMED]
    assert {d.id for d in named} == NAMED
    assert {d.needs for d in named} == {"sentence"}
    assert {d.id for d in detectors_of(defaults()) if d.mode == "observe"} >= NAMED


def test_they_read_nothing_until_named_one_by_one() -> None:
    family = Settings.model_validate({"detectors": {"pii.*": {"mode": "enforce"}}})
    uses = {d.id: d for d in detectors_of(extend(defaults(), declared(family)))}
    assert not any(uses[name].phases for name in QUIET)
    assert uses["pii.email"].phases
    one = Settings.model_validate({"detectors": {"pii.person": {}, "injection.model": {}}})
    uses = {d.id: d for d in detectors_of(extend(defaults(), declared(one)))}
    assert uses["pii.person"].phases == {"request", "context", "answer"}
    assert uses["injection.model"].phases == {"request", "context"}
    assert not uses["pii.place"].phases


def test_a_text_is_read_once_for_all_of_them(monkeypatch: pytest.MonkeyPatch) -> None:
    from freehold.text import tagger

    read = []
    whole = tagger.Tagger.tag
    monkeypatch.setattr(
        tagger.Tagger, "tag", lambda self, text: read.append(text) or whole(self, text)
    )
    text = "Ask Piotr about the trip to Porto, please."
    EVERYTHING.scan(text, "message:0", lambda *_: None)
    EVERYTHING.scan(text, "message:1", lambda *_: None)
    assert read == [text]
