"""Detectors that a bundle declares: what is wrong with one is told with its place."""

from pathlib import Path

import pytest

from freehold.bundle.check import check
from freehold.bundle.resolve import resolve
from freehold.services.bundles import check_bundle, kept_bundle, open_bundle
from freehold.text.training import train_head
from tests.bundle.samples import GOOD

GUARD = "    guard: {model: small}\n"


def written(folder: Path, detectors: str, **files: bytes) -> Path:
    from textwrap import dedent

    for name, text in GOOD.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(dedent(text), encoding="utf-8")
    (folder / "detectors.yaml").write_text(f"detectors:\n{detectors}", encoding="utf-8")
    for name, content in files.items():
        (folder / f"{name}.safetensors").write_bytes(content)
    return folder


def head(name: str = "complaint") -> bytes:
    from freehold.text.heads import pack

    texts = [f"I want my money back for order {n}, this is awful" for n in range(12)]
    others = [f"Where do I find the garden chairs of row {n}?" for n in range(12)]
    made = train_head([*texts, *others], [name] * 12 + [None] * 12)
    return pack(made.header, made.weights)


@pytest.mark.parametrize(
    ("detectors", "code", "said", "line"),
    [
        ("  a.b: {mode: observe}\n", "detector.kind", "is nothing yet", 2),
        ("  a.b:\n    guard: {model: small}\n    installed: {}\n", "detector.kind",
         "2 things at once", 2),
        (f"  pii.email:\n{GUARD}", "detector.name", "ships a detector `pii.email`", 2),
        ("  a.b:\n    guard: {model: smal}\n", "ref.model", "unknown model `smal`", 3),
        ("  a.b:\n    guard: {model: embedder}\n", "detector.guard", "no capability `chat`", 3),
        ("  a.b:\n    guard: {model: small, style: moderation}\n", "detector.guard",
         "no capability `moderation`", 3),
        ("  a.b:\n    guard: {model: small, style: yes-no}\n", "detector.guard",
         "needs a `prompt`", 3),
        ("  a.b:\n    guard: {model: small, style: maybe}\n", "shape.choice", "maybe", 3),
        (f"  a.b:\n{GUARD}    action: redact\n", "detector.action", "nothing to redact", 4),
        ("  a.b:\n    guard: {model: small, dead_line: 4}\n", "shape.unknown-key",
         "dead_line", 3),
        ("  a.b:\n    classifier: {file: no.safetensors}\n", "detector.file",
         "no file `no.safetensors`", 3),
        ("  a.b:\n    classifier: {file: broken.safetensors}\n", "detector.classifier", "", 3),
        ("  a.b:\n    classifier: {file: good.safetensors, label: anger}\n",
         "detector.classifier", "no label `anger`; it has complaint", 3),
        ("  no.such:\n    installed: {}\n", "detector.installed",
         "no installed package offers a detector `no.such`", 3),
        ("  gliner.pii:\n    installed: {}\n", "detector.installed", "gliner", 3),
    ],
)  # fmt: skip
def test_what_is_wrong(tmp_path, detectors, code, said, line):
    folder = written(tmp_path, detectors, good=head(), broken=b"\0" * 40)
    report = check_bundle(folder)
    found = [p for p in report.errors if p.code == code]
    assert found, report.errors
    assert said in found[0].message
    assert (found[0].file, found[0].line) == ("detectors.yaml", line)
    assert report.bundle is None


def test_settings_may_not_redact_a_judgement(tmp_path):
    folder = written(tmp_path, f"  a.b:\n{GUARD}")
    (folder / "freehold.yaml").write_text(
        (folder / "freehold.yaml")
        .read_text()
        .replace("content: redacted", "content: redacted\n      detectors: {a.b: {action: redact}}")
    )
    assert [p.code for p in check(folder).errors] == ["detector.action"]


def test_a_declared_detector_is_known_to_settings_and_inherited(tmp_path):
    folder = written(tmp_path, f"  a.b:\n{GUARD}    phases: [request]\n    threshold: 0.25\n")
    text = (folder / "apps/service.yaml").read_text()
    (folder / "apps/service.yaml").write_text(
        text.replace(
            "  service:\n", "  service:\n    settings: {detectors: {a.*: {mode: observe}}}\n", 1
        )
    )
    app = open_bundle(folder).app_for("chain", "service")
    (setting,) = [s for s in app.detectors if s.id == "a.b"]
    assert (setting.mode, setting.action, setting.threshold) == ("observe", "block", 250_000)
    assert setting.phases == {"request"}
    assert setting.own.model == "small"
    assert set(app.guards) == {"small"}
    assert "small" in app.models  # a candidate of the route as well


def test_a_guards_model_is_used_and_needs_no_route(tmp_path):
    folder = written(tmp_path, "  a.b:\n    guard: {model: judge}\n")
    models = folder / "models.yaml"
    models.write_text(
        models.read_text().replace(
            "models:\n", "models:\n  judge: {base_url: 'http://127.0.0.1:9/v1'}\n", 1
        )
    )
    report = check_bundle(folder)
    assert not report.errors
    assert not [p for p in report.warnings if p.code == "unused.model"]
    app = open_bundle(folder).app_for("chain", "service")
    assert "judge" in app.guards
    assert "judge" not in app.models  # no request is ever routed to it


def test_a_head_is_part_of_the_bundles_version(tmp_path):
    declared = "  c.one:\n    classifier: {file: good.safetensors}\n"
    first = open_bundle(written(tmp_path / "a", declared, good=head()))
    again = open_bundle(written(tmp_path / "b", declared, good=head()))
    other = open_bundle(written(tmp_path / "c", declared, good=head("other")))
    assert first.hash == again.hash != other.hash
    assert first.heads == again.heads
    assert set(first.heads) != set(other.heads)


def test_a_kept_bundle_has_its_heads(tmp_path):
    from freehold.bundle.activate import Activator

    declared = "  c.one:\n    classifier: {file: good.safetensors}\n"
    folder = written(tmp_path / "a", declared, good=head())
    live = Activator(folder, tmp_path / "home", lookup={"EXAMPLE_KEY": "x"}.get).first()
    assert kept_bundle(tmp_path / "home", live.hash).heads == live.heads != {}


def test_the_guards_model_counts_in_its_version(tmp_path):
    def spec(version: str):
        text = f"  a.b:\n{GUARD}"
        folder = written(tmp_path / version, text)
        models = folder / "models.yaml"
        models.write_text(
            models.read_text().replace("small:\n", f"small:\n    version: {version}\n")
        )
        report = check(folder)
        bundle = resolve(report.bundle, report.hash, lookup={}.get)
        settings = bundle.app_for("chain", "service").detectors
        return next(s.own for s in settings if s.id == "a.b")

    assert spec("one").model_digest != spec("two").model_digest


@pytest.mark.parametrize(
    ("settings", "ruled_out"),
    [
        ("{models: [gpt-5]}", True),
        ("{regions: [eu]}", True),
        ("{models: [gpt-5], detectors: {a.b: {phases: []}}}", False),
        ("{models: [gpt-5], detectors: {a.b: {mode: observe}}}", False),
        ("{models: [gpt-5, small]}", False),
    ],
)
def test_a_guard_whose_model_an_app_may_not_use(tmp_path, settings, ruled_out):
    folder = written(tmp_path, f"  a.b:\n{GUARD}")
    path = folder / "apps/service.yaml"
    text = path.read_text().replace("embedding_route: vectors", f"settings: {settings}")
    path.write_text(text)
    codes = [p.code for p in check(folder).errors]
    assert codes == (["detector.ruled-out"] if ruled_out else [])
