"""What is told of an exchange, before it has a form."""

from typing import Literal

from msgspec import Struct

Audience = Literal["customer", "compliance", "engineer"]
AUDIENCES: tuple[Audience, ...] = ("customer", "compliance", "engineer")


class Section(Struct, frozen=True, kw_only=True):
    """A heading and the sentences below it, or a table: ``rows`` of cells under ``head``."""

    title: str
    lines: tuple[str, ...] = ()
    head: tuple[str, ...] = ()
    rows: tuple[tuple[str, ...], ...] = ()


class Document(Struct, frozen=True, kw_only=True):
    """One exchange as one audience is told of it."""

    title: str
    sections: tuple[Section, ...]
