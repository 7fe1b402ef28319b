"""One person's session of labelling: keys in, labels out."""

from typing import Any

import click
from rich.console import Console
from rich.text import Text

from freehold.cli.keystroke import keystroke
from freehold.cli.label_draft import Drafting
from freehold.cli.label_screen import KEYS, screen
from freehold.cli.plain import line, plain
from freehold.core.errors import LabelError, NotFound, RequestError
from freehold.core.labels import Label, QueueSpec
from freehold.services.labelling import InHand
from freehold.services.labelling_desk import LabellingDesk
from freehold.services.labelling_people import Labeler

_END = ("q",)
_VERDICTS = {"c": "correct", "e": "edit", "r": "reject", "s": "skip", "x": "escalate"}


class Session:
    """Gives one case after the other, until there is none or the person quits. What is in hand then
    is given back; what was labelled is kept whatever happens afterwards, and what was written and
    is not kept is shown again.
    """

    def __init__(
        self, desk: LabellingDesk, queue: QueueSpec, who: Labeler, limit: int | None
    ) -> None:
        self._desk = desk
        self._queue = queue
        self._who = who
        self._limit = limit
        self._console = Console(highlight=False, markup=False, emoji=False)
        self._drafting = Drafting(queue, self._say)
        self._done = 0
        self._alike = False

    def run(self) -> int:
        """How many labels were given, and not taken back.

        Raises:
            FreeholdError: the store can't be read, or this person may not label.
        """
        while True:
            why = ""
            if self._limit is not None and self._done >= self._limit:
                why = f"That was the last of {self._limit}."
            else:
                found = self._desk.labelling.next(self._queue.name, self._who)
                if isinstance(found, InHand):
                    if self._goes_on(found):
                        continue
                    break
                why = found.why
            if not self._last(why):
                break
        return self._done

    def _goes_on(self, found: InHand) -> bool:
        """One case; false where the person quits."""
        try:
            goes_on = self._one(found)
        except (KeyboardInterrupt, EOFError, click.Abort):
            goes_on = False
        finally:
            self._drafting.show_left()
        if not goes_on:
            self._desk.back.release(found.task.task_id, self._who)
        return goes_on

    def _last(self, why: str) -> bool:
        """Nothing more comes; true where the last label is taken back instead."""
        self._say(why)
        store = self._desk.book.store
        if not store.labels(self._queue.name, labeler=self._who.name, limit=1):
            return False
        self._console.print(Text("u takes your last label back; any other key ends", style="dim"))
        try:
            return keystroke().lower() == "u" and self._undo()
        except (KeyboardInterrupt, EOFError):
            return False

    def _one(self, found: InHand) -> bool:
        """One case; false where the person quits."""
        told = self._desk.task(found, self._who)
        self._show(told)
        self._alike = False
        self._drafting.begin(told)
        while True:
            self._console.print(Text(KEYS, style="dim"))
            key = keystroke()
            if key.lower() in _END:
                return False
            try:
                if self._act(key.lower(), found, told):
                    return True
            except (LabelError, RequestError, NotFound) as error:
                self._say(str(error.public))
                # not in this hand any more, or it is to be looked at again
                if not isinstance(error, RequestError) or error.param == "verdict":
                    return True

    def _act(self, key: str, found: InHand, told: dict[str, Any]) -> bool:
        """What a key does; true where the case is done with."""
        if key in _VERDICTS:
            return self._label(found, told, _VERDICTS[key])
        if key == "u":
            if not self._undo():
                return False
            self._desk.back.release(found.task.task_id, self._who)
            return True
        if key == "a":
            self._toggle(told)
        elif key == "i":
            self._show(told, whole=True)
        elif key == "?":
            guideline = self._queue.guideline or "This queue has no guideline."
            self._console.print(Text(plain(guideline)))
        else:
            self._say(f"There is nothing under {line(key, 10)!r}.")
        return False

    def _label(self, found: InHand, told: dict[str, Any], verdict: str) -> bool:
        alike = tuple(told["alike"]) if self._alike else ()
        given = self._drafting.given(verdict, alike)
        while given is not None:
            try:
                label, standing = self._desk.labelling.label(found.task.task_id, self._who, given)
            except RequestError as error:
                given = self._drafting.mended(given, error)
                continue
            self._drafting.kept()
            self._done += 1
            more = self._followed(label, len(alike)) if alike else ""
            self._say(f"{label.verdict}{more}: {standing.task.state}.")
            return True
        return False

    def _followed(self, label: Label, wanted: int) -> str:
        """Of how many similar ones the same is said now; the others wait."""
        count = len(self._desk.labelling.book.followers(label))
        left = f"; {wanted - count} were answered otherwise, or are not there any more, and wait"
        return f", and of {count} similar" + (left if count < wanted else "")

    def _undo(self) -> bool:
        """Take the last label back, to look at it again; false where that can't be done."""
        try:
            undone = self._desk.back.undo(self._who, queue=self._queue.name)
        except (LabelError, NotFound) as error:
            self._say(str(error.public))
            return False
        if undone:
            self._done = max(0, self._done - 1)
            self._say(f"Taken back: {undone[0].verdict} of {undone[0].case_id}.")
        return bool(undone)

    def _toggle(self, told: dict[str, Any]) -> None:
        if not told["alike"]:
            self._say("Nothing similar waits.")
            return
        self._alike = not self._alike
        does = "is said of the similar ones, too" if self._alike else "is of this one only"
        self._say(f"What you say now {does} ({len(told['alike'])}).")

    def _show(self, told: dict[str, Any], *, whole: bool = False) -> None:
        progress = self._desk.figures.progress(self._queue, self._who)
        self._console.print(screen(told, progress, whole=whole))

    def _say(self, message: str) -> None:
        self._console.print(Text(plain(message), style="bold"))
