"""Adapting a transformer to the questions at hand: a short fine-tune of its upper layers, by torch.

Each class has a vector of its own; a question's should point to its class's and away from the
others' (softmax over cosines: "normalised softmax", Zhai and Wu 2019, arXiv 1811.12649). Afterwards
the weights are the mean of what they were and what they became, which keeps what the model knew
(WiSE-FT: Wortsman et al. 2022, arXiv 2109.01903). What it brings: see
docs/explanation/classifiers.md; ten questions of each of 77 intents take a minute of one core.
"""

from collections.abc import Sequence
from importlib import import_module
from typing import Any

import msgspec
import numpy as np
from numpy.typing import NDArray

from freehold.core.errors import TrainingError
from freehold.core.training import Progress
from freehold.learning.trainers.encoders import Source, weights_of
from freehold.text.transformer import Encoder

EPOCHS, MOST_STEPS = 4, 480
_BATCH = 32
_RATE, _CLASS_RATE = 1e-4, 1e-3
_SCALE = 16.0
"""How sharp the softmax over cosines is."""
_SMOOTH = 0.05
_WARM = 0.1
_SHARE = 0.5
"""How much of what it became is in the mean."""
_MOST_TOKENS = 64
_NEAR = 8
"""Batches among which texts are put together by length."""

Floats = NDArray[np.float32]
Ints = NDArray[np.intp]


def adapted(
    parts: Source,
    encoder: Encoder,
    texts: Sequence[str],
    groups: Ints,
    *,
    seed: int,
    progress: Progress,
) -> dict[str, Floats]:
    """The weights of the transformer, adapted to tell the groups of these texts apart.

    Args:
        parts: what the transformer is made of.
        encoder: it, for its tokens and the vectors that classes begin with.
        groups: the number of each text's group, from 0 on.

    Raises:
        TrainingError: torch or transformers is not installed.
    """
    try:
        torch: Any = import_module("torch")
        transformers: Any = import_module("transformers")
    except ModuleNotFoundError as error:
        raise TrainingError(
            f"`adapt: true` needs the package {error.name}: pip install 'freehold[train]'"
        ) from None
    torch.manual_seed(seed)
    before = weights_of(parts.weights)
    config = transformers.BertConfig(**msgspec.json.decode(parts.shape))
    model = transformers.BertModel(config, add_pooling_layer=False)
    model.load_state_dict({k: torch.tensor(v) for k, v in before.items()}, strict=False)
    frozen = config.num_hidden_layers // 2
    for part in (model.embeddings, *model.encoder.layer[:frozen]):
        part.requires_grad_(requires_grad=False)
    starts = _starts(np.array([encoder.of(text) for text in texts], np.float32), groups)
    ids = [encoder.tokens(text)[:_MOST_TOKENS] for text in texts]
    states = _lower(torch, model, frozen, ids, progress)
    upper = model.encoder.layer[frozen:]
    classes = torch.nn.Parameter(torch.tensor(starts))
    _descend(torch, upper, classes, states, groups, seed, progress)
    after = {name: value.detach().numpy() for name, value in model.state_dict().items()}
    return {
        name: (_SHARE * after[name] + (1 - _SHARE) * value).astype(np.float32)
        if name in after
        else value
        for name, value in before.items()
    }


def _starts(vectors: Floats, groups: Ints) -> Floats:
    """The mean vector of each group, of length one."""
    means = np.array([vectors[groups == group].mean(axis=0) for group in range(groups.max() + 1)])
    found: Floats = means / np.maximum(np.linalg.norm(means, axis=1, keepdims=True), 1e-9)
    return found.astype(np.float32)


