"""One recorded exchange, decided again: governance, policy, routing, and what came of it."""

from collections import Counter, deque
from collections.abc import Callable, Iterable, Mapping
from typing import Any

import msgspec
from msgspec import Struct

from freehold.core.decisions import Decision, Finding
from freehold.core.errors import FreeholdError, Refusal, RoutingError
from freehold.core.handoffs import Discharge
from freehold.core.spec import AppSpec, DetectorSetting, RuleSpec
from freehold.core.trail import Trail
from freehold.ledger import decision
from freehold.ledger.content import Opened
from freehold.ledger.upgrade import filled
from freehold.services.replay_facts import Facts
from freehold.services.replay_given import given_of, other_thresholds, source_of
from freehold.services.replay_routing import Labels, chosen, gave
from freehold.services.unasked import no_request
from freehold.stages.governance import verdicts
from freehold.stages.policy import replaying
from freehold.stages.policy.demands import Demands
from freehold.stages.policy.judging import tag
from freehold.stages.policy.replaying import Awaited
from freehold.stages.policy.verdicts import RuleSet

_CONTROLS = frozenset({"FH-GOV-001", "FH-GOV-002", "FH-GOV-003", "FH-POL-001", "FH-POL-002"})
"""Codes of failures that a control decides: these follow from record and bundle."""
_ROUTING = "FH-RTE-001"
_ROUTE = "route."
_ANSWERED = frozenset({"answer", "stream"})


class _Use(Struct, frozen=True):
    setting: DetectorSetting

    @property
    def acts(self) -> bool:
        return self.setting.mode == "enforce" and self.setting.action != "annotate"


class _Uses(Struct, frozen=True):
    """An app's detectors by id, as far as what follows from their findings goes."""

    uses: dict[str, _Use]


