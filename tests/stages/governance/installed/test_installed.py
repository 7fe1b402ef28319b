"""Detectors of other packages: what they find counts, and whatever they do wrong fails closed."""

import asyncio
import threading
import time

import pytest

from freehold.core.trail import Trail
from freehold.stages.governance.installed import Unloadable, listed, load
from freehold.stages.governance.installed.workers import MOST_HUNG, THREADS, Workers
from freehold.stages.governance.waiting import Unheard
from tests.conformance.harness import BUNDLE, kept_texts, wired
from tests.conformance.wires import CHAT, body_for
from tests.stages.governance.installed.packages import GOOD, install

ID = "acme.badge"


def bundle(installed: str = "{}", use: str = "", settings: str = "content: full") -> str:
    declared = f"\ndetectors:\n  {ID}:\n    installed: {installed}\n"
    return BUNDLE.replace("content: full", settings) + declared + (f"    {use}\n" if use else "")


def broken(body: str) -> str:
    """A detector whose `detect` does this."""
    lines = "\n".join(f"        {line}" for line in body.splitlines())
    return (
        "import time\nfrom freehold.core.decisions import Finding\n"
        f"class Badge:\n    id = {ID!r}\n    version = '1'\n    needs = 'whole'\n"
        "    def good(self, **more):\n"
        "        values = dict(detector=self.id, version='1', kind='badge', label='pii',\n"
        "                      where='x', start=0, end=2)\n"
        "        return Finding(**(values | more))\n"
        f"    def detect(self, text, folded, where):\n{lines}\n"
    )


@pytest.fixture
def installed(monkeypatch, tmp_path):
    def make(source: str = GOOD, **more: object) -> None:
        install(monkeypatch, tmp_path / "site", "acme_badge", source, **more)

    return make


# -- what works --


async def test_its_values_are_replaced_for_a_model_without_clearance(tmp_path, installed):
    installed()
    async with wired(tmp_path / "b", bundle()) as w:
        reply = await w.ask(CHAT, body_for(CHAT, "My number is BADGE1234, thanks."))
        assert reply.status == 200
        sent = w.provider.received[0].messages[-1].content
        assert "BADGE1234" not in sent
        assert "[BADGE_" in sent
        (finding,) = w.journal.opened(reply.trace)["findings"]
        assert (finding["detector"], finding["kind"], finding["label"]) == (ID, "badge", "pii")
        assert finding["version"].startswith("1.2+")


async def test_its_values_do_not_leave_in_an_answer(tmp_path, installed):
    installed()
    from freehold.testing.fakes import FakeProvider

    for stream in (False, True):
        provider = FakeProvider("Ask for BADGE9999 at the desk.")
        async with wired(tmp_path / f"b{stream}", bundle(), provider=provider) as w:
            reply = await w.ask(CHAT, body_for(CHAT, stream=stream))
            assert reply.text == "Ask for [badge removed] at the desk."


async def test_options_label_and_phases(tmp_path, installed):
    installed()
    text = bundle("{label: hr, options: {word: STAFF}}", "phases: [request]\n    action: block")
    async with wired(tmp_path / "b", text + "labels: {hr: {redactable: true}}\n") as w:
        assert (await w.ask(CHAT, body_for(CHAT, "BADGE1234"))).status == 200
        reply = await w.ask(CHAT, body_for(CHAT, "I am STAFF1234."))
        assert reply.error["code"] == "content_refused"
        assert w.journal.of(reply.trace)[0]["opened"]["findings"][0]["label"] == "hr"


async def test_the_record_holds_none_of_its_values(tmp_path, installed):
    installed()
    text = bundle(settings="content: redacted")
    async with wired(tmp_path / "b", text) as w:
        kept = kept_texts(w)
        await w.ask(CHAT, body_for(CHAT, "My number is BADGE1234, thanks."))
        assert "thanks" in kept[-1]
        assert "BADGE1234" not in kept[-1]


async def test_what_it_has_not_read_is_not_shown_to_a_reader(tmp_path, installed):
    """An approver's view is made from what is remembered; what nobody remembers is no reading."""
    installed()
    async with wired(tmp_path / "b", bundle()) as w:
        await w.ask(CHAT, body_for(CHAT, "My number is BADGE1234."))
        admitted = w.provider.received[0].plan.ruled.admitted
        governance, trail = w.gateway.journey.governance, Trail(admitted.arrival)
        shown = governance.masked("My number is BADGE1234.", admitted, trail, frozenset())
        assert shown == "My number is [badge removed]."
        assert governance.masked("BADGE1234!", admitted, trail, frozenset()) == "[not read]"
        assert governance.masked("", admitted, trail, frozenset()) == ""


