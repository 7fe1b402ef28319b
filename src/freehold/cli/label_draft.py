"""What somebody types about a case: asked for part by part, and never thrown away."""

from collections.abc import Callable
from typing import Any

import click
from msgspec.structs import replace

try:  # without it a terminal cuts a line after 4,095 bytes
    import readline
except ImportError:  # Windows
    readline = None  # type: ignore[assignment]

from freehold.cli.editor import edited, has_editor
from freehold.cli.plain import line
from freehold.core.decisions import MILLION
from freehold.core.errors import RequestError
from freehold.core.labels import QueueSpec
from freehold.services.labelling_words import Given

_NOTHING = Given(verdict="")
_LESS = "Nothing is kept yet: what you wrote stays, and the same key goes on with it."


class Drafting:
    """Asks for what a verdict needs. What was typed stays until the case is labelled: a part that
    is wrong is asked for again, and the others are not.

    Args:
        say: tells the person something.
    """

    def __init__(self, queue: QueueSpec, say: Callable[[str], None]) -> None:
        self._queue = queue
        self._say = say
        self._suggested: dict[str, Any] = {}
        self._typed = _NOTHING

    def begin(self, told: dict[str, Any]) -> None:
        """Another case."""
        self._suggested = told["suggestion"]
        self._typed = _NOTHING

    def kept(self) -> None:
        """What was typed is a label now."""
        self._typed = _NOTHING

    def show_left(self) -> None:
        """Tell what was written and is no label."""
        for text in (self._typed.answer, self._typed.comment):
            if text:
                self._say(f"What you wrote is not kept. Here it is:\n{text}")
        self._typed = _NOTHING

    def given(self, verdict: str, alike: tuple[str, ...]) -> Given | None:
        """What is said; ``None`` where the person breaks off."""
        for part in self._parts(verdict):
            if not self._asked(part):
                return None
        return self._made(verdict, alike)

    def mended(self, given: Given, error: RequestError) -> Given | None:
        """The same with the part that was wrong typed again; ``None`` where the person breaks off.

        Raises:
            RequestError: it is about nothing that was typed.
        """
        if error.param not in self._parts(given.verdict):
            raise error
        self._say(str(error.public))
        return self._made(given.verdict, given.alike) if self._asked(error.param) else None

    def _made(self, verdict: str, alike: tuple[str, ...]) -> Given:
        """Of what was typed, what this verdict asks for."""
        parts = {part: getattr(self._typed, part) for part in self._parts(verdict)}
        return Given(verdict=verdict, alike=alike, **parts)

    def _parts(self, verdict: str) -> tuple[str, ...]:
        ask = self._queue.ask
        if verdict in ("skip", "escalate"):
            return ("comment",) if verdict == "escalate" else ()
        wanted = {"rating"}
        if verdict == "edit":
            wanted |= {"intent", "answer"}
        elif verdict == "reject" and len(ask) > 1:
            wanted |= {"intent"}
        return tuple(part for part in ("intent", "answer", "rating") if part in wanted & {*ask})

    def _asked(self, part: str) -> bool:
        """Ask for it; false where the person breaks off, or writes nothing."""
        try:
            value = {
                "answer": self._answer,
                "comment": self._comment,
                "intent": self._intent,
                "rating": self._rating,
            }[part]()
        except click.Abort:
            self._say(_LESS)
            return False
        self._typed = replace(self._typed, **{part: value})
        if part == "answer" and not str(value).strip():
            self._say("Nothing was written, so nothing is kept.")
            return False
        return True

    def _answer(self) -> str:
        """The right answer, in the person's editor where they have one."""
        before = self._typed.answer
        if has_editor():
            found = edited(before or self._suggested["answer"])
            if found.trouble:
                self._say(found.trouble)
            if found.text is not None:
                if not found.trouble or self._right(found.text):
                    return found.text
                self._typed = replace(self._typed, answer=found.text)
                raise click.Abort
            if not found.trouble:
                return before
        return self._line("The right answer", before)

    def _right(self, text: str) -> bool:
        self._say(text)
        return click.confirm("Is this what you wrote")

    def _comment(self) -> str:
        return self._line("Why (for whoever decides)", self._typed.comment)

    def _line(self, what: str, before: str) -> str:
        """One line; what is pasted there may have several, and none is taken for a key."""
        if readline is not None:
            readline.parse_and_bind("set enable-bracketed-paste on")
        again = " (Enter: what you wrote)" if before else ""
        written: str = click.prompt(f"{what}{again}", default=before, show_default=False)
        return written

    def _intent(self) -> str:
        """One of the classes, by its number or its name."""
        classes = [*self._queue.classes, "none"] if self._queue.classes else []
        for number, name in enumerate(classes, 1):
            click.echo(f"  {number:3} {line(name)}")
        default = self._typed.intent or self._suggested["intent"] or None
        while True:
            said: str = click.prompt("Intent (number or name)", default=default)
            if said.isdecimal() and 1 <= int(said) <= len(classes):
                return classes[int(said) - 1]
            if not classes or said.strip() in classes:
                return said.strip()
            self._say(f"There is no intent {said.strip()[:80]!r} here.")

    def _rating(self) -> float:
        least, most = self._queue.least / MILLION, self._queue.most / MILLION
        while True:
            said: float = click.prompt(
                f"Rating, {least:g} to {most:g}", type=float, default=self._typed.rating
            )
            if least <= said <= most:
                return said
            self._say(f"A rating is from {least:g} to {most:g}.")
