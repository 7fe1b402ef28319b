"""What would have had to be otherwise for a control not to object: values and places, no words.

Worked out when the decision is made, by the program that made it, and only where an enforcing
control refused, held or changed something.
"""

from typing import Literal

from msgspec import Struct

How = Literal["at_most", "at_least", "exactly", "other", "with", "without", "after"]
"""How the changed fact stands to ``to``: ``other`` is any other value than ``from``, ``with`` and
``without`` are about what is there or not, ``after`` is a time in nanoseconds since 1970.
"""
Then = Literal["allowed", "transformed", "held", "denied", ""]
"""How far the phase's rules would then have let it go; empty where no change is known."""
Phase = Literal["admit", "request", "context", "route", "answer", "stream", "tool_call"]
ANSWERED = frozenset({"answer", "stream", "tool_call"})
"""Phases about the answer under way; what is said of one that broke off is forgotten."""


class Change(Struct, frozen=True, kw_only=True, omit_defaults=True, rename={"was": "from"}):
    """One fact, otherwise than it was. What is absent here does not apply, or may not be told.

    Attributes:
        fact: a declared fact (``answer.percents``), or ``approval``, ``finding``, ``model``,
            ``limit``, ``request.tokens``.
        field: of a record or of JSON (``value``, ``amount``); empty for the fact itself.
        was: what it was (``from`` in the record), in the unit of facts; never the caller's or the
            model's words.
        to: what it would have to be, from the control's own limits.
        how: how the changed fact stands to ``to``.
        unit: of ``was`` and ``to``: ``bp``, a currency (then minor units), ``day``, ``s``, ``ms``,
            ``millionth``, ``thousandth``; empty for a count or a text.
        kind: of what stands there (``percent``, ``iban``), ``role`` what the words around make of
            it (``discount``).
        where: which text (``answer``, ``message:3``); ``start`` and ``end`` its characters.
    """

    end: int | None = None
    fact: str
    field: str = ""
    was: int | bool | str | None = None
    how: How
    kind: str = ""
    role: str = ""
    start: int | None = None
    to: int | bool | str | None = None
    unit: str = ""
    where: str = ""


class Counterfactual(Struct, frozen=True, kw_only=True):
    """Changes that together would have led to ``then``, where everything else had been the same.

    Attributes:
        rule: which control objected: a rule's or a detector's id, ``route``, ``limit``.
        phase: when it did.
        change: all of them at once; empty where none is known.
        then: what would have come of it in that phase; what comes later may still object.
        why: the same in words, for people.
        private: whether the person whom it concerns is not to be told, as the rule says.
    """

    change: tuple[Change, ...] = ()
    phase: Phase
    private: bool = False
    rule: str
    then: Then = ""
    why: str
