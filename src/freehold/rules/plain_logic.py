"""What can be said of conditions without a solver: never true, always true, one within another.

A condition is turned into alternatives, each a list of comparisons that must hold at once; it is
never true when each alternative has two that exclude each other. Whole numbers have intervals,
texts the values that they may have, lists of records a body that some record must meet. What is
not read may be anything, so nothing wrong is said, and much is not seen: `freehold policy prove`
sees more.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import lru_cache
from typing import Any

from msgspec import Struct
from msgspec.structs import replace

from freehold.rules.declared import SIGNED, VALUES, types_of, values_of
from freehold.rules.names import facts_in
from freehold.rules.syntax import (
    Binary,
    Call,
    Choice,
    Listed,
    Literal,
    Member,
    Name,
    Node,
    Unary,
    Unread,
    dotted,
    parse,
    written,
)

_MOST_ALTERNATIVES = 128
NUMBERS = frozenset({"value", "upper", "start", "end"})
_TURNED = {"<": ">", ">": "<", "<=": ">=", ">=": "<=", "==": "==", "!=": "!="}
_DENIED = {"<": ">=", ">": "<=", "<=": ">", ">=": "<", "==": "!=", "!=": "=="}
_ENDLESS = 1 << 70


class _TooMany(Exception):
    """Too many alternatives to look at."""


class _Atom(Struct, frozen=True):
    """Something that holds, or (``holds`` false) does not."""

    node: Node
    holds: bool


_All = tuple[_Atom, ...]


@lru_cache(maxsize=2048)
def excluded(expression: str) -> str | None:
    """Why the condition is never true; ``None`` where it may be, or nobody can tell here."""
    tree = _read(expression)
    return None if tree is None else _why_not(tree, True)


@lru_cache(maxsize=2048)
def always(expression: str) -> bool:
    """Whether the condition is true whatever the facts are."""
    tree = _read(expression)
    return tree is not None and _why_not(tree, False) is not None


def implied(narrow: str, wide: str) -> bool:
    """Whether ``wide`` is true whenever ``narrow`` is."""
    first, second = _read(narrow), _read(wide)
    if first is None or second is None:
        return False
    return _why_not(Binary("&&", first, Unary("!", second)), True) is not None


def together_always(one: str, other: str) -> bool:
    """Whether one or the other is true whatever the facts are."""
    first, second = _read(one), _read(other)
    if first is None or second is None:
        return False
    return _why_not(Binary("||", first, second), False) is not None


def is_constant(expression: str) -> bool:
    """Whether it is written as a plain ``true`` or ``false``: then that is meant."""
    return isinstance(_read(expression), Literal)


@lru_cache(maxsize=2048)
def _read(expression: str) -> Node | None:
    try:
        return parse(expression)
    except Unread:
        return None


def _why_not(tree: Node, holds: bool) -> str | None:
    """Why the tree can't be true (false, unless ``holds``)."""
    try:
        alternatives = list(_alternatives(tree, holds))
        reasons = [_clash(every, {}) for every in alternatives]
    except _TooMany:
        return None
    if any(reason is None for reason in reasons):
        return None
    if not reasons:
        return "it is written as a constant"
    first = reasons[0] or ""
    return first if len(reasons) == 1 else f"{first}, and the other alternatives fail alike"


# -- alternatives --


def _alternatives(node: Node, holds: bool) -> Iterator[_All]:
    """The alternatives of a tree, or of its opposite."""
    found: list[_All]
    if isinstance(node, Literal) and isinstance(node.value, bool):
        found = [()] if node.value is holds else []
    elif isinstance(node, Unary) and node.sign == "!":
        found = list(_alternatives(node.of, not holds))
    elif isinstance(node, Binary) and node.sign in ("&&", "||"):
        if (node.sign == "&&") is holds:
            left, right = _alternatives(node.left, holds), list(_alternatives(node.right, holds))
            found = [one + other for one in left for other in _few(right)]
        else:
            found = [*_alternatives(node.left, holds), *_alternatives(node.right, holds)]
    elif isinstance(node, Choice):
        then = Binary("&&", node.when, node.then if holds else Unary("!", node.then))
        other = node.otherwise if holds else Unary("!", node.otherwise)
        otherwise = Binary("&&", Unary("!", node.when), other)
        found = [*_alternatives(then, True), *_alternatives(otherwise, True)]
    else:
        found = [(_Atom(node, holds),)]
    yield from _few(found)


