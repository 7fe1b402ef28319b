"""Recorded decisions made once more, from the record and the bundle that decided.

What follows from both is worked out again by the code that decided, not copied; what came from the
world at that moment is taken from the record and said to be. Then both decision sections are
compared as bytes.
"""

from collections import Counter
from collections.abc import Callable, Mapping
from typing import Any, Literal

import msgspec
from msgspec import Struct
from msgspec.structs import asdict

from freehold.bundle.kept import AlteredCopy
from freehold.bundle.resolve import ResolvedBundle
from freehold.core.errors import BundleError, NotFound
from freehold.core.spec import AppSpec
from freehold.ledger import decision
from freehold.ledger.content import Opened
from freehold.ledger.record import Record
from freehold.services.replay_pass import Pass

State = Literal["identical", "mismatch", "erased", "partly", "not_replayable"]
_LEAST = 2
"""Records of version 1 lack what a replay reads."""
_DESTROYED = ("erased", "expired", "lost")


class Taken(Struct, frozen=True):
    """A rule whose verdict was taken as recorded, and what nobody has any more that it reads."""

    rule: str
    lacks: str


class Replayed(Struct, frozen=True, kw_only=True):
    """What came of replaying one record.

    Attributes:
        why: why it could not be replayed.
        diff: where the sections differ; see `ledger.decision.differences`.
        taken: rules whose verdicts were taken as recorded.
        given: what was taken from the record since it came from the world, and how often.
        other_code: whether another version of the code decided than replays.
    """

    exchange: str
    tenant: str
    app: str
    state: State
    why: str = ""
    diff: tuple[dict[str, Any], ...] = ()
    taken: tuple[Taken, ...] = ()
    given: Mapping[str, int] = {}
    other_code: bool = False

    def as_dict(self) -> dict[str, Any]:
        """For ``--json``."""
        found = asdict(self)
        found["taken"] = [asdict(each) for each in self.taken]
        return found


def unfit(record: Record, why: str) -> Replayed:
    """One whose words and facts are not of one record any more."""
    return Replayed(
        exchange=record.exchange_id,
        tenant=record.tenant,
        app=record.app,
        state="mismatch",
        diff=({"part": "record", "recorded": why, "replayed": None},),
    )


class NotReplayable(Exception):
    """Why a record can't be replayed."""


class Replayer:
    """Replays records; what a bundle needs is made once.

    Args:
        decided: the bundle with a hash, if it was kept; raises `AlteredCopy` if it was changed.
        runtime: digest of the code that replays (`ledger.runtime.runtime_digest`).
    """

    def __init__(self, decided: Callable[[str], ResolvedBundle | None], runtime: str = "") -> None:
        self._decided = decided
        self._runtime = runtime
        self._bundles: dict[str, ResolvedBundle | None] = {}
        self._apps: dict[tuple[str, str, str], AppSpec] = {}

    def replay(self, found: Opened) -> Replayed:
        """Make one recorded decision again."""
        record = found.record
        runtime = record.opened.get("runtime", "")
        other = bool(self._runtime) and runtime != self._runtime

        def told(state: State, why: str = "", **more: Any) -> Replayed:
            return Replayed(
                exchange=record.exchange_id,
                tenant=record.tenant,
                app=record.app,
                state=state,
                why=why,
                other_code=other,
                **more,
            )

        try:
            app = self._app(found)
        except NotReplayable as reason:
            return told("not_replayable", str(reason))
        except AlteredCopy as error:
            bundle = record.opened["app"]["bundle"]
            diff = ({"part": "bundle", "recorded": bundle, "replayed": str(error)},)
            return told("mismatch", diff=diff)
        recorded = decision.section(record)
        run = Pass(found, app)
        try:
            replayed = run.section(recorded)
            wrong = run.told_otherwise()
        except (ValueError, KeyError, TypeError, AttributeError, msgspec.MsgspecError) as error:
            why = f"the record lacks what a replay reads: {type(error).__name__}: {error}"
            diff = ({"part": "record", "recorded": why, "replayed": None},)
            return told("mismatch", diff=diff, given=dict(run.given))
        taken = tuple(Taken(rule, lacks) for rule, lacks in sorted(run.taken.items()))
        more: dict[str, Any] = {"taken": taken, "given": dict(run.given)}
        if decision.canonical(recorded) != decision.canonical(replayed):
            return told("mismatch", diff=tuple(decision.differences(recorded, replayed)), **more)
        if wrong:
            return told("mismatch", diff=tuple(wrong), **more)
        if found.state in _DESTROYED:
            return told("erased", **more)
        return told("partly" if taken else "identical", **more)

    def _app(self, found: Opened) -> AppSpec:
        """The app as it was then.

        Raises:
            NotReplayable: it can't be had.
            AlteredCopy: somebody changed the bundle that is kept.
        """
        record = found.record
        named = record.opened.get("app") or {}
        if not named:
            raise NotReplayable("no app is named")
        if record.closed is None:
            raise NotReplayable("how it ended was never written")
        if any(line["body"].get("v", 1) < _LEAST for line in record.lines):
            raise NotReplayable("its format is 1, which lacks what a replay reads")
        key = (named["bundle"], named["tenant"], named["id"])
        app = self._apps.get(key)
        if app is None:
            bundle = self._bundle(key[0])
            if bundle is None:
                raise NotReplayable("its bundle was not kept")
            try:
                app = self._apps[key] = bundle.app_for(key[1], key[2])
            except NotFound as error:
                raise NotReplayable(f"its bundle has no such app: {error}") from None
        return app

    def _bundle(self, bundle_hash: str) -> ResolvedBundle | None:
        if bundle_hash not in self._bundles:
            try:
                self._bundles[bundle_hash] = self._decided(bundle_hash)
            except AlteredCopy:
                raise
            except BundleError as error:
                raise NotReplayable(f"its bundle can't be read: {error}") from None
        return self._bundles[bundle_hash]


class Summary(Struct, kw_only=True):
    """Many replays in numbers; ``worst`` are those that differ, ``reasons`` why others could not
    be replayed; ``detectors`` and ``not_read`` are there where detectors read texts again.
    """

    replayed: int = 0
    mismatches: int = 0
    identical: int = 0
    erased: int = 0
    partly: int = 0
    not_replayable: int = 0
    other_code: int = 0
    given: Counter[str] = msgspec.field(default_factory=Counter)
    reasons: Counter[str] = msgspec.field(default_factory=Counter)
    taken: Counter[str] = msgspec.field(default_factory=Counter)
    worst: list[Replayed] = []
    detectors: list[dict[str, Any]] | None = None
    not_read: Counter[str] | None = None

    def add(self, one: Replayed, most: int = 20) -> None:
        """Count one; of mismatches keep so many."""
        self.other_code += one.other_code
        self.given.update(one.given)
        self.taken.update(f"{taken.rule}: {taken.lacks}" for taken in one.taken)
        if one.state == "not_replayable":
            self.not_replayable += 1
            self.reasons[one.why] += 1
            return
        self.replayed += 1
        if one.state == "mismatch":
            self.mismatches += 1
            if len(self.worst) < most:
                self.worst.append(one)
        else:
            setattr(self, one.state, getattr(self, one.state) + 1)

    def as_dict(self) -> dict[str, Any]:
        """For ``--json``."""
        found = asdict(self)
        for name in ("given", "reasons", "taken"):
            found[name] = dict(sorted(found[name].items()))
        if self.detectors is None:
            del found["detectors"], found["not_read"]
        found["worst"] = [one.as_dict() for one in self.worst]
        return found
