"""What stands in the grammar's slots, by name."""

import random
import re
from collections.abc import Callable

from scripts.tagger.addresses import Places
from scripts.tagger.gazetteers import Names
from scripts.tagger.persons import Piece
from scripts.tagger.vocabulary import inflected, words

_FORMS = words("firm_forms")
_TRADES = words("trades")
_SCHOOLS = words("schools")
_HALVES = words("halves")
_CAPITALS = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
_STREET_NAMES = words("street_names")
_MONTHS = words("months")
_SHORT_MONTHS = [month[:3] for month in _MONTHS]
_DAYS = words("weekdays")
_CODES = words("codes")
_BRANDS, _UNITS = words("brands"), words("units")
_IRREGULAR = (
    "was had did went came made took gave got said told saw found left felt kept held brought "
    "bought thought built sent spent met paid read ran sold sat stood won wrote began broke chose "
    "drew drove ate fell flew forgot grew knew led rose sang spoke stole swam threw woke wore"
).split()
_PRODUCTS, _THINGS = words("products"), words("things")


class Slots(Places):
    """Fills slots by name; ``rng`` decides everything."""

    def __init__(self, names: Names, rng: random.Random) -> None:
        super().__init__(names, rng)
        listed = [form for word in words("words") for form in inflected(word)]
        self.forms = listed + words("words_more") * 2 + names.english * 2
        self.past = sorted({form for form in self.forms if form.endswith("ed")} | set(_IRREGULAR))
        self.at_home = names.at_home
        self._made: dict[str, Callable[[], list[Piece]]] = {
            "p": self.person, "pf": self.given, "pn": self.full, "pl": self.family,
            "pt": self.titled, "title": lambda: [(rng.choice(names.titles), "TITLE")],
            "addr": self.address, "street": lambda: [(self.street(names.country(rng)), "ADDRESS")],
            "city": self.city, "country": lambda: [(rng.choice(names.lands), "PLACE")],
            "state": lambda: [(rng.choice(names.states), "PLACE")], "place": self.place,
            "zip": lambda: [(self.postcode(names.country(rng)), "POSTCODE")],
            "nrp": self.people, "faith": lambda: [(rng.choice(names.faiths), "NRP")],
            "org": self.firm, "date": self.date, "year": lambda: [(self.year(), "DATE")],
            "bday": self.birthday, "age": self.age,
            "num": lambda: [(str(rng.choice((rng.randint(1, 30), rng.randint(2, 900)))), "O")],
            "money": self.money, "phone": self.phone, "email": self.email, "code": self.code,
            "time": self.time, "product": lambda: [(rng.choice(_PRODUCTS), "O")],
            "brand": lambda: [(rng.choice(_BRANDS), "O")],
            "job": lambda: [(rng.choice(names.jobs), "O")],
            "jt": lambda: [(rng.choice(names.jobs), "TITLE")],
            "word": lambda: [(rng.choice(self.forms), "O")],
            "words": lambda: [(self._ordinary(1, 4), "O")],
            "Word": lambda: [(rng.choice(self.forms).capitalize(), "O")],
            "Words": lambda: [(self._ordinary(1, 4).title().replace("'S", "'s"), "O")],
            "verb": lambda: [(rng.choice(self.past), "O")],
            "snake": lambda: [(self._ordinary(1, 3).lower().replace(" ", "_"), "O")],
            "Camel": lambda: [(self._ordinary(1, 3).title().replace(" ", ""), "O")],
            "camel": lambda: [(self._camel(), "O")],
            "unit": lambda: [(f"{rng.choice(_UNITS)} {rng.randint(1, 999)}", "ADDRESS")],
            "thing": lambda: [(rng.choice(_THINGS), "O")], "url": self.url,
            "weekday": lambda: [(rng.choice(_DAYS), "O")],
            "month": lambda: [(rng.choice(_MONTHS), "O")],
            "digits": lambda: [(self._digits("#" * rng.randint(4, 19)), "O")],
        }  # fmt: skip

    def fill(self, slot: str) -> list[Piece]:
        """Pieces for a slot."""
        return self._made[slot]()

    def _ordinary(self, least: int, most: int) -> str:
        """Ordinary words in no order."""
        return " ".join(self.rng.choice(self.forms) for _ in range(self.rng.randint(least, most)))

    def _camel(self) -> str:
        name = self._ordinary(1, 3).title().replace(" ", "")
        return name[0].lower() + name[1:]

    def people(self) -> list[Piece]:
        """A nationality, now and then a faith."""
        rng = self.rng
        return [
            (rng.choice(self.names.peoples if rng.random() < 0.8 else self.names.faiths), "NRP")
        ]

    def firm(self) -> list[Piece]:
        """An organisation."""
        rng = self.rng
        country = self.names.country(rng)
        draw = rng.random()
        form = rng.choice(_FORMS)
        trade = rng.choice(_TRADES)
        if draw < 0.22:
            name = rng.choice(country.firm)
        elif draw < 0.34:
            name = rng.choice(self.names.companies)
        elif draw < 0.46:
            name = self.invented()
            if rng.random() < 0.25:
                name += self.invented() if rng.random() < 0.5 else self.invented().lower()
        elif draw < 0.56:
            name = rng.choice((self.invented(), self.last(country), rng.choice(country.city)))
            name += f" {form}"
        elif draw < 0.70:
            town, street = rng.choice(country.city), rng.choice(_STREET_NAMES)
            name = f"{rng.choice((self.invented(), self.last(country), town, street))} {trade}"
            if rng.random() < 0.3:
                name += f" {form}"
        elif draw < 0.78:
            town = rng.choice(
                (rng.choice(country.city), rng.choice(self.names.states), self.last(country))
            )
            school = rng.choice(_SCHOOLS)
            name = f"University of {town}" if rng.random() < 0.2 else f"{town} {school}"
        elif draw < 0.84:
            name = "".join(
                rng.choice("ABCDEFGHIKLMNOPRSTUVW") for _ in range(rng.choice((2, 3, 3, 4)))
            )
        elif draw < 0.92:
            name = rng.choice(_STREET_NAMES) + rng.choice(("", " ")) + rng.choice(_HALVES)
            name = f"{name} {rng.choice((trade, form, ''))}".strip()
        else:
            name = (
                f"{self.last(country)} {rng.choice(('&', 'and'))} {self.last(country)}"
                + rng.choice(("", f" {form}"))
            )
        if rng.random() < 0.05:
            name = name.upper()
        return [(name.replace("  ", " "), "ORG")]

    def age(self) -> list[Piece]:
        """How old somebody is."""
        rng = self.rng
        years = rng.choice((rng.randint(1, 17), rng.randint(18, 70), rng.randint(18, 99)))
        return [(str(years), "AGE")]

    def year(self) -> str:
        """A year of the last century or this one."""
        return str(self.rng.randint(1930, 2030))

    def date(self) -> list[Piece]:
        """A day, in one of the ways to write it."""
        rng = self.rng
        day, month, year = rng.randint(1, 28), rng.randint(1, 12), int(self.year())
        name = rng.choice((_MONTHS, _MONTHS, _SHORT_MONTHS))[month - 1]
        th = {1: "st", 2: "nd", 3: "rd"}.get(day % 10 if day // 10 != 1 else 0, "th")
        sep = rng.choice(("/", "/", "-", "."))
        short = f"{year % 100:02d}"
        forms = (
            f"{day:02d}{sep}{month:02d}{sep}{year}", f"{month:02d}{sep}{day:02d}{sep}{year}",
            f"{day}{sep}{month}{sep}{year}", f"{month}{sep}{day}{sep}{short}",
            f"{year}-{month:02d}-{day:02d}",
            f"{year}/{month:02d}/{day:02d}", f"{day} {name} {year}", f"{day}{th} {name} {year}",
            f"{name} {day}, {year}", f"{name} {day}{th}, {year}", f"{name} {day}", f"{day} {name}",
            f"{name} {day}{th}", f"the {day}{th} of {name}", f"{name} {year}",
            f"{rng.choice(_DAYS)}, {name} {day}",
            f"{rng.choice(_DAYS)}, {day} {name} {year}", f"{rng.choice(_DAYS)} {day} {name}",
            (f"{year}-{month:02d}-{day:02d} {rng.randint(0, 23):02d}:{rng.randint(0, 59):02d}:"
            f"{rng.randint(0, 59):02d}"),
            (f"{year}-{month:02d}-{day:02d}T{rng.randint(0, 23):02d}:{rng.randint(0, 59):02d}:"
            f"{rng.randint(0, 59):02d}"),
            f"{day}-{name[:3]}-{year}", f"{name[:3]}-{day:02d}-{year}",
            f"{day:02d}{sep}{month:02d}{sep}{short}",
        )  # fmt: skip
        return [(rng.choice(forms), "DATE")]

    def birthday(self) -> list[Piece]:
        """A date with its year, or a year alone."""
        while True:
            pieces = self.date() if self.rng.random() < 0.85 else [(self.year(), "DATE")]
            if re.search(r"\d{2}", pieces[0][0]):
                return pieces

    def money(self) -> list[Piece]:
        """An amount."""
        rng = self.rng
        amount = rng.choice(
            (
                f"{rng.randint(1, 999)}",
                f"{rng.randint(1, 99)}.{rng.randint(0, 99):02d}",
                f"{rng.randint(1, 99)},{rng.randint(100, 999)}",
            )
        )
        return [
            (
                rng.choice(
                    (
                        f"${amount}",
                        f"£{amount}",
                        f"€{amount}",
                        f"{amount} euros",
                        f"{amount} dollars",
                        f"{amount} EUR",
                        f"USD {amount}",
                        f"{amount} pounds",
                    )
                ),
                "O",
            )
        ]

    def _digits(self, form: str) -> str:
        """``#`` becomes a digit, ``@`` a capital, ``?`` one of both."""
        sets = {"#": "0123456789", "@": _CAPITALS, "?": "0123456789" + _CAPITALS}
        return re.sub("[#@?]", lambda found: self.rng.choice(sets[found[0]]), form)

    def phone(self) -> list[Piece]:
        """A telephone number; other detectors find it."""
        forms = (
            "###-###-####",
            "(###) ###-####",
            "+1 ### ### ####",
            "0## #### ####",
            "+49 ### #######",
            "+44 20 #### ####",
            "### ### ###",
            "##########",
            "+33 # ## ## ## ##",
            "1-###-###-####",
            "###.###.####x###",
            "0#######",
        )
        return [(self._digits(self.rng.choice(forms)), "O")]

    def email(self) -> list[Piece]:
        """An e-mail address; other detectors find it."""
        rng = self.rng
        country = self.names.country(rng)
        local = rng.choice(
            (
                f"{rng.choice(country.first)}.{rng.choice(country.last)}",
                f"{rng.choice(country.first)}{rng.randint(1, 99)}",
                "info",
                "support",
            )
        )
        host = f"{self.invented()}.{rng.choice(('com', 'org', 'net', 'co.uk', 'de', 'io'))}"
        return [(f"{local}@{host}".lower().replace(" ", ""), "O")]

    def url(self) -> list[Piece]:
        """A web address."""
        rng = self.rng
        host = self.invented().lower() + rng.choice(("", self.invented().lower()))
        host += rng.choice((".com", ".org", ".net", ".biz", ".info"))
        return [
            (
                rng.choice(("https://", "http://", "www.", "https://www.", ""))
                + host
                + rng.choice(("", "/", "/help", "/contact")),
                "O",
            )
        ]

    def code(self) -> list[Piece]:
        """A number of an order, a ticket, a flight."""
        return [(self._digits(self.rng.choice(_CODES)), "O")]

    def time(self) -> list[Piece]:
        """A time of day."""
        rng = self.rng
        return [
            (
                rng.choice(
                    (
                        f"{rng.randint(1, 12)} {rng.choice(('am', 'pm', 'AM', 'PM'))}",
                        f"{rng.randint(0, 23)}:{rng.randint(0, 59):02d}",
                        f"{rng.randint(0, 23):02d}:{rng.randint(0, 59):02d}:00",
                        f"{rng.randint(1, 12):02d}:{rng.randint(0, 59):02d} "
                        + rng.choice(("AM", "PM", "am", "p.m.", "PM EST", "AM CET", "PM GMT")),
                        f"{rng.randint(1, 12)}:30",
                        f"{rng.randint(1, 12)}{rng.choice(('am', 'pm', 'pm', 'AM', 'PM'))}",
                        f"{rng.randint(1, 12)}:{rng.randint(0, 59):02d}{rng.choice(('am', 'pm'))}",
                        "noon",
                        "midnight",
                    )
                ),
                "O",
            )
        ]
