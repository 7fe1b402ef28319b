"""What a number is for: a discount, a share, a refund, a fee, a price.

Read from the words of the sentence, the nearest first. An offer that is worded without any
known noun still counts as a discount; only a clear share or rate does not.
"""

import re

from freehold.text import negation, offers
from freehold.text.clauses import Document

_DISCOUNT = frozenset(
    "off discount discounts discounted rebate rebates reduction reductions reduced cheaper "
    "markdown "
    "savings save saves saving saved voucher vouchers coupon coupons promo promotion knocked knock "
    "deduct deducted slash slashed rabatt rabatte rabatts nachlass ermäßigung preisnachlass skonto "
    "gutschein günstiger billiger sparen reduziert remise remises réduction réductions rabais "
    "descuento descuentos rebaja rebajas ahorra ahorre ahorro reducción sconto desconto korting "
    "rabat sleva indirim promoción aktion".split()
)
_OFFER = frozenset(
    "like ok okay consider promise possible doable "
    "offer offers offering give gives giving grant granting apply applying take get gets receive "
    "deal sale loyalty code checkout price prices bargain special anbieten geben gewähren bekommen "
    "erhalten angebot preis offrir offre offrons accorder prix ofrecer ofrecemos dar oferta "
    "precio".split()
)
_RATE = frozenset(
    "interest apr apy tax taxes vat gst rate rates surcharge commission tip gratuity mwst ust "
    "tva iva "
    "zins zinsen taux intérêt interés impuesto steuer sales-tax royalty margin inflation fee fees "
    "mehrwertsteuer".split()
)
_OTHER = frozenset(
    "uptime availability battery charged charge cotton polyester wool silk linen nylon elastane "
    "viscose leather sure certain certainty confident confidence accuracy accurate humidity "
    "probability likelihood chance satisfied satisfaction natural organic recycled pure juice "
    "cocoa "
    "alcohol vol abv capacity full complete completed completion progress brightness volume zoom "
    "correct alkohol baumwolle coton algodón akku batterie batería verfügbarkeit sicher "
    "occupancy occupied opacity loaded load cpu memory disk usage used utilization utilisation "
    "deposit deposits downpayment prepayment".split()
)
# They tell what a percentage is when they follow it; before it, they only agree ("Sure, 30 %").
_BEHIND_ONLY = frozenset(
    "sure certain correct confident satisfied natural full complete completed pure".split()
)
_NEAR = {
    **dict.fromkeys(_OTHER, "other"),
    **dict.fromkeys(_RATE, "rate"),
    **dict.fromkeys(_DISCOUNT, "discount"),
}
# What gets more, or better, by a percentage is no cheaper.
_COMPARED = frozenset(
    "more bigger larger faster longer lighter smaller stronger wider higher slower fewer brighter "
    "thicker heavier quicker thinner warmer quieter greater better softer fresher".split()
)
_SAVES = frozenset("save saves saving saved".split())
_SAVED_THINGS = frozenset(
    "battery work changes file files document documents energy power electricity water fuel time "
    "space data progress memory disk settings lives paper ink weight".split()
)
# Rules that are named only to be broken.
_BROKEN = (
    "never mind", "forget the", "forget our", "forget about", "ignore the", "ignoring the",
    "bend the", "bending the", "break the", "breaking the", "despite the", "despite our",
    "regardless of", "whatever the", "against the", "against our", "screw the",
)  # fmt: skip
_ENDED = re.compile(
    r"(?:off )?(?:sale|promotion|promo|offer|deal|discount|code|coupon|voucher)s? (?:\w+ )?"
    r"(?:ended|expired|is over|was over|was yesterday|has ended|has expired|was last)"
)
_OVER = frozenset("ended expired over yesterday last".split())
_FULL_PRICE = re.compile(r"now .*(?:full|regular|normal|usual) price")
_OFF_WHAT = frozenset("peak season road line grid site".split())
_PAST = frozenset("ended expired over yesterday finished closed ran".split())
_AGREEING = frozenset("sure ok okay yes yeah fine deal done right alright then so well , a".split())
_BACK = frozenset("now again still today back you your revive extend extended".split())
_POLICY = frozenset(
    "policy policies guideline guidelines rule rules limit limits limited capped cap maximum max "
    "permitted allowed allows allow permits richtlinie politique política approval".split()
)
_LESS_THAN = frozenset("than for on today now if with , here this at when and as in".split())
_CONSUMES = frozenset(
    "use uses using consume consumes weigh weighs contains energy power water".split()
)
_LOWERING = frozenset("reduce reduces reducing lower lowers lowering cut drop bring trim".split())
_LOWERED_IT = frozenset(
    "marked mark marking brought bringing reduced lowered dropped taken".split()
)
_OWN = frozenset("it it's that that's this you your you'll we we'll i i'll".split())
_LOWERED = frozenset(
    "it that this the your price prices total bill order cost fee fare down whole thing for you "
    "amount invoice basket".split()
)
_PRICE_NOUNS = frozenset(
    "price cost order purchase total bill fare ticket fee amount value preis prix precio "
    "bestellung "
    "commande pedido item items msrp rrp retail everything all".split()
)
_MY_GIVING = (
    "can offer", "will offer", "can give", "will give", "'ll give", "'ll offer", "can apply",
    "will apply", "'ll apply", "you get", "you receive", "you'll get", "you'll receive", "happy to",
    "glad to", "pleased to", "you are allowed", "you're allowed", "offer you",
    "give you", "grant you", "have applied", "'ve applied",
)  # fmt: skip


