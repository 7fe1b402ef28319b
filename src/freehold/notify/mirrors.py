"""Places where checkpoints of the ledger go: a file elsewhere, a webhook, a witness."""

import asyncio
import base64
import hashlib
import os
import threading
from collections.abc import Callable, Collection
from pathlib import Path
from typing import TypeVar
from urllib.parse import quote

import orjson

from freehold.core.clock import Clock, rfc3339
from freehold.core.errors import FreeholdError, StorageError
from freehold.core.mirrors import (
    Contradicted,
    Contradiction,
    Head,
    Held,
    LogView,
    Mirror,
    MirrorFailed,
    MirrorSpec,
    Taken,
)
from freehold.core.ports import NoticeFailed, Secrets
from freehold.ledger import notes
from freehold.ledger.notes import NoteError, VerifierKey
from freehold.ledger.witnessing import size_of, submission
from freehold.notify.webhooks import Post, allowed, post_signed

EVENT_TYPE = "freehold.ledger.checkpoint"
CLOUD_EVENTS = "application/cloudevents+json"
DISK_S = 30.0
_TIMEOUT_MS = 10_000
_TRIES = 3
_SHOWN = 200
_MOST_THERE = 4_000
_FLAGS = os.O_RDWR | os.O_APPEND | os.O_CREAT | getattr(os, "O_BINARY", 0)
T = TypeVar("T")


def made_mirror(
    spec: MirrorSpec, post: Post, secrets: Secrets, clock: Clock, egress: Collection[str] | None
) -> Mirror:
    """The mirror that a bundle describes. ``egress`` names where data may go; ``None`` is anywhere,
    for an address that somebody typed.

    Raises:
        MirrorFailed: it can't be one: its key is no key, say.
    """
    if spec.kind == "file":
        return FileMirror(Path(spec.target), clock)
    if spec.kind == "webhook":
        return WebhookMirror(spec, post, secrets, clock, egress)
    return WitnessMirror(spec, post, egress)


class FileMirror:
    """A file of JSON lines, ``{"at":…,"note":…}``, that is only ever appended to.

    What was appended is remembered by the file's length: a shorter one is not written to, since
    the share is away (and its mount point an empty folder) or somebody has cut it. What others
    appended is read: a larger log of the same name shows that the one here was rolled back.
    """

    def __init__(self, path: Path, clock: Clock) -> None:
        self._path = path
        self._clock = clock
        self._busy = False

    async def take(self, log: LogView, held: Held) -> Taken:
        """Append the head, and bring it to the disk."""
        if self._busy:
            raise MirrorFailed("the disk has not answered yet", away=True)
        return await self._patiently(lambda: self._append(log, held))

    async def _patiently(self, work: Callable[[], T]) -> T:
        """Run where a share that hangs keeps nobody waiting: not even the process's end."""
        loop = asyncio.get_running_loop()
        done: asyncio.Future[T] = loop.create_future()

        def tell(result: T | None, error: Exception | None) -> None:
            if done.done():
                return
            if error is not None:
                done.set_exception(error)
            else:
                done.set_result(result)  # type: ignore[arg-type]

        def run() -> None:
            result, failure = None, None
            try:
                result = work()
            except Exception as error:  # noqa: BLE001 - told to whoever waits
                failure = error
            self._busy = False
            try:
                loop.call_soon_threadsafe(tell, result, failure)
            except RuntimeError:  # the loop is gone: nobody waits any more
                pass

        self._busy = True
        threading.Thread(target=run, name="freehold-mirror", daemon=True).start()
        try:
            return await asyncio.wait_for(done, DISK_S)
        except TimeoutError:
            said = f"the disk did not answer for {DISK_S:g} seconds"
            raise MirrorFailed(said, away=True) from None

    def _append(self, log: LogView, held: Held) -> Taken:
        head, path = log.head, self._path
        try:
            size = path.stat().st_size if path.exists() else 0
            if size < held.mark:
                raise MirrorFailed(
                    f"it holds {size:,} bytes, and {held.mark:,} were written: the share is away, "
                    "or somebody has cut it"
                )
            newest = self._newest(log, held.mark) if size > held.mark else None
            if newest is not None and _same(newest, head):
                return Taken(mark=size)
            line = orjson.dumps({"at": rfc3339(self._clock.now_ns()), "note": head.note}) + b"\n"
            return Taken(mark=self._write(line))
        except OSError as error:
            said = error.strerror or type(error).__name__
            raise MirrorFailed(said, away=True) from None
        except FreeholdError as error:
            raise MirrorFailed(str(error)) from None

    def _newest(self, log: LogView, mark: int) -> Head | None:
        """The largest head of this log behind ``mark`` that this home signed, held against the log.

        Raises:
            Contradicted: it can't be of this log.
        """
        origin = orjson.dumps(log.head.origin)[1:-1]
        largest: Head | None = None
        with self._path.open("rb") as file:
            file.seek(mark)
            for line in file:
                if origin not in line:
                    continue
                try:
                    found = log.own(str(orjson.loads(line)["note"]))
                except (ValueError, KeyError, TypeError):
                    continue  # somebody's scribble, or the rest of a line that was cut off
                if found is not None and (largest is None or found.size >= largest.size):
                    largest = found
        if largest is not None:
            _hold_against(log, largest)
        return largest

    def _write(self, line: bytes) -> int:
        """Append it on a line of its own; give the file's length."""
        descriptor = os.open(self._path, _FLAGS, 0o640)
        try:
            end = os.lseek(descriptor, 0, os.SEEK_END)
            if end:
                os.lseek(descriptor, end - 1, os.SEEK_SET)
                if os.read(descriptor, 1) != b"\n":  # the last one was cut off: a full disk, say
                    line = b"\n" + line
            while line:
                line = line[os.write(descriptor, line) :]
            os.fsync(descriptor)
            return os.fstat(descriptor).st_size
        finally:
            os.close(descriptor)


