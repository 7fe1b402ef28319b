"""Which facts an expression names, found by reading its tokens; both engines share it."""

import difflib
import re
from collections.abc import Collection, Iterable, Iterator
from functools import lru_cache
from itertools import pairwise

from msgspec import Struct

from freehold.rules.declared import (
    ATTRIBUTE_PREFIX,
    DECLARED,
    PHASES,
    ROOTS,
    DeclaredFact,
    Phase,
    attribute_of,
)
from freehold.rules.functions import pattern_of
from freehold.rules.language import ExpressionError
from freehold.rules.literals import literal

_TOKEN = re.compile(
    r"""(?P<space>\s+|//[^\n]*)
      | (?P<string>[rR]?(?:\"{3}.*?\"{3}|'{3}.*?'{3}))
      | (?P<raw>[rR](?:"[^"\n]*"|'[^'\n]*'))
      | (?P<quoted>"(?:\\.|[^"\\\n])*"|'(?:\\.|[^'\\\n])*')
      | (?P<number>\.?\d[\w.]*)
      | (?P<word>[A-Za-z_]\w*)
      | (?P<other>.)""",
    re.VERBOSE | re.DOTALL,
)
_UNDECLARED = re.compile(r"undeclared reference to '([\w.]+)'")
_BY_NAME = {fact.name: fact for fact in DECLARED}


class Mention(Struct, frozen=True):
    """A dotted name in an expression; ``called`` when its last part is a function's."""

    parts: tuple[str, ...]
    offset: int
    called: bool

    @property
    def name(self) -> str:
        """The name without a function at its end."""
        return ".".join(self.parts[:-1] if self.called else self.parts)


def tokens(expression: str) -> list[tuple[str, str, int]]:
    """Kind, text and offset of each token; no white space, no comments."""
    return [
        (match.lastgroup or "other", match.group(), match.start())
        for match in _TOKEN.finditer(expression)
        if match.lastgroup != "space"
    ]


def mentions(expression: str) -> Iterator[Mention]:
    """Every dotted name that does not hang on something else; none from strings or comments."""
    read = tokens(expression)
    at = 0
    while at < len(read):
        kind, text, offset = read[at]
        at += 1
        if kind != "word" or (at > 1 and read[at - 2][1] == "."):
            continue
        parts = [text]
        while at + 1 < len(read) and read[at][1] == "." and read[at + 1][0] == "word":
            parts.append(read[at + 1][1])
            at += 2
        called = at < len(read) and read[at][1] == "("
        yield Mention(tuple(parts), offset, called)


@lru_cache(maxsize=8192)
def facts_in(expression: str) -> frozenset[str]:
    """The declared facts and ``principal.attributes.*`` that one expression names."""
    found = (_fact(mention) for mention in mentions(expression))
    return frozenset(name for name in found if name is not None)


def referenced(expressions: Iterable[str]) -> frozenset[str]:
    """The same for many expressions."""
    return frozenset().union(*map(facts_in, expressions))


def reads_field(expression: str, field: str) -> bool:
    """Whether the expression looks at this field of a record itself."""
    read = [(kind, text) for kind, text, _ in tokens(expression)]
    pairs = pairwise(read)
    return any(before[1] == "." and after == ("word", field) for before, after in pairs)


def _fact(mention: Mention) -> str | None:
    parts = mention.parts[:-1] if mention.called else mention.parts
    if parts[:2] == ("principal", "attributes") and len(parts) > 2:
        return ATTRIBUTE_PREFIX + parts[2]
    name = ".".join(parts[:2])
    return name if name in _BY_NAME else None


def check_names(expression: str, phase: Phase, attributes: Collection[str] | None = None) -> None:
    """Every name below the roots must be a declared fact of this phase.

    Raises:
        ExpressionError: the first that is not, with what was probably meant.
    """
    for error in name_errors(expression, phase, attributes):
        raise error


def name_errors(
    expression: str, phase: Phase, attributes: Collection[str] | None = None
) -> Iterator[ExpressionError]:
    """Every name below the roots that is no declared fact of this phase."""
    bound = _bound(expression)
    for mention in mentions(expression):
        if mention.parts[0] not in ROOTS or (mention.called and len(mention.parts) == 1):
            continue
        if mention.parts[0] in bound:
            continue
        said = _complaint(mention, phase, attributes)
        if said:
            yield ExpressionError(said, *place(expression, mention.offset))


def _bound(expression: str) -> frozenset[str]:
    """Loop variables, which may have the name of a root: `answer.tools.exists(tool, …)`."""
    read = [(kind, text) for kind, text, _ in tokens(expression)]
    return frozenset(
        variable
        for (_, macro), (_, opens), (kind, variable), (_, comma) in zip(
            read, read[1:], read[2:], read[3:], strict=False
        )
        if macro in MACROS and opens == "(" and kind == "word" and comma == ","
    )