class Pass:
    """Decides one exchange again.

    Attributes:
        taken: rules whose verdict had to be taken as recorded, and what nobody has that they read.
        given: what came from the world.
    """

    def __init__(self, found: Opened, app: AppSpec) -> None:
        record = found.record
        self._app = app
        self._opened = {**record.opened, "exchange": record.exchange_id}
        self._closed = record.closed or {}
        self._inputs = self._closed.get("inputs") or {}
        self._facts = Facts(found)
        self._uses = _Uses({s.id: _Use(s) for s in app.detectors})
        self._trail = Trail(no_request(record.exchange_id))
        self._held: Awaited | None = None
        self._failed: FreeholdError | None = None
        self._acted: tuple[Demands, frozenset[str]] = (Demands(), frozenset())
        self._outcome = record.outcome
        self.taken: dict[str, str] = {}
        self.given: Counter[str] = Counter()

    def section(self, recorded: Mapping[str, Any]) -> dict[str, Any]:
        """The decision section as it comes out again."""
        phases = {firing["phase"] for firing in recorded["firings"]}
        for step in self._steps(recorded, phases):
            try:
                step()
            except (Refusal, RoutingError) as error:
                self._failed = error
                break
            if self._held is not None:
                break
        trail = self._trail
        decisions = self._merged(recorded["decisions"])
        failure = self._failure(recorded["failure"], decisions)
        candidates = trail.candidates
        return decision.made(
            firings=[filled(firing) for firing in trail.firings],
            decisions=decisions,
            tags=trail.tags,
            labels=self._labels().found,
            candidates=[filled(each) for each in candidates],
            routing=None if trail.routed is None else filled(trail.routed),
            outcome=self._came(recorded, decisions, failure),
            failure=failure,
            held=None if self._held is None else filled(self._held),
            counterfactuals=self._otherwise(recorded["counterfactuals"]),
        )

    def told_otherwise(self) -> list[dict[str, Any]]:
        """What the record tells people otherwise than what it was decided by."""
        found = [*self._opened["findings"], *self._closed.get("answer_findings", ())]
        return [*self._facts.told_otherwise(), *other_thresholds(found, self._app)]

    def route(self) -> str:
        """The model that comes out first; empty where nobody may take it.

        Raises:
            FreeholdError: the record does not tell.
        """
        try:
            self._routed()
        except RoutingError:
            if not self._trail.candidates:
                raise
        return next((each.model for each in self._trail.candidates if not each.lost), "")

    def _steps(self, recorded: Mapping[str, Any], phases: set[str]) -> Iterable[Callable[[], None]]:
        """The steps that the exchange had come to, in order."""
        refused = self._refused_by_text(recorded)
        routed = bool(self._opened["candidates"])
        early = refused and not routed and not phases
        if self._opened["request"].get("features") is not None:
            if not (early and not self._opened["context"]):
                yield self._screened
            if self._opened["context"] and not early:
                yield self._stitched
        if "request" in phases or routed:
            yield self._ruled
        if routed:
            yield self._routed
        if self._closed.get("answer_findings"):
            yield self._checked
        words = [self._said] if phases & _ANSWERED else []
        if not self._facts.called:
            yield from words
        elif self._facts.ended:
            yield from (self._called, *words, self._released)
        else:  # refused for its calls, when some of its words were judged already
            yield from (*words, self._called)

    # -- governance --

    def _findings(self, found: Iterable[Mapping[str, Any]]) -> list[Finding]:
        """Those that reach the bundle's thresholds."""
        kept = []
        for each in found:
            finding = msgspec.convert(each, Finding)
            use = self._uses.uses.get(finding.detector)
            if use is not None and finding.score >= self._threshold(finding, use.setting):
                kept.append(finding)
        return kept

    def _threshold(self, finding: Finding, setting: DetectorSetting) -> int:
        scope = self._app.scope
        if scope is not None and finding.detector == "topic.scope":
            return finding.threshold
        return setting.threshold

    def _screened(self) -> None:
        found = [f for f in self._findings(self._opened["findings"]) if not _of_context(f)]
        verdicts.judge(found, self._uses, self._trail, "request")

    def _stitched(self) -> None:
        found = [f for f in self._findings(self._opened["findings"]) if _of_context(f)]
        verdicts.judge(found, self._uses, self._trail, "context")

    def _checked(self) -> None:
        found = self._findings(self._closed["answer_findings"])
        at = 0
        for count in self._inputs.get("leaks") or (len(found),):
            group = found[at : at + abs(count)]
            at += abs(count)
            try:
                verdicts.judge_answer(group, self._uses, self._trail, late=count < 0)
            except Refusal as refusal:
                if count < 0:
                    self._left()
                    self._trail.too_late(refusal, "governance")
                raise

    def _labels(self) -> Labels:
        findings = self._findings(self._opened["findings"])
        request = [f for f in findings if not _of_context(f)]
        context = [f for f in findings if _of_context(f)]
        mine = verdicts.labels(request, self._uses)
        said = frozenset(self._opened["request"].get("labels") or ())
        rules = {d["rule"] for d in self._opened["decisions"]}
        # what earlier answers were made from is known from outside: the decision says so
        carried = said - mine if "labels.carried" in rules else frozenset()
        found = mine | carried
        declared = frozenset(
            label for each in self._opened["context"] if gave(each) for label in each["labels"]
        )
        grounded = found | verdicts.labels(context, self._uses) | declared
        return Labels(found=found, grounded=grounded, carried=carried)

    # -- policy --

    def _met(self) -> tuple[Discharge, ...]:
        said = self._inputs.get("discharged") or ()
        return tuple(msgspec.convert(each, Discharge) for each in said)

    def _ruled(self) -> None:
        rules = _rules(self._app, "request")
        if not rules.rules:
            return
        told = self._facts.request(rules)
        try:
            self._held = replaying.request(told, rules, self._met(), self._trail)
        finally:
            self._take(rules, told.again.taken)

    def _said(self) -> None:
        rules = _rules(self._app, "answer")
        steps = list(self._facts.answer(rules))
        streams = self._opened["request"]["stream"] and not self._met_answer()
        if (self._closed.get("failure") or {}).get("late"):
            self._left()
        try:
            held = replaying.answer(steps, rules, self._met_answer(), self._trail, streams=streams)
        finally:
            for step in steps:
                self._take(rules, step.again.taken)
        self._held = held
        if held is not None and self._facts.called:
            tag(self._acted[0], self._trail)  # a hold waits for all of it

    def _called(self) -> None:
        rules = _rules(self._app, "tool_call")
        calls = list(self._facts.tool_calls(rules))
        try:
            self._acted = replaying.tool_calls(calls, rules, self._app.containment, self._trail)
        finally:
            for _, told in calls:
                self._take(rules, told.again.taken)

    def _released(self) -> None:
        self._held = replaying.called(*self._acted, self._met_answer(), self._trail)

    def _met_answer(self) -> tuple[Discharge, ...]:
        """Demands of rules on the answer that persons have met: none where the request was held."""
        return () if self._opened["candidates"] else self._met()

    def _take(self, rules: RuleSet, taken: Mapping[int, str]) -> None:
        self.taken.update({rules.rules[place].id: lacks for place, lacks in taken.items()})

    def _left(self) -> None:
        """So much had left when a control objected."""
        self._trail.released = ["\0" * self._closed["released_chars"]]

    # -- routing --

    def _routed(self) -> None:
        route = self._app.route
        taken = chosen(
            self._opened,
            self._closed,
            self._app,
            self._facts,
            self._labels(),
            self._uses,
            self._trail,
        )
        self.taken.update(
            {f"route.{route.id}.{route.rules[at].id}": lacks for at, lacks in taken.items()}
        )
        world = self._inputs.get("world") or {}
        self.given.update(f"routing: {name}" for name, said in world.items() if said)
        if any("success" in each for each in self._opened["candidates"]):
            self.given["routing: what was expected of models"] += 1

    # -- what came of it --

    def _merged(self, recorded: Iterable[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
        """Decisions as they come out again, in the places of the recorded ones, between those that
        came from the world.
        """
        phases = {rule.id: rule.phase for rule in self._app.rules}
        queues: dict[str, deque[Decision]] = {}
        for made in self._trail.decisions:
            place = source_of(made.stage, made.rule, made.why, phases) or "again"
            queues.setdefault(place, deque()).append(made)
        merged: list[Mapping[str, Any]] = []
        for each in recorded:
            source = source_of(each["stage"], each["rule"], each["why"], phases)
            if source is None:
                self.given[given_of(each["stage"], each["rule"])] += 1
                merged.append(each)
            elif queues.get(source):
                merged.append(filled(queues[source].popleft()))
        merged += [filled(made) for queue in queues.values() for made in queue]
        return merged

    def _otherwise(self, recorded: Iterable[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
        """What would have had to be otherwise. What governance and routing say comes out again; a
        rule's rests on texts, and is taken as recorded.
        """

        def made_again(rule: str, phase: str) -> bool:
            return rule in self._uses.uses or (phase == "route" and rule.startswith(_ROUTE))

        made = deque(c for c in self._trail.counterfactuals if made_again(c.rule, c.phase))
        found: list[Mapping[str, Any]] = []
        for each in recorded:
            if not made_again(each["rule"], each["phase"]):
                self.given["what would have had to be otherwise"] += 1
                found.append(each)
            elif made:
                found.append(filled(made.popleft()))
        return [*found, *(filled(each) for each in made)]

    def _refused_by_text(self, recorded: Mapping[str, Any]) -> bool:
        """Whether something in a text was refused that is no finding: a detector that failed."""
        return any(
            each["stage"] == "governance"
            and each["outcome"] == "deny"
            and each["mode"] == "enforce"
            and each["why"].startswith("refused: ")
            for each in recorded["decisions"]
        )

    def _failure(
        self, recorded: Mapping[str, Any] | None, decisions: Iterable[Mapping[str, Any]]
    ) -> dict[str, Any] | None:
        failed = self._failed
        if failed is not None:
            return {
                "code": failed.code,
                "rule": getattr(failed, "rule", ""),
                "public": failed.public,
                "late": getattr(failed, "late", False),
            }
        if recorded is None or not self._from_outside(recorded, decisions):
            return None
        self.given[f"failure: {recorded['code']}"] += 1
        return dict(recorded)

    def _from_outside(
        self, recorded: Mapping[str, Any], decisions: Iterable[Mapping[str, Any]]
    ) -> bool:
        """Whether a failure is the world's, and follows from nothing that is recorded."""
        code, rule = str(recorded["code"]), str(recorded["rule"])
        if code not in _CONTROLS:
            return (
                code != _ROUTING or bool(self._trail.candidates) or not self._opened["candidates"]
            )
        if not rule:
            return code == "FH-GOV-003"  # a stage crashed
        if any(d["rule"] == rule and d["outcome"] == "deny" and d["mode"] == "enforce"
               for d in decisions):  # fmt: skip
            return rule not in {each.id for each in self._app.rules}
        # what a rule took out of JSON, or put into it, left none
        changes = {"rewrite", "redact"}
        return any(f.rule == rule and f.fired and changes & {*f.obligations}
                   for f in self._trail.firings)  # fmt: skip

    def _came(
        self,
        recorded: Mapping[str, Any],
        decisions: Iterable[Mapping[str, Any]],
        failure: Mapping[str, Any] | None,
    ) -> str:
        """The outcome, as `Trail.outcome` tells it."""
        if self._failed is not None:
            self._trail.failure = self._failed
            return self._trail.outcome(finished=True)
        if failure is not None or self._outcome == "interrupted":
            if failure is None:
                self.given["outcome"] += 1
            return str(recorded["outcome"])
        if self._held is not None:
            return "held"
        changed = any(d["outcome"] == "transform" and d["mode"] == "enforce" for d in decisions)
        return "transformed" if changed else "allowed"


def _of_context(finding: Finding) -> bool:
    return finding.where.startswith("context:")


_kept: dict[tuple[int, str], tuple[tuple[RuleSpec, ...], RuleSet]] = {}


def _rules(app: AppSpec, phase: str) -> RuleSet:
    """By identity, as `Policy` keeps them."""
    key = (id(app.rules), phase)
    found = _kept.get(key)
    if found is None:
        if len(_kept) > 4_096:
            _kept.clear()
        found = _kept[key] = (app.rules, RuleSet(app.rules, phase, app.disclaimers))
    return found[1]
