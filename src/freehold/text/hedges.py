"""Answers that are none: the model says that it does not know, or that it will not help.

Models say so in few forms, mostly in the first sentence, and in the language of the question. What
stands later in a long answer ("I don't know your size, so here is how to measure it") is a remark
rather than an abstention, and weighs less. The forms are our own list, for English and the
commonest in ten more languages; other wordings are not seen.
"""

import unicodedata

from freehold.text.normalise import fold
from freehold.text.patterns import Pattern
from freehold.text.patterns import compile as compile_pattern
from freehold.text.sentences import sentence_ends

OPENING = 2
"""Sentences at the start of an answer that make it an abstention or a refusal."""
SHORT = 240
"""Characters up to which all of an answer is its opening."""

_I_AM = r"\bi(?:'m| am) (?:very |so )?"
_NOT = r"(?:do not|don'?t)"
_CANNOT = r"(?:can ?not|can'?t|could not|couldn'?t)"
_UNKNOWN = (
    rf"\bi (?:really |honestly )?{_NOT} (?:actually |really )?know ",
    rf"\bi (?:really |honestly )?{_NOT} (?:actually |really )?know[.,;!]",
    rf"\bi {_NOT} have (?:that|this|the|any|enough|specific|sufficient|access to|reliable) ",
    rf"{_I_AM}(?:not (?:sure|certain|aware)|unsure|uncertain)",
    rf"{_I_AM}unable to (?:find|determine|answer|verify|confirm|locate|provide|access)",
    rf"\bi (?:{_CANNOT}|was(?: not|n'?t) able to|was unable to) (?:find|determine|answer|verify)",
    rf"\bi (?:{_CANNOT}|was(?: not|n'?t) able to|was unable to) (?:confirm|locate|tell|say)\b",
    r"\b(?:i|we) have (?:no|not enough|insufficient) (?:information|data|knowledge|record|access)",
    r"\bthere(?: is|'?s) (?:no|not enough|insufficient) (?:information|data|record)",
    r"\b(?:context|information|document|text) (?:does not|doesn'?t) (?:contain|mention|say|state)",
    r"\b(?:context|information|document|text) (?:does not|doesn'?t) (?:provide|include|specify)",
    r"\b(?:not sufficient|insufficient) information\b|\bno information (?:is )?available\b",
    r"\bit(?:'s| is) (?:unclear|not clear|not specified|unknown)\b",
    r"\b(?:beyond|outside) (?:my|the scope of my) (?:knowledge|training|expertise)",
    r"\b(?:ich weiss (?:es |das )?(?:leider )?nicht|weiss ich (?:leider )?nicht)",
    r"\b(?:ich bin (?:mir )?nicht sicher|keine (?:informationen|angaben|daten))",
    r"\bkann ich (?:ihnen |dir )?(?:leider )?nicht (?:sagen|beantworten|finden)",
    r"\bje ne (?:sais pas|suis pas (?:sur|sure|certain))",
    r"\bje n'ai pas (?:d'information|cette information|acces|trouve)",
    r"\bno (?:lo se|se la respuesta|estoy segur[oa]|tengo (?:esa |suficiente )?informacion)",
    r"\bnon (?:lo so|sono sicur[oa]|ho (?:informazioni|abbastanza))",
    r"\bnao (?:sei|tenho (?:certeza|essa informacao|informacoes))",
    r"\bik (?:weet het niet|ben niet zeker|heb geen informatie)",
    r"\b(?:nie wiem|nie mam (?:informacji|pewnosci)|jag vet inte|jag ar inte saker)",
    r"\b(?:det ved jeg ikke|jeg er ikke sikker)",
)
_UNWILLING = (
    rf"{_I_AM}(?:sorry|afraid),? (?:but )?(?:i|we) (?:{_CANNOT}|{_NOT}|won'?t|will not)\b",
    rf"{_I_AM}(?:sorry|afraid),? (?:but )?(?:i am|i'm|we are) (?:not able|unable)\b",
    rf"\bi (?:{_CANNOT}|will not|won'?t)(?: \w+)? (?:help|assist|comply|provide|do that|discuss)\b",
    rf"\bi (?:{_CANNOT}|will not|won'?t)(?: \w+)? (?:fulfill?|answer that|support|engage)\b",
    r"\bi (?:must|have to) decline\b",
    rf"{_I_AM}(?:not able|unable|not allowed|not permitted|not in a position|not comfortable)\b",
    rf"\bas an? (?:\w+ )?(?:ai|language model|assistant),? i (?:{_CANNOT}|{_NOT}|am)",
    rf"\b(?:unfortunately|regrettably),? (?:i|we) (?:{_CANNOT}|am unable|are unable)",
    r"\b(?:das kann ich (?:leider )?nicht|dabei kann ich (?:ihnen |dir )?(?:leider )?nicht helfen)",
    r"\bes tut mir leid,? (?:aber )?(?:ich kann|das kann ich|dabei kann ich)",
    r"\b(?:je ne peux pas (?:vous |t')?aider|(?:je suis )?desolee?,? (?:mais )?je ne peux)",
    r"\b(?:no puedo (?:ayudar|proporcionar)|lo siento,? (?:pero )?no puedo)",
    r"\b(?:mi dispiace,? (?:ma )?non posso|nao posso ajudar|desculpe,? (?:mas )?nao posso)",
    r"\b(?:ik kan (?:u |je )?(?:hier|daar)?(?:mee)? ?niet (?:mee )?helpen|niestety nie moge)",
)


def _one(forms: tuple[str, ...]) -> Pattern:
    return compile_pattern("|".join(forms), ignore_case=True)


_ABSTAINS, _REFUSES = _one(_UNKNOWN), _one(_UNWILLING)


def abstains(text: str) -> int:
    """How sure the text is an abstention, from 0 to one million."""
    return _weigh(_ABSTAINS, text)


def refuses(text: str) -> int:
    """How sure the text declines to help, from 0 to one million."""
    return _weigh(_REFUSES, text)


def opening(text: str) -> str:
    """The first sentences; all of a short text. Empty as long as the second has not ended."""
    ends = sentence_ends(text, 0, len(text))
    return text[: ends[OPENING - 1]] if len(ends) >= OPENING else ""


def _weigh(pattern: Pattern, text: str) -> int:
    text = text.strip()
    if not text:
        return 0
    start = text if len(text) <= SHORT else opening(text) or text[:SHORT]
    if pattern.test(_plain(start)):
        return 1_000_000
    return 300_000 if len(text) > len(start) and pattern.test(_plain(text)) else 0


def _plain(text: str) -> str:
    """In small ASCII letters as far as that goes: the patterns have no accents."""
    if text.isascii():
        return text
    apart = unicodedata.normalize("NFKD", fold(text).replace("ß", "ss"))
    return "".join(char for char in apart if not unicodedata.combining(char))
