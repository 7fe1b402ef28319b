import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest
from click.testing import CliRunner

from freehold.bundle.activate import InvalidBundle
from freehold.cli.main import main
from freehold.core.errors import NotFound
from freehold.services import bundles
from tests.bundle.samples import edited, write


@pytest.fixture(autouse=True)
def _no_ollama(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bundles, "ollama_models", lambda: None)


def test_check_compiles_expressions(tmp_path: Path) -> None:
    when = "answer.percents.exists(p, p.value > 2000)"
    write(tmp_path)
    assert bundles.check_bundle(tmp_path).problems == ()
    write(tmp_path, edited(when, "answer.percent.exists(p, p.value > 2000)"))
    problems = bundles.check_bundle(tmp_path).problems
    assert [problem.code for problem in problems] == ["rule.expression"]
    assert "answer.percent" in problems[0].message


def test_a_facts_phase_is_checked(tmp_path: Path) -> None:
    write(tmp_path, edited("principal.attributes.tier ==", "answer.text =="))
    problems = bundles.check_bundle(tmp_path).problems
    assert [problem.path for problem in problems] == ["routes.main.rules[0].when"]


def test_a_misspelt_field_is_an_error_and_a_value_that_never_comes_a_warning(
    tmp_path: Path,
) -> None:
    for new, code, says in (
        ("p.valeu > 2000", "rule.expression", "no field `valeu`; did you mean `value`?"),
        ('p.role == "discont"', "rule.never", "did you mean `discount`?"),
        ("p.upper > 20", "rule.unit", "20 % is 2000"),
        ('app.id == "chatt"', "rule.never", "`app.id` is never"),
        ('answer.model == "gpt"', "rule.never", "`answer.model` is never"),
        ('"stocks" in context.sources', "rule.never", "`context.sources` is never"),
        ('"piii" in answer.labels', "rule.never", "did you mean `pii`?"),
        ('app.tenant == "nowhere"', "rule.never", "`app.tenant` is never"),
        ('app.risk == "extreme"', "rule.never", "high, limited, minimal"),
    ):
        write(tmp_path, edited("p.value > 2000", new))
        report = bundles.check_bundle(tmp_path)
        (problem,) = report.problems
        assert (problem.code, problem.line) == (code, 25)
        assert says in problem.message
        assert report.ok is (code in ("rule.never", "rule.unit"))


@pytest.fixture
def key_set(tmp_path: Path) -> Path:
    """That of the sample bundle's issuer, in its folder."""
    file = tmp_path / "jwks.json"
    file.write_text('{"keys": []}')
    return file


def test_an_issuer_whose_keys_are_not_there_is_a_warning(tmp_path: Path, key_set: Path) -> None:
    write(tmp_path)
    key_set.unlink()
    report = bundles.check_bundle(tmp_path, lookup={"EXAMPLE_KEY": "s3cret"}.get)
    assert report.ok
    (problem,) = report.problems
    assert (problem.severity, problem.code) == ("warning", "identity.jwks")
    assert "no file `jwks.json`" in problem.message
    assert problem.path == "identity.issuers.staff.jwks"


@pytest.mark.usefixtures("key_set")
def test_a_key_that_is_not_set_is_a_warning_where_the_environment_is_given(tmp_path: Path) -> None:
    write(tmp_path)
    assert bundles.check_bundle(tmp_path).problems == ()
    assert bundles.check_bundle(tmp_path, lookup={"EXAMPLE_KEY": "s3cret"}.get).problems == ()
    report = bundles.check_bundle(tmp_path, lookup={}.get)
    assert report.ok
    (problem,) = report.problems
    assert (problem.severity, problem.code, problem.line) == ("warning", "env.unset", 4)
    assert "`EXAMPLE_KEY` is not set" in problem.message
    write(tmp_path, edited("env:EXAMPLE_KEY", "file:key.txt"))
    assert bundles.check_bundle(tmp_path, lookup={}.get).problems == ()


@pytest.mark.usefixtures("key_set")
def test_an_address_or_a_header_that_is_not_set_is_a_warning(tmp_path: Path) -> None:
    write(tmp_path, edited("https://api.example.com/v1", "env:MODEL_URL"))
    keys = {"EXAMPLE_KEY": "s3cret"}
    (problem,) = bundles.check_bundle(tmp_path, lookup=keys.get).problems
    assert (problem.severity, problem.code) == ("warning", "env.unset")
    assert problem.path == "models.gpt-5.base_url"
    assert problem.suggestion == "set it where the gateway runs: it does not start without"
    write(
        tmp_path, edited("https://api.example.com/v1", "env:MODEL_URL\n    headers: {x-a: env:A}")
    )
    found = bundles.check_bundle(tmp_path, lookup={**keys, "MODEL_URL": "https://a/v1"}.get)
    assert [problem.path for problem in found.problems] == ["models.gpt-5.headers.x-a"]


