"""Each outcome told to the person and to the officer: every sentence must be true of the record."""

from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace

from freehold.core.basis import Basis
from freehold.core.decisions import Decision
from freehold.core.errors import (
    Abstained,
    FreeholdError,
    GovernanceRefusal,
    PolicyRefusal,
    ProviderUnavailable,
)
from freehold.core.trail import Call, CalledTool, Firing, Trail
from freehold.ledger.record import Record
from freehold.services.explaining import Document, prov, told_to
from tests.audit_samples import answered, exchange
from tests.services.explaining import made

GOLDEN = Path(__file__).parent / "golden" / "outcomes"
OFFICERS = (
    "Decision", "Procedure and principles applied", "Decisions of controls",
    "What the caller was told", "Human involvement",
)  # fmt: skip
COVERED = Decision(
    stage="governance", outcome="transform", rule="pii.email",
    why="email address replaced by a placeholder: large is not cleared for pii",
    evidence=("packed:1[11:30]",),
)  # fmt: skip
PUT_BACK = Decision(
    stage="governance", outcome="allow", rule="placeholders",
    why="1 placeholders stand for the recipient's own values, put back",
)  # fmt: skip
TAKEN_OUT = Decision(
    stage="governance", outcome="transform", rule="pii.card",
    why="taken out: neither the sender's own nor from this request's context (card, 1 in the"
    " answer)", evidence=("answer[3:22] card 1000000",),
)  # fmt: skip
UNSEEN = Decision(
    stage="governance", outcome="transform", rule="hidden.unicode",
    why="characters that nobody sees were taken out of the answer (2 zero-width)",
)  # fmt: skip
FAILED = {"error": "model large: no connection", "error_kind": "unreachable", "first_ns": None}


def record(
    outcome: Any,
    *decisions: Decision,
    call: dict[str, Any] | None = None,
    failure: FreeholdError | None = None,
    rule: tuple[str, str] | None = None,
    opens: bool = True,
    released: bool = True,
    prepare: Any = None,
) -> Record:
    """An exchange with one call; ``rule`` is the phase and the obligation of one that fired."""
    trail, ruled, one = exchange(made.EXCHANGE)
    trail.decisions = list(decisions)
    if rule is not None:
        phase, obligation = rule
        trail.firings.append(
            Firing(rule="house", version=1, phase=phase, fired=True, mode="enforce",
                   obligations=(obligation,))
        )  # fmt: skip
    answered(trail)
    if call is not None:
        for name, value in call.items():
            setattr(trail.calls[-1], name, value)
    if not released:
        trail.released.clear()
    trail.failure = failure
    if prepare is not None:
        prepare(trail)
    writer, memory = made.audit()
    if opens:
        writer.opened(ruled, trail)
    writer.closed(one, trail, outcome)
    return made.record_of(memory, outcome)


def changed(obligation: str, public: str = "") -> Decision:
    return Decision(
        stage="policy", outcome="transform", rule="house", why="as the house wants it",
        public=public, evidence=("percent 3000 bp at 8-12",),
    )  # fmt: skip


def embedding(found: Record) -> Record:
    found.opened["request"]["operation"] = "embedding"
    return found


def own(kind: str, *, unsure: bool = False) -> dict[str, Any]:
    basis = Basis(
        kind=kind, line=900_000, version="v3", nearest="t12", case="",
        why="nothing_near" if unsure else "",
    )  # fmt: skip
    told: dict[str, Any] = {"basis": basis, "confidence": 500_000}
    return told | ({"error": "unsure", "error_kind": "unsure", "first_ns": None} if unsure else {})


def several(trail: Trail) -> None:
    """The first model had the text covered and gave no answer; the second may see it."""
    first = Call(
        attempt=1, model="small", upstream_model="small", started_ns=1, ended_ns=2, redacted=1,
        error="model small: 503", error_kind="server_error",
    )  # fmt: skip
    trail.calls.insert(0, first)


def guarded(trail: Trail) -> None:
    trail.calls[:] = [
        Call(attempt=0, role="guard", model="guard", upstream_model="g", started_ns=1, first_ns=2,
             ended_ns=3)
    ]  # fmt: skip


def acted(trail: Trail) -> None:
    trail.called.append(CalledTool(choice=0, number=0, tool="refund", arguments=2))


def died() -> Record:
    return made.died()


NO = GovernanceRefusal("no", public="This answer contains something that may not pass: an IBAN.")
BLOCKS = Decision(
    stage="governance", outcome="deny", rule="pii.iban", why="blocked (IBAN, 1 in the answer)",
    evidence=("answer[1:9] iban 1000000",), public=NO.public,
)  # fmt: skip
DOWN = ProviderUnavailable("model large: no connection")
RULE = PolicyRefusal("house blocks it", public="We do not do that.", rule="house")
DENY = Decision(
    stage="policy", outcome="deny", rule="house", why="house", public="We do not do that.",
)  # fmt: skip
LATE = {"error": "the caller went away", "error_kind": "hung_up"}

