"""The whole bundle, checked at once: every mistake, each with file, line and column.

Shape is pydantic's part; what one section means for another is read from the located tree, so that
an app with a misspelt key still has its unknown route reported in the same run.
"""

from collections.abc import Collection
from pathlib import Path

from msgspec import Struct

from freehold.bundle import secrets
from freehold.bundle.alerting import check_alerts
from freehold.bundle.capture_checks import check_capture
from freehold.bundle.conflicts import Relate, check_conflicts
from freehold.bundle.custom_checks import (
    InspectTrainer,
    check_custom,
    check_standing,
    check_waiting,
)
from freehold.bundle.declared import Names
from freehold.bundle.deployed import Overlay, check_reserved, overlaid
from freehold.bundle.effects import check_effects
from freehold.bundle.extensions import Inspect, check_detectors
from freehold.bundle.intents import InspectIntents, all_intents, check_intents
from freehold.bundle.load import load
from freehold.bundle.meaning import (
    CompileRule,
    DoubtRule,
    check_environment,
    check_expressions,
    check_rules,
    check_sources,
    check_voices,
    check_webhooks,
)
from freehold.bundle.mirroring import check_mirrors
from freehold.bundle.model_checks import InspectModel, check_models
from freehold.bundle.names import DETECTORS
from freehold.bundle.problems import Problem, Problems
from freehold.bundle.queues import check_queues
from freehold.bundle.references import References
from freehold.bundle.resolve import Lookup
from freehold.bundle.routers import check_routers
from freehold.bundle.schema import Bundle
from freehold.bundle.shape import validate
from freehold.bundle.snapshot import Snapshot, read_folder
from freehold.bundle.streaming import check_streams
from freehold.bundle.tenancy import check_locks, check_tree
from freehold.bundle.tool_rules import check_tool_rules
from freehold.bundle.tree import Tree


class Report(Struct, frozen=True):
    """What ``check`` found.

    Attributes:
        problems: in order of file, line and column.
        bundle: the typed bundle; None as soon as there is one error.
        hash: the version of what was read, ``sha256:…``, also of a bundle with errors.
    """

    problems: tuple[Problem, ...]
    bundle: Bundle | None
    hash: str

    @property
    def ok(self) -> bool:
        """Whether this bundle may go live; warnings don't stand in the way."""
        return self.bundle is not None

    @property
    def errors(self) -> tuple[Problem, ...]:
        """What must be mended."""
        return tuple(problem for problem in self.problems if problem.severity == "error")

    @property
    def warnings(self) -> tuple[Problem, ...]:
        """What is probably not meant."""
        return tuple(problem for problem in self.problems if problem.severity == "warning")


def check(
    folder: Path,
    *,
    compile_rule: CompileRule | None = None,
    doubt_rule: DoubtRule | None = None,
    relate: Relate | None = None,
    detector_ids: Collection[str] | None = None,
    lookup: Lookup | None = None,
    inspect: Inspect | None = None,
    inspect_model: InspectModel | None = None,
    inspect_intents: InspectIntents | None = None,
    router_ids: Collection[str] | None = None,
    inspect_trainer: InspectTrainer | None = None,
    overlay: Overlay | None = None,
) -> Report:
    """Read and check the bundle in ``folder``. Nothing is raised for what is wrong with it.

    Args:
        compile_rule: compiles a CEL expression for a phase (request, answer, stream, tool_call,
            route, source) and returns what is wrong with it, or None. Without it, expressions are
            not looked at.
        doubt_rule: returns what compiles in an expression and is probably not meant.
        relate: says how two conditions are related; without it, rules are not compared.
        detector_ids: the detectors that exist; Freehold's own by default.
        lookup: gives environment variables, so that a model's key that is not set is a warning;
            by default, nothing is looked up and the environment makes no difference.
        inspect: looks at a detector that the bundle declares (a package may be missing, a file may
            be no head) and returns what is wrong with it, or None. Without it, nobody looks.
        inspect_model: the same for models that run in this process.
        inspect_intents: the same for files of trained intents.
        router_ids: the routers that can be had here; without them, nobody looks.
        inspect_trainer: the same for custom models and the options of their trainers.
        overlay: what is deployed; nothing if left out.

    Raises:
        FreeholdError: what is deployed can't be read.
    """
    problems = Problems()
    snapshot = read_folder(folder, problems)
    snapshot = overlaid(snapshot, overlay, problems)
    return check_snapshot(
        snapshot,
        problems,
        compile_rule=compile_rule,
        doubt_rule=doubt_rule,
        relate=relate,
        detector_ids=detector_ids,
        lookup=lookup,
        inspect=inspect,
        inspect_model=inspect_model,
        inspect_intents=inspect_intents,
        router_ids=router_ids,
        inspect_trainer=inspect_trainer,
        deployments_known=overlay is not None,
    )


