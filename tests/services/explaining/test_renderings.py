"""One record told to three kinds of reader; and nothing in it may act on who reads."""

import re
from html.parser import HTMLParser
from pathlib import Path

import pytest
from msgspec.structs import replace

from freehold.core.errors import RequestTooLarge
from freehold.ledger.record import Record
from freehold.services.explaining import (
    AUDIENCES,
    Audience,
    Proof,
    document_dict,
    explain,
    formats,
    told_to,
)
from tests.audit_samples import ANSWER, SECRET_WORDS
from tests.services.explaining import made

GOLDEN = Path(__file__).parent / "golden"
EVERY = {
    "allowed": made.made(),
    "transformed": made.made("transformed"),
    "interrupted": made.made("interrupted"),
    "error": made.made("error"),
    "refused": made.refused(),
    "refused late": made.refused(late=True),
    "refused at the door": made.at_the_door(),
    "held": made.held(),
    "approved": made.held(approval=(made.step("approved"),)),
    "declined": made.held(approval=(made.step("declined"),)),
    "expired": made.held(approval=(made.step("expired"),)),
    "died": made.died(),
    "never opened": made.made("denied", open_first=False),
}
HOSTILE = "<script>alert(1)</script>\x1b[2J\x1b]0;gone\x07\u202e|**x**[a](http://evil.example)"


def told(audience: Audience, record: Record, proof: Proof | None = None) -> str:
    return formats.text(told_to(audience, record, proof))


def steady(text: str) -> str:
    """Without what differs from run to run."""
    text = re.sub(r"audit: \d+ µs", "audit: 1 µs", text)
    return re.sub(r"HMAC-SHA256 [0-9a-f]{64}", "HMAC-SHA256 MAC", text)


@pytest.mark.parametrize("audience", AUDIENCES)
@pytest.mark.parametrize("form", ["text", "markdown", "html"])
def test_as_it_was(audience: Audience, form: str) -> None:
    proof = Proof(content="none", checkpoints={"w-1f0c22ab90de": 7})
    document = told_to(audience, made.held(), proof)
    said = steady(getattr(formats, form)(document))
    expected = GOLDEN / f"{audience}.{form}"
    assert said == expected.read_text(encoding="utf-8")


@pytest.mark.parametrize("name", EVERY)
@pytest.mark.parametrize("audience", AUDIENCES)
def test_every_kind_of_record_is_told(audience: Audience, name: str) -> None:
    record = EVERY[name]
    document = told_to(audience, record)
    assert document.title
    assert document.sections
    for form in (formats.text, formats.markdown, formats.html):
        assert form(document).strip()


@pytest.mark.parametrize("name", EVERY)
def test_the_customer_reads_no_internals(name: str) -> None:
    said = told("customer", EVERY[name])
    for internal in (
        "discount-over-20", "rule-0", "pii.card", "orders", "sql:", "w-1f0c22ab90de", "platinum",
        "customer-17", "large", "bundle", "0042", "login.example", "ada", "FH-", "key create",
        SECRET_WORDS, ANSWER, "Ada", "4111", "score", "threshold", "bp", "manager role",
    ):  # fmt: skip
        assert internal not in said, (internal, said)


def test_sentences_to_the_customer_are_short() -> None:
    for record in EVERY.values():
        for section in told_to("customer", record).sections:
            for line in section.lines:
                for sentence in re.split(r"(?<=[.!?])\s", line):
                    assert len(sentence.split()) <= 22, sentence


def test_private_limits_are_for_the_officer_only() -> None:
    record = made.held(private=True)
    said = told("customer", record)
    assert "20 %" not in said
    assert "staff" not in said
    assert "A person can still agree." in said
    assert "(not told to the person concerned)" in told("compliance", record)
    assert "20 %" in told("customer", made.held())


