"""Who may take a request: nothing that is learned, and no wish of a client, overrules this.

The order is the order in which a reason is looked for: what the tenant allows, the route's rules,
region, clearance, capabilities, what alerts and people have stopped; a window into which the
request can't be made to fit. Two more rule a model out only while another is left: a window that is
too small for all of it (else the request is made to fit), and a budget that its worst case exceeds
(else the lease says which budget it is).
"""

from collections.abc import Callable, Iterable

from msgspec import Struct

from freehold.core.ask import Ask
from freehold.core.handoffs import Fixed, Ruled
from freehold.core.limits import Scope
from freehold.core.ports import Standing
from freehold.core.prices import worst_nano
from freehold.core.spec import AppSpec, ModelSpec
from freehold.text import token_counts as tokens

CLEARANCE = "not cleared for"
TOO_LONG = "and no more can be left out"
_PLAIN = {
    "chat": frozenset({"chat"}),
    "completion": frozenset({"chat"}),
    "embedding": frozenset({"embedding"}),
}

Misfit = Callable[[tuple[Scope, ...], int, int, Scope | None], str]
"""See ``Limiter.misfit``."""


class Wanted(Struct, frozen=True, kw_only=True):
    """What a request needs of a model, worked out once for all candidates.

    Attributes:
        labels: of data that no redaction takes out; ``fixed``: values where none can be cut out.
        capabilities: that it asks for.
        longest: the app's and the caller's ceiling on an answer.
        prompt: estimated tokens of all of it; ``whole``: of what must fit a window at once;
            ``least``: of what is left where it is made to fit, without context and older turns;
            none where every model's window is large enough for the whole.
        scopes: what the call would be counted in.
    """

    app: AppSpec
    ask: Ask
    labels: frozenset[str]
    fixed: tuple[Fixed, ...]
    capabilities: frozenset[str]
    longest: int
    prompt: int
    whole: int
    least: int | None = None
    scopes: tuple[Scope, ...]


def wanted(ruled: Ruled, models: Iterable[str]) -> Wanted:
    """What this request needs of any of these models."""
    admitted, grounded = ruled.admitted, ruled.grounded
    app, ask = admitted.app, admitted.ask
    longest = app.limits.max_output_tokens
    if ask.max_tokens is not None:
        longest = max(1, min(ask.max_tokens, longest))
    prompt, whole = _sizes(ruled, app, ask)
    return Wanted(
        app=app,
        ask=ask,
        labels=grounded.whole_labels,
        fixed=grounded.screened.fixed,
        capabilities=_needed(ask),
        longest=longest,
        prompt=prompt,
        whole=whole,
        least=_least(ruled, models, whole, longest),
        scopes=(admitted.grant.scope, *app.scopes),
    )


def _sizes(ruled: Ruled, app: AppSpec, ask: Ask) -> tuple[int, int]:
    """Instructions, context, conversation and settings; of embeddings, the longest input counts."""
    if ask.operation == "embedding":
        inputs = [tokens.estimate(message.content) for message in ruled.messages]
        return sum(inputs), max(inputs, default=0)
    prompt = frame(app) + tokens.of_settings(ask)
    for message in ruled.messages:
        prompt += tokens.of_message(message)
    for piece in ruled.grounded.pieces:
        prompt += tokens.estimate(piece.text) + 4 * tokens.PER_MESSAGE
    return prompt, prompt


def _least(ruled: Ruled, models: Iterable[str], whole: int, longest: int) -> int | None:
    """See `Wanted.least`; what packing can't leave out, counted as packing counts it."""
    app, ask = ruled.admitted.app, ruled.admitted.ask
    known, embedding = app.models, ask.operation == "embedding"
    most = whole if embedding else whole + longest
    if all([m not in known or known[m].context_window >= most for m in models]):  # noqa: C419
        return None
    if embedding:
        return whole
    return frame(app) + tokens.of_settings(ask) + tokens.of_rest(ruled.messages)


def frame(app: AppSpec) -> int:
    """Estimated tokens of the app's own instructions, which no request can do without."""
    return tokens.PER_MESSAGE + tokens.estimate(app.system_prompt)


def _needed(ask: Ask) -> frozenset[str]:
    if not ask.tools and ask.response_format is None:
        return _PLAIN[ask.operation]
    found = {*_PLAIN[ask.operation]}
    if ask.tools:
        found.add("tools")
    if ask.response_format is not None and ask.response_format.get("type") != "text":
        found.add("json")
    return frozenset(found)


def max_tokens(wanted: Wanted, model: ModelSpec) -> int:
    """The longest answer that this model may give."""
    return min(wanted.longest, model.max_output_tokens)


