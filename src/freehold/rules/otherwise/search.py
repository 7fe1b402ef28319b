"""Changes to facts that might keep a rule from firing, the plainest first.

The condition's tree is walked with the facts beside it: each comparison gives the value at which it
turns, each list the records that make it hold. None of it is certain, since a condition may have
parts that are not read here; the caller asks the compiled rules.
"""

from collections.abc import Iterator, Mapping
from contextlib import suppress
from itertools import islice, product
from typing import Any

from freehold.core.counterfactual import How
from freehold.rules.otherwise import bounds, told
from freehold.rules.otherwise.edits import Candidate, Edit, Place, key_of
from freehold.rules.otherwise.reading import Scope, fact_of, tree_of, truth
from freehold.rules.otherwise.sheet import NEVER, Entry, FieldOf, Ref, Sheet, none_declared
from freehold.rules.otherwise.texts import cuts
from freehold.rules.syntax import (
    Binary,
    Call,
    Choice,
    Name,
    Node,
    Unary,
    dotted,
    walk,
)

_LOOPS = frozenset({"exists", "all", "exists_one"})
_TEXT_TESTS = frozenset({"contains", "startsWith", "endsWith", "matches"})
_MOST_TOGETHER = 3
_MOST_VALUES = 4
_MOST_RECORDS = 16
_MOST_FOUND = 64
_MOST_LOOKS = 400
"""Parts of a condition looked at, each time they are; rules that people write have a dozen."""


class _Enough(Exception):
    """The condition is too long to be looked through."""


_Flip = tuple[tuple[int, ...], Candidate]
"""Edits with what tells them from others of the same condition."""


def candidates(
    when: str,
    facts: Mapping[str, Any],
    others: Mapping[str, tuple[str, ...]],
    field_of: FieldOf = none_declared,
) -> list[Candidate]:
    """What might make ``when`` false on facts on which it is true; the plainest first.

    Args:
        when: the rule's condition.
        facts: what it was judged on, under their declared names.
        others: values that texts are compared with somewhere in these rules, by fact.
        field_of: what a bundle declares about JSON.
    """
    tree = tree_of(when)
    if tree is None:
        return []
    search = _Search(Sheet(facts, field_of), others)
    unique: dict[str, Candidate] = {}
    with suppress(RecursionError, _Enough):
        for _, edits in search.flips(tree, False, {}, {}):
            if 0 < len(edits) <= _MOST_RECORDS:
                unique.setdefault(repr(edits), edits)
                if len(unique) >= _MOST_FOUND:
                    break
    return sorted(unique.values(), key=_rank)


def unreadable(names: tuple[str, ...], facts: Mapping[str, Any]) -> Candidate:
    """What takes the phrases out that nobody could read."""
    doubtful = [
        (name, record)
        for name in names
        for record in facts.get(name, ())
        if not record["parsed"] and record["polarity"] != "negated"
    ]
    edits: dict[Any, Edit] = {}
    for name, record in doubtful[:_MOST_RECORDS]:
        edits.setdefault(key_of(record), told.dropped(Place(name, key_of(record)), record))
    return tuple(edits.values())


def _rank(edits: Candidate) -> tuple[int, int]:
    kinds = len({(e.place.fact, e.change.field, e.change.how, str(e.change.to)) for e in edits})
    return kinds, max(map(told.rank, edits))


