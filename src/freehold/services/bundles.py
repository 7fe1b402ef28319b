"""Use cases around the bundle: write one, check it, compare two, open the one to serve."""

import functools
import json
import os
from collections.abc import Callable, Collection, Mapping
from http.client import HTTPConnection, HTTPException
from pathlib import Path
from typing import Any, cast

from freehold.bundle.activate import Activator, InvalidBundle
from freehold.bundle.check import Report, check
from freehold.bundle.conflicts import Relation
from freehold.bundle.deployed import Overlay, relaid
from freehold.bundle.detectors import OwnDetector
from freehold.bundle.diff import Change, diff
from freehold.bundle.kept import AlteredCopy, kept_snapshot, load_kept, understood
from freehold.bundle.model import Local
from freehold.bundle.resolve import Lookup, ResolvedBundle, resolve
from freehold.bundle.schema import Bundle
from freehold.bundle.specs import options_text
from freehold.bundle.starter import Provider
from freehold.bundle.starter import write_starter as _write_starter
from freehold.core.errors import BundleError, NotFound, TrainingError
from freehold.core.spec import ClassifierSpec
from freehold.learning.trainers import known as known_trainers
from freehold.learning.trainers import trainer_of
from freehold.rules.closed import slips, strays
from freehold.rules.declared import Phase
from freehold.rules.names import facts_in
from freehold.rules.plain_logic import always, excluded, implied, is_constant, together_always
from freehold.rules.program import check_expression
from freehold.rules.records import doubts
from freehold.stages.data_prep.intents import learned
from freehold.stages.governance.detectors.classifier import Classifier
from freehold.stages.governance.installed import Unloadable, load
from freehold.stages.routing import loading
from freehold.text import intent_files
from freehold.text.heads import unpack
from freehold.text.local import inspect as inspect_local

_OLLAMA = ("127.0.0.1", 11434)
_OLLAMA_TIMEOUT_S = 0.5


def compile_rule(expression: str, phase: str) -> str | None:
    """What is wrong with a CEL expression in this phase; None when nothing is."""
    return check_expression(expression, cast(Phase, phase))


def doubt_rule(expression: str, known: Mapping[str, Collection[str]]) -> list[tuple[str, str]]:
    """What compiles in a CEL expression and is probably not meant, each with its code. ``known``
    are the values that some facts can have in this bundle.
    """
    found = [("rule.unit", slip) for slip in slips(expression)]
    never = [*doubts(expression), *strays(expression, known)]
    if never:
        return found + [("rule.never", f"this can't be meant: {doubt}") for doubt in never]
    return found + _doubt_logic(expression)


def _doubt_logic(expression: str) -> list[tuple[str, str]]:
    why = excluded(expression)
    if why is not None:
        return [("rule.never", f"this is never true: {why}")]
    if always(expression) and not is_constant(expression):
        return [("rule.always", "this is always true, whatever the facts are")]
    return []


def relate(one: str, other: str) -> frozenset[Relation]:
    """How two conditions are related, as far as that can be told without a solver."""
    if not facts_in(one) & facts_in(other):
        return frozenset()
    # of conditions that say nothing, or all, by themselves, other words are enough
    if excluded(one) or excluded(other) or always(one) or always(other):
        return frozenset()
    asked: dict[Relation, bool] = {
        "implies": implied(one, other),
        "implied": implied(other, one),
        "always": together_always(one, other),
    }
    return frozenset(relation for relation, holds in asked.items() if holds)


def inspect(detector_id: str, declared: OwnDetector, files: Mapping[str, bytes]) -> str | None:
    """What is wrong with a detector that a bundle declares; None when nothing is. Packages are
    imported here, and no other ones than those that are named.
    """
    try:
        if declared.classifier is not None:
            data = files.get(declared.classifier.file)
            if data is not None:
                head = unpack(data)
                spec = ClassifierSpec(
                    file=declared.classifier.file,
                    digest="",
                    label=declared.classifier.label or "",
                )
                Classifier(detector_id, spec, head)
        if declared.installed is not None:
            load(detector_id, options_text(declared.installed))
    except (ValueError, Unloadable) as error:
        return str(error)
    return None


