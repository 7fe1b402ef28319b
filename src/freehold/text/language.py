"""Which language a text is in: by script, else by its most common words and letters.

A language is named by its ISO 639-1 code, "und" when the text is too short to tell. Covers en,
de, fr, es, it, pt, nl, pl, sv, da, cs and tr by words; ru, uk, el, ar, he, hi, zh, ja and ko by
script. Word lists are our own; a word weighs the more, the fewer languages have it.
"""

import functools
import re
import sys
from itertools import repeat

from freehold.text.language_words import WORDS

# Letters (and pairs) that few of these languages share; each weighs as an uncommon word.
_LETTERS = {
    "ß": "de", "ä": "de sv", "ö": "de sv tr", "ü": "de tr", "å": "sv da", "ø": "da", "æ": "da",
    "ñ": "es", "¿": "es", "¡": "es", "ã": "pt", "õ": "pt", "ç": "fr pt tr", "ê": "fr pt",
    "è": "fr it",
    "à": "fr it pt", "ù": "fr it", "ò": "it", "œ": "fr", "ł": "pl", "ż": "pl", "ś": "pl", "ć": "pl",
    "ę": "pl", "ą": "pl", "ń": "pl", "ź": "pl", "ř": "cs", "ě": "cs", "ů": "cs", "č": "cs",
    "š": "cs",
    "ž": "cs", "ý": "cs", "ğ": "tr", "ş": "tr", "ı": "tr", "ô": "fr pt", "û": "fr", "î": "fr",
    "í": "es pt cs", "á": "es pt cs", "ó": "es pt pl",
}  # fmt: skip
# Word endings, looked at only when few words are known.
_ENDINGS = {
    "en": "ing tion ment ould ness", "de": "ung lich keit isch chen gen",
    "fr": "ment eur eux aire ez",
    "es": "ción dad ando iendo mente os", "it": "zione mente are ere gli ità tto",
    "pt": "ção dade mente ões inho",
    "nl": "ing lijk heid en ijk", "pl": "ego ych owy ów ście ła", "sv": "ningen arna igt ning ade",
    "da": "ningen erne ning ede", "cs": "ení ého ých ost ovat", "tr": "lar ler yor dir dır ım iz",
}  # fmt: skip

_MOST_WORDS = 60
SAMPLE_CHARS = 400
"""Characters of a text that are read, its first ones."""
_SURE = 400_000  # millionths; below it, English sentences with foreign names are mistaken
_SCRIPTS: tuple[tuple[int, int, str], ...] = (
    (0x0370, 0x03FF, "el"), (0x0400, 0x052F, "cyrillic"), (0x0590, 0x05FF, "he"),
    (0x0600, 0x06FF, "ar"), (0x0750, 0x077F, "ar"), (0x0900, 0x097F, "hi"), (0x1100, 0x11FF, "ko"),
    (0x3040, 0x30FF, "ja"), (0x3400, 0x4DBF, "zh"), (0x4E00, 0x9FFF, "zh"), (0xAC00, 0xD7AF, "ko"),
)  # fmt: skip
_MARKS = '.,;:!?"()[]{}<>/\\|*_`#=+&%$€£0123456789-–—…„“”«»'
_PUNCTUATION = str.maketrans(dict.fromkeys(_MARKS, " "))
_ASCII_PUNCTUATION = bytes(32 if chr(code) in _MARKS else code for code in range(256))
_NOT_ASCII = re.compile(r"[^\x00-\x7f]+")


_LANGUAGES = tuple(WORDS)
_PLACES = {language: place for place, language in enumerate(_LANGUAGES, start=1)}
_LANE_BITS = 16  # of a text's words, none can make a score overflow it: 60 times 60
_ALL_BYTES = (len(_LANGUAGES) + 1) * _LANE_BITS // 8


