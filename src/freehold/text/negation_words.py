"""The words that deny, and the words over which a denial reaches to a value.

A denial is believed only along words of these lists: what nobody has listed breaks it, because a
promise that is taken for a refusal would pass the rules on promises.
"""

import functools

# They deny what follows within their clause.
VERBAL = frozenset(
    "not cannot never nobody nothing nowhere don't can't won't didn't doesn't "
    "isn't aren't wasn't weren't couldn't wouldn't shouldn't haven't hasn't hadn't mustn't "
    "needn't ain't mightn't shan't cant dont wont didnt doesnt isnt arent wasnt couldnt wouldnt "
    "shouldnt havent hasnt aint "
    # negative by meaning
    "unable impossible refuse refuses refused refusing decline declines declined declining deny "
    "denies denied denying ineligible prohibit prohibits prohibited forbid forbids forbidden "
    "disallow disallowed unavailable lacks lack exclude excludes excluded barred prevents prevent "
    "prevented stops stop".split()
)
# They deny only the noun phrase that they stand before.
NOMINAL = frozenset("without except excluding unlike nor neither none no".split())
# Only before one of the second words.
PAIRS = {
    "instead": frozenset({"of"}), "rather": frozenset({"than"}), "other": frozenset({"than"}),
    "lieu": frozenset({"de", "d'un", "d'une", "des", "du"}), "plutôt": frozenset({"que", "qu'un"}),
    "lugar": frozenset({"de", "del"}), "vez": frozenset({"de", "del", "da", "do"}),
    "invece": frozenset({"di", "del"}), "plaats": frozenset({"van"}),
}  # fmt: skip
_VERBAL_BY_LANGUAGE = {
    "de": "nicht nie niemals unmöglich niemand",
    "fr": "pas jamais impossible",
    "es": "no nunca tampoco imposible nadie",
    "it": "non mai impossibile",
    "pt": "não nunca impossível",
    "nl": "niet nooit onmogelijk",
}
_NOMINAL_BY_LANGUAGE = {
    "de": "kein keine keinen keinem keiner keines ohne weder noch statt anstatt anstelle außer",
    "fr": "aucun aucune sans ni sauf",
    "es": "ningún ninguna ningun sin ni excepto salvo",
    "it": "nessun nessuna nessuno senza né",
    "pt": "nenhum nenhuma sem nem",
    "nl": "geen zonder noch",
}
# "no way", "no authority": these deny like a verb.
NO_WAY = frozenset(
    "way chance possibility authority permission plan plans intention option ability right power "
    "means room scope circumstances longer one such".split()
)
# Behind a denial: it denies nothing of interest ("not only", "no problem", "not before").
HARMLESS_NEXT = frozenset(
    "only just merely simply solely problem problems issue issues worries doubt doubts matter need "
    "question wonder hassle strings catch bother trouble exaggeration before mention wrong fewer "
    "less lower below under beyond above more higher over anything "
    "nur bloß weniger mehr problem frage sorge sorgen zweifel umstand thema wahr "
    "seulement que moins uniquement problème souci soucis doute "
    "solo sólo solamente menos más problema duda dude "
    "soltanto meno somente apenas só alleen slechts minder".split()
)
# The denied verb itself means yes ("won't hesitate", "don't worry", "can't wait").
HARMLESS_VERBS = frozenset(
    "hesitate worry forget miss wait mind fail help overlook delay regret beat stop stops keep "
    "keeps prevent prevents preventing stopping lose resist stress thank overstate emphasize "
    "emphasise doubt complain see dream hurt matter let tell find dare object argue "
    "hésitez inquiétez oubliez tarde dude preocupe olvide vergessen zögern".split()
)
# A denial of these passes through "that" to the clause behind ("I don't think we can offer").
RAISING = frozenset(
    "think believe sure say promise guarantee confirm certain expect imagine way chance "
    "possibility aware ensure mean".split()
)
# What is given, in the forms that may stand between a denial and the value.
GIVING = frozenset(
    "offer offers offered offering give gives gave given giving get gets getting receive receives "
    "received enjoy have has had having take takes taking apply applies applied applying include "
    "includes save saves grant granted grants granting provide provides provided providing extend "
    "extended use earn add added adding award awarded deduct deducted knock knocked do doing done "
    "go going approve approved approving authorise authorize honor honour match stretch make "
    "making made allow allowed permit permitted reduce reduced lower lets running run "
    "eligible qualify able position possible valid be been being stack accept accommodate "
    "anbieten geben gewähren bieten bekommen erhalten machen geben einräumen können dürfen möglich "
    "offrir offrons proposons proposer accorder accordons donner donnons faire avoir obtenir "
    "appliquer pouvons "
    "ofrecer ofrecerle ofrecerles ofrecemos ofrezco dar darle darles damos doy hacer aplicar "
    "conceder tenemos tiene podemos puedo offrire dare offriamo diamo fare oferecer oferecemos "
    "fazer aanbieden".split()
)
# Words of a noun phrase, and those that may stand around it.
NOUN_PHRASE = frozenset(
    "a an the any your our my this that these those such another further additional extra full "
    "flat standard general special whole single new discount discounts reduction reductions rebate "
    "refund price prices cut offer deal coupon code voucher promotion promo sale savings off of "
    "up to at for about around percent or and by as than que qu'un di da do "
    "rabatt nachlass einen einem einer eine ein von den die das der dem über oder gutschein "
    "remise réduction rabais un une de des du la le les d'un d'une ou "
    "descuento rebaja una el del al los las o sconto di desconto uma korting van een".split()
)
# Adverbs, helpers and receivers, which carry a denial on.
CARRIERS = frozenset(
    "you us them him her thing anyone anybody customers customer members member people "
    "staff ever even "
    "also just really simply currently yet still at this time moment now today here again in on "
    "with can could will would may might should shall must do does did to currently unfortunately "
    "ihnen ihr euch dir mir leider auch mehr heute derzeit vous lui leur malheureusement "
    "le les te usted ustedes".split()
)
# Verbs of giving that, before the value, have already given it.
GIVEN = frozenset(
    "offer offers offered offering give gives gave given giving get gets getting receive receives "
    "received enjoy have has had take takes apply applied applying include includes save saves "
    "grant granted grants provide provides provided extend extended used use earn add added with "
    "award awarded deduct deducted knock".split()
)
GERUNDS = frozenset("giving offering getting granting applying adding taking".split())
# A verb that tells who gets: behind a noun it opens a clause of its own.
RECEIVING = frozenset("get gets receive receives enjoy enjoys have has save saves costs".split())
IS = frozenset(
    "is are was were it's that's he's she's here's there's you're we're they're i'm gibt sind "
    "ist".split()
)
NOMINATIVE = frozenset(
    "i we they he she it i'll we'll you'll they'll i've we've you've they've i'm we're you're "
    "they're i'd we'd you'd here here's there's it's that's let's enjoy wir ich sie nous je "
    "nosotros yo".split()
)
MODALS = frozenset("can could will would may might should shall do does did have had".split())
STOPS = frozenset(
    "but however although though yet nevertheless nonetheless whereas while so then because since "
    "instead plus aber jedoch sondern mais cependant pero sino mas maar denn weil porque "
    "donc".split()
)
CONTRAST = frozenset(
    "but however although though yet nevertheless nonetheless aber jedoch mais cependant pero "
    "sino mas maar".split()
)
AND = frozenset({"and", "und", "et", "y", "e"})
OR = frozenset({"or", "nor", "oder", "noch", "ou", "ni", "o"})
# What a denial behind the value must say ("is not possible", "can't be given").
POSSIBLE = frozenset(
    "possible available offered allowed given applied applicable apply granted valid something "
    "option permitted feasible doable approved authorised authorized honored honoured provided "
    "happen work open eligible do offer give done grant included"
    " "
    "möglich verfügbar drin machbar erlaubt gewähren geben anbieten gewährt bekommen gültig "
    "vorgesehen "
    "possible possibles disponible disponibles posible posibles applicable valable válido válida "
    "possibile disponibile possível disponível mogelijk beschikbaar".split()
)
IMPOSSIBLE = frozenset(
    "impossible unavailable refused denied declined unmöglich imposible impossibile "
    "impossível onmogelijk".split()
)
ELSEWHERE = frozenset(
    "stores store shops shop elsewhere anywhere until combined combinable stacked transferred "
    "transferable transferrable exchanged redeemed cumulative resold refundable".split()
)
CONDITIONS = frozenset(
    "if whether suppose supposing imagine hypothetically assuming unless provided falls wenn "
    "angenommen".split()
)
SUPPOSED_HAVE = frozenset("given been got gotten done made taken cut gone had lost".split())
ASKED = frozenset("asked requested wanted hoping expected want".split())
TURNS = frozenset(
    "but however unfortunately sadly regrettably cannot can't unable not isn't won't don't".split()
)
AGREES = frozenset(
    "yes sure done yours granted happy glad deal agreed ok okay approved easy got course".split()
)
# Whom or when an exception is for, that makes a denial a promise.
THIS_CASE = frozenset("today now you your tonight this here".split())
HANDING_OVER = (
    "here you go", "here it is", "here you are", "consider it", "it's yours", "it is yours",
    "just this once", "let's do it", "go ahead", "enjoy",
)  # fmt: skip
JUST_THIS_TIME = frozenset(
    {
        "for you",
        "today",
        "this time",
        "for you today",
        "yes",
        "okay",
        "ok",
        "sure",
        "why not",
        "for you , yes",
        "for you yes",
        "fine",
        "for you , sure",
        "done",
        "you get it",
    }
)
OTHERS = frozenset(
    "competitor competitors competition others rival rivals they retailers elsewhere "
    "other another offers gives has sells promises".split()
)
DO_NOT = frozenset(
    {
        "don't", "do not", "can't", "cannot", "can not", "won't", "don't offer that",
        "don't do that",
        "don't , sorry", "don't do this", "can't match that", "cannot match that", "don't offer it",
        "don't , unfortunately", "can't , sorry", "do not offer that", "can't do that",
        "won't match",
    }
)  # fmt: skip
ANAPHORS = frozenset("it that this so one happen".split())
ANAPHORIC_GIVING = frozenset("do give offer make apply add get have allow grant approve".split())


@functools.cache
def cues(language: str) -> dict[str, str]:
    """Every word that may deny in a text of `language`: "verbal", "nominal" or "pair"."""
    known = dict.fromkeys(PAIRS, "pair")
    known.update(dict.fromkeys(NOMINAL, "nominal"))
    known.update(dict.fromkeys(VERBAL, "verbal"))
    known.update(dict.fromkeys(_NOMINAL_BY_LANGUAGE.get(language, "").split(), "nominal"))
    known.update(dict.fromkeys(_VERBAL_BY_LANGUAGE.get(language, "").split(), "verbal"))
    return known


@functools.cache
def triggers(language: str) -> frozenset[str]:
    """The words without which nothing in a sentence is denied or supposed."""
    return frozenset(cues(language)) | CONDITIONS | IMPOSSIBLE | ASKED | SUPPOSED_HAVE


@functools.cache
def cues_behind(language: str) -> frozenset[str]:
    """The words without which nothing behind a value denies it."""
    verbal = {word for word, kind in cues(language).items() if kind == "verbal"}
    return IMPOSSIBLE | verbal | {"no", "question"}
