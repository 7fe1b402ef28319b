"""Kinds of data and names in the words of the person whom a decision concerns."""

from collections.abc import Iterable

_KINDS = {
    "card": "a payment card number",
    "iban": "a bank account number",
    "email": "an email address",
    "phone": "a phone number",
    "name": "a name",
    "address": "an address",
    "birth_date": "a date of birth",
    "injection": "words that give the program orders",
}


def kind_of(kind: str) -> str:
    """A kind of data."""
    return _KINDS.get(kind, spoken(kind))


def spoken(name: str) -> str:
    """A name as words."""
    return name.replace("_", " ").replace("-", " ")


def listed(words: Iterable[str]) -> str:
    """Some words as a list in a sentence; there is at least one."""
    *most, last = words
    return f"{', '.join(most)} and {last}" if most else str(last)
