"""A version of a custom model goes through the gate: asked, judged by the bundle's own controls."""

import asyncio
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace

from freehold.app.deployed import with_deployed
from freehold.app.rehearsal import rehearsal
from freehold.core.ask import Message
from freehold.core.cases import Case
from freehold.core.clock import SystemClock
from freehold.core.errors import AlteredModel, GateRefused, NotFound, TrainingError
from freehold.core.labels import Gold
from freehold.core.local import Known
from freehold.core.training import Example, Trained, TrainingJob
from freehold.learning.datasets import MemoryDataset, find
from freehold.learning.datasets.lineage import Draft
from freehold.learning.datasets.writing import Wanted, write
from freehold.learning.gate import Answer, right
from freehold.learning.registry import Registry, Version
from freehold.services.bundles import described_bundle
from freehold.services.deployment_checks import FREEHOLD
from freehold.services.deployment_checks import gated as gated_by
from freehold.services.explaining import formats
from freehold.services.gate import Gated, Gates
from freehold.services.gate_answers import Asked, _labels, messages_of
from freehold.services.gate_report import document
from freehold.services.regressions import Regressions
from freehold.services.rehearse import Rehearsal
from freehold.text.blocks import unpacked

BUNDLE = """\
freehold: 1
name: shops
identity: {attributes: {tier: {default: guest}}}
tenants: {chain: {}, north: {parent: chain}, south: {parent: chain}}
models: {rented: {base_url: "http://127.0.0.1:9/v1"}}
routes: {customer: {candidates: [rented]}}
apps:
  service: {tenant: chain, purpose: Answers, route: customer, rules: [no-refund, watched],
            settings: {require_identity: true}}
rules:
  no-refund:
    phase: answer
    when: answer.text.contains("refund") && principal.attributes.tier != "gold"
    do: [{block: {}}]
    public: Not here.
  watched:
    phase: answer
    mode: observe
    when: answer.chars > 3
    do: [{block: {}}]
  shut: {phase: request, when: "request.chars > 0", do: [{block: {}}], public: No.}
custom_models:
  answers:
    kind: responder
    owner: chain
    share: down
    learns_from: [service]
    routes: [customer]
    price: {output: 1000}
    gate: {accuracy: 0.8, examples: 12, slice_examples: 5, slices: [tenant]}
"""
ASKS = [f"what is the code of thing {word}" for word in "ash oak elm fir yew box bay fig".split()]
TRUTH = {ask: f"The code is {place}{place}." for place, ask in enumerate(ASKS, 1)}


def row(n: int, tenant: str = "north", **more: Any) -> Example:
    ask = ASKS[n % len(ASKS)]
    given = {"answer": TRUTH[ask], "rejected": "I do not know.", **more}
    return Example(
        id=f"case_{tenant}_{n}",
        messages=({"role": "user", "content": ask},),
        split="test",
        tenant=tenant,
        app="service",
        **given,
    )


def rows(north: int = 16, south: int = 0) -> list[Example]:
    return [row(n) for n in range(north)] + [row(n, "south") for n in range(south)]


_made: dict[str, Rehearsal] = {}


class Home:
    """A home with a registry, a dataset and what the ledger was told."""

    def __init__(self, folder: Path, examples: list[Example], bundle: str = BUNDLE) -> None:
        self.folder = folder
        (folder / "bundle").mkdir()
        (folder / "bundle" / "freehold.yaml").write_text(bundle, "utf-8")
        self.registry = Registry(folder / "custom")
        self.dataset = MemoryDataset("answers", examples, owner="chain")
        self.told: list[tuple[str, str, str, dict[str, Any]]] = []

    def log(self, kind: str, actor: str, subject: str, details: dict[str, Any], **_: object) -> str:
        self.told.append((kind, actor, subject, details))
        return "evt"

    def find(self, name: str) -> MemoryDataset:
        if name.partition("@")[0] == "answers":
            return self.dataset
        raise NotFound(name)

    def add(self, answers: dict[str, str], *, trained_on: MemoryDataset | None = None) -> str:
        out = self.folder / f"out{len(list(self.folder.glob('out*')))}"
        out.mkdir()
        lines = [json.dumps({"questions": [q], "answer": a}) for q, a in answers.items()]
        (out / "answers.jsonl").write_text("\n".join(lines) + "\n", "utf-8")
        trained = Trained(
            kind="responder",
            serving={"kind": "responder", "threshold": 0.9, "options": {}},
            file="answers.jsonl",
            files=("answers.jsonl",),
        )
        job = TrainingJob(model="answers", out=out, options={})
        taught = trained_on or MemoryDataset("answers", [], owner="chain")
        return self.registry.add(trained, job, taught).id

    def gates(self, find: Callable[[str], Any] | None = None) -> Gates:
        text = (self.folder / "bundle" / "freehold.yaml").read_text("utf-8")
        folder = self.folder / "bundle"
        if text not in _made:
            _made[text] = rehearsal(described_bundle(folder))
        found, bundle = find or self.find, _made[text].bundle

        def rehearse(live: Version | None) -> Rehearsal:
            if live is None:
                return _made[text]
            return rehearsal(with_deployed(self.folder, folder, live))

        return Gates(self.registry, bundle, found, rehearse, self.log, SystemClock())

    def judge(self, which: str, **more: Any) -> Gated:
        return asyncio.run(self.gates().judge(which, "terminal:ada", **more))


