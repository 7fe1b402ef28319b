"""The words that turn an offer into none, and how far each of them reaches.

English always; German, French, Spanish, Italian, Portuguese and Dutch when the text is in
that language (their words mean other things elsewhere).
"""

import functools

_PLAIN = frozenset(
    "not cannot never nor neither none nobody nothing nowhere don't can't won't didn't doesn't "
    "isn't aren't wasn't weren't couldn't wouldn't shouldn't haven't hasn't hadn't mustn't "
    "needn't ain't mightn't shan't cant dont wont didnt doesnt isnt arent wasnt couldnt wouldnt "
    "shouldnt havent hasnt aint".split()
)
# Negative by meaning: alone they deny, behind a negation they affirm ("not unable to").
_LEXICAL = frozenset(
    "without unable impossible refuse refuses refused decline declines declined deny denies denied "
    "ineligible prohibit prohibits prohibited forbid forbids forbidden disallow disallowed "
    "unavailable lacks lack exclude excludes excluded except barred prevents prevent".split()
)
_BY_LANGUAGE: dict[str, frozenset[str]] = {
    "de": frozenset(
        "nicht kein keine keinen keinem keiner keines nie niemals ohne weder unmöglich".split()
    ),
    "fr": frozenset("pas aucun aucune sans jamais impossible ni".split()),
    "es": frozenset("no ningún ninguna ningun sin nunca tampoco imposible ni".split()),
    "it": frozenset("non nessun nessuna nessuno senza mai impossibile né".split()),
    "pt": frozenset("não nenhum nenhuma sem nunca impossível nem".split()),
    "nl": frozenset("niet geen nooit zonder onmogelijk noch".split()),
}
_ONLY: dict[str, frozenset[str]] = {
    "de": frozenset({"nur", "bloß", "weniger"}),
    "fr": frozenset({"seulement", "que", "moins", "uniquement"}),
    "es": frozenset({"solo", "sólo", "solamente", "menos", "problema"}),
    "it": frozenset({"solo", "soltanto", "meno"}),
    "pt": frozenset({"só", "somente", "apenas", "menos"}),
    "nl": frozenset({"alleen", "slechts", "minder"}),
}
_NO_LANGUAGE: frozenset[str] = frozenset()

# "not only", "no less than", "not a problem", "no worries": these deny nothing of interest.
_HARMLESS_NEXT = frozenset(
    "only just merely simply solely less fewer more later longer greater sooner problem problems "
    "worries worry doubt doubts matter need question wonder hassle strings catch bother trouble "
    "exaggeration other".split()
)
# "won't hesitate", "can't wait", "don't miss": the negated verb itself means yes.
_HARMLESS_VERBS = frozenset(
    "hesitate worry forget miss wait mind fail help believe overlook delay regret beat stop "
    "lose resist stress thank overstate emphasize emphasise".split()
)
_INVERTED = frozenset("you we i they it that this he she".split())

_SUBJECTS = frozenset(
    "i we you i'll we'll you'll i've we've you've i'm we're you're i'd we'd you'd here here's "
    "there "
    "there's this that that's it it's let let's please enjoy take get use save your our the my but "
    "however instead still he she they wir ich sie nous je vous nosotros le les usted".split()
)
_CONTRAST = frozenset(
    "but however although though yet nevertheless nonetheless whereas while aber jedoch sondern "
    "mais "
    "cependant pero sino mas maar".split()
)
_JOINERS = frozenset("and so then therefore und also et donc y".split())
_CONDITIONS = frozenset(
    "if whether suppose supposing imagine hypothetically assuming unless provided falls wenn "
    "angenommen".split()
)
# "While we don't usually do this we'll give you ...": the main clause starts at its own subject.
_SUBORDINATORS = frozenset("while since as because given who".split())
_MAIN_STARTS = frozenset("i we you i've we've you've i'd we'd get gets receive receives".split())
_PROMISES = frozenset("will we'll i'll you'll shall werden".split())
_GIVING = frozenset(
    "offer offers offered offering give gives gave given giving get gets getting receive receives "
    "received enjoy enjoys have has had take takes apply applied applying include includes save "
    "saves "
    "grant granted grants provide provides provided extend extended used use earn add added with "
    "gives'll award awarded deduct deducted knock".split()
)
_BE_OR_MODAL = frozenset(
    "is are was were be been being can could will would may might shall should must do does did "
    "has "
    "have had am".split()
)
_STILL_TRUE = frozenset(
    "combined combinable stacked transferred transferable transferrable exchanged redeemed used "
    "cumulative resold refundable extended".split()
)
_DENIED_AFTER = frozenset("impossible unavailable refused denied declined".split())
_ADVERBS = frozenset("currently simply unfortunately".split())
_ASKED = frozenset("asked requested wanted hoping expected".split())
_TURN = frozenset(
    "but however unfortunately sadly regrettably cannot can't unable not isn't won't don't".split()
)
_NEVER = -99
_REACH_OF_NO = 6  # words; "no" belongs to its noun phrase
_REACH_BEHIND = 8  # words between a value and the verb that denies it


