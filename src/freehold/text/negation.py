"""Whether the words of a sentence deny a value, or only suppose it.

A denial is looked for from the value outwards. It counts only when every word between it and the
value carries it on ("can't offer you up to 30 %"); a comma, a conjunction, a new subject or a verb
of its own ends its reach. In doubt a value stays affirmed.
"""

from freehold.text import negation_words as w

_FAR = 40  # words before a value; a denial further off is not about it
_UNKNOWN = 5  # unlisted words that a verb of giving may still bridge
_BEHIND = 9  # words behind a value
_BREAKS = frozenset("that which if unless when".split())
_WHY = frozenset("why pourquoi warum wieso qué".split())
_HAPPIER = frozenset("happier gladder prouder better easier simpler more merrier".split())
_WRONG = frozenset(
    "wrong silly crazy unfair rude foolish mad shame sin unkind mean dumb fool idiot stupid insane "
    "remiss".split()
)
_FILLERS = frozenset("a an any even to at hay de un eine ein the".split())
_INVERTED = frozenset("you we i they it that this he she".split())
_YOU = frozenset(
    "get have will are receive save can enjoy already pay qualify really always still may "
    "now".split()
)
_BEFORE_RECEIVING = frozenset(
    "to you can could will would may might should not ever even or us them customers actually also "
    "both just do did does still".split()
)
_TURNING = w.NOMINATIVE | w.STOPS | w.IS | w.AND | w.RECEIVING | {"you"}
_BOUNDS = frozenset("below under beyond above over".split())
_BIFOLD = frozenset("neither nor weder noch ni né nem".split())
_QUESTION_FORMS = frozenset(
    "isn't aren't wasn't weren't wouldn't couldn't haven't hasn't didn't doesn't don't "
    "shouldn't".split()
)


class _Path:
    """The words from a value back towards a denial, as far as they have been read."""

    __slots__ = ("at", "gerund", "giving", "harmless", "joined", "loose", "unknown", "words")

    def __init__(self, words: list[str]) -> None:
        self.words = words
        self.at = len(words)
        self.giving = self.harmless = self.joined = self.gerund = False
        self.loose = 0  # words outside a noun phrase
        self.unknown = 0

    def take(self, word: str) -> None:
        """Read one more word."""
        self.gerund = word in w.GERUNDS
        if word in w.GIVING:
            self.giving = True
            self.loose += 1
        elif word in w.NOUN_PHRASE or word in w.OR or word[:1].isdigit() or word[-1:] in "%$€£":
            return
        elif word in w.HARMLESS_VERBS:
            self.harmless = True
        elif word in w.CARRIERS or word in w.RAISING or word in w.MODALS or word in w.NO_WAY:
            self.loose += 1
        else:
            self.unknown += 1

    def carries(self, nominal: bool) -> bool:
        """Whether a denial in front of the path reaches the value."""
        if self.harmless or (self.joined and not self.giving):
            return False
        if nominal:
            return self.unknown == 0 and (self.loose == 0 or self.gerund)
        return self.unknown == 0 or (self.giving and self.unknown <= _UNKNOWN)


def denied_before(
    words: list[str], after: list[str], language: str, *, question: bool = False
) -> bool:
    """Whether the words before a value deny it."""
    cues = w.cues(language)
    if cues.keys().isdisjoint(words):
        return False
    if "," in words:
        comma = len(words) - 1 - words[::-1].index(",")
        tail = words[comma:]
        if cues.keys().isdisjoint(tail) and _beyond_comma(words, comma, after, cues) < 0:
            return False
    path = _Path(words)
    i = len(words) - 1
    limit = max(0, i - _FAR)
    while i >= limit:
        word = words[i]
        kind = cues.get(word)
        if kind is not None:
            answer = _meets(path, i, kind, cues, question)
            if answer is not None:
                return answer
        elif word == ",":
            i = _beyond_comma(words, i, after, cues)
            if i < 0:
                return False
            continue
        elif word not in _TURNING:
            path.take(word)
        elif _is_subject(words, i):
            return _raised(words, i, cues)
        elif _ends_clause(path, i, after):
            return False
        else:
            path.take(word)
        i -= 1
    return False


