"""Custom models in the bundle: what each section must say, and what a deployed version changes."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from freehold.bundle.check import Report, check
from freehold.bundle.deployed import laid_over, text_of
from freehold.bundle.kept import keep, load_kept_files
from freehold.bundle.problems import Problems
from freehold.bundle.resolve import ResolvedBundle, resolve
from freehold.bundle.snapshot import read_folder
from freehold.core.errors import AlteredModel

BUNDLE = """\
freehold: 1
name: shops
tenants:
  chain: {}
  north: {parent: chain}
  "7": {parent: north}
models:
  rented: {base_url: "http://127.0.0.1:1/v1"}
  other: {base_url: "http://127.0.0.1:1/v1"}
routes:
  customer: {candidates: [rented, other], max_attempts: 2ROUTE}
apps:
  service: {tenant: north, purpose: Answers, route: customer, aliases: {best: answers}}
custom_models:
  answers:
    kind: responder
    owner: chain
    share: down
    learns_from: [service]
    routes: [customer]
    deploy: {shadow: 0.5, stages: [0.1, 0.5, 1.0], approval: model-owner}
MORE
"""


def served(number: int = 1) -> dict[str, Any]:
    version = f"v{number}-0000000{number}"
    return {
        "version": version,
        "digest": "sha256:00",
        "kind": "responder",
        "file": f"deployed/answers/{version}/answers.jsonl",
        "threshold": 0.6,
        "options": {},
    }


class Laid:
    """What is deployed."""

    left_out: Mapping[str, str] = {}

    def __init__(self, deployments: dict[str, Any], fails: str = "") -> None:
        self.deployments = deployments
        self.fails = fails

    def stamp(self) -> object:
        return str(self.deployments)

    def files(self) -> Mapping[str, bytes]:
        if self.fails:
            raise AlteredModel(self.fails)
        line = b'{"questions": ["a"], "answer": "b"}\n'
        names = [
            one["file"]
            for standing in self.deployments.values()
            for one in (standing.get("live"), standing.get("trial"))
            if one
        ]
        return {"deployments.yaml": text_of(self.deployments), **dict.fromkeys(names, line)}


def written(folder: Path, *, route: str = "", more: str = "") -> Path:
    text = BUNDLE.replace("ROUTE", route).replace("MORE", more)
    (folder / "bundle.yaml").write_text(text, "utf-8")
    return folder


def codes(report: Report) -> list[str]:
    return [problem.code for problem in report.errors]


def resolved(report: Report, files: Mapping[str, bytes]) -> ResolvedBundle:
    assert report.bundle is not None, "\n".join(map(str, report.problems))
    return resolve(report.bundle, report.hash, lookup={}.get, files=files)


def test_a_custom_model_that_is_not_deployed_changes_nothing(tmp_path: Path) -> None:
    report = check(written(tmp_path))
    bundle = resolved(report, {})
    assert not report.problems
    app = bundle.app_for("north", "service")
    assert app.route.candidates == ("rented", "other")
    assert app.aliases == {}, "an alias of a model that is not there yet is no alias"
    why = "no version of the custom model `answers` is live"
    assert app.waiting == {"answers": why, "best": why}


def test_who_looks_at_deployments_is_told_what_waits_for_one(tmp_path: Path) -> None:
    rules = """, rules: [{id: own, when: "true", only: [answers]},
    {id: any, when: "true", only: [answers, rented]}]"""
    laid = Laid({"answers": {"trial": served(), "state": "shadow"}})
    report = check(written(tmp_path, route=rules), overlay=laid)
    assert report.ok
    alias, rule = sorted(report.warnings, key=lambda problem: problem.path)
    assert (alias.code, alias.path) == ("custom.waiting", "apps.service.aliases.best")
    assert "is live, and one is in the shadow: until one is, who asks for `best`" in str(alias)
    assert rule.path == "routes.customer.rules[0].only"
    assert "what rule `own` holds for is refused" in str(rule)
    live = Laid({"answers": {"live": served()}})
    assert not check(tmp_path, overlay=live).problems


def test_a_custom_model_is_nobodys_candidate(tmp_path: Path) -> None:
    """It has its place already, and would be missing there until a version is live."""
    written(tmp_path)
    text = (tmp_path / "bundle.yaml").read_text()
    (tmp_path / "bundle.yaml").write_text(text.replace("[rented, other]", "[answers, rented]"))
    (problem,) = check(tmp_path).errors
    assert problem.code == "ref.model"
    assert "stands before all candidates of `customer` once it is live" in str(problem)


def test_a_live_version_stands_before_all_candidates(tmp_path: Path) -> None:
    laid = Laid({"answers": {"live": served()}})
    report = check(written(tmp_path), overlay=laid)
    bundle = resolved(report, laid.files())
    app = bundle.app_for("7", "service")
    assert app.route.candidates == ("answers", "rented", "other")
    assert app.route.max_attempts == 3, "an abstention takes no attempt from the others"
    model = app.models["answers"]
    assert (model.version, model.provider) == ("v1-00000001", "local")
    assert model.local is not None
    assert model.local.threshold == 600_000
    assert bundle.model_files[model.local.digest] == b'{"questions": ["a"], "answer": "b"}\n'
    assert app.aliases == {"best": "answers"}


@pytest.mark.parametrize(
    ("prefers", "first"),
    [("other", ("answers", "other")), ("other, answers", ("other", "answers"))],
)
def test_what_a_rule_prefers_comes_after_own_models_unless_it_names_them(
    tmp_path: Path, prefers: str, first: tuple[str, ...]
) -> None:
    laid = Laid({"answers": {"live": served(1), "trial": served(2), "state": "canary"}})
    rule = f'{{id: short, when: "true", prefer: [{prefers}], why: Cheap.}}'
    report = check(written(tmp_path, route=f", rules: [{rule}]"), overlay=laid)
    route = resolved(report, laid.files()).app_for("north", "service").route
    assert route.rules[0].prefer == first
    assert route.rules[0].why.endswith("Cheap.")
    assert ("before all others: answers" in route.rules[0].why) == (first[0] == "answers")
    assert route.canary is not None
    assert route.canary.own


@pytest.mark.parametrize("state", ["shadow", "canary"])
def test_a_version_on_trial_stands_beside_the_one_that_is_live(tmp_path: Path, state: str) -> None:
    laid = Laid({"answers": {"live": served(1), "trial": served(2), "state": state}})
    rule = '{id: r, when: "true", exclude: [answers]}'
    report = check(written(tmp_path, route=f", rules: [{rule}]"), overlay=laid)
    app = resolved(report, laid.files()).app_for("north", "service")
    assert app.route.candidates[0] == "answers"
    trial = app.route.shadow if state == "shadow" else app.route.canary
    assert trial is not None
    assert trial.model == "answers@v2-00000002"
    assert app.models[trial.model].version == "v2-00000002"
    assert app.route.rules[0].exclude == {"answers", "answers@v2-00000002"}
    if app.route.canary is not None:
        assert app.route.canary.stages == (100_000, 500_000), "a stage of 1 is the promotion"


def test_only_those_with_whom_the_owner_shares_it_get_it(tmp_path: Path) -> None:
    laid = Laid({"answers": {"live": served(1), "trial": served(2), "state": "canary"}})
    text = BUNDLE.replace("ROUTE", "").replace("MORE", "")
    text = text.replace("owner: chain\n    share: down", "owner: north\n    share: none")
    (tmp_path / "bundle.yaml").write_text(text)
    bundle = resolved(check(tmp_path, overlay=laid), laid.files())
    assert bundle.app_for("north", "service").route.candidates[0] == "answers"
    store = bundle.app_for("7", "service")
    assert store.route.candidates == ("rented", "other")
    assert store.route.canary is None
    assert "answers@v2-00000002" not in store.models


def test_a_tenant_that_names_its_models_may_leave_it_out(tmp_path: Path) -> None:
    laid = Laid({"answers": {"live": served(1), "trial": served(2), "state": "canary"}})
    text = BUNDLE.replace("ROUTE", "").replace("MORE", "")
    with_it = '"7": {parent: north, settings: {models: [rented, answers]}}'
    (tmp_path / "bundle.yaml").write_text(text.replace('"7": {parent: north}', with_it))
    bundle = resolved(check(tmp_path, overlay=laid), laid.files())
    assert bundle.app_for("7", "service").route.candidates == ("answers", "rented")
    assert bundle.app_for("7", "service").route.canary is not None
    (tmp_path / "bundle.yaml").write_text(
        text.replace('"7": {parent: north}', with_it.replace(", answers", ""))
    )
    bundle = resolved(check(tmp_path, overlay=laid), laid.files())
    assert bundle.app_for("7", "service").route.candidates == ("rented",)
    assert bundle.app_for("7", "service").route.canary is None


@pytest.mark.parametrize(
    ("before", "after", "code"),
    [
        ("owner: chain", "owner: nobody", "ref.tenant"),
        ("owner: chain", 'owner: "7"', "custom.owner"),
        ("learns_from: [service]", "learns_from: [nothing]", "ref.app"),
        ("routes: [customer]", "routes: [nowhere]", "ref.route"),
        ("share: down", "share: none", "custom.share"),
        ("share: down", "queue: nobody", "ref.queue"),
        ("  answers:\n", "  rented:\n", "custom.name"),
        ("stages: [0.1, 0.5, 1.0]", "stages: [0.5, 0.1]", "shape.value"),
        ("kind: responder", "kind: responder\n    gate: {acuracy: 1}", "shape.unknown-key"),
    ],
)
def test_what_can_not_be_is_said(tmp_path: Path, before: str, after: str, code: str) -> None:
    text = BUNDLE.replace("ROUTE", "").replace("MORE", "")
    assert before in text
    (tmp_path / "bundle.yaml").write_text(text.replace(before, after))
    assert code in codes(check(tmp_path))


def test_the_kind_and_its_options_are_asked_of_the_trainer(tmp_path: Path) -> None:
    asked = []

    def inspect(kind: str, options: Mapping[str, Any], base: str) -> str:
        asked.append((kind, dict(options), base))
        return "no such option"

    report = check(written(tmp_path), inspect_trainer=inspect)
    assert asked == [("responder", {}, "")]
    assert codes(report) == ["custom.kind"]


@pytest.mark.parametrize(
    "path", ["deployments.yaml", "deployments.yml", "deployed/answers/a.jsonl"]
)
def test_a_persons_folder_says_nothing_of_deployments(tmp_path: Path, path: str) -> None:
    written(tmp_path)
    (tmp_path / path).parent.mkdir(exist_ok=True, parents=True)
    (tmp_path / path).write_bytes(text_of({"answers": {"live": served()}}))
    laid = Laid({"answers": {"live": served(2)}})
    for report in (check(tmp_path), check(tmp_path, overlay=laid)):
        assert "custom.reserved" in codes(report)


def test_nor_does_a_section_in_another_file(tmp_path: Path) -> None:
    report = check(written(tmp_path, more="deployments: {}"))
    assert codes(report) == ["custom.reserved"]


@pytest.mark.parametrize("state", ["shadow", "canary"])
def test_a_place_that_is_taken_is_named(tmp_path: Path, state: str) -> None:
    laid = Laid({"answers": {"trial": served(2), "state": state}})
    report = check(_with_own(tmp_path, state), overlay=laid)
    assert codes(report) == ["custom.place"]
    assert f"has a {state} already: `third`" in str(report.errors[0])


def _with_own(folder: Path, state: str) -> Path:
    text = BUNDLE.replace("ROUTE", f", {state}: {{model: third}}").replace("MORE", "")
    third = 'models:\n  third: {base_url: "http://127.0.0.1:1/v1"}\n'
    (folder / "bundle.yaml").write_text(text.replace("models:\n", third, 1))
    return folder


def test_two_custom_models_are_not_tried_on_one_route(tmp_path: Path) -> None:
    second = """\
  triage: {kind: classifier, owner: chain, share: down, routes: [customer]}
