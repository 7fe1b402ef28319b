"""Models as a bundle declares them: addresses, credentials, prices, files, the catalogue."""

from datetime import date
from pathlib import Path

import orjson
import pytest

from freehold.bundle.catalogue import find, shipped_rows
from freehold.bundle.check import check
from freehold.bundle.model import Priced
from freehold.bundle.problems import Problems
from freehold.bundle.resolve import resolve
from freehold.bundle.snapshot import read_folder
from freehold.core.handoffs import Usage
from freehold.core.local import KINDS
from freehold.core.prices import cost_nano, worst_nano
from freehold.services.bundles import inspect_model
from freehold.services.prices import listed, shipped_yaml
from freehold.text.local import make
from tests.bundle.samples import write

BASE = """\
freehold: 1
name: small
{currency}
tenants: {{main: {{title: All}}}}
routes: {{default: {{candidates: [m]}}}}
apps: {{app: {{tenant: main, purpose: Tests, route: default}}}}
models:
  m: {model}
{more}
"""


def problems(tmp_path: Path, model: str, more: str = "", currency: str = "", **files: str):
    text = BASE.format(model=model, more=more, currency=currency)
    folder = write(tmp_path, {"freehold.yaml": text, **files})
    return folder, check(folder, inspect_model=inspect_model)


def codes(tmp_path: Path, model: str, more: str = "", **kwargs: str):
    _, report = problems(tmp_path, model, more, **kwargs)
    return {problem.code for problem in report.problems}


def spec(tmp_path: Path, model: str, more: str = "", **files: str):
    folder, report = problems(tmp_path, model, more, **files)
    assert report.bundle is not None, "\n".join(map(str, report.problems))
    snapshot = read_folder(folder, Problems())
    resolved = resolve(report.bundle, "h", lookup={}.get, files=snapshot.files)
    return resolved.models["m"], resolved


@pytest.mark.parametrize(
    ("model", "code"),
    [
        ("{}", "model.url"),
        ("{provider: anthropic, api_key: env:K}", "model.url"),
        ("{catalogue: openai/gpt-5-nan0}", "ref.catalogue"),
        ("{catalogue: amazon/nova-pro-v1:0, aws: {chain: true}}", "model.url"),
        ("{provider: bedrock, base_url: 'https://x'}", "model.aws"),
        ("{provider: bedrock, base_url: 'https://x', aws: {access_key: env:A}}", "model.aws"),
        ("{base_url: 'https://x', aws: {chain: true}}", "model.aws"),
        ("{provider: local}", "model.local"),
        ("{base_url: 'https://x', local: {kind: responder}}", "model.local"),
        ("{provider: local, local: {kind: respnder}}", "model.local"),
        ("{provider: local, local: {kind: responder, file: none.jsonl}}", "model.file"),
        ("{provider: local, local: {kind: responder}}", "model.local"),
        ("{base_url: 'https://x', price: {input: 0.0001}}", "model.price"),
        ("{base_url: 'https://x', price: {cached_input: 0.0000001}}", "model.price"),
        (
            "{base_url: 'https://x', price: {long: {over: 5, input: 0.0001, output: 1}}}",
            "model.price",
        ),
        ("{provider: antropic, base_url: 'https://x'}", "shape.choice"),
        ("{provider: bedrock, base_url: 'https://x', aws: {access_key: AKIA}}", "shape.pattern"),
    ],
)
def test_what_cannot_work_is_an_error(tmp_path: Path, model: str, code: str) -> None:
    assert code in codes(tmp_path, model)


@pytest.mark.parametrize(
    "model",
    [
        "{catalogue: openai/gpt-5-nano, api_key: env:K}",
        "{provider: bedrock, base_url: 'https://x', api_key: env:K}",
        "{provider: bedrock, base_url: 'https://x', aws: {access_key: env:A, secret_key: env:S}}",
        "{catalogue: amazon/nova-pro-v1:0, base_url: 'https://x', aws: {chain: true}}",
        "{base_url: 'https://x', price: {input: 0.035, cached_input: 0.00875}}",
    ],
)
def test_what_can_work_is_not(tmp_path: Path, model: str) -> None:
    assert codes(tmp_path, model) == set()