@functools.cache
def _profile() -> dict[str, int]:
    """Of each word what it adds, as one number with a lane for each language.

    So the words of a text are added up in one go. The lowest lane counts words that are known.
    """
    owners: dict[str, list[int]] = {}
    for language, words in WORDS.items():
        for word in set(words.split()):
            owners.setdefault(word, []).append(_PLACES[language])
    return {
        word: 1 + sum(60 // len(places) << place * _LANE_BITS for place in places)
        for word, places in owners.items()
    }


@functools.cache
def _endings() -> tuple[tuple[str, int], ...]:
    return tuple(
        (ending, _PLACES[code]) for code, endings in _ENDINGS.items() for ending in endings.split()
    )


def detect(text: str) -> tuple[str, int]:
    """(ISO 639-1 code or "und", confidence in millionths). Reads the first 400 characters."""
    sample = text[:SAMPLE_CHARS]
    foreign = ""
    if not sample.isascii():
        foreign = "".join(_NOT_ASCII.findall(sample))
        by_script = _by_script(foreign, len(sample))
        if by_script is not None:
            return by_script
        plain = sample.replace("’", "'").lower().translate(_PUNCTUATION)
    else:
        plain = sample.lower().encode().translate(_ASCII_PUNCTUATION).decode()
    words = plain.split()[:_MOST_WORDS]
    added = sum(map(_profile().get, words, repeat(0)))
    # the number of known words, then the score of each language
    scores = list(memoryview(added.to_bytes(_ALL_BYTES, sys.byteorder)).cast("H"))
    if sys.byteorder == "big":
        scores.reverse()
    known, scores[0] = scores[0], 0
    if foreign:
        _score_letters(foreign, scores)
    if known < 4:
        _score_endings(words, scores)
    return _verdict(scores, words)


def spoken(text: str) -> str:
    """The language in which a text is read; "" where it does not tell surely enough."""
    language, confidence = detect(text)
    return language if confidence >= _SURE else ""


def _verdict(scores: list[int], words: list[str]) -> tuple[str, int]:
    top = max(scores)
    if top < 50 or (len(words) < 5 and sum(map(len, words)) < 5):
        return "und", 0
    best = scores.index(top)
    scores[best] = 0
    second = max(scores)
    if top == second:
        return "und", 0
    margin = (top - second) * 1_000_000 // top
    # little evidence is little confidence, however one-sided
    evidence = min(1_000_000, top * 1_000_000 // 240)
    return _LANGUAGES[best - 1], min(margin, evidence)


def _score_letters(foreign: str, scores: list[int]) -> None:
    for letter in set(foreign.lower()):
        owners = _LETTERS.get(letter, "").split()
        for language in owners:
            scores[_PLACES[language]] += 50 // len(owners)


def _score_endings(words: list[str], scores: list[int]) -> None:
    for word in words[:12]:
        if len(word) > 4:
            for ending, place in _endings():
                if word.endswith(ending):
                    scores[place] += 12


def _by_script(foreign: str, length: int) -> tuple[str, int] | None:
    """The language that a script gives away; None for Latin letters and for too few others.

    `foreign`: the characters beyond ASCII of a text of `length` characters.
    """
    if not foreign or max(foreign) < "\u0370":
        return None
    counts: dict[str, int] = {}
    for char in foreign[:200]:
        code = ord(char)
        for low, high, name in _SCRIPTS:
            if low <= code <= high:
                counts[name] = counts.get(name, 0) + 1
                break
    known = sum(counts.values())
    # an ideograph says more than a letter; a name in Greek makes no Greek text
    if known < 2 or len(foreign) * 4 < length:
        return None
    best = max(counts, key=lambda name: counts[name])
    if best == "zh" and counts.get("ja", 0) * 12 >= counts["zh"]:
        best = "ja"  # kana among ideographs
    share = counts.get(best, 0) + (counts.get("zh", 0) if best == "ja" else 0)
    score = share * 1_000_000 // min(len(foreign), 200)
    if best == "cyrillic":
        lowered = foreign.lower()
        return ("uk" if any(c in lowered for c in "іїєґ") else "ru"), score
    return best, min(score, known * 125_000)