def test_a_good_version_passes_and_its_report_lies_beside_it(tmp_path: Path) -> None:
    home = Home(tmp_path, rows())
    version = home.add(TRUTH)
    gated = home.judge(version)
    assert gated.report.reasons == ()
    assert gated.report.passed
    assert gated.report.against == "recorded"
    assert gated.report.accuracy is not None
    assert gated.report.accuracy.value == 1.0
    assert gated.report.without_it is not None
    assert gated.report.without_it.value == 0.0, "the answers of that day were all corrected"
    assert gated.report.p95_ms is not None
    assert gated.report.p95_ms > 0
    assert gated.report.cost is not None
    assert gated.report.cost > 0
    kept = home.registry.verify(version).gate
    assert kept is not None
    assert kept["verdict"] == "passed"
    assert kept["dataset"]["digest"] == home.dataset.digest
    assert "code" not in json.dumps(kept), "nobody's words are in it"
    (kind, actor, subject, details) = home.told[-1]
    assert (kind, actor, subject) == ("gate.passed", "terminal:ada", version)
    assert details["missed"] == []
    fits = described_bundle(tmp_path / "bundle")
    custom = fits.bundle.custom_models["answers"]
    found = home.registry.find(version)
    assert gated_by(found, custom, FREEHOLD, fits, force=False) is False
    other = custom.model_copy(update={"gate": custom.gate.model_copy(update={"accuracy": 0.99})})
    with pytest.raises(GateRefused, match="asks something else of it now"):
        gated_by(found, other, FREEHOLD, fits, force=False)
    # what an older release could not ask yet counts as its default
    older = {name: said for name, said in kept["asked"].items() if name != "negative_flips"}
    home.registry.attach_gate(version, {**kept, "asked": older})
    assert gated_by(home.registry.find(version), custom, FREEHOLD, fits, force=False) is False
    home.registry.attach_gate(version, {**kept, "asked": {**older, "luck": 1}})
    with pytest.raises(GateRefused, match="asks something else of it now"):
        gated_by(home.registry.find(version), custom, FREEHOLD, fits, force=False)
    home.registry.attach_gate(version, kept)
    card = (home.registry.find(version).folder / "card.md").read_text("utf-8")
    assert "Verdict: **passed**" in card


def test_one_that_fails_one_store_is_refused_by_name(tmp_path: Path) -> None:
    """On average it is better: south has an answer of its own, which is right today."""
    south = [row(n, "south", answer="Ask at the desk.", rejected="") for n in range(8)]
    home = Home(tmp_path, [*rows(32), *south])
    version = home.add(TRUTH)
    gated = home.judge(version)
    assert gated.report.difference is not None
    assert gated.report.difference.value > 0.5
    assert gated.report.verdict == "refused"
    assert gated.report.reasons == ("tenant south gets worse by 100.0% (100.0% to 0.0% of 8)",)
    assert home.told[-1][0] == "gate.refused"
    assert home.told[-1][3]["missed"] == ["worst_slice"]
    told = document(gated)
    assert "tenant south" in formats.text(told)
    page = formats.html(told)
    assert "REFUSED" in page
    assert "<script" not in page


def test_rules_of_the_bundle_judge_its_answers(tmp_path: Path) -> None:
    home = Home(tmp_path, rows())
    answers = dict(TRUTH)
    answers[ASKS[0]] = "You get a refund."
    gated = home.judge(home.add(answers))
    (reason,) = [one for one in gated.report.reasons if "break" in one]
    assert reason.startswith(
        "2 of its 16 answers that controls saw break what today's keep: no-refund (2)"
    )
    assert "watched" not in gated.report.broken, "a rule that observes refuses nothing"
    # of whom rules let it pass, they let it pass here
    gold = {"principal.attributes.tier": "gold", "principal.verified": True}
    home.dataset = MemoryDataset("answers", [row(n, facts=gold) for n in range(16)], owner="chain")
    again = home.judge("answers")
    assert again.report.broken == {}
    # and where today's answer breaks it too, nothing is new
    home.dataset = MemoryDataset(
        "answers", [row(n, rejected="A refund for you.") for n in range(16)], owner="chain"
    )
    assert home.judge("answers").report.broken == {}


