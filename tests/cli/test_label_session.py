"""What is typed at the terminal is never thrown away, whatever goes wrong with it."""

import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import click
import pytest

from freehold.cli import label_session
from freehold.cli.editor import edited
from freehold.cli.label_session import Session
from freehold.core.labels import Label
from freehold.services.labelling_people import named
from freehold.services.labelling_words import Given, opened
from freehold.storage.migrate import open_database
from tests.services.made_labels import Desk

QUEUES = """\
    queues:
      answers:
        apps: [service]
        ask: [answer, intent, rating]
        classes: [refund, delivery]
"""
LONG = "It comes on Friday. " * 20


class Sitting:
    """Somebody at a terminal: keys are pressed, prompts answered in their order."""

    def __init__(self, desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
        self.desk = desk
        self.session = Session(desk.desk, desk.bundle.queues["answers"], named("ann"), None)
        self.said: list[str] = []
        monkeypatch.setattr(self.session, "_say", self.said.append)
        monkeypatch.setattr(self.session._drafting, "_say", self.said.append)
        monkeypatch.setattr(label_session, "keystroke", lambda: next(self._keys))
        monkeypatch.setattr(click, "prompt", self._prompt)

    def does(self, keys: str, *typed: Any) -> None:
        self._keys, self._typed = iter(keys), iter(typed)
        self.session.run()
        assert next(self._typed, None) is None

    def _prompt(self, text: str, default: Any = None, **_: Any) -> Any:
        typed = next(self._typed)
        if isinstance(typed, Callable):
            typed = typed()
        return default if typed == "" and default is not None else typed

    @property
    def labels(self) -> list[tuple[str, str, int | None, str]]:
        return [self._told(one) for one in self.desk.store.labels("answers")]

    def _told(self, label: Label) -> tuple[str, str, int | None, str]:
        words = opened(label, self.desk.keys.find)
        assert words is not None
        return label.verdict, label.intent, label.rating, words.answer or words.comment


@pytest.fixture
def sitting(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Sitting]:
    for name in ("EDITOR", "VISUAL"):
        monkeypatch.delenv(name, raising=False)
    database = open_database(tmp_path)
    desk = Desk(tmp_path, database, QUEUES)
    desk.case(1)
    yield Sitting(desk, monkeypatch)
    database.close()


def broken_off() -> None:
    raise click.Abort


def test_a_wrong_part_is_asked_for_again_and_the_rest_stays(sitting: Sitting) -> None:
    sitting.does("eq", "ordr", "1", LONG, 9.0, 4.0)
    assert sitting.labels == [("edit", "refund", 4_000_000, LONG)]
    assert "There is no intent 'ordr' here." in sitting.said
    assert "A rating is from 1 to 5." in sitting.said


def test_who_breaks_off_goes_on_with_what_was_written(sitting: Sitting) -> None:
    sitting.does("eeq", "1", LONG, broken_off, "", "", 4.0)
    assert sitting.labels == [("edit", "refund", 4_000_000, LONG)]


def test_an_answer_that_is_too_long_is_asked_for_again(sitting: Sitting) -> None:
    sitting.does("eq", "1", "x" * 200_001, 4.0, LONG)
    assert sitting.labels == [("edit", "refund", 4_000_000, LONG)]


def test_what_comes_too_late_or_is_left_is_shown(sitting: Sitting) -> None:
    def others_first() -> float:
        sitting.desk.clock.advance(3_600)
        given = Given(verdict="correct", rating=3)
        task = sitting.desk.given("answers", "bob").task
        sitting.desk.service.label(task.task_id, named("bob"), given)
        return 4.0

    sitting.does("e", "1", LONG, others_first)
    assert "This case is settled by now." in sitting.said
    assert any(LONG in one and "not kept" in one for one in sitting.said)
    sitting.desk.case(2)
    sitting.desk.clock.advance(3_600)  # what is new is seen after a while
    sitting.said.clear()
    sitting.does("eq", "1", LONG, broken_off)
    assert any(LONG in one for one in sitting.said)


def test_what_is_passed_on_is_passed_on_with_those_like_it(sitting: Sitting) -> None:
    for number in (2, 3):
        sitting.desk.case(number)
    sitting.does("axq", "ask the lawyers")
    assert sitting.labels == [("escalate", "", None, "ask the lawyers")] * 3


SCRIPTS = {
    "writes": ("f.write_bytes('Grüße'.encode())", "Grüße", ""),
    "writes latin-1": ("f.write_bytes('Grüße'.encode('latin-1'))", "Grüße", "Latin-1"),
    "removes it": ("f.unlink()", None, "no file"),
    "fails": ("raise SystemExit(3)", None, "failed"),
    "writes and fails": ("f.write_text('Half'); raise SystemExit(3)", "Half", "failed"),
    "saves nothing": ("pass", None, ""),
}


@pytest.mark.parametrize("name", SCRIPTS)
def test_an_editor_that_fails_ends_nothing(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    code, text, trouble = SCRIPTS[name]
    script = tmp_path / "editor.py"
    script.write_text(f"import pathlib, sys\nf = pathlib.Path(sys.argv[1])\n{code}\n")
    monkeypatch.setenv("VISUAL", f"{sys.executable} {script}")
    found = edited("What was suggested.")
    assert found.text == text
    assert trouble in found.trouble
    assert bool(trouble) == bool(found.trouble)


@pytest.mark.parametrize("editor", ["/no/such/editor", "'"])
def test_without_an_editor_there_is_one_line(
    sitting: Sitting, monkeypatch: pytest.MonkeyPatch, editor: str
) -> None:
    monkeypatch.setenv("EDITOR", editor)
    sitting.does("eq", "1", LONG, 4.0)
    assert sitting.labels == [("edit", "refund", 4_000_000, LONG)]