def _meets(path: _Path, i: int, kind: str, cues: dict[str, str], question: bool) -> bool | None:
    """What a denial at `i` says of the value; None when it is about something else."""
    words = path.words
    word = words[i]
    following = words[i + 1] if i + 1 < len(words) else ""
    if kind == "pair":
        if following not in w.PAIRS[word]:
            return False if word in w.STOPS else None
    elif following in w.NO_WAY and word == "no":
        kind = "verbal"
    if _is_harmless(words, i, question):
        return False
    if word == "no" and words[i - 1 : i] in (["say"], ["saying"], ["said"]):
        return not _cancelled(words, i, cues)
    nominal = kind != "verbal" and word not in _BIFOLD
    if not path.carries(nominal):
        if not nominal:
            return False
        path.take(word)
        return None
    return not _cancelled(words, i, cues)


def _is_harmless(words: list[str], i: int, question: bool) -> bool:
    """Whether the denial at `i` denies nothing ("not only", "why not", "isn't it great?")."""
    word = words[i]
    following = words[i + 1] if i + 1 < len(words) else ""
    if following in _FILLERS and i + 2 < len(words):
        following = words[i + 2]
    if following in w.HARMLESS_NEXT or "than" in words[-3:] or words[-1] in _BOUNDS:
        # "instead of", "rather than" carry a "than" of their own
        return word not in w.PAIRS
    previous = words[i - 1] if i else ","
    if _is_praise(words, i, previous):
        return True
    if previous in _WHY or (not following and previous in ("or", "if")):
        return True
    if word in _QUESTION_FORMS and (following in _INVERTED or (question and previous == ",")):
        return True
    return word.endswith("n't") and following in _INVERTED


def _is_praise(words: list[str], i: int, previous: str) -> bool:
    """Whether it is as in "couldn't be happier", "wrong not to", "you don't have to"."""
    following = words[i + 1 : i + 2]
    if following == ["be"] and not _HAPPIER.isdisjoint(words[i + 2 : i + 3]):
        return True
    if words[i] == "not" and following == ["to"] and previous in _WRONG:
        return True
    duty = words[i + 1 : i + 3] in (["have", "to"], ["need", "to"])
    return previous == "you" and (duty or words[i] == "needn't")


def _cancelled(words: list[str], i: int, cues: dict[str, str]) -> bool:
    """Whether an earlier denial in the clause takes the one at `i` back ("can't not")."""
    if words[i - 1 : i] == ["that"] or "not that" in " ".join(words[max(0, i - 4) : i]):
        return words[i] in w.VERBAL and "not" in words[max(0, i - 4) : i]
    for j in range(i - 1, max(-1, i - 9), -1):
        word = words[j]
        if word == "," or word in w.AND or word in w.OR or word in w.STOPS:
            return False
        if _is_subject(words, j):
            return False
        if word in cues and word not in w.PAIRS:
            return not (word in _BIFOLD and words[i] in _BIFOLD)  # "neither 20 nor 30 %"
    return False


def _is_subject(words: list[str], i: int) -> bool:
    """Whether a clause begins at `i` with a subject of its own."""
    word = words[i]
    if word == "you":
        return i + 1 < len(words) and words[i + 1] in _YOU and words[i - 1 : i] != ["let"]
    # "can we", in a clause that a denial opened
    return word in w.NOMINATIVE and not (i and words[i - 1] in w.MODALS)


def _raised(words: list[str], i: int, cues: dict[str, str]) -> bool:
    """Whether the clause at `i` is what somebody does not think, promise or see a way to."""
    near = words[max(0, i - 4) : i]
    if w.RAISING.isdisjoint(near) or "," in near:
        return False
    for j in range(i - 1, max(-1, i - 8), -1):
        if words[j] == "," or words[j] in w.CONTRAST:
            return False
        if cues.get(words[j]) == "verbal" or words[j] == "no":
            # "I can't believe you get": it is true all the same
            return words[j + 1 : j + 2] != ["believe"] or words[j] not in ("can't", "cannot")
    return False