def test_what_it_learned_from_is_no_examination(tmp_path: Path) -> None:
    examples = rows()
    home = Home(tmp_path, examples)
    seen = [Example(id=one.id, messages=one.messages, split="train") for one in examples[:6]]
    version = home.add(TRUTH, trained_on=MemoryDataset("answers", seen, owner="chain"))
    gated = home.judge(version)
    assert gated.report.examples == 10
    assert gated.report.set_aside == {"it learned from it": 6}
    assert gated.report.reasons == ("10 held-out examples can be judged, 12 are asked",)


def test_it_is_held_against_another_version(tmp_path: Path) -> None:
    home = Home(tmp_path, rows())
    home.add(TRUTH)
    half = {ask: answer for n, (ask, answer) in enumerate(TRUTH.items()) if n % 2}
    home.add(half)
    gated = home.judge("answers", against="v1")
    assert gated.report.against.startswith("answers@v1-")
    assert gated.report.difference is not None
    # where it abstains, the version of today is asked: what is already live falls away with it
    assert gated.report.difference.value == 0
    assert gated.report.coverage is not None
    assert gated.report.coverage.value == 0.5
    wrong = dict.fromkeys(TRUTH, "The code is 0.")
    home.add(wrong)
    worse = home.judge("answers", against="answers@v1")
    assert {one.way for one in worse.report.changed} == {"worse"}
    assert not worse.report.passed


def test_past_incidents_are_asked_again(tmp_path: Path) -> None:
    home = Home(tmp_path, rows())
    clock = SystemClock()
    drafts = [Draft(row=one, source="label", by=("ada",)) for one in rows()]
    write(tmp_path, Wanted(name="answers", owner="chain"), drafts, clock)
    sets = Regressions(tmp_path, home.registry, home.log, clock)
    assert sets.of("answers") is None
    made = sets.remember("answers", "answers", ["case_north_0", "case_north_1"], "terminal:ada")
    assert made.name == "answers-regressions"
    sets.remember("answers", "answers", ["case_north_3"], "terminal:ada")
    grown = sets.of("answers")
    assert grown is not None
    assert sorted(one.id for one in grown.rows("test")) == [
        "case_north_0", "case_north_1", "case_north_3",
    ]  # fmt: skip
    assert home.told[-1][0] == "regressions.grown"
    with pytest.raises(NotFound, match="no row of 'case_x'"):
        sets.remember("answers", "answers", ["case_x"], "terminal:ada")

    def both(name: str) -> Any:
        return home.dataset if name.startswith("answers@") else find(tmp_path, name)

    answers = {**TRUTH, ASKS[3]: "The code is 0."}
    home.add(answers)
    gated = asyncio.run(home.gates(both).judge("answers", "terminal:ada"))
    (reason,) = gated.report.reasons
    assert reason.startswith("66.7% of 3 past incidents are right")
    # what it got worse is remembered at a word
    home.dataset = MemoryDataset("answers", [row(n, rejected="") for n in range(16)], owner="chain")
    asyncio.run(home.gates(both).judge("answers", "terminal:ada"))
    report = home.registry.find("answers").gate
    assert report is not None
    worse = {one["id"] for one in report["changed"] if one["part"] == "held_out"}
    assert worse == {"case_north_3", "case_north_11"}


def test_worse_ones_become_incidents(tmp_path: Path) -> None:
    home = Home(tmp_path, [])
    clock = SystemClock()
    drafts = [Draft(row=row(n, rejected=""), source="label", wanted="test") for n in range(16)]
    made = write(tmp_path, Wanted(name="answers", owner="chain"), drafts, clock)

    def kept(name: str) -> Any:
        return find(tmp_path, name)

    version = home.add({**TRUTH, ASKS[3]: "The code is 0."}, trained_on=None)
    gates = home.gates(kept)
    asyncio.run(gates.judge(version, "terminal:ada", dataset=f"answers@{made.digest}"))
    sets = Regressions(tmp_path, home.registry, home.log, clock)
    grown = sets.remember_worse(version, "terminal:ada")
    assert grown is not None
    assert sorted(one.id for one in grown.rows("test")) == ["case_north_11", "case_north_3"]
    fine = home.add(TRUTH)
    with pytest.raises(NotFound, match="has not been through the gate"):
        sets.remember_worse(fine, "terminal:ada")
    asyncio.run(gates.judge(fine, "terminal:ada", dataset="answers"))
    assert sets.remember_worse(fine, "terminal:ada") is None


