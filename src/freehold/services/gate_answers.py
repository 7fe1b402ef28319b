"""What a version of a custom model says to examples, and what the controls say to that.

The version is asked as the gateway asks it: with the messages that the example has, context
included, and abstaining below its threshold. Its answer then travels the journey as a told one:
redaction, governance and policy judge it as they judge every answer.
"""

from collections.abc import Collection, Iterable, Iterator, Mapping
from typing import Any

import orjson
from msgspec import Struct
from msgspec.structs import replace

from freehold.bundle.custom_models import CustomModel
from freehold.bundle.deployed import custom_of
from freehold.bundle.resolve import ResolvedBundle
from freehold.core.ask import Message
from freehold.core.clock import Clock
from freehold.core.decisions import MILLION
from freehold.core.errors import TrainingError
from freehold.core.local import Beside, Known, LocalModel, ReadsContext
from freehold.core.principal import Principal
from freehold.core.training import Example
from freehold.learning.gate import Answer
from freehold.learning.gate.answers import NO_CLASS
from freehold.learning.registry import Registry, Version
from freehold.services.rehearse import Rehearsal, Rehearsed, Scene
from freehold.text import blocks
from freehold.text.local import make, make_folder
from freehold.text.token_counts import estimate

_ATTRIBUTES = "principal.attributes."
_ROLES = ("system", "developer")
_PASSES = "allow"
_SOMEBODY = "gate"


class Asked:
    """A version that can be asked.

    Args:
        model: from its files; ``threshold`` in millionths, below which it abstains.
        labels: the class that a text stands for, where a classifier answers with texts.
        custom: of the bundle; its price.
    """

    def __init__(
        self,
        model: LocalModel,
        threshold: int,
        labels: Mapping[str, str],
        custom: CustomModel,
        clock: Clock,
    ) -> None:
        self._model = model
        self._threshold = threshold
        self._labels = labels
        self._price = custom.price
        self._clock = clock

    def answer(self, example: Example) -> Answer:
        """Its answer, or that it abstains; what it can't read, it leaves to the next model."""
        whole = bool(getattr(self._model, "whole", False))
        messages = messages_of(example, whole=whole)
        began = self._clock.monotonic_ns()
        said: Known | None
        try:
            if isinstance(self._model, ReadsContext):
                said = self._model.answer_beside(messages, beside_of(example))
            else:
                said = self._model.answer(messages)
        except ValueError:
            said = None
        took = (self._clock.monotonic_ns() - began) / 1e6
        if said is None or not said.text or said.confidence < self._threshold:
            return Answer(took_ms=took)
        sent = sum(estimate(message.content) for message in messages)
        # prices are for a million tokens: micro-units each, a thousand nano-units
        cost = 1_000 * (sent * self._price.input + estimate(said.text) * self._price.output)
        label = self._labels.get(said.text, "")
        return Answer(text=said.text, label=label, took_ms=took, cost_nano=round(cost))


def asked(registry: Registry, version: Version, custom: CustomModel, clock: Clock) -> Asked:
    """A version, from its verified files.

    Raises:
        AlteredModel: a file is not the trained one.
        TrainingError: it can't be served from these files.
    """
    content = version.manifest.content
    serving: Mapping[str, Any] = content.serving
    options = orjson.dumps(serving.get("options", {})).decode()
    kind = str(serving.get("kind", content.kind))
    try:
        if content.file:
            model = make(kind, registry.read(version, content.file), options)
        else:
            model = make_folder(kind, version.folder, options)
    except ValueError as error:
        raise TrainingError(f"{version.id} can't be served: {error}") from error
    threshold = round(MILLION * float(serving.get("threshold", 0)))
    return Asked(model, threshold, _labels(kind, serving.get("options", {})), custom, clock)


def _labels(kind: str, options: Mapping[str, Any]) -> dict[str, str]:
    """A classifier's texts by their classes, turned round."""
    if kind != "classifier":
        return {}
    found = {str(text): label for label, text in options.get("answers", {}).items()}
    if options.get("otherwise"):
        found[str(options["otherwise"])] = NO_CLASS
    return found


def beside_of(example: Example) -> Beside:
    """What such a model may read beside the messages: the context that was sent with them, else the
    example's pieces.
    """
    packed = (str(m.get("content") or "") for m in example.messages if m.get("role") in _ROLES)
    sent = next((text for text in packed if blocks.OPENING in text), "")
    return Beside(
        pieces=tuple(blocks.unpacked(sent)) if sent else example.pieces,
        facts=example.facts,
        failed=tuple(example.facts.get("context.failed", ())),
    )


def messages_of(example: Example, *, whole: bool) -> list[Message]:
    """The example's messages; without ``whole`` only what user and assistant said.

    Where the example has pieces of context and no message shows them, they are shown as the gateway
    would.
    """
    made = [
        Message(role=m["role"], content=str(m.get("content") or ""))
        for m in example.messages
        if m.get("role") in ("system", "developer", "user", "assistant", "tool")
    ]
    if not whole:
        return [message for message in made if message.role not in _ROLES]
    shown = any(blocks.OPENING in m.content for m in made if m.role in _ROLES)
    if example.pieces and not shown:
        written = "\n".join(
            blocks.packed(
                str(piece.get("source", "")),
                str(piece.get("text", "")),
                trusted=piece.get("trusted") is True,
                rank=rank,
            )
            for rank, piece in enumerate(example.pieces, 1)
        )
        made.insert(0, Message(role="system", content=written))
    return made


