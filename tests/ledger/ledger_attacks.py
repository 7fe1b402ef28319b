"""What somebody with access to a ledger's files may do to it, one function for each attack.

Each changes the files of the ledger that :func:`victim` made. ``Victim`` also keeps what an insider
has, the private key among it. The names are those of the table in docs/reference/verification.md.
"""

import base64
import json
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from freehold.ledger import notes
from freehold.ledger.canonical import encode
from freehold.ledger.checkpoints import Checkpoint
from freehold.testing.ledgers import WRITER, WrittenLedger, relined

OTHER = "w-ba9876543210"
SIZES = (10, 25, 40)
PER_SEGMENT = 15


def salt(seq: int) -> str:
    """The same each time, so that a copy that was written anew differs only where it should."""
    return f"{seq:032x}"


@dataclass
class Victim:
    """A ledger of two logs, with what its owner kept elsewhere.

    Attributes:
        mirror: a folder with the newest checkpoint of each log, as a mirror keeps them.
        pin: the fingerprint of the first key, as somebody wrote it down.
        copy: the ledger as it was at the second of :data:`SIZES`.
    """

    home: Path
    mirror: Path
    copy: Path
    pin: str
    lines: list[bytes]
    seeds: dict[int, bytes]

    @property
    def ledger(self) -> Path:
        return self.home / "ledger"

    @property
    def folder(self) -> Path:
        return self.ledger / WRITER

    def segment(self, number: int) -> Path:
        return self.folder / f"segment-{number:08d}.log"

    def split(self, number: int) -> list[bytes]:
        return self.segment(number).read_bytes().splitlines(keepends=True)

    def put(self, number: int, lines: list[bytes]) -> None:
        self.segment(number).write_bytes(b"".join(lines))

    def rewrite(self, lines: list[bytes], *, sign: bool, writer: str = WRITER) -> WrittenLedger:
        """The log written anew with these lines; signed with the key of the home, or with the
        checkpoints that were there.
        """
        folder = self.ledger / writer
        before = (folder / "checkpoint").read_text(encoding="utf-8")
        history = (folder / "checkpoints.jsonl").read_bytes()
        shutil.rmtree(folder)
        anew = WrittenLedger(self.home, writer, lines_per_segment=PER_SEGMENT)
        for line in lines:
            anew.take(line)
        if sign:
            anew.checkpoint()
        else:
            anew.flush()
            (folder / "checkpoint").write_text(before, encoding="utf-8")
            (folder / "checkpoints.jsonl").write_bytes(history)
        return anew

    def renumbered(self, lines: list[bytes], *, tenants: bool = True) -> list[bytes]:
        """The lines counted through again, and those of each tenant, too."""
        found: list[bytes] = []
        counts: dict[str, int] = {}
        for seq, line in enumerate(lines, start=1):
            tenant: str = json.loads(line)["body"]["tenant"]
            counts[tenant] = counts.get(tenant, 0) + 1
            changes = {"seq": seq} | ({"tenant_seq": counts[tenant]} if tenants else {})
            found.append(relined(line, **changes))
        return found


def victim(folder: Path) -> Victim:
    """Two logs in one home; the key was changed once, after the first of the checkpoints."""
    home, mirror, copy = folder / "home", folder / "mirror", folder / "copy"
    mirror.mkdir(parents=True)
    other = WrittenLedger(home, OTHER, lines_per_segment=PER_SEGMENT, salt=salt).fill(20)
    ledger = WrittenLedger(home, lines_per_segment=PER_SEGMENT, salt=salt)
    pin = ledger.keys.history()[0].fingerprint
    seeds = {}
    for at, size in enumerate(SIZES):
        ledger.fill(size - len(ledger.lines), ("acme", "borealis", "cobalt"))
        newest = ledger.checkpoint()
        if at == 0:
            seeds[1] = (home / "keys" / "ledger-1.key").read_bytes()
            ledger.keys.rotate("2026-11-21T12:00:00Z")
        if at == 1:
            other.checkpoint()
            shutil.copytree(home, copy)
    seeds[2] = (home / "keys" / "ledger-2.key").read_bytes()
    (mirror / f"{WRITER}.checkpoint").write_text(newest, encoding="utf-8")
    (mirror / f"{OTHER}.checkpoint").write_text(other.checkpoints[-1], encoding="utf-8")
    return Victim(home, mirror, copy, pin, list(ledger.lines), seeds)


