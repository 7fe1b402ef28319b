"""An app's intents as the bundle's YAML and its files have them."""

import csv
import io
import json
from collections.abc import Callable, Iterator, Mapping
from hashlib import sha256
from typing import Any

from pydantic import Field

from freehold.bundle.declared import Names, words
from freehold.bundle.problems import Problems, did_you_mean
from freehold.bundle.section import Section
from freehold.bundle.tree import Tree, shown
from freehold.core.decisions import MILLION
from freehold.core.spec import IntentSet

InspectIntents = Callable[[bytes], str | None]
"""From a file of trained intents to what is wrong with it."""

MAX_INTENTS, MAX_EXAMPLES = 1_000, 50_000
MAX_CHARS = 10_000
"""Of one example; only its two ends are read."""
TRAINED = ".safetensors"
_TEXT = ("text", "query", "utterance", "prompt")
_NAME = ("intent", "category", "label")
_ENDS = " .?!\u2026\u3002\uff1f\uff01"
"""Marks that end a sentence; two questions that differ in them alone are one."""
OUTSIDE = frozenset({"oos", "out_of_scope"})
"""Intents of a file whose examples are of what is none of the others."""


class Intent(Section):
    """What a question may want."""

    examples: list[str] = Field(
        [], max_length=5_000, description="Questions that want it; three to five are a beginning."
    )
    description: str = Field("", description="For people.")
    out_of_scope: bool = Field(
        False, description="Its examples are of what is none of the other intents."
    )


class Unreadable(ValueError):
    """A file of examples that is none; says why, and where."""


def read_examples(name: str, data: bytes) -> list[tuple[str, str]]:
    """Pairs of text and intent: JSON lines or CSV with a text and its intent in each row, or a JSON
    object of parts as CLINC150 has it, whose parts ``train`` and ``oos_train`` count.

    Raises:
        Unreadable: it is nothing of that.
    """
    try:
        content = data.decode("utf-8-sig")
    except UnicodeDecodeError:
        raise Unreadable("it is not UTF-8 text") from None
    if name.endswith(".csv"):
        return _pairs(_rows(content), "row")
    if name.endswith(".json"):
        parts = clinc_parts(content)
        found = [*parts.get("train", ()), *((t, "oos") for t, _ in parts.get("oos_train", ()))]
        if not found:
            raise Unreadable("it has no part `train`")
        return found
    if not name.endswith((".jsonl", ".ndjson")):
        raise Unreadable("its name ends with none of .jsonl, .csv, .json and .safetensors")
    return _pairs(_lines(content), "line")


def clinc_parts(content: str) -> dict[str, list[tuple[str, str]]]:
    """The parts of a file in CLINC150's form: an object of lists of [text, intent].

    Raises:
        Unreadable: it has another form.
    """
    try:
        parts = json.loads(content)
        return {
            part: [(str(text), str(intent)) for text, intent in rows]
            for part, rows in parts.items()
        }
    except (ValueError, TypeError, AttributeError, RecursionError) as error:
        raise Unreadable(f"it is no object of lists of [text, intent]: {error}") from None


def _rows(content: str) -> Iterator[tuple[int, Any]]:
    try:
        yield from enumerate(csv.DictReader(io.StringIO(content, newline="")), 2)
    except csv.Error as error:
        raise Unreadable(f"it is no CSV: {error}") from None


def _lines(content: str) -> Iterator[tuple[int, Any]]:
    for number, line in enumerate(content.split("\n"), 1):
        if line.strip():
            try:
                yield number, json.loads(line)
            except (ValueError, RecursionError):
                raise Unreadable(f"line {number} is no JSON") from None


def _pairs(rows: Iterator[tuple[int, Any]], what: str) -> list[tuple[str, str]]:
    found = []
    for number, row in rows:
        row = row if isinstance(row, dict) else {}
        text = next((row[key] for key in _TEXT if isinstance(row.get(key), str)), None)
        name = next((row[key] for key in _NAME if isinstance(row.get(key), str)), None)
        if text is None or not name or not name.strip():
            wanted = "`text`" if text is None else "`intent`"
            raise Unreadable(f"{what} {number} has no {wanted}")
        found.append((text, name.strip()))
    if not found:
        raise Unreadable("it holds no example")
    return found


# -- as the request path has them ---------------------------------------------------------------


def intent_set(
    intents: Mapping[str, Intent], file: str | None, keep: float, files: Mapping[str, bytes]
) -> IntentSet | None:
    """An app's intents with all their examples; ``None`` where it has none."""
    data = b"" if file is None else files.get(file, b"")
    if file is not None and file.endswith(TRAINED):
        return IntentSet(digest=sha256(data).hexdigest(), trained=data)
    if not intents and file is None:
        return None
    inside = {name: list(one.examples) for name, one in intents.items() if not one.out_of_scope}
    outside = [text for one in intents.values() if one.out_of_scope for text in one.examples]
    away = {name for name, one in intents.items() if one.out_of_scope} | OUTSIDE
    for text, name in read_examples(file, data) if file is not None else ():
        if name in away:
            outside.append(text)
        else:
            inside.setdefault(name, []).append(text)
    sets = [(name, list(dict.fromkeys(texts))) for name, texts in sorted(inside.items())]
    said = json.dumps([sets, outside, keep], ensure_ascii=True)
    return IntentSet(
        digest=sha256(said.encode()).hexdigest(),
        inside=tuple((name, tuple(texts)) for name, texts in sets if texts),
        outside=tuple(dict.fromkeys(outside)),
        keep=round(keep * MILLION),
    )


