"""Where somebody's texts went that were learned from: datasets, and models trained on them."""

from collections.abc import Callable, Collection
from pathlib import Path

from freehold.core.cases import Case
from freehold.core.errors import FreeholdError
from freehold.learning.datasets.folder import names, short
from freehold.learning.registry import Registry, Version
from freehold.services.beyond import Beyond
from freehold.services.datasets import Holding, holding

_HOLDS = {
    "responder": ": it holds approved answers, and the questions to them, word for word",
    "classifier": ": it holds numbers, and no text of theirs",
    "causal-lm": ": its weights can repeat what they were taught",
}


def holds(kind: str) -> str:
    """What of somebody's text is in a version of this kind, as the end of a sentence; empty for a
    kind of a package, of which nobody here knows.
    """
    return _HOLDS.get(kind, "")


def learned_from(
    home: Path,
    registry: Registry,
    case_of: Callable[[str], Case | None],
    exchanges: Collection[str],
) -> list[Beyond]:
    """What holds rows made from these exchanges, and what to do about each. A dataset or a model
    that can't be read is told, too: nobody's erasure waits for its repair.

    Args:
        case_of: the case that an exchange became; models are known by the ids of their cases, also
            where the dataset is gone.
    """
    wanted = set(exchanges)
    found: list[Beyond] = []
    for name in names(home):
        try:
            found += [_dataset(held) for held in holding(home, name, wanted)]
        except FreeholdError as error:
            found.append(_unread("dataset", name, error))
    cases = {case.case_id for each in wanted if (case := case_of(each)) is not None}
    for model in registry.models():
        try:
            taught = registry.taught_by(model, cases)
        except FreeholdError as error:
            found.append(_unread("weights", model, error))
            continue
        found += [_model(version, rows) for version, rows in taught]
    return found


def _unread(kind: str, name: str, error: FreeholdError) -> Beyond:
    called = "dataset" if kind == "dataset" else "custom model"
    return Beyond(
        kind=kind,
        what=f"{called} {name}, if it was made of rows of theirs: nobody knows, since {error}",
        do="Put it right from a backup, or remove it; then erase again, which tells what it holds.",
        details={"unread": name},
    )


def _dataset(held: Holding) -> Beyond:
    return Beyond(
        kind="dataset",
        what=f"rows of dataset {held.name}@{short(held.digest)}, in the clear",
        do="`freehold dataset purge --yes` writes its newest version anew without them, and"
        " removes this one. What was exported of it is with whoever has it: the ledger's"
        " `dataset.exported` says when.",
        count=held.rows,
        details={"dataset": held.name, "digest": held.digest, "newest": held.newest},
    )


def _model(version: Version, rows: int) -> Beyond:
    return Beyond(
        kind="weights",
        what=f"custom model {version.id}, which was trained on rows of theirs"
        + holds(version.manifest.content.kind),
        do=_instead(version),
        count=rows,
        details={"model": version.model, "version": version.name},
    )


def _instead(version: Version) -> str:
    model, named = version.model, version.id
    return (
        f"After the purge, `freehold dataset build --model {model}` and `freehold train {model}`"
        f" make one without them, which goes through `freehold gate {model}` and `freehold custom"
        f" deploy {model}`. At once: `freehold custom retire {named}`, so that it answers nobody."
        f" Then remove {version.folder}, and its copies under `<home>/bundles`, once nothing must"
        " be replayed with it."
    )
