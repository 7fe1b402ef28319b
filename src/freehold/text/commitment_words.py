"""The words and sentence shapes of promises in English, and the class of each verb and noun."""

from freehold.text.patterns import compile as compile_pattern

# stem -> (class, every form of the verb)
_VERBS = {
    "refund": r"refund(?:s|ed|ing)?|reimburs(?:e|es|ed|ing)|repay|repaid"
    r"|(?:pay|paid|paying) you back",
    "cancel": r"cancel(?:s|l?ed|l?ing)?",
    "ship": r"ship(?:s|ped|ping)?|dispatch(?:ed|ing)?|deliver(?:ed|ing)?|expedit(?:e|ed|ing)",
    "replace": r"replac(?:e|es|ed|ing)|exchang(?:e|ed|ing)|swap(?:ped|ping)?",
    "guarantee": r"guarantee[sd]?|guaranteeing|promis(?:e|ed|ing)",
    "waive": r"waiv(?:e|es|ed|ing)",
    "credit": r"credit(?:ed|ing)?|compensat(?:e|ed|ing)",
    "price_match": r"price[- ]?match(?:ed|ing)?"
    r"|match(?:ed|ing)? (?:the|that|their|this|any|your|its) [\w' ]{0,30}?(?:price|offer)"
    r"|honou?r(?:ed|ing)? (?:the|that|their|this|your) [\w' ]{0,20}?price",
    "book": r"book(?:ed|ing)?|reserv(?:e|ed|ing)",
    "change": r"chang(?:e|ed|ing)|updat(?:e|ed|ing)|modif(?:y|ied|ying)|(?:up|down)grad(?:e|ed|ing)"
    r"|reschedul(?:e|ed|ing)|rebook(?:ed|ing)?|extend(?:ed|ing)?|adjust(?:ed|ing)?",
    "transfer": r"transfer(?:red|ring)?|escalat(?:e|ed|ing)|connect(?:ed|ing)? you",
}
_NOUNS = {
    "refund": r"(?:refund|reimbursement)s?|money back",
    "cancel": r"cancel?l?ations?",
    "ship": r"shipments?|delivery|shipping",
    "replace": r"replacements?|exchanges?",
    "waive": r"waivers?",
    "credit": r"credits?|vouchers?|certificates?|compensation|gift cards?",
    "price_match": r"price[- ]match(?:es)?|price adjustment",
    "book": r"bookings?|reservations?|new reservation",
    "change": r"changes?|upgrades?|downgrades?|modifications?|updates?",
    "transfer": r"transfers?|escalation",
}
COSTS_MONEY = frozenset("refund ship replace guarantee waive credit price_match free".split())

