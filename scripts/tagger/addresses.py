"""Addresses and places, as people write them."""

from scripts.tagger.gazetteers import Country
from scripts.tagger.persons import Persons, Piece
from scripts.tagger.vocabulary import words

_UNITS = words("units")
_STREET_WORDS = words("street_words")
_STREET_NAMES = words("street_names")
_PREFIXES = words("prefixes")
_ABROAD = words("streets_abroad")


class Places(Persons):
    """Draws addresses and places too."""

    def city(self) -> list[Piece]:
        """A town, now and then in capitals or in its own script."""
        rng = self.rng
        draw = rng.random()
        if draw < 0.06:
            return [(rng.choice(self.names.country(rng).city).upper(), "PLACE")]
        if draw < 0.08:
            native = [each.city for each in self.names.native if each.city]
            return [(rng.choice(rng.choice(native)), "PLACE")]
        if rng.random() < 0.35:
            return [(rng.choice(self.names.cities), "PLACE")]
        if rng.random() < 0.07:
            return [(self.invented(), "PLACE")]
        return [(rng.choice(self.names.country(rng).city), "PLACE")]

    def place(self) -> list[Piece]:
        """A town, state or country."""
        rng = self.rng
        draw = rng.random()
        if draw < 0.45:
            return self.city()
        if draw < 0.75:
            return [(rng.choice(self.names.lands), "PLACE")]
        if draw < 0.85:
            return [(rng.choice(self.names.states), "PLACE")]
        return [
            *self.city(),
            (", ", "O"),
            (rng.choice(self.names.lands + self.names.states), "PLACE"),
        ]

    def house(self) -> str:
        """A number of a house."""
        rng = self.rng
        number = str(
            rng.choice((rng.randint(1, 99), rng.randint(1, 999), rng.randint(1000, 99999)))
        )
        draw = rng.random()
        if draw < 0.08:
            return number + rng.choice("ABCDabc")
        return f"{number}-{rng.randint(1, 30)}" if draw < 0.11 else number

    def street(self, country: Country) -> str:
        """Street and house."""
        rng = self.rng
        draw = rng.random()
        if draw < 0.3:
            name = rng.choice(_STREET_NAMES) if rng.random() < 0.55 else self.last(country)
            if rng.random() < 0.15:
                name = f"{rng.choice(_PREFIXES)} {name}"
            text = f"{self.house()} {name} {rng.choice(_STREET_WORDS)}"
        elif draw < 0.5:
            name = rng.choice(
                (
                    rng.choice(country.last),
                    rng.choice(country.first),
                    rng.choice(country.city),
                    self.invented(),
                )
            )
            text = rng.choice(_ABROAD).format(n=name, d=self.house())
        elif draw < 0.55:
            text = f"P{rng.choice(('', '.'))}O{rng.choice(('', '.'))} Box {rng.randint(1, 9999)}"
        elif draw < 0.85:
            text = f"{self.house()} {rng.choice(country.street)}"
        else:
            text = f"{rng.choice(country.street)} {self.house()}"
        if rng.random() < 0.27:
            unit = rng.choice(_UNITS)
            gap = "" if unit == "#" else " "
            inner = f"{unit}{gap}{rng.randint(1, 999)}{rng.choice(('', '', '', 'A', 'B'))}"
            text = rng.choice(
                (f"{text} {inner}", f"{text}, {inner}", f"{inner}, {text}", f"{text}\n{inner}")
            )
        return text

    def postcode(self, country: Country) -> str:
        """A postcode, mostly of this country."""
        rng = self.rng
        draw = rng.random()
        if draw < 0.3:
            return f"{rng.randint(0, 99999):05d}" + (
                f"-{rng.randint(0, 9999):04d}" if draw < 0.05 else ""
            )
        if draw < 0.4:
            return rng.choice(
                (
                    "SW1A 2AA",
                    "EC1V 9LB",
                    "M1 4BT",
                    "LS2 7EW",
                    "B33 8TH",
                    "CR2 6XH",
                    "DN55 1PT",
                    "K1A 0B1",
                    "V6B 4Y8",
                    "1012 AB",
                    "3511 LX",
                    "90-210",
                    "110 00",
                    "114 55",
                    "01310-100",
                )
            )
        return rng.choice(country.postcode)

    def address(self) -> list[Piece]:
        """A whole address, on one line or several."""
        rng = self.rng
        country = self.names.country(rng)
        if rng.random() < 0.12:
            return [(rng.choice(country.address), "ADDRESS")]
        street, town = self.street(country), self.city()[0][0]
        if rng.random() < 0.5:
            town = rng.choice(country.city)
        code, land = self.postcode(country), rng.choice(self.names.lands)
        state = (
            rng.choice(self.names.codes) if rng.random() < 0.7 else rng.choice(self.names.states)
        )
        a = rng.choice((", ", ", ", ", ", "\n", "\n", " ", " - ", ",\n", "\n\n"))
        b = a if rng.random() < 0.7 else rng.choice((", ", "\n", " "))
        forms = (
            street, f"{street}{a}{town}", f"{street}{a}{town}, {state} {code}",
            f"{street}{a}{town}{b}{state} {code}", f"{street}{a}{code} {town}",
            f"{street}{a}{town} {code}", f"{street}{a}{code} {town}{b}{land}",
            f"{street}{a}{town}{b}{land}", f"{street}{a}{town}{b}{land} {code}",
            f"{street}{a}{town}{b}{code}", f"{street}\n{town}\n{state}\n{land} {code}",
            f"{street}{a}{town}{b}{state}{b}{land}{b}{code}", f"{street}{a}{town} {state}",
            f"{town}{b}{street}", f"{street}{a}{town}, {state} {code}{b}{land}",
            f"{street}{a}Suite {rng.randint(1, 900)}{b}{town} {state} {code}",
        )  # fmt: skip
        return [(rng.choice(forms), "ADDRESS")]