@pytest.mark.parametrize(
    ("limits", "model", "warned"),
    [
        ("{money_per_day: 5}", "{base_url: 'https://x'}", True),
        ("{requests_per_minute: 5}", "{base_url: 'https://x'}", False),
        ("{money_per_day: 5}", "{base_url: 'https://x', price: {input: 0, output: 0}}", False),
        ("{money_per_day: 5}", "{catalogue: openai/gpt-5-nano, api_key: env:K}", False),
    ],
)
def test_a_ceiling_of_money_counts_no_model_without_a_price(
    tmp_path: Path, limits: str, model: str, *, warned: bool
) -> None:
    more = f"tenants: {{unit: {{parent: main, settings: {{limits: {limits}}}}}}}"
    _, report = problems(tmp_path, model, **{"more.yaml": more})
    found = [one.message for one in report.problems if one.code == "model.unpriced"]
    assert len(found) == warned
    assert all("tenants.unit.settings.limits.money_per_day" in one for one in found)


@pytest.mark.parametrize("kind", KINDS)
def test_every_shipped_kind_of_local_model_is_known(tmp_path: Path, kind: str) -> None:
    _, report = problems(tmp_path, f"{{provider: local, local: {{kind: {kind}}}}}")
    assert not [one for one in report.problems if "is installed here" in one.message]
    with pytest.raises(ValueError, match=r"^(?!no installed package)"):
        make(kind, b"\x00", "{}")


def test_an_extra_that_is_missing_is_a_warning(tmp_path: Path, monkeypatch) -> None:
    monkeypatch.setattr("freehold.bundle.model_checks.find_spec", lambda _: None)
    model = "{provider: bedrock, base_url: 'https://x', api_key: env:K}"
    _, report = problems(tmp_path, model)
    (problem,) = report.problems
    assert report.ok
    assert problem.code == "model.extra"
    assert "freehold[bedrock]" in problem.suggestion


def test_a_row_fills_what_the_model_leaves_out(tmp_path: Path) -> None:
    model, _ = spec(
        tmp_path,
        "{catalogue: anthropic/claude-haiku-5-5, max_output_tokens: 500, price: {output: 7}}",
    )
    assert model.provider == "anthropic"
    assert model.base_url == "https://api.anthropic.com"
    assert model.upstream_model == "claude-haiku-5-5"
    assert model.context_window == 1_000_000
    assert model.max_output_tokens == 500
    assert (model.input_price_nano, model.output_price_nano) == (100, 7_000)
    assert (model.cached_price_pico, model.cache_write_price_pico) == (10_000, 125_000)
    assert model.long_price is not None
    assert model.long_price.over == 100_000


def test_the_bundles_own_row_goes_first(tmp_path: Path) -> None:
    more = """
catalogue:
  openai/gpt-5-nano: {upstream_model: nano, base_url: 'https://own', context_window: 9000,
    max_output_tokens: 90, price: {input: 1, output: 2}, seen: 2026-01-31}
"""
    model, _ = spec(tmp_path, "{catalogue: openai/gpt-5-nano}", more)
    assert (model.upstream_model, model.base_url) == ("nano", "https://own")
    assert model.input_price_nano == 1_000


def test_a_price_in_another_currency_is_never_taken(tmp_path: Path) -> None:
    row = "{catalogue: openai/gpt-5-nano}"
    assert codes(tmp_path, row, currency="currency: EUR") == {"model.currency"}


def test_a_local_model_carries_its_file(tmp_path: Path) -> None:
    line = '{"questions": ["opening hours"], "answer": "At nine."}\n'
    model, resolved = spec(
        tmp_path,
        "{provider: local, local: {kind: responder, file: answers.jsonl, threshold: 0.7}}",
        **{"answers.jsonl": line},
    )
    assert model.local is not None
    assert model.local.threshold == 700_000
    assert resolved.model_files[model.local.digest] == line.encode()
    assert model.capabilities == {"chat", "stream"}
    assert model.input_price_nano == 0


