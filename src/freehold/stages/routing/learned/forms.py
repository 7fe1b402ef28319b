"""What a text looks like, whatever it is about: its layout, and how its prose is put together.

Words that connect, compare, count, divide and name times or money say how many steps a question
takes; they are English, and elsewhere simply absent.
"""

import re
from math import log1p

from freehold.text.features import featurise

_NUMBER = re.compile(r"\d[\d,]{0,18}(?:\.\d{1,6})?")
_CHOICE = re.compile(r"(?:^|\n)[ \t(]{0,4}[A-J][.):][ \t]?([^\n]{0,400})")
_NUMERIC = re.compile(r"[-\d\s./$%,x^()+*=]+")
_NEGATED = re.compile(r"\b(?:not|except|least|never|false)\b", re.IGNORECASE)
_WORD = re.compile(r"[a-z']+")
_NAME = re.compile(r"(?<=[a-z,] )[A-Z][a-z]+")
_END = re.compile(r"[.!?]\s+")
_NUMBERS = 200
"""Numbers of a text that are read."""

_CUES = (
    r"each|every|per|apiece|a (?:day|week|month|year|piece|pound)",
    r"than",
    (
        r"twice|thrice|doubles?|doubled|triples?|tripled|times|half|halves|thirds?|quarters?|fourth"
        r"|fifth"
    ),
    r"if|when|while|unless|until|assuming|suppose",
    (
        r"remain\w*|left|rest|over|back|after|before|then|first|last|next|later|initial\w*"
        r"|originally|end"
    ),
    r"total|altogether|combined|all|sum|average|both|together",
    (
        r"seconds?|minutes?|hours?|days?|weeks?|months?|years?|am|pm|daily|weekly|weekends?|weekdays?"
        r"|(?:mon|tues|wednes|thurs|fri|satur|sun)day"
    ),
    (
        r"dollars?|cents?|costs?|price|pays?|paid|spend|spent|sells?|sold|buys?|bought|earn\w*|money"
        r"|profit|discount|change|tip|tax"
    ),
    (
        r"not?|never|without|except|only|instead|but|however|although|already|still|enough|extra"
        r"|additional|another|other"
    ),
    r"how (?:many|much)",
    r"what|who|which|why|how (?:old|long|far|fast|tall)",
    (
        r"more|less|fewer|greater|older|younger|longer|shorter|higher|lower|taller|increase\w*"
        r"|decrease\w*|reduc\w*"
    ),
    (
        r"one|two|three|four|five|six|seven|eight|nine|ten|eleven|twelve|dozen|hundred|thousand"
        r"|million"
    ),
    r"he|she|they|his|her|their|its?|them|him",
    r"and",
)
_COUNTED = tuple(
    [re.compile(rf"\b(?:{cue})\b", re.IGNORECASE) for cue in _CUES]
    + [re.compile(r"%|\bpercent(?:age)?\b", re.IGNORECASE), re.compile(r"\d/\d")]
    + [re.compile(r"\d\.\d"), re.compile(r"[$£€¥]")]
)


def prose(text: str) -> list[float]:
    """How the sentences are put together; as long for every text."""
    words = _WORD.findall(text.lower())
    count = max(1, len(words))
    found = _NUMBER.findall(text)
    numbers = [float(number.replace(",", "")) for number in found[:_NUMBERS]]
    sentences = [sentence for sentence in _END.split(text.strip()) if sentence]
    first, last = (sentences[0], sentences[-1]) if sentences else ("", "")
    names = _NAME.findall(text)
    different = len(set(words))
    made = [
        log1p(len(text)),
        log1p(count),
        log1p(len(sentences)),
        count / max(1, len(sentences)),
        log1p(len(first.split())),
        log1p(len(last.split())),
        sum(map(len, words)) / count,
        different / count,
        log1p(different),
        log1p(len(found)),
        log1p(len(set(numbers))),
        log1p(max(numbers, default=0.0)),
        log1p(min(numbers, default=0.0)),
        log1p(sum(map(log1p, numbers))),
        log1p(sum(number >= 100 for number in numbers)),
        sum(number % 10 == 0 for number in numbers) / max(1, len(numbers)),
        log1p(len(_NUMBER.findall(last))),
        log1p(len(names)),
        log1p(len(set(names))),
        log1p(text.count(",")),
    ]
    made += [log1p(len(cue.findall(text))) for cue in _COUNTED]
    return made


def layout(text: str) -> list[float]:
    """What is not prose: lines, choices offered, signs; as long for every text."""
    seen = featurise(text)
    chars, words = max(1, seen.chars), max(1, seen.words)
    choices = _CHOICE.findall(text)
    lengths = [len(choice) for choice in choices] or [0]
    return [
        log1p(seen.lines),
        log1p(seen.questions),
        seen.digits / chars,
        seen.uppercase / 1e6,
        chars / words,
        float(seen.code),
        log1p(len(choices)),
        log1p(sum(lengths) / len(lengths)),
        log1p(max(lengths)),
        sum(len(choice.split()) <= 2 for choice in choices) / max(1, len(choices)),
        sum(bool(_NUMERIC.fullmatch(choice)) for choice in choices) / max(1, len(choices)),
        log1p(len(_NEGATED.findall(text))),
        text.count(".") / words,
        text.count(",") / words,
        float("=" in text),
        float("_" in text),
        float("\n\n" in text),
    ]
