"""Names from many countries, drawn from Faker (MIT) once, in a fixed order."""

import random
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from importlib import import_module
from typing import Any

from faker import Faker
from faker.providers.job.en_US import Provider as Jobs

from scripts.tagger.vocabulary import words

LATIN = """
en_US en_GB en_AU en_CA en_IE en_IN en_NZ en_NG en_KE en_PK de_DE de_AT de_CH fr_FR fr_CA fr_CH
fr_BE es_ES es_MX es_AR es_CL es_CO it_IT pt_PT pt_BR nl_NL nl_BE da_DK no_NO sv_SE fi_FI is_IS
pl_PL cs_CZ sk_SK sl_SI hr_HR hu_HU ro_RO tr_TR lt_LT lv_LV et_EE az_AZ ga_IE id_ID sw zu_ZA yo_NG
ig_NG tw_GH uz_UZ
"""
NATIVE = "ru_RU uk_UA bg_BG el_GR he_IL ar_SA ja_JP zh_CN ko_KR hi_IN th_TH"
ABROAD = ("de", "fr", "es", "it", "nl", "pl")
WEIGHTS = {"en_US": 5, "en_GB": 3, "de_DE": 2, "fr_FR": 2, "es_ES": 2, "it_IT": 2, "en_IN": 2}


class Country:
    """First and last names, towns, streets and firms of one locale."""

    def __init__(self, locale: str, seed: int) -> None:
        fake = Faker(locale)
        fake.seed_instance(f"{seed}/{locale}")
        many = 5 if locale in WEIGHTS else 3
        self.locale = locale
        self.first = _draw(fake, "first_name", 120 * many)
        self.last = _draw(fake, "last_name", 150 * many)
        # Faker's Italian towns come from a set, in another order each time
        italy = locale == "it_IT"
        self.city = words("towns_italy") if italy else _draw(fake, "city", 50 * many)
        self.street = _draw(fake, "street_name", 60 * many)
        self.firm = _draw(fake, "company", 40 * many)
        self.address = _draw(fake, "address", 40 * many)
        self.postcode = _draw(fake, "postcode", 40)


def _draw(fake: Any, name: str, count: int) -> list[str]:
    make: Callable[[], str] | None = getattr(fake, name, None)
    if make is None:
        return []
    try:
        return sorted({str(make()) for _ in range(count)})
    except (AttributeError, TypeError, IndexError):
        return []


class Names:
    """Everything that the grammar's slots draw from."""

    def __init__(self, seed: int) -> None:
        english = Country("en_US", seed)
        self.countries = [Country(locale, seed) for locale in LATIN.split() if locale != "en_US"]
        self.countries.insert(0, english)
        self.weights = [WEIGHTS.get(c.locale, 1) for c in self.countries]
        for country in self.countries:
            english_towns = country.city if _latin(country.city) else english.city
            country.city = english_towns or english.city
            country.street = country.street if _latin(country.street) else english.street
            country.firm = country.firm if _latin(country.firm) else english.firm
            country.first = country.first if _latin(country.first) else english.first
            country.last = country.last if _latin(country.last) else english.last
            country.address = country.address if _latin(country.address) else english.address
            country.postcode = country.postcode or english.postcode
        self.native = [Country(locale, seed) for locale in NATIVE.split()]
        self.lands = words("countries")
        self.states = words("states")
        self.codes = words("state_codes")
        self.cities = words("cities")
        self.peoples = words("peoples")
        self.faiths = words("faiths")
        self.titles = words("titles")
        self.companies = words("companies")
        self.foreign = {language: _ordinary(language) for language in ABROAD}
        self.english = _ordinary("en")
        self.jobs = words("jobs") * 4 + sorted(set(Jobs.jobs))
        self._home: list[Country] = []

    def country(self, rng: random.Random) -> Country:
        """One of the countries whose names are written in Latin letters."""
        if self._home:
            return rng.choice(self._home)
        return rng.choices(self.countries, self.weights)[0]

    @contextmanager
    def at_home(self, language: str) -> Iterator[None]:
        """Draw only from countries of one language."""
        self._home = [each for each in self.countries if each.locale.startswith(f"{language}_")]
        yield
        self._home = []


def _ordinary(language: str) -> list[str]:
    """Ordinary words of a language, from Faker's own lists."""
    locale = "en_US" if language == "en" else f"{language}_{language.upper()}"
    listed = import_module(f"faker.providers.lorem.{locale}").Provider.word_list
    return sorted({word for word in listed if word and word[0].isalpha()})


def _latin(names: list[str]) -> bool:
    return bool(names) and all(ord(char) < 0x250 for name in names[:40] for char in name)