def _few(found: list[_All]) -> list[_All]:
    if len(found) > _MOST_ALTERNATIVES:
        raise _TooMany
    return found


# -- one alternative --


class _Term:
    """What one name, or one length, may still be: an interval, or some texts."""

    def __init__(self, least: int, texts: frozenset[str]) -> None:
        self.least, self.most = least, _ENDLESS
        self.not_these: set[object] = set()
        self.texts: frozenset[str] | None = texts or None
        self.said: list[_Atom] = []

    def take(self, sign: str, value: int | str, said: _Atom) -> None:
        self.said.append(said)
        if isinstance(value, str):
            if sign == "==":
                one = frozenset({value})
                self.texts = one if self.texts is None else self.texts & one
            elif sign == "!=":
                self.not_these.add(value)
            return
        if sign in ("==", ">=", ">"):
            self.least = max(self.least, value + (sign == ">"))
        if sign in ("==", "<=", "<"):
            self.most = min(self.most, value - (sign == "<"))
        if sign == "!=":
            self.not_these.add(value)

    @property
    def empty(self) -> bool:
        if self.texts is not None:
            return not self.texts - self.not_these
        few = self.most - self.least < len(self.not_these)
        inside = few and self.not_these.issuperset(range(self.least, self.most + 1))
        return self.least > self.most or inside


def _clash(every: _All, scope: Mapping[str, str]) -> str | None:
    """What in an alternative excludes what else in it; ``scope`` maps loop variables to facts."""
    terms: dict[str, _Term] = {}
    truths: dict[Node, bool] = {}
    loops = [loop for loop in map(_loop, every) if loop is not None]
    for loop in loops:
        reason = _of_list(loop, loops, scope, terms) if loop.some else None
        if reason is not None:
            return reason
    for atom in every:
        if _compare(atom, scope, terms):
            continue
        if truths.setdefault(atom.node, atom.holds) is not atom.holds:
            return f"`{written(atom.node)}` would have to be both true and false"
    for term in terms.values():
        if term.empty:
            said = dict.fromkeys(f"`{_told(each)}`" for each in term.said)
            ends = "excludes all values" if len(said) == 1 else "exclude each other"
            return f"{' and '.join(said)} {ends}"
    return None


def _told(atom: _Atom) -> str:
    return written(atom.node) if atom.holds else f"!({written(atom.node)})"


class _Loop(Struct, frozen=True):
    """``some`` item of a list meets the body, or all of them do."""

    fact: str
    variable: str
    body: Node
    some: bool
    said: _Atom


def _loop(atom: _Atom) -> _Loop | None:
    """A loop over a list, with the body that holds: denied, one kind becomes the other."""
    call = atom.node
    if not isinstance(call, Call) or call.target is None or len(call.arguments) != 2:
        return None
    variable, body = call.arguments
    fact = dotted(call.target)
    if fact is None or not isinstance(variable, Name):
        return None
    if call.function not in ("exists", "all") and not (
        call.function == "exists_one" and atom.holds
    ):
        return None
    some = (call.function == "all") is not atom.holds
    body = body if atom.holds else Unary("!", body)
    return _Loop(fact, variable.word, body, some, _Atom(call, True))


def _of_list(
    loop: _Loop, loops: Sequence[_Loop], scope: Mapping[str, str], terms: dict[str, _Term]
) -> str | None:
    """Some item must meet the body, and what all items meet, and none can. Such a list has one."""
    _term(f"size({loop.fact})", terms, 0).take(">=", 1, loop.said)
    body = loop.body
    for other in loops:
        if not other.some and other.fact == loop.fact:
            body = Binary("&&", body, _renamed(other.body, other.variable, loop.variable))
    inner = {**scope, loop.variable: loop.fact}
    reasons = [_clash(each, inner) for each in _alternatives(body, True)]
    if any(reason is None for reason in reasons):
        return None
    return next((reason for reason in reasons if reason), "a constant stands in the loop")


def _renamed(node: Node, before: str, after: str) -> Node:
    """The tree with another loop variable."""
    if isinstance(node, Name):
        return Name(after) if node.word == before else node
    changed: dict[str, Any] = {}
    for part in node.__struct_fields__:
        value = getattr(node, part)
        if isinstance(value, tuple):
            changed[part] = tuple(_renamed(child, before, after) for child in value)
        elif isinstance(value, Struct):
            changed[part] = _renamed(value, before, after)  # type: ignore[arg-type]
    return replace(node, **changed) if changed else node


