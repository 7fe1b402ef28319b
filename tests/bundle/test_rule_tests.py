"""Names in rules' tests and in invariants are checked like all others."""

from pathlib import Path

from freehold.services.bundles import check_bundle

BUNDLE = """\
freehold: 1
name: b
tenants: {main: {}}
models: {one: {base_url: "http://127.0.0.1:9/v1"}}
routes: {main: {candidates: [one]}}
rules:
  r:
    phase: answer
    when: answer.chars > 3
    do: [{block: {}}]
    tests:
      - {name: t, expect: fires, app: ap, tenant: mian, failed: [odrers], context: {stock: "1"}}
invariants:
  i: {when: answer.charz > 3, apps: [appp]}
apps: {app: {tenant: main, purpose: p, route: main, rules: [r]}}
"""


def test_every_name_is_looked_up(tmp_path: Path) -> None:
    (tmp_path / "b.yaml").write_text(BUNDLE, encoding="utf-8")
    said = "\n".join(str(problem) for problem in check_bundle(tmp_path).problems)
    for word in ("`ap`", "`mian`", "`odrers`", "`stock`", "`appp`", "answer.charz"):
        assert word in said
    assert "did you mean `app`" in said
