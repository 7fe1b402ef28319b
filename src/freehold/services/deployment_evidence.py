"""What takes versions of custom models up or down without anybody's doing: outcomes, guardrails."""

from collections.abc import Callable, Collection, Iterable
from threading import Lock

from freehold.bundle.deployed import custom_of, trial_id
from freehold.core.cases import Case
from freehold.core.deployments import Deployment
from freehold.core.errors import RequestError
from freehold.services.deployment_checks import FREEHOLD, By
from freehold.services.deployments import Deployments


class Unattended:
    """Follows canaries of versions on their routes. A version stands where it stands on the route
    where it is least far, and is good enough once it is so on all of its routes.

    Args:
        late: gets cases about answers of a version that was taken back before.
        missed: is told once of each such version, for what was said while nobody was there.
    """

    def __init__(
        self,
        deployments: Deployments,
        late: Callable[[Deployment, Collection[str]], None],
        missed: Callable[[Deployment], None],
    ) -> None:
        self._deployments = deployments
        self._late = late
        self._missed: Callable[[Deployment], None] | None = missed
        self._heard: dict[str, set[str]] = {}
        self._guard = Lock()

    def stepped(self, model: str, why: str) -> None:
        """Outcomes have taken a canary to its next stage on a route.

        Args:
            model: the id of a model on trial.
        """
        row = self._row(model)
        if row is None:
            return
        stage = self._deployments.trials.stage(row)
        steps = self._deployments.book.steps(row.model)
        noted = [
            s.stage or 0 for s in steps if s.version == row.version and s.at_ns >= row.since_ns
        ]
        if stage is not None and stage > max(noted, default=0):
            self._deployments.noted(row, why, stage=stage)

    def evidenced(self, model: str, why: str) -> None:
        """Outcomes show that a canary at its last stage is good enough on all of its routes: where
        the bundle asks for nobody's approval, it is promoted; elsewhere that is written down, once.

        Args:
            model: the id of a model on trial.

        Raises:
            FreeholdError: it can't be promoted.
        """
        row = self._row(model)
        if row is None:
            return
        role = self._deployments.custom(row.model).deploy.approval
        if not role:
            self._deployments.promote(row.model, FREEHOLD, reason=why)
        elif not self._told(row):
            said = f"{why}: it waits for somebody with the role {role} to promote it"
            self._deployments.noted(row, said, known=lambda: self._told(row))

    def follow(self) -> list[Deployment]:
        """Take back the canaries that a guardrail, or somebody, has rolled back on a route.

        Raises:
            StorageError: the store is away.
        """
        deployments, moved = self._deployments, []
        rows = deployments.book.all()
        self._pass_on(rows)
        running = [row for row in rows if row.state == "canary"]
        fallen = deployments.trials.fallen() if running else {}
        for row in running:
            standing = fallen.get(row.id)
            if standing is None or standing.since_ns < row.since_ns:
                continue
            why = f"route {standing.route}: {standing.reason or 'rolled back'}"
            try:
                moved.append(deployments.roll_back(row.model, By(name=standing.by), reason=why)[0])
            except RequestError:
                continue  # another gateway was first
        return moved

    def heard(self, cases: Iterable[Case]) -> None:
        """Cases that were made, or of which something new is known; looked at with the next
        `follow`.
        """
        with self._guard:
            for case in cases:
                if case.version:
                    which = trial_id(custom_of(case.model), case.version)
                    self._heard.setdefault(which, set()).add(case.case_id)

    def _pass_on(self, rows: Iterable[Deployment]) -> None:
        with self._guard:
            heard, self._heard = self._heard, {}
        back = [row for row in rows if row.state == "rolled_back"]
        missed, self._missed = self._missed, None
        for row in back:
            if missed is not None:
                missed(row)
            if row.id in heard:
                self._late(row, heard[row.id])

    def _row(self, model: str) -> Deployment | None:
        rows = self._deployments.book.all(custom_of(model))
        return next((row for row in rows if row.id == model and row.state == "canary"), None)

    def _told(self, row: Deployment) -> bool:
        """Whether it stands in the history, since this canary began or was last moved."""
        steps = self._deployments.book.steps(row.model)
        return any(
            s.version == row.version and s.was == s.became and s.stage is None
            for s in steps
            if s.at_ns >= row.since_ns
        )
