"""Whose labels a dataset is built from, where nobody names a queue."""

from pathlib import Path

import pytest

from freehold.services.dataset_plans import plan_from, plan_of
from tests.services.made_labels import bundle_with

BUNDLE = """\
    queues:
      answers: {apps: [service]}
      intents: {apps: [service], ask: [intent], classes: [refund, delivery]}
      both: {apps: [service], ask: [answer, intent], classes: [refund, delivery]}
    custom_models:
      triage: {kind: classifier, owner: chain, learns_from: [service]}
      talk: {kind: responder, owner: chain, learns_from: [service]}
      prose: {kind: causal-lm, owner: chain, learns_from: [service], base: /a/base}
      named: {kind: responder, owner: chain, learns_from: [service], queue: answers}
      nobody: {kind: responder, owner: chain}
"""


@pytest.mark.parametrize(
    ("model", "queues"),
    [
        ("triage", ("both", "intents")),
        ("talk", ("answers", "both")),
        ("prose", ("answers", "both")),
        ("named", ("answers",)),
    ],
)
def test_the_queues_of_its_apps_that_ask_for_what_it_learns(
    tmp_path: Path, model: str, queues: tuple[str, ...]
) -> None:
    plan = plan_of(bundle_with(tmp_path, BUNDLE), model)
    assert plan.queues == queues


def test_a_dataset_of_an_app_has_what_all_its_queues_say(tmp_path: Path) -> None:
    bundle = bundle_with(tmp_path, BUNDLE)
    assert plan_from(bundle, "d", "chain", apps=("service",)).queues == (
        "answers",
        "both",
        "intents",
    )
    chosen = plan_from(bundle, "d", "chain", apps=("service",), queues=("answers",))
    assert chosen.queues == ("answers",)
