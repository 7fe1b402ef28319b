"""One writer's log, judged."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterable, Sequence

from freehold.ledger.verifying.basics import HASH, TILE, Malformed, read_json
from freehold.ledger.verifying.findings import LogReport
from freehold.ledger.verifying.log_files import LogReader, Seen
from freehold.ledger.verifying.merkle import merkle_root
from freehold.ledger.verifying.notes import cosigned_at
from freehold.ledger.verifying.scan import Scan, Tree


class LogCheck(LogReader):
    """The log in one folder, against its own checkpoints and those that were brought."""

    def run(
        self, adopted: Iterable[int] = (), progress: Callable[[int], None] | None = None
    ) -> Scan | None:
        """Read everything once; the result stands in `log`.

        Args:
            adopted: sizes at which another log states this one's root.
        """
        log = self.log
        try:
            self._read_checkpoints()
            tree = Tree(self._files, self._folder)
            segments = self._segments()
            log.format = self._format(segments)
            seen = [*self._own, *self._mirrors]
            wanted = {one.checkpoint.size for one in seen}.union(adopted)
            signed = self._newest.checkpoint.size if self._newest is not None else 0
            scan = Scan(log, wanted, tree, signed)
            with contextlib.closing(tree):
                self._read_lines(scan, segments, progress or (lambda _: None))
                self._judge(scan, tree)
        except Malformed as error:
            log.problem("unreadable", str(error))
            return None
        held = [body for at, body in scan.events if at < log.signed]
        self.events = held
        return scan

    def _judge(self, scan: Scan, tree: Tree) -> None:
        log, newest = self.log, self._newest
        self._complete(scan, tree)
        good = [one for one in self._own if _fits(one, scan)]
        log.signed = max((one.checkpoint.size for one in good if one.signed.trusted), default=0)
        if newest is not None and log.signed == newest.checkpoint.size:
            log.keys = list(newest.signed.trusted)
            self._agreeing(scan, tree)
        elif newest is not None:
            self._locate(scan, tree, newest)
        elif log.format == 2:
            self._unsigned(scan)
        self._compare_mirrors(scan)
        self._tail(scan)
        self._witnesses([*good, *self._mirrors])

    def _complete(self, scan: Scan, tree: Tree) -> None:
        for code, message, place in scan.order.found:
            self.log.problem(code, message, place)
        last = scan.order.due - 1
        signed = self._newest.checkpoint.size if self._newest is not None else 0
        if signed > last:
            message = f"the checkpoint signs {signed:,} lines, and there are {last:,}"
            self.log.problem("truncated", f"{message}: the end was cut off", (0, 0, last + 1))
        elif tree.leaves > max(last, scan.count):
            message = f"the tree has hashes of {tree.leaves:,} lines, and there are {last:,}"
            self.log.problem(
                "truncated",
                f"{message}: lines were cut off, or lost in a power cut",
                (0, 0, last + 1),
            )

    def _agreeing(self, scan: Scan, tree: Tree) -> None:
        """The newest checkpoint fits the lines: whatever says otherwise was changed."""
        log = self.log
        for one in self._own:
            if not _fits(one, scan):
                message = f"{one.source} is signed, and states another history than the lines"
                log.problem("forked", f"{message} (at {one.checkpoint.size:,} lines)")
        for place in scan.differing:
            if place[2] <= log.signed:
                message = f"the hash of line {place[2]} in tree/0 is not the line's: it was changed"
                log.problem("tree-changed", message, (0, 0, place[2]))
        self._upper_levels(scan, tree)

    def _upper_levels(self, scan: Scan, tree: Tree) -> None:
        row = scan.blocks
        for level in range(1, len(tree.sizes)):
            kept = tree.upper(level)
            kept = kept[: len(kept) // HASH * HASH]
            if not b"".join(row).startswith(kept):
                self.log.problem(
                    "tree-changed", f"tree/{level} holds hashes that are not the lines'"
                )
            row = [merkle_root(row[at : at + TILE]) for at in range(0, len(row) - TILE + 1, TILE)]

    def _locate(self, scan: Scan, tree: Tree, newest: Seen) -> None:
        """The newest checkpoint does not fit: which lines are not those that were signed?"""
        log, size = self.log, newest.checkpoint.size
        if tree.root(size) == newest.checkpoint.root:
            for place in scan.differing:
                if place[2] <= size:
                    log.problem("line-changed", f"line {place[2]} was changed", place)
        if any(one.code in _LOCATED for one in log.problems):
            return
        held = log.signed
        upto = f"the first {held:,} still give what was signed" if held else "no part of them does"
        message = f"the {size:,} lines do not give the root that {newest.source} signs; {upto}"
        log.problem("root-differs", message, (0, 0, held + 1))

    def _unsigned(self, scan: Scan) -> None:
        if self.log.problems or not scan.count:
            if not scan.count:
                self.log.remark("empty", "nothing was ever written here")
            return
        message = f"{scan.count:,} lines and no checkpoint: it was taken away, or the writer died "
        self.log.problem("checkpoint-missing", f"{message}in its first second and never came back")

    def _compare_mirrors(self, scan: Scan) -> None:
        log = self.log
        sound = not any(one.code in _LOCATED | {"root-differs"} for one in log.problems)
        for one in self._mirrors:
            size, source = one.checkpoint.size, one.source
            if _fits(one, scan):
                log.mirrors += 1
                if one.signed.trusted:
                    log.signed = max(log.signed, size)
            elif size > scan.count and sound:
                message = (
                    f"{source} signs {size:,} lines, and there are {scan.count:,}: an older copy"
                )
                log.problem("rolled-back", f"{message} was put in place of the log")
            elif size > scan.count:
                log.problem("truncated", f"{source} signs {size:,} lines, there are {scan.count:,}")
            elif sound:
                message = f"{source} states another history than the lines at {size:,} lines"
                log.problem("forked", f"{message}: two were signed under one name")
            else:
                log.problem(
                    "root-differs", f"{source} does not fit the first {size:,} lines either"
                )

    def _tail(self, scan: Scan) -> None:
        log = self.log
        for place in scan.differing:
            if place[2] > log.signed and (self._newest is None or not _broken(log)):
                message = (
                    f"line {place[2]}, which no checkpoint signs yet, is not the one in tree/0"
                )
                log.problem("line-changed", message, place)
        count = scan.count - log.signed
        if scan.unsigned is None or count <= 0 or log.format == 1 or _broken(log):
            return
        place, line = scan.unsigned
        body = read_json(line)["body"]
        since = f" since {body['at']}" if isinstance(body.get("at"), str) else ""
        what = "1 line stands" if count == 1 else f"{count:,} lines stand"
        message = f"{what} under no checkpoint yet{since}: nothing shows whether they were changed"
        log.remark("unsigned-tail", message, place)

    def _witnesses(self, seen: Sequence[Seen]) -> None:
        log = self.log
        for witness in self._pins.witnesses:
            best: tuple[int, int] | None = None
            for one in seen:
                try:
                    at = cosigned_at(one.note, witness)
                except Malformed as error:
                    log.problem("signature-bad", f"{one.source}: {error}")
                    continue
                if at is not None and one.checkpoint.size <= log.signed:
                    best = max(best or (0, 0), (one.checkpoint.size, at))
            if best is not None:
                log.cosigned.append({"name": witness.name, "size": best[0], "at": best[1]})
            elif log.lines:
                message = f"no checkpoint of this log is cosigned by {witness.name}"
                log.problem("cosignature-missing", message)


_LOCATED = {
    "line-changed",
    "line-missing",
    "line-unreadable",
    "reordered",
    "duplicated",
    "foreign-line",
    "segment-missing",
    "truncated",
}


def _fits(one: Seen, scan: Scan) -> bool:
    return scan.roots.get(one.checkpoint.size) == one.checkpoint.root


def _broken(log: LogReport) -> bool:
    return any(one.code in _LOCATED | {"root-differs", "forked"} for one in log.problems)
