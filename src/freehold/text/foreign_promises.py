"""Promises in German, French, Spanish, Italian, Portuguese and Dutch: narrow lists.

A phrase is read in the language of its own words, whatever the text around it is written in.
"""

from collections.abc import Iterable

from msgspec import Struct

from freehold.core.facts import Polarity
from freehold.text import negation, negation_words
from freehold.text.clauses import Document
from freehold.text.patterns import Pattern
from freehold.text.patterns import compile as compile_pattern

# No word boundary behind a stem: to the engines an accented letter is none of a word.
_W = r"[^.!?\n]{0,80}?"  # anything within a sentence
_S = r"[^.!?,;\n]{0,60}?"  # anything within a clause
_DE_WE = r"\b(?:ich|wir)"
_DE_SUM = r"(?:geld|betrag|summe|kaufpreis|preis|zahlung|kosten|€ ?\d[\d.,]*|\d[\d.,]* ?(?:€|euro))"
_DE_REFUND = r"(?:r(?:ü|ue)ck)?erstattung"
_FR_REFUND = r"remboursement"
_ES_REFUND = r"(?:reembolso|devoluci(?:ó|o)n)"
_IT_REFUND = r"rimborso"
_PT_REFUND = r"(?:reembolso|estorno|devolu(?:ç|c)(?:ã|a)o)"
_NL_REFUND = r"(?:terugbetaling|restitutie)"


def _row(language: str, role: str, pattern: str) -> tuple[str, str, Pattern]:
    return language, role, compile_pattern(pattern)