def _lower(
    torch: Any, model: Any, frozen: int, ids: Sequence[Sequence[int]], progress: Progress
) -> list[Any]:
    """Each text's tokens as the layers that stay as they are leave them, ``(tokens, size)``; read
    once instead of in each step.
    """
    model.eval()
    found: list[Any] = [None] * len(ids)
    order = sorted(range(len(ids)), key=lambda place: len(ids[place]))
    with torch.no_grad():
        for begin in range(0, len(order), _BATCH):
            some = order[begin : begin + _BATCH]
            longest = max(len(ids[place]) for place in some)
            tokens = torch.zeros((len(some), longest), dtype=torch.long)
            for row, place in enumerate(some):
                tokens[row, : len(ids[place])] = torch.tensor(ids[place])
            mask = _mask(torch, [len(ids[place]) for place in some])
            state = model.embeddings(input_ids=tokens)
            state = _through(torch, model.encoder.layer[:frozen], state, mask)
            for row, place in enumerate(some):
                found[place] = state[row, : len(ids[place])].clone()
            progress("adapt: read", begin + len(some), len(order))
    return found


def _batches(dice: np.random.Generator, lengths: Ints) -> list[Ints]:
    """All texts once, by chance, but those of like length together: padding is wasted time."""
    order = dice.permutation(len(lengths))
    made = []
    for begin in range(0, len(order), _NEAR * _BATCH):
        some = order[begin : begin + _NEAR * _BATCH]
        some = some[np.argsort(lengths[some], kind="stable")]
        made += [some[at : at + _BATCH] for at in range(0, len(some), _BATCH)]
    return [made[place] for place in dice.permutation(len(made))]


def _descend(
    torch: Any,
    layers: Any,
    classes: Any,
    states: Sequence[Any],
    groups: Ints,
    seed: int,
    progress: Progress,
) -> None:
    """Some hundred small steps (AdamW), with a rate that rises and falls."""
    own = list(layers.parameters())
    rates = (_RATE, _CLASS_RATE)
    optimiser = torch.optim.AdamW(
        [{"params": own, "weight_decay": 0.01}, {"params": [classes], "weight_decay": 0.0}],
        lr=_RATE,
    )
    dice = np.random.default_rng(seed)
    lengths = np.array([len(state) for state in states])
    each = -(-len(states) // _BATCH)
    total = min(EPOCHS * each, max(each, MOST_STEPS))
    normal = torch.nn.functional.normalize
    layers.train()
    left: list[Ints] = []
    for step in range(total):
        left = left or _batches(dice, lengths)
        some = left.pop()
        pace = min(1.0, (step + 1) / (_WARM * total), 1 - step / total)
        for group, rate in zip(optimiser.param_groups, rates, strict=True):
            group["lr"] = rate * pace
        vectors = _vectors(torch, layers, [states[place] for place in some])
        cosines = vectors @ normal(classes, dim=1).T
        wanted = torch.tensor(groups[some])
        loss = torch.nn.functional.cross_entropy(_SCALE * cosines, wanted, label_smoothing=_SMOOTH)
        optimiser.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(own, 1.0)
        optimiser.step()
        progress("adapt", step + 1, total, loss=float(loss.detach()))
    layers.eval()


def _mask(torch: Any, lengths: Sequence[int]) -> Any:
    """1 where a token is, ``(texts, tokens)``."""
    return (torch.arange(max(lengths))[None] < torch.tensor(lengths)[:, None]).float()


def _through(torch: Any, layers: Any, state: Any, mask: Any) -> Any:
    """Through some layers of the encoder."""
    barred = (1 - mask)[:, None, None] * torch.finfo(torch.float32).min
    for layer in layers:
        made = layer(state, barred)
        state = made[0] if isinstance(made, tuple) else made
    return state


def _vectors(torch: Any, layers: Any, states: Sequence[Any]) -> Any:
    """Mean-pooled vectors of length one, of what the lower layers left."""
    state = torch.nn.utils.rnn.pad_sequence(list(states), batch_first=True)
    mask = _mask(torch, [len(one) for one in states])
    state = _through(torch, layers, state, mask)
    spread = mask.unsqueeze(2)
    mean = (state * spread).sum(1) / spread.sum(1)
    return torch.nn.functional.normalize(mean, dim=1)
