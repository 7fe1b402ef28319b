"""Places where checkpoints go: what lies there afterwards, and what is noticed there."""

import asyncio
import base64
import hashlib
import hmac
import os
from pathlib import Path
from urllib.parse import unquote, urlsplit

import orjson
import pytest

from freehold.core.errors import ContextError
from freehold.core.mirrors import Contradicted, Held, MirrorFailed, MirrorSpec, Taken
from freehold.ledger import notes
from freehold.ledger.notes import VerifierKey
from freehold.notify import mirrors as module
from freehold.notify.mirrors import FileMirror, made_mirror
from freehold.server.witness import WitnessDoor
from freehold.storage.secrets import ReferenceSecrets
from tests.ledger.made_logs import MadeLog
from tests.server.test_witness import ask
from tests.services.test_witness import Made
from tests.stages.made import NOW_NS, Standing


@pytest.fixture
def log(tmp_path: Path) -> MadeLog:
    return MadeLog(tmp_path / "home").grow(5)


def lines(path: Path) -> list[dict[str, str]]:
    return [orjson.loads(line) for line in path.read_bytes().splitlines()]


# -- a file --


async def test_a_file_gets_a_line_for_each_checkpoint(log: MadeLog, tmp_path: Path) -> None:
    path = tmp_path / "worm.jsonl"
    mirror = FileMirror(path, Standing())
    first = log.note()
    taken = await mirror.take(log.view(), Held())
    log.grow(3)
    again = await mirror.take(log.view(), Held(size=5, mark=taken.mark))
    assert [line["note"] for line in lines(path)] == [first, log.note()]
    assert again.mark == path.stat().st_size
    assert lines(path)[0]["at"].endswith("Z")


async def test_what_lies_there_already_is_not_repeated(log: MadeLog, tmp_path: Path) -> None:
    path = tmp_path / "worm.jsonl"
    mirror = FileMirror(path, Standing())
    for _ in range(3):
        await mirror.take(log.view(), Held())
    assert len(lines(path)) == 1


async def test_a_share_that_is_away_gets_nothing_and_goes_on_when_it_is_back(
    log: MadeLog, tmp_path: Path
) -> None:
    share, aside = tmp_path / "share", tmp_path / "aside"
    share.mkdir()
    mirror = FileMirror(share / "worm.jsonl", Standing())
    taken = await mirror.take(log.view(), Held())
    log.grow(3)
    held = Held(size=5, mark=taken.mark)
    share.rename(aside)
    with pytest.raises(MirrorFailed):
        await mirror.take(log.view(), held)
    share.mkdir()  # the mount point itself, on this machine's own disk
    with pytest.raises(MirrorFailed, match="away"):
        await mirror.take(log.view(), held)
    assert not list(share.iterdir())
    share.rmdir()
    aside.rename(share)
    await mirror.take(log.view(), held)
    assert len(lines(share / "worm.jsonl")) == 2


async def test_a_file_that_was_cut_is_not_written_to(log: MadeLog, tmp_path: Path) -> None:
    path = tmp_path / "worm.jsonl"
    mirror = FileMirror(path, Standing())
    taken = await mirror.take(log.view(), Held())
    path.write_bytes(path.read_bytes()[:-1])
    with pytest.raises(MirrorFailed, match="cut"):
        await mirror.take(log.grow(1).view(), Held(size=5, mark=taken.mark))


async def test_half_a_line_is_left_and_the_next_one_stands_alone(
    log: MadeLog, tmp_path: Path
) -> None:
    path = tmp_path / "worm.jsonl"
    path.write_bytes(b'{"at":"2026-01-01T00:00:00Z","no')
    await FileMirror(path, Standing()).take(log.view(), Held())
    half, whole = path.read_bytes().splitlines()
    assert half.endswith(b'"no')
    assert orjson.loads(whole)["note"] == log.note()


async def test_a_file_shows_that_the_home_was_rolled_back(log: MadeLog, tmp_path: Path) -> None:
    """The home comes back from a backup, and its memory of the file with it."""
    path = tmp_path / "worm.jsonl"
    mirror = FileMirror(path, Standing())
    remembered = await mirror.take(log.view(), Held())
    log.grow(5)
    await mirror.take(log.view(), Held(size=5, mark=remembered.mark))
    log.cut(7)
    with pytest.raises(Contradicted) as caught:
        await mirror.take(log.view(), Held(size=5, mark=remembered.mark))
    assert (caught.value.kind, caught.value.size, caught.value.proven) == ("ahead", 10, True)
    log.grow(20, salt="b")
    with pytest.raises(Contradicted) as caught:
        await mirror.take(log.view(), Held())
    assert (caught.value.kind, caught.value.size) == ("forked", 10)
    assert len(lines(path)) == 2