def is_discount(before: list[str], after: list[str]) -> bool:
    """Whether words of a discount stand in the sentence."""
    return not (_DISCOUNT.isdisjoint(before[-14:]) and _DISCOUNT.isdisjoint(after[:10]))


def percent_role(doc: Document, start: int, end: int) -> str:
    """discount, share, rate or other."""
    before, after = doc.around(start, end)
    near_after = after[:2]
    if near_after[:1] == ["off"] and after[1:2] and after[1] in _OFF_WHAT:
        return "other"
    if _is_saving(before, after):
        return "discount"
    if not _DISCOUNT.isdisjoint(near_after) and not (
        _saves_other(after, 0) or _saves_other(after, len(near_after) - 1)
    ):
        return (
            "other"
            if _is_past(doc, start, before, after)
            else _unless_policy(before, after, "discount")
        )
    if near_after and near_after[0] in ("of", "der", "des", "de", "del", "of the"):
        target = after[1:5]
        if (
            _PRICE_NOUNS.isdisjoint(target)
            and "off" not in target
            and _DISCOUNT.isdisjoint(before[-6:])
        ):
            return "rate" if not _RATE.isdisjoint(target[:2]) else "share"
    if near_after and near_after[0] in _COMPARED:
        return "other"
    nearest = _nearest(before, after)
    if nearest == "discount":
        return _unless_policy(before, after, "discount")
    if nearest is not None:
        return nearest
    if near_after and _saves_other([*near_after, *after[2:6]], 0):
        return "other"
    if not (_OFFER.isdisjoint(before[-12:]) and _OFFER.isdisjoint(after[:8])):
        return _unless_policy(before, after, "discount")
    if _is_agreed(before, after) or offers.is_offer(doc, start, end):
        return _unless_policy(before, after, "discount")
    return "other"


def _is_agreed(before: list[str], after: list[str]) -> bool:
    """Whether a sentence says no more than "Sure, 30 % it is." or "30 % for you!"."""
    return after in (["it", "is"], ["for", "you"]) and _AGREEING.issuperset(before)


def _is_saving(before: list[str], after: list[str]) -> bool:
    """Whether it is as in "30 % less", "30 % is on us", "reduce it by 30 %"."""
    if after[:1] == ["less"] and (len(after) == 1 or after[1] in _LESS_THAN):
        return _CONSUMES.isdisjoint(before[-6:])
    if "is on us" in " ".join(after[:4]):
        return True
    if after[:1] == ["lower"] and (len(after) == 1 or after[1] in _LESS_THAN - {"than"}):
        return not (_OWN | _PRICE_NOUNS).isdisjoint(before)
    if before[-1:] != ["by"] and before[-1:] != ["down"]:
        return False
    by = len(before) - (before[-1] == "by")
    for i in range(by - 1, -1, -1):
        if before[i] in _LOWERING or before[i] in _LOWERED_IT:
            between = before[i + 1 : by]
            # "sales dropped by 30 %" lowers no price
            named = before[i] in _LOWERING or not (_OWN | _PRICE_NOUNS).isdisjoint(between)
            return named and all(word in _LOWERED for word in between)
    return False