# The language, the class, the pattern; where phrases overlap, its first group claims the text.
_ROWS = (
    _row("de", "refund", rf"{_DE_WE} {_W}(erstatten|erstattet|erstatte\b|{_DE_REFUND})"),
    _row(
        "de",
        "refund",
        # to the engines, no word begins at an accented letter
        r"(?:^|[\s,.!?:;(\"'*-])(erstatten|erstatte|überweisen|überweise"
        r"|zahlen|zahle) (?:ich|wir)\b"
        rf" {_S}(?:{_DE_SUM}|zur(?:ü|ue)ck|bestellung)",
    ),
    _row("de", "refund", rf"\b(?:ich|wir) {_S}{_DE_SUM} {_S}(zur(?:ü|ue)ck)"),
    _row(
        "de",
        "refund",
        r"\b(?:sie|du|ihr) (?:bekommen|bekommst|bekommt|erhalten|erhältst|erhaltet"
        rf"|kriegen|kriegst|haben|hast) {_S}({_DE_SUM} {_S}(?:zur(?:ü|ue)ck|erstattet)"
        rf"|{_DE_REFUND})",
    ),
    _row(
        "de",
        "refund",
        rf"\b(?:die|ihre|deine|volle|eine) (?:\w+ )?({_DE_REFUND}) (?:ist|wurde|wird|geht"
        r"|erfolgt|haben wir|habe ich)\b(?: [^.!?,;\n]{0,60}?(?:genehmigt|veranlasst|erledigt"
        r"|unterwegs"
        r"|bewilligt|bestätigt|gutgeschrieben|ausgezahlt|überwiesen|durchgeführt|raus|erfolgt))?",
    ),
    _row(
        "de",
        "refund",
        rf"\b({_DE_REFUND})[ :*_-]{{1,5}}(?:genehmigt|bewilligt|veranlasst|bestätigt"
        r"|erfolgt|erledigt)",
    ),
    _row(
        "de",
        "refund",
        rf"\b(?:ihre?|ihnen|deine?|dir|der|das|die) {_S}(?:wird|wurde|werden|wurden|ist|sind|geht"
        rf"|kommt) {_S}((?:zur(?:ü|ue)ck)?(?:erstattet|gezahlt|überwiesen)|zur(?:ü|ue)ckgebucht"
        r"|auf dem weg zu (?:ihnen|dir)|zu (?:ihnen|dir) zur(?:ü|ue)ck)",
    ),
    _row(
        "de",
        "refund",
        rf"\b{_DE_SUM} (?:ist|sind|geht) {_S}"
        r"(unterwegs zu (?:ihnen|dir)|zu (?:ihnen|dir) unterwegs)",
    ),
    _row("de", "cancel", rf"{_DE_WE} {_W}(storniere|storniert)"),
    _row("de", "cancel", rf"\b(?:ihre|deine|die) {_S}(?:wurde|ist|wird) {_S}(storniert)"),
    _row("de", "replace", rf"{_DE_WE} {_W}(ersetzen|ersetzt|austauschen|umtauschen)"),
    _row("de", "guarantee", rf"{_DE_WE} {_W}(garantiere)"),
    _row("de", "credit", rf"{_DE_WE} {_W}(gutschreiben|gutgeschrieben|gutschrift)"),
    _row("de", "ship", rf"{_DE_WE} {_W}(versenden|versendet|liefern)"),
    _row("de", "waive", rf"{_DE_WE} {_W}(erlassen)"),
    _row("fr", "refund", r"\b(?:nous|je|j'ai|on) [^.!?\n]{0,60}?(rembours)"),
    _row(
        "fr",
        "refund",
        r"\b(?:nous|je|j'ai|on) [^.!?,;\n]{0,40}?(?:rend|restitu|revers|renv)\w*"
        r"[^.!?,;\n]{0,20}? (l'argent|votre argent|ton argent|le montant|la somme)",
    ),
    _row(
        "fr",
        "refund",
        r"\b(?:vous|tu) (?:n')?(?:ne )?(?:serez|seras|êtes|avez été|allez être|allez)\b"
        r"[^.!?,;\n]{0,30}?(remboursée?s?|récupérer)",
    ),
    _row(
        "fr",
        "refund",
        r"\b(?:vous|tu) (?:recevrez|recevras|obtiendrez|aurez|allez recevoir|avez droit à"
        rf"|bénéficiez d'|récupér)[^.!?,;\n]{{0,30}}?({_FR_REFUND}|argent)",
    ),
    _row(
        "fr",
        "refund",
        r"\b(?:votre|ton|la|le) [^.!?,;\n]{1,40}? (?:sera|est|a été|a bien été|va être)"
        r" [^.!?,;\n]{0,20}?(remboursé)",
    ),
    _row(
        "fr",
        "refund",
        rf"\b({_FR_REFUND})(?: (?:complet|intégral|total))?(?:[ :*_-]{{1,5}}(?:a (?:bien )?été"
        r"|est|sera)?|) ?(?:accord|approuv|effectu|valid|émis|en cours|en route)",
    ),
    _row("fr", "cancel", r"\b(?:nous|je|j'ai|on) [^.!?\n]{0,60}?(annul)"),
    _row("fr", "replace", r"\b(?:nous|je|j'ai|on) [^.!?\n]{0,60}?(rempla[cç])"),
    _row("fr", "guarantee", r"\b(?:nous|je|j'ai) [^.!?\n]{0,60}?(garanti)"),
    _row("fr", "credit", r"\b(?:nous|je|j'ai) [^.!?\n]{0,60}?(crédit)"),
    _row("fr", "ship", r"\b(?:nous|je|j'ai) [^.!?\n]{0,60}?(expédi|livrer)"),
    _row(
        "es",
        "refund",
        r"\b(?:hemos|vamos a|voy a|he|nosotros|podemos|puedo|(?:no )?(?:se )?(?:le|te"
        r"|les|lo|la)) [^.!?\n]{0,60}?(reembols)",
    ),
    _row(
        "es",
        "refund",
        r"\b(devolveremos|devolvemos|devolveré|devuelto|devolver|devolverle|devolverte"
        r"|devolverá|devuelvo)\b [^.!?,;\n]{0,30}?(?:dinero|importe|pago|cantidad|€|\$"
        r"|\d[\d.,]* euros)",
    ),
    _row(
        "es",
        "refund",
        r"\b(?:recibir(?:á|ás)|obtendr(?:á|ás)|tendr(?:á|ás)|recuperar(?:á|ás)|va a recibir"
        rf"|vas a recibir|tiene derecho a|tienes derecho a) [^.!?,;\n]{{0,30}}?({_ES_REFUND}"
        rf"|dinero)",
    ),
    _row(
        "es",
        "refund",
        rf"\b({_ES_REFUND})(?: (?:completo|total|íntegro))?(?: (?:ha sido|est(?:á|a)|fue|queda)"
        r"|[ :*_-]{1,4})[^.!?,;\n]{0,12}?(?:aprobad|concedid|procesad|emitid|autorizad|realizad"
        r"|en camino)",
    ),
    _row(
        "es",
        "refund",
        r"\b(?:su|tu|el|la) [^.!?,;\n]{1,40}? (?:será|ha sido|fue|va a ser)"
        r" (reembolsad|devuelt)",
    ),
    _row(
        "es",
        "cancel",
        r"\b(?:hemos|vamos a|voy a|he|le|te|les|nosotros|podemos|puedo)"
        r" [^.!?\n]{0,60}?(cancel)",
    ),
    _row(
        "es",
        "replace",
        r"\b(?:hemos|vamos a|voy a|he|le|te|les|podemos|puedo) [^.!?\n]{0,60}?(reemplaz)",
    ),
    _row("es", "guarantee", r"\b(?:hemos|he|le|te|les|podemos|puedo) [^.!?\n]{0,60}?(garantiz)"),
    _row(
        "es",
        "credit",
        r"\b(?:hemos|vamos a|voy a|he|le|te|les|podemos|puedo)"
        r" [^.!?\n]{0,60}?(abonar|abonado)",
    ),
    _row(
        "es",
        "ship",
        r"\b(?:hemos|vamos a|voy a|he|le|te|les|podemos|puedo)"
        r" [^.!?\n]{0,60}?(enviar|enviado)",
    ),
    _row(
        "it",
        "refund",
        r"(?:\b(?:abbiamo|ho|la|ti|le|vi) [^.!?,;\n]{0,30}?)?\b(rimborseremo|rimborser(?:ò|o)"
        r"|rimborsiamo|rimborsato il|rimborsato l')|\b(?:abbiamo|ho) [^.!?,;\n]{0,20}?rimborsat",
    ),
    _row(
        "it",
        "refund",
        rf"\b(?:ricever(?:à|ai)|otterr(?:à|ai)|avr(?:à|ai)|ha diritto a|hai diritto a)"
        rf" [^.!?,;\n]{{0,25}}?({_IT_REFUND})|\b(?:le |ti |vi )?(?:restituiremo|restituiamo"
        rf"|ridiamo) "
        r"[^.!?,;\n]{0,20}?(?:soldi|denaro|importo|somma)",
    ),
    _row(
        "it",
        "refund",
        rf"\b({_IT_REFUND})(?: (?:completo|totale))?(?: (?:è stato|è|sarà)|[ :*_-]{{1,4}})"
        r" ?(?:approvat|concess|emess|effettuat|elaborat)",
    ),
    _row(
        "pt",
        "refund",
        r"\b(reembolsaremos|reembolsarei|reembolsamos|estornaremos|estornamos|estornei)"
        r"|\b(?:vamos|vou|iremos) [^.!?,;\n]{0,15}?(?:reembols|estorn)"
        r"|\b(?:devolveremos|vamos devolver|vou devolver) [^.!?,;\n]{0,25}?(?:dinheiro|valor)"
        r"|\b(?:será|foi) (?:totalmente )?(?:reembolsad|estornad)",
    ),
    _row(
        "pt",
        "refund",
        rf"\b(?:receberá|receberás|vai receber|tem direito a) [^.!?,;\n]{{0,25}}?"
        rf"({_PT_REFUND})|\b{_PT_REFUND}(?: (?:completo|total|integral))?(?: (?:foi|está)"
        rf"|[ :*_-]{{1,4}})"
        r" ?(?:aprovad|concedid|processad|emitid|autorizad|efetuad)",
    ),
    _row(
        "nl",
        "refund",
        r"\b(?:ik|we|wij) [^.!?,;\n]{0,60}?(terugbeta|terugstort|terug te betalen)"
        r"|\b(?:ik|we|wij) (?:betalen|betaal|storten|stort) [^.!?,;\n]{0,50}? terug\b",
    ),
    _row(
        "nl",
        "refund",
        r"\b(?:u|je|jij) (?:krijgt|ontvangt|krijg|heeft recht op|hebt recht op) [^.!?,;\n]{0,30}?"
        rf"({_NL_REFUND}|(?:geld|bedrag) terug\b)",
    ),
    _row(
        "nl",
        "refund",
        rf"\b({_NL_REFUND})(?: (?:is|wordt|werd)|[ :*_-]{{1,4}}) ?(?:goedgekeurd|verwerkt"
        r"|toegekend|onderweg|uitgevoerd)|\b(?:wordt|werd|is) [^.!?,;\n]{0,20}?terugbetaald",
    ),
)
SHAPES = tuple(pattern.pattern for _, _, pattern in _ROWS)
_UNSURE = frozenset(
    "könnte könnten würde würden möglicherweise vielleicht eventuell möchten soll sollen "
    "pourrait pourrions pourriez peut-être peut être souhaitez voulez "
    "podría podríamos quizás quizá quiere desea "
    "potrebbe potremmo forse vuole poderia poderíamos talvez deseja quer zou zouden misschien "
    "wilt".split()
)
_CONDITIONS = {
    "de": frozenset("wenn falls sofern sobald ob wie".split()),
    "fr": frozenset("si lorsque quand comment".split()),
    "es": frozenset("si cuando cómo como".split()),
    "it": frozenset("se quando come".split()),
    "pt": frozenset("se quando como".split()),
    "nl": frozenset("als indien zodra wanneer of hoe".split()),
}
_OTHERS = frozenset(
    "kunden andere clients client clientes cliente clienti andere klanten sie "
    "richtlinie politique política".split()
) - {"sie"}


