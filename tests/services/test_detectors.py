"""Training a head, trying it out, listing detectors: from files as people have them."""

import json

import pytest

from freehold.core.errors import FreeholdError
from freehold.services import detectors
from tests.stages.governance.installed.packages import install

BAD = [f"order {n} never came and I want my money back, what a disgrace" for n in range(40)]
FINE = [f"where can I find item {n} and what does it cost in blue" for n in range(40)]


def lines(path, rows):
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    return path


@pytest.fixture
def data(tmp_path):
    rows = [{"text": t, "label": 1} for t in BAD] + [{"text": t, "label": 0} for t in FINE]
    return lines(tmp_path / "data.jsonl", rows)


def quiet(_: str) -> None:
    """Nobody listens."""


def test_it_trains_saves_and_measures_on_texts_held_back(tmp_path, data):
    out = tmp_path / "models" / "complaint.safetensors"
    trained = detectors.train(data, out, "complaint", 0.02, quiet)
    assert trained.labels == ("complaint",)
    assert (trained.texts, trained.without_label) == (80, 40)
    assert trained.held_out["complaint"]["f1"] > 0.9
    tried = detectors.try_out(out, data, None, 0.5)
    assert tried.labels["complaint"]["recall"] == 1.0
    assert tried.version == trained.version
    (said,) = detectors.judged(out, "My order never came, give me my money back")
    assert said["label"] == "complaint"
    assert said["score"] > 0.5


def test_the_same_data_gives_the_same_file(tmp_path, data):
    one, two = tmp_path / "a.safetensors", tmp_path / "b" / "a.safetensors"
    detectors.train(data, one, "complaint", 0.02, quiet)
    detectors.train(data, two, "complaint", 0.02, quiet)
    assert one.read_bytes() == two.read_bytes()


def test_several_labels(tmp_path):
    rows = [{"text": t, "label": "complaint"} for t in BAD]
    rows += [{"text": t, "label": "price"} for t in FINE]
    rows += [{"text": f"thank you and good bye, visitor {n}", "label": None} for n in range(40)]
    out = tmp_path / "two.safetensors"
    trained = detectors.train(lines(tmp_path / "d.jsonl", rows), out, None, 0.02, quiet)
    assert trained.labels == ("complaint", "price")
    tried = detectors.try_out(out, tmp_path / "d.jsonl", None, 0.5)
    assert set(tried.labels) == {"complaint", "price"}


@pytest.mark.parametrize(
    ("rows", "label", "said"),
    [
        ([], "x", "holds no text"),
        ([{"text": t, "label": 1} for t in BAD], "x", "every text has the same label"),
        ([{"text": t, "label": 0} for t in BAD], "x", "no text has a label"),
        ([{"text": t, "label": 1} for t in BAD[:3]] + [{"text": t, "label": 0} for t in FINE],
         "x", "needs 10 different texts with the label x, there are 3"),
        ([{"text": t, "label": 1} for t in BAD] + [{"text": t, "label": 0} for t in FINE],
         None, "needs a name"),
        ([{"text": "a"}], "x", "line 1 has no `label`"),
        ([{"label": 1}], "x", "line 1 has no `text`"),
        ([{"text": "  ", "label": 1}], "x", "line 1 has no `text`"),
        ([{"text": 7, "label": 1}], "x", "line 1 has no `text`"),
        ([["a", 1]], "x", "line 1 has no `text`"),
        ([{"text": "a", "label": 3}], "x", "a label is a name, 1, 0 or null"),
        ([{"text": "a", "label": [1]}], "x", "a label is a name, 1, 0 or null"),
        ([{"text": "a", "label": 1}, {"text": "a", "label": 0}], "x", "another label further up"),
        ([{"text": "a" * 100_001, "label": 1}], "x", "100000 characters at most"),
        ([{"text": f"text {n}", "label": f"label{n}"} for n in range(40)], None,
         "40 labels; a head has 32"),
        ([{"text": t, "label": "yes"} for t in BAD] + [{"text": t, "label": 0} for t in FINE],
         "x", "'yes' is neither 'x', 1, 0 nor null"),
        ([{"text": t, "label": "No!"} for t in BAD] + [{"text": t, "label": None} for t in FINE],
         None, "other characters than"),
    ],
)  # fmt: skip
def test_data_that_can_not_train(tmp_path, rows, label, said):
    out = tmp_path / "x.safetensors"
    with pytest.raises(FreeholdError) as raised:
        detectors.train(lines(tmp_path / "data.jsonl", rows), out, label, 0.02, quiet)
    assert said in str(raised.value)
    assert not out.exists()


@pytest.mark.parametrize("content", [b"{not json", b"\xff\xfe\x00", b"[" * 100_000])
def test_what_is_no_json_lines(tmp_path, content):
    path = tmp_path / "data.jsonl"
    path.write_bytes(content)
    with pytest.raises(FreeholdError):
        detectors.read_examples(path, "x")


def test_a_file_is_never_overwritten(tmp_path, data):
    out = tmp_path / "x.safetensors"
    out.write_bytes(b"mine")
    with pytest.raises(FreeholdError, match="there already"):
        detectors.train(data, out, "complaint", 0.02, quiet)
    assert out.read_bytes() == b"mine"
    with pytest.raises(FreeholdError, match="safetensors"):
        detectors.train(data, tmp_path / "x.bin", "complaint", 0.02, quiet)


def test_few_and_doubtful_texts_are_warned_of(tmp_path):
    rows = [{"text": t, "label": 1} for t in BAD[:12]] + [{"text": t, "label": 0} for t in FINE]
    rows.append(rows[0])
    out = tmp_path / "x.safetensors"
    said = detectors.train(lines(tmp_path / "d.jsonl", rows), out, "complaint", 0.02, quiet)
    assert said.duplicates == 1
    assert any("12 texts have it" in warning for warning in said.warnings)
    assert any("more than once" in warning for warning in said.warnings)


@pytest.mark.parametrize("content", [b"", b"\0" * 100, b"\xff" * 9])
def test_what_is_no_head(tmp_path, content):
    path = tmp_path / "x.safetensors"
    path.write_bytes(content)
    with pytest.raises(FreeholdError):
        detectors.judged(path, "text")


def test_the_list_names_all_and_imports_nothing(tmp_path, monkeypatch):
    install(monkeypatch, tmp_path, "acme_never", "raise RuntimeError('imported')\n",
            {"acme.badge": "acme_never:Badge", "pii.email": "acme_never:Mail"})  # fmt: skip
    found = {(one.id, one.origin): one for one in detectors.detectors(None)}
    assert found["pii.email", "built-in"].named
    assert not found["injection.model", "built-in"].named
    assert "pip install" in found["presidio.pii", "adapter"].note
    mine = found["acme.badge", "installed"]
    assert (mine.package, mine.version, mine.named) == ("acme-detectors", "0.3", False)
    assert found["pii.email", "installed"].note
