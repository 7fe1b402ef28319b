"""Mirrors of checkpoints in a bundle: what they mean, and what can't be."""

import base64
import hashlib
from pathlib import Path

import pytest

from freehold.bundle.mirroring import mirror_specs, vkey_fault
from freehold.core.alerts import Subject
from freehold.core.mirrors import MirrorSpec
from freehold.services.alert_views import fingerprints
from freehold.services.bundles import check_bundle, described_bundle

BUNDLE = """\
freehold: 1
name: mirrored
egress: {allow: [desk.example.com, witness.example.com]}
MORE
tenants: {main: {}}
models: {m: {base_url: "http://127.0.0.1:9/v1"}}
routes: {main: {candidates: [m]}}
apps: {app: {tenant: main, purpose: Is tested, route: main}}
ledger:
  mirrors:
MIRRORS"""


def vkey(name: str = "witness.example.com", kind: int = 4) -> str:
    key = bytes([kind]) + bytes(range(32))
    digest = hashlib.sha256(name.encode() + b"\n" + key).hexdigest()[:8]
    return f"{name}+{digest}+{base64.b64encode(key).decode()}"


def write(folder: Path, *mirrors: str, more: str = "") -> Path:
    listed = "".join(f"  - {mirror}\n" for mirror in mirrors)
    text = BUNDLE.replace("MORE", more).replace("MIRRORS", listed)
    (folder / "bundle.yaml").write_text(text, encoding="utf-8")
    return folder


def specs(folder: Path, *mirrors: str) -> tuple[MirrorSpec, ...]:
    return mirror_specs(described_bundle(write(folder, *mirrors)).bundle)


FILE = "{file: /mnt/worm/shop.jsonl}"
HOOK = '{webhook: "https://desk.example.com/in/secret-path", secret: "env:DESK"}'
WITNESS = (
    f'{{witness: "https://witness.example.com/v1/", key: "{vkey()}", every_s: 30, late_s: 60}}'
)


def test_each_kind_is_what_the_gateway_needs(tmp_path: Path) -> None:
    file, hook, witness = specs(tmp_path, FILE, HOOK, WITNESS)
    assert (file.kind, file.target, file.every_s, file.late_s, file.alert) == (
        "file", "/mnt/worm/shop.jsonl", 60, 900, True,
    )  # fmt: skip
    assert (hook.kind, hook.secret) == ("webhook", "env:DESK")
    assert (witness.kind, witness.target) == ("witness", "https://witness.example.com/v1")
    assert (witness.key, witness.every_s, witness.late_s) == (vkey(), 30, 60)


def test_a_default_name_has_nothing_secret_of_the_address(tmp_path: Path) -> None:
    labels = [spec.label for spec in specs(tmp_path, FILE, HOOK, WITNESS)]
    assert labels == ["file:shop.jsonl", "webhook:desk.example.com", "witness:witness.example.com"]


def test_without_the_section_there_are_none(tmp_path: Path) -> None:
    folder = write(tmp_path)
    text = (folder / "bundle.yaml").read_text().partition("ledger:")[0]
    (folder / "bundle.yaml").write_text(text)
    assert mirror_specs(described_bundle(folder).bundle) == ()


@pytest.mark.parametrize(
    ("mirror", "code"),
    [
        ("{every_s: 5}", "ledger.mirror"),
        ('{file: /a, webhook: "https://desk.example.com/in"}', "ledger.mirror"),
        ("{file: mirror.jsonl}", "ledger.path"),
        ('{webhook: "https://desk.example.com/in"}', "ledger.secret"),
        ('{file: /a, secret: "env:DESK"}', "ledger.secret"),
        ('{witness: "https://witness.example.com"}', "ledger.key"),
        ('{witness: "https://witness.example.com", key: "nothing"}', "ledger.key"),
        (f'{{file: /a, key: "{vkey()}"}}', "ledger.key"),
        ('{webhook: "https://elsewhere.example.com/in", secret: "env:DESK"}', "egress.host"),
        (f'{{witness: "http://unknown.example.com", key: "{vkey()}"}}', "egress.host"),
        ("{file: /a, every_s: 0}", "shape.value"),
        ("{fiel: /a}", "shape.unknown-key"),
    ],
)
def test_what_can_not_be_is_said(tmp_path: Path, mirror: str, code: str) -> None:
    report = check_bundle(write(tmp_path, mirror))
    assert code in {problem.code for problem in report.errors}


def test_every_message_names_its_line(tmp_path: Path) -> None:
    report = check_bundle(write(tmp_path, FILE, "{file: mirror.jsonl}"))
    (problem,) = report.errors
    line = (tmp_path / "bundle.yaml").read_text().splitlines()[problem.line - 1]
    assert "mirror.jsonl" in line


def test_two_of_one_name_need_names(tmp_path: Path) -> None:
    other = "{file: /other/shop.jsonl}"
    (problem,) = check_bundle(write(tmp_path, FILE, other)).errors
    assert problem.code == "ledger.twice"
    named = "{file: /other/shop.jsonl, name: second}"
    assert not check_bundle(write(tmp_path, FILE, named)).errors


def test_a_path_of_windows_is_absolute_too(tmp_path: Path) -> None:
    (spec,) = specs(tmp_path, r"{file: 'D:\worm\shop.jsonl'}")
    assert spec.label == "file:shop.jsonl"


def test_vkeys_that_are_damaged_or_of_another_kind() -> None:
    assert vkey_fault(vkey()) == ""
    assert "several" not in vkey_fault("x")
    assert "other" in vkey_fault(vkey(kind=1)) or "another" in vkey_fault(vkey(kind=1))
    name, digest, key = vkey().split("+", 2)
    assert "belong together" in vkey_fault(f"{name}x+{digest}+{key}")


def test_alerts_may_be_about_mirrors(tmp_path: Path) -> None:
    alert = (
        "alerts: {late: {watch: mirror_lag, of: {mirror: shop}, when: above, value: 1, fewest: 1}}"
    )
    named = "{file: /mnt/worm/shop.jsonl, name: shop}"
    bundle = described_bundle(write(tmp_path, named, more=alert))
    found = {spec.name: spec for spec in bundle.alerts}
    assert found["late"].subject == Subject("mirror", "shop")
    assert Subject("mirror", "shop") in fingerprints(bundle)
    report = check_bundle(write(tmp_path, FILE, more=alert))
    assert {problem.code for problem in report.errors} == {"ref.mirror"}


def test_alerts_about_the_ledger_tell_the_webhook_where_there_is_one(tmp_path: Path) -> None:
    quiet = {s.name: s for s in described_bundle(write(tmp_path, FILE)).alerts}
    assert not quiet["ledger-contradicted"].webhook
    assert quiet["ledger-contradicted"].severity == "critical"
    hook = 'monitoring: {webhook: {url: "https://desk.example.com/in", secret: "env:DESK"}}'
    told = {s.name: s for s in described_bundle(write(tmp_path, FILE, more=hook)).alerts}
    assert told["ledger-contradicted"].webhook
    assert told["mirror-late"].webhook
    assert not told["model-slower"].webhook
