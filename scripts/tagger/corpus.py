"""Generated texts with their labels."""

import random
import re

from scripts.tagger.gazetteers import Names
from scripts.tagger.persons import Piece
from scripts.tagger.slots import Slots
from scripts.tagger.train import Example
from scripts.tagger.vocabulary import sentences, words

_PART = re.compile(r"\[([^\[\]]*)\]|\{(\w+)\}")
_BEGINS = re.compile(r"(?:^|[.!?\n] )[a-z]|\bi\b")
_SHARES = (
    ("named", 40), ("placed", 22), ("groups", 18), ("timed", 14), ("plain", 44), ("records", 26),
    ("foreign", 12),
)  # fmt: skip
_NEAR = (
    ("with {p}", "from {p}", "to {p}", "for {p}", "by {p}", "and {p}", "about {p}", "like {p}"),
    ("in {place}", "from {place}", "to {place}", "near {city}", "around {place}", "via {city}"),
    ("at {org}", "from {org}", "with {org}", "by {org}", "{org} and"),
    ("on {date}", "since {date}", "until {date}", "before {date}", "in {year}", "by {date}"),
    ("a {nrp}", "the {nrp}", "{nrp}"),
    ("at {addr}", "to {addr}", "near {street}"),
)
"""What may stand in the midst of ordinary words, and name something."""
_OPENERS, _LINKS, _AMOUNTS = words("openers"), words("links"), words("amounts")
_BRANDS = words("brands") + words("currencies")


class Corpus:
    """Texts, as many as wanted. ``held_out`` takes other sentences than training does."""

    def __init__(self, names: Names, seed: str, *, held_out: bool = False) -> None:
        self.rng = random.Random(seed)
        self.slots = Slots(names, self.rng)
        self._tables = []
        for name, _ in _SHARES:
            every = sentences(name)
            keep = [s for i, s in enumerate(every) if (i % 9 == 4) == held_out]
            self._tables.append(keep)

    def example(self) -> Example:
        """One text: a sentence, or a few."""
        rng = self.rng
        count = rng.choices((1, 2, 3, 4), (55, 25, 13, 7))[0]
        pieces: list[Piece] = []
        gap = rng.choice((" ", " ", " ", "\n", "\n\n"))
        for number in range(count):
            if number:
                pieces.append((gap, "O"))
            pieces += self._sentence()
        return self._noise(_joined(pieces))

    def _sentence(self) -> list[Piece]:
        rng = self.rng
        draw = rng.random()
        if draw < 0.07:
            return [(self._salad(), "O")]
        if draw < 0.24:
            return [(self._chatter(), "O")]
        if draw < 0.27:
            return [(self._abroad(), "O")]
        if draw < 0.36:
            return self._expand(self._told())
        table = rng.choices(self._tables, [share for _, share in _SHARES])[0]
        sentence = rng.choice(table)
        if sentence[2:4] != ": ":
            return self._expand(sentence)
        with self.slots.at_home(sentence[:2]):
            return self._expand(sentence[4:])

    def _abroad(self) -> str:
        """Ordinary words of another language."""
        rng = self.rng
        known = self.slots.names.foreign[rng.choice(sorted(self.slots.names.foreign))]
        said = [rng.choice(known) for _ in range(rng.randint(3, 12))]
        said[0] = said[0][0].upper() + said[0][1:]
        return " ".join(said) + rng.choice((".", "?", "!", ""))

    def _told(self) -> str:
        """Ordinary words with a name among them; the slots are still to be filled."""
        rng = self.rng
        said = [self._chatter().rstrip(".?!")]
        for _ in range(rng.choice((1, 1, 1, 2))):
            said.append(rng.choice(rng.choices(_NEAR, (10, 8, 4, 4, 6, 2))[0]))
            said += (rng.choice(self.slots.forms) for _ in range(rng.choice((0, 0, 1, 2, 3))))
        return " ".join(said) + rng.choice(("", "?", ".", ".", "!"))

    def _salad(self) -> str:
        """Ordinary words in no order, as headings and lists have them."""
        rng = self.rng
        chosen = [rng.choice(self.slots.forms) for _ in range(rng.randint(2, 12))]
        draw = rng.random()
        if draw < 0.25:
            return " ".join(word.capitalize() for word in chosen[:6])
        if draw < 0.35:
            return " ".join(chosen[:6]).upper()
        if draw < 0.5:
            return "\n".join(
                f"- {a.capitalize()} {b}" for a, b in zip(chosen[::2], chosen[1::2], strict=False)
            )
        return " ".join(chosen).capitalize() + rng.choice(".?!:")

    def _chatter(self) -> str:
        """Something like a sentence in which nobody is named, of any ordinary words."""
        rng = self.rng
        said = [rng.choice(_OPENERS)]
        for _ in range(rng.randint(1, 5)):
            said.append(rng.choice(_LINKS))
            said += (rng.choice(self.slots.forms) for _ in range(rng.choice((1, 1, 1, 2, 2, 3))))
            if rng.random() < 0.12:
                said.append(rng.choice(_AMOUNTS).format(n=rng.randint(1, 120)))
            if rng.random() < 0.04:
                said.append(rng.choice(_BRANDS))
        text = " ".join(said)
        if rng.random() < 0.55:
            text = text[0].upper() + text[1:]
        return text + rng.choice(("", "?", "?", ".", ".", "!"))

    def _expand(self, sentence: str) -> list[Piece]:
        """Alternatives first, then slots."""
        while "[" in sentence:
            sentence = _PART.sub(
                lambda m: self.rng.choice(m[1].split("|")) if m[1] is not None else m[0], sentence
            )
        pieces: list[Piece] = []
        done = 0
        for match in _PART.finditer(sentence):
            pieces.append((sentence[done : match.start()], "O"))
            pieces += self.slots.fill(match[2])
            done = match.end()
        pieces.append((sentence[done:], "O"))
        return pieces

    def _noise(self, example: Example) -> Example:
        """Some people write everything small, or loud, or leave the signs out."""
        text, spans = example
        draw = self.rng.random()
        if not spans:
            draw *= 0.4
        elif any(label == "ORG" and " and " in text[a:b] for a, b, label in spans):
            draw = 1.0  # "milk and bread" would look the same
        if draw < 0.09 and len(text.lower()) == len(text):
            small = text.lower()
            if draw < 0.04:  # but for how sentences begin
                small = _BEGINS.sub(lambda found: found[0].upper(), small)
            return small, spans
        if draw < 0.14 and len(text.upper()) == len(text):
            return text.upper(), spans
        if draw < 0.26:
            return text[:1].lower() + text[1:], spans
        return example


def _joined(pieces: list[Piece]) -> Example:
    text = ""
    spans = []
    for piece, label in pieces:
        if label != "O" and piece:
            spans.append((len(text), len(text) + len(piece), label))
        text += piece
    return text, spans
