"""An answer that grants what the question asks for: "Can I get a refund?" - "Yes." or "Done."

What is asked for is read from the question, in the languages of `foreign_promises`, and only
where a sentence of the answer agrees to something.
"""

from freehold.core.facts import Polarity
from freehold.text.clauses import Document
from freehold.text.patterns import compile as compile_pattern

_GREETING = 60  # characters that may stand before words that only agree
_LAST = 8_000  # characters of a question that are read, its last ones
_ASKED = {
    "refund": compile_pattern(
        r"refund|reimburs|money back|pa(?:y|id) (?:me )?back|chargeback|return(?:ed)? (?:my"
        r"|the) money"
        r"|(?:revers|undo|void)\w* [\w' ]{0,20}?(?:charge|payment)|\d back\b"
        r"|erstatt|geld (?:wieder )?zur(?:ü|ue)ck|rembours|reembols|devoluci|devolver|devuelv"
        r"|rimbors|estorn|terugbeta|geld terug"
    ),
    "cancel": compile_pattern(r"cancel|stornier|stornó|annul|kündig|disdi|opzeg"),
    "waive": compile_pattern(
        r"waiv|(?:drop|remove|without) (?:the|that|this) [\w ]{0,15}?(?:fee|charge)"
    ),
    "replace": compile_pattern(r"replac|exchange|ersatz|ersetz|umtausch|rempla|reemplaz|sostitu"),
}
REQUESTS = frozenset(_ASKED)
"""All that `asked` may answer."""
# A sentence that asks about rules, ways or times, or that wants nothing.
_NO_REQUEST = compile_pattern(
    r"polic|\bterms\b|^\W*(?:and |but |so |also |hi |hello )?,? ?(?:how (?:do|does|can|long|to"
    r"|much|would)"
    r"|what(?:'s| is| are| was)|when (?:do|does|will|can|is|are|did)|where|why|who)\b"
    r"|do you (?:\w+ )?(?:offer|give|have|do|accept|allow|provide|make|issue|handle)\b"
    r"|(?:don't|do not|didn't|did not|not|no longer) (?:want|need|ask)|customers|policies|are there"
    r"|^\W*(?:wie|wann|warum|wo|was|comment|quand|pourquoi|cómo|cuándo|come|quando|hoe|wanneer)\b"
)
_SENTENCE = compile_pattern(r"[^.!?\n]+")
_YES = (
    r"yes|yep|yeah|yup|aye|sure(?: thing)?|of course|certainly|absolutely|definitely|indeed"
    r"|no problem|not a problem|with pleasure|gladly|by all means|ok(?:ay)?|alright|all right|fine"
    r"|agreed|affirmative|deal|correct|right away|you bet|happy to|you got it|you've got it"
    r"|ja|jawohl|gerne|natürlich|selbstverständlich|na klar|klar|kein problem|oui|bien sûr"
    r"|d'accord|avec plaisir|sí|si|claro(?: que sí)?|por supuesto|desde luego|sì|certo|certamente"
    r"|volentieri|sim|com certeza|natuurlijk|zeker|prima"
)
_CAN = (
    r"(?:that's|that is|it's|it is|this is|you're|you are|you have been|you've been)(?: \w+ly| all"
    r"| now| been)? (?:fine|possible|ok(?:ay)?|approved|granted|entitled|eligible|covered|all set"
    r"|sorted"
    r"|done|taken care of|agreed|accepted|no problem)(?: to(?: one| it| that)?)?"
    r"|you (?:can|may|do|are|will|certainly can|definitely can|sure can|absolutely can)"
    r"(?: (?:get|have|do|receive|claim)(?: one| it| that)?)?"
    r"|(?:we|i) (?:can|will|do|did|have|certainly can|are happy to|am happy to)(?: (?:do|grant"
    r"|approve"
    r"|arrange|offer|process|take care of)(?: it| that| this| so| one)?)?"
    r"|(?:we|i)'(?:ll|ve|m|re)(?: gladly| happily| just| already| happy to| glad to)?"
    r" (?:do|done|grant(?:ed)?|approved?|arranged?|processed|process|taken care of|take care of"
    r"|handled"
    r"|handle|sorted|sort)(?: it| that| this| so)?(?: out)?"
)
_DEED = (
    r"(?:all )?done|granted|approved|request (?:granted|approved)|request approved|accepted|will do"
    r"|consider it (?:done|handled|sorted|approved|granted|taken care of|settled|yours)"
    r"|(?:it's|it is|that's|that is|it has been|that has been|all)(?: now| already| all| been)*"
    r" (?:done|granted|approved|taken care of|sorted|settled|processed)"
    r"|(?:i've|we've|i have|we have|i|we)(?: just| already| now| gone ahead and)? (?:done|granted"
    r"|approved"
    r"|processed|taken care of|took care of|arranged|handled|sorted|did)(?: it| that| this"
    r"| your request"
    r"| so)(?: out)?|your request (?:has been|is|was) (?:granted|approved|accepted)"
    r"|genehmigt|erledigt|bewilligt|wird gemacht|ist erledigt|accordé|c'est (?:fait|accordé"
    r"|d'accord)"
    r"|approuvé|hecho|concedido|aprobado|está hecho|fatto|approvato|concesso|feito|aprovado"
    r"|geregeld"
    r"|goedgekeurd"
)
_TAIL = (
    r"(?: for you| right away| today| now| immediately| as requested| sir| madam| ma'am| for sure"
    r"| already| gladly| of course| you can| we can| i can)?"
)
# 1 a deed, or 2 words that agree with, it may be, a short sentence that says it again
_AGREES = compile_pattern(
    r"(?:^|[.!?\n] ?)(?:(?:hi|hello|hey|dear|thanks|thank you|good \w+)\b[^.!?\n]{0,40}?[,!-] ?)?"
    rf"[^\w\n]{{0,5}}(?:(?:(?:{_YES})[,.!]? ?[-,]? ?)?({_DEED}){_TAIL}"
    rf"|((?:{_YES})(?:[,!]? (?:{_YES}))?(?:[,!]? ?-? ?(?:{_CAN}))?{_TAIL}))[ *_]*(?:[.!\n]|$"
    rf"|,? ?[:;)]|[^\w\s,'?$%-])"
)
SHAPE = _AGREES.pattern
_BINDING = frozenset({"refund", "waive", "replace"})


