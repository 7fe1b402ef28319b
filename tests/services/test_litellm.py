"""LiteLLM's configurations as bundles: what comes over, what is told, and what never leaks."""

import json
from pathlib import Path
from typing import Any

import pytest
import yaml
from click.testing import CliRunner

from freehold.cli.main import main
from freehold.core.errors import RequestError, StorageError
from freehold.services.bundles import check_bundle
from freehold.services.litellm_bundle import write
from freehold.services.litellm_import import Importing

CONFIG = """\
model_list:
  - model_name: gpt-4o
    litellm_params:
      model: azure/gpt-4o-eu
      api_base: https://eu.openai.azure.com/
      api_key: os.environ/AZURE_KEY
      api_version: "2024-02-01"
      rpm: 600
      tpm: 90000
      order: 2
    model_info: {max_input_tokens: 128000, max_output_tokens: 4096,
      input_cost_per_token: 0.0000025, output_cost_per_token: 1e-5}
  - model_name: gpt-4o
    litellm_params:
      model: openai/gpt-4o
      api_key: sk-SECRET-in-the-file
      order: 1
      timeout: 20
      temperature: 0.2
      extra_headers: {x-api-token: SECRET-header, x-team: blue}
  - model_name: claude
    litellm_params: {model: anthropic/claude-haiku-5-5, api_key: os.environ/ANTHROPIC_API_KEY}
  - model_name: here
    litellm_params: {model: ollama_chat/llama3, api_base: "http://u:SECRET@127.0.0.1:11434"}
  - model_name: nova
    litellm_params: {model: bedrock/amazon.nova-lite-v1:0, aws_region_name: eu-central-1}
  - model_name: embed
    litellm_params: {model: openai/text-embedding-3-small}
    model_info: {mode: embedding}
  - model_name: "gemini/*"
    litellm_params: {model: "gemini/*", api_key: os.environ/GEMINI_API_KEY}
  - model_name: whisper
    litellm_params: {model: openai/whisper-1}
    model_info: {mode: audio_transcription}
  - model_name: odd
    litellm_params: {model: sagemaker/thing}
router_settings:
  routing_strategy: latency-based-routing
  model_group_alias: {gpt-4: gpt-4o, lost: nobody}
  num_retries: 2
  timeout: 30
  fallbacks: [{gpt-4o: [claude, nobody]}]
  context_window_fallbacks: [{claude: [gpt-4o]}]
  redis_password: SECRET-redis
litellm_settings:
  drop_params: true
  max_budget: 100
  budget_duration: 30d
  success_callback: [langfuse]
  default_team_settings: [{team_id: team a, max_budget: 5, budget_duration: 1d, more: 1}]
guardrails:
  - guardrail_name: pii
    litellm_params: {guardrail: presidio, mode: pre_call}
  - guardrail_name: other
    litellm_params: {guardrail: aporia, mode: post_call, api_key: SECRET-aporia}
general_settings:
  master_key: sk-SECRET-master
  database_url: postgresql://u:SECRET@h/db
environment_variables: {FOO: SECRET-value}
something_new: {deep: [1, {er: SECRET-deep}]}
"""


def made(tmp_path: Path, text: str = CONFIG) -> tuple[dict[str, Any], dict[str, str]]:
    """The bundle as Python has it, and what was said, by key."""
    config = tmp_path / "config.yaml"
    config.write_text(text)
    remarks = write(config, tmp_path / "bundle").remarks
    found: dict[str, Any] = {}
    for file in (tmp_path / "bundle").glob("*.yaml"):
        found |= yaml.safe_load(file.read_text())
    told: dict[str, str] = {}
    for one in remarks:
        before = f"{told[one.key]}\n" if one.key in told else ""
        told[one.key] = f"{before}{one.line} {one.kind} {one.said} {one.do}"
    return found, told


