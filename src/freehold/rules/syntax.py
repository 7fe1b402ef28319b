"""A rule's expression as a tree: the engine shows none, and proofs need one.

Reads the part of CEL that rules use: literals, names, members, indexes, calls and macros, lists,
``! -``, ``* / %``, ``+ -``, comparisons and ``in``, ``&&``, ``||`` and ``? :``. Everything else is
`Unread`, with the place: better said than guessed.
Source: https://github.com/google/cel-spec/blob/master/doc/langdef.md#syntax.
"""

from collections.abc import Iterator, Sequence

from msgspec import Struct

from freehold.rules.literals import literal
from freehold.rules.names import STRINGS, tokens

_COMPARISONS = ("==", "!=", "<=", ">=", "<", ">", "in")
_PAIRS = frozenset({"==", "!=", "<=", ">=", "&&", "||"})
_SUMS = ("+", "-")
_PRODUCTS = ("*", "/", "%")
_MOST_DEPTH = 40
_MOST_TOKENS = 1_000
"""So that no tree is deeper than what walks it can follow."""


class Unread(ValueError):
    """A part of CEL that is not read here; says which, and where it begins."""

    def __init__(self, what: str, offset: int) -> None:
        super().__init__(f"{what} (at character {offset + 1})")
        self.offset = offset


class Literal(Struct, frozen=True):
    """A text, a whole number or a truth value."""

    value: str | int | bool


class Name(Struct, frozen=True):
    """A plain word: a root of facts, a macro's variable."""

    word: str


class Member(Struct, frozen=True):
    """``of.field``."""

    of: "Node"
    field: str


class Item(Struct, frozen=True):
    """``of[at]``."""

    of: "Node"
    at: "Node"


class Call(Struct, frozen=True):
    """``function(arguments)``, or ``target.function(arguments)``."""

    function: str
    target: "Node | None"
    arguments: tuple["Node", ...]


class Listed(Struct, frozen=True):
    """``[items]``."""

    items: tuple["Node", ...]


class Unary(Struct, frozen=True):
    """``!of`` or ``-of``."""

    sign: str
    of: "Node"


class Binary(Struct, frozen=True):
    """``left sign right``."""

    sign: str
    left: "Node"
    right: "Node"


class Choice(Struct, frozen=True):
    """``when ? then : otherwise``."""

    when: "Node"
    then: "Node"
    otherwise: "Node"


Node = Literal | Name | Member | Item | Call | Listed | Unary | Binary | Choice


def parse(expression: str) -> Node:
    """The tree of an expression.

    Raises:
        Unread: something that this does not read.
    """
    read = _joined(tokens(expression))
    if len(read) > _MOST_TOKENS:
        raise Unread("it is too long to be read", read[_MOST_TOKENS][2])
    reader = _Reader(read, len(expression))
    tree = reader.choice()
    if reader.peek() != "":
        raise Unread(f"`{reader.peek()}` is unexpected", reader.offset())
    return tree


def dotted(node: Node) -> str | None:
    """``a.b.c`` for members of a name; ``None`` for anything else."""
    if isinstance(node, Name):
        return node.word
    if isinstance(node, Member):
        front = dotted(node.of)
        return None if front is None else f"{front}.{node.field}"
    return None


def children(node: Node) -> Iterator[Node]:
    """The nodes right below one."""
    for part in node.__struct_fields__:
        value = getattr(node, part)
        for child in value if isinstance(value, tuple) else (value,):
            if isinstance(child, Struct):
                yield child  # type: ignore[misc]


def walk(node: Node) -> Iterator[Node]:
    """The node and all below it."""
    yield node
    for child in children(node):
        yield from walk(child)


def written(node: Node) -> str:
    """The expression again, for people."""
    if isinstance(node, Literal):
        return f'"{node.value}"' if isinstance(node.value, str) else str(node.value).lower()
    if isinstance(node, Binary):
        return f"{written(node.left)} {node.sign} {written(node.right)}"
    if isinstance(node, Unary):
        return f"{node.sign}{written(node.of)}"
    if isinstance(node, Call):
        front = f"{written(node.target)}." if node.target is not None else ""
        return f"{front}{node.function}({', '.join(map(written, node.arguments))})"
    if isinstance(node, Listed):
        return f"[{', '.join(map(written, node.items))}]"
    if isinstance(node, Choice):
        parts = (node.when, node.then, node.otherwise)
        when, then, otherwise = map(written, parts)
        return f"{when} ? {then} : {otherwise}"
    if isinstance(node, Item):
        return f"{written(node.of)}[{written(node.at)}]"
    return f"{written(node.of)}.{node.field}" if isinstance(node, Member) else node.word