(
    _COMMA,
    _TURNS,
    _JOINS,
    _SUBORDINATES,
    _STARTS,
    _IF,
    _PROMISE,
    _HAVE,
    _NO,
    _FOREIGN,
    _NOT,
    _NEGATIVE,
    _RATHER,
) = range(13)


@functools.cache
def _kinds(language: str) -> dict[str, int]:
    """What each word does to a clause, for a text in `language`."""
    kinds: dict[str, int] = {",": _COMMA, "have": _HAVE, "rather": _RATHER, "instead": _RATHER}
    for words, kind in (
        (_CONTRAST - {"instead"}, _TURNS),
        (_JOINERS, _JOINS),
        (_CONDITIONS, _IF),
        (_SUBORDINATORS, _SUBORDINATES),
        (_MAIN_STARTS, _STARTS),
        (_PROMISES, _PROMISE),
        (_PLAIN, _NOT),
        (_LEXICAL, _NEGATIVE),
    ):
        kinds.update(dict.fromkeys(words, kind))
    kinds["no"] = _NO
    kinds.update(dict.fromkeys(_BY_LANGUAGE.get(language, ()), _FOREIGN))
    return kinds


@functools.cache
def triggers(language: str) -> frozenset[str]:
    """The words without which (and without n't) nothing in a sentence is denied or supposed."""
    weak = {",", *_CONTRAST, *_JOINERS, *_PROMISES, *_SUBORDINATORS, *_MAIN_STARTS}
    return frozenset(
        (_kinds(language).keys() - weak) | _DENIED_AFTER | _ASKED | {"instead", "want"}
    )


class _Scan:
    """The state of a clause while its words are read from left to right."""

    __slots__ = (
        "condition_at",
        "denied",
        "language",
        "no_at",
        "plain_at",
        "subordinate",
        "supposed",
        "words",
    )

    def __init__(self, words: list[str], language: str) -> None:
        self.words = words
        self.language = language
        self.denied = self.supposed = self.subordinate = False
        self.no_at = self.plain_at = self.condition_at = _NEVER

    def restart(self) -> None:
        """A new clause begins, with a subject of its own."""
        self.denied = False
        self.no_at = _NEVER

    def limit(self, i: int, kind: int) -> None:
        """A comma, "but", "and": where the reach of a negation or a condition may end."""
        new_subject = i + 1 < len(self.words) and self.words[i + 1] in _SUBJECTS
        if kind == _COMMA or self.words[i] == "then" or (kind == _JOINS and new_subject):
            self.supposed = False
        if kind == _TURNS or new_subject:
            self.restart()
        if kind == _TURNS:
            self.subordinate = self.words[i] in ("although", "though", "whereas")

    def clause(self, i: int, kind: int) -> None:
        """A subordinate clause begins, or the main clause behind one."""
        if kind == _SUBORDINATES:
            self.subordinate = True
            if i + 1 < len(self.words) and self.words[i + 1] in _MAIN_STARTS:
                self.restart()
        elif self.subordinate and i - self.plain_at > 2:
            self.restart()

    def condition(self, i: int, kind: int) -> None:
        """Suppose from "if" or "would have" on, until a promise or a comma."""
        if kind == _PROMISE:
            if self.words[i] != "will":
                self.clause(i, _STARTS)
            self.supposed = self.supposed and i - self.condition_at <= 2
        elif kind == _IF or (i and self.words[i - 1] in ("would", "could", "might")):
            self.supposed, self.condition_at = True, i

    def negation(self, i: int, kind: int) -> None:
        """A word that denies what follows, or turns a denial back."""
        words = self.words
        following = words[i + 1] if i + 1 < len(words) else ""
        if kind == _FOREIGN:
            self.denied = self.denied or following not in _ONLY[self.language]
        elif kind == _RATHER:
            if following in ("than", "of"):
                self.denied, self.plain_at = True, i
        elif kind == _NEGATIVE:
            if i - self.no_at <= _REACH_OF_NO:
                self.restart()
            else:
                self.denied = not self.denied
        elif not _is_harmless(words, i):
            if kind == _NO and following not in ("way", "chance", "possibility"):
                self.no_at = i
            else:
                # "won't not": two in a row cancel; two apart do not
                self.denied = not (self.denied and i - self.plain_at <= 2)
                self.plain_at = i

    def finish(self) -> tuple[bool, bool]:
        """(denied, supposed); "no" reaches only over its noun phrase."""
        if not self.denied and self.no_at >= 0 and len(self.words) - self.no_at <= _REACH_OF_NO:
            self.denied = _GIVING.isdisjoint(self.words[self.no_at + 1 :])
        return self.denied, self.supposed


