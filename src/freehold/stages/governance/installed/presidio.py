"""`presidio.pii`: Microsoft's presidio-analyzer, for those who have it and its language models.

Options: ``language`` (``en``), ``model`` (an installed spaCy model or the path of one; empty, the
default: Presidio's patterns alone, without names and places) and ``entities`` (those that count;
empty: all). Nothing is ever downloaded. API: https://microsoft.github.io/presidio/api/.
"""

from collections.abc import Sequence
from importlib.metadata import version
from pathlib import Path
from typing import Any

from freehold.core.decisions import MILLION, Finding, Needs
from freehold.stages.governance.installed.loading import Unloadable

_KINDS = {"email_address": "email", "phone_number": "phone", "credit_card": "card",
          "iban_code": "iban", "ip_address": "ip", "person": "person", "location": "place",
          "date_time": "date", "nrp": "nationality"}  # fmt: skip


class Presidio:
    """What Presidio finds, as findings of the label ``pii``."""

    id = "presidio.pii"
    needs: Needs = "whole"

    def __init__(self, language: str = "en", model: str = "", entities: Sequence[str] = ()) -> None:
        """Raises: Unloadable: the spaCy model is not installed."""
        from presidio_analyzer import AnalyzerEngine, RecognizerRegistry

        self.version = version("presidio-analyzer")
        self._language = language
        self._entities = list(entities) or None
        engine = _engine(language, model)
        registry = RecognizerRegistry(supported_languages=[language])
        registry.load_predefined_recognizers(languages=[language], nlp_engine=engine)
        if not model:  # the recogniser that only hands on what a language model has found
            registry.remove_recognizer("SpacyRecognizer")
        self._analyser = AnalyzerEngine(
            registry=registry, nlp_engine=engine, supported_languages=[language]
        )

    def detect(self, text: str, folded: str, where: str) -> Sequence[Finding]:  # noqa: ARG002
        """Findings; scores are Presidio's own."""
        found = self._analyser.analyze(text=text, language=self._language, entities=self._entities)
        return [
            Finding(
                detector=self.id,
                version=self.version,
                kind=_kind(result.entity_type),
                label="pii",
                where=where,
                start=int(result.start),
                end=int(result.end),
                score=min(MILLION, max(0, round(result.score * MILLION))),
            )
            for result in found
        ]


def _kind(entity: str) -> str:
    name = entity.lower()
    return _KINDS.get(name, name)


def _engine(language: str, model: str) -> Any:
    """The engine with a spaCy model that is here already, or with a tokenizer alone.

    Presidio itself would download a model that is not installed, and nothing may.
    """
    import spacy
    from presidio_analyzer.nlp_engine import SpacyNlpEngine
    from tldextract import tldextract

    # its recogniser of e-mail addresses would fetch the list of public suffixes when first asked;
    # the list that comes with the package does
    tldextract.TLD_EXTRACTOR = tldextract.TLDExtract(suffix_list_urls=())

    if model and not (spacy.util.is_package(model) or Path(model).exists()):
        raise Unloadable(f"`presidio.pii`: the spaCy model {model} is not installed")
    engine = SpacyNlpEngine(models=[{"lang_code": language, "model_name": model or "blank"}])
    engine.nlp = {language: spacy.load(model) if model else spacy.blank(language)}
    return engine
