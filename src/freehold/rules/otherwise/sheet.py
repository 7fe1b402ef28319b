"""Where the parts of a condition stand among the facts, and what may be changed there."""

from collections.abc import Callable, Mapping
from typing import Any

from msgspec import Struct

from freehold.core.counterfactual import How
from freehold.core.spec import FieldSpec
from freehold.rules.otherwise import reading, told
from freehold.rules.otherwise.edits import Edit, Place, key_of
from freehold.rules.otherwise.reading import Scope, fact_of, truth
from freehold.rules.syntax import Call, Item, Member, Name, Node, dotted
from freehold.rules.values import EvaluationError

FieldOf = Callable[[str, tuple[str | int, ...]], FieldSpec | None]
"""What a bundle declares about a place in JSON: by fact and path."""

NEVER = frozenset(
    {"app.id", "app.tenant", "app.tenants", "app.purpose", "app.risk", "principal.id"}
    | {"request.operation", "stream.ended", "stream.sentences"}
)
"""What nobody could have changed, or what would name other persons."""

Entry = tuple[Place, Any, tuple[tuple[Node, str], ...]]
"""An entry of a list with its place, and the conditions (with their variables) that let it in."""


def none_declared(_fact: str, _path: tuple[str | int, ...]) -> FieldSpec | None:
    """Where a bundle declares nothing."""
    return None


class Ref(Struct, frozen=True):
    """A value that might have been another."""

    place: Place
    field: str
    now: Any
    record: Mapping[str, Any] | None = None


class Sheet:
    """The facts that a condition was judged on."""

    def __init__(self, facts: Mapping[str, Any], field_of: FieldOf) -> None:
        self.facts = facts
        self._field_of = field_of

    def listed(
        self, node: Node | None, scope: Scope, places: Mapping[str, Place]
    ) -> list[Entry] | None:
        """The entries of a list with their places, and the conditions that let them in."""
        if isinstance(node, Call) and node.function == "filter" and len(node.arguments) == 2:
            variable, body = node.arguments
            inner = self.listed(node.target, scope, places)
            if inner is None or not isinstance(variable, Name):
                return None
            word = variable.word
            return [
                (place, each, (*taken_in, (body, word)))
                for place, each, taken_in in inner
                if truth(body, self.facts, {**scope, word: each}) is not False
            ]
        if node is None:
            return None
        fact = fact_of(node, self.facts, scope)
        held = self.value(node, scope)
        if type(held) is not list:
            return None
        if fact is not None and not told.is_json(fact):
            return [(_place(fact, each), each, ()) for each in held]
        ref = self.ref(node, scope, places)
        if ref is None:
            return None
        fact, path = ref.place.fact, ref.place.path
        return [(Place(fact, path=(*path, at)), each, ()) for at, each in enumerate(held)]

    def ref(self, node: Node, scope: Scope, places: Mapping[str, Place]) -> Ref | None:
        """What a part stands for, where that can be changed."""
        if isinstance(node, Call) and node.function in ("int", "double", "dyn"):
            return self.ref(node.arguments[0], scope, places) if node.arguments else None
        if isinstance(node, Name) and node.word in places:
            return Ref(places[node.word], "", scope[node.word])
        fact = self._fact(node, scope)
        if fact is not None:
            return None if fact in NEVER else Ref(Place(fact), "", self.facts.get(fact))
        if isinstance(node, Member):
            return self._member_of(node, node.field, scope, places)
        if isinstance(node, Item):
            at = self.value(node.at, scope)
            return self._member_of(node, at, scope, places) if isinstance(at, int | str) else None
        return None

    def _fact(self, node: Node, scope: Scope) -> str | None:
        name = dotted(node)
        if name is None or name.partition(".")[0] in scope:
            return None
        return name if name in self.facts or told.is_attribute(name) else None

    def _member_of(
        self, node: Member | Item, part: str | int, scope: Scope, places: Mapping[str, Place]
    ) -> Ref | None:
        of = self.ref(node.of, scope, places)
        if of is None:
            return None
        if of.place.key is not None:
            record = of.now
            if not isinstance(record, dict) or part not in ("value", "upper"):
                return None
            return Ref(of.place, str(part), record[part], record)
        if not told.is_json(of.place.fact):
            return None
        try:
            now = reading.value(node, self.facts, scope)
        except EvaluationError:
            return None
        return Ref(Place(of.place.fact, path=(*of.place.path, part)), "", now)

    def record(self, place: Place) -> Mapping[str, Any] | None:
        held = self.facts.get(place.fact)
        if place.key is None or type(held) is not list:
            return None
        return next((each for each in held if key_of(each) == place.key), None)

    def value(self, node: Node, scope: Scope) -> Any:
        try:
            return reading.value(node, self.facts, scope)
        except EvaluationError:
            return None

    def set(self, ref: Ref, to: Any, how: How) -> Edit:
        spec = self._field_of(ref.place.fact, ref.place.path) if ref.place.path else None
        return told.changed(ref.place, ref.field, ref.now, to, how, ref.record, spec)


def _place(fact: str, each: Any) -> Place:
    return Place(fact, item=each) if isinstance(each, str) else Place(fact, key_of(each))
