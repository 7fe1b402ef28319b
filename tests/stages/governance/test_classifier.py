"""A head that the bundle's owner trained, in a gateway."""

import pytest

from freehold.core.errors import ControlFailed
from freehold.core.spec import ClassifierSpec, DetectorSetting
from freehold.stages.governance.registry import own_detector
from freehold.text.heads import pack
from freehold.text.training import train_head
from tests.conformance.harness import BUNDLE, kept_texts, wired
from tests.conformance.wires import CHAT, body_for

BAD = [f"order {n} never came and I want my money back, what a disgrace" for n in range(40)]
FINE = [f"where can I find item {n} and what does it cost in blue" for n in range(30)]
FINE += [f"Good day to you. All is well in shop {n}, come and see." for n in range(30)]
COMPLAINT = "My order never came, I want my money back, what a disgrace."
DECLARED = """
detectors:
  own.complaint:
    classifier: {file: complaint.safetensors}
    phases: [request, answer]
    USE
"""


@pytest.fixture(scope="module")
def head():
    made = train_head([*BAD, *FINE], ["complaint"] * 40 + [None] * 60, name="complaint")
    return pack(made.header, made.weights)


@pytest.fixture
def folder(tmp_path, head):
    (tmp_path / "complaint.safetensors").write_bytes(head)
    return tmp_path


async def test_it_blocks_what_it_was_trained_on(folder):
    text = BUNDLE + DECLARED.replace("USE", "action: block")
    async with wired(folder, text) as w:
        assert (await w.ask(CHAT, body_for(CHAT, FINE[0]))).status == 200
        w.provider.received.clear()
        reply = await w.ask(CHAT, body_for(CHAT, COMPLAINT))
        assert reply.error["code"] == "content_refused"
        (finding,) = w.journal.of(reply.trace)[0]["opened"]["findings"]
        assert (finding["detector"], finding["label"]) == ("own.complaint", "complaint")
        assert w.provider.received == []


async def test_an_answer_that_repeats_the_question_is_judged_all_the_same(folder):
    from freehold.testing.fakes import FakeProvider

    text = BUNDLE + DECLARED.replace("USE", "action: block").replace("request, answer", "answer")
    async with wired(folder, text, provider=FakeProvider(COMPLAINT)) as w:
        for stream in (False, True):
            reply = await w.ask(CHAT, body_for(CHAT, COMPLAINT, stream=stream))
            assert reply.error["code"] == "content_refused"


async def test_observing_changes_nothing_and_keeps_the_text_readable(folder):
    text = BUNDLE.replace("content: full", "content: redacted")
    text += DECLARED.replace("USE", "mode: observe")
    async with wired(folder, text) as w:
        kept = kept_texts(w)
        reply = await w.ask(CHAT, body_for(CHAT, COMPLAINT))
        assert reply.status == 200
        assert "money back" in kept[-1]  # a judged stretch is no value to hide
        assert w.provider.received[0].messages[-1].content == COMPLAINT


def test_without_its_file_nothing_passes():
    spec = ClassifierSpec(file="gone.safetensors", digest="0" * 64)
    with pytest.raises(ControlFailed, match=r"gone\.safetensors"):
        own_detector(DetectorSetting(id="own.x", own=spec), {})