def _ends_clause(path: _Path, i: int, after: list[str]) -> bool:
    """Whether what stands before `i` is another clause."""
    word = path.words[i]
    following = path.words[i + 1 : i + 2]
    if word in w.STOPS or word in w.IS:
        return True
    if word in w.AND:
        path.joined = True
        verb = not w.GIVING.isdisjoint(path.words[i + 1 : i + 3]) or following[:1] == ["you"]
        return verb or not w.IS.isdisjoint(after[:3])
    if word in w.RECEIVING and i:
        return path.words[i - 1] not in _BEFORE_RECEIVING and path.words[i - 1] not in w.VERBAL
    return False


def _beyond_comma(words: list[str], i: int, after: list[str], cues: dict[str, str]) -> int:
    """Where to read on before the comma at `i`; -1 when it ends the clause."""
    tail = words[i + 1 :]
    first = tail[0] if tail else ""
    if len(first) == 3 and first.isdigit() and words[i - 1 : i] and words[i - 1].isdigit():
        return i - 1  # "1,299"
    if first in w.GIVING and not first.endswith(("s", "ing")):
        # "can't, at this time, offer"
        for j in range(i - 1, max(-1, i - 9), -1):
            if words[j] == ",":
                return j - 1
            if words[j] in cues or words[j] in w.CONTRAST or _is_subject(words, j):
                return -1
        return -1
    listed = not w.OR.isdisjoint(tail) or after[:1] == ["or"] or after[1:2] == ["or"]
    if listed and all(x in w.NOUN_PHRASE or x in w.OR or x[:1].isdigit() or x == "%" for x in tail):
        return i - 1
    return -1


def denied_after(
    before: list[str], after: list[str], language: str, *, question: bool = False
) -> bool:
    """Whether what follows a value denies it ("30 % is not possible").

    Only a value in the subject's place is denied so; behind a verb of giving it was given.
    """
    if w.cues_behind(language).isdisjoint(after[:_BEHIND]):
        return False
    cues = w.cues(language)
    given = _is_given(before)
    final = language in ("de", "nl")
    for i, word in enumerate(after[:_BEHIND]):
        if word == "," or word in w.STOPS or word in _BREAKS:
            return False
        if word in w.AND and after[i + 1 : i + 2] and after[i + 1] in w.NOMINATIVE:
            return False
        if given and not final:
            return False
        rest = _clause(after, i + 1)
        previous = after[i - 1] if i else ""
        if word in w.IMPOSSIBLE and (previous in w.IS or previous == "be" or i > 1):
            return w.VERBAL.isdisjoint(after[:i])
        if word == "question" and after[max(0, i - 3) : i] == ["out", "of", "the"]:
            return w.VERBAL.isdisjoint(after[:i])
        if cues.get(word) != "verbal" and not (word == "no" and rest[:1] == ["longer"]):
            continue
        if not w.HARMLESS_NEXT.isdisjoint(rest[:2]) or not w.ELSEWHERE.isdisjoint(rest):
            return False
        if not rest:
            closing = word in ("cannot", "can't", "won't") or (final and not question)
            return closing and "vergessen" not in before
        return not w.POSSIBLE.isdisjoint(rest[:6]) and (not given or len(rest) <= 2)
    return False


def _is_given(before: list[str]) -> bool:
    clause = len(before)
    while clause and before[clause - 1] != "," and before[clause - 1] not in w.STOPS:
        clause -= 1
    words = before[clause:]
    if words and (words[0] in w.GERUNDS or words[0] == "to"):
        return False  # "giving you 30 % is not possible"
    return not w.GIVEN.isdisjoint(words)


def _clause(words: list[str], start: int) -> list[str]:
    """The words from `start` to the end of the clause."""
    end = start
    while end < len(words) and words[end] != "," and words[end] not in w.STOPS:
        end += 1
    return words[start:end]