async def test_scribbles_and_strangers_prove_nothing(log: MadeLog, tmp_path: Path) -> None:
    path = tmp_path / "worm.jsonl"
    larger = MadeLog(tmp_path / "stranger").grow(50).note()
    stranger = larger.replace(notes.read(larger).signatures[0].name, log.origin)
    rows = [b"scribble", b"{}", b'{"note":7}', orjson.dumps({"at": "", "note": stranger})]
    path.write_bytes(b"\n".join(rows) + b"\n")
    await FileMirror(path, Standing()).take(log.view(), Held())
    assert path.read_bytes().splitlines()[-1].count(log.origin.encode()) == 2


async def test_two_logs_and_two_homes_share_a_file(log: MadeLog, tmp_path: Path) -> None:
    path = tmp_path / "worm.jsonl"
    mirror = FileMirror(path, Standing())
    other = MadeLog(log.home, "w-00000000000f").grow(2)
    foreign = MadeLog(tmp_path / "foreign").grow(9)
    marks = {}
    for one in (log, other, foreign):
        marks[one.origin] = (await mirror.take(one.view(), Held())).mark
    for one in (log, other, foreign):
        size = one.view().head.size
        await mirror.take(one.grow(1).view(), Held(size=size, mark=marks[one.origin]))
    assert len(lines(path)) == 6


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="the system has no pipes with names")
async def test_a_disk_that_hangs_keeps_nobody_waiting(
    log: MadeLog, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pipe = tmp_path / "hangs"
    os.mkfifo(pipe)
    monkeypatch.setattr(module, "DISK_S", 0.05)
    mirror = FileMirror(pipe, Standing())
    monkeypatch.setattr(module, "_FLAGS", os.O_WRONLY)  # waits for a reader, for ever
    with pytest.raises(MirrorFailed, match="did not answer"):
        await mirror.take(log.view(), Held())
    with pytest.raises(MirrorFailed, match="not answered yet"):
        await mirror.take(log.view(), Held())
    reader = await asyncio.to_thread(pipe.open, "rb")
    reader.close()


# -- a webhook --


class Desk:
    """Takes what is posted."""

    def __init__(self, status: int = 204, error: Exception | None = None) -> None:
        self.status, self.error = status, error
        self.got: list[tuple[str, dict[str, str], bytes]] = []

    async def __call__(
        self, method: str, url: str, headers: dict[str, str], body: bytes, timeout_ms: int
    ) -> tuple[int, bytes]:
        if self.error is not None:
            raise self.error
        self.got.append((url, headers, body))
        return self.status, b""


def hook(desk: Desk, egress: tuple[str, ...] = ("desk.example.com",)) -> module.Mirror:
    spec = MirrorSpec(
        label="h", kind="webhook", target="https://desk.example.com/in", secret="env:S"
    )
    secrets = ReferenceSecrets(Path(), {"S": "a secret"})
    return made_mirror(spec, desk, secrets, Standing(), egress)


async def test_a_webhook_gets_a_signed_cloud_event(log: MadeLog) -> None:
    desk = Desk()
    await hook(desk).take(log.view(), Held())
    await hook(desk).take(log.view(), Held())
    (url, headers, body), (_, again, _) = desk.got
    assert url == "https://desk.example.com/in"
    assert headers["webhook-id"] == again["webhook-id"]
    moment = NOW_NS // 10**9
    signed = f"{headers['webhook-id']}.{moment}.".encode() + body
    digest = hmac.new(b"a secret", signed, hashlib.sha256).digest()
    assert headers["webhook-signature"] == "v1," + base64.b64encode(digest).decode()
    event = orjson.loads(body)
    assert headers["content-type"] == "application/cloudevents+json"
    assert {"specversion", "id", "source", "type", "time", "data"} <= set(event)
    assert (event["type"], event["source"]) == ("freehold.ledger.checkpoint", log.origin)
    assert event["data"]["note"] == log.note()
    assert event["data"]["size"] == 5


@pytest.mark.parametrize(
    ("desk", "egress"),
    [
        (Desk(status=500), ("desk.example.com",)),
        (Desk(status=302), ("desk.example.com",)),
        (Desk(error=ContextError("no connection")), ("desk.example.com",)),
        (Desk(), ("elsewhere.example.com",)),
        (Desk(), ()),
    ],
)
async def test_a_webhook_that_does_not_take_it_failed(
    log: MadeLog, desk: Desk, egress: tuple[str, ...]
) -> None:
    with pytest.raises(MirrorFailed):
        await hook(desk, egress).take(log.view(), Held())


# -- a witness --


class Wire:
    """Posts into a witness in this process."""

    def __init__(self, door: WitnessDoor) -> None:
        self.door = door
        self.away = False
        self.asked: list[tuple[str, str, bytes]] = []
        self.says: list[tuple[int, bytes]] = []

    async def __call__(
        self, method: str, url: str, headers: dict[str, str], body: bytes, timeout_ms: int
    ) -> tuple[int, bytes]:
        self.asked.append((method, url, body))
        if self.away:
            raise ContextError("the connection could not be made (witness.example.com)")
        if self.says:
            return self.says.pop(0)
        path = unquote(urlsplit(url).path)
        answer = await ask(self.door, method, path, body)
        assert answer is not None
        return answer.status, answer.body


class Both(Made):
    """A witness, and a mirror that sends to it."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        self.wire = Wire(WitnessDoor(self.witness))
        self.spec = MirrorSpec(
            label="w", kind="witness", target="http://witness.example.com/", key=self.witness.key
        )
        self.mirror = made_mirror(
            self.spec, self.wire, ReferenceSecrets(Path(), {}), self.clock, ("witness.example.com",)
        )

    async def send(self, held: int = 0) -> Taken:
        return await self.mirror.take(self.log.view(), Held(size=held))


@pytest.fixture
def both(tmp_path: Path) -> Both:
    made = Both(tmp_path)
    made.log.grow(5)
    return made


async def test_a_witness_cosigns_and_the_line_is_verified(both: Both) -> None:
    taken = await both.send()
    note = notes.read(both.log.note() + taken.cosigned)
    assert notes.verified(note, [VerifierKey.parse(both.witness.key)]) == ("witness.example.com",)


async def test_who_has_forgotten_where_it_was_is_told(both: Both) -> None:
    await both.send()
    both.log.grow(600)
    assert (await both.send(held=0)).cosigned  # 409, then from 5
    assert (await both.send(held=605)).cosigned
    assert [m for m, *_ in both.wire.asked] == ["POST"] * 4


async def test_an_answer_that_got_lost_does_no_harm(both: Both) -> None:
    await both.send()  # the witness has it, and we never heard
    both.log.grow(4)
    assert (await both.send(held=0)).cosigned
    assert both.desk.logs()[0]["state"] == "ok"


async def test_a_rolled_back_home_is_told_so_with_proof(both: Both) -> None:
    both.log.grow(95)
    await both.send()
    before = both.log.note()
    both.log.cut(60)
    for held in (0, 50, 100):
        with pytest.raises(Contradicted) as caught:
            await both.send(held)
        assert (caught.value.kind, caught.value.size) == ("ahead", 100)
        assert caught.value.proven
        assert caught.value.there.startswith(before)


async def test_a_forked_home_is_told_so_with_proof(both: Both) -> None:
    both.log.grow(95)
    await both.send()
    both.log.cut(60).grow(60, salt="b")
    with pytest.raises(Contradicted) as caught:
        await both.send(held=100)
    assert (caught.value.kind, caught.value.size, caught.value.proven) == ("forked", 100, True)
    both.log.cut(100)
    with pytest.raises(Contradicted) as caught:
        await both.send(held=0)
    assert caught.value.kind == "forked"
    assert both.desk.logs()[0]["state"] == "forked"


async def test_a_witness_that_only_claims_it_proves_nothing(both: Both) -> None:
    both.wire.says = [(409, b"900\n"), (404, b"")]
    with pytest.raises(Contradicted) as caught:
        await both.send()
    assert not caught.value.proven


@pytest.mark.parametrize(
    "says",
    [
        [(404, b"unknown log")],
        [(403, b"")],
        [(500, b"")],
        [(422, b"")],  # of nothing before, there is no proof to doubt
        [(200, b"")],
        [(200, b"nonsense")],
        [(200, b"\xe2\x80\x94 somebody.else AAAAAAAAAAAA\n")],
        [(409, b"nonsense")],
        [(409, b"0\n")],
        [(409, b"1\n"), (409, b"2\n"), (409, b"3\n")],
        [(302, b"")],
    ],
)
async def test_other_answers_are_failures(both: Both, says: list[tuple[int, bytes]]) -> None:
    both.wire.says = says
    with pytest.raises(MirrorFailed):
        await both.send()


async def test_a_cosignature_that_is_wrong_is_not_taken(both: Both) -> None:
    taken = await both.send()
    both.log.grow(1)
    both.wire.says = [(200, taken.cosigned.encode())]  # of the checkpoint before
    with pytest.raises(MirrorFailed, match="wrong"):
        await both.send(held=5)


async def test_nothing_goes_where_the_bundle_does_not_allow(both: Both) -> None:
    mirror = made_mirror(both.spec, both.wire, ReferenceSecrets(Path(), {}), both.clock, ())
    with pytest.raises(MirrorFailed, match="egress"):
        await mirror.take(both.log.view(), Held())
    assert not both.wire.asked


async def test_a_tree_that_does_not_fit_its_checkpoint_is_no_accusation(both: Both) -> None:
    """A slip of this machine's disk is told as such, before a witness could take it for a fork."""
    await both.send()
    both.log.grow(5)
    path = both.log.folder / "tree" / "0"
    data = bytearray(path.read_bytes())
    data[6 * 32] ^= 1
    path.write_bytes(data)
    with pytest.raises(MirrorFailed, match="does not fit"):
        await both.send(held=5)
    assert both.desk.logs()[0]["state"] == "ok"
