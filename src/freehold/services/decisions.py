"""Use cases around decision policies: check one, and score it on labelled decisions."""

from pathlib import Path
from typing import Any

from msgspec import Struct

from freehold.bundle.problems import Problem
from freehold.rules.decisions.cases import failures, read_cases
from freehold.rules.decisions.kinds import plain
from freehold.rules.decisions.policy import Failure
from freehold.rules.decisions.reading import read_policy
from freehold.rules.decisions.steps import Reason


class Disagreement(Struct, frozen=True):
    """One outcome that is not the labelled one.

    Attributes:
        line: of the CSV file, where the row ends.
        error: why there is no outcome at all, or empty.
        because: what every value that the outcome rests on came from.
    """

    line: int
    column: str
    expected: Any
    got: Any
    error: str
    because: tuple[Reason, ...]

    def as_dict(self) -> dict[str, Any]:
        """As JSON shows it."""
        return {
            "line": self.line,
            "column": self.column,
            "expected": self.expected,
            "got": self.got,
            "error": self.error,
            "because": [reason.as_dict() for reason in self.because],
        }


class Score(Struct, frozen=True):
    """How a policy did; with an error among the problems, nothing was scored.

    Attributes:
        columns: how many rows agreed, by compared column.
        disagreements: every one, in order of rows.
    """

    policy: str
    matched: int
    total: int
    columns: dict[str, int]
    disagreements: tuple[Disagreement, ...]
    problems: tuple[Problem, ...]

    @property
    def scored(self) -> bool:
        """Whether the policy and the rows could be read."""
        return not any(problem.severity == "error" for problem in self.problems)


class PolicyCheck(Struct, frozen=True):
    """What is wrong with a policy."""

    ok: bool
    problems: tuple[Problem, ...]


def check_policy(folder: Path) -> PolicyCheck:
    """Read and compile the policy in ``folder``."""
    read = read_policy(folder)
    return PolicyCheck(read.policy is not None, read.problems)


def score_policy(folder: Path, decisions: Path) -> Score:
    """Decide every row of ``decisions`` and compare it with its labels.

    A row matches when all its compared columns agree.
    """
    read = read_policy(folder)
    if read.policy is None:
        return Score(folder.name, 0, 0, {}, (), read.problems)
    policy = read.policy
    cases = read_cases(decisions, policy)
    problems = (*read.problems, *cases.problems)
    if any(problem.severity == "error" for problem in cases.problems):
        return Score(policy.name, 0, 0, {}, (), problems)
    agreed = {output.column: 0 for output in policy.outputs if output.compared}
    found: list[Disagreement] = []
    matched = 0
    for case in cases.rows:
        wrong = list(failures(policy, case))
        matched += not wrong
        off = {output.column for output, *_ in wrong}
        for column in agreed:
            agreed[column] += column not in off
        for output, expected, got, because in wrong:
            error = got.said if isinstance(got, Failure) else ""
            shown = None if error else plain(output.kind, got)
            wanted = plain(output.kind, expected)
            found.append(Disagreement(case.line, output.column, wanted, shown, error, because))
    return Score(policy.name, matched, len(cases.rows), agreed, tuple(found), problems)