EVERY: dict[str, Any] = {
    "allowed": lambda: record("allowed"),
    "embedding": lambda: embedding(record("allowed")),
    "tool-call": lambda: record("allowed", prepare=acted),
    "class": lambda: record("allowed", call=own("classifier")),
    "approved-answer": lambda: record("allowed", call=own("responder")),
    "request-covered": lambda: record("transformed", COVERED, PUT_BACK, call={"redacted": 1}),
    "covered-for-one": lambda: record("transformed", COVERED, prepare=several),
    "request-rewritten": lambda: record(
        "transformed", changed("rewrite"), rule=("request", "rewrite")
    ),
    "answer-rewritten": lambda: record(
        "transformed", changed("rewrite", "Prices are told in the shop."),
        rule=("answer", "rewrite"),
    ),
    "answer-cut": lambda: record("transformed", changed("redact"), rule=("answer", "redact")),
    "leak-taken-out": lambda: record(
        "transformed", TAKEN_OUT, UNSEEN, prepare=lambda t: t.answer_findings.append(t.findings[0])
    ),
    "denied-before": lambda: record(
        "denied", DENY, failure=RULE, opens=False, released=False,
        prepare=lambda t: t.calls.clear(),
    ),
    "denied-by-a-guard": lambda: record(
        "denied", DENY, failure=RULE, opens=False, released=False, prepare=guarded
    ),
    "denied-on-the-answer": lambda: record(
        "denied", BLOCKS, failure=NO, opens=False, released=False
    ),
    "denied-in-mid-stream": lambda: record(
        "denied", BLOCKS, failure=NO, opens=False, released=False, call=LATE
    ),
    "held": lambda: made.held(),
    "agreed": lambda: made.held(approval=(made.step("approved"),)),
    "unreachable": lambda: record(
        "error", COVERED, call=FAILED | {"redacted": 1}, failure=DOWN, opens=False, released=False
    ),
    "no-answer": lambda: record(
        "error", call=FAILED | {"error_kind": "timeout"}, failure=DOWN, opens=False, released=False
    ),
    "broke-off": lambda: record(
        "error", call={"error": "broke off", "error_kind": "broken_off"}, failure=DOWN
    ),
    "abstained": lambda: record(
        "error", call=own("responder", unsure=True), failure=Abstained("not sure"), opens=False,
        released=False,
    ),
    "hung-up": lambda: record("interrupted", call=LATE),
    "died": died,
}  # fmt: skip


def text(document: Document, titles: tuple[str, ...] = ()) -> str:
    """Those sections, a line each."""
    lines = []
    for section in document.sections:
        if titles and section.title not in titles:
            continue
        lines.append(section.title)
        lines += [f"  {line}" for line in section.lines]
        lines += [f"  {' | '.join(row)}" for row in section.rows]
    return "\n".join(lines) + "\n"


@pytest.mark.parametrize("name", EVERY)
def test_as_it_is(name: str) -> None:
    found = EVERY[name]()
    told = (
        f"{text(told_to('customer', found))}\n---\n\n{text(told_to('compliance', found), OFFICERS)}"
    )
    path = GOLDEN / f"{name}.text"
    assert told == path.read_text(encoding="utf-8")


def test_who_was_never_reached_wrote_and_saw_nothing() -> None:
    said = text(told_to("customer", EVERY["unreachable"]()))
    assert "An AI model was to answer. It could not be reached." in said
    assert "No AI model saw your request." in said
    for lie in ("(an AI model)", "before the AI model saw", "rules applied"):
        assert lie not in said
    older = EVERY["unreachable"]()
    assert older.closed is not None
    for call in older.closed["calls"]:
        del call["error_kind"]  # records of older versions do not say how it failed
    assert "No AI model saw" not in text(told_to("customer", older))


def test_a_call_that_reached_nobody_used_nothing_of_the_request() -> None:
    made_of = prov.graph(EVERY["unreachable"]())
    (call,) = (each for each in made_of["activity"] if ":call" in each)
    used = [u["prov:entity"] for u in made_of["used"].values() if u["prov:activity"] == call]
    assert [each for each in used if "model" not in each] == []
    made_of = prov.graph(EVERY["no-answer"]())
    used = [u["prov:entity"] for u in made_of["used"].values() if u["prov:activity"] == call]
    assert len(used) > 1


def test_what_was_put_back_was_not_changed() -> None:
    said = text(told_to("customer", EVERY["request-covered"]()))
    assert "Data was covered that an AI model may not see." in said
    assert "In the answer it was put back for you." in said
    for lie in ("Part of the answer", "rules applied", "We know of no single thing"):
        assert lie not in said


def test_what_was_found_in_our_own_data_was_not_sent_by_them() -> None:
    found = record("allowed")
    for each in found.opened["findings"]:
        each["where"] = "context:orders"
    assert "Noticed in what you sent" not in text(told_to("customer", found))


def test_a_call_that_a_control_ended_is_not_said_to_have_lost_its_caller() -> None:
    found = EVERY["denied-in-mid-stream"]()
    for audience in ("engineer", "compliance"):
        said = text(told_to(audience, found))  # type: ignore[arg-type]
        assert "left before its end" in said
        assert "the caller went away" not in said
    gone = EVERY["hung-up"]()
    assert "left before its end: the caller went away" in text(told_to("engineer", gone))


def test_the_caller_was_told_one_reason_only() -> None:
    found = EVERY["denied-on-the-answer"]()
    other = {**found.opened["decisions"][0], "rule": "other", "public": "Something else."}
    found = replace(found, opened=found.opened | {"decisions": [*found.opened["decisions"], other]})
    told = told_to("compliance", found)
    (section,) = (s for s in told.sections if s.title == "What the caller was told")
    assert section.lines == (NO.public,)