class WebhookMirror:
    """A CloudEvent for each checkpoint, signed as Standard Webhooks say."""

    def __init__(
        self,
        spec: MirrorSpec,
        post: Post,
        secrets: Secrets,
        clock: Clock,
        egress: Collection[str] | None,
    ) -> None:
        self._spec = spec
        self._post = post
        self._secrets = secrets
        self._clock = clock
        self._egress = egress

    async def take(self, log: LogView, held: Held) -> Taken:  # noqa: ARG002
        """Post the head; the same one has the same id each time."""
        _allow(self._spec.target, self._egress)
        head = log.head
        event_id = "chk_" + hashlib.sha256(head.note.encode()).hexdigest()[:32]
        body = orjson.dumps(event(head, event_id, rfc3339(self._clock.now_ns())))
        spec = self._spec
        try:
            await post_signed(
                self._post,
                self._secrets,
                self._clock,
                spec.target,
                spec.secret,
                event_id,
                body,
                CLOUD_EVENTS,
            )
        except NoticeFailed as failed:
            raise MirrorFailed(str(failed), away=True) from None
        return Taken()


class WitnessMirror:
    """A second party that cosigns: c2sp.org/tlog-witness.

    Raises:
        MirrorFailed: its key is no key of a witness.
    """

    def __init__(self, spec: MirrorSpec, post: Post, egress: Collection[str] | None) -> None:
        self._url = spec.target.rstrip("/")
        self._post = post
        self._egress = egress
        try:
            self._key = VerifierKey.parse(spec.key) if spec.key else None
        except NoteError as error:
            raise MirrorFailed(str(error)) from None

    async def take(self, log: LogView, held: Held) -> Taken:
        """Have the head cosigned, from whatever size the witness knows."""
        _allow(self._url, self._egress)
        head, old = log.head, min(held.size, log.head.size)
        try:
            for _ in range(_TRIES):
                proof = await asyncio.to_thread(log.proof, old)
                body = submission(old, proof, head.note)
                headers = {"content-type": "text/plain; charset=utf-8"}
                url = f"{self._url}/add-checkpoint"
                status, answer = await self._post("POST", url, headers, body, _TIMEOUT_MS)
                if status == 200:
                    return Taken(cosigned=self._cosignatures(head, answer))
                if status != 409:
                    await self._refused(log, old, status, answer)
                size = size_of(answer.decode("ascii", "replace").removesuffix("\n"))
                if size > head.size or (size == head.size and old == size):
                    await self._contradict(log, size)
                if size == old:
                    raise MirrorFailed("it wants another size than the one that it names")
                old = size
        except StorageError as error:
            raise MirrorFailed(str(error)) from None
        except FreeholdError as error:
            raise MirrorFailed(str(error), away=True) from None
        except NoteError as error:
            raise MirrorFailed(f"its answer can't be read: {error}") from None
        raise MirrorFailed("somebody else's checkpoints of this log come in between")

    async def _refused(self, log: LogView, old: int, status: int, answer: bytes) -> None:
        said = answer[:_SHOWN].decode("utf-8", "replace").strip()
        if status == 422 and old:
            await self._contradict(log, old, said)
        away = status >= 500 or status == 429
        raise MirrorFailed(f"it answered {status}" + (f": {said}" if said else ""), away=away)

    async def _contradict(self, log: LogView, size: int, said: str = "") -> None:
        """Say that the witness has seen another log; with its note, where it shows one."""
        note = await self._note(log.head.origin)
        there = log.own(note)
        proven = there is not None
        if there is not None:
            try:
                await asyncio.to_thread(_hold_against, log, there)
            except Contradicted:
                pass
            else:
                proven = False
        kind: Contradiction = "ahead" if size > log.head.size else "forked"
        why = (
            f"it has cosigned {size:,} lines, and {log.head.size:,} are here"
            if kind == "ahead"
            else f"it has cosigned other {size:,} lines than are here"
        )
        raise Contradicted(kind, why, size=size, there=(note or said)[:_MOST_THERE], proven=proven)

    async def _note(self, origin: str) -> str:
        """The newest note that the witness shows of a log; empty where it shows none."""
        url = f"{self._url}/logs/{quote(origin, safe='')}/checkpoint"
        try:
            status, body = await self._post("GET", url, {}, b"", _TIMEOUT_MS)
        except FreeholdError:
            return ""
        return body[:_MOST_THERE].decode("utf-8", "replace") if status == 200 else ""

    def _cosignatures(self, head: Head, answer: bytes) -> str:
        """The lines of the answer that are signatures by this witness's key, verified.

        Raises:
            MirrorFailed: there is none.
            NoteError: it can't be read, or a signature is wrong.
        """
        lines = notes.read("-\n\n" + answer.decode("utf-8", "replace")).signatures
        if self._key is None:
            return "".join(map(str, lines))
        note = notes.Note(notes.read(head.note).text, lines)
        if not notes.verify(note, [self._key]):
            raise MirrorFailed(f"its answer has no cosignature by {self._key.name}")
        known = (self._key.name, self._key.key_id)
        return "".join(str(one) for one in lines if (one.name, one.key_id) == known)


