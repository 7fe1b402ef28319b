"""Disclaimers: which are needed, which are missing, what rules see of it."""

import asyncio
from pathlib import Path

import pytest

from freehold.app.rehearsal import rehearsal
from freehold.core.spec import Disclaimer
from freehold.rules.disclaimers import Disclaimers, plain
from freehold.services.bundles import check_bundle, described_bundle
from freehold.services.rehearse import Rehearsed, Scene

BUNDLE = """\
freehold: 1
name: voiced
tenants: {main: {}}
models: {one: {base_url: "http://127.0.0.1:9/v1"}}
routes: {main: {candidates: [one]}}
rules:
  vat:
    phase: answer
    when: size(answer.missing_disclaimers) > 0
    do: [{require_approval: {role: editor}}]
apps:
  shop:
    tenant: main
    purpose: Sells.
    route: main
    rules: [vat]
    voice:
      competitors: [Acme]
      disclaimers:
        - {text: "Prices include VAT.", when: size(answer.money) > 0}
        - {text: "Subject to our terms", when: 'request.text.contains("contract")'}
  plain: {tenant: main, purpose: Talks., route: main, rules: [vat]}
"""


def folder(tmp_path: Path, text: str = BUNDLE) -> Path:
    (tmp_path / "freehold.yaml").write_text(text, "utf-8")
    return tmp_path


def run(at: Path, answer: str, app: str = "shop", *, stream: bool = False) -> Rehearsed:
    scene = Scene(app=app, answer=answer, stream=stream)
    return asyncio.run(rehearsal(described_bundle(at)).run(scene))


@pytest.mark.parametrize("stream", [False, True])
def test_an_answer_with_a_price_needs_its_words(tmp_path: Path, stream: bool) -> None:
    at = folder(tmp_path)
    assert run(at, "It costs $20.", stream=stream).outcome == "held"
    said = "It costs $20. **prices  include\nVAT.**"
    assert run(at, said, stream=stream).outcome == "allowed"
    assert run(at, "Hello there.", stream=stream).outcome == "allowed"
    assert run(at, "It costs $20.", "plain", stream=stream).outcome == "allowed"


def test_a_rule_by_sentence_waits_for_the_end(tmp_path: Path) -> None:
    text = BUNDLE.replace("do: [{require_approval: {role: editor}}]", "do: [{annotate: {tag: x}}]")
    at = folder(tmp_path, text.replace("phase: answer\n", "phase: answer\n    needs: sentence\n"))
    for said, fired in (("It costs $20. Prices include VAT.", False), ("It costs $20. Ok.", True)):
        assert (run(at, said, stream=True).fired() == {"vat"}) is fired


def test_competitors_are_observed(tmp_path: Path) -> None:
    told = run(folder(tmp_path), "Acme is fine.")
    assert (told.outcome, told.said) == ("allowed", "Acme is fine.")
    assert "voice.competitor" in told.explanation.as_text()


def test_a_condition_that_errs_counts_as_holding() -> None:
    declared = Disclaimers((Disclaimer(text="Words", when="answer.money[0].value > 1"),))
    assert declared.names == {"answer.money"}
    assert declared.missing({"answer.money": []}, ["No."]) == ["Words"]
    assert declared.missing({"answer.money": []}, ["WÖRDS are words"]) == []
    assert declared.missing({"answer.money": []}, ["words", "none"]) == ["Words"]


def test_plain_ignores_what_makes_no_difference() -> None:
    assert plain("  **Préces**\n`x`  __ÜBER__ ") == "preces x uber"


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("size(answer.money) > 0}", "size(answer.mony) > 0}", "unknown fact `answer.mony`"),
        ("size(answer.money) > 0}", "size(answer.missing_disclaimers) > 0}", "this condition"),
        ("when: size(answer.missing_disclaimers) > 0", 'when: "false"', "no rule asks"),
        ("[Acme]", '["--"]', "competitors"),
        ("[Acme]", '["A"]', "competitors"),
    ],
)
def test_check_names_mistakes(tmp_path: Path, old: str, new: str, said: str) -> None:
    report = check_bundle(folder(tmp_path, BUNDLE.replace(old, new)))
    assert any(said in str(problem) for problem in report.problems), report.problems