class _Search:
    def __init__(self, sheet: Sheet, others: Mapping[str, tuple[str, ...]]) -> None:
        self._sheet = sheet
        self._facts = sheet.facts
        self._others = others
        self._looks = 0

    def flips(
        self, node: Node, want: bool, scope: Scope, places: Mapping[str, Place]
    ) -> Iterator[_Flip]:
        """Edits each of which may make the part come to ``want``.

        Raises:
            _Enough: so much has been looked at that the decision should not wait any more.
        """
        self._looks += 1
        if self._looks > _MOST_LOOKS:
            raise _Enough
        if isinstance(node, Unary) and node.sign == "!":
            yield from self.flips(node.of, not want, scope, places)
        elif isinstance(node, Binary) and node.sign in ("&&", "||"):
            yield from self._logical(node, want, scope, places)
        elif isinstance(node, Choice):
            yield from self._chosen(node, want, scope, places)
        elif isinstance(node, Binary):
            yield from self._compared(node, want, scope, places)
        elif isinstance(node, Call):
            yield from self._called(node, want, scope, places)
        else:
            ref = self._sheet.ref(node, scope, places)
            if ref is not None and type(ref.now) is bool and ref.now is not want:
                yield (id(node),), (self._sheet.set(ref, want, "exactly"),)

    def _logical(
        self, node: Binary, want: bool, scope: Scope, places: Mapping[str, Place]
    ) -> Iterator[_Flip]:
        sides = (node.left, node.right)
        if (node.sign == "||") == want:  # one side is enough
            for side in sides:
                yield from self.flips(side, want, scope, places)
            return
        wrong = [side for side in sides if truth(side, self._facts, scope) is not want]
        if len(wrong) == 1:
            yield from self.flips(wrong[0], want, scope, places)
        elif wrong:
            firsts = [islice(self.flips(s, want, scope, places), _MOST_TOGETHER) for s in wrong]
            for left, right in product(*firsts):
                yield left[0] + right[0], _united((left[1], right[1]))

    def _chosen(
        self, node: Choice, want: bool, scope: Scope, places: Mapping[str, Place]
    ) -> Iterator[_Flip]:
        held = truth(node.when, self._facts, scope)
        for branch, when in ((node.then, True), (node.otherwise, False)):
            if held is when:
                yield from self.flips(branch, want, scope, places)
            elif truth(branch, self._facts, scope) is want:
                yield from self.flips(node.when, when, scope, places)

    # -- calls --

    def _called(
        self, node: Call, want: bool, scope: Scope, places: Mapping[str, Place]
    ) -> Iterator[_Flip]:
        if node.target is not None and node.function in _LOOPS and len(node.arguments) == 2:
            yield from self._looped(node, want, scope, places)
        elif node.function == "has" and not want and len(node.arguments) == 1:
            ref = self._sheet.ref(node.arguments[0], scope, places)
            if ref is not None and ref.place.path:
                yield (id(node),), (told.dropped(ref.place, None),)
        elif node.function in _TEXT_TESTS and node.target is not None:
            yield from self._text_test(node, want, scope, places)

    def _text_test(
        self, node: Call, want: bool, scope: Scope, places: Mapping[str, Place]
    ) -> Iterator[_Flip]:
        ref = self._sheet.ref(node.target, scope, places) if node.target is not None else None
        if ref is None or not isinstance(ref.now, str) or len(node.arguments) != 1:
            return
        part = self._sheet.value(node.arguments[0], scope)
        if not isinstance(part, str):
            return
        if ref.place.item is not None:
            if not want:
                yield (id(node),), (told.dropped(ref.place, None),)
        elif told.is_text(ref.place.fact):
            stretches = () if want else cuts(node.function, part, ref.now)
            if stretches:
                yield (id(node),), (told.cut(ref.place, stretches),)
        elif not want:
            yield (id(node),), (self._sheet.set(ref, "", "other"),)
        elif node.function != "matches":
            yield (id(node),), (self._sheet.set(ref, part, "with"),)

    def _looped(
        self, node: Call, want: bool, scope: Scope, places: Mapping[str, Place]
    ) -> Iterator[_Flip]:
        """A loop over a list: every record that decides must change, or be absent."""
        variable, body = node.arguments
        listed = self._sheet.listed(node.target, scope, places)
        if not isinstance(variable, Name) or listed is None:
            return
        if node.function == "exists_one":
            yield from self._without((id(node),), [place for place, _, _ in listed])
            return
        # exists → no: each that holds; all → yes: each that does not
        every = (node.function == "all") == want
        deciding = [
            entry
            for entry in listed
            if truth(body, self._facts, {**scope, variable.word: entry[1]}) is not want
        ]
        if len(deciding) > _MOST_RECORDS:
            return
        inside = (variable.word, body, want)
        groups = [self._inside(entry, inside, every, scope, places) for entry in deciding]
        if not every:  # one record is enough
            for group in groups:
                yield from group.items()
            if want:
                yield from self._another(node, variable.word, body, scope)
            return
        for key in groups[0] if groups else ():
            if all(key in group for group in groups):
                yield key, _united(group[key] for group in groups)
        yield from self._without((id(node),), [place for place, _, _ in deciding])

    def _inside(
        self,
        entry: Entry,
        inside: tuple[str, Node, bool],
        every: bool,
        scope: Scope,
        places: Mapping[str, Place],
    ) -> dict[tuple[int, ...], Candidate]:
        """What makes the body of a loop come to what is wanted for one entry."""
        place, each, taken_in = entry
        word, body, want = inside
        flips = [*self.flips(body, want, {**scope, word: each}, {**places, word: place})]
        for more, other in taken_in if every else ():  # or the filter leaves it out
            flips += self.flips(more, False, {**scope, other: each}, {**places, other: place})
        return _by_key(flips)

    def _without(self, key: tuple[int, ...], places: list[Place]) -> Iterator[_Flip]:
        """All of them absent; of JSON the last first, so that places stay what they are."""
        edits = tuple(
            told.dropped(place, self._sheet.record(place))
            for place in reversed(places[:_MOST_RECORDS])
        )
        if edits and len(places) <= _MOST_RECORDS and edits[0].place.fact not in NEVER:
            yield (*key, 0), edits

    def _another(self, node: Call, word: str, body: Node, scope: Scope) -> Iterator[_Flip]:
        """An entry that a list of texts lacks, where the condition names it."""
        fact = fact_of(node.target, self._facts, scope) if node.target is not None else None
        if fact is None or fact in NEVER or not told.is_strings(fact):
            return
        if isinstance(body, Binary) and body.sign in ("==", "in"):
            yield from self._added((id(node), 1), fact, body, word, scope)

    def _added(
        self, key: tuple[int, ...], fact: str, body: Binary, word: str, scope: Scope
    ) -> Iterator[_Flip]:
        other = body.right if dotted(body.left) == word else body.left
        held = self._sheet.value(other, scope)
        for at, text in enumerate((held if type(held) is list else [held])[:_MOST_VALUES]):
            if isinstance(text, str):
                yield (*key, at), (told.added(fact, text),)

    # -- comparisons --

    def _compared(
        self, node: Binary, want: bool, scope: Scope, places: Mapping[str, Place]
    ) -> Iterator[_Flip]:
        if truth(node, self._facts, scope) is want:
            return
        if node.sign == "in":
            yield from self._member(node, want, scope, places)
            return
        for at, (mine, other) in enumerate(((node.left, node.right), (node.right, node.left))):
            sign = bounds.turned(node.sign) if at else node.sign
            key = (id(node), at)
            limit = self._sheet.value(other, scope)
            yield from self._sized(key, mine, sign, limit, want, scope, places)
            ref = self._sheet.ref(mine, scope, places)
            if ref is None or limit is None:
                continue
            if _is_number(ref.now) and _is_number(limit):
                bound = bounds.at(sign, limit, want)
                if bound is not None:
                    yield from self._bounded(key, ref, *bound)
            elif isinstance(limit, str) and (ref.now is None or isinstance(ref.now, str)):
                yield from self._texts(key, ref, sign, limit, want)
            elif type(limit) is bool and type(ref.now) is bool:
                yield key, (self._sheet.set(ref, not ref.now, "exactly"),)
        yield from self._reckoned(node, want, scope, places)
        for part in (*walk(node.left), *walk(node.right)):
            if isinstance(part, Choice):  # a limit that hangs on something else
                held = truth(part.when, self._facts, scope)
                yield from self.flips(part.when, not held, scope, places)

    def _bounded(self, key: tuple[int, ...], ref: Ref, to: int, how: How) -> Iterator[_Flip]:
        if to < 0 and not told.may_be_negative(ref.place.fact):
            return
        if how == "other":
            to, how = ref.now + 1, "other"
        yield key, (self._sheet.set(ref, to, how),)

    def _reckoned(
        self, node: Binary, want: bool, scope: Scope, places: Mapping[str, Place]
    ) -> Iterator[_Flip]:
        """Numbers inside of sums and products: the nearest at which the comparison turns."""
        for part in bounds.reckoned(node):
            ref = self._sheet.ref(part, scope, places)
            if ref is None or type(ref.now) is not int:
                continue
            found = bounds.nearest(node, part, ref.now, want, self._facts, scope)
            if found is not None:
                yield from self._bounded((id(node), id(part)), ref, *found)

    def _texts(
        self, key: tuple[int, ...], ref: Ref, sign: str, limit: str, want: bool
    ) -> Iterator[_Flip]:
        if ref.record is not None or ref.place.item is not None:
            return  # role, polarity: another role is another record, see `_without`
        if (sign == "==") is want:
            yield key, (self._sheet.set(ref, limit, "exactly"),)
        elif sign in ("==", "!="):
            yield key, (self._sheet.set(ref, "", "other"),)
            for at, other in enumerate(self._others.get(ref.place.fact, ())[:_MOST_VALUES]):
                if other != ref.now:
                    yield (*key, at), (self._sheet.set(ref, other, "exactly"),)

    def _member(
        self, node: Binary, want: bool, scope: Scope, places: Mapping[str, Place]
    ) -> Iterator[_Flip]:
        key = (id(node),)
        fact = fact_of(node.right, self._facts, scope)
        if fact is not None and told.is_strings(fact) and fact not in NEVER:
            text = self._sheet.value(node.left, scope)
            if isinstance(text, str):
                edit = told.added(fact, text) if want else told.dropped(Place(fact, item=text))
                yield key, (edit,)
            return
        ref = self._sheet.ref(node.left, scope, places)
        held = self._sheet.value(node.right, scope)
        if ref is None or type(held) is not list or ref.record is not None:
            return
        if ref.place.item is not None:
            if not want:
                yield key, (told.dropped(ref.place, None),)
            return
        if not want:
            yield key, (self._sheet.set(ref, "" if isinstance(ref.now, str) else None, "other"),)
            held = [each for each in self._others.get(ref.place.fact, ()) if each not in held]
        for at, each in enumerate(held[:_MOST_VALUES]):
            yield (*key, at), (self._sheet.set(ref, each, "exactly"),)

    def _sized(
        self,
        key: tuple[int, ...],
        mine: Node,
        sign: str,
        limit: Any,
        want: bool,
        scope: Scope,
        places: Mapping[str, Place],
    ) -> Iterator[_Flip]:
        """``size(list) > 2``: fewer of them."""
        if not (isinstance(mine, Call) and mine.function == "size" and type(limit) is int):
            return
        listed = self._sheet.listed(mine.target or mine.arguments[0], scope, places)
        bound = bounds.at(sign, limit, want)
        if listed is None or bound is None:
            return
        most, how = bound
        if how == "other":
            most = limit - 1
        if how != "at_least" and 0 <= most < len(listed):
            yield from self._without((*key, 2), [place for place, _, _ in listed[most:]])


def _united(several: Any) -> Candidate:
    """All edits, each once."""
    found: list[Edit] = []
    for edits in several:
        found += [edit for edit in edits if edit not in found]
    return tuple(found)


def _by_key(flips: Any) -> dict[tuple[int, ...], Candidate]:
    found: dict[tuple[int, ...], Candidate] = {}
    for key, edits in flips:
        found.setdefault(key, edits)
    return found


def _is_number(held: Any) -> bool:
    return isinstance(held, int | float) and not isinstance(held, bool)