@pytest.mark.usefixtures("key_set")
@pytest.mark.parametrize("section", ["approvals", "monitoring"])
def test_a_webhook_whose_secret_is_not_set_is_a_warning(tmp_path: Path, section: str) -> None:
    write(tmp_path)
    (tmp_path / "hook.yaml").write_text(
        f'{section}:\n  webhook: {{url: "https://stock.example.com/", secret: "env:HOOK_SECRET"}}\n'
    )
    keys = {"EXAMPLE_KEY": "s3cret", "HOOK_SECRET": "whsec_c2VjcmV0"}
    assert bundles.check_bundle(tmp_path, lookup=keys.get).problems == ()
    report = bundles.check_bundle(tmp_path, lookup={"EXAMPLE_KEY": "s3cret"}.get)
    (problem,) = report.problems
    assert (problem.severity, problem.code) == ("warning", "env.unset")
    assert problem.file == "hook.yaml"
    assert "`HOOK_SECRET`" in problem.message


def test_keys_need_tenants_and_apps_and_no_addresses(tmp_path: Path) -> None:
    folder = write(tmp_path / "now", edited("https://api.example.com/v1", "env:MODEL_URL"))
    with pytest.raises(InvalidBundle, match="MODEL_URL"):
        bundles.open_bundle(folder, lookup={}.get)
    described = bundles.described_bundle(folder, lookup={}.get)
    assert described.app_for("1001", "service").id == "service"
    (folder / "models.yaml").unlink()
    with pytest.raises(InvalidBundle):
        bundles.described_bundle(folder, lookup={}.get)


def test_versions_are_compared_by_folder_or_hash(tmp_path: Path) -> None:
    home, folder = tmp_path / "home", write(tmp_path / "now")
    first = bundles.activator(folder, home, lookup={}.get).first()
    other = write(tmp_path / "next", edited("currency: EUR", "currency: CHF"))
    changes = bundles.diff_bundles(first.hash, other, home=home)
    assert [str(change) for change in changes] == ["~ currency: EUR → CHF"]
    assert bundles.diff_bundles(folder, first.hash, home=home) == []
    words = ["diff", str(other), first.hash, "--home", str(home)]
    assert CliRunner().invoke(main, words).stdout == "~ currency: CHF → EUR\n"
    (said,) = json.loads(CliRunner().invoke(main, [*words, "--json"]).stdout)
    assert said == {"path": "currency", "kind": "changed", "before": "CHF", "after": "EUR"}
    (other / "models.yaml").unlink()
    with pytest.raises(InvalidBundle):
        bundles.diff_bundles(folder, other, home=home)
    with pytest.raises(NotFound):
        bundles.diff_bundles("sha256:" + "0" * 64, folder, home=home)


def test_an_old_version_replays_without_its_environment(tmp_path: Path) -> None:
    home = tmp_path / "home"
    folder = write(tmp_path / "now", edited("https://api.example.com/v1", "env:MODEL_URL"))
    live = bundles.activator(folder, home, lookup={"MODEL_URL": "https://a.example/v1"}.get).first()
    again = bundles.kept_bundle(home, live.hash, lookup={}.get)
    assert again.hash == live.hash
    assert again.models["gpt-5"].base_url == "env:MODEL_URL"
    assert again.app_for("1001", "service").rules == live.app_for("1001", "service").rules


def test_opening_keeps_nothing(tmp_path: Path) -> None:
    folder = write(tmp_path / "now")
    assert bundles.open_bundle(folder, lookup={}.get).name == "corner-shop"
    assert [path.name for path in tmp_path.iterdir()] == ["now"]


def test_the_provider_that_is_there_is_chosen(monkeypatch: pytest.MonkeyPatch) -> None:
    assert bundles.choose_provider({"OPENAI_API_KEY": "set"}.get) == "openai"
    assert bundles.choose_provider({}.get) == "simulator"
    monkeypatch.setattr(bundles, "ollama_models", lambda: ["qwen3:4b"])
    assert bundles.choose_provider({}.get) == "ollama"


def test_the_starter_names_a_model_that_ollama_serves(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bundles, "ollama_models", lambda: ["qwen3:4b", "other"])
    bundles.write_starter(tmp_path, "ollama")
    assert bundles.open_bundle(tmp_path).models["local"].upstream_model == "qwen3:4b"


@contextmanager
def serving(status: int, body: bytes) -> Iterator[tuple[str, int]]:
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(status)
            self.send_header("content-length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: object) -> None:
            pass

    with HTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield "127.0.0.1", server.server_port
        finally:
            server.shutdown()
            thread.join(5)


@pytest.mark.parametrize(
    ("status", "body", "expected"),
    [
        (200, json.dumps({"models": [{"name": "nomic-embed-text"}, {"name": "a:1"}]}), ["a:1"]),
        (200, json.dumps({"models": []}), []),
        (200, "not json", None),
        (200, "[1]", None),
        (404, "{}", None),
    ],
)
def test_ollama_is_asked_and_what_is_no_ollama_is_none(
    monkeypatch: pytest.MonkeyPatch, status: int, body: str, expected: list[str] | None
) -> None:
    monkeypatch.undo()
    with serving(status, body.encode()) as address:
        assert bundles.ollama_models(address) == expected


def test_nobody_listening_is_no_ollama(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.undo()
    assert bundles.ollama_models(("127.0.0.1", 1)) is None
