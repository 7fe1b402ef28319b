"""The simulator while it runs: its settings, which `POST /control` may change, and its memory."""

from __future__ import annotations

import dataclasses
from collections import deque
from collections.abc import Mapping
from random import Random
from typing import Any

import orjson

from freehold.testing.simulator.answers import Answer, Behaviour, Reply, prompt_tokens, shape
from freehold.testing.simulator.asks import Ask
from freehold.testing.simulator.chaos import Chaos
from freehold.testing.simulator.graded import Graded
from freehold.testing.simulator.guard import Guard
from freehold.testing.simulator.plain import Echo, Fixed, dictated
from freehold.testing.simulator.received import Received
from freehold.testing.simulator.recorded import Recorded
from freehold.testing.simulator.retail.clerk import Clerk
from freehold.testing.simulator.seeded import digest, generator
from freehold.testing.simulator.settings import (
    BEHAVIOURS,
    FAULTS,
    ModelSettings,
    SettingsError,
    SimulatorSettings,
    one_of,
    patch_misbehave,
    patch_model,
)
from freehold.testing.simulator.structured import fitting

_CONTROLS = ("behaviour", "seed", "models", "misbehave", "reset_stats")
_PER_MODEL = ("next", "answers", "remove")


class State:
    """Everything that one simulator knows."""

    def __init__(self, settings: SimulatorSettings) -> None:
        self.settings = settings
        self.received = Received(settings.keep)
        self.chaos = Chaos()
        self.fixed = Fixed()
        self._answers: dict[str, deque[Answer]] = {}
        self._behaviours: dict[str, Behaviour] = {
            "echo": Echo(),
            "fixed": self.fixed,
            "guard": Guard(),
        }
        for name in {settings.behaviour, *(m.behaviour for m in settings.models.values())}:
            if name:
                self._behaviour(name)

    def _behaviour(self, name: str) -> Behaviour:
        found = self._behaviours.get(name)
        if found is None:
            if name == "graded":
                found = Graded(self.settings.topics, lambda model: self.settings.models[model])
            elif name == "retail":
                found = Clerk(self.settings.misbehave)
            elif self.settings.recording is None:
                raise SettingsError("behaviour recorded: needs --recording FILE.jsonl")
            else:
                found = Recorded.load(self.settings.recording)
            self._behaviours[name] = found
        return found

    def always_fixed(self, name: str, model: ModelSettings) -> bool:
        """Whether this model's answers can be sent without looking at the question."""
        if (model.behaviour or self.settings.behaviour) != "fixed":
            return False
        return model.calm and not self._answers.get(name) and not self.chaos.scheduled.get(name)

    def digest(self, ask: Ask) -> int:
        """What stands for this request wherever chance is needed."""
        return digest(self.settings.seed, ask.key)

    def reply(self, ask: Ask, digest_value: int) -> Reply:
        """All choices for this request.

        Raises:
            WireError: the behaviour has no answer.
        """
        model = self.settings.models[ask.model]
        name = model.behaviour or self.settings.behaviour
        reply = Reply([], prompt_tokens(ask))
        for index in range(ask.n):
            rng = generator(digest_value, "choice", index)
            dictated = self._dictated(ask.model)
            answer = dictated or self._behaviour(name).answer(ask, rng)
            structured = ask.json_object or ask.json_schema is not None
            if structured and not answer.tool_calls and name != "guard":  # whose verdict is JSON
                answer = _as_json(answer, ask, rng, dictated=dictated is not None)
            reply.choices.append(shape(answer, ask.stop, ask.max_tokens))
            reply.intent = answer.intent
            if answer.misbehaviour:
                reply.misbehaviours.append(answer.misbehaviour)
        return reply

    def _dictated(self, model: str) -> Answer | None:
        queue = self._answers.get(model)
        return queue.popleft() if queue else None

    def control(self, changes: Mapping[str, Any]) -> None:
        """Apply a control message: all of it, or nothing where any part is wrong.

        Raises:
            SettingsError: saying which part and why.
        """
        for key in changes:
            one_of("control", key, _CONTROLS)
        new: dict[str, Any] = {}
        if "behaviour" in changes:
            new["behaviour"] = one_of("behaviour", changes["behaviour"], BEHAVIOURS)
        if "seed" in changes:
            if not isinstance(changes["seed"], int):
                raise SettingsError("seed: expected an integer")
            new["seed"] = changes["seed"]
        if "misbehave" in changes:
            wanted = _mapping("misbehave", changes["misbehave"])
            new["misbehave"] = patch_misbehave(self.settings.misbehave, wanted)
        models, queues = self._patched(_mapping("models", changes.get("models", {})))
        settings = dataclasses.replace(self.settings, models=models, **new)
        self._check(settings)
        self.settings = settings
        if "misbehave" in changes:
            self._behaviours.pop("retail", None)
        for name, (faults, answers) in queues.items():
            if faults is not None:
                self.chaos.scheduled[name] = faults
            if answers is not None:
                self._answers[name] = answers
        if changes.get("reset_stats"):
            self.received.clear()

    def _check(self, settings: SimulatorSettings) -> None:
        names = {settings.behaviour, *(model.behaviour for model in settings.models.values())}
        if "recorded" in names and "recorded" not in self._behaviours:
            self._behaviour("recorded")

    def _patched(
        self, changes: Mapping[str, Any]
    ) -> tuple[dict[str, ModelSettings], dict[str, tuple[deque[str] | None, deque[Answer] | None]]]:
        models = dict(self.settings.models)
        queues: dict[str, tuple[deque[str] | None, deque[Answer] | None]] = {}
        for name, raw in changes.items():
            wanted = _mapping(f"model {name}", raw)
            if wanted.get("remove"):
                models.pop(name, None)
                continue
            plain = {key: value for key, value in wanted.items() if key not in _PER_MODEL}
            models[name] = patch_model(models.get(name, ModelSettings()), name, plain)
            faults = answers = None
            if "next" in wanted:
                faults = deque(
                    one_of(f"model {name}: next", item, (*FAULTS, "ok"))
                    for item in _list(f"model {name}: next", wanted["next"])
                )
            if "answers" in wanted:
                items = _list(f"model {name}: answers", wanted["answers"])
                answers = deque(dictated(item) for item in items)
            queues[name] = (faults, answers)
        return models, queues


def _mapping(name: str, value: object) -> Mapping[str, Any]:
    if not isinstance(value, Mapping):
        raise SettingsError(f"{name}: expected an object, got {value!r}")
    return value


def _list(name: str, value: object) -> list[Any]:
    if not isinstance(value, list):
        raise SettingsError(f"{name}: expected a list, got {value!r}")
    return value


def _as_json(answer: Answer, ask: Ask, rng: Random, *, dictated: bool) -> Answer:
    text = answer.text or ""
    if dictated and _is_container(text):
        return answer
    if ask.json_schema is not None:
        value = fitting(ask.json_schema, rng, text)
    else:
        value = {"answer": text, "intent": answer.intent}
    return dataclasses.replace(answer, text=orjson.dumps(value).decode())


def _is_container(text: str) -> bool:
    """Whether a text is a JSON object or list already, so that a test's own words stay."""
    try:
        return isinstance(orjson.loads(text), dict | list)
    except orjson.JSONDecodeError:
        return False