def test_a_configuration_becomes_a_bundle_that_is_sound(tmp_path: Path) -> None:
    found, _ = made(tmp_path)
    assert check_bundle(tmp_path / "bundle").ok
    azure = found["models"]["gpt-4o"]
    assert azure["provider"] == "azure"
    assert azure["upstream_model"] == "gpt-4o-eu"
    assert azure["query"] == {"api-version": "2024-02-01"}
    assert azure["api_key"] == "env:AZURE_KEY"
    assert azure["limits"] == {"requests_per_minute": 600, "tokens_per_minute": 90000}
    assert azure["price"] == {"input": 2.5, "output": 10.0}
    assert (azure["context_window"], azure["max_output_tokens"]) == (132096, 4096)
    assert (azure["timeout_ms"], azure["retries"]) == (30_000, 2)
    assert found["models"]["gpt-4o-2"]["timeout_ms"] == 20_000
    assert found["models"]["claude"]["catalogue"] == "anthropic/claude-haiku-5-5"
    assert found["models"]["here"]["base_url"] == "http://127.0.0.1:11434/v1"
    assert found["models"]["nova"]["aws"] == {"chain": True}
    settings = found["tenants"]["main"]["settings"]
    assert settings["limits"] == {"money_per_month": 100.0}
    assert settings["detectors"]["pii.*"]["action"] == "redact"
    assert found["tenants"]["team-a"]["settings"]["limits"] == {"money_per_day": 5.0}


def test_names_lead_to_their_own_models_and_fallbacks(tmp_path: Path) -> None:
    found, _ = made(tmp_path)
    rules = {rule["id"]: rule for rule in found["routes"]["chat"]["rules"]}
    assert rules["gpt-4o"]["only"] == ["gpt-4o-2", "gpt-4o", "claude"]  # by `order`, then fallbacks
    assert rules["gpt-4o"]["when"] == 'request.model == "gpt-4o" || request.model == "gpt-4"'
    assert rules["claude"]["only"] == ["claude", "gpt-4o-2", "gpt-4o"]
    app = found["apps"]["assistant"]
    assert app["aliases"]["gpt-4"] == "gpt-4o-2"
    assert app["unknown_model"] == "error"
    assert app["embedding_route"] == "embeddings"
    assert found["routes"]["embeddings"]["candidates"] == ["embed"]
    assert "gemini/gemini-2.5-flash" in app["aliases"]


def test_what_does_not_fit_is_told_with_its_line(tmp_path: Path) -> None:
    _, said = made(tmp_path)
    lines = CONFIG.splitlines()
    for key, word in {
        "model_list[1].litellm_params.temperature": "temperature",
        "model_list[6]": "gemini/*",
        "model_list[7].model_info": "audio_transcription",
        "model_list[8].litellm_params": "sagemaker",
        "router_settings.routing_strategy": "latency",
        "router_settings.redis_password": "redis_password",
        "litellm_settings.success_callback": "success_callback",
        "litellm_settings.default_team_settings[0].more": "more",
        "general_settings.master_key": "master_key",
        "environment_variables": "environment_variables",
        "something_new": "something_new",
    }.items():
        number = int(said[key].split()[0])
        assert word in lines[number - 1], (key, said[key])
    assert "nobody" in said["router_settings.fallbacks[0].gpt-4o[1]"]
    assert "lost" in said["router_settings.model_group_alias.lost"]
    assert "aporia" in said["guardrails[1]"]


def test_no_secret_comes_along(tmp_path: Path) -> None:
    made(tmp_path)
    for file in (tmp_path / "bundle").iterdir():
        assert "SECRET" not in file.read_text(), file
    result = CliRunner().invoke(
        main, ["import", "litellm", str(tmp_path / "config.yaml"), "-o", str(tmp_path / "other")]
    )
    assert result.exit_code == 0, result.output
    assert "SECRET" not in result.output
    assert "`freehold check` passes" in result.output