def _joined(read: Sequence[tuple[str, str, int]]) -> list[tuple[str, str, int]]:
    """Tokens with signs of two characters put together."""
    joined: list[tuple[str, str, int]] = []
    for kind, text, offset in read:
        if joined and kind == "other":
            last_kind, last, start = joined[-1]
            if last_kind == "other" and start + 1 == offset and last + text in _PAIRS:
                joined[-1] = ("other", last + text, start)
                continue
        joined.append((kind, text, offset))
    return joined


class _Reader:
    """Recursive descent, one method a level of precedence."""

    def __init__(self, read: list[tuple[str, str, int]], end: int) -> None:
        self._read = read
        self._end = end
        self._at = 0
        self._depth = 0

    def peek(self) -> str:
        return self._read[self._at][1] if self._at < len(self._read) else ""

    def offset(self) -> int:
        return self._read[self._at][2] if self._at < len(self._read) else self._end

    def _take(self, text: str) -> bool:
        if self.peek() != text or self._read[self._at][0] in STRINGS:
            return False
        self._at += 1
        return True

    def _need(self, text: str) -> None:
        if not self._take(text):
            raise Unread(f"`{text}` is missing", self.offset())

    def choice(self) -> Node:
        self._depth += 1
        if self._depth > _MOST_DEPTH:
            raise Unread("it is nested too deeply", self.offset())
        when = self._either()
        if self._take("?"):
            then = self._either()
            self._need(":")
            when = Choice(when, then, self.choice())
        self._depth -= 1
        return when

    def _either(self) -> Node:
        left = self._both()
        while self._take("||"):
            left = Binary("||", left, self._both())
        return left

    def _both(self) -> Node:
        left = self._comparison()
        while self._take("&&"):
            left = Binary("&&", left, self._comparison())
        return left

    def _comparison(self) -> Node:
        left = self._infix(_SUMS)
        while self.peek() in _COMPARISONS:
            sign = self.peek()
            self._at += 1
            left = Binary(sign, left, self._infix(_SUMS))
        return left

    def _infix(self, signs: tuple[str, ...]) -> Node:
        deeper = self._unary if signs is _PRODUCTS else lambda: self._infix(_PRODUCTS)
        left = deeper()
        while self.peek() in signs and self._read[self._at][0] == "other":
            sign = self.peek()
            self._at += 1
            left = Binary(sign, left, deeper())
        return left

    def _unary(self) -> Node:
        signs = []
        while self.peek() in ("!", "-") and self._read[self._at][0] == "other":
            signs.append(self.peek())
            self._at += 1
        if len(signs) > _MOST_DEPTH:
            raise Unread("it is nested too deeply", self.offset())
        node = self._member()
        for sign in reversed(signs):
            node = Unary(sign, node)
        return node

    def _member(self) -> Node:
        node = self._primary()
        while True:
            if self._take("."):
                word = self._word()
                if self._take("("):
                    node = Call(word, node, self._arguments(")"))
                else:
                    node = Member(node, word)
            elif self._take("["):
                at = self.choice()
                self._need("]")
                node = Item(node, at)
            else:
                return node

    def _primary(self) -> Node:
        start = self.offset()
        if self._at >= len(self._read):
            raise Unread("the expression ends too early", start)
        kind, text, _ = self._read[self._at]
        if kind in STRINGS or kind == "number":
            self._at += 1
            return self._literal(kind, text, start)
        if self._take("("):
            inner = self.choice()
            self._need(")")
            return inner
        if self._take("["):
            return Listed(self._arguments("]"))
        if kind != "word":
            raise Unread(f"`{text}` is not read", start)
        self._at += 1
        if text in ("true", "false"):
            return Literal(text == "true")
        if self._take("("):
            return Call(text, None, self._arguments(")"))
        return Name(text)

    def _literal(self, kind: str, text: str, start: int) -> Literal:
        shape = "STRING_LIT" if kind in STRINGS else "INT_LIT"
        try:
            value = literal(shape, text)[1]
        except ValueError:
            raise Unread(f"`{text}` is no text and no whole number", start) from None
        return Literal(value)  # type: ignore[arg-type]

    def _word(self) -> str:
        if self._at >= len(self._read) or self._read[self._at][0] != "word":
            raise Unread("a name is missing", self.offset())
        self._at += 1
        return self._read[self._at - 1][1]

    def _arguments(self, end: str) -> tuple[Node, ...]:
        found: list[Node] = []
        while not self._take(end):
            if found:
                self._need(",")
            found.append(self.choice())
        return tuple(found)
