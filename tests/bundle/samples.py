"""Small bundles for the tests: text in, folder out."""

from pathlib import Path
from textwrap import dedent

GOOD = {
    "freehold.yaml": """\
        freehold: 1
        name: corner-shop
        currency: EUR
        identity:
          attributes:
            tier: {default: guest}
            store: {default: ""}
        egress:
          allow: [stock.example.com]
        tenants:
          chain:
            title: The chain
            settings:
              limits: {requests_per_minute: 600}
              content: redacted
            lock: [limits, content]
            rules: [no-big-discount]
          north: {parent: chain}
          "1001": {parent: north}
        """,
    "models.yaml": """\
        models:
          gpt-5:
            base_url: https://api.example.com/v1
            api_key: env:EXAMPLE_KEY
            price: {input: 1.25, output: 10}
            clearances: [pii]
            region: eu
          small:
            base_url: http://127.0.0.1:8080/v1
          embedder:
            base_url: http://127.0.0.1:8081/v1
            capabilities: [embedding]
        routes:
          main:
            candidates: [gpt-5, small]
            rules:
              - {id: guests-small, when: 'principal.attributes.tier == "guest"', prefer: [small]}
          vectors:
            candidates: [embedder]
        """,
    "apps/service.yaml": """\
        apps:
          service:
            tenant: chain
            purpose: Answers customers
            route: main
            embedding_route: vectors
            aliases: {gpt-4o: gpt-5}
            sources: [orders, stock]
            rules: [mark-money]
        sources:
          orders:
            type: sql
            url: sqlite:orders.db
            query: |
              SELECT * FROM orders
              WHERE customer = :who AND text MATCH :terms
            bind: {who: principal.id, terms: request.terms}
          stock:
            type: http
            url: https://stock.example.com/items
            public: true
        rules:
          no-big-discount:
            phase: answer
            when: 'answer.percents.exists(p, p.value > 2000)'
            do:
              - require_approval: {role: manager}
          mark-money:
            phase: answer
            when: 'true'
            do:
              - annotate: {tag: money}
        """,
    "staff.yaml": """\
        identity:
          issuers:
            staff: {issuer: "https://id.example.com", audience: freehold, jwks: "file:jwks.json"}
        """,
}


def write(folder: Path, files: dict[str, str] | None = None, **changed: str) -> Path:
    """Write ``files`` (the good bundle by default) below ``folder``, dedented."""
    for name, text in {**(GOOD if files is None else files), **changed}.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(dedent(text), encoding="utf-8")
    return folder


def edited(old: str, new: str) -> dict[str, str]:
    """The good bundle with ``old`` replaced by ``new``; ``old`` must be there exactly once."""
    files = {name: dedent(text) for name, text in GOOD.items()}
    places = [name for name, text in files.items() if old in text]
    assert len(places) == 1, f"{old!r} is in {places}"
    text = files[places[0]]
    assert text.count(old) == 1, f"{old!r} is there {text.count(old)} times"
    files[places[0]] = text.replace(old, new)
    return files