def event(head: Head, event_id: str, at: str) -> dict[str, object]:
    """A checkpoint as CloudEvents 1.0 have it."""
    return {
        "specversion": "1.0",
        "id": event_id,
        "source": head.origin,
        "type": EVENT_TYPE,
        "time": at,
        "datacontenttype": "application/json",
        "data": {
            "origin": head.origin,
            "size": head.size,
            "root": base64.b64encode(head.root).decode(),
            "note": head.note,
        },
    }


def _hold_against(log: LogView, there: Head) -> None:
    """Raises: Contradicted: a head that this home signed can't be of the log that is here now."""
    here = log.head
    if there.size > here.size:
        raise Contradicted(
            "ahead",
            f"it holds a checkpoint of {there.size:,} lines, and {here.size:,} are here",
            size=there.size,
            there=there.note,
            proven=True,
        )
    if there.root != (here.root if there.size == here.size else log.root(there.size)):
        raise Contradicted(
            "forked",
            f"it holds a checkpoint of other {there.size:,} lines than are here",
            size=there.size,
            there=there.note,
            proven=True,
        )


def _same(one: Head, other: Head) -> bool:
    return (one.size, one.root) == (other.size, other.root)


def _allow(url: str, egress: Collection[str] | None) -> None:
    if egress is not None and not allowed(url, egress):
        raise MirrorFailed("its host is not in the bundle's egress.allow")