async def test_it_runs_beside_the_event_loop(tmp_path, installed):
    installed(broken("time.sleep(0.3)\nreturn []"))
    async with wired(tmp_path / "b", bundle("{deadline_ms: 5000}")) as w:
        asking = asyncio.create_task(w.ask(CHAT, body_for(CHAT)))
        turns = 0
        while not asking.done():
            await asyncio.sleep(0.01)
            turns += 1
        assert (await asking).status == 200
        assert turns > 15  # the loop went on all the while


# -- what goes wrong in it --


@pytest.mark.parametrize(
    "body",
    [
        "raise ValueError('the caller said ' + text)",
        "raise SystemExit(3)",
        "raise KeyboardInterrupt",
        "return None",
        "return (f for f in ())",
        "return 'nothing'",
        "return {}",
        "return [None]",
        "return [{'start': 0, 'end': 1}]",
        "return [self.good(start=-1)]",
        "return [self.good(end=len(text) + 1)]",
        "return [self.good(start=2, end=2)]",
        "return [self.good(start=True)]",
        "return [self.good(score=0.9)]",
        "return [self.good(score=2_000_000)]",
        "return [self.good(detector='pii.email')]",
        "return [self.good(kind='')]",
        "return [self.good(kind='Mail\\n' + text)]",
        "return [self.good(kind=text)]",
        "return [self.good(label='two words')]",
        "return [self.good()] * 20_000",
        "return [self.good()] * 10 + [1]",
        "time.sleep(30)",
        "return 'x' * 10_000_000",
        "text.no_such_method()",
    ],
)
@pytest.mark.parametrize("mode", ["enforce", "observe"])
async def test_nonsense_fails_closed_and_says_nothing_of_the_text(
    tmp_path, installed, body, mode, caplog, capfd
):
    installed(broken(body))
    text = bundle("{deadline_ms: 150}", f"mode: {mode}", settings="content: none")
    async with wired(tmp_path / "b", text) as w:
        reply = await w.ask(CHAT, body_for(CHAT, "Mrs Quendolin lives here"))
        parts = [r[p] for r in w.journal.records for p in ("opened", "closed") if p in r]
        said = [d for part in parts for d in part["decisions"] if d["rule"] == ID]
        assert said
        assert w.reserved == 0
        if mode == "enforce":
            assert reply.status == 403
            assert reply.error["code"] == "control_failed"
            assert w.provider.received == []
        else:
            assert reply.status == 200
            assert said[0]["why"].startswith("would have refused")
        heard = reply.body.decode() + str(w.journal.records) + caplog.text + str(capfd.readouterr())
        assert "Quendolin" not in heard


async def test_explanations_are_ours_since_theirs_may_quote_the_text(tmp_path, installed):
    installed(broken("return [self.good(explanation='found ' + text)]"))
    async with wired(tmp_path / "b", bundle(settings="content: none")) as w:
        reply = await w.ask(CHAT, body_for(CHAT, "Quendolin"))
        assert w.journal.opened(reply.trace)["findings"]
        assert "Quendolin" not in str(w.journal.records)


async def test_one_that_hangs_is_asked_no_more_until_a_call_comes_back(
    tmp_path, installed, monkeypatch
):
    installed(
        broken("import acme_badge\nacme_badge.asked += 1\nacme_badge.gate.wait(20)\nreturn []")
        + "import threading\ngate = threading.Event()\nasked = 0\n"
    )
    text = bundle("{deadline_ms: 60}", "phases: [request]")
    async with wired(tmp_path / "b", text) as w:
        import acme_badge

        for number in range(MOST_HUNG):
            reply = await w.ask(CHAT, body_for(CHAT, f"text {number}"))
            assert reply.error["code"] == "control_failed"
        assert acme_badge.asked == MOST_HUNG
        began = time.perf_counter()
        reply = await w.ask(CHAT, body_for(CHAT, "one more"))
        assert time.perf_counter() - began < 0.05
        assert reply.error["code"] == "control_failed"
        assert acme_badge.asked == MOST_HUNG
        acme_badge.gate.set()
        for _ in range(100):
            await asyncio.sleep(0.02)
            reply = await w.ask(CHAT, body_for(CHAT, "and again"))
            if reply.status == 200:
                break
        assert reply.status == 200