Attack = Callable[[Victim], None]
ATTACKS: dict[str, Attack] = {}


def attack(told: str) -> Callable[[Attack], Attack]:
    """Register under the words of the table."""

    def register(function: Attack) -> Attack:
        ATTACKS[told] = function
        return function

    return register


# without the private key


@attack("a line's body is changed")
def _body(v: Victim) -> None:
    lines = v.split(2)
    v.put(2, [*lines[:4], relined(lines[4], EXCHANGE="ex_lie") + b"\n", *lines[5:]])


@attack("a line's salt is changed")
def _salt(v: Victim) -> None:
    lines = v.split(2)
    v.put(2, [*lines[:4], relined(lines[4], salt="f" * 32) + b"\n", *lines[5:]])


@attack("a line is dropped")
def _drop(v: Victim) -> None:
    lines = v.split(2)
    v.put(2, lines[:4] + lines[5:])


@attack("two lines change places")
def _swap(v: Victim) -> None:
    lines = v.split(1)
    lines[2], lines[9] = lines[9], lines[2]
    v.put(1, lines)


@attack("a line stands there twice")
def _twice(v: Victim) -> None:
    lines = v.split(1)
    v.put(1, [*lines[:6], lines[3], *lines[6:]])


@attack("a line is put in place of another tenant's")
def _tenant(v: Victim) -> None:
    lines = v.split(2)
    v.put(2, [*lines[:4], relined(lines[4], TENANT="borealis") + b"\n", *lines[5:]])


@attack("a line of another log is slipped in")
def _foreign(v: Victim) -> None:
    line = (v.ledger / OTHER / "segment-00000001.log").read_bytes().splitlines(keepends=True)[4]
    lines = v.split(1)
    v.put(1, [*lines[:4], line, *lines[5:]])


@attack("the last lines are cut off")
def _cut(v: Victim) -> None:
    v.put(3, v.split(3)[:-3])


@attack("the last line is cut in the middle")
def _torn(v: Victim) -> None:
    v.segment(3).write_bytes(v.segment(3).read_bytes()[:-20])


@attack("a segment is removed")
def _segment(v: Victim) -> None:
    v.segment(2).unlink()


@attack("two segments change places")
def _segments(v: Victim) -> None:
    first, second = v.segment(1).read_bytes(), v.segment(2).read_bytes()
    v.segment(1).write_bytes(second)
    v.segment(2).write_bytes(first)


@attack("a line is changed, and the tree's files with it")
def _with_tree(v: Victim) -> None:
    lines = list(v.lines)
    lines[20] = relined(lines[20], EXCHANGE="ex_lie")
    v.rewrite(lines, sign=False)


@attack("a line is dropped, the rest renumbered, the tree rebuilt")
def _renumber(v: Victim) -> None:
    v.rewrite(v.renumbered(v.lines[:20] + v.lines[21:]), sign=False)


@attack("a line is replaced by one made up, in the right form, the tree rebuilt")
def _made_up(v: Victim) -> None:
    v.rewrite(v.renumbered([*v.lines[:20], v.lines[0], *v.lines[21:]]), sign=False)


@attack("a hash in the tree's files is changed")
def _tree(v: Victim) -> None:
    path = v.folder / "tree" / "0"
    data = bytearray(path.read_bytes())
    data[70] ^= 1
    path.write_bytes(data)


@attack("the newest checkpoint is changed")
def _checkpoint(v: Victim) -> None:
    path = v.folder / "checkpoint"
    path.write_text(path.read_text("utf-8").replace("\n40\n", "\n39\n"), encoding="utf-8")


@attack("the newest checkpoint is removed")
def _no_checkpoint(v: Victim) -> None:
    (v.folder / "checkpoint").unlink()


@attack("all checkpoints and the tree's files are removed")
def _no_checkpoints(v: Victim) -> None:
    (v.folder / "checkpoint").unlink()
    (v.folder / "checkpoints.jsonl").unlink()
    shutil.rmtree(v.folder / "tree")


