"""Who may take a request: nothing that is learned, and no wish of a client, overrules this.

The order is the order in which a reason is looked for: what the tenant allows, the route's rules,
region, clearance, capabilities, what alerts and people have stopped. Two more rule a model out only
while another is left: a window that is too small (else the request is made to fit), and a budget
that its worst case exceeds (else the lease says which budget it is).
"""

from collections.abc import Callable, Iterable

from msgspec import Struct

from freehold.core.handoffs import Fixed, Ruled
from freehold.core.limits import Scope
from freehold.core.ports import Standing
from freehold.core.prices import worst_nano
from freehold.core.spec import ModelSpec
from freehold.text import token_counts as tokens

CLEARANCE = "not cleared for"
_CAPABILITY = {"chat": "chat", "completion": "chat", "embedding": "embedding"}

Misfit = Callable[[tuple[Scope, ...], int, int, Scope | None], str]
"""See ``Limiter.misfit``."""


class Size(Struct, frozen=True, kw_only=True):
    """How long a request is, in estimated tokens: all of it, and what must go in whole."""

    prompt: int
    whole: int


def size_of(ruled: Ruled) -> Size:
    """Instructions, context, conversation and settings; of embeddings, the longest input counts."""
    ask = ruled.admitted.ask
    if ask.operation == "embedding":
        inputs = [tokens.estimate(message.content) for message in ruled.messages]
        return Size(prompt=sum(inputs), whole=max(inputs, default=0))
    prompt = tokens.PER_MESSAGE + tokens.estimate(ruled.admitted.app.system_prompt)
    prompt += tokens.of_settings(ask)
    for message in ruled.messages:
        prompt += tokens.of_message(message)
    for piece in ruled.grounded.pieces:
        prompt += tokens.estimate(piece.text) + 4 * tokens.PER_MESSAGE
    return Size(prompt=prompt, whole=prompt)


def max_tokens(ruled: Ruled, model: ModelSpec) -> int:
    """The longest answer that this model may give."""
    app, wanted = ruled.admitted.app, ruled.admitted.ask.max_tokens
    ceiling = min(app.limits.max_output_tokens, model.max_output_tokens)
    return ceiling if wanted is None else max(1, min(wanted, ceiling))


def excluded(
    model: ModelSpec | None, ruled: Ruled, route: str, intent: str, standing: Standing
) -> str:
    """Why this model may not take the request; empty when it may."""
    if model is None:
        return "the tenant does not allow this model"
    app = ruled.admitted.app
    if app.allowed_regions is not None and model.region not in app.allowed_regions:
        return f"region {model.region or 'unknown'} is not allowed"
    barred = ruled.grounded.whole_labels - model.clearances
    if barred:
        return f"{CLEARANCE} {', '.join(sorted(barred))}"
    for fixed in ruled.grounded.screened.fixed:
        if fixed.label not in model.clearances:
            return stands(fixed)
    missing = needed(ruled) - model.capabilities
    if missing:
        return f"can't do {', '.join(sorted(missing))}"
    return standing.excluded(route, model.id, intent)


def needed(ruled: Ruled) -> set[str]:
    """The capabilities that the request asks for."""
    ask = ruled.admitted.ask
    found = {_CAPABILITY[ask.operation]}
    if ask.tools:
        found.add("tools")
    if ask.response_format is not None and ask.response_format.get("type") != "text":
        found.add("json")
    return found


def stands(fixed: Fixed) -> str:
    """The reason of a value that stands where none can be cut out."""
    return f"{CLEARANCE} {fixed.label}, which {fixed.param} holds ({fixed.kind})"


def too_long(model: ModelSpec, ruled: Ruled, size: Size) -> str:
    """Why the request does not fit into the model's window as it is; empty where it does."""
    room = model.context_window
    if ruled.admitted.ask.operation != "embedding":
        room -= max_tokens(ruled, model)
    if size.whole <= room:
        return ""
    return f"about {size.whole} tokens do not fit the {max(0, room)} that its window leaves"


def too_dear(model: ModelSpec, ruled: Ruled, size: Size, misfit: Misfit) -> str:
    """Why the worst case does not fit into what is left of the budgets; empty where it does."""
    admitted = ruled.admitted
    ask = admitted.ask
    answer = 0 if ask.operation == "embedding" else max_tokens(ruled, model) * ask.n
    # the lease counts a token for each two characters, where the estimate has two for each seven
    prompt = 64 + size.prompt * 7 // 4
    nano = worst_nano(model, prompt, answer)
    scopes = (admitted.grant.scope, *admitted.app.scopes)
    return misfit(scopes, prompt + answer, nano, model.scope)


def narrowed(
    models: Iterable[ModelSpec], why: Callable[[ModelSpec], str], lost: dict[str, str]
) -> list[ModelSpec]:
    """The models for which ``why`` has no reason; all of them where nobody would be left."""
    models = list(models)
    reasons = {model.id: reason for model in models if (reason := why(model))}
    if len(reasons) == len(models):
        return models
    lost |= reasons
    return [model for model in models if model.id not in reasons]