class Judged(Struct, frozen=True, kw_only=True):
    """What controls make of an answer.

    Attributes:
        broke: the enforcing rules and controls that did not let it pass as it is.
        reached: whether any model is asked: some requests are refused before that.
        heard: whether the answer is then one that somebody gets.
        apps: those whose controls were asked.
        why: by which rule or error a request is refused, or why the model is not asked.
    """

    broke: frozenset[str]
    reached: bool
    heard: bool
    apps: tuple[str, ...]
    why: str = ""


class Controls:
    """A bundle's routes, governance and policy, over answers that are only told."""

    def __init__(self, rehearsal: Rehearsal) -> None:
        self._rehearsal = rehearsal
        self._bundle = rehearsal.bundle

    async def judge(
        self,
        example: Example,
        said: str,
        routes: Collection[str] = (),
        *,
        by: str = "",
        without: str = "",
    ) -> Judged | None:
        """What they make of this answer; ``None`` where no app is there that would hear it.

        Args:
            routes: where the model stands. An example of an app that takes none of them, or of
                none at all, is judged by every app that does, since that is where it is heard.
            by: the model that says it; where the route asks others, nobody hears it.
            without: a custom model that abstains, of which no version said it.
        """
        models = self._bundle.models
        silent = frozenset(models) - {by} if by else frozenset()
        if without:
            silent = frozenset(model for model in models if custom_of(model) == without)
        apps = self._apps(example, routes)
        broke: set[str] = set()
        heard = False
        refused = passed_over = ""
        for app in apps:
            scene = replace(self._scene(app, example, said), silent=silent)
            rehearsed = await self._rehearsal.run(scene)
            asked = rehearsed.asked
            if not asked:
                refused = refused or _refused(rehearsed)
            elif asked[-1] in silent:
                passed_over = passed_over or _passed_over(rehearsed, by)
            else:
                heard = True
                broke.update(_broken(rehearsed))
        if not apps:
            return None
        return Judged(
            broke=frozenset(broke),
            reached=heard or bool(passed_over),
            heard=heard,
            apps=apps,
            why="" if heard else passed_over or refused,
        )

    def _apps(self, example: Example, routes: Collection[str]) -> tuple[str, ...]:
        apps = self._bundle.bundle.apps
        heard = [name for name, app in apps.items() if app.route in routes]
        if example.app in heard:
            return (example.app,)
        near = [name for name in heard if self._may_use(example.tenant, name)]
        if near or heard:
            return tuple(near or heard)
        return (example.app,) if example.app in apps else ()

    def _may_use(self, tenant: str, app: str) -> bool:
        bundle: ResolvedBundle = self._bundle
        owner = bundle.bundle.apps[app].tenant
        return tenant in bundle.tenants and bundle.is_descendant(tenant, owner)

    def _scene(self, app: str, example: Example, said: str) -> Scene:
        bundle: ResolvedBundle = self._bundle
        of = bundle.bundle.apps[app].tenant
        tenant = example.tenant if self._may_use(example.tenant, app) else of
        sources = {source.id: source for source in bundle.app_for(tenant, app).sources}
        context = {
            str(piece["source"]): str(piece.get("text", ""))
            for piece in example.pieces
            if piece.get("source") in sources
        }
        # what gave something then was bound to whoever asked, though no fact tells who that was
        bound = [path for name in context for path in sources[name].bind.values()]
        return Scene(
            app=app,
            tenant=tenant,
            messages=tuple(messages_of(example, whole=False)),
            answer=said,
            principal=_principal(example.facts, bound),
            context=context,
            failed=frozenset(example.facts.get("context.failed") or ()) & sources.keys(),
        )


def _principal(facts: Mapping[str, Any], bound: Iterable[str] = ()) -> Principal:
    """Whoever asked, as far as the facts that rules saw tell it; verified, if they do not say.

    Args:
        bound: paths to which sources are bound that gave something: what no fact tells of these has
            a value that stands for it.
    """
    roles, clearances = facts.get("principal.roles"), facts.get("principal.clearances")
    attributes = {
        name.removeprefix(_ATTRIBUTES): str(value)
        for name, value in facts.items()
        if name.startswith(_ATTRIBUTES)
    }
    for path in bound:
        if path.startswith(_ATTRIBUTES):
            attributes.setdefault(path.removeprefix(_ATTRIBUTES), _SOMEBODY)
    return Principal(
        id=str(facts.get("principal.id") or _SOMEBODY),
        verified=facts.get("principal.verified", True) is True,
        roles=frozenset(map(str, roles)) if isinstance(roles, list | tuple) else frozenset(),
        clearances=(
            frozenset(map(str, clearances)) if isinstance(clearances, list | tuple) else frozenset()
        ),
        attributes=attributes,
    )


def _broken(rehearsed: Rehearsed) -> Iterator[str]:
    """What was decided about the answer. What was about the request concerns the model's clearance,
    or whoever asked, and is the same whatever is said.
    """
    for decision in rehearsed.on_answer:
        if decision.mode == "enforce" and decision.outcome != _PASSES:
            yield decision.rule
    failure = (rehearsed.explanation.record.closed or {}).get("failure")
    if failure:
        yield str(failure.get("rule") or failure["code"])
    if rehearsed.held is not None:
        yield rehearsed.held.rule


def _refused(rehearsed: Rehearsed) -> str:
    """By which rule or error."""
    if rehearsed.held is not None:
        return rehearsed.held.rule
    failure = (rehearsed.explanation.record.closed or {}).get("failure") or {}
    return str(failure.get("rule") or failure.get("slug") or "")


def _passed_over(rehearsed: Rehearsed, model: str) -> str:
    """Why the route asks others, or another one after this one."""
    if model in rehearsed.asked:
        return "the route doubts it, and asks the next model"
    mine = next((one for one in rehearsed.candidates if one.model == model), None)
    if mine is None:
        return "the tenant does not get this model"
    return mine.lost if mine.filtered and mine.lost else "others come first"
