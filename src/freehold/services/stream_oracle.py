"""What of an answer may leave at most when a control refuses it: told by whole answers alone.

Controls that object are taken away one after the other, each time asking what would leave without
them, and how far the text goes before each of them objects. No stream is looked at, so that no
stream can be its own measure.
"""

from collections.abc import Iterator

from msgspec import Struct

from freehold.bundle.resolve import ResolvedBundle
from freehold.core.errors import FreeholdError
from freehold.core.spec import AppSpec, RuleSpec
from freehold.core.trail import Trail
from freehold.services.rehearse import MakeRehearsal, Rehearsal, Scene
from freehold.services.stream_kinds import kinds_of, only, without
from freehold.stages.policy.demands import is_late
from freehold.text.sentences import sentence_ends

_DEPTH = 12


class Bound(Struct, frozen=True, kw_only=True):
    """The most that may leave, and the controls that object to the text."""

    out: str
    objectors: frozenset[str] = frozenset()


class Oracle:
    """Asks whole answers what may leave of refused ones."""

    def __init__(self, make: MakeRehearsal, bundle: ResolvedBundle, app: str) -> None:
        self._make = make
        self._bundle = bundle
        self._app = app
        self._made: dict[tuple[str, frozenset[str]], Rehearsal] = {}

    async def bound(self, text: str) -> Bound:
        """What may leave of a stream of this text at most."""
        return await self._without(text, frozenset())

    async def _without(self, text: str, gone: frozenset[str]) -> Bound:
        trail = await self._whole(text, "without", gone)
        spec = _spec(trail)
        parts = self._rehearsal("without", gone).parts(spec)
        objector = _objector(trail, parts["late"])
        if not objector or len(gone) >= _DEPTH:
            return Bound(out="" if objector else "".join(trail.released))
        rule = next((rule for rule in spec.rules if rule.id == objector), None)
        kind = next((k.name for k in kinds_of(spec, parts) if objector in k.controls), "")
        rest = await self._without(text, gone | {objector})
        objectors = rest.objectors | {objector}
        if kind.startswith("late"):
            return Bound(out=rest.out, objectors=objectors)
        if kind.startswith("whole") or not kind:
            return Bound(out="", objectors=objectors)
        if rule is not None:
            end = await self._before_fault(text, rule)
        else:
            starts = (f.start for f in trail.answer_findings if f.detector == objector)
            end = min(starts, default=0)
        before = await self._without(text[:end], gone | {objector})
        return Bound(out=min(before.out, rest.out, key=len), objectors=objectors)

    async def _before_fault(self, text: str, rule: RuleSpec) -> int:
        """Where the sentence begins to which a rule objects."""
        if "stream.ended" in rule.when:
            ends = sentence_ends(text, 0, len(text))
            return ends[-1] if ends else 0
        begin = 0
        for end in sentence_ends(text, 0, len(text)):
            trail = await self._whole(text[:end], "only", frozenset({rule.id}))
            if _objector(trail, frozenset()) == rule.id:
                break
            begin = end
        return begin

    async def _whole(self, text: str, how: str, controls: frozenset[str]) -> Trail:
        scene = Scene(app=self._app, answer=text)
        return await self._rehearsal(how, controls).watch(scene, lambda _: None)

    def _rehearsal(self, how: str, controls: frozenset[str]) -> Rehearsal:
        made = self._made.get((how, controls))
        if made is None:
            narrow = only if how == "only" else without
            made = self._made[how, controls] = self._make(narrow(self._bundle, controls))
        return made


def _objector(trail: Trail, late: frozenset[str]) -> str:
    """The control that objects to an answer: refuses or holds it, or would end a stream of it."""
    if trail.failure is not None:
        return str(getattr(trail.failure, "rule", "")) or type(trail.failure).__name__
    if trail.held is not None:
        return trail.held.rule
    return next(late_objectors(trail, late), "")


def late_objectors(trail: Trail, late: frozenset[str]) -> Iterator[str]:
    """Late controls that change a whole answer, and so would end a stream of it.

    Args:
        late: the app's detectors that are late.
    """
    spec = _spec(trail)
    fired = {firing.rule for firing in trail.firings if firing.fired}
    for rule in spec.rules:
        demands = any(obligation.action != "annotate" for obligation in rule.obligations)
        if rule.id in fired and rule.mode == "enforce" and is_late(rule) and demands:
            yield rule.id
    acting = {d.id for d in spec.detectors if d.action != "annotate"}
    found = {finding.detector for finding in trail.answer_findings if finding.where == "answer"}
    yield from sorted(late & acting & found)


def _spec(trail: Trail) -> AppSpec:
    if trail.app is None:  # the key was known, or no model would have been asked
        raise FreeholdError("the journey forgot its app")
    return trail.app
