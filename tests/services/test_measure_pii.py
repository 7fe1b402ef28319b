"""The metric of ``freehold bench pii``, on texts whose figures can be counted by hand."""

import json
from pathlib import Path

import pytest
from click.testing import CliRunner

from freehold.cli.main import main
from freehold.core.errors import FreeholdError
from freehold.services.measure_pii import Sample, builtin, measure, read_samples

TEXT = "Ann Roe of Bath paid."
SAMPLE = Sample(TEXT, ((0, 7, "PERSON"), (11, 15, "GPE")))


def test_words_are_counted_not_spans() -> None:
    measured = measure([SAMPLE], lambda _: [(0, 3, "person"), (16, 20, "person")])
    assert (measured.precision, measured.recall) == (0.5, 0.3333)
    assert measured.f2 == 0.3571
    assert measured.per_type == {
        "GPE": {"recall": 0.0, "words": 1},
        "PERSON": {"recall": 0.5, "words": 2},
    }


def test_the_kind_does_not_matter_and_signs_and_small_words_count_for_neither() -> None:
    measured = measure([SAMPLE], lambda _: [(0, 21, "address")])
    assert (measured.precision, measured.recall) == (0.75, 1.0)  # "of" and "." are passed over
    assert measured.false_words == 1


def test_nothing_found_is_nothing_and_no_error() -> None:
    measured = measure([SAMPLE], lambda _: [])
    assert (measured.precision, measured.recall, measured.f2) == (0.0, 0.0, 0.0)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("no json", "is no JSON"),
        ("{}", "must hold a list"),
        ("[]", "must hold a list"),
        ('[{"text": "a"}]', "entry 0 needs `full_text`"),
        ('[{"full_text": "a", "spans": [{"start_position": 0}]}]', "entry 0 needs"),
        ("[" * 200_000, "is no JSON"),
        ('[{"full_text": "\\ud800", "spans": []}]', "is no JSON"),
        (
            json.dumps(
                [{"full_text": "a", "spans": [
                    {"entity_type": "X", "start_position": 0, "end_position": 2}]}]
            ),
            "not inside its text",
        ),
    ],
)  # fmt: skip
def test_a_file_of_another_form_is_refused(tmp_path: Path, content: str, message: str) -> None:
    path = tmp_path / "data.json"
    path.write_text(content)
    with pytest.raises(FreeholdError, match=message):
        read_samples(path)
    result = CliRunner().invoke(main, ["bench", "pii", str(path)])
    assert result.exit_code == 1
    assert message in result.output


def test_the_command_prints_its_keys(tmp_path: Path) -> None:
    path = tmp_path / "data.json"
    spans = [{"entity_type": "PERSON", "start_position": 11, "end_position": 19}]
    path.write_text(json.dumps([{"full_text": "My name is Jane Roe.", "spans": spans}]))
    result = CliRunner().invoke(main, ["bench", "pii", str(path), "--json"])
    assert result.exit_code == 0
    found = json.loads(result.stdout)
    assert set(found) >= {"precision", "recall", "f2", "per_type", "us_per_text", "texts"}
    assert found["recall"] == 1.0


def test_the_aim_is_met_on_public_data(shared_data: Path) -> None:
    measured = measure(read_samples(shared_data / "pii" / "presidio_synth_half.json"), builtin())
    assert measured.f2 >= 0.9
    assert measured.precision >= 0.8


def test_a_byte_order_mark_is_passed_over(tmp_path: Path) -> None:
    path = tmp_path / "data.json"
    path.write_text('\ufeff[{"full_text": "a", "spans": []}]', encoding="utf-8")
    assert read_samples(path) == (Sample("a", ()),)
