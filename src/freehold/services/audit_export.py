"""Records for whoever asks for proof: one signed archive; see ADR 27 for its form."""

import base64
import hashlib
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import IO, Any, Self

import orjson
from msgspec import Struct

import freehold
from freehold.bundle.kept import kept_folder
from freehold.bundle.problems import Problems
from freehold.bundle.snapshot import read_folder
from freehold.core.errors import NotFound, StorageError
from freehold.ledger import notes
from freehold.ledger.archive import Archive
from freehold.ledger.canonical import encode, plain
from freehold.ledger.files import writers
from freehold.ledger.leaves import NO_CHECKPOINT, Log, lines_of, log_of
from freehold.ledger.notes import Signer
from freehold.ledger.signing import LedgerKeys
from freehold.ledger.verifying.joined import one_file
from freehold.services.contents import Contents, as_dict
from freehold.services.export_choice import Asked, Choice
from freehold.services.export_readme import readme
from freehold.services.export_select import Anchor, Selected, Tell, learn, select
from freehold.services.records import Records

FORMAT = "freehold audit export"
EVENT = "audit.exported"
_SPOOL = 4 * 1024 * 1024
_PAUSE_S, _TRIES = 0.25, 12
_ALL = "Every line of every log is here, so their roots show that none is missing."
_NUMBERED = (
    "In each log the lines of these tenants are numbered without a gap. Whether later ones were"
    " left out at its end, no log shows by itself; the event `audit.exported` says how many it had."
)
_AUTHENTIC = (
    "What is here stands in the ledger as it was written. That it is all that fits what was asked"
    " for rests on the word of whoever made this archive"
)
LogEvent = Callable[..., str]


class Exported(Struct, frozen=True, kw_only=True):
    """What was made.

    Attributes:
        sound: every log is proven or adopted, and no line is damaged.
    """

    manifest: dict[str, Any]
    sha256: str
    fingerprint: str
    sound: bool


class Prepared(Struct, frozen=True, kw_only=True):
    """What is known before the ledger says that it was handed out."""

    choice: Choice
    logs: tuple[Log, ...]
    mine: str
    selected: dict[str, Selected]
    anchors: dict[str, Anchor]
    texts: IO[bytes] | None
    places: list[tuple[str, int, int]]
    states: dict[str, int] | None


