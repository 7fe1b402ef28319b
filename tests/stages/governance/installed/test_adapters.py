"""The adapters, over fakes that have the real packages' signatures. What they promise: nothing is
downloaded, and nothing of a long text is left out.
"""

import os
import sys
from itertools import pairwise
from types import ModuleType, SimpleNamespace
from typing import ClassVar

import pytest
from hypothesis import given
from hypothesis import strategies as st

from freehold.stages.governance.installed import Unloadable, load, loading
from freehold.stages.governance.installed.gliner import chunks
from tests.conformance.harness import BUNDLE, wired
from tests.conformance.wires import CHAT, body_for


@pytest.fixture
def modules(monkeypatch):
    """Puts modules of these names in place of real ones."""

    def put(**made: ModuleType) -> None:
        for name, module in made.items():
            monkeypatch.setitem(sys.modules, name.replace("__", "."), module)
        monkeypatch.setenv("HF_HUB_OFFLINE", "")  # put back as it was, afterwards
        monkeypatch.setenv("TRANSFORMERS_OFFLINE", "")
        loading._load.cache_clear()

    yield put
    loading._load.cache_clear()


def module(name: str, **members: object) -> ModuleType:
    made = ModuleType(name)
    for key, value in members.items():
        setattr(made, key, value)
    return made


class GLiNER:
    """As of gliner 0.2: `from_pretrained(folder, local_files_only=…)`, `predict_entities`."""

    loaded: ClassVar[list[tuple[str, bool, str | None]]] = []

    @classmethod
    def from_pretrained(cls, model_id: str, *, local_files_only: bool = False) -> "GLiNER":
        cls.loaded.append((model_id, local_files_only, os.environ.get("HF_HUB_OFFLINE")))
        return cls()

    def predict_entities(
        self,
        text: str,
        labels: list[str],
        flat_ner: bool = True,
        threshold: float = 0.5,
        multi_label: bool = False,
    ) -> list[dict[str, object]]:
        # like the real one, it reads only so much and leaves out the rest without a word
        at = text[:1_000].find("Quendolin")
        if at < 0 or "person" not in labels:
            return []
        return [{"start": at, "end": at + 9, "text": "Quendolin", "label": "person", "score": 0.87}]


@pytest.fixture
def gliner(modules, monkeypatch, tmp_path):
    monkeypatch.setattr("freehold.stages.governance.installed.gliner.version", lambda _: "0.2.9")
    modules(gliner=module("gliner", GLiNER=GLiNER))
    folder = tmp_path / "model"
    folder.mkdir()
    return folder


def test_gliner_is_loaded_from_a_folder_and_never_from_afar(gliner):
    GLiNER.loaded.clear()
    detector, _ = load("gliner.pii", f'{{"model": "{gliner}"}}')
    assert GLiNER.loaded == [(str(gliner), True, "1")]
    (found,) = detector.detect("I am Quendolin.", "", "message:0")
    assert (found.kind, found.label, found.start, found.end) == ("person", "pii", 5, 14)
    assert found.score == 870_000
    for options in ("{}", '{"model": "urchade/gliner_multi"}'):
        with pytest.raises(Unloadable, match="folder"):
            load("gliner.pii", options)


def test_gliner_reads_long_texts_to_their_end(gliner):
    detector, _ = load("gliner.pii", f'{{"model": "{gliner}"}}')
    for at in range(0, 6_000, 331):
        text = f"{'word ' * (at // 5)}Quendolin{' word' * ((6_000 - at) // 5)}"
        (found,) = detector.detect(text, text, "message:0")
        assert text[found.start : found.end] == "Quendolin"


@given(st.text(alphabet="ab ", max_size=3_000), st.integers(200, 900))
def test_chunks_cover_a_text_and_overlap(text, most):
    spans = list(chunks(text, most))
    assert spans[0][0] == 0
    assert spans[-1][1] == len(text)
    assert all(end - start <= most for start, end in spans)
    for (_, before), (after, _) in pairwise(spans):
        assert after < before