def _complaint(mention: Mention, phase: Phase, attributes: Collection[str] | None) -> str:
    name = _fact(mention)
    attribute = attribute_of(name) if name is not None else None
    if attribute is not None:
        if attributes is None or attribute in attributes:
            return ""
        near = suggestion(attribute, attributes)
        advice = near or "; declare it under identity.attributes"
        return f"undeclared attribute `{attribute}`{advice}"
    if name is None:
        return f"unknown fact `{mention.name}`{suggestion(mention.name, known_in(phase))}"
    fact = _BY_NAME[name]
    return "" if phase in fact.phases else f"`{name}` is known only {_when(fact)}"


def check_functions(expression: str) -> None:
    """Only functions that both engines have may be called.

    Raises:
        ExpressionError: another one is.
    """
    for error in function_errors(expression):
        raise error


def function_errors(expression: str) -> Iterator[ExpressionError]:
    """Every call of a function that not both engines have."""
    for (kind, text, offset), after in pairwise(tokens(expression)):
        if kind == "word" and after[1] == "(" and text not in _CALLABLE:
            said = f"unknown function `{text}`{suggestion(text, FUNCTIONS)}"
            yield ExpressionError(said, *place(expression, offset))


def check_patterns(expression: str) -> None:
    """A regular expression that is written out must be one.

    Raises:
        ExpressionError: it is none.
    """
    read = tokens(expression)
    for before, parenthesis, (kind, text, offset) in zip(read, read[1:], read[2:], strict=False):
        if before[1] == "matches" and parenthesis[1] == "(" and kind in STRINGS:
            try:
                pattern_of(str(literal("STRING_LIT", text)[1]))
            except ValueError as error:
                said = f"matches() needs a regular expression: {error}".replace(": b'", ": '")
                raise ExpressionError(said, *place(expression, offset)) from None


_LOOPS = frozenset({"all", "exists", "exists_one", "filter", "map"})
_MOST_LOOPS = 2
_UNSEEN = re.compile("[\u061c\u200b\u200e\u200f\u202a-\u202e\u2060-\u2069\ufeff]")


def shape_errors(expression: str) -> Iterator[ExpressionError]:
    """What compiles and must not run: characters that nobody sees, patterns that come from a text,
    and loops in loops in loops, whose turns are the product of three lists' lengths.
    """
    unseen = _UNSEEN.search(expression)
    if unseen is not None:
        code = f"{ord(unseen.group()):04X}"
        said = f"a character that nobody sees (U+{code}); if it is meant, write it as \\u{code}"
        yield ExpressionError(said, *place(expression, unseen.start()))
    read = tokens(expression)
    loops: list[bool] = []
    for at, (kind, text, offset) in enumerate(read):
        if kind == "other" and text in ("(", "[", "{"):
            dot, name = ("", "", *(each[1] for each in read[max(0, at - 2) : at]))[-2:]
            loops.append(text == "(" and dot == "." and name in _LOOPS)
            if loops[-1] and sum(loops) == _MOST_LOOPS + 1:
                said = f"loops in loops are {_MOST_LOOPS} deep at most: more take too long"
                yield ExpressionError(said, *place(expression, offset))
        elif kind == "other" and text in (")", "]", "}") and loops:
            loops.pop()
        elif text == "matches" and _text_of(read, at + 1) == "(":
            quoted = read[at + 2 : at + 3] and read[at + 2][0] in STRINGS
            if not quoted or _text_of(read, at + 3) != ")":
                said = "matches() takes a pattern that is written out, in quotes"
                yield ExpressionError(said, *place(expression, offset))


def _text_of(read: list[tuple[str, str, int]], at: int) -> str:
    return read[at][1] if at < len(read) else ""


FUNCTIONS = (
    "has", "size", "all", "exists", "exists_one", "filter", "map", "contains", "startsWith",
    "endsWith", "matches", "int", "double", "string", "dyn",
)  # fmt: skip
MACROS = frozenset({"all", "exists", "exists_one", "filter", "map"})
_CALLABLE = frozenset({*FUNCTIONS, "in"})
STRINGS = frozenset({"string", "raw", "quoted"})


def explained(error: ExpressionError, phase: Phase) -> ExpressionError:
    """An engine's complaint with what was probably meant."""
    said = error.said
    found = _UNDECLARED.search(said)
    if found is not None:
        said += suggestion(found.group(1), known_in(phase))
    elif "double" in said and "int" in said:
        said += "; facts are whole numbers (basis points, cents), so write 20, not 20.0"
    return ExpressionError(said, error.line, error.column)


def known_in(phase: Phase) -> list[str]:
    """The names of all facts of a phase."""
    return [fact.name for fact in DECLARED if phase in fact.phases]


def suggestion(name: str, known: Iterable[str], cutoff: float = 0.7) -> str:
    """``; did you mean `answer.percents`?``, or nothing where nothing is near."""
    near = difflib.get_close_matches(name, sorted(known), n=1, cutoff=cutoff)
    return f"; did you mean `{near[0]}`?" if near else ""


def _when(fact: DeclaredFact) -> str:
    phases = [phase for phase in PHASES if phase in fact.phases]
    return f"in phase{'s' if len(phases) > 1 else ''} {', '.join(phases)}"


def place(expression: str, offset: int) -> tuple[int, int]:
    """Line and column of an offset, from 1."""
    before = expression[:offset]
    return before.count("\n") + 1, offset - (before.rfind("\n") + 1) + 1
