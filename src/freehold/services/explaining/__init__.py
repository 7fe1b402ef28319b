"""One exchange told to a customer, a compliance officer or an engineer, in several forms."""

from typing import Any

from msgspec import Struct, to_builtins

from freehold.ledger.record import Record
from freehold.services.explaining import account, compliance, customer, engineer, formats, prov
from freehold.services.explaining.account import Proof
from freehold.services.explaining.document import AUDIENCES, Audience, Document, Section

__all__ = [
    "AUDIENCES",
    "Audience",
    "Document",
    "Explanation",
    "Proof",
    "Section",
    "as_dict",
    "as_text",
    "document_dict",
    "explain",
    "formats",
    "prov",
    "told_to",
]


class Explanation(Struct, frozen=True, kw_only=True):
    """What happened and why. ``record`` is what all of it was read from."""

    exchange_id: str
    outcome: str
    headline: str
    sections: tuple[Section, ...]
    record: Record

    def as_text(self) -> str:
        """For a terminal: no markup, one thought a line."""
        return as_text(self)

    def as_dict(self) -> dict[str, Any]:
        """For ``--json``: the sentences, and the record behind them."""
        return as_dict(self)


def explain(record: Record) -> Explanation:
    """Tell a record to an engineer, decision by decision."""
    return Explanation(
        exchange_id=record.exchange_id,
        outcome=record.outcome,
        headline=engineer.headline(record),
        sections=engineer.sections(record),
        record=record,
    )


def told_to(audience: Audience, record: Record, proof: Proof | None = None) -> Document:
    """Tell a record to somebody. Everything said stands in it, or in ``proof``."""
    proof = proof or Proof()
    if audience == "customer":
        return customer.document(record)
    if audience == "compliance":
        return compliance.document(record, proof)
    return Document(title=engineer.headline(record), sections=engineer.sections(record))


def document_dict(
    audience: Audience, record: Record, document: Document, proof: Proof | None
) -> dict[str, Any]:
    """For ``--json``: what is told, and to who answers for it the record behind it; to the person
    whom it concerns nothing else.
    """
    told: dict[str, Any] = {
        "exchange": record.exchange_id,
        "outcome": record.outcome,
        "audience": audience,
        "title": document.title,
        "sections": [formats.section_dict(section) for section in document.sections],
    }
    if audience == "compliance":
        told |= {"record": record.as_dict(), "counterfactuals": account.counterfactuals(record)}
        told["proof"] = to_builtins(proof or Proof())
    return told


def as_text(explanation: Explanation) -> str:
    """For a terminal: no markup, one thought a line."""
    document = Document(title=explanation.headline, sections=explanation.sections)
    return formats.text(document)


def as_dict(explanation: Explanation) -> dict[str, Any]:
    """For ``--json``: the sentences, and the record behind them."""
    return explanation.record.as_dict() | {
        "headline": explanation.headline,
        "sections": [formats.section_dict(section) for section in explanation.sections],
        "counterfactuals": account.counterfactuals(explanation.record),
    }