class Registry:
    def __init__(self, supported_languages: object = None) -> None:
        self.removed: list[str] = []

    def load_predefined_recognizers(
        self, languages: object = None, nlp_engine: object = None
    ) -> None:
        self.loaded = languages

    def remove_recognizer(self, name: str) -> None:
        self.removed.append(name)


class Engine:
    """As of presidio-analyzer 2.2."""

    def __init__(
        self, registry: object = None, nlp_engine: object = None, supported_languages: object = None
    ) -> None:
        self.registry = registry

    def analyze(
        self, text: str, language: str, entities: object = None, **more: object
    ) -> list[SimpleNamespace]:
        at = text.find("078-05-1120")
        found = SimpleNamespace(entity_type="US_SSN", start=at, end=at + 11, score=0.85)
        return [found] if at >= 0 else []


class SpacyEngine:
    def __init__(self, models: object = None) -> None:
        self.models = models


@pytest.fixture
def presidio(modules, monkeypatch):
    monkeypatch.setattr("freehold.stages.governance.installed.presidio.version", lambda _: "2.2.9")
    spacy = module(
        "spacy",
        util=SimpleNamespace(is_package=lambda name: name == "en_core_web_sm"),
        load=lambda name: f"loaded {name}",
        blank=lambda language: f"blank {language}",
    )
    urls: list[object] = []

    def extractor(suffix_list_urls: object = "the whole internet") -> str:
        urls.append(suffix_list_urls)
        return f"suffixes from {suffix_list_urls}"

    names = module("tldextract.tldextract", TLDExtract=extractor, TLD_EXTRACTOR="from afar")
    modules(
        tldextract=module("tldextract", tldextract=names),
        presidio_analyzer=module(
            "presidio_analyzer", AnalyzerEngine=Engine, RecognizerRegistry=Registry
        ),
        presidio_analyzer__nlp_engine=module("nlp_engine", SpacyNlpEngine=SpacyEngine),
        spacy=spacy,
    )
    return names


def test_presidio_without_a_model_has_its_patterns(presidio):
    detector, _ = load("presidio.pii", '{"entities": ["US_SSN"]}')
    assert detector._analyser.registry.removed == ["SpacyRecognizer"]
    (found,) = detector.detect("It is 078-05-1120.", "", "message:0")
    assert (found.kind, found.start, found.end, found.score) == ("us_ssn", 6, 17, 850_000)


def test_presidio_fetches_no_list_of_suffixes(presidio):
    load("presidio.pii")
    assert presidio.TLD_EXTRACTOR == "suffixes from ()"


def test_presidio_never_downloads_a_model(presidio):
    assert load("presidio.pii", '{"model": "en_core_web_sm"}')
    with pytest.raises(Unloadable, match="en_core_web_lg is not installed"):
        load("presidio.pii", '{"model": "en_core_web_lg"}')


async def test_presidio_in_a_gateway(presidio, tmp_path):
    declared = "\ndetectors:\n  presidio.pii: {installed: {deadline_ms: 3000}}\n"
    off = "content: full\n      detectors: {pii.us_ssn: {phases: []}, pii.*: {mode: observe}}"
    async with wired(tmp_path, BUNDLE.replace("content: full", off) + declared) as w:
        reply = await w.ask(CHAT, body_for(CHAT, "My number is 078-05-1120."))
        assert reply.status == 200
        assert "[US_SSN_" in w.provider.received[0].messages[-1].content


@pytest.mark.parametrize(
    ("name", "package"), [("presidio.pii", "presidio-analyzer"), ("gliner.pii", "gliner")]
)
def test_without_the_package_the_error_says_what_to_install(
    monkeypatch, without_library, name, package
):
    monkeypatch.setenv("HF_HUB_OFFLINE", "")
    monkeypatch.setenv("TRANSFORMERS_OFFLINE", "")
    without_library(loading.ADAPTERS[name][1])
    loading._load.cache_clear()
    with pytest.raises(Unloadable) as raised:
        load(name)
    extra = name.split(".", 1)[0]
    assert f"needs the package {package}: pip install 'freehold[{extra}]'" in str(raised.value)
