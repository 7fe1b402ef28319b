"""Names of persons, as people write them."""

import random

from scripts.tagger.gazetteers import Country, Names
from scripts.tagger.vocabulary import words

Piece = tuple[str, str]
"""A text and its label, `O` for none."""

_CONSONANTS = "b c d f g h k l m n p r s t v w z br ch cr dr fl gr kl pr sh st th tr".split()
_VOWELS = "a e i o u a e i o ai ea ee io oo ou y".split()
_ENDINGS = "n r s l x th nd rk m t a o ex is on ix um".split()
_PARTICLES = words("particles")


class Persons:
    """Draws names of persons; ``rng`` decides everything."""

    def __init__(self, names: Names, rng: random.Random) -> None:
        self.names = names
        self.rng = rng

    def first(self, country: Country) -> str:
        """A first name; sometimes one that nobody has."""
        rng = self.rng
        if rng.random() < 0.14:
            return self.invented()
        return rng.choice(country.first)

    def last(self, country: Country) -> str:
        """A last name, sometimes double, with a particle, or made up."""
        rng = self.rng
        name = rng.choice(country.last)
        draw = rng.random()
        if draw < 0.14:
            return self.invented()
        if draw < 0.19:
            return f"{name}-{rng.choice(country.last)}"
        if draw < 0.24:
            particle = rng.choice(_PARTICLES)
            return f"{particle}{name}" if particle[-1] in "c'" else f"{particle} {name}"
        return name

    def invented(self) -> str:
        """A word that sounds like a name."""
        rng = self.rng
        parts = [
            rng.choice(_CONSONANTS) + rng.choice(_VOWELS) for _ in range(rng.choice((1, 2, 2, 3)))
        ]
        return ("".join(parts) + rng.choice(("", rng.choice(_ENDINGS)))).capitalize()

    def given(self) -> list[Piece]:
        """A first name."""
        return [(self.first(self.names.country(self.rng)), "PERSON")]

    def family(self) -> list[Piece]:
        """A last name."""
        return [(self.last(self.names.country(self.rng)), "PERSON")]

    def full(self) -> list[Piece]:
        """First and last name in one of their forms."""
        rng = self.rng
        country = self.names.country(rng)
        if rng.random() < 0.03:
            country = rng.choice(self.names.native)
            return [(f"{rng.choice(country.first)} {rng.choice(country.last)}", "PERSON")]
        first, last = self.first(country), self.last(country)
        draw = rng.random()
        if draw < 0.70:
            return [(f"{first} {last}", "PERSON")]
        if draw < 0.78:
            return [(f"{first} {rng.choice('ABCDEFGHJKLMNPRSTW')}. {last}", "PERSON")]
        if draw < 0.83:
            return [(f"{first} {rng.choice('ABCDEFGHJKLMNPRSTW')} {last}", "PERSON")]
        if draw < 0.88:
            return [(f"{first} {self.first(country)} {last}", "PERSON")]
        if draw < 0.92:
            return [(f"{first[0]}. {last}", "PERSON")]
        if draw < 0.95:
            return [(f"{last}, {first}", "PERSON")]
        return [(f"{first} {last} {self.last(country)}", "PERSON")]

    def titled(self) -> list[Piece]:
        """A title before a name."""
        rng = self.rng
        title = rng.choice(self.names.titles)
        name = self.family() if rng.random() < 0.5 else self.full()
        return [(title, "TITLE"), (" ", "O"), *name]

    def person(self) -> list[Piece]:
        """A person, named somehow."""
        draw = self.rng.random()
        if draw < 0.33:
            return self.given()
        if draw < 0.85:
            return self.full()
        return self.titled()
