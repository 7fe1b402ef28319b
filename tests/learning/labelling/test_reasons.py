"""Why somebody is shown a case, as they read it."""

from freehold.core.cases import Case
from freehold.learning.labelling.reasons import why

WELL = "It went well, and is worth learning from."


def of(*reasons: str) -> list[str]:
    return why(
        Case(
            case_id="c",
            exchange_id="e",
            conversation="",
            owner="chain",
            tenant="chain",
            app="a",
            route="r",
            reasons=reasons,
        )
    )


def test_what_went_well_is_said_once() -> None:
    assert of("success", "success:helpful", "random")[:-1] == [WELL]


def test_what_somebody_disliked_did_not_go_well() -> None:
    assert of("success", "feedback:thumbs") == [
        "Somebody disliked it, or gave a better answer: thumbs."
    ]
    assert of("success:helpful", "human:desk") == ["A person took over."]
    assert WELL not in of("success", "incident:answers@v1")