def _nearest(before: list[str], after: list[str]) -> str | None:
    """The role that the nearest telling word gives; words before and after alternate."""
    nearest, at = None, 10
    for i, word in enumerate(after[:6]):
        if word in _NEAR and not _saves_other(after, i):
            nearest, at = _NEAR[word], i
            break
    for i in range(len(before) - 1, max(-1, len(before) - 1 - at), -1):
        word = before[i]
        if word in _SAVES and _saves_other([*before[i:], *after[:2]], 0):
            continue
        if word in _NEAR and word not in _BEHIND_ONLY:
            return _NEAR[word]  # nearer than the one behind
    return nearest


def _saves_other(words: list[str], i: int) -> bool:
    """Whether "save" at `i` is about something else than money ("to save battery")."""
    return words[i] in _SAVES and not _SAVED_THINGS.isdisjoint(words[i + 1 : i + 4])


def _is_past(doc: Document, start: int, before: list[str], after: list[str]) -> bool:
    """Whether it tells what an offer was that is over ("it ended; it was 30 % off")."""
    if not _OVER.isdisjoint(after) and _ENDED.match(" ".join(after[:9])):
        return True
    if before[-1:] != ["was"] and before[-1:] != ["were"]:
        return False
    if _FULL_PRICE.search(" ".join(after[:9])):
        return True
    if not (_BACK.isdisjoint(before) and _BACK.isdisjoint(after)):
        return False
    near = (doc.before[-120:].lower() + doc.clean[:start])[-120:].replace(".", " ").split()
    return not (_PAST.isdisjoint(near) and _PAST.isdisjoint(after))


def _unless_policy(before: list[str], after: list[str], role: str) -> str:
    """The role, unless a limit is stated ("policy allows at most 20 %"): that offers nothing."""
    if _POLICY.isdisjoint(before) and _POLICY.isdisjoint(after):
        return role
    sentence = " ".join(before)
    if any(phrase in sentence for phrase in _BROKEN):
        return role
    if "but" in after and negation.is_taken_back(after, "en"):
        return role
    if "up to" in sentence and "policy" not in sentence and "rule" not in sentence:
        return role
    return role if any(phrase in sentence for phrase in _MY_GIVING) else "other"


_MONEY_ROLES: dict[str, str] = {
    **dict.fromkeys(
        "refund refunds refunded refunding reimburse reimbursed reimbursement compensation "
        "compensate compensated repay repaid erstattung erstatten erstattet rückerstattung "
        "gutschrift remboursement remboursé rembourser reembolso reembolsar reembolsado".split(),
        "refund",
    ),
    **dict.fromkeys(_DISCOUNT, "discount"),
    **dict.fromkeys(
        "fee fees charge charges surcharge surcharges penalty deposit gebühr gebühren frais tasa "
        "cargo cargos postage handling".split(),
        "fee",
    ),
    **dict.fromkeys(
        "price prices priced cost costs total subtotal fare fares pay paid payment amount sells "
        "sell "
        "each per worth preis preise kostet kosten gesamt summe prix coûte coute precio precios "
        "cuesta cuestan buy ticket tickets difference additional".split(),
        "price",
    ),
}


def money_role(doc: Document, start: int, end: int) -> str:
    """price, refund, discount, fee or other: the nearest telling word decides."""
    before, after = doc.around(start, end)
    left, right = before[:-13:-1], after[:6]
    if "," in right:
        right = right[: right.index(",")]  # "was $1,499, you save 20 %"
    if right and right[0] == "off":
        return "discount"
    for word in left[:4]:
        # "a refund of $38 per passenger": what the amount is outweighs how it is counted
        if _MONEY_ROLES.get(word, "price") != "price":
            return _MONEY_ROLES[word]
    at = next((i for i, word in enumerate(right) if word in _MONEY_ROLES), len(left))
    for word in left[: at + 1]:
        if word in _MONEY_ROLES:
            return _MONEY_ROLES[word]
    return _MONEY_ROLES[right[at]] if at < len(right) and right[at] in _MONEY_ROLES else "other"