def test_every_key_is_taken_or_told(tmp_path: Path) -> None:
    """Any key that is put anywhere, and is not known, shows up in the report."""
    plain = yaml.safe_load(CONFIG)
    places: list[Any] = [
        plain,
        plain["router_settings"],
        plain["litellm_settings"],
        plain["general_settings"],
        plain["model_list"][0],
        plain["model_list"][0]["litellm_params"],
        plain["model_list"][0]["model_info"],
    ]
    for number, place in enumerate(places):
        place[f"unheard_of_{number}"] = True
    remarks = Importing(json.dumps(plain).encode(), "config.yaml").bundle().remarks
    told = {one.key.rpartition(".")[2] for one in remarks}
    assert {f"unheard_of_{number}" for number in range(len(places))} <= told


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("", "no mapping"),
        ("- a", "no mapping"),
        ("a: [", "line 1"),
        ("model_list: []", "no chat model"),
        ("model_list: [{model_name: x}]", "no chat model"),
        ("a: &a [1]\nb: &b [*a, *a]\n" + "".join(
            f"c{n}: &c{n} [{', '.join([f'*c{n - 1}' if n else '*b'] * 9)}]\n" for n in range(8)
        ), "unfolds"),
        ("a: &a [*a]", "unfolds"),
        ("\x00", "no YAML"),
    ],
)  # fmt: skip
def test_what_is_no_configuration_is_refused(tmp_path: Path, text: str, why: str) -> None:
    config = tmp_path / "config.yaml"
    config.write_text(text)
    with pytest.raises(RequestError, match=why):
        write(config, tmp_path / "bundle")
    assert not (tmp_path / "bundle").exists()


def test_a_folder_that_is_there_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "bundle").mkdir()
    (tmp_path / "bundle" / "mine.yaml").write_text("mine")
    with pytest.raises(StorageError, match="there already"):
        made(tmp_path)
    assert [path.name for path in (tmp_path / "bundle").iterdir()] == ["mine.yaml"]


def test_a_named_credential_goes_with_its_models(tmp_path: Path) -> None:
    text = """
credential_list:
  - credential_name: east
    credential_values: {api_key: sk-SECRET-east, api_base: "https://east.example/v1"}
model_list:
  - model_name: one
    litellm_params: {model: openai/gpt-4o, litellm_credential_name: east}
  - model_name: two
    litellm_params: {model: openai/gpt-4o, litellm_credential_name: west}
"""
    found, said = made(tmp_path, text)
    assert found["models"]["one"]["base_url"] == "https://east.example/v1"
    assert found["models"]["one"]["api_key"] == "env:EAST_API_KEY"
    assert "EAST_API_KEY" in said["credential_list[0].credential_values.api_key"]
    assert "`west` is not in this file" in said["model_list[1].litellm_params"]
    assert "SECRET" not in str(found) + str(said)


@pytest.mark.parametrize(
    ("base", "model", "expected"),
    [
        ("https://u:SECRET@h.example/v1?key=SECRET", "openai/m", "https://h.example/v1"),
        ("https://h.example/v1/chat/completions", "openai/m", "https://h.example/v1"),
        (
            "https://h.example/openai/deployments/dep/chat/completions?api-version=2024-02-01",
            "azure/m",
            "https://h.example",
        ),
    ],
)
def test_an_address_comes_over_without_its_secrets(
    tmp_path: Path, base: str, model: str, expected: str
) -> None:
    params = f"{{model: {model}, api_key: os.environ/K, api_base: '{base}'}}"
    found, said = made(tmp_path, f"model_list: [{{model_name: m, litellm_params: {params}}}]")
    assert found["models"]["m"]["base_url"] == expected
    assert "SECRET" not in str(found) + str(said)
    if "deployments" in base:
        assert found["models"]["m"]["upstream_model"] == "dep"
        assert found["models"]["m"]["query"] == {"api-version": "2024-02-01"}


