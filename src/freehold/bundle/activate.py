"""From a folder to a version that can go live: settled, checked, resolved and kept."""

from collections.abc import Callable, Collection
from pathlib import Path
from time import sleep

from msgspec import Struct
from msgspec.structs import replace

from freehold.bundle.check import Report, check_snapshot
from freehold.bundle.custom_checks import InspectTrainer
from freehold.bundle.deployed import Overlay, overlaid
from freehold.bundle.extensions import Inspect
from freehold.bundle.intents import InspectIntents
from freehold.bundle.kept import keep
from freehold.bundle.load import load
from freehold.bundle.meaning import CompileRule
from freehold.bundle.model_checks import InspectModel
from freehold.bundle.names import DETECTORS
from freehold.bundle.problems import Problems, Spot
from freehold.bundle.resolve import Lookup, ResolvedBundle, resolve
from freehold.bundle.routers import NO_ROUTER
from freehold.bundle.snapshot import Snapshot, read_folder, scan
from freehold.bundle.unresolved import Unresolved
from freehold.core.errors import BundleError, FreeholdError, StorageError

_TRIES = 20
_PAUSE_S = 0.1


class InvalidBundle(BundleError):
    """A bundle that may not go live; ``report`` has every reason."""

    def __init__(self, report: Report) -> None:
        super().__init__("the bundle is not valid:\n" + "\n".join(map(str, report.errors)))
        self.report = report


class Activation(Struct, frozen=True):
    """The outcome of preparing a folder: ``resolved`` is None where ``report`` has errors.

    ``unwritable`` says why the version can't be kept where nothing is wrong with the bundle.
    """

    report: Report
    resolved: ResolvedBundle | None
    unwritable: str = ""


class Activator:
    """Prepares versions of one folder.

    Args:
        folder: the bundle that people edit.
        home: where activated versions are kept, or None to keep none.
        lookup: gives environment variables: ``os.environ.get``.
        compile_rule, detector_ids, inspect, inspect_model, inspect_intents, router_ids,
        inspect_trainer: as for ``check``.
        overlay: what is deployed, which is laid over the folder's files.
        warm: does what takes its time ahead of a version's first request (learning from examples);
            raises `BundleError` where that fails.
    """

    def __init__(
        self,
        folder: Path,
        home: Path | None,
        *,
        lookup: Lookup,
        compile_rule: CompileRule | None = None,
        detector_ids: Collection[str] | None = None,
        inspect: Inspect | None = None,
        inspect_model: InspectModel | None = None,
        inspect_intents: InspectIntents | None = None,
        router_ids: Collection[str] | None = None,
        inspect_trainer: InspectTrainer | None = None,
        overlay: Overlay | None = None,
        warm: Callable[[ResolvedBundle], None] | None = None,
    ) -> None:
        self.folder = folder
        self._home = home
        self._lookup = lookup
        self._compile_rule = compile_rule
        self._detector_ids = detector_ids
        self._inspect = inspect
        self._inspect_model = inspect_model
        self._inspect_intents = inspect_intents
        self._router_ids = router_ids
        self._inspect_trainer = inspect_trainer
        self._overlay = overlay
        self._warm = warm

    def first(self) -> ResolvedBundle:
        """The version to start with; waits, up to two seconds, for the folder to settle.

        Raises:
            InvalidBundle: it has errors; all of them are in its report.
            StorageError: the home, where versions are kept, can't be written.
        """
        activation = self.prepare()
        for _ in range(_TRIES):
            if activation is not None:
                break
            sleep(_PAUSE_S)
            activation = self.prepare()
        if activation is None:
            activation = self._failed("folder.unsettled", "its files keep changing")
        if activation.unwritable:
            raise StorageError(activation.unwritable)
        if activation.resolved is None:
            raise InvalidBundle(activation.report)
        return activation.resolved

    def prepare(self) -> Activation | None:
        """Read, check, resolve and keep what is in the folder now.

        Returns:
            None if a file changed meanwhile, so that what was read may be half of something.
        """
        before = self.signature()
        problems = Problems()
        snapshot = read_folder(self.folder, problems)
        try:
            snapshot = overlaid(snapshot, self._overlay, problems)
        except FreeholdError as error:
            why = f"what is deployed can't be served: {error}"
            return self._failed("custom.altered", why)
        if self.signature() != before:
            return None
        report = check_snapshot(
            snapshot,
            problems,
            compile_rule=self._compile_rule,
            detector_ids=self._detector_ids,
            inspect=self._inspect,
            inspect_model=self._inspect_model,
            inspect_intents=self._inspect_intents,
            router_ids=self._router_ids,
            inspect_trainer=self._inspect_trainer,
        )
        report = _here(report)
        if report.bundle is None:
            return Activation(report, None)
        known = DETECTORS if self._detector_ids is None else self._detector_ids
        try:
            resolved = resolve(
                report.bundle,
                report.hash,
                lookup=self._lookup,
                detector_ids=known,
                files=snapshot.files,
            )
            if self._home is not None:
                keep(snapshot, self._home)
        except Unresolved as error:
            return Activation(_with_unset(report, snapshot, error), None)
        except OSError as error:
            said = f"the home {self._home} can't be written: {error.strerror or error}"
            return Activation(failed(self.folder, "keep.failed", said, report), None, said)
        except BundleError as error:
            return self._failed("keep.failed", f"it can't be kept: {error}", report)
        try:
            if self._warm is not None:
                self._warm(resolved)
        except BundleError as error:
            return self._failed("activate.failed", str(error), report)
        return Activation(report, resolved)

    def signature(self) -> tuple[object, object]:
        """What two looks at a settled folder have in common, and what is deployed."""
        deployed = None if self._overlay is None else self._overlay.stamp()
        return signature(self.folder), deployed

    def _failed(self, code: str, why: str, report: Report | None = None) -> Activation:
        return Activation(failed(self.folder, code, why, report), None)


def failed(folder: Path, code: str, why: str, report: Report | None = None) -> Report:
    """A report with one more error, which is about the folder as a whole."""
    problems = Problems()
    problems.add(code, Spot(str(folder), 0, 0), why)
    if report is None:
        return Report(problems.sorted(), None, "")
    return replace(report, problems=(*problems.sorted(), *report.problems), bundle=None)


def _here(report: Report) -> Report:
    """What may be so elsewhere is an error where the bundle is to run: a router that nobody has."""
    absent = [replace(p, severity="error") for p in report.problems if p.code == NO_ROUTER]
    if not absent:
        return report
    others = [p for p in report.problems if p.code != NO_ROUTER]
    return replace(report, problems=(*absent, *others), bundle=None)


def _with_unset(report: Report, snapshot: Snapshot, error: Unresolved) -> Report:
    root = load(snapshot, Problems()).root
    problems = Problems()
    for path, name in error.places:
        problems.add(
            "env.unset",
            root.at(path),
            f"the environment variable `{name}` is not set",
            path=path,
            suggestion="set it where the gateway runs",
        )
    return replace(report, problems=(*report.problems, *problems.sorted()), bundle=None)


def signature(folder: Path) -> object:
    """What two looks at a settled folder have in common."""
    problems = Problems()
    try:
        return scan(folder, problems), problems.sorted()
    except OSError as error:
        return type(error).__name__, error.errno