def inspect_model(declared: Local, files: Mapping[str, bytes]) -> str | None:
    """What is wrong with a model that shall run in this process; None when nothing is."""
    try:
        inspect_local(declared.kind, files.get(declared.file, b""), json.dumps(declared.options))
    except ValueError as error:
        return str(error)
    return None


def inspect_intents(data: bytes) -> str | None:
    """What is wrong with a file of trained intents; None when nothing is."""
    try:
        intent_files.unpack(data)
    except ValueError as error:
        return str(error)
    return None


def inspect_trainer(kind: str, options: Mapping[str, Any], base: str) -> str | None:
    """What is wrong with a custom model's kind or its trainer's options; None when nothing is.
    Where the trainer's packages are not installed, nobody can tell; it may be trained elsewhere.
    """
    kinds = known_trainers()
    if kind not in kinds:
        return f"no trainer of the kind `{kind}` is installed; there are {', '.join(kinds)}"
    if kind == "causal-lm" and not base:
        return "a `causal-lm` needs a `base`"
    try:
        trainer_of(kind).check(options)
    except TrainingError:
        return None
    except ValueError as error:
        return str(error)
    return None


def router_ids() -> tuple[str, ...]:
    """The routers that can be had here: built in, and offered by installed packages."""
    return (*loading.BUILT_IN, *loading.installed())


def check_bundle(
    folder: Path,
    *,
    detector_ids: Collection[str] | None = None,
    lookup: Lookup | None = None,
    overlay: Overlay | None = None,
) -> Report:
    """Everything that is wrong with the bundle in ``folder``, its expressions included.

    With ``lookup``, a model's key that is not in the environment is a warning. With ``overlay``,
    what is deployed is checked with it.

    Raises:
        FreeholdError: what is deployed can't be read.
    """
    return check(
        folder,
        compile_rule=compile_rule,
        doubt_rule=doubt_rule,
        relate=relate,
        detector_ids=detector_ids,
        lookup=lookup,
        inspect=inspect,
        inspect_model=inspect_model,
        inspect_intents=inspect_intents,
        router_ids=router_ids(),
        inspect_trainer=inspect_trainer,
        overlay=overlay,
    )


def activator(
    folder: Path,
    home: Path | None,
    *,
    lookup: Lookup = os.environ.get,
    detector_ids: Collection[str] | None = None,
    warm: Callable[[ResolvedBundle], None] | None = None,
    overlay: Overlay | None = None,
) -> Activator:
    """What opens the bundle at the start (``first()``) and, for a watcher, whenever it changes."""
    return Activator(
        folder,
        home,
        lookup=lookup,
        compile_rule=compile_rule,
        detector_ids=detector_ids,
        inspect=inspect,
        warm=warm,
        inspect_model=inspect_model,
        inspect_intents=inspect_intents,
        router_ids=router_ids(),
        inspect_trainer=inspect_trainer,
        overlay=overlay,
    )


def learn_intents(bundle: ResolvedBundle) -> None:
    """Learn all apps' intents, which takes seconds where examples are many: not on the event loop.

    Raises:
        BundleError: the examples, or a trained file, can't be used.
    """
    for examples in bundle.intents.values():
        try:
            learned(examples)
        except ValueError as error:
            raise BundleError(f"intents can't be learned: {error}") from None


def open_bundle(
    folder: Path, *, lookup: Lookup = os.environ.get, overlay: Overlay | None = None
) -> ResolvedBundle:
    """The bundle in ``folder``, resolved for use; it is not kept, since it does not go live.

    Args:
        overlay: what is deployed; nothing if left out.

    Raises:
        InvalidBundle: it has errors.
    """
    return activator(folder, None, lookup=lookup, overlay=overlay).first()