class Told(Struct, frozen=True):
    """A phrase, the words of it that count where phrases overlap, its class and its language."""

    span: tuple[int, int]
    core: tuple[int, int]
    role: str
    language: str


def find(doc: Document, shapes: Iterable[int]) -> list[Told]:
    """The phrases of those `SHAPES`, by index, that a document has; whatever their polarity."""
    found: list[Told] = []
    for at in shapes:
        language, role, pattern = _ROWS[at]
        for span, core, *_ in pattern.regs(doc.low):
            found.append(Told(span, core if core[0] >= 0 else span, role, language))
    return found


def stance(doc: Document, told: Told) -> Polarity | None:
    """The polarity of a phrase; None when it is told of others."""
    end = told.span[1]
    before, after = doc.around(end, end)
    phrase = before[-14:]
    if negation.denied_phrase([], phrase, told.language) or negation.denied_after(
        [], after, told.language
    ):
        return "negated"
    if _denied_noun(doc, told):
        return "negated"
    if not _OTHERS.isdisjoint(phrase):
        return None
    comma = len(before) - before[::-1].index(",") if "," in before else 0
    words = before[comma:]
    if not _CONDITIONS[told.language].isdisjoint(words) or negation.is_supposed(before):
        return "hypothetical"
    if not _UNSURE.isdisjoint(words) or doc.is_question(end):
        return "hypothetical"
    return "affirmed"


def _denied_noun(doc: Document, told: Told) -> bool:
    """Whether a "kein" or "aucun" stands before the noun, or a "ne" within the phrase."""
    core = told.core[0]
    near = doc.around(core, core)[0][-3:]
    if told.language == "fr" and any(
        word == "ne" or word.startswith("n'") for word in doc.clean[slice(*told.span)].split()
    ):
        return True
    cues = negation_words.cues(told.language)
    return any(cues.get(word) == "nominal" for word in near)