# -- checked ------------------------------------------------------------------------------------


def check_intents(
    names: Names,
    files: Mapping[str, bytes],
    inspect: InspectIntents | None,
    problems: Problems,
) -> None:
    """Every intent has an example, no example belongs to two, and files can be read."""
    for app, tree in names.apps.items():
        _Checked(app, tree, files, inspect, problems).check()


def all_intents(names: Names, files: Mapping[str, bytes]) -> frozenset[str] | None:
    """All that ``request.intent`` can be, besides empty; ``None`` where only a trained file, or one
    that can't be read, would tell.
    """
    found: set[str] = set()
    for tree in names.apps.values():
        entries = tree.section("intents").entries()
        found |= {name for name, one in entries if not _is_outside(one)}
        file = tree.text("intent_file")
        try:
            if file is not None:
                found |= {name for _, name in read_examples(file, files.get(file, b""))} - OUTSIDE
        except Unreadable:
            return None
    return frozenset(found)


def _is_outside(intent: Tree) -> bool:
    said = intent.get("out_of_scope")
    return said is not None and said.value is True


class _Checked:
    def __init__(
        self,
        app: str,
        tree: Tree,
        files: Mapping[str, bytes],
        inspect: InspectIntents | None,
        problems: Problems,
    ) -> None:
        self.app = app
        self.inspect = inspect
        self.tree = tree
        self.files = files
        self.problems = problems
        self.path: tuple[str, ...] = ("apps", app)
        self.owners: dict[str, str] = {}
        self.counts: dict[str, int] = {}

    def check(self) -> None:
        """Examples in the YAML first, then those of the file, then all of them together."""
        section = self.tree.section("intents")
        for name, one in section.entries():
            self.counts.setdefault(name, 0)
            for index, item, text in words(one, "examples"):
                path: tuple[str | int, ...] = (*self.path, "intents", name, "examples", index)
                self._example(text, name, item, path)
        whole = self._file()
        if not whole:
            return
        for name, _ in section.entries():
            if not self.counts[name]:
                self.problems.add(
                    "intent.examples",
                    section.key_spot(name),
                    f"the intent {shown(name)} of app `{self.app}` has no example",
                    path=(*self.path, "intents", name),
                    suggestion="add `examples: [...]` with what people would write",
                )
        self._together(section)

    def _example(
        self, text: str, name: str, at: Tree, path: tuple[str | int, ...], where: str = ""
    ) -> None:
        self.counts[name] = self.counts.get(name, 0) + 1
        plain = " ".join(text.split()).casefold().rstrip(_ENDS)
        wrong = ""
        if not any(map(str.isalnum, text)):
            wrong = "has no word in it"
        elif len(text) > MAX_CHARS:
            wrong = f"has more than {MAX_CHARS:,} characters"
        elif self.owners.setdefault(plain, name) != name:
            wrong = f"stands under {shown(self.owners[plain])} too, so it says nothing"
        if wrong:
            # files of real questions have some twice: what says nothing of itself does little harm
            tell = self.problems.warn if where and "too" in wrong else self.problems.add
            tell(
                "intent.example",
                at.spot,
                f"the example {shown(text[:80])} of {shown(name)}{where} {wrong}",
                path=path,
                suggestion="leave it with one of them, or take it out",
            )

    def _file(self) -> bool:
        """Whether all examples are known now; a file that is trained already has its own."""
        at, file = self.tree.get("intent_file"), self.tree.text("intent_file")
        if at is None or file is None:
            return True
        path = (*self.path, "intent_file")
        if file not in self.files:
            self.problems.add(
                "intent.file",
                at.spot,
                f"the bundle has no file {shown(file)}",
                path=path,
                suggestion=did_you_mean(file, list(self.files))
                or "copy it into the bundle's folder; the path begins there",
            )
            return False
        if file.endswith(TRAINED):
            if self.counts:
                self.problems.add(
                    "intent.file",
                    at.spot,
                    f"{shown(file)} is trained already, so `intents` beside it say nothing",
                    path=path,
                    suggestion="take `intents` out, or name a file of examples",
                )
            wrong = self.inspect(self.files[file]) if self.inspect is not None else None
            if wrong:
                self.problems.add(
                    "intent.file",
                    at.spot,
                    f"{shown(file)} can't be used: {wrong}",
                    path=path,
                    suggestion="write it again with `freehold intents train`",
                )
            return False
        try:
            pairs = read_examples(file, self.files[file])
        except Unreadable as error:
            self.problems.add(
                "intent.file", at.spot, f"{shown(file)} can't be used: {error}", path=path
            )
            return False
        before = len(self.problems)
        for text, name in pairs:
            self._example(text, name, at, path, f" in {shown(file)}")
            if len(self.problems) - before >= 20:
                return False
        return True

    def _together(self, section: Tree) -> None:
        away = {name for name, one in section.entries() if _is_outside(one)} | OUTSIDE
        inside = [name for name, count in self.counts.items() if count and name not in away]
        total = sum(self.counts.values())
        wrong = ""
        if total and not inside:
            wrong = "nothing but what is out of scope"
        elif len(inside) > MAX_INTENTS or total > MAX_EXAMPLES:
            wrong = f"more than {MAX_INTENTS:,} intents or {MAX_EXAMPLES:,} examples"
        if wrong:
            self.problems.add(
                "intent.many" if inside else "intent.examples",
                self.tree.key_spot("intents" if section.items() else "intent_file"),
                f"app `{self.app}` declares {wrong}",
                path=(*self.path, "intents"),
            )