@attack("the checkpoint of another log is put in place")
def _other_checkpoint(v: Victim) -> None:
    shutil.copy(v.ledger / OTHER / "checkpoint", v.folder / "checkpoint")


@attack("an older checkpoint is put in place, nothing else")
def _old_checkpoint(v: Victim) -> None:
    shutil.copy(v.copy / "ledger" / WRITER / "checkpoint", v.folder / "checkpoint")


@attack("an earlier checkpoint in `checkpoints.jsonl` is changed")
def _history(v: Victim) -> None:
    path = v.folder / "checkpoints.jsonl"
    path.write_bytes(path.read_bytes().replace(b"\\n25\\n", b"\\n24\\n"))


@attack("a log is passed off as one of format 1, which had no tree")
def _format_one(v: Victim) -> None:
    shutil.rmtree(v.folder)
    v.folder.mkdir()
    lines = [relined(one, v=1, tenant_seq=None) for one in v.lines]
    v.put(1, [one.replace(b'"tenant_seq":null,', b"") + b"\n" for one in lines])


@attack("a line is changed, and a folder `tree` is put beside the logs")
def _disguise(v: Victim) -> None:
    ATTACKS["a line's body is changed"](v)
    (v.ledger / "tree").mkdir()


@attack("a segment is replaced by a link")
def _link(v: Victim) -> None:
    elsewhere = v.home / "elsewhere.log"
    v.segment(2).rename(elsewhere)
    v.segment(2).symlink_to(elsewhere)


@attack("the public key in `keys.jsonl` is replaced")
def _public(v: Victim) -> None:
    made = WrittenLedger(v.home.parent / "stranger")
    path = v.ledger / "keys.jsonl"
    lines = path.read_bytes().splitlines(keepends=True)
    lines[1] = relined(lines[1], public=made.keys.history()[0].public) + b"\n"
    path.write_bytes(b"".join(lines))


@attack("`keys.jsonl` is removed")
def _no_keys(v: Victim) -> None:
    (v.ledger / "keys.jsonl").unlink()


@attack("another key is made, and everything is signed anew with it")
def _swapped(v: Victim) -> None:
    (v.ledger / "keys.jsonl").unlink()
    shutil.rmtree(v.home / "keys")
    lines = list(v.lines)
    lines[20] = relined(lines[20], EXCHANGE="ex_lie")
    v.rewrite(lines, sign=True)
    other = (v.ledger / OTHER / "segment-00000001.log").read_bytes().splitlines()
    other += (v.ledger / OTHER / "segment-00000002.log").read_bytes().splitlines()
    v.rewrite(other, sign=True, writer=OTHER)


@attack("another key is made that endorses the pinned one, and signs")
def _before(v: Victim) -> None:
    """The stranger's key becomes number 1, the real ones 2 and 3, the first of them endorsed."""
    seed = b"\x66" * 32
    base = (v.ledger / "origin").read_text("utf-8").strip()
    real = WrittenLedger(v.home, OTHER).keys.history()[0]
    public = Ed25519PrivateKey.from_private_bytes(seed).public_key().public_bytes_raw()
    key = {"n": 1, "public": base64.b64encode(public).decode(), "from": real.since}
    text = f"freehold ledger key\n{base}\n2\n{real.public}\n{real.since}\n"
    statement = notes.sign(text, notes.Signer(base, seed))
    rows = [
        key | {"statement": None},
        {"n": 2, "public": real.public, "from": real.since, "statement": statement},
    ]
    lines = list(v.lines)
    lines[20] = relined(lines[20], EXCHANGE="ex_lie")
    anew = v.rewrite(lines, sign=True)
    shutil.rmtree(v.ledger / OTHER)
    (v.ledger / "keys.jsonl").write_bytes(b"".join(encode(row) + b"\n" for row in rows))
    (anew.folder / "checkpoints.jsonl").unlink()
    signer = notes.Signer(anew.origin, seed)
    state = Checkpoint.parse(notes.read(anew.checkpoints[-1]).text)
    anew.publish(notes.sign(state.text(), signer))


# what lies within a second, or is nobody's statement


