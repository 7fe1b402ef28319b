"""What rules saw, step by step, put together again from a record."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import msgspec

from freehold.core.facts import TextFact
from freehold.core.judged import Noted, Seen
from freehold.ledger.content import Opened
from freehold.ledger.steps import changed
from freehold.ledger.words import are_words
from freehold.rules.answer_json import FACT as ANSWER_JSON
from freehold.rules.declared import types_of
from freehold.rules.facts import KINDS, complete
from freehold.rules.structured import Leaf
from freehold.stages.policy.again import Again
from freehold.stages.policy.calls import Call, facts_in_call
from freehold.stages.policy.origins import Origin
from freehold.stages.policy.replaying import Told
from freehold.stages.policy.verdicts import RuleSet

_ARGUMENTS = "tool.arguments"
_ANSWERED = ("answer.", "stream.", "tool.")
_READ = frozenset({"answer.ungrounded", "answer.ungrounded_money"})
"""Facts about an answer of which a record has only those that name something."""


class Facts:
    """The facts of one record.

    Attributes:
        words: whether words of caller and model are there too.
    """

    def __init__(self, found: Opened) -> None:
        record = found.record
        self._opened, self._closed = record.opened, record.closed or {}
        inputs = self._closed.get("inputs") or {}
        self._steps: Sequence[Mapping[str, Any]] = inputs.get("steps") or ()
        self.words = found.words
        self._sealed = found.steps
        self._known = {**(self._opened.get("facts") or {}), **(self._closed.get("facts") or {})}
        self._calls: Sequence[Mapping[str, Any]] = self._closed.get("tool_calls") or ()

    def request(self, rules: RuleSet) -> Told:
        """What rules on the request saw."""
        return self._told(rules.names, self._known, self._noted("request"))

    def route(self, names: frozenset[str]) -> Told:
        """What the route's rules saw."""
        return self._told(names, self._known, self._noted("route"))

    def answer(self, rules: RuleSet) -> Iterator[Told]:
        """What rules on the answer saw, step by step."""
        steps = [step for step in self._steps if step["phase"] == "answer"]
        if self._grows(steps):
            yield from self._grown(rules, steps)
            return
        facts = {**self._known, **self._found()}
        extra = steps[0].get("facts", {}) if steps else {}
        said = self._sealed[0].get("facts", {}) if steps and self._sealed and self.words else {}
        facts |= {name: [] for name in _READ & rules.names}
        facts = changed(facts, {**extra, **said})
        yield self._told(rules.names, facts, _noted(steps[0]) if steps else {})

    def _grown(self, rules: RuleSet, steps: Sequence[Mapping[str, Any]]) -> Iterator[Told]:
        base = {name: v for name, v in self._known.items() if not name.startswith(_ANSWERED)}
        before: dict[str, Any] = {}
        said: dict[str, Any] = {}
        for number, step in enumerate(steps):
            before = changed(before, step.get("facts", {}))
            sealed = self._sealed[number] if self.words and number < len(self._sealed) else {}
            said = changed(said, sealed.get("facts", {}))
            last = step.get("last", True)
            told = self._told(rules.names, {**base, **before, **said}, _noted(step), last=last)
            others: dict[str, dict[str, Any] | None] = {"whole": None, "kept": None}
            for name in others:
                if name in step:
                    facts = changed(before, step[name])
                    spoken = changed(said, sealed.get(name, {}))
                    others[name] = self._values(
                        rules.names, {**base, **facts, **spoken}, last=last
                    )[0]
            yield Told(
                facts=told.facts,
                again=told.again,
                last=last,
                left=step.get("left", False),
                whole=others["whole"],
                kept=others["kept"],
            )

    def told_otherwise(self) -> Iterator[dict[str, Any]]:
        """Where what was read in an answer is told in two places, and not the same is told: the
        rules see the steps, and people the list.
        """
        steps = [step for step in self._steps if step["phase"] == "answer"]
        if not self._grows(steps) or not steps[-1].get("last", True):
            return
        seen: dict[str, Any] = {}
        for step in steps:
            seen = changed(seen, step.get("facts", {}))
        seen = changed(seen, steps[-1].get("whole", {}))
        for name, facts in self._found().items():
            if name in seen and sorted(map(_read, facts)) != sorted(map(_read, seen[name])):
                yield {"part": name, "recorded": facts, "replayed": seen[name]}

    @staticmethod
    def _grows(steps: Sequence[Mapping[str, Any]]) -> bool:
        return len(steps) > 1 or (bool(steps) and ("whole" in steps[0] or "kept" in steps[0]))

    def tool_calls(self, rules: RuleSet) -> Iterator[tuple[Call, Told]]:
        """Each call of the answer, and what rules saw of it."""
        early = {name: v for name, v in self._known.items() if not name.startswith(_ANSWERED)}
        early = {name: value for name, value in early.items() if name in rules.names}
        noted = {
            step.get("number", 0): _noted(step)
            for step in self._steps
            if step["phase"] == "tool_call"
        }
        sealed = self._sealed[-len(self._calls) :] if self.words and self._calls else ()
        for number, call in enumerate(self._calls):
            one = _called(call)
            facts = facts_in_call(one) | early
            if number < len(sealed) and _ARGUMENTS in sealed[number]:
                facts[_ARGUMENTS] = sealed[number][_ARGUMENTS]
            else:
                facts.pop(_ARGUMENTS)
            yield one, self._told(rules.names, facts, noted.get(number, {}))

    @property
    def ended(self) -> bool:
        """Whether the answer had ended when its words were judged last: its calls were judged then,
        before the words. So it was where its words were refused in the end.
        """
        steps = [step for step in self._steps if step["phase"] == "answer"]
        if not steps or steps[-1].get("last", True):
            return True
        by = (self._closed.get("failure") or {}).get("rule")
        firings = [*(self._opened.get("firings") or ()), *(self._closed.get("firings") or ())]
        return any(f["rule"] == by and f["phase"] in ("answer", "stream") for f in firings)

    @property
    def called(self) -> bool:
        """Whether the answer called tools, and they were judged."""
        return bool(self._calls)

    def _told(
        self,
        names: frozenset[str],
        facts: Mapping[str, Any],
        noted: Mapping[Seen, Noted],
        *,
        last: bool = True,
    ) -> Told:
        known, missing = self._values(names, facts, last=last)
        return Told(facts=known, again=Again(noted, missing, words=self.words), last=last)

    def _values(
        self, names: frozenset[str], facts: Mapping[str, Any], *, last: bool
    ) -> tuple[dict[str, Any], frozenset[str]]:
        """The facts that these rules saw, and the names of those in words that nobody has."""
        known: dict[str, Any] = {}
        missing: set[str] = set()
        types = types_of(names)
        for name in names:
            if name == ANSWER_JSON or (name == _ARGUMENTS and name not in facts):
                missing.add(name)
            elif name in facts:
                value = facts[name]
                if are_words(name) and types[name] in ("string", "strings"):
                    value = self._word(name, value, last=last)
                    if value is None:
                        missing.add(name)
                        continue
                known[name] = value
        return complete(names - missing, known), frozenset(missing)

    def _word(self, name: str, value: Any, *, last: bool) -> Any:
        """A fact in words, where it can be told from what the record has; else ``None``."""
        if isinstance(value, str) or not value:
            return value
        if isinstance(value, list):
            if name == "answer.tools":
                named = [call["tool"] for call in self._calls] if last else []
                return named if len(named) == len(value) else None
            return None if any(isinstance(each, dict) for each in value) else value
        if value.get("chars") == 0:
            return ""
        if name == "request.model":
            asked = (self._opened.get("request") or {}).get("model_asked") or ""
            return asked if len(asked) == value.get("chars") else None
        return None

    def _found(self) -> dict[str, list[dict[str, Any]]]:
        """What was read in the answer, by the names that rules know it by."""
        found: dict[str, list[dict[str, Any]]] = {f"answer.{short}": [] for short in KINDS}
        shorts = {kind: f"answer.{short}" for short, kind in KINDS.items()}
        for fact in self._closed.get("answer_facts") or ():
            upper = fact["value"] if fact["upper"] is None else fact["upper"]
            found[shorts[fact["kind"]]].append({**fact, "upper": upper})
        return found

    def _noted(self, phase: str) -> Mapping[Seen, Noted]:
        return next((_noted(step) for step in self._steps if step["phase"] == phase), {})