def test_a_private_limit_is_not_said_to_be_unknown() -> None:
    record = made.refused()
    for part in (record.opened, record.closed):
        found = part.get("counterfactuals") or []
        bounds = [each for each in found if each["change"][0]["fact"] != "approval"]
        part["counterfactuals"] = [{**each, "private": True} for each in bounds]
    said = told("customer", record)
    assert "What would have changed it is not told here." in said
    assert "We know of no" not in said


def test_what_is_too_long_is_not_said_to_be_unreadable() -> None:
    said = told("customer", made.at_the_door(RequestTooLarge("9 characters")))
    assert "Your request was longer than we can take." in said
    assert "If your request had been shorter." in said
    assert "could not be read" not in said
    assert "We know of no" not in said


@pytest.mark.parametrize("verdict", ["approved", "declined", "amended"])
def test_what_a_person_has_decided_is_not_said_to_wait(verdict: str) -> None:
    said = told("customer", made.held(approval=(made.step(verdict),)))
    assert "It had to wait for a person." in said
    assert "is waiting" not in said
    assert "You need to do nothing now." not in said
    assert ("If a person had agreed." in said) is (verdict == "declined")
    assert ("A person changed it." in said) is (verdict == "amended")


def test_an_answer_made_in_another_exchange_is_not_said_to_be_nobodys() -> None:
    record = made.made()
    record.opened["request"] |= {"approval": "apr_1", "parent": "0199c0de-1111"}
    record.opened["calls"] = record.closed["calls"] = []
    said = told("customer", record)
    assert "The answer had been made before. Then it waited for a person." in said
    assert "No AI model saw your request." not in said
    officer = told("compliance", record)
    assert "approved or amended by a person, in exchange 0199c0de-1111" in officer
    assert "No model was asked." not in officer


def test_a_demand_that_was_met_is_no_reason_any_more() -> None:
    record = made.held()
    record.opened["request"] |= {"approval": "apr_0", "parent": "0199c0de-1111"}
    decisions = record.opened["decisions"]
    met = {**decisions[-1], "rule": "orders", "public": "Somebody must agree."}
    asked = [met, {**met, "outcome": "allow", "public": ""}]
    record.opened["decisions"] = [*asked, *decisions]
    said = told("customer", record)
    assert "Somebody must agree." not in said
    assert "A manager looks at this offer." in said


def test_human_involvement_is_told() -> None:
    assert "Nobody has decided yet." in told("customer", EVERY["held"])
    assert "A person looked at it and agreed." in told("customer", EVERY["approved"])
    assert "A person looked at it and said no." in told("customer", EVERY["declined"])
    assert "approved by ada (https://login.example), as manager" in told(
        "compliance", EVERY["approved"]
    )
    assert "No person took part." in told("compliance", EVERY["refused"])
    assert "No person took part." not in told("compliance", EVERY["held"])


def test_what_left_late_is_told() -> None:
    assert "You may have seen the beginning of it." in told("customer", EVERY["refused late"])
    assert "after text had left" in told("compliance", EVERY["refused late"])


def test_the_evidence_says_what_a_checkpoint_covers() -> None:
    record = made.held()
    some = told("compliance", record, Proof(checkpoints={"w-1f0c22ab90de": 7}))
    assert "under the signed checkpoint of 7 lines" in some
    assert "not yet under a checkpoint (7 lines)" in some
    assert "no checkpoint at hand" in told("compliance", record)


def test_erased_texts_are_told_with_the_day() -> None:
    proof = Proof(content="erased", content_at="2026-11-30T00:00:00.000000Z")
    said = told("compliance", made.made(), proof)
    assert "erased: the key was destroyed" in said
    assert "2026-11-30" in said