"""
    laid = Laid({n: {"trial": served(2), "state": "canary"} for n in ("answers", "triage")})
    assert codes(check(written(tmp_path, more=second), overlay=laid)) == ["custom.place"]
    laid = Laid({n: {"live": served(2)} for n in ("triage", "answers")})
    report = check(written(tmp_path, more=second), overlay=laid)
    app = resolved(report, laid.files()).app_for("north", "service")
    assert app.route.candidates == ("answers", "triage", "rented", "other"), "as they are written"
    assert app.route.max_attempts == 4


def test_what_is_deployed_and_not_declared_answers_nobody(tmp_path: Path) -> None:
    laid = Laid({"gone": {"live": served()}})
    report = check(written(tmp_path), overlay=laid)
    assert {problem.code for problem in report.problems} == {"custom.undeclared", "custom.waiting"}
    assert "gone" not in resolved(report, laid.files()).models


def test_a_cascade_keeps_its_small_model_and_its_steps(tmp_path: Path) -> None:
    laid = Laid({"answers": {"live": served()}})
    folder = written(tmp_path, route=", cascade: {escalate_below: 0.5}")
    app = resolved(check(folder, overlay=laid), laid.files()).app_for("north", "service")
    assert app.route.cascade is not None
    assert app.route.cascade.models == {"answers", "rented"}
    assert app.route.cascade.steps == 2


def test_a_file_that_can_not_be_served_refuses_the_bundle(tmp_path: Path) -> None:
    laid = Laid({"answers": {"live": served()}})
    report = check(
        written(tmp_path), overlay=laid, inspect_model=lambda _local, _files: "it has no answer"
    )
    assert codes(report) == ["custom.file"]


def test_a_kept_copy_is_the_bundle_with_what_was_deployed(tmp_path: Path) -> None:
    folder = tmp_path / "bundle"
    folder.mkdir()
    written(folder)
    laid = Laid({"answers": {"live": served()}})
    snapshot = laid_over(read_folder(folder, Problems()), laid.files())
    keep(snapshot, tmp_path)
    bundle, files = load_kept_files(tmp_path, snapshot.hash)
    assert bundle.routes["customer"].candidates == ["answers", "rented", "other"]
    assert snapshot.hash != read_folder(folder, Problems()).hash
    again = resolve(bundle, snapshot.hash, lookup={}.get, files=files)
    assert again.app_for("north", "service").models["answers"].version == "v1-00000001"
