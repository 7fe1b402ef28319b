"""Which exchanges of an app become cases, resolved for one tenant."""

from typing import Literal

from msgspec import Struct

from freehold.core.cases import Sharing

ANY = "*"


class CaptureSpec(Struct, frozen=True, kw_only=True):
    """When an exchange is worth learning from, and what is kept of it then.

    Shares, scores and weights are in millionths; a share or a score of 0 never captures anything.

    Attributes:
        owner: the tenant to which what is learned from the cases belongs.
        content: what is kept of texts; never more than the record keeps.
        keep_days: after so many days a case is forgotten.
        per_day: so many cases of this app and owner a day (UTC); the random share comes on top.
        consent: attributes of whoever asks, with the value that each must have.
        rules, detectors: which of them, having fired, make a case; ``*`` and ``pii.*`` are many.
        low_confidence: whoever answered was less sure than this, or expected to do worse.
        fallback: a model failed, and another one answered, or none did.
        feedback: metric or ``*`` → the score below which an answer is a case.
        demonstration: a right answer that somebody gives later makes one.
        shadow_sense, shadow_words: how much alike a shadow's answer is at least, else it is one.
        shadow_outcome: so is one of which a shadow's answer would have ended otherwise.
        success: share of the exchanges in which nothing went wrong.
        random: share of all.
        intents, attributes: weights of what getting such a case right is worth.
    """

    owner: str
    share: Sharing = "none"
    content: Literal["none", "redacted", "full"] = "redacted"
    keep_days: int = 180
    per_day: int = 1_000
    consent: tuple[tuple[str, str], ...] = ()
    rules: frozenset[str] = frozenset({ANY})
    detectors: frozenset[str] = frozenset()
    low_confidence: int = 500_000
    abstained: bool = True
    fallback: bool = True
    human: bool = True
    feedback: dict[str, int] = {}
    demonstration: bool = True
    shadow_sense: int = 0
    shadow_words: int = 0
    shadow_outcome: bool = True
    out_of_scope: bool = True
    drift: bool = True
    success: int = 10_000
    random: int = 10_000
    intents: dict[str, int] = {}
    attributes: dict[str, dict[str, int]] = {}

    def allows(self, attributes: dict[str, str]) -> bool:
        """Whether somebody with these attributes has consented."""
        return all(attributes.get(name) == value for name, value in self.consent)


def covers(patterns: frozenset[str], name: str) -> bool:
    """Whether one of these patterns (an id, ``pii.*``, ``*``) means this id."""
    if name in patterns:
        return True
    if ANY in patterns:
        return True
    return any(one[-2:] == ".*" and name.startswith(one[:-1]) for one in patterns)
