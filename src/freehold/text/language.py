"""Which language a text is in: by script, else by its most common words and letters.

A language is named by its ISO 639-1 code, "und" when the text is too short to tell. Covers en,
de, fr, es, it, pt, nl, pl, sv, da, cs and tr by words; ru, uk, el, ar, he, hi, zh, ja and ko by
script. Word lists are our own; a word weighs the more, the fewer languages have it.
"""

import functools
import unicodedata

_WORDS = {
    "en": """the and of to is are was were be been have has had will would can could should do does did not this
 that these those with for from your you we they it its what which who where when why how my our their his
 her please thank thanks about there here an on at by if or but as so any all some more than then i me us
 am don't i'm i'd it's want need get help like just no yes order much many into out up hello""",
    "de": """der die das und ist sind war waren nicht ein eine einen einem einer ich wir sie ihr mein meine meinen
 ihre ihren mit für von zu zum zur auf aus bei nach über unter wie was wer wo wann warum kann können
 haben hat habe wird werden wurde auch noch schon nur aber oder wenn dass den dem des im am als bitte danke
 sehr mir mich uns es er an vor durch gibt möchte guten kein keine hallo bestellung""",
    "fr": """le la les un une des du de et est sont était ne pas je nous vous ils elle il elles mon ma mes votre vos
 notre nos avec pour dans sur par au aux que qui quoi où quand comment pourquoi ce cette ces plus très bien
 mais ou donc si être avoir avez ai ont fait peut pouvez merci bonjour s'il plaît c'est j'ai d'une n'est
 l'article qu'il leur son sa ses en y a suis voudrais commande sans tout""",
    "es": """el la los las un una unos y es son está están no yo nosotros usted ustedes mi mis su sus con para por en
 de del al que qué quién dónde cuándo cómo porqué este esta estos estas más muy pero o si ser estar tengo
 tiene puede puedo quiero gracias hola favor se lo le me nos hay fue sin sobre todo también ya cuando
 como desde hasta necesito mañana pedido buenos días ha he""",
    "it": """il lo la i gli le un una uno e è sono era non io noi voi mio mia miei vostro suo con per in di del della
 dei delle al alla che chi cosa dove quando come perché questo questa questi più molto ma o se essere avere
 ho hai ha abbiamo può posso vorrei grazie ciao buongiorno si ci da dal dalla nel nella anche solo senza
 tutto ordine mi ti prego quanto sul sulla""",
    "pt": """o a os as um uma uns e é são está estão não eu nós você vocês meu minha meus seu sua com para por em de
 do da dos das ao à no na nos nas que quem onde quando como porque este esta isso mais muito mas ou se ser
 estar tenho tem pode posso quero obrigado obrigada olá favor foi sem sobre também já até preciso amanhã
 pedido bom dia pelo pela gostaria encomenda ainda""",
    "nl": """de het een en is zijn was waren niet ik wij we jij u jullie mijn uw onze met voor van naar op uit bij over
 onder hoe wat wie waar wanneer waarom kan kunnen heb heeft hebben wordt worden werd ook nog al maar of als
 dat die dit deze te er aan in om door geen graag dank bedankt alstublieft hallo wil zou moet mij me bestelling
 hoeveel goedemorgen dan""",
    "pl": """i w na z do nie jest są był była to się że jak co kto gdzie kiedy dlaczego mój moja moje mam ma czy dla
 od po za przez o ale lub albo oraz jeśli ten ta te tego tej już tylko bardzo proszę dziękuję dzień dobry
 chcę chciałbym mogę może można jestem przy pod nad bez ze ich jego jej nas was mnie moim zamówienie ile
 został która które który""",
    "sv": """och är att det som en ett på av för med till i den inte jag du vi ni min mitt mina er ert har hade kan
 kunde ska skulle vill var när hur vad vem varför om men eller så från till vid under över efter också bara
 mycket tack hej snälla finns blir blev detta dessa denna dem oss mig dig utan alla beställning behöver
 mina några""",
    "da": """og er at det som en et på af for med til i den ikke jeg du vi min mit mine jeres har havde kan kunne skal
 skulle vil var hvor hvornår hvordan hvad hvem hvorfor om men eller så fra ved under over efter også kun
 meget tak hej venligst findes bliver blev dette disse denne dem os mig dig uden alle bestilling gerne
 nogle der vores""",
    "cs": """a je jsou byl byla bylo v ve na z ze do s se si že jak co kdo kde kdy proč můj moje mám má máte pro od po za
 přes o ale nebo pokud ten ta to tento tato toto již jen jenom velmi prosím děkuji dobrý den chci chtěl bych
 mohu může můžete jsem jste při pod nad bez jejich jeho její nás vás mě mi objednávka objednávku kolik není
 který která které""",
    "tr": """ve bir bu şu o için ile de da mi mı mu mü ne nasıl nerede niçin neden kim hangi ben sen biz siz benim bizim
 sizin var yok değil ama veya çok daha en gibi kadar sonra önce olarak olan oldu istiyorum lütfen teşekkür
 teşekkürler merhaba kaç zaman her hiç evet hayır ederim misiniz mısınız siparişim sipariş bana size""",
}  # fmt: skip
# Letters (and pairs) that few of these languages share; each weighs as an uncommon word.
_LETTERS = {
    "ß": "de", "ä": "de sv", "ö": "de sv tr", "ü": "de tr", "å": "sv da", "ø": "da", "æ": "da",
    "ñ": "es", "¿": "es", "¡": "es", "ã": "pt", "õ": "pt", "ç": "fr pt tr", "ê": "fr pt", "è": "fr it",
    "à": "fr it pt", "ù": "fr it", "ò": "it", "œ": "fr", "ł": "pl", "ż": "pl", "ś": "pl", "ć": "pl",
    "ę": "pl", "ą": "pl", "ń": "pl", "ź": "pl", "ř": "cs", "ě": "cs", "ů": "cs", "č": "cs", "š": "cs",
    "ž": "cs", "ý": "cs", "ğ": "tr", "ş": "tr", "ı": "tr", "ô": "fr pt", "û": "fr", "î": "fr",
    "í": "es pt cs", "á": "es pt cs", "ó": "es pt pl",
}  # fmt: skip
# Word endings, looked at only when few words are known.
_ENDINGS = {
    "en": "ing tion ment ould ness", "de": "ung lich keit isch chen gen", "fr": "ment eur eux aire ez",
    "es": "ción dad ando iendo mente os", "it": "zione mente are ere gli ità tto", "pt": "ção dade mente ões inho",
    "nl": "ing lijk heid en ijk", "pl": "ego ych owy ów ście ła", "sv": "ningen arna igt ning ade",
    "da": "ningen erne ning ede", "cs": "ení ého ých ost ovat", "tr": "lar ler yor dir dır ım iz",
}  # fmt: skip