def is_taken_back(after: list[str], language: str) -> bool:
    """Whether a promise of the denied thing follows ("..., but I'll make an exception")."""
    turn = next(
        (
            i
            for i, word in enumerate(after)
            if word in w.CONTRAST or (word == "only" and after[i - 1 : i] == [","])
        ),
        None,
    )
    if turn is None:
        return _is_excepted(after)
    tail = after[turn + 1 :]
    if not w.cues(language).keys().isdisjoint(tail):
        return False
    if "exception" in tail or _hands_over(" ".join(tail)):
        return True
    return any(
        word in w.ANAPHORIC_GIVING and tail[i + 1 : i + 2] and tail[i + 1] in w.ANAPHORS
        for i, word in enumerate(tail)
    )


def _is_excepted(after: list[str]) -> bool:
    """Whether the denial leaves out this very case ("never ..., except today, for you")."""
    if "except" not in after:
        return False
    tail = after[after.index("except") + 1 :]
    return not w.THIS_CASE.isdisjoint(tail[:3])


def _hands_over(tail: str) -> bool:
    """Whether the words behind a "but" give what was denied before it."""
    return any(phrase in tail for phrase in w.HANDING_OVER) or tail in w.JUST_THIS_TIME


def is_disowned(before: list[str], after: list[str]) -> bool:
    """Whether somebody else's offer is told apart from ours ("they give 30 %, we don't")."""
    if "you" in before or "we" in before or w.OTHERS.isdisjoint(before):
        return False
    for i, word in enumerate(after):
        if word in ("we", "i"):
            return " ".join(after[i + 1 :]) in w.DO_NOT
    return False


def is_supposed(words: list[str]) -> bool:
    """Whether the words before a value only suppose it ("if we gave", "would have given")."""
    since = -1
    if "have" not in words and w.CONDITIONS.isdisjoint(words):
        return False
    for i, word in enumerate(words):
        if word in w.CONDITIONS:
            since = i
        elif word == "have" and i and words[i - 1] in ("would", "could", "might"):
            participle = "".join(words[i + 1 : i + 2])
            if participle.endswith("ed") or participle in w.SUPPOSED_HAVE:
                since = i
        elif since >= 0 and _settles(words, i, i - since):
            since = -1
    return since >= 0


def _settles(words: list[str], i: int, distance: int) -> bool:
    """Whether the condition is over at `i`: a comma, a turn, a main clause."""
    word = words[i]
    if word in (",", "then") or word in w.CONTRAST:
        return True
    if distance <= 2:
        return False
    if word in ("will", "we'll", "i'll", "you'll", "shall", "werden"):
        return True
    following = words[i + 1] if i + 1 < len(words) else ""
    return word in ("you", "we", "i") and (
        following in w.RECEIVING or following in ("give", "offer", "grant")
    )


def is_only_quoted(before: list[str], after: list[str]) -> bool:
    """Whether the value is only what the other side asked for, and the sentence then turns."""
    if "you" not in before or w.TURNS.isdisjoint(after) or not w.AGREES.isdisjoint(after):
        return False
    return not (w.ASKED - {"want"}).isdisjoint(before) or "you want" in " ".join(before)


def denied_phrase(before: list[str], phrase: list[str], language: str) -> bool:
    """Whether a promise in words ("we will not refund") denies itself, or what leads to it does."""
    cues = w.cues(language)
    denials = 0
    for i, word in enumerate(phrase):
        joined = i and word in w.NOMINATIVE and phrase[i - 1] in ("and", "so", ",")
        if word in w.CONTRAST or joined:  # "can't offer it, and we don't refund"
            denials = 0
        elif cues.get(word) != "verbal" and not (word in ("no", "neither", "without") and i):
            continue
        elif not _is_harmless(phrase, i, False) and w.HARMLESS_VERBS.isdisjoint(
            phrase[i + 1 : i + 2]
        ):
            denials += 1
    if denials:
        return denials % 2 == 1
    first = phrase[0] if phrase else ""
    if first in w.NOMINATIVE or first in ("you", "our", "the", "my", "a"):
        words = [*before, first]
        return _raised(words, len(before), cues)
    return denied_before(before, phrase, language)
