"""What is written later is kept as the tenant says: whole, redacted, or not at all."""

from textwrap import dedent

import pytest

from freehold.bundle.check import check
from freehold.bundle.resolve import ResolvedBundle, resolve
from freehold.core.cases import Case
from freehold.core.errors import RequestError
from freehold.core.spec import AppSpec
from freehold.core.training import Example
from freehold.services.later_words import LaterWords
from freehold.stages.governance.keeping import UNREAD
from tests.bundle.samples import write
from tests.services.made_labels import masked

SAID = "Mail jane@example.com."
BUNDLE = """\
    freehold: 1
    name: words
    tenants:
      chain: {settings: {content: full}}
      north: {parent: chain, settings: {content: redacted}}
      south: {parent: chain, settings: {content: none}}
    models:
      small: {base_url: "http://127.0.0.1:9/v1"}
    routes:
      main: {candidates: [small]}
    apps:
      desk: {tenant: chain, purpose: Is tested, route: main}
      strict: {tenant: chain, purpose: Is tested, route: main, capture: {content: redacted}}
"""


@pytest.fixture(scope="module")
def bundle(tmp_path_factory: pytest.TempPathFactory) -> ResolvedBundle:
    folder = tmp_path_factory.mktemp("words")
    report = check(write(folder, {"freehold.yaml": dedent(BUNDLE)}))
    assert report.bundle is not None, report.problems
    return resolve(report.bundle, report.hash, lookup={}.get)


def case_of(tenant: str, app: str) -> Case:
    names = {"case_id": "c", "exchange_id": "x", "conversation": "", "route": "main"}
    return Case(owner="chain", tenant=tenant, app=app, reasons=(), **names)


@pytest.mark.parametrize(
    ("tenant", "app", "kept"),
    [
        ("chain", "desk", SAID),
        ("north", "desk", "Mail [email]."),
        ("chain", "strict", "Mail [email]."),
        ("south", "desk", None),
    ],
)
def test_a_case_and_a_row_follow_the_same_rule(
    bundle: ResolvedBundle, tenant: str, app: str, kept: str | None
) -> None:
    words = LaterWords(lambda: bundle, masked)
    fit = words.of_case(case_of(tenant, app))
    row = Example(id="", messages=({"role": "user", "content": SAID},), tenant=tenant, app=app)
    assert fit("") == ""
    if kept is None:
        with pytest.raises(RequestError, match="keeps no texts"):
            fit(SAID)
        with pytest.raises(RequestError, match="keeps no texts"):
            words.row(row, "chain")
        return
    assert fit(SAID) == kept
    assert words.row(row, "chain").messages == ({"role": "user", "content": kept},)


def test_every_text_of_a_row_is_held_to_it_and_no_name(bundle: ResolvedBundle) -> None:
    words = LaterWords(lambda: bundle, masked)
    piece = {"source": "jane@example.com", "text": SAID, "rows": 1}
    row = Example(
        id="", messages=({"role": "user", "content": [{"type": "text", "text": SAID}]},),
        tenant="of another bundle", answer=SAID, rejected=SAID, pieces=(piece,),
        facts={"mail": SAID, "many": [SAID], "count": 2}, label="jane",
    )  # fmt: skip
    kept = words.row(row, "north")
    said = "Mail [email]."
    assert kept.messages == ({"role": "user", "content": [{"type": "text", "text": said}]},)
    assert (kept.answer, kept.rejected, kept.label) == (said, said, "jane")
    assert kept.pieces == (piece | {"text": said},)
    assert kept.facts == {"mail": said, "many": [said], "count": 2}


def test_what_a_slow_detector_has_not_read_is_refused_not_lost(bundle: ResolvedBundle) -> None:
    def unread(app: AppSpec, text: str) -> str:
        return UNREAD

    fit = LaterWords(lambda: bundle, unread).of_case(case_of("north", "desk"))
    with pytest.raises(RequestError, match="takes its time"):
        fit(SAID)