_MOST_WORDS = 120
_SCRIPTS: tuple[tuple[int, int, str], ...] = (
    (0x0370, 0x03FF, "el"), (0x0400, 0x052F, "cyrillic"), (0x0590, 0x05FF, "he"),
    (0x0600, 0x06FF, "ar"), (0x0750, 0x077F, "ar"), (0x0900, 0x097F, "hi"), (0x1100, 0x11FF, "ko"),
    (0x3040, 0x30FF, "ja"), (0x3400, 0x4DBF, "zh"), (0x4E00, 0x9FFF, "zh"), (0xAC00, 0xD7AF, "ko"),
)  # fmt: skip
_PUNCTUATION = str.maketrans(
    dict.fromkeys('.,;:!?"()[]{}<>/\\|*_`#=+&%$€£0123456789-–—…„“”«»', " ")
)
_CURLY = str.maketrans("’ʼ", "''")


@functools.cache
def _profile() -> dict[str, tuple[tuple[str, int], ...]]:
    """Each word with its ((language, weight), ...)."""
    owners: dict[str, list[str]] = {}
    for language, words in _WORDS.items():
        for word in set(words.split()):
            owners.setdefault(word, []).append(language)
    return {
        word: tuple((language, 60 // len(languages)) for language in languages)
        for word, languages in owners.items()
    }


@functools.cache
def _endings() -> tuple[tuple[str, str], ...]:
    return tuple((ending, code) for code, endings in _ENDINGS.items() for ending in endings.split())


def detect(text: str) -> tuple[str, int]:
    """(ISO 639-1 code or "und", confidence in millionths). Reads the first 1,000 characters."""
    sample = text[:1000]
    scores: dict[str, int] = {}
    if not sample.isascii():
        by_script = _by_script(sample)
        if by_script is not None:
            return by_script
        sample = sample.translate(_CURLY)
    sample = sample.lower()
    words = sample.translate(_PUNCTUATION).split()[:_MOST_WORDS]
    profile = _profile()
    known = 0
    for word in words:
        owners = profile.get(word)
        if owners is not None:
            known += 1
            for language, weight in owners:
                scores[language] = scores.get(language, 0) + weight
    if not sample.isascii():
        _score_letters(sample, scores)
    if known < 4:
        _score_endings(words, scores)
    return _verdict(scores, words)


def _verdict(scores: dict[str, int], words: list[str]) -> tuple[str, int]:
    if not scores or sum(map(len, words)) < 5:
        return "und", 0
    best = max(scores, key=lambda language: (scores[language], language == "en"))
    top = scores[best]
    second = max((score for language, score in scores.items() if language != best), default=0)
    if top < 50 or top == second:
        return "und", 0
    margin = (top - second) * 1_000_000 // top
    # little evidence is little confidence, however one-sided
    evidence = min(1_000_000, top * 1_000_000 // 240)
    return best, min(margin, evidence)


def _score_letters(sample: str, scores: dict[str, int]) -> None:
    # composed, so that "a" + ring counts as its letter
    letters = unicodedata.normalize("NFC", sample)
    for letter, languages in _LETTERS.items():
        if letter in letters:
            owners = languages.split()
            for language in owners:
                scores[language] = scores.get(language, 0) + 50 // len(owners)


def _score_endings(words: list[str], scores: dict[str, int]) -> None:
    for word in words[:12]:
        if len(word) > 4:
            for ending, language in _endings():
                if word.endswith(ending):
                    scores[language] = scores.get(language, 0) + 12


def _by_script(sample: str) -> tuple[str, int] | None:
    """The language that a script gives away; None for Latin letters and for too few others."""
    counts: dict[str, int] = {}
    foreign = latin = 0
    for char in sample[:300]:
        code = ord(char)
        if code < 0x0370:
            latin += char.isalpha()
            continue
        for low, high, name in _SCRIPTS:
            if low <= code <= high:
                counts[name] = counts.get(name, 0) + 1
                foreign += 1
                break
    # an ideograph says more than a letter; a name in Greek makes no Greek text
    if foreign < 2 or foreign * 3 < latin:
        return None
    best = max(counts, key=lambda name: counts[name])
    if best == "zh" and counts.get("ja", 0) * 12 >= counts["zh"]:
        best = "ja"  # kana among ideographs
    share = counts.get(best, 0) if best != "ja" else counts.get("ja", 0) + counts.get("zh", 0)
    score = share * 1_000_000 // (foreign + latin)
    if best == "cyrillic":
        lowered = sample.lower()
        return ("uk" if any(c in lowered for c in "іїєґ") else "ru"), score
    return best, min(score, foreign * 125_000)
