"""Intents at the terminal: a question tried, a labelled file told, a model trained to a file."""

import time
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from msgspec import Struct

from freehold.bundle.resolve import ResolvedBundle
from freehold.core.decisions import MILLION
from freehold.core.errors import FreeholdError, NotFound
from freehold.services.measure_intents import confusions, grouped, read_data
from freehold.stages.data_prep.intents import learned
from freehold.text.intent_files import pack, unpack
from freehold.text.intents import Intents, learn


class Trained(Struct, frozen=True, kw_only=True):
    """A file that was made. ``held_out`` examples were judged by models without them, and
    ``accuracy`` of those were told right; ``None`` where none could be.
    """

    file: str
    intents: int
    examples: int
    outside: int
    held_out: int
    accuracy: float | None
    bytes: int
    seconds: float


class OneIntent(Struct, frozen=True, kw_only=True):
    """How one intent fares: of its questions those that are told (``recall``), of those that are
    told as it those that are (``precision``).
    """

    questions: int
    recall: float
    precision: float


class Told(Struct, frozen=True, kw_only=True):
    """What became of a labelled file. ``accepted``: with an intent and told to have one;
    ``oos_recall``: without one and told so; ``unknown``: wanting an intent that there is not.
    """

    questions: int
    accuracy: float
    accepted: float
    oos: int
    oos_recall: float | None
    unknown: int
    confusions: list[dict[str, Any]]
    intents: dict[str, OneIntent]


def train(data: Path, out: Path, keep: float) -> Trained:
    """Learn the examples of a file, and write the model.

    Raises:
        FreeholdError: the file can't be used, or the other not be written.
    """
    if out.suffix != ".safetensors":
        raise FreeholdError(
            f"the file's name ends with .safetensors, not {out.suffix or 'nothing'}"
        )
    known = read_data(data, ("train",))
    groups = grouped(known.inside)
    begun = time.perf_counter()
    try:
        model = learn(groups, known.outside, keep=keep)
    except ValueError as error:
        raise FreeholdError(f"{data} can't be learned from: {error}") from None
    packed = pack(model)
    try:
        out.write_bytes(packed)
    except OSError as error:
        raise FreeholdError(f"{out} can't be written: {error.strerror or error}") from None
    count, right = model.tried
    return Trained(
        file=str(out),
        intents=len(groups),
        examples=len(known.inside),
        outside=len(known.outside),
        held_out=count,
        accuracy=round(right / count, 4) if count else None,
        bytes=len(packed),
        seconds=round(time.perf_counter() - begun, 1),
    )


def of_app(bundle: ResolvedBundle, app: str) -> Intents:
    """The model of an app's intents.

    Raises:
        NotFound: there is no such app, or it has no intents.
        FreeholdError: its examples can't be learned from.
    """
    declared = bundle.bundle.apps.get(app)
    if declared is None:
        raise NotFound(f"no app `{app}`; there is {', '.join(sorted(bundle.bundle.apps))}")
    digest = bundle.app_for(declared.tenant, app).intents
    if not digest:
        raise NotFound(f"app `{app}` has no `intents`")
    try:
        return learned(bundle.intents[digest])
    except ValueError as error:
        raise FreeholdError(f"the intents of app `{app}` can't be learned: {error}") from None


def of_file(path: Path) -> Intents:
    """The model in a file that `train` made.

    Raises:
        FreeholdError: it can't be read, or is none.
    """
    try:
        return unpack(path.read_bytes())
    except OSError as error:
        raise FreeholdError(f"{path} can't be read: {error.strerror or error}") from None
    except ValueError as error:
        raise FreeholdError(f"{path}: {error}") from None


def tried(model: Intents, texts: Sequence[str]) -> list[dict[str, Any]]:
    """What each text wants, as rules will see it: ``intent`` is empty where none fits."""
    found = []
    for text in texts:
        said = model.of(text)
        found.append(
            {
                "text": text,
                "intent": said.name if said.fits else "",
                "score": said.score / MILLION,
                "nearest": said.name,
                "second": said.second,
            }
        )
    return found


def told(model: Intents, data: Path) -> Told:
    """Judge a labelled file: how much of it is right, and what is taken for what.

    Raises:
        FreeholdError: the file can't be used.
    """
    asked = read_data(data, ("test", "val"))
    said = [model.of(text) for text, _ in asked.inside]
    outside = [model.of(text) for text in asked.outside]
    wanted = [name for _, name in asked.inside]
    pairs = [(name, one.name if one.fits else "") for name, one in zip(wanted, said, strict=True)]
    have, given = Counter(wanted), Counter(found for _, found in pairs)
    hits = Counter(name for name, found in pairs if name == found)
    count = len(pairs)
    return Told(
        questions=count,
        accuracy=_share(sum(one.name == n for one, n in zip(said, wanted, strict=True)), count),
        accepted=_share(sum(one.fits for one in said), count),
        oos=len(outside),
        oos_recall=_share(sum(not o.fits for o in outside), len(outside)) if outside else None,
        unknown=sum(name not in model.names for name in wanted),
        confusions=[
            {"wanted": name, "said": found, "times": times}
            for name, found, times in confusions(pairs)
        ],
        intents={
            name: OneIntent(
                questions=have[name],
                recall=_share(hits[name], have[name]),
                precision=_share(hits[name], given[name]),
            )
            for name in sorted(have)
        },
    )


def _share(part: int, whole: int) -> float:
    return round(part / whole, 4) if whole else 0.0
