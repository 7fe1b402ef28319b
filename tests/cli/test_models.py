"""``freehold models`` as a user types it."""

import json

import yaml
from click.testing import CliRunner

from freehold.cli.main import main


def run(*arguments):
    return CliRunner().invoke(main, ["models", "prices", *arguments])


def test_prices_as_a_table():
    said = run("--older-than", "10000")
    assert said.exit_code == 0
    assert "openai/gpt-5-nano" in said.stdout
    assert "0.005" in said.stdout


def test_prices_as_json_say_source_and_day():
    rows = {row["id"]: row for row in json.loads(run("--json").stdout)}
    row = rows["anthropic/claude-opus-5"]
    assert row["source"].startswith("https://platform.claude.com/")
    assert row["seen"] == "2026-11-21"
    assert row["cached_input"] == 0.5
    assert row["origin"] == "shipped"


def test_old_rows_are_told_on_stderr_alone():
    said = run("--older-than", "0", "--json")
    assert "looked up again" in said.stderr
    json.loads(said.stdout)


def test_yaml_is_what_a_bundle_takes():
    section = yaml.safe_load(run("--yaml").stdout)
    assert "openai/gpt-5-nano" in section["catalogue"]


def test_a_bundle_that_is_none_is_one_line(tmp_path):
    said = run("--bundle", str(tmp_path))
    assert said.exit_code == 1
    assert "Traceback" not in said.output