def test_what_is_wrong_in_its_file_is_told_at_check(tmp_path: Path) -> None:
    model = "{provider: local, local: {kind: responder, file: answers.jsonl}}"
    _, report = problems(tmp_path, model, **{"answers.jsonl": '{"questions": []}\n'})
    (problem,) = report.errors
    assert problem.code == "model.local"
    assert "line 1" in problem.message


def test_every_kind_that_is_built_in_can_be_named(tmp_path: Path) -> None:
    """A `causal-lm` of somebody's own is a model of the bundle like the others."""
    named = "{provider: local, local: {kind: causal-lm, options: {folder: /srv/lm, files: {a: b}}}}"
    _, report = problems(tmp_path, named)
    assert [one.message for one in report.errors] == ["there is no folder /srv/lm"]


class TestShipped:
    def test_every_row_is_one_says_where_it_is_from_and_when(self) -> None:
        assert len(shipped_rows()) > 20
        for name in shipped_rows():
            row = find(name, {})
            assert row is not None
            assert row.source.startswith("https://")
            assert date(2026, 1, 1) <= date.fromisoformat(row.seen)
            assert row.price.output >= row.price.input > 0
            assert row.price.cached_input is None or row.price.cached_input < row.price.input
            assert row.max_output_tokens <= row.context_window

    def test_every_price_is_exact_in_whole_units(self, tmp_path: Path) -> None:
        for number, (name, row) in enumerate(shipped_rows().items()):
            base = "" if row.get("base_url") else ", base_url: 'https://x', aws: {chain: true}"
            folder = tmp_path / str(number)
            model, _ = spec(folder, f"{{catalogue: '{name}'{base}}}")
            million = Usage(prompt_tokens=10**6, completion_tokens=10**6)
            price = row["price"]
            if model.long_price is None:
                wanted = round((price["input"] + price["output"]) * 10**9)
                assert cost_nano(model, million) == wanted
            assert (
                worst_nano(model, 10**6, 0)
                >= cost_nano(model, million) - cost_nano(model, Usage(completion_tokens=10**6))
                or model.long_price is not None
            )

    def test_age_is_told(self) -> None:
        rows = {row.id: row for row in listed({}, date(2027, 3, 1), old_days=90)}
        assert rows["google/gemini-3.8-flash"].doubt == "held until 2026-12-31"
        assert "days ago" in rows["openai/gpt-5-nano"].doubt
        fresh = {row.id: row for row in listed({}, date(2026, 11, 21), old_days=90)}
        assert not fresh["openai/gpt-5-nano"].doubt

    def test_own_rows_replace_shipped_ones(self) -> None:
        own = Priced.model_validate(
            {
                "upstream_model": "x",
                "context_window": 1000,
                "max_output_tokens": 10,
                "price": {"input": 1, "output": 1},
                "seen": "2026-11-01",
            }
        )
        rows = listed({"openai/gpt-5-nano": own}, date(2026, 11, 21))
        assert [r.origin for r in rows if r.id == "openai/gpt-5-nano"] == ["bundle"]
        assert len(rows) == len(shipped_rows())

    def test_the_yaml_is_a_section_of_a_bundle(self, tmp_path: Path) -> None:
        model = "{catalogue: google/gemini-2.5-flash, api_key: env:K}"
        assert codes(tmp_path, model, **{"prices.yaml": shipped_yaml()}) == set()

    def test_the_file_has_one_row_a_line(self) -> None:
        from importlib.resources import files

        lines = (files("freehold.bundle") / "data" / "prices.json").read_text().splitlines()
        assert len(lines) == len(shipped_rows()) + 2
        assert orjson.loads("".join(lines)) == shipped_rows()
