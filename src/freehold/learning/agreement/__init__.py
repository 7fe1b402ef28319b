"""How far labels can be trusted: agreement, how reliable each labeler is, labels likely wrong."""

from freehold.learning.agreement.alpha import Agreement, agreement, alpha
from freehold.learning.agreement.hints import Hint, hints
from freehold.learning.agreement.kappa import Pair, kappa, pairs
from freehold.learning.agreement.reliability import Labeler, Reliability, Settled, reliability
from freehold.learning.agreement.same import representatives, same
from freehold.learning.agreement.votes import Vote, votes

__all__ = [
    "Agreement",
    "Hint",
    "Labeler",
    "Pair",
    "Reliability",
    "Settled",
    "Vote",
    "agreement",
    "alpha",
    "hints",
    "kappa",
    "pairs",
    "reliability",
    "representatives",
    "same",
    "votes",
]