def test_incidents_become_part_of_the_set(tmp_path: Path) -> None:
    clock = SystemClock()
    drafts = [Draft(row=row(n), source="label") for n in range(6)]
    write(tmp_path, Wanted(name="answers", owner="chain"), drafts, clock)
    told: list[str] = []
    sets = Regressions(
        tmp_path,
        Registry(tmp_path / "custom"),
        lambda kind, *_, **__: told.append(kind) or "",
        clock,
    )
    reasons = {
        "case_north_1": ("human:desk",),
        "case_north_2": ("low_confidence:0.3", "feedback:incident"),
        "case_north_3": ("feedback:helpful",),
        "case_north_0": ("feedback:helpful", "incident:v1-00000001"),
    }

    class Book:
        def find(self, case_id: str) -> Case | None:
            if case_id not in reasons:
                return None
            return Case(
                case_id=case_id, exchange_id="e", conversation="c", owner="chain", tenant="north",
                app="service", route="customer", reasons=reasons[case_id],
            )  # fmt: skip

    gold = [
        Gold(case_id="case_north_4", queue="q", settled="adjudicated"),
        Gold(case_id="case_north_5", queue="q", settled="agreed"),
        Gold(case_id="case_elsewhere", queue="q", settled="adjudicated"),
    ]
    book: Any = Book()
    made = sets.remember_incidents("answers", "answers", gold, book, "terminal:ada")
    assert made is not None
    assert [one.id for one in made.rows("test")] == [
        "case_north_0", "case_north_1", "case_north_2", "case_north_4",
    ]  # fmt: skip
    assert sets.remember_incidents("answers", "answers", gold, book, "terminal:ada") is None
    assert told == ["regressions.grown"]


def test_what_can_not_be_judged_says_why(tmp_path: Path) -> None:
    home = Home(tmp_path, rows())
    with pytest.raises(NotFound, match="no version of answers"):
        home.judge("answers")
    version = home.add(TRUTH)
    folder = home.registry.find(version).folder
    (folder / "answers.jsonl").write_text('{"questions": ["x"], "answer": "y"}\n')
    with pytest.raises(AlteredModel, match="was altered"):
        home.judge(version)
    other = Home(tmp_path / "other", rows()) if (tmp_path / "other").mkdir() is None else home
    (other.folder / "bundle" / "freehold.yaml").write_text(
        BUNDLE.partition("custom_models")[0], "utf-8"
    )
    other.add(TRUTH)
    with pytest.raises(NotFound, match=r"no custom model .answers."):
        other.judge("answers")