class Exporting:
    """The use case. Leave it as a context, since it lays texts and hashes aside.

    Args:
        home: where the ledger lies.
        records: for the texts of exchanges.
        contents: opens texts; each is an entry in the ledger.
        holds: legal holds on what was asked for, as the manifest is to tell them.
        actor: who exports, as the ledger is to say.
        log: writes the entry that each export leaves.
        tell: is told how it goes on.
        pause: waits for so many seconds.
    """

    def __init__(
        self,
        home: Path,
        records: Records,
        contents: Contents,
        holds: Callable[[Asked], list[dict[str, Any]]],
        actor: str,
        log: LogEvent,
        tell: Tell,
        pause: Callable[[float], None] = time.sleep,
    ) -> None:
        self._pause = pause
        self._home = home
        self._records = records
        self._contents = contents
        self._holds = holds
        self._actor = actor
        self._log = log
        self._tell = tell
        self._keys = LedgerKeys(home)
        self._open = ExitStack()
        self._patience = _TRIES
        self.signed_by = ""
        """The fingerprint of the key that signed, once it is written."""

    def __enter__(self) -> Self:
        """Nothing is opened yet."""
        return self

    def __exit__(self, *exc: object) -> None:
        """Forget what was laid aside."""
        self._open.close()

    def prepare(self, asked: Asked, mine: str) -> Prepared:
        """Choose, open the texts if they are wanted, and write into the ledger what leaves it.

        Args:
            mine: the writer whose log takes the entry; it is read again when that is closed.

        Raises:
            NotFound: nothing fits what was asked for.
            RequestError: several people may be meant.
            StorageError, AuditError: the ledger can't be read or written.
        """
        home, choice = self._home, Choice(asked)
        logs = tuple(self._begun(writer, mine) for writer in writers(home))
        anchors: dict[str, Anchor] = {}
        if choice.needs_learning or any(log.size is None for log in logs):
            for log in logs:
                learn(home, _whole(log, mine), choice, anchors, self._tell)
            choice.settle()
        selected = {log.writer: self._select(_whole(log, mine), choice, anchors) for log in logs}
        named = [each for one in selected.values() for each in one.named]
        if not named and asked.narrow:
            raise NotFound("no exchange in the ledger fits what was asked for")
        texts, places, states = self._texts(named, asked)
        if asked.content and mine in selected:  # each reading was an entry of its own
            own = _whole(selected[mine].log, mine)
            selected[mine] = self._select(own, choice, anchors)
        details = {
            "filter": asked.as_dict(),
            "lines": sum(len(one.chosen) for one in selected.values()),
            "exchanges": len(named),
            "digest": _digest(selected.values()),
            "logs": [_counted(one) for one in selected.values()],
        }
        tenant = asked.tenant or ""
        choice.event = self._log(EVENT, self._actor, FORMAT, details, tenant=tenant)
        return Prepared(
            choice=choice,
            logs=logs,
            mine=mine,
            selected=selected,
            anchors=anchors,
            texts=texts,
            places=places,
            states=states,
        )

    def write(self, prepared: Prepared, target: IO[bytes]) -> dict[str, Any]:
        """Make the archive, once the log with the entry is closed; give the manifest.

        Raises:
            StorageError: the ledger can't be read, or was changed meanwhile; no key signs it.
        """
        home, mine = self._home, prepared.mine
        choice, selected = prepared.choice, prepared.selected
        log = log_of(home, mine, self._keys)
        selected[mine] = self._select(log, choice, prepared.anchors)
        manifest = self._manifest(prepared)
        archive = Archive(target)
        history, key, seed = self._keys.held()  # the key may be changed before the end is signed
        self.signed_by = key.fingerprint
        owners = sorted(set().union(*(one.owners for one in selected.values())))
        archive.add("README.md", readme(manifest, key.fingerprint, owners))
        for bundle in manifest["bundles"] if choice.asked.bundles else ():
            if bundle not in manifest["missing_bundles"]:
                self._bundle(archive, bundle)
        if prepared.texts is not None:
            for name, at, length in sorted(prepared.places):
                prepared.texts.seek(at)
                archive.add(f"contents/{name}.json", prepared.texts.read(length))
        archive.add("keys.jsonl", history)
        for writer, one in sorted(selected.items()):
            self._tell(f"{writer}: {len(one.chosen):,} lines go into the archive")
            if one.log.note:
                archive.add(f"logs/{writer}/checkpoint", one.log.note.encode())
            archive.add_all(f"logs/{writer}/lines.jsonl", one.lines(home))
            one.skeleton.seek(0)
            archive.add_all(f"logs/{writer}/skeleton.jsonl", one.skeleton)
        verifier = one_file()
        self._sign(archive, manifest, verifier, seed)
        archive.close()
        return manifest

    def _begun(self, writer: str, mine: str) -> Log:
        """A log; of one that another process writes, once a checkpoint signs what stands in it by
        now: that comes within the second, and what nobody signed can't be proven. (One whose
        process died is the first that the next process takes, which is this one.)
        """
        by_now = lines_of(self._home, writer)
        log = log_of(self._home, writer, self._keys)
        while writer != mine and self._patience:
            if log.why != NO_CHECKPOINT and (log.size is None or log.size >= by_now):
                break
            self._patience -= 1
            self._pause(_PAUSE_S)
            log = log_of(self._home, writer, self._keys)
        return log

    def _select(self, log: Log, choice: Choice, anchors: dict[str, Anchor]) -> Selected:
        return select(self._home, log, choice, anchors, self._tell, self._aside)

    def _aside(self) -> IO[bytes]:
        return self._open.enter_context(tempfile.SpooledTemporaryFile(_SPOOL))

    def _sign(
        self, archive: Archive, manifest: dict[str, Any], verifier: bytes, seed: bytes
    ) -> None:
        manifest["files"] = dict(archive.files) | {"verify.py": _hashed(verifier)}
        octets = encode(manifest)
        base = self._keys.base
        digest = _hashed(octets)["sha256"]
        text = f"{FORMAT}\n{base}\nsha256:{digest}\n"
        archive.add("manifest.json", octets)
        archive.add("manifest.sig", notes.sign(text, Signer(base, seed)).encode())
        archive.add("verify.py", verifier)

    def _manifest(self, prepared: Prepared) -> dict[str, Any]:
        choice, asked = prepared.choice, prepared.choice.asked
        selected = [one for _, one in sorted(prepared.selected.items())]
        claim, why = _claim(selected, choice)
        bundles = sorted(set().union(*(one.bundles for one in selected)))
        event = next((one.event for one in selected if one.event), None)
        if event is None:
            raise StorageError("the ledger's entry about this export can't be found in it")
        writer, seq, at = event
        return {
            "format": FORMAT,
            "v": 1,
            "base": self._keys.base,
            "freehold": freehold.__version__,
            "made_at": at,
            "scope": plain(asked.as_dict()),
            "claim": claim,
            "why": why,
            "event": {"writer": writer, "seq": seq},
            "logs": [_told(one, choice) for one in selected],
            "lines": sum(len(one.chosen) for one in selected),
            "exchanges": sum(len(one.named) for one in selected),
            "bundles": bundles,
            "missing_bundles": [each for each in bundles if not _kept(self._home, each)],
            "contents": prepared.states,
            "holds": self._holds(asked),
        }

    def _bundle(self, archive: Archive, bundle: str) -> None:
        files = read_folder(kept_folder(self._home, bundle), Problems()).files
        for name in sorted(files):
            archive.add(f"bundles/{bundle.removeprefix('sha256:')}/{name}", files[name])

    def _texts(
        self, named: Sequence[str], asked: Asked
    ) -> tuple[IO[bytes] | None, list[tuple[str, int, int]], dict[str, int] | None]:
        """What was said, laid aside in a file that has no name; and where in it each lies."""
        if not asked.content:
            return None, [], None
        states: Counter[str] = Counter()
        places = []
        aside = self._aside()
        for number, exchange in enumerate(named):
            if number and number % 1_000 == 0:
                self._tell(f"{number:,} of {len(named):,} texts opened")
            found = self._contents.read(self._records.find(exchange), unmask=asked.unmask)
            states[found.state] += 1
            text = orjson.dumps(as_dict(found, unmask=asked.unmask), option=orjson.OPT_SORT_KEYS)
            places.append((exchange, aside.tell(), len(text)))
            aside.write(text)
        return aside, places, dict(sorted(states.items()))


