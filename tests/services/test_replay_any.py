"""Whatever the rules, the answer and its pieces: what was decided comes out again."""

import asyncio
import tempfile
from pathlib import Path

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from freehold.core.ask import Message, ToolCall
from freehold.core.principal import Principal
from freehold.services.rehearse import Scene
from tests.services.made_replays import bundle, replayed, written

ANSWERING = (
    'answer.percents.exists(p, p.role == "discount" && p.upper > 1500)',
    "answer.money.exists(m, m.value > 10000)",
    'answer.commitments.exists(c, c.role == "refund" && c.polarity == "affirmed")',
    'answer.text.matches("(?i)sorry|idiot")',
    '!answer.text.matches("Yes") && answer.chars > 20',
    'answer.text.contains("half")',
    'answer.ungrounded_money.exists(m, m.polarity == "affirmed")',
    "size(answer.ungrounded) > 1",
    'answer.percents.exists(p, p.text == "5 %")',
    '"pii" in answer.labels || "secret" in request.labels',
    'request.text.matches("card") && answer.chars > 5',
    'principal.attributes.tier == "gold"',
    "size(answer.tools) > 0",
)
STREAMING = (
    'stream.sentence.matches("(?i)idiot")',
    "stream.sentences > 2 && stream.chars > 30",
    "stream.ended && answer.chars < 40",
    'stream.sentence.contains("$")',
)
ASKING = (
    'request.text.matches("(?i)bazooka")',
    'request.text.contains("!!!") && request.words > 1',
    "request.questions > 0 || size(request.findings) > 1",
    "!principal.verified",
    'request.model != "" && request.chars < 30',
)
CALLING = (
    'tool.name == "send"',
    "tool.money.exists(m, m.value > 5000)",
    'tool.arguments.to == "me"',
    "size(tool.untrusted) > 0",
)
DOES = {
    "block": "block: {}",
    "hold": "require_approval: {role: manager}",
    "rewrite": 'rewrite: {template: "We can not say."}',
    "redact": "redact: {facts: [money, percent]}",
    "tag": "annotate: {tag: seen}",
}
LEARNED = """\
routes:
  main:
    candidates: [small, large]
    objective: {policy: learned, explore: 0.3, price_of_quality: 0.002}
    learn: {metric: solved}
"""
RULED = """\
routes:
  main:
    candidates: [small, large]
    rules:
      - {id: r, when: 'request.text.matches("(?i)hello")', prefer: [large]}
      - {id: s, when: 'request.text.contains("card")', only: [large]}
"""
ROUTES = ("routes: {main: {candidates: [small, large]}}\n", LEARNED, RULED)
SENTENCES = (
    "You get 5 % off.", "You get 20 % off.", "It costs $5.", "It costs $250 now.", "You idiot!",
    "We are sorry.", "Is it half?", "We will refund you.", "Mail a@b.example.org today.", "Yes.",
    "Das kostet 300 €.", "Ｓｏｒｒｙ, my “friend”.",
)  # fmt: skip
ASKED = (
    "Hello?", "Hello, hello!!!", "One bazooka.", "Ｂａｚｏｏｋａ!!! please",
    "My card is 4111 1111 1111 1111, ok?", "Mail me at c@d.example.org.", "Is it ﬁne?",
)  # fmt: skip


@st.composite
def rules(draw: st.DrawFn) -> str:
    """Some rules as YAML; not every demand goes with every phase."""
    parts = []
    for number in range(draw(st.integers(1, 5))):
        phase = draw(st.sampled_from(["answer", "answer", "stream", "request", "tool_call"]))
        pool = {"answer": ANSWERING, "stream": STREAMING, "request": ASKING, "tool_call": CALLING}
        does = ["block", "hold", "tag"]
        if phase in ("answer", "stream"):
            does += ["rewrite", "redact"]
        when = draw(st.sampled_from(pool[phase]))
        does = does if phase != "stream" else [each for each in does if each != "hold"]
        lines = [
            f"  rule{number}:",
            f"    phase: {phase}",
            f"    when: >-\n      {when}",
            f"    do: [{{{DOES[draw(st.sampled_from(does))]}}}]",
            f"    mode: {draw(st.sampled_from(['enforce', 'enforce', 'observe']))}",
        ]
        if phase == "answer" and "text" not in when and "size(answer.tools)" not in when:
            lines.append(f"    needs: {draw(st.sampled_from(['whole', 'sentence']))}")
        parts.append("\n".join(lines) + "\n")
    return "".join(parts)


@st.composite
def scenes(draw: st.DrawFn) -> Scene:
    """Some exchange: what is asked and by whom, what comes back and in which pieces."""
    text = " ".join(draw(st.lists(st.sampled_from(SENTENCES), min_size=1, max_size=5)))
    cuts = sorted(draw(st.lists(st.integers(0, len(text)), max_size=6)))
    pieces = tuple(text[a:b] for a, b in zip([0, *cuts], [*cuts, len(text)], strict=True))
    calls = ()
    if draw(st.booleans()):
        to = draw(st.sampled_from(["me", "x@evil.example.org"]))
        amount = draw(st.sampled_from(["$10", "$100"]))
        arguments = f'{{"to": "{to}", "amount": "{amount}"}}'
        calls = (
            ToolCall(id="c", name=draw(st.sampled_from(["send", "look"])), arguments=arguments),
        )
    who = draw(
        st.sampled_from([None, Principal(id="u", verified=True, attributes={"tier": "gold"})])
    )
    return Scene(
        app="app",
        messages=(Message(role="user", content=draw(st.sampled_from(ASKED))),),
        answer=text,
        calls=calls,
        stream=draw(st.booleans()),
        pieces=pieces,
        principal=who,
    )


@pytest.mark.parametrize("content", ["none", "full"])
@settings(
    max_examples=30,
    deadline=None,
    phases=(Phase.explicit, Phase.generate),
    suppress_health_check=list(HealthCheck),
)
@given(written_rules=rules(), some=st.lists(scenes(), min_size=1, max_size=4),
       route=st.sampled_from(ROUTES))  # fmt: skip
def test_what_was_decided_comes_out_again(
    content: str, written_rules: str, some: list[Scene], route: str
) -> None:
    with tempfile.TemporaryDirectory() as folder:
        live = bundle(Path(folder), written_rules, content=content, route=route)
        found = asyncio.run(written(live, some))
        told = replayed(live, found)
    assert [each.diff for each in told] == [()] * len(some)
    if content == "full":
        assert {each.state for each in told} == {"identical"}