def excluded(
    model: ModelSpec | None, wanted: Wanted, route: str, intent: str, standing: Standing
) -> str:
    """Why this model may not take the request; empty when it may."""
    if model is None:
        return "the tenant does not allow this model"
    regions = wanted.app.allowed_regions
    if regions is not None and model.region not in regions:
        return f"region {model.region or 'unknown'} is not allowed"
    if not wanted.labels <= model.clearances:
        return f"{CLEARANCE} {', '.join(sorted(wanted.labels - model.clearances))}"
    for fixed in wanted.fixed:
        if fixed.label not in model.clearances:
            return stands(fixed)
    if not wanted.capabilities <= model.capabilities:
        return f"can't do {', '.join(sorted(wanted.capabilities - model.capabilities))}"
    return standing.excluded(route, model.id, intent)


def sorted_out(
    order: Iterable[str],
    wanted: Wanted,
    route: str,
    intent: str,
    standing: Standing,
    lost: dict[str, str],
) -> list[ModelSpec]:
    """Those of ``order`` that may take the request; ``lost`` gets the others' reasons."""
    models, labels, capabilities = wanted.app.models, wanted.labels, wanted.capabilities
    simple = wanted.app.allowed_regions is None and not wanted.fixed and standing.quiet()
    allowed = []
    for model_id in order:
        if model_id in lost:
            continue
        model = models.get(model_id)
        if model is None or not (
            simple and capabilities <= model.capabilities and labels <= model.clearances
        ):
            reason = excluded(model, wanted, route, intent, standing)
            if model is None or reason:
                lost[model_id] = reason
                continue
        allowed.append(model)
    return allowed


def stands(fixed: Fixed) -> str:
    """The reason of a value that stands where none can be cut out."""
    return f"{CLEARANCE} {fixed.label}, which {fixed.param} holds ({fixed.kind})"


def too_long(model: ModelSpec, wanted: Wanted) -> str:
    """Why the request does not fit into the model's window as it is; empty where it does."""
    left = room(model, wanted)
    if wanted.whole <= left:
        return ""
    return f"about {wanted.whole} tokens do not fit the {max(0, left)} that its window leaves"


def room(model: ModelSpec, wanted: Wanted) -> int:
    """Tokens that a model's window leaves for the request; negative where its answer fills it."""
    if wanted.ask.operation == "embedding":
        return model.context_window
    return model.context_window - max_tokens(wanted, model)


def never_fits(model: ModelSpec, wanted: Wanted) -> str:
    """Why the request can't even be made to fit into the model's window; empty where it can, or
    where nobody counted.
    """
    left = room(model, wanted)
    if wanted.least is None or wanted.least <= left:
        return ""
    rest = ", without context and older turns," if wanted.least < wanted.whole else ""
    return (
        f"about {wanted.least} tokens{rest} do not fit the {max(0, left)} that its window of"
        f" {model.context_window} leaves, {TOO_LONG}"
    )


def fitting(models: list[ModelSpec], wanted: Wanted, lost: dict[str, str]) -> list[ModelSpec]:
    """Those into whose window the request fits as it is; where there is none, those into whose
    window it can be made to fit.
    """
    most = wanted.whole + (0 if wanted.ask.operation == "embedding" else wanted.longest)
    if all([model.context_window >= most for model in models]):  # noqa: C419 - a list is quicker
        return models
    fit = narrowed(models, lambda model: too_long(model, wanted), lost)
    if len(fit) < len(models) or wanted.least is None:
        return fit
    never = {model.id: why for model in models if (why := never_fits(model, wanted))}
    lost |= never
    return [model for model in models if model.id not in never]


def affordable(
    models: list[ModelSpec], wanted: Wanted, misfit: Misfit, lost: dict[str, str]
) -> list[ModelSpec]:
    """Those whose worst case fits what is left of the budgets; all of them where there is none."""
    bounded = tuple([scope for scope in wanted.scopes if scope.rates or scope.quotas])
    own = [m for m in models if m.scope is not None and (m.scope.rates or m.scope.quotas)]
    if len(models) < 2 or not (bounded or own):
        return models
    if not own:  # where even the dearest fits, one question is enough
        worst = [_worst(model, wanted) for model in models]
        if not misfit(bounded, max(w[0] for w in worst), max(w[1] for w in worst), None):
            return models
    return narrowed(models, lambda model: too_dear(model, wanted, misfit), lost)


def too_dear(model: ModelSpec, wanted: Wanted, misfit: Misfit) -> str:
    """Why the worst case does not fit into what is left of the budgets; empty where it does."""
    return misfit(wanted.scopes, *_worst(model, wanted), model.scope)


def _worst(model: ModelSpec, wanted: Wanted) -> tuple[int, int]:
    """Tokens and nano-units of the worst case."""
    ask = wanted.ask
    answer = 0 if ask.operation == "embedding" else max_tokens(wanted, model) * ask.n
    # the lease counts a token for each two characters, where the estimate has two for each seven
    prompt = 64 + wanted.prompt * 7 // 4
    return prompt + answer, worst_nano(model, prompt, answer)


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
