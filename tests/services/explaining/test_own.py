"""An answer of a model that was trained here, told to each audience, and why it gave none."""

from freehold.core.basis import Basis, Unsure
from freehold.core.trail import Call
from freehold.ledger.record import Record
from freehold.services.explaining import Audience, formats, told_to
from tests.audit_samples import answered, exchange
from tests.services.explaining.made import EXCHANGE, audit, record_of


def own(why: Unsure | str = "", kind: str = "responder") -> Record:
    """An exchange whose first call is to an own model; where it abstained, ``large`` answered."""
    trail, ruled, one = exchange(EXCHANGE)
    basis = Basis(
        kind=kind, line=900_000, version="v3-0a1b2c3d", nearest="t12", case="case_7", why=why
    )  # type: ignore[arg-type]
    call = Call(
        attempt=1, model="answers", upstream_model="", started_ns=1_000, confidence=931_000,
        basis=basis, error="unsure" if why else "", error_kind="unsure" if why else "",
    )  # fmt: skip
    answered(trail)
    trail.calls[:] = [call, *trail.calls] if why else [call]
    writer, memory = audit()
    writer.opened(ruled, trail)
    writer.closed(one, trail, "allowed")
    return record_of(memory, "allowed")


def told(audience: Audience, record: Record) -> str:
    return " ".join(formats.text(told_to(audience, record)).split())


def test_which_version_gave_which_approved_answer_and_how_sure_it_was() -> None:
    record = own()
    said = "version v3-0a1b2c3d, 93.1 % sure, where 90.0 % are asked for; it gave the approved"
    for audience in ("engineer", "compliance"):
        assert f"{said} answer t12, from case case_7" in told(audience, record)  # type: ignore[arg-type]
    customer = told("customer", record)
    assert "an answer that our staff had approved before" in customer
    assert "(an AI model) wrote" not in customer
    assert "t12" not in customer
    assert "v3-0a1b2c3d" not in customer
    wrote = told("customer", own(kind="causal-lm"))
    assert "(an AI model) wrote the answer" in wrote


def test_why_it_abstained_and_that_another_wrote_the_answer() -> None:
    record = own("left_to_others")
    said = "it abstained: it is nearer to what is to be left to others (version v3-0a1b2c3d"
    for audience in ("engineer", "compliance"):
        assert said in told(audience, record)  # type: ignore[arg-type]
    assert "(an AI model) wrote the answer" in told("customer", record)


def test_the_record_of_it_is_small() -> None:
    (call,) = own().opened["calls"]
    assert call["basis"] == {
        "case": "case_7", "kind": "responder", "line": 900_000, "nearest": "t12",
        "version": "v3-0a1b2c3d", "why": "",
    }  # fmt: skip
