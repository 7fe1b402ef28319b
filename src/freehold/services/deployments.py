"""Deployments of custom models: who takes a version up the ladder, and what brings it down."""

from collections.abc import Callable, Iterable, Sequence
from typing import Any

from msgspec.structs import replace

from freehold.bundle.check import Report
from freehold.bundle.custom_models import CustomModel
from freehold.bundle.resolve import ResolvedBundle
from freehold.core.clock import Clock
from freehold.core.deployments import (
    ON_TRIAL,
    SERVED,
    Deployment,
    DeploymentBook,
    Move,
    State,
    Step,
)
from freehold.core.errors import BundleError, NotFound, RequestError
from freehold.core.ids import prefixed
from freehold.core.trials import Trials
from freehold.learning.registry import Registry, Version
from freehold.services.deployment_checks import (
    FREEHOLD,
    By,
    approved,
    first_step,
    fits,
    free,
    gated,
    of_owner,
)
from freehold.services.deployment_trials import CustomTrials
from freehold.services.incidents import Incidents

LogEvent = Callable[..., str]
Rehearse = Callable[[Sequence[Deployment]], Report | None]
"""What the bundle's folder would be with these deployments; ``None`` where nobody can look."""


class Deployments:
    """The use cases around deployments.

    Args:
        bundle: the one that is live.
        log: writes a ledger entry.
        rehearse: checks the bundle as it would be.
        incidents: are told of a version that was rolled back, and know what a gate must have asked.
    """

    def __init__(
        self,
        bundle: Callable[[], ResolvedBundle],
        registry: Registry,
        book: DeploymentBook,
        trials: Trials,
        log: LogEvent,
        clock: Clock,
        rehearse: Rehearse,
        incidents: Incidents,
    ) -> None:
        self._incidents = incidents
        self._bundle = bundle
        self.registry = registry
        self.book = book
        self.trials = CustomTrials(bundle, trials, clock)
        self._log = log
        self._clock = clock
        self._rehearse = rehearse

    def custom(self, model: str) -> CustomModel:
        """What the bundle that is live says of it.

        Raises:
            NotFound: nothing.
        """
        custom = self._bundle().bundle.custom_models.get(model)
        if custom is None:
            known = ", ".join(self._bundle().bundle.custom_models) or "none"
            raise NotFound(f"no custom model `{model}` in the bundle that is live; it has {known}")
        return custom

    # -- up --

    def deploy(self, which: str, by: By, *, reason: str = "", force: bool = False) -> Deployment:
        """A version's first step: into the shadow, or where the bundle has none, to a canary.

        Args:
            which: ``model@version``, or ``model`` for its newest one.
            force: though it has not passed the gate; only the approver may.

        Raises:
            NotFound, AlteredModel: no such model or version, or its files are not what they were.
            GateRefused: it has not passed the gate.
            ApprovalError: this is somebody of another tenant; or ``force``, and not the approver.
            RequestError: another one is on trial, or the bundle would not hold together.
        """
        version = self.registry.verify(which)
        custom = self.custom(version.model)
        of_owner(custom, by, self._bundle())
        fits(version, custom)
        state = first_step(custom)
        if state is None:
            raise RequestError(
                f"`{version.model}` has no step before its promotion (`deploy` has no shadow and no"
                f" stages): freehold custom promote {version.id}"
            )
        rows = self.book.all(version.model)
        free(rows, version)
        forced = self._gated(version, custom, by, force=force)
        known = _of(rows, version.name)
        to = self._row(version, state, by, reason, forced=forced)
        self._sound([Move(known, to)])
        return self._move([Move(known, to)], to, by, approver=by.verified if forced else "")

    def advance(self, model: str, by: By, *, reason: str = "") -> tuple[Deployment, int | None]:
        """The version on trial to its next step: from the shadow to a canary's first stage, or to
        that one's next; gives the stage, counted from 0, that it stands at then.

        Raises:
            NotFound: none is on trial.
            RequestError: its next step is its promotion, a guardrail has just rolled it back, or
                the bundle would not hold together.
        """
        custom = self.custom(model)
        row = self._trial(model)
        if row.state == "shadow":
            if not custom.deploy.trials:
                raise RequestError(
                    f"the next step is its promotion: freehold custom promote {model}"
                )
            to = replace(row, state="canary", by=by.name, reason=reason, since_ns=self._now())
            self.registry.verify(row.id)
            self._sound([Move(row, to)])
            return self._move([Move(row, to)], to, by, stage=0), 0
        stage = self.trials.stage(row)
        if stage is None or stage >= len(custom.deploy.trials) - 1:
            raise _last_step(model)
        to = replace(row, by=by.name, reason=reason, since_ns=self._now())
        done = self._move([Move(row, to)], to, by, stage=stage + 1)
        self.trials.advance(row, stage + 1, by.name, reason)
        return done, stage + 1

    def promote(self, which: str, by: By, *, reason: str = "") -> Deployment:
        """The version on trial answers whoever it may; what was live before is kept for the way
        back.

        Raises:
            NotFound, AlteredModel: none is on trial, or its files are not what they were.
            ApprovalError: the bundle names a role, and this is not a second person who has it.
            RequestError: there are steps before it, or the bundle would not hold together.
        """
        model = which.partition("@")[0]
        custom, rows = self.custom(model), self.book.all(model)
        row = self._promotable(which, custom, rows, by, reason)
        version = self.registry.verify(row.id)
        approved(custom, row, version, by, self._bundle())
        was_live = next((r for r in rows if r.state == "live"), None)
        now = self._now()
        to = replace(
            row, state="live", by=by.name, reason=reason, since_ns=now,
            before="" if was_live is None else was_live.version,
        )  # fmt: skip
        known = _of(rows, row.version)
        moves = [Move(known, to)]
        if was_live is not None:
            gone = replace(was_live, state="retired", by=by.name, since_ns=now,
                           reason=f"{to.version} is live")  # fmt: skip
            moves.append(Move(was_live, gone))
        self._sound(moves)
        return self._move(moves, to, by, approver=by.verified if custom.deploy.approval else "")

    # -- down --

    def roll_back(self, model: str, by: By, *, reason: str = "") -> tuple[Deployment, str]:
        """End the trial of a version, or, where none is on trial, take back the one that is live:
        the one before it answers again. Needs nobody's approval.

        Returns:
            The version that was taken back, and the one that is live now, if any is.

        Raises:
            NotFound: nothing of it is deployed.
        """
        rows = self.book.all(model)
        trial = next((r for r in rows if r.state in ON_TRIAL), None)
        live = next((r for r in rows if r.state == "live"), None)
        row = trial or live
        if row is None:
            raise NotFound(f"no version of `{model}` is deployed")
        now = self._now()
        to = replace(row, state="rolled_back", by=by.name, reason=reason, since_ns=now)
        moves = [Move(row, to)]
        stays = "" if live is None else live.version
        if trial is None:
            before = _of(rows, row.before)
            stays = ""
            if before is not None and before.state == "retired":
                why = f"{row.version} was rolled back"
                again = replace(before, state="live", by=by.name, since_ns=now, reason=why)
                moves.append(Move(before, again))
                stays = before.version
        done = self._move(moves, to, by)
        if row.state == "canary":
            self.trials.end(done)
        self._incidents.after(done)
        return done, stays

    def retire(self, which: str, by: By, *, reason: str = "") -> Deployment:
        """A version answers nobody any more, and nothing takes its place.

        Raises:
            NotFound: it is not deployed.
        """
        model, _, name = which.partition("@")
        served = [r for r in self.book.all(model) if r.state in SERVED]
        meant = [r for r in served if not name or name in (r.version, r.version.partition("-")[0])]
        if not meant:
            raise NotFound(f"no version `{which}` is deployed")
        row = next((r for r in meant if r.state == "live"), meant[0])
        to = replace(row, state="retired", by=by.name, reason=reason, since_ns=self._now())
        return self._move([Move(row, to)], to, by)

    # -- by outcomes --

    def noted(
        self,
        row: Deployment,
        why: str,
        *,
        stage: int | None = None,
        known: Callable[[], bool] = lambda: False,
    ) -> bool:
        """Write down that outcomes took a canary to a stage, or, without one, that they are good
        enough for its promotion. Where it stands is not changed by this.

        Args:
            known: whether that stands there already; nobody else writes meanwhile.

        Returns:
            Whether it was written; not where somebody has moved it, or it is known.
        """
        try:
            self._write([Move(row, row)], replace(row, reason=why), FREEHOLD, stage=stage,
                        known=known)  # fmt: skip
        except RequestError:
            return False
        return True

    # -- what must hold --

    def _gated(self, version: Version, custom: CustomModel, by: By, *, force: bool = False) -> bool:
        remembered = self._incidents.remembered(version.model)
        return gated(version, custom, by, self._bundle(), remembered=remembered, force=force)

    def _trial(self, model: str) -> Deployment:
        found = [row for row in self.book.all(model) if row.state in ON_TRIAL]
        if not found:
            raise NotFound(f"no version of `{model}` is on trial: freehold custom deploy {model}")
        row, fallen = found[0], self.trials.fallen().get(found[0].id)
        if row.state == "canary" and fallen is not None and fallen.since_ns >= row.since_ns:
            raise RequestError(
                f"{row.id} was rolled back on route {fallen.route} just now:"
                f" {fallen.reason or 'by a person'}"
            )
        return row

    def _promotable(
        self, which: str, custom: CustomModel, rows: Sequence[Deployment], by: By, reason: str
    ) -> Deployment:
        """The version that is to be live; where the bundle has no trials, one that has none."""
        model = which.partition("@")[0]
        if first_step(custom) is None:
            version = self.registry.verify(which)
            fits(version, custom)
            self._gated(version, custom, by)
            free(rows, version)
            return self._row(version, "live", by, reason)
        row = self._trial(model)
        if "@" in which and self.registry.find(which).name != row.version:
            raise RequestError(f"{row.id} is on trial, and not {which}")
        stage, last = self.trials.stage(row), len(custom.deploy.trials) - 1
        if custom.deploy.trials and (row.state == "shadow" or (stage or 0) < last):
            where = "in the shadow" if stage is None else f"at stage {stage + 1} of {last + 1}"
            raise RequestError(f"{row.id} is {where}: freehold custom advance {model} comes first")
        return row

    def _sound(self, moves: Sequence[Move]) -> None:
        """Raises: BundleError: the bundle would not hold together."""
        after = {row.id: row for row in self.book.all()}
        after |= {move.to.id: move.to for move in moves}
        report = self._rehearse(tuple(after.values()))
        if report is not None and report.errors:
            said = "; ".join(str(problem) for problem in report.errors[:5])
            raise BundleError(f"the bundle would not be valid with it: {said}")

    # -- doing it --

    def _now(self) -> int:
        return self._clock.now_ns()

    def _row(
        self, version: Version, state: State, by: By, reason: str, *, forced: bool = False
    ) -> Deployment:
        return Deployment(
            model=version.model,
            version=version.name,
            digest=version.manifest.digest,
            state=state,
            since_ns=self._now(),
            by=by.name,
            deployer=by.verified,
            reason=reason,
            forced=forced,
        )

    def _move(
        self,
        moves: Sequence[Move],
        to: Deployment,
        by: By,
        *,
        approver: str = "",
        stage: int | None = None,
    ) -> Deployment:
        was = self._write(moves, to, by, approver=approver, stage=stage)
        if to.state == "canary" and was != "canary":
            self.trials.begin(to)
        return to

    def _write(
        self,
        moves: Sequence[Move],
        to: Deployment,
        by: By,
        *,
        approver: str = "",
        stage: int | None = None,
        known: Callable[[], bool] = lambda: False,
    ) -> str:
        """Do it, with a step of the history and an entry of the ledger; give the state before."""
        first, now = moves[0].known, self._now()
        step = Step(
            step_id=prefixed("dep", now),
            at_ns=now,
            model=to.model,
            version=to.version,
            digest=to.digest,
            was="" if first is None else first.state,
            became=to.state,
            by=by.name,
            approver=approver,
            reason=to.reason,
            forced=to.forced,
            stage=stage,
        )
        others = [{"version": m.to.version, "digest": m.to.digest, "state": m.to.state}
                  for m in moves[1:]]  # fmt: skip
        details: dict[str, Any] = {
            "version": to.version,
            "digest": to.digest,
            "before": step.was,
            "stage": stage,
            "others": others,
            "approver": approver,
            "deployer": to.deployer,
            "forced": to.forced,
            "reason": to.reason,
        }
        kind = to.state if step.was != step.became else "ready" if stage is None else "advanced"
        owner = self._owner(to.model)

        def log() -> str:
            if known():
                raise RequestError("that is known")
            subject = f"custom_model:{to.model}"
            return self._log(f"deployment.{kind}", by.name, subject, details, tenant=owner)

        if not self.book.move(moves, step, log):
            raise RequestError(f"somebody else has moved `{to.model}` meanwhile: look again")
        return step.was

    def _owner(self, model: str) -> str:
        custom = self._bundle().bundle.custom_models.get(model)
        return "" if custom is None else custom.owner


def _last_step(model: str) -> RequestError:
    return RequestError(f"the next step is its promotion: freehold custom promote {model}")


def _of(rows: Iterable[Deployment], version: str) -> Deployment | None:
    return next((row for row in rows if row.version == version), None)
