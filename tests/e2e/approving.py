"""A gateway whose users and approvers have tokens, and a simulator that promises too much."""

import json
import urllib.error
import urllib.request
from pathlib import Path
from typing import Any, NamedTuple

from openai import OpenAI

from freehold.testing import Simulator
from freehold.testing.identity import LocalIssuer
from tests.e2e.served import make_key

BUNDLE = """\
freehold: 1
name: approving
identity:
  issuers:
    company:
      {issuer: "https://id.harbor-and-pine.example", audience: freehold, jwks: "file:jwks.json"}
egress: {allow: [EGRESS]}
APPROVALS
tenants:
  chain: {SETTINGS}
  north: {parent: chain}
  south: {parent: chain}
models:
  simulated-frontier: {base_url: "URL/v1", simulated: true, retries: 0}
routes:
  main: {candidates: [simulated-frontier]}
rules:
  big-discount:
    phase: answer
    when: answer.percents.exists(p, p.upper > 2000)
    do: [{require_approval: {role: manager}}, {annotate: {tag: discount}}]
    why: Above 20 % a manager answers for it.
    public: A discount above 20 % needs a manager.
  huge-discount:
    phase: answer
    when: answer.percents.exists(p, p.upper > 5000)
    do: [{require_approval: {role: director}}]
    public: A discount above 50 % needs a director.
  no-swearing:
    phase: answer
    when: answer.text.contains("darn")
    do: [{block: {}}]
    public: We mind our language.
  mail:
    phase: tool_call
    when: tool.name == "send_mail"
    do: [{require_approval: {role: manager}}]
    public: A manager looks at what is sent.
apps:
  app: {tenant: chain, purpose: Is tested, route: main,
    rules: [big-discount, huge-discount, no-swearing, mail]}
"""
ASK: Any = [{"role": "user", "content": "My mail is bob.miller@corner-mail.org. A discount?"}]


class Place(NamedTuple):
    """One bundle in one home."""

    folder: Path
    home: Path
    issuer: LocalIssuer
    key: str
    desk: str

    def token(self, sub: str, *roles: str, tenant: str | None = "north", **more: Any) -> str:
        claims = {"sub": sub, "roles": list(roles), **more}
        return self.issuer.token(claims if tenant is None else claims | {"tenant": tenant})

    def client(self, url: str, token: str | None = None, key: str | None = None) -> OpenAI:
        """The unmodified SDK, for a user with this token."""
        headers = {} if token is None else {"x-freehold-identity": token}
        return OpenAI(
            base_url=f"{url}/v1", api_key=key or self.key, timeout=20, default_headers=headers
        )

    def held(self, url: str, simulator: Simulator, answer: str, token: str | None) -> str:
        """Ask for something that is held; the approval's id."""
        simulator.control_now(models={"simulated-frontier": {"answers": [answer]}})
        with self.client(url, token) as client:
            raw = client.chat.completions.with_raw_response.create(model="auto", messages=ASK)
        assert raw.headers["x-freehold-outcome"] == "held"
        return raw.headers["x-freehold-approval"]


def make_place(
    base: Path, url: str, *, settings: str = "", approvals: str = "", egress: str = ""
) -> Place:
    folder, home = base / "bundle", base / "home"
    folder.mkdir(parents=True)
    text = BUNDLE.replace("URL", url).replace("SETTINGS", settings)
    text = text.replace("APPROVALS", approvals).replace("EGRESS", f'"{egress}"' if egress else "")
    (folder / "bundle.yaml").write_text(text, encoding="utf-8")
    issuer = LocalIssuer.create(base / "issuer")
    issuer.write_jwks(folder / "jwks.json")
    key = make_key(folder, home, tenant="north")
    desk = make_key(folder, home, tenant="chain", scopes=frozenset({"approvals"}))
    return Place(folder, home, issuer, key, desk)


class Reply(NamedTuple):
    """What came back."""

    status: int
    body: Any
    headers: Any


def call(
    url: str, key: str, token: str | None, path: str = "", body: dict[str, Any] | None = None
) -> Reply:
    """One request to ``/v1/approvals``; a body makes it a POST."""
    headers = {"authorization": f"Bearer {key}", "content-type": "application/json"}
    if token is not None:
        headers["x-freehold-identity"] = token
    data = None if body is None else json.dumps(body).encode()
    request = urllib.request.Request(f"{url}/v1/approvals{path}", data, headers)
    try:
        with urllib.request.urlopen(request, timeout=20) as reply:
            return Reply(reply.status, json.loads(reply.read()), reply.headers)
    except urllib.error.HTTPError as error:
        return Reply(error.code, json.loads(error.read()), error.headers)
