"""Which cases are worth an expert's minute, and why."""

from freehold.learning.selection.candidates import Candidate, candidate, doubt
from freehold.learning.selection.choosing import Strategy, choose
from freehold.learning.selection.grouping import Group, group
from freehold.learning.selection.ordering import Chosen, order

__all__ = [
    "Candidate",
    "Chosen",
    "Group",
    "Strategy",
    "candidate",
    "choose",
    "doubt",
    "group",
    "order",
]