def _term(
    key: str, terms: dict[str, _Term], least: int, texts: frozenset[str] = frozenset()
) -> _Term:
    return terms.setdefault(key, _Term(least, texts))


def _compare(atom: _Atom, scope: Mapping[str, str], terms: dict[str, _Term]) -> bool:
    """Note a comparison with something that is written out; false for anything else."""
    node = atom.node
    if not isinstance(node, Binary):
        return False
    if node.sign == "in":
        return _compare_in(node, atom, scope, terms)
    if node.sign not in _TURNED:
        return False
    sign, left, right = node.sign, node.left, node.right
    if isinstance(left, Literal):
        sign, left, right = _TURNED[sign], right, left
    value = _constant(right)
    if value is None or _constant(left) is not None:
        return _two_constants(node, atom, terms)
    term = _named(left, scope, terms)
    if term is None or isinstance(value, str) is not _is_text(left, scope):
        return False
    if isinstance(value, str) and sign not in ("==", "!="):
        return False
    term.take(sign if atom.holds else _DENIED[sign], value, atom)
    return True


def _two_constants(node: Binary, atom: _Atom, terms: dict[str, _Term]) -> bool:
    """``1 > 2``: two values that are written out."""
    left, right = _constant(node.left), _constant(node.right)
    signs: dict[str, Callable[[int, int], bool]] = {
        "<": int.__lt__, "<=": int.__le__, ">": int.__gt__, ">=": int.__ge__,
    }  # fmt: skip
    if left is None or right is None or type(left) is not type(right):
        return False
    if node.sign in ("==", "!="):
        true = (left == right) is (node.sign == "==")
    elif isinstance(left, int) and isinstance(right, int):
        true = signs[node.sign](left, right)
    else:
        return False
    if true is not atom.holds:
        _term(written(node), terms, 1).take("<", 1, atom)
    return True


def _compare_in(
    node: Binary, atom: _Atom, scope: Mapping[str, str], terms: dict[str, _Term]
) -> bool:
    """A text that is, or is not, one of some that are written out."""
    if not isinstance(node.right, Listed) or not _is_text(node.left, scope):
        return False
    values = [_constant(item) for item in node.right.items]
    term = _named(node.left, scope, terms)
    if term is None or not all(isinstance(value, str) for value in values):
        return False
    words = frozenset(str(value) for value in values)
    term.said.append(atom)
    if atom.holds:
        term.texts = words if term.texts is None else term.texts & words
    else:
        term.not_these.update(words)
    return True


def _constant(node: Node) -> int | str | None:
    if isinstance(node, Literal) and not isinstance(node.value, bool):
        return node.value
    if isinstance(node, Unary) and node.sign == "-" and isinstance(node.of, Literal):
        return -node.of.value if type(node.of.value) is int else None
    return None


def _named(node: Node, scope: Mapping[str, str], terms: dict[str, _Term]) -> _Term | None:
    """The term behind a fact, a record's field or a length."""
    if isinstance(node, Call) and node.function == "size":
        of = node.target if node.target is not None else (*node.arguments, Name(""))[0]
        name = dotted(of)
        return None if name is None else _term(f"size({name})", terms, 0)
    if isinstance(node, Member) and (dotted(node.of) or "") in scope:
        fact = scope[dotted(node.of) or ""]
        counted = node.field in ("start", "end") or fact not in SIGNED
        least = 0 if counted and node.field in NUMBERS else -_ENDLESS
        return _term(f"{dotted(node.of)}.{node.field}", terms, least, values_of(fact, node.field))
    name = dotted(node)
    if name is None or name.partition(".")[0] in scope:
        return None
    kind = _kind(name)
    if kind not in ("int", "string"):
        return None
    return _term(name, terms, 0, VALUES.get(name, frozenset()))


def _is_text(node: Node, scope: Mapping[str, str]) -> bool:
    if isinstance(node, Member) and (dotted(node.of) or "") in scope:
        return node.field not in NUMBERS
    name = dotted(node)
    return name is not None and _kind(name) == "string"


def _kind(name: str) -> str:
    known = facts_in(name)
    return types_of(known)[name] if name in known else ""