VERB = "|".join(_VERBS.values())
NOUN = "|".join(_NOUNS.values())
LIGHT = (
    r"(?:process|issu|complet|finali[sz]|arrang|mak|mad|appl|provid|giv|gav|offer|send|sent"
    r"|initiat|submit|approv|"
    r"schedul|add|grant|proceed|set up|put through|authori[sz]|honou?r|assist|help)"
    r"(?:e|es|ed|d|ing|y|ied|ying|n|ted|ting)?"
)
WORDS = r"(?: [\w'$€£.,%#*-]{0,23}[\w'$€£,%#*-]){0,7}?"  # none ends a sentence
FILL = (
    r"(?:will|shall|can|could|would|may|might|must|cannot|can not|not|never|also|now|just|already|"
    r"yet|then|first|be|been|being|am|are|is|have|had|has|do|did|going to|gone ahead and|"
    r"go ahead and|went ahead and|able to|agree to|agreed to|decided to|willing to|ready to"
    r"|unable to|happy to|glad to|pleased to|delighted to|"
    r"like to|love to|proceed to|proceeded to|proceed with|proceeding with|go ahead with|"
    r"assist with|assist you with|help with|help you with|help you|"
    r"making sure to|try to|even|still|of course|both|always|allowed to|permitted to|"
    r"authori[sz]ed to|in a position to|so|today|to|\w+n't|\w+ly)"
)
# What stands between a helper and its verb: "We will, of course, refund you".
FILLS = rf"((?:(?: {FILL}){{1,9}},(?: [\w'-]+){{1,7}},)?(?: {FILL}){{0,9}})"
SUBJECT = (
    r"(?:i|we|our (?:\w+ ){0,2}(?:team|staff|store|company|warehouse|agents?)|"
    r"the (?:team|company|store|manager)|(?:my|a) (?:manager|colleague|supervisor)"
    r"|let me|let us|let's)"
)
# 1 subject, 2 contraction, 3 auxiliaries and adverbs, 4 verb, 5 light verb, 6 its object
ACTIVE = compile_pattern(
    rf"\b({SUBJECT})('ll|'ve|'m|'re|'d)?{FILLS} (?:({VERB})"
    rf"|({LIGHT}){WORDS} ({NOUN}))\b"
)
DONE = (
    r"refunded|reimbursed|repaid|cancell?ed|shipped|dispatched|replaced|exchanged|waived"
    r"|credited|compensated|"
    r"price[- ]matched|guaranteed|booked|rebooked|reserved|changed|updated|modified|upgraded"
    r"|downgraded|"
    r"rescheduled|transferred|escalated"
)
_DONE_TO_NOUN = (
    r"issued|processed|completed|approved|initiated|applied|granted|confirmed|finali[sz]ed"
    r"|made|sent|added|returned|provided"
)
ADVERB = r"(?: not| now| also| then| already| just| since| both| only| \w+ly)"
_ADVERBS = ADVERB + "{0,4}"
# What goes on behind a promise, without a subject of its own: 1 verb, 2 light verb, 3 its object
ALSO = compile_pattern(
    rf"\band (?:(?:then|also|now|just|already|will|have|to|\w+ly) ){{0,3}}(?:({VERB})"
    rf"|({LIGHT}){WORDS} ({NOUN}))\b"
)
# 1 auxiliary, 2 participle of its own class, 3 participle that needs a noun
PASSIVE = compile_pattern(
    rf"\b((?:has|have|had|hasn't|haven't){_ADVERBS} been|"
    rf"(?:will|shall|would|can|could|may|might|must|should|cannot|can't|won't|couldn't"
    rf"|wouldn't){_ADVERBS} be|you'll{_ADVERBS} be|"
    rf"(?:is|are|isn't|aren't){_ADVERBS}(?: being| now| hereby)|(?:was|were|is"
    rf"|are){_ADVERBS} (?:successfully|fully))"
    rf"{_ADVERBS} (?:({DONE})|({_DONE_TO_NOUN}))\b"
)
# 1 auxiliaries, 2 noun
NOMINAL = compile_pattern(
    rf"\byou((?:'ll| will| can| should| would|'re| are|'ve| have| shall|{ADVERB}){{0,5}}) (?:be )?"
    r"(?:receive|get|receiving|getting|given|issued|entitled to|eligible for|qualify for"
    r"|qualified for|eligible to (?:receive|get)|granted)"
    rf"{WORDS} ({NOUN})\b"
)
# 1 noun, 2 "guaranteed"
STATE = compile_pattern(
    rf"\b({NOUN}) (?:(?:is|are)(?: now| already)? (?:on (?:its|the|their) way|approved|confirmed"
    rf"|complete|underway|processing)|will go (?:back )?to)\b"
    r"|\b(guaranteed|money[- ]back guarantee|you have (?:my|our) word)\b"
)
# 1 verb
ENTITLED = compile_pattern(
    rf"\byou(?:'re| are|'ll be| will be| may be)?{ADVERB}{{0,2}} (?:eligible|entitled|allowed) to"
    rf" ({VERB})\b"
)
FREE = (
    r"\b(?:free|complimentary) (?:[a-z-]+ ){0,2}(?:bags?|baggage|luggage|suitcases?|shipping"
    r"|delivery|returns?|upgrades?|gifts?|replacements?|installation|repairs?)\b"
)
FREE_THINGS = compile_pattern(FREE)
# 1 verb, 2 light verb, 3 its object
OFFERED = compile_pattern(
    r"\b(?:would you like|do you want|want|you'd like|you would like|you wish|prefer) (?:me|us) to "
    rf"(?:go ahead and |proceed with |proceed to |now |also ){{0,2}}(?:({VERB})"
    rf"|({LIGHT}){WORDS} ({NOUN}))\b"
)
_STARTS = {
    "refund": ("refund", "reimburs", "repa", "pay you", "paid you", "paying you", "money"),
    "cancel": ("cancel",),
    "ship": ("ship", "dispatch", "deliver", "expedit"), "replace": ("replac", "exchang", "swap"),
    "guarantee": ("guarantee", "promis", "you have"), "waive": ("waiv",),
    "credit": ("credit", "compensat", "voucher", "certificate", "gift"),
    "price_match": ("price", "match", "hono"), "book": ("book", "reserv", "new res"),
    "change": ("chang", "updat", "modif", "upgrad", "downgrad", "resched", "rebook", "extend",
               "adjust"),
    "transfer": ("transfer", "escalat", "connect"),
}  # fmt: skip


def verb_class(word: str) -> str:
    """The class of a verb or noun form ("reimbursed" -> "refund"); "other" when unknown."""
    return next((name for name, starts in _STARTS.items() if word.startswith(starts)), "other")
