"""One place for regular expressions: RE2 where it is installed, else the standard library.

Patterns keep to what both engines understand (RE2's syntax without inline flags):
no look-around, no back-references, no possessive quantifiers, no `\\Z`, no `\\p`.
Meaning is RE2's: `\\d \\w \\s \\b` are ASCII, `$` is the end of the text only.
Offsets are always character offsets, whatever the engine works on.

RE2 answers in linear time. The fallback does not promise that: bound the repeats.
"""

import re
from collections.abc import Iterable, Iterator, Sequence
from typing import Any, Literal

try:
    import re2 as _re2  # type: ignore[import-untyped,import-not-found,unused-ignore]
except ImportError:  # no wheel for this platform
    _re2 = None

Engine = Literal["re2", "re"]
Spans = Sequence[tuple[int, int]]
PatternError = ValueError

_ANYWHERE = None if _re2 is None else _re2._re2.RE2.Anchor.UNANCHORED
_SURROGATE = re.compile("[\ud800-\udfff]")
_SET_MEMORY = 64 << 20  # bytes; a set that runs out of memory would report no hit

# What each class means to RE2, spelled out for the standard library.
_CLASSES = {
    "d": "0-9",
    "w": "0-9A-Za-z_",
    "s": "\\t\\n\\f\\r ",
}


def default_engine() -> Engine:
    """The engine that `compile` uses when none is named."""
    return "re" if _re2 is None else "re2"


def encodable(text: str) -> str:
    """`text` with each lone surrogate replaced by U+FFFD; the length stays."""
    if text.isascii():
        return text
    return _SURROGATE.sub("\ufffd", text)


def _escape_for_re(letter: str, in_class: bool) -> str:
    if letter in "bB":
        if in_class:
            raise PatternError("a word boundary cannot stand in a character class")
        return f"(?a-i:\\{letter})"
    if letter == "z":
        return "\\Z"
    if letter in _CLASSES:
        return _CLASSES[letter] if in_class else f"(?-i:[{_CLASSES[letter]}])"
    if letter.lower() in _CLASSES:
        if in_class:
            raise PatternError(f"\\{letter} cannot stand in a character class")
        return f"(?-i:[^{_CLASSES[letter.lower()]}])"
    if letter.isalnum() and letter not in "Anrtfvx":
        raise PatternError(f"\\{letter} is not in the shared syntax")
    return "\\" + letter


def to_stdlib(pattern: str) -> str:
    """RE2's meaning of `pattern`, in the standard library's syntax.

    Raises PatternError for what one of the two engines does not have.
    """
    out: list[str] = []
    in_class = False
    i = 0
    while i < len(pattern):
        char = pattern[i]
        if char == "\\":
            i += 1
            if i == len(pattern):
                raise PatternError("the pattern ends in a backslash")
            out.append(_escape_for_re(pattern[i], in_class))
        elif in_class:
            # "[" inside a class warns in the standard library, so it is escaped
            out.append("\\[" if char == "[" else char)
            in_class = char != "]"
        elif char == "[":
            in_class = True
            out.append(char)
            if pattern[i + 1 : i + 2] == "^":
                i += 1
                out.append("^")
            if pattern[i + 1 : i + 2] == "]":
                raise PatternError("escape a ] that opens a character class")
        elif char == "$":
            out.append("\\Z")
        elif char == "(" and pattern[i + 1 : i + 2] == "?":
            if pattern[i + 2 : i + 3] != ":" and pattern[i + 2 : i + 4] != "P<":
                raise PatternError("only (?:...) and (?P<name>...) groups are shared")
            out.append(char)
        else:
            out.append(char)
        i += 1
    return "".join(out)


class Match:
    """One match. Offsets are characters of the text that was searched."""

    __slots__ = ("_base", "_data", "_native", "_text")

    def __init__(self, native: Any, text: str, data: bytes | None, base: tuple[int, int]) -> None:
        self._native = native
        self._text = text
        self._data = data  # set when the engine's offsets are bytes of non-ASCII text
        self._base = base  # a known pair (byte offset, character offset) at the match's start

    def span(self, group: int = 0) -> tuple[int, int]:
        """(start, end) of a group; (-1, -1) when the group took no part."""
        span: tuple[int, int] = self._native.span(group)
        if self._data is None or span[0] < 0:
            return span
        at_byte, at_char = self._base
        start = at_char + len(self._data[at_byte : span[0]].decode())
        return start, start + len(self._data[span[0] : span[1]].decode())

    def start(self, group: int = 0) -> int:
        return self.span(group)[0]

    def end(self, group: int = 0) -> int:
        return self.span(group)[1]

    def group(self, group: int = 0) -> str | None:
        """The text of a group; None when the group took no part."""
        start, end = self.span(group)
        return None if start < 0 else self._text[start:end]