def test_records_of_version_1_are_told() -> None:
    record = made.held()
    opened = {k: v for k, v in record.opened.items() if k != "counterfactuals"}
    assert record.closed is not None
    closed = {k: v for k, v in record.closed.items() if k != "counterfactuals"}
    lines = tuple(
        {key: value for key, value in line.items() if key != "tenant_seq"}
        | {"body": {**line["body"], "v": 1}, "v": 1}
        for line in record.lines
    )
    old = replace(record, opened=opened, closed=closed, lines=lines)
    for audience in AUDIENCES:
        assert told(audience, old)
    assert "We know of no single thing" in told("customer", old)
    assert "Record version 1." in told("compliance", old)


def test_feedback_is_told_to_the_officer() -> None:
    outcome = {
        "metric": "stars", "value": 5_000_000, "score": 1_000_000, "source": "feedback",
        "model": "large", "by": "1f0c22ab90de", "at_ns": 0,
    }  # fmt: skip
    said = told("compliance", replace(made.made(), told=(outcome,)))
    assert "stars: 5, the best" in said


def hostile() -> Record:
    """Names, reasons and texts of a bundle that somebody else wrote."""
    record = made.refused(public=HOSTILE)
    opened = dict(record.opened)
    opened["app"] = {**opened["app"], "id": HOSTILE, "purpose": HOSTILE, "owner": HOSTILE}
    opened["decisions"] = [{**d, "why": HOSTILE, "rule": HOSTILE} for d in opened["decisions"]]
    opened["context"] = [{**c, "source": HOSTILE, "locator": HOSTILE} for c in opened["context"]]
    opened["counterfactuals"] = [
        {**c, "why": HOSTILE, "change": [{"fact": "principal.attributes.x", "how": "exactly",
                                          "to": HOSTILE}]}
        for c in opened["counterfactuals"]
    ]  # fmt: skip
    return replace(record, opened=opened)


class Page(HTMLParser):
    """Which elements and attributes a page has, and whether they are closed."""

    def __init__(self) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.open: list[str] = []
        self.attributes: list[tuple[str, str | None]] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.attributes += attrs
        if tag != "meta":
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag


@pytest.mark.parametrize("audience", AUDIENCES)
def test_nothing_acts_on_a_browser(audience: Audience) -> None:
    page = Page()
    page.feed(formats.html(told_to(audience, hostile())))
    assert page.open == []
    known = {
        "html", "head", "meta", "title", "style", "body", "main", "section", "h1", "h2", "ul",
        "li", "table", "thead", "tbody", "tr", "th", "td",
    }  # fmt: skip
    assert set(page.tags) <= known
    names = {name for name, _ in page.attributes}
    assert not {name for name in names if name.startswith("on") or name in ("src", "href")}
    assert ("lang", "en") in page.attributes
    policy = dict(page.attributes)
    assert any("default-src 'none'" in str(value) for _, value in page.attributes), policy
    assert page.tags.count("h1") == 1


@pytest.mark.parametrize("audience", AUDIENCES)
def test_nothing_acts_on_a_terminal(audience: Audience) -> None:
    said = told(audience, hostile())
    assert not re.search("[\x00-\x09\x0b-\x1f\x7f-\x9f\u202e]", said)
    assert "\\x1b" in said


@pytest.mark.parametrize("audience", AUDIENCES)
def test_nothing_is_markup_in_markdown(audience: Audience) -> None:
    said = formats.markdown(told_to(audience, hostile()))
    assert "<script" not in said.replace("\\<", "")
    assert "[a](http" not in said
    assert "**x**" not in said
    assert "http://evil" not in said
    for row in re.findall(r"^\|.*\|$", said, re.MULTILINE):
        assert len(re.findall(r"(?<!\\)\|", row)) == len(re.findall(r" \| |^\| | \|$", row))


def test_json_for_the_customer_holds_no_record() -> None:
    record = made.held()
    for audience in AUDIENCES:
        document = told_to(audience, record)
        found = document_dict(audience, record, document, None)
        assert ("record" in found) is (audience == "compliance")
    assert explain(record).as_dict()["counterfactuals"][0]["why"] == made.WHY
