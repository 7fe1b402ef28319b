"""What an archive claims, against what the ledger's own line about it says."""

from __future__ import annotations

from typing import Any

from freehold.ledger.verifying.basics import few, read_json, sha256
from freehold.ledger.verifying.files import Files, lines_of
from freehold.ledger.verifying.findings import Report
from freehold.ledger.verifying.lines import read_line
from freehold.ledger.verifying.merkle import leaf_hash
from freehold.ledger.verifying.pruned import Pruned

_SINGLE = ("app", "person", "issuer", "exchange", "kinds")


class ClaimCheck:
    """Whether a claim of completeness has what it rests on, and whether what is here is what the
    ledger says was exported.

    Args:
        logs: by writer, those whose lines and skeleton make a tree.
    """

    def __init__(
        self, files: Files, report: Report, manifest: dict[str, Any], logs: dict[str, Pruned]
    ) -> None:
        self._files = files
        self._report = report
        self._manifest = manifest
        self._logs = logs
        self._complete = manifest["claim"] == "complete"

    def run(self) -> None:
        """Findings go to the report."""
        report, manifest = self._report, self._manifest
        report.said.append(f"Claimed: {manifest['claim']}, {self._scope()}.")
        about = self._about()
        if about is not None:
            self._told(about)
        if not self._complete:
            report.remark("authentic", "what is here is true; that it is everything is not claimed")
        else:
            self._claimed(about or {"logs": ()})
        if sum(log.exported or 0 for log in report.logs) != manifest["lines"]:
            report.problem("line-missing", "there are other lines than the manifest says")

    def _scope(self) -> str:
        scope = self._manifest["scope"]
        told = [f"{name} {scope[name]}" for name in _SINGLE if scope.get(name) not in (None, [])]
        if scope["tenants"] is not None:
            told.insert(0, f"of {few(scope['tenants'])}")
        told += [f"{name} {scope[name]}" for name in ("since", "until") if scope[name] is not None]
        return f"{', '.join(told) or 'everything'}; made at {self._manifest['made_at']}"

    def _about(self) -> dict[str, Any] | None:
        """What the ledger's own line says of this export: what was asked for, of which logs, and
        how many lines of whom.
        """
        report, manifest = self._report, self._manifest
        if not manifest.get("event"):
            message = "no line of the ledger tells of this export"
            if self._complete:
                report.problem("claim-unproven", f"it claims to be complete, and {message}")
            else:
                report.remark("untold", message)
            return None
        writer, seq = manifest["event"]["writer"], manifest["event"]["seq"]
        log = self._logs.get(writer)
        line = log.kept.get(seq) if log is not None and log.held else None
        if line is None:
            message = f"line {seq} of {writer}, the ledger's own about this export, is not here"
            report.problem("line-missing", message)
            return None
        body = read_json(line)["body"]
        told = (body["kind"], body["details"]["filter"], body["at"])
        if told != ("audit.exported", manifest["scope"], manifest["made_at"]):
            message = "the ledger's line is about another export: another time, or another filter"
            report.problem("manifest-changed", message)
            return None
        return dict(body["details"])

    def _told(self, about: dict[str, Any]) -> None:
        """Which logs there were, how much of each, and a digest over the lines that were chosen:
        whoever leaves out a line afterwards, and signs again, has signed against that.
        """
        report, mine = self._report, self._manifest["event"]["writer"]
        entries = {entry["writer"]: entry for entry in self._manifest["logs"]}
        digest = sha256()
        for told in sorted(about["logs"], key=lambda one: str(one["writer"])):
            writer, size = told["writer"], told["size"]
            entry = entries.get(writer)
            if entry is None:
                message = f"the ledger says that {writer} was exported, and it is not here"
                report.problem("log-missing", message, writer)
                continue
            here = entry["size"]
            if here < size or (here > size and writer != mine):
                code = "truncated" if here < size else "manifest-changed"
                message = f"the ledger's line about this export tells of {size:,} lines of this log"
                report.problem(code, f"{message}, here are {here:,}", writer)
            if writer in self._logs:
                whole = self._logs[writer].digest.digest()
                digest.update(self._early(writer, size) if writer == mine else whole)
            for claim in entry.get("tenants") or ():
                had = told["tenants"].get(claim["tenant"], 0)
                if claim["to"] < had:
                    message = (
                        f"tenant {claim['tenant']} had {had:,} lines, here are {claim['to']:,}"
                    )
                    report.problem("tenant-gap", message, writer)
        if digest.hexdigest() != about["digest"]:
            report.problem("line-missing", "the ledger says that other lines were exported")

    def _early(self, writer: str, size: int) -> bytes:
        """The digest over a log's exported lines as far as they were there before the export."""
        digest = sha256()
        for _, line, _ in lines_of(self._files, f"logs/{writer}/lines.jsonl"):
            if read_line(line).seq > size:
                break
            digest.update(leaf_hash(line))
        return digest.digest()

    def _claimed(self, about: dict[str, Any]) -> None:
        """Without a filter there is nothing but lines. For tenants each log states a range for each
        of them, but where the ledger's line about the export says that it had none.
        """
        report, scope = self._report, self._manifest["scope"]
        tenants, root = scope["tenants"], scope["tenant"]
        if any(scope.get(name) not in (None, []) for name in _SINGLE):
            report.problem(
                "claim-unproven", "it claims to be complete, and single ones were chosen"
            )
        elif tenants is None and (root, scope["since"], scope["until"]) == (None, None, None):
            for log in report.logs:
                if log.exported != log.lines:
                    log.problem("line-missing", "it claims to be complete, and lines are left out")
        elif not tenants or (root is not None and root not in tenants):
            message = "it claims to be complete, and does not say for which tenants"
            report.problem("claim-unproven", message)
        else:
            self._ranges(tenants, about)

    def _ranges(self, tenants: list[str], about: dict[str, Any]) -> None:
        had = {told["writer"]: told["tenants"] for told in about["logs"]}
        without = []
        for entry in self._manifest["logs"]:
            writer = entry["writer"]
            ranges = [one["tenant"] for one in entry.get("tenants") or ()]
            if len(ranges) != len(set(ranges)):
                message = "it states more than one range for a tenant"
                self._report.problem("claim-unproven", message, writer)
            left = sorted(set(tenants).difference(ranges))
            for tenant in left:
                if had.get(writer, {}).get(tenant, 0):
                    message = f"it claims to be complete, and states no range for tenant {tenant}"
                    self._report.problem("claim-unproven", message, writer)
            if left and writer in had and entry["lines"] < entry["size"]:
                without.append((entry["size"], writer, few(left)))
        without.sort(reverse=True)  # hashes do not tell whose lines they stand for
        named = [f"of {whose} in {writer} ({size:,} lines)" for size, writer, whose in without]
        if named:
            message = "By the word of the ledger's line about this export there is no line"
            self._report.said.append(f"{message} {few(named)}.")