class Pattern:
    """A compiled pattern; it is compiled when first used."""

    __slots__ = ("_native", "_raw", "engine", "ignore_case", "pattern")

    def __init__(self, pattern: str, ignore_case: bool, engine: Engine) -> None:
        self.pattern = pattern
        self.ignore_case = ignore_case
        self.engine = engine
        self._native: Any = None
        self._raw: Any = None  # RE2's own call, without the wrapper's generator and match objects

    def __repr__(self) -> str:
        return f"Pattern({self.pattern!r}, engine={self.engine!r})"

    def prepare(self) -> Any:
        """Compile now; raises PatternError when the engine refuses the pattern."""
        if self._native is None:
            try:
                translated = to_stdlib(self.pattern)
                if self.engine == "re":
                    flags = re.IGNORECASE if self.ignore_case else re.NOFLAG
                    self._native = re.compile(translated, flags)
                else:
                    self._native = _re2.compile(self.pattern, _options(self.ignore_case))
                    self._raw = getattr(getattr(self._native, "_regexp", None), "Match", None)
            except _engine_errors() as error:
                raise PatternError(f"{self.pattern!r}: {error}") from error
        return self._native

    def finditer(self, text: str) -> Iterator[Match]:
        """All matches, leftmost first, none overlapping."""
        native = self._native or self.prepare()
        if self.engine == "re":
            return (Match(m, text, None, (0, 0)) for m in native.finditer(encodable(text)))
        if text.isascii():
            return (Match(m, text, None, (0, 0)) for m in native.finditer(text.encode()))
        return self._finditer_bytes(native, text)

    def _finditer_bytes(self, native: Any, text: str) -> Iterator[Match]:
        data = encodable(text).encode()
        at_byte = at_char = 0
        for found in native.finditer(data):
            start = found.start()
            if start < len(data) and data[start] & 0xC0 == 0x80:
                continue  # an empty match inside a character
            at_char += len(data[at_byte:start].decode())
            at_byte = start
            yield Match(found, text, data, (at_byte, at_char))

    def regs(self, text: str) -> list[Spans]:
        """For every match the spans of the whole and of each group, (-1, -1) where it took no part.

        The quickest way to read many groups.
        """
        native = self._native or self.prepare()
        if self.engine == "re":
            return [found.regs for found in native.finditer(encodable(text))]
        if text.isascii():
            return self._ascii_regs(native, text.encode())
        groups = range(native.groups + 1)
        return [[found.span(i) for i in groups] for found in self._finditer_bytes(native, text)]

    def _ascii_regs(self, native: Any, data: bytes) -> list[Spans]:
        match = self._raw
        if match is None:
            return [_all_spans(found) for found in native.finditer(data)]
        found: list[Spans] = []
        at, end = 0, len(data)
        anchor = _ANYWHERE
        while at <= end:
            groups = match(anchor, data, at, end)
            stop = groups[0][1]
            if stop < 0:
                break
            found.append(groups)
            at = stop if stop > at else at + 1
        return found

    def spans(self, text: str) -> list[tuple[int, int]]:
        """(start, end) of every match."""
        if text.isascii():
            native = self._native or self.prepare()
            if self.engine == "re":
                return [found.span() for found in native.finditer(text)]
            return [groups[0] for groups in self._ascii_regs(native, text.encode())]
        return [found.span() for found in self.finditer(text)]

    def search(self, text: str) -> Match | None:
        """The leftmost match, or None."""
        return next(self.finditer(text), None)

    def test(self, text: str) -> bool:
        """Whether the pattern is found anywhere."""
        native = self._native or self.prepare()
        source: Any = encodable(text)
        return native.search(source if self.engine == "re" else source.encode()) is not None

    def fullmatch(self, text: str) -> bool:
        """Whether the whole text is one match."""
        native = self._native or self.prepare()
        source: Any = encodable(text)
        return native.fullmatch(source if self.engine == "re" else source.encode()) is not None


