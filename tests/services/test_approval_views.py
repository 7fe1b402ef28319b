"""What approvers read: the answer as whoever asked would, as far as they themselves may."""

import json

from msgspec.structs import replace

from freehold.core.approvals import Case, Hold
from freehold.core.ask import ToolCall
from freehold.core.handoffs import Answer, Choice, Demand
from freehold.services.approval_views import shown
from tests.stages import made

HOLD = Hold(
    approval_id="apr_1", exchange_id="e", tenant="north", app="a", principal="bob", issuer="i",
    verified=True, key_id="k", role="manager", rule="r", state="waiting", step=0, created_ns=0,
    expires_ns=100,
)  # fmt: skip
BEHIND = {"[EMAIL_7F3A2C9B]": "ann@corner.example", "[PERSON_11223344]": 'Ann "Q" Öl'}


def held(text: str, arguments: str) -> Case:
    call = ToolCall(id="c", name="send", arguments=arguments)
    answer = Answer(
        sendable=replace(made.sendable(), restorations=BEHIND),
        choices=(Choice(text=text, tool_calls=(call,)),),
        complete=True,
    )
    return Case(answer=answer, demand=Demand(role="manager", rule="r"))


def test_placeholders_give_way_to_what_is_behind_them() -> None:
    case = held("Write to [EMAIL_7F3A2C9B].", '{"to": "[PERSON_11223344]"}')
    (answer,) = shown(HOLD, case, [], str)["answer"]
    assert answer["text"] == "Write to ann@corner.example."
    (call,) = answer["tool_calls"]
    assert json.loads(call["arguments"]) == {"to": 'Ann "Q" Öl'}


def test_what_the_approver_may_not_read_stays_masked() -> None:
    def masked(text: str) -> str:
        return text.replace("ann@corner.example", "[email removed]")

    (answer,) = shown(HOLD, held("To [EMAIL_7F3A2C9B].", "{}"), [], masked)["answer"]
    assert answer["text"] == "To [email removed]."


def test_an_erased_text_did_not_expire() -> None:
    gone = replace(HOLD, kept=False)
    assert HOLD.gone(50) == ""
    assert gone.gone(50).startswith("erased")
    assert gone.gone(100) == "destroyed when its time was over"
    assert shown(gone, None, [], str, gone=gone.gone(50))["gone"].startswith("erased")