def _noted(step: Mapping[str, Any]) -> Mapping[Seen, Noted]:
    read = (msgspec.convert(noted, Noted) for noted in step.get("noted") or ())
    return {noted.sheet: noted for noted in read}


def _read(fact: Mapping[str, Any]) -> tuple[str, ...]:
    """What tells a fact from another, beside its words."""
    return tuple(
        str(fact[name])
        for name in ("start", "end", "value", "upper", "unit", "role", "polarity", "parsed")
    )


def _called(call: Mapping[str, Any]) -> Call:
    where = f"answer:{call['choice']}" if call["choice"] else "answer"
    return Call(
        choice=call["choice"],
        number=call["number"],
        tool=call["tool"],
        where=f"{where}:call:{call['number']}",
        raw=None,
        leaves=[Leaf((), None)]
        * call["arguments"],  # how many there were is all that is told of them
        arguments=None,
        facts=tuple(msgspec.convert(fact, TextFact) for fact in call["facts"]),
        origins=[Origin(**each, at=_at(each["path"])) for each in call["untrusted"]],
    )


def _at(path: str) -> tuple[str | int, ...]:
    """The parts of a shown path."""
    parts: list[str | int] = []
    for part in path.replace("[", ".[").split("."):
        if part.startswith("["):
            parts.append(int(part[1:-1]))
        elif part:
            parts.append(part)
    return tuple(parts)
