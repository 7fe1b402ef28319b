"""What follows from findings: decisions in the trail, and a refusal where one is due."""

from collections.abc import Iterable, Mapping
from typing import Protocol

from freehold.core.counterfactual import Change, Counterfactual, Phase, Then
from freehold.core.decisions import Decision, Finding, Outcome
from freehold.core.errors import GovernanceRefusal
from freehold.core.spec import DetectorSetting
from freehold.core.trail import Trail
from freehold.stages.governance.placeholders import spoken

_MAX_EVIDENCE = 8
_MAX_FINDINGS = 16
_ANSWER: Phase = "answer"
_REPLACED = "replaced by placeholders for every model"
_TAKEN_OUT = "taken out: neither the sender's own nor from this request's context"
_BLOCKED = "blocked"
FROM_FINDINGS = tuple(f"{did} (" for did in (_REPLACED, _TAKEN_OUT, _BLOCKED))
"""What decisions that follow from findings alone say."""


class Used(Protocol):
    """A detector as one app uses it."""

    @property
    def setting(self) -> DetectorSetting:
        """In which mode, above which score, and what follows a finding."""
        ...

    @property
    def acts(self) -> bool:
        """Whether a finding changes anything, rather than being recorded."""
        ...


class InUse(Protocol):
    """All of an app's detectors, by id."""

    @property
    def uses(self) -> Mapping[str, Used]:
        """By id."""
        ...


def labels(findings: Iterable[Finding], panel: InUse) -> frozenset[str]:
    """The classes of data that a model needs a clearance for, or that redaction takes out."""
    found = set()
    for finding in findings:
        setting = panel.uses[finding.detector].setting
        if setting.mode == "enforce" and setting.action == "redact":
            found.add(finding.label)
    return frozenset(found)


def judge(findings: Iterable[Finding], panel: InUse, trail: Trail, phase: Phase) -> None:
    """Write down what each detector's findings in a request or in context lead to.

    Redaction of what is no secret is decided later, attempt by attempt.

    Raises:
        GovernanceRefusal: a detector that enforces says block.
    """
    refusal: GovernanceRefusal | None = None
    blocked: list[Finding] = []
    redacted: Then = "allowed"
    for setting, group in _by_detector(findings, panel):
        if setting.action == "block":
            refused = _block(setting, group, trail, phase)
            refusal = refusal or refused
            blocked += group if refused is not None else ()
        elif setting.action == "redact" and group[0].label == "secret":
            did = _REPLACED
            trail.decide(_decision(setting, group, "transform", did, phase))
            if setting.mode == "enforce":
                redacted = "transformed"
    if refusal is not None:
        trail.counterfactuals.append(_otherwise(refusal.rule, blocked, redacted, phase))
        raise refusal


def judge_answer(
    findings: Iterable[Finding], panel: InUse, trail: Trail, *, late: bool = False
) -> list[Finding]:
    """Write down leaks and return those to mask.

    Raises:
        GovernanceRefusal: a detector that enforces says block, or redact when it is too ``late``.
    """
    masked: list[Finding] = []
    blocked: list[Finding] = []
    refusal: GovernanceRefusal | None = None
    for setting, group in _by_detector(findings, panel):
        if setting.action == "block" or (late and setting.action == "redact"):
            refused = _block(setting, group, trail, _ANSWER)
            refusal = refusal or refused
            blocked += group if refused is not None else ()
        elif setting.action == "redact":
            did = _TAKEN_OUT
            trail.decide(_decision(setting, group, "transform", did, _ANSWER))
            if setting.mode == "enforce":
                masked += group
    if refusal is not None:
        then: Then = "transformed" if masked else "allowed"
        trail.counterfactuals.append(_otherwise(refusal.rule, blocked, then, _ANSWER))
        raise refusal
    return masked


def _otherwise(rule: str, blocked: list[Finding], then: Then, phase: Phase) -> Counterfactual:
    """It would have passed without what was found; all of it, since each would be enough."""
    told = blocked[:_MAX_FINDINGS]
    change = tuple(
        Change(fact="finding", how="without", kind=f.kind, where=f.where, start=f.start, end=f.end)
        for f in told
    )
    kinds = ", ".join(dict.fromkeys(spoken(f.kind) for f in told))
    if len(blocked) > len(told):
        return Counterfactual(
            rule=rule, phase=phase, why=f"more than {len(told)} findings: {kinds}"
        )
    return Counterfactual(
        rule=rule, phase=phase, change=change, then=then, why=f"without what was found: {kinds}"
    )


def failed(setting: DetectorSetting, why: str) -> Decision:
    """The decision for a detector that could not do its work."""
    observed = setting.mode == "observe"
    return Decision(
        stage="governance",
        outcome="deny",
        rule=setting.id,
        mode=setting.mode,
        why=f"would have refused: {why}" if observed else f"refused: {why}",
        public="" if observed else "A control could not be completed, so the request was refused.",
    )


def _by_detector(
    findings: Iterable[Finding], panel: InUse
) -> Iterable[tuple[DetectorSetting, list[Finding]]]:
    groups: dict[str, list[Finding]] = {}
    for finding in findings:
        groups.setdefault(finding.detector, []).append(finding)
    for detector, group in groups.items():
        yield panel.uses[detector].setting, group


def _block(
    setting: DetectorSetting, group: list[Finding], trail: Trail, phase: str
) -> GovernanceRefusal | None:
    decision = _decision(setting, group, "deny", _BLOCKED, phase)
    trail.decide(decision)
    if setting.mode == "observe":
        return None
    return GovernanceRefusal(
        f"{setting.id} blocks the {phase}: {decision.why}", public=decision.public, rule=setting.id
    )


def _decision(
    setting: DetectorSetting, group: list[Finding], outcome: Outcome, did: str, phase: str
) -> Decision:
    kinds = ", ".join(sorted({spoken(f.kind) for f in group}))
    observed = setting.mode == "observe"
    prefix = "would have " if observed else ""
    verb = f"been {did}" if observed else did
    count = len(group)
    public = ""
    if outcome == "deny" and not observed:
        subject = "answer" if phase == _ANSWER else "request"
        public = f"This {subject} contains something that may not pass: {kinds}."
    return Decision(
        stage="governance",
        outcome=outcome,
        rule=setting.id,
        mode=setting.mode,
        why=f"{prefix}{verb} ({kinds}, {count} in the {phase})",
        evidence=tuple(
            f"{f.where}[{f.start}:{f.end}] {f.kind} {f.score}" for f in group[:_MAX_EVIDENCE]
        ),
        public=public,
    )