@pytest.mark.parametrize(
    ("name", "upstream", "asked"),
    [
        ("*", "openai/*", {"gpt-5-nano", "openai/gpt-5-nano"}),
        ("my-*", "openai/gpt-*", {"my-5-nano"}),
        ("openai/*", "openai/*", {"openai/gpt-5-nano"}),
    ],
)
def test_a_pattern_is_asked_for_as_it_was(
    tmp_path: Path, name: str, upstream: str, asked: set[str]
) -> None:
    params = f"{{model: '{upstream}', api_key: os.environ/K}}"
    found, _ = made(tmp_path, f"model_list: [{{model_name: '{name}', litellm_params: {params}}}]")
    rules = " ".join(rule["when"] for rule in found["routes"]["chat"]["rules"])
    assert all(f'request.model == "{one}"' in rules for one in asked)


def test_what_is_written_out_is_meant_rather_than_a_pattern(tmp_path: Path) -> None:
    text = """
model_list:
  - {model_name: "*", litellm_params: {model: "openai/*", api_key: os.environ/K}}
  - {model_name: gpt-5-nano, litellm_params: {model: openai/mine, api_base: "http://h/v1"}}
"""
    found, _ = made(tmp_path, text)
    rule = next(r for r in found["routes"]["chat"]["rules"] if '"gpt-5-nano"' in r["when"])
    assert [found["models"][one]["upstream_model"] for one in rule["only"]] == ["mine"]


def test_values_that_can_not_be_taken_over_are_told(tmp_path: Path) -> None:
    text = """
model_list:
  - model_name: m
    litellm_params:
      model: openai/m
      api_base: http://h/v1
      rpm: lots
      tpm: os.environ/TPM
      timeout: -3
      weight: heavy
      input_cost_per_token: 0.000002
  - model_name: empty
    litellm_params: {}
router_settings: {timeout: 30}
litellm_settings: {fallbacks: m, request_timeout: 60}
"""
    found, said = made(tmp_path, text)
    assert {
        f"model_list[0].litellm_params.{key}" for key in ("rpm", "tpm", "timeout", "weight")
    } | {"litellm_settings.fallbacks"} <= set(said)
    assert found["models"]["m"]["price"]["input"] == 2
    assert list(found["models"]) == ["m"]
    assert "nearer" in said["litellm_settings.request_timeout"]


def test_entities_keep_their_actions(tmp_path: Path) -> None:
    text = """
model_list: [{model_name: m, litellm_params: {model: openai/m, api_base: "http://h/v1"}}]
guardrails:
  - guardrail_name: pii
    litellm_params:
      guardrail: presidio
      pii_entities_config: {EMAIL_ADDRESS: BLOCK, CREDIT_CARD: MASK, MEDICAL_LICENSE: MASK}
"""
    found, said = made(tmp_path, text)
    detectors = found["tenants"]["main"]["settings"]["detectors"]
    assert {name: one["action"] for name, one in detectors.items()} == {
        "pii.email": "block",
        "pii.card": "redact",
    }
    assert any("MEDICAL_LICENSE" in key for key in said)


def test_what_no_budget_can_count_is_named(tmp_path: Path) -> None:
    listed = """\
model_list:
  - {model_name: own, litellm_params: {model: hosted_vllm/own, api_base: "https://a.example/v1"}}
  - {model_name: known, litellm_params: {model: openai/gpt-5-nano}}
"""
    _, told = made(tmp_path, listed + "litellm_settings: {max_budget: 3}\n")
    assert "no price of `own` is known, so its answers use up no budget" in told["model_list[0]"]
    assumed = "`own` may be is not known: `context_window: 8192` and `max_output_tokens: 1024`"
    assert assumed in told["model_list[0]"]
    assert "model_list[1]" not in told
    (tmp_path / "free").mkdir()
    _, told = made(tmp_path / "free", listed)
    assert "price" not in str(told), "nothing is to be counted"
