"""A question as a responder remembers it: without one case's values, with what may not differ."""

import re

from msgspec import Struct

from freehold.text.language import detect
from freehold.text.negation_words import cues
from freehold.text.slots.context import Context
from freehold.text.slots.finding import keys_of
from freehold.text.slots.rows import Asked

_STRAY = "identifier"
"""What an identifier that the context does not know is remembered as."""
_ACCOUNT = re.compile(r"\b[A-Z]{2}\d{2}(?: ?[A-Z0-9]{4}){2,7}(?: ?[A-Z0-9]{1,3})?\b")
_MAIL = re.compile(r"\S+@\S+\.\w+|\[[A-Z][A-Z0-9_]{0,47}_[0-9A-F]{8}\]")
_PHONE = re.compile(r"\+?\(?\d[\d ().-]{7,18}\d")
_ID = re.compile(r"\b(?=[\w-]*\d)(?=[\w-]*[A-Za-z])[A-Za-z0-9][\w-]{3,39}\b|\b\d{5,20}\b")
_DIGITS = re.compile(r"\S*\d\S*")
_TIGHT = re.compile(r"[^0-9A-Za-z]+")
_WORD = re.compile(r"[^\W\d_]+(?:['’][^\W\d_]+)*")
_CLAUSE = re.compile(r"[.!?;\n]+|,? (?:and|und|et|y|also|plus|or) |, | - ")
ASKS = frozenset(
    "who what when where why how which whose can could do does did is are was will would should"
    " may has have am please tell wer was wann wo warum wie welche kann können ist sind wird qui"
    " que quand où pourquoi comment quel quelle est peut pouvez qué cuándo dónde cómo cuál puede es"
    " está".split()
)
_LEANS = re.compile(
    r"(?:and|but|or|so|then|also|what about|how about|that one|und|aber|et|mais|y|pero)\b",
    re.IGNORECASE,
)


class Question(Struct, frozen=True, kw_only=True):
    """What is asked.

    Attributes:
        masked: with names of fields where the context's values stood, and ``number`` for others.
        language: ISO 639-1, or ``und``.
        negated: whether an odd number of words deny.
        asks: how many of its clauses ask for something.
        stray: identifiers in it that the context does not know.
        leans: it goes on from something said before.
    """

    masked: str
    language: str = "und"
    negated: bool = False
    asks: int = 1
    stray: int = 0
    leans: bool = False


def understood(text: str, context: Context, asked: Asked | None = None) -> Question:
    """A question beside the context that was fetched for it."""
    asked = asked or Asked(text)
    masked = text
    for value, field in sorted(keys_of(context, asked).items(), key=lambda key: -len(key[0])):
        masked = _put(masked, value, f" {_TIGHT.sub(' ', field)} ")
    masked = _ACCOUNT.sub(" account ", _MAIL.sub(" mail ", masked))
    masked = _ID.sub(f" {_STRAY} ", _PHONE.sub(" phone ", masked))
    masked = " ".join(_DIGITS.sub(" number ", masked).split())
    return reading(masked, detect(masked)[0])


def reading(masked: str, language: str) -> Question:
    """What is told by a question whose values are masked already, or by a part of it."""
    words = [word.casefold().replace("’", "'") for word in _WORD.findall(masked)]
    denying = cues(language)
    clauses = [_WORD.findall(clause) for clause in _CLAUSE.split(masked)]
    return Question(
        masked=masked,
        language=language,
        negated=bool(sum(word in denying for word in words) % 2),
        asks=max(1, sum(bool(c) and len(c) > 1 and c[0].casefold() in ASKS for c in clauses)),
        stray=words.count(_STRAY),
        leans=_LEANS.match(masked) is not None,
    )


def _put(text: str, value: str, name: str) -> str:
    """A name for a value in any case, for an identifier also with other separators than its own."""
    if any(map(str.isdigit, value)) and " " not in value:
        if value in text:
            text = text.replace(value, name)
        tight = _TIGHT.sub("", value).casefold()
        if tight not in _TIGHT.sub("", text).casefold():
            return text
        loose = r"[-_ ./]{0,2}".join(map(re.escape, tight))
        return re.sub(loose, name, text, flags=re.IGNORECASE)
    if text.count(value) == text.casefold().count(value.casefold()):
        return text.replace(value, name)
    return re.sub(re.escape(value), name, text, flags=re.IGNORECASE)