@attack("a line that no checkpoint signs yet is changed, with its hash in the tree")
def _tail(v: Victim) -> None:
    shutil.copy(v.copy / "ledger" / WRITER / "checkpoint", v.folder / "checkpoint")
    shutil.copy(v.copy / "ledger" / WRITER / "checkpoints.jsonl", v.folder / "checkpoints.jsonl")
    lines = list(v.lines)
    lines[30] = relined(lines[30], EXCHANGE="ex_lie")
    v.rewrite(lines, sign=False)


@attack("a line that no checkpoint signs yet is changed")
def _tail_alone(v: Victim) -> None:
    shutil.copy(v.copy / "ledger" / WRITER / "checkpoint", v.folder / "checkpoint")
    shutil.copy(v.copy / "ledger" / WRITER / "checkpoints.jsonl", v.folder / "checkpoints.jsonl")
    lines = v.split(3)
    v.put(3, [*lines[:4], relined(lines[4], EXCHANGE="ex_lie") + b"\n", *lines[5:]])


@attack("the `at` of an entry in `checkpoints.jsonl` is changed")
def _at(v: Victim) -> None:
    path = v.folder / "checkpoints.jsonl"
    path.write_bytes(path.read_bytes().replace(b'"at":"2026', b'"at":"2025', 1))


@attack("an earlier entry of `checkpoints.jsonl` is removed")
def _entry(v: Victim) -> None:
    path = v.folder / "checkpoints.jsonl"
    path.write_bytes(b"".join(path.read_bytes().splitlines(keepends=True)[1:]))


# what takes more than one file


@attack("the end is cut off together with its checkpoints and hashes")
def _cut_whole(v: Victim) -> None:
    shutil.rmtree(v.folder)
    shutil.copytree(v.copy / "ledger" / WRITER, v.folder)


@attack("an older copy of the whole home is put in place")
def _rolled_back(v: Victim) -> None:
    shutil.rmtree(v.home)
    shutil.copytree(v.copy, v.home)


@attack("a whole log is taken away")
def _log(v: Victim) -> None:
    shutil.rmtree(v.ledger / OTHER)


# with the private key


@attack("with the private key: a line is changed and everything signed anew")
def _insider(v: Victim) -> None:
    lines = list(v.lines)
    lines[20] = relined(lines[20], EXCHANGE="ex_lie")
    v.rewrite(lines, sign=True)


@attack("with the private key: a second history is signed, the first one's checkpoints are kept")
def _fork(v: Victim) -> None:
    history = (v.folder / "checkpoints.jsonl").read_bytes()
    lines = list(v.lines)
    lines[20] = relined(lines[20], EXCHANGE="ex_lie")
    anew = v.rewrite(lines, sign=True)
    (anew.folder / "checkpoints.jsonl").write_bytes(history)


@attack("with the private key: a tenant's line is dropped, the log renumbered and signed anew")
def _tenant_gap(v: Victim) -> None:
    v.rewrite(v.renumbered(v.lines[:20] + v.lines[21:], tenants=False), sign=True)


@attack("with the private key: a new key is endorsed, and signs a changed history")
def _endorsed(v: Victim) -> None:
    WrittenLedger(v.home, OTHER).keys.rotate("2026-11-21T18:00:00Z")
    _insider(v)


@attack("with a private key that was replaced: the newest checkpoint is signed with it")
def _old_key(v: Victim) -> None:
    anew = v.rewrite(v.lines, sign=False)
    state = Checkpoint.parse(notes.read((v.folder / "checkpoint").read_text("utf-8")).text)
    history = (v.folder / "checkpoints.jsonl").read_bytes()
    anew.publish(notes.sign(state.text(), notes.Signer(anew.origin, v.seeds[1])), history=False)
    (v.folder / "checkpoints.jsonl").write_bytes(history)


@attack("with a private key that was replaced: a whole log is made up and put in")
def _log_made_up(v: Victim) -> None:
    made_up = WrittenLedger(v.home, "w-ffffffffffff").fill(5)
    note = notes.read(made_up.checkpoint(history=False))
    made_up.publish(notes.sign(note.text, notes.Signer(made_up.origin, v.seeds[1])), history=False)
