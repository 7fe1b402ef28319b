"""A bundle's detectors once more, over the texts that were kept of requests."""

import re
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import orjson
from msgspec import Struct, convert
from msgspec.structs import asdict

from freehold.bundle.resolve import ResolvedBundle
from freehold.core.decisions import Finding
from freehold.core.errors import ControlFailed, NotFound
from freehold.core.spec import AppSpec
from freehold.ledger.content import Opened
from freehold.stages.governance.keeping import UNREAD
from freehold.stages.governance.panels import Panels
from freehold.stages.governance.registry import builtin_detectors

_GONE = re.compile(r"\[[a-z0-9 _-]+ removed\]")


class Compared(Struct, kw_only=True):
    """One detector's findings, then and now.

    Attributes:
        recorded: findings in texts that could be read again; ``same`` of them were found again,
            with kind, place and score; ``more`` were not recorded.
        versions: of the detector, as recorded.
        version: of the one that read again.
    """

    detector: str
    recorded: int = 0
    same: int = 0
    more: int = 0
    versions: list[str] = []
    version: str = ""


class DetectorReplay:
    """Runs the detectors of the bundles that decided again.

    Attributes:
        not_read: what could not be read again, and how often.
    """

    def __init__(self, decided: Callable[[str], ResolvedBundle | None]) -> None:
        self._decided = decided
        self._panels = Panels(builtin_detectors())
        self._adopted: set[str] = set()
        self._found: dict[str, Compared] = {}
        self.not_read: Counter[str] = Counter()

    def read(self, found: Opened) -> None:
        """Compare what is found in one record's kept texts."""
        record = found.record
        content = (record.opened.get("content") or {}).get("input")
        if found.state != "open" or not content:
            self.not_read[f"requests whose texts are {_why(found)}"] += 1
            return
        app = self._app(found)
        if app is None:
            self.not_read["requests whose bundle was not kept"] += 1
            return
        try:
            panel = self._panels.under(app.detectors)
        except ControlFailed as error:
            self.not_read[f"requests: {error}"] += 1
            return
        then: dict[str, list[Finding]] = {}
        for each in record.opened["findings"]:
            finding = convert(each, Finding)
            then.setdefault(finding.where, []).append(finding)
        for where, text in _texts(orjson.loads(content), found):
            recorded = then.pop(where, [])
            if UNREAD in text:
                self.not_read["texts that no detector had read"] += 1
                continue
            now = panel.request.scan(text, where, lambda *_: None)
            self._compare(recorded, now, {use.setting.id for use in panel.request.uses.values()},
                          secretless=_GONE.search(text) is not None)  # fmt: skip
            for use in panel.request.uses.values():
                if use.setting.id in self._found:
                    self._found[use.setting.id].version = use.detector.version
        for where, recorded in then.items():
            what = "context, which is never kept" if where.startswith("context:") else "settings"
            self.not_read[f"findings in {what}"] += len(recorded)
        if record.closed and record.closed.get("answer_findings"):
            count = len(record.closed["answer_findings"])
            self.not_read["findings in answers, of which only what left is kept"] += count

    def told(self) -> list[dict[str, Any]]:
        """Detector by detector."""
        return [asdict(self._found[name]) for name in sorted(self._found)]

    def _compare(
        self,
        recorded: list[Finding],
        now: tuple[Finding, ...],
        reading: set[str],
        *,
        secretless: bool,
    ) -> None:
        again = Counter(_key(finding, placed=not secretless) for finding in now)
        for finding in recorded:
            if finding.label == "secret":
                self.not_read["secrets, which are never kept"] += 1
                continue
            if finding.detector not in reading:
                self.not_read[f"findings of {finding.detector}, which reads no single text"] += 1
                continue
            one = self._of(finding.detector)
            one.recorded += 1
            if finding.version not in one.versions:
                one.versions.append(finding.version)
            key = _key(finding, placed=not secretless)
            if again[key]:
                again[key] -= 1
                one.same += 1
        for key, count in again.items():
            if count > 0:
                self._of(key[0]).more += count

    def _of(self, detector: str) -> Compared:
        return self._found.setdefault(detector, Compared(detector=detector, versions=[]))

    def _app(self, found: Opened) -> AppSpec | None:
        named = found.record.opened.get("app") or {}
        bundle = self._decided(named.get("bundle", ""))
        if bundle is None:
            return None
        if bundle.hash not in self._adopted:
            self._panels.adopt(bundle.heads)
            self._adopted.add(bundle.hash)
        try:
            return bundle.app_for(named["tenant"], named["id"])
        except NotFound:
            return None


def _key(finding: Finding, *, placed: bool) -> tuple[Any, ...]:
    """What must come out again: without the place where a secret was, and shifted all behind it."""
    place = (finding.start, finding.end) if placed else ()
    return finding.detector, finding.kind, finding.score, finding.version, *place


def _texts(messages: list[Mapping[str, Any]], found: Opened) -> Iterator[tuple[str, str]]:
    for number, message in enumerate(messages):
        where = f"message:{number}"
        if message.get("content"):
            yield where, found.restored(message["content"])
        if message.get("name"):
            yield f"{where}:name", found.restored(message["name"])
        for place, call in enumerate(message.get("tool_calls") or ()):
            yield f"{where}:call:{place}", found.restored(call["arguments"])


def _why(found: Opened) -> str:
    return {"none": "not kept", "open": "not kept"}.get(found.state, found.state)