def asked(question: str) -> frozenset[str]:
    """What a question asks to be done: refund, cancel, waive, replace."""
    low = question[-_LAST:].lower().replace("\u2019", "'")
    roles = [role for role, words in _ASKED.items() if words.test(low)]
    if not roles:
        return frozenset()
    wanted = [
        low[start:end]
        for start, end in _SENTENCE.spans(low)
        if not _NO_REQUEST.test(low[start:end])
    ]
    return frozenset(
        role for role in roles if any(_ASKED[role].test(sentence) for sentence in wanted)
    )


def find(doc: Document, about: frozenset[str]) -> list[tuple[tuple[int, int], str, Polarity]]:
    """(span, class, polarity) of every sentence that grants what was asked; `about`: `asked`.

    Words that only agree count at the beginning of an answer. To agree to a refund binds; to a
    cancellation, only a deed does ("Done."), since "Yes." may say that it can be cancelled.
    """
    found: list[tuple[tuple[int, int], str, Polarity]] = []
    for _, deed, yes in _AGREES.regs(doc.low):
        span = deed if deed[0] >= 0 else yes
        if deed[0] < 0 and not _opens(doc, span[0]):
            continue
        for role in sorted(about):
            binds = deed[0] >= 0 or role in _BINDING
            found.append((span, role, "affirmed" if binds else "hypothetical"))
    return found


def _opens(doc: Document, start: int) -> bool:
    """Whether an answer begins at `start`, a greeting apart."""
    if len(doc.before) + start > _GREETING:
        return False
    return "?" not in doc.before and "?" not in doc.low[:start]