async def test_workers_run_some_side_by_side_and_keep_the_rest_waiting():
    workers, running, most = Workers("test"), 0, 0
    lock = threading.Lock()

    def work() -> int:
        nonlocal running, most
        with lock:
            running += 1
            most = max(most, running)
        time.sleep(0.02)
        with lock:
            running -= 1
        return 7

    async with asyncio.TaskGroup() as group:
        tasks = [group.create_task(workers.run(work)) for _ in range(20)]
    assert {task.result() for task in tasks} == {7}
    assert most == THREADS
    assert workers.hung == 0


async def test_a_call_given_up_before_its_turn_never_runs():
    workers, gate, ran = Workers("test"), threading.Event(), []
    away = [asyncio.create_task(workers.run(gate.wait)) for _ in range(THREADS)]
    await asyncio.sleep(0.05)
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.05):
            await workers.run(lambda: ran.append(1))
    assert workers.hung == 0  # it hung in nobody's hands
    gate.set()
    await asyncio.wait(away)
    await workers.run(lambda: None)
    assert ran == []


async def test_an_error_in_a_thread_gives_only_its_kind():
    workers = Workers("test")

    def fails() -> None:
        raise type("Secret hunter2!" * 9, (Exception,), {})("hunter3")

    with pytest.raises(Unheard) as raised:
        await workers.run(fails)
    assert "hunter3" not in str(raised.value)
    assert len(str(raised.value)) < 80


# -- loading --


def test_what_is_not_named_is_not_imported(tmp_path, monkeypatch):
    install(monkeypatch, tmp_path, "never_named", "raise RuntimeError('imported')\n",
            {"acme.never": "never_named:It"})  # fmt: skip
    found = {one.id: one for one in listed()}
    assert found["acme.never"].package == "acme-detectors"
    assert found["acme.never"].version == "0.3"
    import sys

    assert "never_named" not in sys.modules


@pytest.mark.parametrize(
    ("source", "said"),
    [
        ("import no_such_package\n", "No module named 'no_such_package'"),
        ("raise SystemExit('bye')\n", "SystemExit"),
        ("Other = 1\n", "has no attribute 'Badge'"),
        ("class Badge:\n    def __init__(self): raise OSError('no model file')\n",
         "no model file"),
        ("class Badge:\n    id = 'acme.badge'; version = '1'; needs = 'whole'\n", "`detect("),
        (GOOD.replace('"acme.badge"', '"acme.other"'), "its `id` is not 'acme.badge'"),
        (GOOD.replace('version = "1.2"', "version = 12"), "`version`"),
        (GOOD.replace('"span"', '"paragraph"'), "`needs`"),
        (GOOD.replace("    def detect", "    async def detect"), "coroutine"),
        (GOOD.replace('needs = "span"', 'needs = "span"; waits = True'), "wait"),
        ("Badge = 7\n", "no method `detect("),
        ("def Badge(): return dict\n", "class that makes classes"),
    ],
)  # fmt: skip
def test_what_can_not_be_used_is_told_in_words(tmp_path, monkeypatch, source, said):
    install(monkeypatch, tmp_path, "acme_wrong", source, {"acme.badge": "acme_wrong:Badge"})
    with pytest.raises(Unloadable) as raised:
        load("acme.badge")
    assert said in str(raised.value)


def test_one_that_is_not_installed_names_those_that_are(tmp_path, monkeypatch):
    install(monkeypatch, tmp_path, "acme_badge")
    with pytest.raises(Unloadable, match=r"acme\.badge"):
        load("acme.bagde")


def test_options_that_do_not_fit(tmp_path, monkeypatch):
    install(monkeypatch, tmp_path, "acme_badge")
    assert load("acme.badge", '{"word": "X"}')[0].word == "X"
    with pytest.raises(Unloadable, match="unexpected keyword"):
        load("acme.badge", '{"wrod": "X"}')


@pytest.mark.parametrize("name", ["pii.email", "presidio.pii"])
def test_an_id_of_ours_can_not_be_taken(tmp_path, monkeypatch, name):
    install(monkeypatch, tmp_path, "acme_badge", GOOD, {name: "acme_badge:Badge"})
    with pytest.raises(Unloadable, match="Freehold ships"):
        load(name)
    assert next(one for one in listed() if one.id == name).clash


def test_two_packages_that_offer_one_id(tmp_path, monkeypatch):
    install(monkeypatch, tmp_path / "one", "acme_badge")
    install(monkeypatch, tmp_path / "two", "acme_again", GOOD,
            {"acme.badge": "acme_again:Badge"}, package="acme-again")  # fmt: skip
    with pytest.raises(Unloadable, match="several packages"):
        load("acme.badge")
    assert all(one.clash for one in listed() if one.id == "acme.badge")
