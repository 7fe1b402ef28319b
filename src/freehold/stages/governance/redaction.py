"""Replacing what one attempt's model is not cleared for, in every text that goes to it."""

from itertools import pairwise

from msgspec.structs import replace

from freehold.core.ask import Message, ToolCall
from freehold.core.counterfactual import Change, Counterfactual
from freehold.core.decisions import Decision, Finding
from freehold.core.errors import RoutingError
from freehold.core.handoffs import Attempt, Plan
from freehold.core.trail import Trail
from freehold.stages.governance import fixed, jsontext
from freehold.stages.governance.exchange import Exchange, Mentions
from freehold.stages.governance.fixed import Read
from freehold.stages.governance.placeholders import spoken
from freehold.stages.governance.scanner import apart, cover
from freehold.text.structured import is_json

_ATTACK = "injection"


class Redaction:
    """Redacts for one attempt.

    Attributes:
        restorations: each placeholder used and the text behind it, as first written. The sender's
            own secrets are among them; a secret from elsewhere is not, so that it never comes back.
        count: stretches replaced.
        trail: where it is written down.
    """

    def __init__(
        self, exchange: Exchange, plan: Plan, attempt: Attempt, trail: Trail, read: Read
    ) -> None:
        self.restorations: dict[str, str] = dict(exchange.secrets)
        self.count = 0
        self._exchange = exchange
        self._attempt = attempt
        self._demanded = plan.ruled.redact_labels
        self.trail = trail
        self._read = read
        self._said: set[tuple[str, str]] = set()
        self._replaced = {
            value: finding
            for value, finding in exchange.values.items()
            if self._everywhere(finding)
        }
        self._mentions = Mentions(self._replaced)
        self._pieces = tuple(piece.text for piece in plan.ruled.grounded.pieces if piece.text)

    def text(self, text: str, where: str, *, ours: bool = False) -> str:
        """The text with placeholders; JSON stays JSON. In ``ours`` no instruction is an attack.

        Raises:
            ControlFailed: a detector in enforce mode failed.
        """
        if not text:
            return text
        panel = self._exchange.panel
        scanner = panel.context if where.startswith("context:") else panel.request
        known = self._exchange.recall(scanner, text)
        if known is None:
            known = self._read(scanner, text, where)
            self._learn(text, known)
        wanted = [f for f in known if self._applies(f) and not (ours and self._judges(f))]
        if not wanted and not self._replaced:
            return text
        return self._replace(text, wanted)

    def holds(self, text: str, where: str) -> list[str]:
        """The kinds of what this model may not see in a text, documentation's examples apart."""
        panel = self._exchange.panel
        return sorted(
            {
                finding.kind
                for finding in fixed.held(text, self._read(panel.request, text, where))
                if self._applies(finding)
            }
        )

    def packed(self, text: str, where: str) -> str:
        """A system message with context packed into it: its pieces keep what was found in them."""
        cuts = {0, len(text)}
        for piece in self._pieces:
            start = text.find(piece)
            if start >= 0:
                cuts.update((start, start + len(piece)))
        if len(cuts) == 2:
            callers = self._exchange.recall(self._exchange.panel.request, text) is not None
            return self.text(text, where, ours=not callers)
        parts = []
        for start, end in pairwise(sorted(cuts)):
            part = text[start:end]
            context = part in self._pieces
            place = "context:packed" if context else where
            parts.append(self.text(part, place, ours=not context))
        return "".join(parts)

    def message(self, message: Message, where: str) -> Message:
        """A message with its content, its tool calls' arguments and its name redacted.

        A name may hold no brackets, so a name that would need a placeholder is left out.
        """
        content = (
            self.packed(message.content, where)
            if message.role == "system"
            else self.text(message.content, where)
        )
        calls = message.tool_calls
        if calls:
            calls = tuple(
                self._call(call, f"{where}:call:{number}") for number, call in enumerate(calls)
            )
        name = message.name
        if name is not None and self.text(name, f"{where}:name") != name:
            name = None
        if content is message.content and calls == message.tool_calls and name == message.name:
            return message
        return replace(message, content=content, tool_calls=calls, name=name)

    def _call(self, call: ToolCall, where: str) -> ToolCall:
        arguments = self.text(call.arguments, where)
        return call if arguments is call.arguments else replace(call, arguments=arguments)

    def _applies(self, finding: Finding) -> bool:
        if self._exchange.replaces(finding, self._attempt, self._demanded):
            return True
        setting = self._exchange.panel.uses[finding.detector].setting
        if (
            setting.mode == "observe"
            and setting.action == "redact"
            and finding.label != "secret"
            and finding.label not in self._attempt.model.clearances
        ):
            self._say(finding, observed=True)
        return False

    def _judges(self, finding: Finding) -> bool:
        """Whether it is about what a text says: what the app itself says is no business of that."""
        return finding.label == _ATTACK or finding.detector in self._exchange.panel.judges

    def _everywhere(self, finding: Finding) -> bool:
        """Whether all mentions go: of a value, that is, not of a phrase."""
        return finding.label != _ATTACK and self._applies(finding)

    def _learn(self, text: str, findings: tuple[Finding, ...]) -> None:
        for finding in findings:
            value = text[finding.start : finding.end]
            if value not in self._replaced and self._everywhere(finding):
                self._replaced[value] = finding
                self._mentions.add(value)

    def _replace(self, text: str, wanted: list[Finding]) -> str:
        stretches = cover(wanted)
        mentions = self._mentions.find(text)
        if mentions:
            found = [(start, end, self._replaced[value]) for start, end, value in mentions]
            stretches = apart(stretches, found)
        if not stretches:
            return text
        if is_json(text):
            fitted = jsontext.fit(text, stretches)
        else:
            fitted = jsontext.plain(stretches)
        parts: list[str] = []
        done = 0
        for start, end, finding, quoted in fitted:
            placeholder = self._placeholder(text[start:end], finding)
            parts += (text[done:start], f'"{placeholder}"' if quoted else placeholder)
            done = end
        parts.append(text[done:])
        self.count += len(fitted)
        return "".join(parts)

    def _placeholder(self, value: str, finding: Finding) -> str:
        placeholder = self._exchange.minter.make(finding.kind, value)
        if finding.label != "secret":
            self.restorations.setdefault(placeholder, value)
        self._say(finding, observed=False)
        return placeholder

    def _say(self, finding: Finding, *, observed: bool) -> None:
        """One decision for each detector and kind, however many stretches there are."""
        key = (finding.detector, finding.kind)
        if key in self._said:
            return
        self._said.add(key)
        kind, model = spoken(finding.kind), self._attempt.model.id
        did = "would have been replaced" if observed else "replaced by a placeholder"
        self.trail.decide(
            Decision(
                stage="governance",
                outcome="transform",
                rule=finding.detector,
                mode="observe" if observed else "enforce",
                why=f"{kind} {did}: {model} is not cleared for {finding.label}"
                if finding.label not in self._demanded
                else f"{kind} {did}: a rule demands it for {finding.label}",
                evidence=(f"{finding.where}[{finding.start}:{finding.end}]",),
            )
        )


def allow_settings(redaction: Redaction, plan: Plan, attempt: Attempt) -> None:
    """Tools, response format and stop sequences reach the provider as they were written.

    Raises:
        RoutingError: they hold what this model may not see; another model may.
    """
    settings = fixed.settings(plan.ruled.admitted.ask)
    if not settings:
        return
    kinds = redaction.holds(settings, "settings")
    if not kinds:
        return
    said = ", ".join(map(spoken, kinds))
    if attempt.number >= len(plan.attempts):
        change = tuple(
            Change(fact="finding", how="without", kind=kind, where="settings") for kind in kinds
        )
        why = f"without what the request's settings hold: {said}"
        redaction.trail.counterfactuals.append(
            Counterfactual(rule="settings", phase="route", change=change, then="allowed", why=why)
        )
    raise RoutingError(
        f"model {attempt.model.id}: the request's settings hold {said}, which it may not see",
        public=f"No model is allowed to take this request: its tools, response format or stop"
        f" sequences hold what looks like a value of kind {said}, where none can be replaced.",
    )