def scan_before(words: list[str], language: str) -> tuple[bool, bool]:
    """(denied, supposed) for what follows these words of the sentence."""
    kinds = _kinds(language)
    scan: _Scan | None = None
    for i, word in enumerate(words):
        kind = kinds.get(word)
        if kind is None:
            continue
        if scan is None:
            scan = _Scan(words, language)
        if kind <= _JOINS:
            scan.limit(i, kind)
        elif kind <= _STARTS:
            scan.clause(i, kind)
        elif kind <= _HAVE:
            scan.condition(i, kind)
        else:
            scan.negation(i, kind)
    return scan.finish() if scan is not None else (False, False)


def _is_harmless(words: list[str], i: int) -> bool:
    """Whether the negation at `i` denies nothing ("not only", "why not", "don't you want")."""
    following = words[i + 1] if i + 1 < len(words) else ""
    previous = words[i - 1] if i else ""
    if following in ("a", "any", "even", "to") and i + 2 < len(words):
        beyond = words[i + 2]
        if following == "even":
            return False
        if following == "to" and beyond == "mention":
            return True
        following = beyond
    if following in _HARMLESS_NEXT or following in _HARMLESS_VERBS:
        return True
    if previous == "why" or (not following and previous in ("or", "if")):
        return True
    if words[i] in ("nothing", "none") and following in ("but", "less", "short"):
        return True
    if words[i] == "no" and following in _SUBJECTS:
        return True
    # an inverted question: "can't we give", "don't you want"
    return words[i].endswith("n't") and following in _INVERTED


def denies_after(before: list[str], after: list[str], language: str) -> bool:
    """Whether what follows a value denies it ("30 % is not possible").

    Only a value in the subject's place is denied so; behind a verb of giving it was given.
    """
    clause: list[str] = []
    for word in reversed(before):
        if word == "," or word in _CONTRAST:
            break
        clause.append(word)
    given = any(word in _GIVING for word in clause)
    foreign = _BY_LANGUAGE.get(language, _NO_LANGUAGE)
    for i, word in enumerate(after):
        if (
            word == ","
            or word in _CONTRAST
            or (word in _JOINERS and after[i + 1 : i + 2] and (after[i + 1] in _SUBJECTS))
        ):
            return False
        if word in foreign and language in ("de", "nl") and len(after) - i <= 3:
            return after[i + 1 : i + 2] == [] or after[i + 1] not in _ONLY[language]
        if given or i > _REACH_BEHIND:
            continue
        if word in ("that", "which", "if", "unless", "because", "when"):
            return False
        previous = after[i - 1] if i else ""
        if previous.endswith("ly") and i > 1:
            previous = after[i - 2]  # "is unfortunately not"
        modal = (
            word.endswith("n't") or word == "cannot" or (word == "not" and previous in _BE_OR_MODAL)
        )
        if modal:
            rest = after[i + 1 : i + 4]
            return not (_STILL_TRUE.intersection(rest) or _HARMLESS_NEXT.intersection(rest[:1]))
        if word in _DENIED_AFTER and (previous in _BE_OR_MODAL or previous in _ADVERBS):
            return True
    return False


def is_only_quoted(before: list[str], after: list[str]) -> bool:
    """Whether the value is only what the other side asked for, and the sentence then turns."""
    if _TURN.isdisjoint(after) or "you" not in before:
        return False
    return not _ASKED.isdisjoint(before) or "you want" in " ".join(before)