def described_bundle(
    folder: Path, *, lookup: Lookup = os.environ.get, overlay: Overlay | None = None
) -> ResolvedBundle:
    """The bundle in ``folder`` for work that calls nobody, such as making keys.

    An address whose variable is not set here stays as it is written.

    Args:
        overlay: what is deployed; nothing if left out.

    Raises:
        InvalidBundle: it has errors.
    """
    return open_bundle(folder, lookup=_as_written(lookup), overlay=overlay)


def kept_bundle(
    home: Path,
    bundle_hash: str,
    *,
    lookup: Lookup = os.environ.get,
    overlay: Overlay | None = None,
) -> ResolvedBundle:
    """A version that was live once, resolved: what a record's decisions replay against.

    A replay calls nobody, so an address whose variable is not set any more stays as it is written.

    Args:
        overlay: what is deployed, in place of what was deployed then; its hash is another one.

    Raises:
        NotFound, BundleError: it was never live here, or its copy was changed.
    """
    kept = kept_snapshot(home, bundle_hash)
    snapshot = kept if overlay is None else relaid(kept, overlay.files())
    bundle = understood(snapshot)
    return resolve(bundle, snapshot.hash, lookup=_as_written(lookup), files=snapshot.files)


def kept_or_none(home: Path, *, altered: bool = False) -> Callable[[str], ResolvedBundle | None]:
    """Finds versions that were live once; each is loaded once. ``None`` for one that is not there
    or can't be read any more.

    Args:
        altered: a copy that somebody changed raises `AlteredCopy`.
    """

    @functools.cache
    def find(bundle_hash: str) -> ResolvedBundle | None:
        try:
            return kept_bundle(home, bundle_hash)
        except AlteredCopy:
            if altered:
                raise
        except (NotFound, BundleError):
            pass
        return None

    return find


def _as_written(lookup: Lookup) -> Lookup:
    return lambda name: lookup(name) or f"env:{name}"


def diff_bundles(before: Path | str, after: Path | str, *, home: Path) -> list[Change]:
    """What changed between two bundles, each a folder or the hash of a version that was live.

    Raises:
        NotFound, InvalidBundle: one of them is not there, or has errors.
    """
    return diff(_either(before, home), _either(after, home))


def _either(which: Path | str, home: Path) -> Bundle:
    if isinstance(which, str) and which.startswith("sha256:"):
        return load_kept(home, which)
    report = check_bundle(Path(which))
    if report.bundle is None:
        raise InvalidBundle(report)
    return report.bundle


def choose_provider(lookup: Lookup = os.environ.get) -> Provider:
    """OpenAI when its key is set, else Ollama when it runs here, else the simulator."""
    if lookup("OPENAI_API_KEY"):
        return "openai"
    return "ollama" if ollama_models() is not None else "simulator"


def write_starter(folder: Path, provider: str, *, simulator_url: str = "") -> tuple[Path, ...]:
    """Write a starter bundle; for Ollama, with the first model that it serves.

    Raises:
        BundleError: the folder is not empty, can't be written, or the provider is unknown.
    """
    local = (ollama_models() or [""])[0] if provider == "ollama" else ""
    return _write_starter(folder, provider, simulator_url=simulator_url, local_model=local)


def ollama_models(
    address: tuple[str, int] = _OLLAMA, connect: Callable[..., HTTPConnection] = HTTPConnection
) -> list[str] | None:
    """The chat models that an Ollama on this machine serves; None if none runs."""
    connection = connect(*address, timeout=_OLLAMA_TIMEOUT_S)
    try:
        connection.request("GET", "/api/tags")
        response = connection.getresponse()
        if response.status != 200:
            return None
        listed = json.loads(response.read(1_000_000))
        names = [str(model["name"]) for model in listed["models"]]
    except (OSError, HTTPException, ValueError, KeyError, TypeError):
        return None
    finally:
        connection.close()
    return [name for name in names if "embed" not in name]