def check_snapshot(
    snapshot: Snapshot,
    problems: Problems,
    *,
    compile_rule: CompileRule | None = None,
    doubt_rule: DoubtRule | None = None,
    relate: Relate | None = None,
    detector_ids: Collection[str] | None = None,
    lookup: Lookup | None = None,
    inspect: Inspect | None = None,
    inspect_model: InspectModel | None = None,
    inspect_intents: InspectIntents | None = None,
    router_ids: Collection[str] | None = None,
    inspect_trainer: InspectTrainer | None = None,
    deployments_known: bool = False,
) -> Report:
    """Check files that are in memory already; ``problems`` has what reading them showed.

    With ``deployments_known``, what waits for a version to be live is a warning.
    """
    known = DETECTORS if detector_ids is None else detector_ids
    loaded = load(snapshot, problems)
    root, unread = loaded.root, loaded.unread
    bundle = None
    if snapshot.files:
        _check_files(snapshot, root, problems)
        own = tuple(name for name, _ in root.section("detectors").entries())
        shipped, known = known, (*known, *own)
        names = Names(root, known)
        bundle = validate(root, unread.whole, problems)
        References(root, names, unread, problems).check()
        paths = check_tree(root, unread, problems)
        check_locks(root, paths, known, problems, bundle.detectors if bundle else {})
        check_detectors(root, names, snapshot.files, shipped, inspect, problems)
        check_sources(root, names, unread, problems)
        check_webhooks(root, unread, problems)
        check_mirrors(root, problems)
        check_alerts(root, names, unread, problems)
        check_capture(root, names, paths, unread, problems)
        check_models(root, names, snapshot.files, inspect_model, problems)
        check_custom(root, names, unread, inspect_trainer, problems)
        check_rules(names, problems)
        check_streams(names, problems)
        check_tool_rules(root, names, problems)
        check_voices(names, problems)
        check_intents(names, snapshot.files, inspect_intents, problems)
        check_queues(root, names, snapshot.files, problems)
        intents = all_intents(names, snapshot.files)
        check_effects(root, names, unread, intents, problems)
        check_routers(names, router_ids, problems)
        check_expressions(names, unread, compile_rule, problems, doubt_rule, intents)
        if unread.whole:  # or else what is missing may stand in what could not be read
            check_conflicts(root, names, paths, relate, problems)
        check_environment(root, names, snapshot.folder, lookup, problems)
        if bundle is not None:
            if deployments_known:
                check_waiting(bundle, root, problems)
            bundle = check_standing(bundle, root, snapshot.files, inspect_model, problems)
    return _report(snapshot, bundle, problems)


def _check_files(snapshot: Snapshot, root: Tree, problems: Problems) -> None:
    """What must stand in no file, whatever it says otherwise."""
    check_reserved(snapshot, problems)
    secrets.check_files(snapshot, problems)
    secrets.check_headers(root, problems)
    secrets.check_places(snapshot, root, problems)


def _report(snapshot: Snapshot, bundle: Bundle | None, problems: Problems) -> Report:
    found = _without_echoes(problems.sorted())
    failed = any(problem.severity == "error" for problem in found)
    return Report(found, None if failed else bundle, snapshot.hash)


def _without_echoes(problems: tuple[Problem, ...]) -> tuple[Problem, ...]:
    """A key written where `env:NAME` belongs is one mistake: a secret, not also a bad pattern."""
    leaked = {(p.file, p.line) for p in problems if p.code.startswith("secret.inline")}
    echoes = {"shape.pattern", "secret.header"}
    return tuple(p for p in problems if p.code not in echoes or (p.file, p.line) not in leaked)