def test_a_version_whose_files_serve_nobody(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    home = Home(tmp_path, rows())
    out = tmp_path / "broken"
    out.mkdir()
    (out / "answers.jsonl").write_text('{"questions": [], "answer": "y"}\n')
    trained = Trained(
        kind="responder", serving={"kind": "responder"}, file="answers.jsonl",
        files=("answers.jsonl",),
    )  # fmt: skip
    home.registry.add(trained, TrainingJob(model="answers", out=out, options={}), home.dataset)
    with pytest.raises(TrainingError, match="can't be served: line 1"):
        home.judge("answers")
    # where it is the live one, the next is not kept out by that
    broken = home.registry.find("answers")
    home.add(TRUTH)
    gates = home.gates()
    monkeypatch.setattr(gates, "_today", lambda *_: broken)
    report = asyncio.run(gates.judge("answers@v2", "terminal:ada")).report
    assert (report.passed, report.against) == (True, "recorded")
    assert report.notes[0].startswith("the live version is not compared with: answers@v1-")
    with pytest.raises(TrainingError, match="can't be served: line 1"):
        asyncio.run(gates.judge("answers@v2", "terminal:ada", against="v1"))


@pytest.mark.parametrize("app", ["", "old"])
def test_rows_of_no_app_are_judged_where_the_model_would_be_heard(tmp_path: Path, app: str) -> None:
    """Imported rows name no app, or one that is gone: the controls of the model's routes hold."""
    home = Home(tmp_path, [replace(one, app=app) for one in rows()])
    home.add({**TRUTH, ASKS[0]: "You get a refund."})
    report = home.judge("answers").report
    (reason,) = [one for one in report.reasons if "break" in one]
    assert reason.startswith("2 of its 16 answers that controls saw break what today's keep: no-re")
    (note,) = report.notes
    assert note.startswith("16 examples are of no app that takes the model's routes; ")
    assert note.endswith("judge them: service")


def test_what_no_control_saw_is_no_rule_kept(tmp_path: Path) -> None:
    alone = BUNDLE.replace("routes: [customer]", "routes: []")
    home = Home(tmp_path, [replace(one, app="") for one in rows()], alone)
    gated = home.judge(home.add(TRUTH))
    (reason,) = gated.report.reasons
    assert "no control saw 16 more" in reason
    assert "`freehold dataset import --app`" in reason
    (rules,) = [one for one in gated.report.criteria if one.name == "new_violations"]
    assert (rules.measured, rules.met) == (None, False)


def test_requests_that_never_get_to_a_model(tmp_path: Path) -> None:
    shut = BUNDLE.replace("[no-refund, watched]", "[shut, no-refund]")
    home = Home(tmp_path, rows(), shut)
    gated = home.judge(home.add(TRUTH))
    (reason,) = gated.report.reasons
    assert "every request was refused before any model is asked" in reason
    assert gated.report.notes == (
        "16 examples are refused before any model is asked (shut 16), so no control saw the answer",
    )
    custom = home.folder / "bundle" / "freehold.yaml"
    custom.write_text(shut.replace("gate: {", "gate: {new_violations: null, "), "utf-8")
    assert home.judge("answers").report.passed, "the bundle says by name that nobody asks"


def test_context_of_a_row_counts_though_no_fact_says_to_whom_it_was_bound(tmp_path: Path) -> None:
    """Else a rule that wants the context refuses each request, and no control sees an answer."""
    text = BUNDLE.replace("{tier: {default: guest}}", "{tier: {default: guest}, customer: {}}")
    text = text.replace("rules: [no-refund, watched]", "rules: [own, no-refund], sources: [orders]")
    text += """\
sources:
  orders: {type: sql, url: "sqlite:o.db", query: "SELECT :c AS c",
           bind: {c: principal.attributes.customer}}
"""
    text = text.replace(
        "  shut: {",
        "  own: {phase: request, when: '!(\"orders\" in context.sources)', do: [{block: {}}],"
        " public: No.}\n  shut: {",
    )
    piece = {"source": "orders", "text": '{"id": 1}', "trusted": True}
    some = [row(n, pieces=(piece,)) for n in range(14)]
    home = Home(tmp_path, [*some, *[row(n, "south") for n in range(2)]], text)
    report = home.judge(home.add({**TRUTH, ASKS[5]: "You get a refund."})).report
    assert report.notes == (
        "2 examples are refused before any model is asked (own 2), so no control saw the answer",
    )
    assert any(one.startswith("2 of its 14 answers") for one in report.reasons)


def test_context_is_shown_as_the_gateway_shows_it() -> None:
    piece = {"source": "orders", "text": '{"id": 1}', "trusted": True}
    example = Example(
        id="c", messages=({"role": "user", "content": "where is it"},), pieces=(piece,)
    )
    system, asked = messages_of(example, whole=True)
    assert list(unpacked(system.content)) == [piece]
    assert asked.content == "where is it"
    assert messages_of(example, whole=False) == [asked]
    shown = Example(
        id="c",
        messages=({"role": "system", "content": system.content}, *example.messages),
        pieces=(piece,),
    )
    assert messages_of(shown, whole=True) == [system, asked]


def test_a_classifier_is_judged_by_its_classes(tmp_path: Path) -> None:
    """Also where the bundle gives its classes texts; rows may have answers besides."""

    class Model:
        version, quick = "1", True

        def answer(self, messages: list[Message]) -> Known:
            text = messages[-1].content
            if "nothing" in text:
                return Known(text="Somebody will read it.", confidence=900_000)
            sure = 100_000 if "doubt" in text else 900_000
            return Known(text="To the code desk.", confidence=sure)

    custom = described_bundle(Home(tmp_path, []).folder / "bundle").bundle.custom_models["answers"]
    labels = _labels(
        "classifier",
        {"answers": {"code": "To the code desk."}, "otherwise": "Somebody will read it."},
    )
    asked = Asked(Model(), 500_000, labels, custom, SystemClock())

    def said(text: str) -> Answer:
        return asked.answer(Example(id="x", messages=({"role": "user", "content": text},)))

    assert (said("a").label, said("nothing").label) == ("code", "none")
    assert said("doubt").abstained
    assert right(row(1, label="code"), said("a"), "label") is True
    assert right(row(1, label="none"), said("nothing"), "label") is True
    assert _labels("responder", {"answers": {"a": "b"}}) == {}