def _whole(log: Log, mine: str) -> Log:
    """One's own log is taken as it is, since its next checkpoint is yet to come."""
    if log.writer != mine:
        return log
    return Log(writer=log.writer, origin=log.origin, version=log.version)


def _digest(selected: Iterable[Selected]) -> str:
    logs = sorted(selected, key=lambda one: one.log.writer)
    return str(_hashed(b"".join(bytes.fromhex(one.digest) for one in logs))["sha256"])


def _counted(one: Selected) -> dict[str, Any]:
    root = base64.b64encode(one.root).decode()
    return {
        "writer": one.log.writer,
        "size": one.size,
        "root": root,
        "lines": len(one.chosen),
        "tenants": dict(sorted(one.counts.items())),
    }


def _told(one: Selected, choice: Choice) -> dict[str, Any]:
    """One log, for the manifest."""
    return {
        "writer": one.log.writer,
        "origin": one.log.origin,
        "v": one.log.version,
        "size": one.size,
        "root": base64.b64encode(one.root).decode(),
        "status": one.status,
        "why": one.why,
        "anchor": dict(zip(("writer", "seq"), one.anchor, strict=True)) if one.anchor else None,
        "lines": len(one.chosen),
        "tenants": [each.as_dict() for each in one.ranges(choice)],
        "damaged": [
            {
                "index": index,
                "segment": damage.segment if damage else 0,
                "offset": damage.offset if damage else 0,
                "length": damage.length if damage else 0,
            }
            for index, damage in one.damaged
        ],
    }


def _claim(selected: list[Selected], choice: Choice) -> tuple[str, str]:
    asked = choice.asked
    flawed = [one for one in selected if one.status == "unproven" or one.damaged]
    if asked.narrow or asked.kinds or (asked.tenants is None and asked.span):
        return "authentic", _AUTHENTIC + "."
    if flawed:
        logs = ", ".join(one.log.writer for one in flawed)
        return "authentic", f"{_AUTHENTIC}: lines of {logs} are damaged or not proven."
    if asked.everything:
        return "complete", _ALL
    for one in selected:
        wanted = {tenant for tenant in one.counts if tenant in (asked.reach or ())}
        said = {each.tenant for each in one.ranges(choice)}
        if one.status == "adopted" and one.chosen:
            return "authentic", f"{_AUTHENTIC}: lines of {one.log.writer} were not numbered yet."
        if wanted - said:
            return "authentic", f"{_AUTHENTIC}: in {one.log.writer} lines of a tenant are missing."
    return "complete", _NUMBERED


def _kept(home: Path, bundle: str) -> bool:
    try:
        folder = kept_folder(home, bundle)
    except NotFound:
        return False
    return folder.is_dir() and read_folder(folder, Problems()).hash == bundle


def _hashed(data: bytes) -> dict[str, str | int]:
    return {"sha256": hashlib.sha256(data).hexdigest(), "bytes": len(data)}
