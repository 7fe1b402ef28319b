"""What a webhook is sent, and that it goes nowhere else."""

import base64
import hashlib
import hmac
from pathlib import Path

import pytest

from freehold.bundle.resolve import ResolvedBundle
from freehold.core.errors import ContextError
from freehold.core.ports import NoticeFailed
from freehold.notify.webhooks import SignedWebhook, allowed, signature
from freehold.services.bundles import check_bundle, described_bundle
from freehold.storage.secrets import ReferenceSecrets
from tests.stages.made import NOW_NS, Standing

BUNDLE = """\
freehold: 1
name: telling
APPROVALS
egress: {allow: [ALLOW]}
tenants: {main: {}}
models: {m: {base_url: "http://127.0.0.1:9/v1"}}
routes: {main: {candidates: [m]}}
apps: {app: {tenant: main, purpose: Is tested, route: main}}
"""
HOOK = 'approvals: {webhook: {url: "https://desk.example.com/in", secret: "env:DESK"}}'
SECRET = "whsec_" + base64.b64encode(b"a secret of the desk").decode()


def write(folder: Path, *, approvals: str = HOOK, allow: str = "desk.example.com") -> Path:
    text = BUNDLE.replace("APPROVALS", approvals).replace("ALLOW", allow)
    (folder / "bundle.yaml").write_text(text, encoding="utf-8")
    return folder


class Desk:
    """Takes what is sent."""

    def __init__(self, status: int = 204, error: Exception | None = None) -> None:
        self.status = status
        self.error = error
        self.got: list[tuple[str, str, dict[str, str], bytes]] = []

    async def __call__(
        self, method: str, url: str, headers: dict[str, str], body: bytes, timeout_ms: int
    ) -> tuple[int, bytes]:
        if self.error is not None:
            raise self.error
        self.got.append((method, url, headers, body))
        return self.status, b""


def webhook(bundle: ResolvedBundle, desk: Desk, secret: str = SECRET) -> SignedWebhook:
    secrets = ReferenceSecrets(Path(), {"DESK": secret} if secret else {})
    return SignedWebhook(desk, secrets, Standing(), lambda: bundle)


async def test_it_is_signed_as_standard_webhooks_say(tmp_path: Path) -> None:
    desk = Desk()
    await webhook(described_bundle(write(tmp_path)), desk).send("msg_1", b'{"a":1}')
    ((method, url, headers, body),) = desk.got
    assert (method, url, body) == ("POST", "https://desk.example.com/in", b'{"a":1}')
    moment = NOW_NS // 10**9
    assert headers["webhook-id"] == "msg_1"
    assert headers["webhook-timestamp"] == str(moment)
    signed = hmac.new(b"a secret of the desk", f"msg_1.{moment}.".encode() + body, hashlib.sha256)
    assert headers["webhook-signature"] == "v1," + base64.b64encode(signed.digest()).decode()


def test_the_example_of_the_specification() -> None:
    """https://github.com/standard-webhooks/standard-webhooks: the key and message of its tests."""
    assert (
        signature(
            "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw",
            "msg_p5jXN8AQM9LWM0D4loKWxJek",
            1614265330,
            b'{"test": 2432232314}',
        )
        == "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="
    )
    assert signature("plain words", "m", 1, b"").startswith("v1,")
    with pytest.raises(NoticeFailed, match="no base64"):
        signature("whsec_?", "m", 1, b"")


@pytest.mark.parametrize("status", [199, 301, 400, 503])
async def test_whatever_is_no_2xx_is_not_taken(tmp_path: Path, status: int) -> None:
    hook = webhook(described_bundle(write(tmp_path)), Desk(status))
    with pytest.raises(NoticeFailed, match=str(status)):
        await hook.send("msg_1", b"{}")


async def test_what_fails_says_why(tmp_path: Path) -> None:
    bundle = described_bundle(write(tmp_path))
    with pytest.raises(NoticeFailed, match="DESK is not set"):
        await webhook(bundle, Desk(), secret="").send("msg_1", b"{}")
    with pytest.raises(NoticeFailed, match="took too long"):
        await webhook(bundle, Desk(error=ContextError("took too long"))).send("msg_1", b"{}")
    nobody = described_bundle(write(tmp_path, approvals=""))
    with pytest.raises(NoticeFailed, match="names no webhook"):
        await webhook(nobody, Desk()).send("msg_1", b"{}")


def test_only_to_hosts_that_the_bundle_names(tmp_path: Path) -> None:
    report = check_bundle(write(tmp_path, allow="other.example.com"))
    (problem,) = report.errors
    assert problem.code == "egress.host"
    assert "`desk.example.com` is not in `egress.allow`" in str(problem)
    assert "bundle.yaml:3" in str(problem)
    report = check_bundle(write(tmp_path, allow=""))
    assert [problem.code for problem in report.errors] == ["egress.host"]


@pytest.mark.parametrize(
    ("url", "fine"),
    [
        ("https://desk.example.com/in", True), ("https://DESK.example.com/", True),
        ("https://desk.example.com:444/", True), ("http://box:8080/x", True),
        ("http://box/x", False), ("https://desk.example.com.evil.org/", False),
        ("https://evil.org/?desk.example.com", False),
        ("https://desk.example.com@evil.org/", False),
        ("ftp://desk.example.com/", False), ("https://desk.example.com:x/", False), ("", False),
    ],
)  # fmt: skip
def test_hosts(url: str, fine: bool) -> None:
    assert allowed(url, ["desk.example.com", "box:8080"]) is fine


async def test_the_host_is_looked_at_again_before_it_is_sent(tmp_path: Path) -> None:
    bundle = described_bundle(write(tmp_path))
    desk = Desk()
    changed = bundle.bundle.model_copy(
        update={"egress": bundle.bundle.egress.model_copy(update={"allow": []})}
    )
    other = ResolvedBundle(changed, bundle.hash, models=bundle.models, sources=bundle.sources)
    with pytest.raises(NoticeFailed, match="egress"):
        await webhook(other, desk).send("msg_1", b"{}")
    assert desk.got == []