def compile(  # noqa: A001 - the field's word, always used as patterns.compile
    pattern: str, ignore_case: bool = False, engine: Engine | None = None
) -> Pattern:
    """A pattern of the shared syntax; compiled when first used (`prepare` does it now)."""
    return Pattern(pattern, ignore_case, engine or default_engine())


_REPEAT = re.compile(r"\{([01]),\d*\}\??")
_TOKEN = re.compile(r"\\.|\[(?:\\.|[^\]\\])*\]|[^\\\[]", re.DOTALL)


def loosened(pattern: str) -> str:
    """A pattern that is found wherever `pattern` is: what may be repeated some times may go on.

    An automaton has a state for each count that it may have come to, times those of all patterns
    that are asked with it: with counts, nearly every text leads to states that no other text had.
    """
    out: list[str] = []
    at = 0
    while at < len(pattern):
        repeat = _REPEAT.match(pattern, at)
        if repeat is not None:
            out.append("+" if repeat[1] == "1" else "*")
            at = repeat.end()
            continue
        token = _TOKEN.match(pattern, at)
        end = at + 1 if token is None else token.end()
        out.append(pattern[at:end])
        at = end
    return "".join(out)


class PatternSet:
    """Many patterns asked at once: which of them are found anywhere in a text?

    A set that is only a ``gate`` may name a pattern too many, never one too few; whoever asks then
    looks for the pattern itself. In texts that it has not seen, it takes a tenth of the time.
    """

    __slots__ = ("_native", "engine", "gate", "ignore_case", "patterns")

    def __init__(
        self,
        patterns: Iterable[str],
        ignore_case: bool = False,
        engine: Engine | None = None,
        *,
        gate: bool = False,
    ) -> None:
        self.patterns = tuple(patterns)
        self.gate = gate
        self.ignore_case = ignore_case
        self.engine: Engine = engine or default_engine()
        self._native: Any = None

    def prepare(self) -> Any:
        """Compile now; raises PatternError when the engine refuses a pattern."""
        if self._native is None:
            singles = [compile(p, self.ignore_case, "re") for p in self.patterns]
            if self.engine == "re":
                self._native = [single.prepare() for single in singles]
            else:
                self._native = self._prepare_re2()
        return self._native

    def _prepare_re2(self) -> Any:
        options = _options(self.ignore_case)
        options.max_mem = _SET_MEMORY
        native = _re2.Set.SearchSet(options)
        for pattern in self.patterns:
            to_stdlib(pattern)  # refuses what is not in the shared syntax
            try:
                native.Add(loosened(pattern) if self.gate else pattern)
            except _engine_errors() as error:
                raise PatternError(f"{pattern!r}: {error}") from error
        native.Compile()
        return native

    def hits(self, text: str) -> list[int]:
        """Indexes of the patterns that are found, ascending."""
        native = self._native or self.prepare()
        if not self.patterns:
            return []
        text = encodable(text)
        if self.engine == "re":
            return [i for i, single in enumerate(native) if single.search(text)]
        return sorted(native.Match(text) or ())


class Gates:
    """Groups of large patterns, asked group by group and numbered as one list; a gate each.

    Large patterns wait for their end in the middle of most texts. An automaton for all of them has
    a state for each combination of what each waits for, so that nearly every new text leads to
    states that must be made; those of small groups soon know all of theirs.
    """

    __slots__ = ("_sets", "patterns")

    def __init__(self, *groups: Iterable[str], engine: Engine | None = None) -> None:
        self._sets: list[tuple[int, PatternSet]] = []
        self.patterns: tuple[str, ...] = ()
        for group in groups:
            made = PatternSet(group, engine=engine, gate=True)
            self._sets.append((len(self.patterns), made))
            self.patterns += made.patterns

    def hits(self, text: str) -> list[int]:
        """Indexes of the patterns that may be found, ascending."""
        return [first + at for first, made in self._sets for at in made.hits(text)]


def _all_spans(found: Any) -> Spans:
    # google-re2 keeps them in one list; asking group by group costs half a microsecond each
    spans: Spans | None = getattr(found, "_spans", None)
    if spans is None:
        return [found.span(i) for i in range(found.re.groups + 1)]
    return spans


def _options(ignore_case: bool) -> Any:
    options = _re2.Options()
    options.case_sensitive = not ignore_case
    options.log_errors = False
    return options


def _engine_errors() -> tuple[type[Exception], ...]:
    return (re.error,) if _re2 is None else (re.error, _re2.error)
