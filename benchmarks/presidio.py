"""What Presidio's patterns find in a file of texts, run in an environment of its own.

    PYTHON benchmarks/presidio.py FILE

FILE is JSON in presidio-research's form. Prints, as JSON, the findings of each text (start, end,
type) and the microseconds that a text took. No language model: a blank English pipeline cuts the
texts into tokens, and recognisers that need a model are left out.
"""

import json
import sys
import time
from pathlib import Path

import spacy
from presidio_analyzer import AnalyzerEngine, RecognizerRegistry
from presidio_analyzer.nlp_engine import NlpArtifacts, SpacyNlpEngine


class Blank(SpacyNlpEngine):
    """Tokens, and nothing that a model would know."""

    def __init__(self):
        super().__init__(models=[{"lang_code": "en", "model_name": "blank"}])
        self.nlp = {"en": spacy.blank("en")}

    def load(self):
        """Nothing to load."""

    def process_text(self, text, language):
        """The tokens of a text; nothing named in it."""
        tokens = self.nlp[language](text)
        return NlpArtifacts(
            entities=[], tokens=tokens, tokens_indices=[t.idx for t in tokens],
            lemmas=[t.text for t in tokens], nlp_engine=self, language=language, scores=[],
        )  # fmt: skip


def main() -> None:
    """Analyse every text."""
    texts = [entry["full_text"] for entry in json.loads(Path(sys.argv[1]).read_text())]
    registry = RecognizerRegistry()
    registry.load_predefined_recognizers(languages=["en"])
    registry.remove_recognizer("SpacyRecognizer")
    engine = AnalyzerEngine(
        registry=registry,
        nlp_engine=Blank(),
        supported_languages=["en"],
        log_decision_process=False,
    )
    engine.analyze("Warm up: 555-0100", "en")
    started = time.perf_counter()
    found = [
        [(f.start, f.end, f.entity_type) for f in engine.analyze(text, "en")] for text in texts
    ]
    spent = time.perf_counter() - started
    print(json.dumps({"found": found, "us_per_text": spent * 1e6 / len(texts)}))


if __name__ == "__main__":
    main()
