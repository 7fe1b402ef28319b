"""A person at a terminal labels: keys in, labels out; what strangers wrote moves no cursor."""

import json
import os
import pty
import re
import select
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from click.testing import CliRunner

from freehold.cli.main import main
from freehold.core.labels import Label
from freehold.storage.labels import StoredLabels
from freehold.storage.migrate import open_database
from tests.cli.made_home import make_home, moment

HOSTILE = "Where is it?\x1b[2J\x1b]0;owned\x07\u202egnp.exe\r\nreally\x00"
CASES = [
    moment(HOSTILE, "It comes tomorrow.", pieces=({"source": "orders", "text": "paid\x1b[31m"},)),
    moment("Do you sell garden chairs made of oak?", "No." + " word" * 5_000),
    moment("My invoice has the wrong address.", "Send us the right one."),
]


@pytest.fixture
def home(tmp_path: Path) -> Path:
    return make_home(tmp_path, CASES)


def labels_in(home: Path) -> list[Label]:
    database = open_database(home)
    try:
        return StoredLabels(database).labels(undone=True)
    finally:
        database.close()


class Terminal:
    """A program in a terminal of its own."""

    def __init__(self, handle: int, child: "subprocess.Popen[bytes]") -> None:
        self._handle = handle
        self.child = child
        self.seen = ""

    def press(self, keys: str) -> None:
        os.write(self._handle, keys.encode())

    def until(self, wanted: str, times: int = 1) -> str:
        """Read until something has been said so often."""
        while self.seen.count(wanted) < times:
            if not self._more():
                raise AssertionError(f"{wanted!r} never came: {self.seen[-2_000:]}")
        return self.seen

    def end(self) -> str:
        while self._more():
            pass
        assert self.child.wait(60) == 0, self.seen
        return self.seen

    def _more(self) -> bool:
        ready, _, _ = select.select([self._handle], [], [], 60)
        try:
            octets = os.read(self._handle, 65_536) if ready else b""
        except OSError:  # the other end is closed
            octets = b""
        self.seen += octets.decode(errors="replace")
        return bool(octets)


@contextmanager
def terminal(home: Path, *arguments: str) -> Iterator[Terminal]:
    handle, inner = pty.openpty()
    environment = {k: v for k, v in os.environ.items() if k not in ("EDITOR", "VISUAL")}
    environment |= {"TERM": "xterm", "COLUMNS": "100", "FREEHOLD_HOME": str(home)}
    command = [sys.executable, "-m", "freehold", "label", *arguments]
    child = subprocess.Popen(command, stdin=inner, stdout=inner, stderr=inner, env=environment)
    os.close(inner)
    try:
        yield Terminal(handle, child)
    finally:
        child.kill()
        child.wait()
        os.close(handle)


PROMPT = "q quit"


def test_keys_label_take_back_and_quit(home: Path) -> None:
    with terminal(home, "--queue", "answers", "--as", "Ann") as screen:
        shown = screen.until(PROMPT)
        for dangerous in ("\x1b[2J", "\x1b]0;", "\x07", "\u202e", "\x00"):
            assert dangerous not in shown
        assert r"Where is it?\x1b[2J\x1b]0;owned\x07\u202egnp.exe" in shown
        assert r"paid\x1b[31m" in shown
        assert "Somebody disliked it, or gave a better answer: solved." in shown
        screen.press("?")
        assert "promise nothing" in screen.until(PROMPT, 2)
        screen.press("z")
        screen.until(PROMPT, 3)
        screen.press("c")
        assert "more characters" in screen.until(PROMPT, 4)
        screen.press("i")
        screen.until(PROMPT, 5)
        screen.press("e")
        screen.until("The right answer")
        screen.press("Yes, from May on.\n")
        screen.until(PROMPT, 6)
        screen.press("u")
        assert "Taken back: edit of case_2" in screen.until(PROMPT, 7)
        screen.press("r")
        screen.until(PROMPT, 8)
        screen.press("x")
        screen.until("Why")
        screen.press("ask the lawyers\n")
        assert "No case waits for you here." in screen.until("any other key ends")
        screen.press("u")
        assert "Taken back: escalate of case_3" in screen.until(PROMPT, 9)
        screen.press("x")
        screen.until("Why", 2)
        screen.press("\n")
        screen.until("any other key ends", 2)
        screen.press("q")
        screen.end()
    given = [(one.case_id, one.verdict, one.undone) for one in labels_in(home)]
    assert given == [
        ("case_1", "correct", False), ("case_2", "edit", True),
        ("case_2", "reject", False), ("case_3", "escalate", True), ("case_3", "escalate", False),
    ]  # fmt: skip
    assert {(one.labeler, one.verified) for one in labels_in(home)} == {("Ann", False)}


def test_quitting_gives_the_case_back(home: Path) -> None:
    with terminal(home, "--queue", "answers", "--as", "Ann") as screen:
        screen.until(PROMPT)
        screen.press("q")
        assert re.search(r"0 labels\. Thank you\.", screen.end())
    database = open_database(home)
    (standing,) = StoredLabels(database).tasks("answers")
    database.close()
    assert standing.seats == ()


def test_an_intent_is_chosen_by_number(home: Path) -> None:
    with terminal(home, "--queue", "kinds", "--as", "Ann", "--limit", "1") as screen:
        screen.until(PROMPT)
        screen.press("e")
        screen.until("Intent (number or name)")
        screen.press("1\n")
        assert "That was the last of 1." in screen.until("any other key ends")
        screen.press("q")
        screen.end()
    assert [(one.verdict, one.intent) for one in labels_in(home)] == [("edit", "refund")]


def test_without_a_terminal_it_says_what_there_is_instead(home: Path) -> None:
    found = CliRunner().invoke(main, ["label", "--as", "Ann", "--home", str(home)])
    assert found.exit_code == 2
    assert "freehold queue next --json" in found.output


def test_a_long_answer_and_pasted_lines_come_whole(home: Path) -> None:
    long = "word " * 1_200
    with terminal(home, "--queue", "answers", "--as", "Ann", "--limit", "1") as screen:
        screen.until(PROMPT)
        screen.press("e")
        screen.until("The right answer")
        screen.press(f"\x1b[200~First.\nc\n{long}\x1b[201~\n")
        screen.until("any other key ends")
        screen.press("q")
        screen.end()
    exported = CliRunner().invoke(main, ["queue", "export", "answers", "--home", str(home)])
    said = [one for row in exported.stdout.splitlines() for one in json.loads(row)["labels"]]
    assert [(one["verdict"], one["answer"]) for one in said] == [("edit", f"First.\nc\n{long}")]
