"""What a whole answer came to: the measure for every stream of it."""

from collections.abc import Collection, Sequence
from difflib import SequenceMatcher

from msgspec import Struct

from freehold.core.decisions import Finding
from freehold.core.errors import FreeholdError
from freehold.core.trail import Trail
from freehold.services.stream_oracle import Bound
from freehold.stages.governance.placeholders import mask
from freehold.stages.governance.scanner import cover
from freehold.text.escapes import Shown

_SAME = 8


class Expected(Struct, frozen=True, kw_only=True):
    """What a whole answer came to, so what every stream of it must.

    Attributes:
        text: what the model said.
        out: what may leave at most.
        exact: whether all of it must; what is refused midway may stop anywhere before.
        places: from places in ``out`` to places in the text, where that can be told.
        values: what a control protects, with how often it also stands in the text unprotected.
        objectors: controls that object to the text; ``ends``: streams end even where the whole
            answer passes, since one of them is late.
    """

    verdict: tuple[str, ...]
    text: str
    out: str
    exact: bool
    places: tuple[tuple[int, int], ...] | None
    values: dict[str, int]
    objectors: frozenset[str] = frozenset()
    ends: bool = False

    def agrees(self, trail: Trail) -> bool:
        """Whether a stream came to the same. Of several controls that object to a text, another
        one may be the first to see why.
        """
        refused_by = getattr(trail.failure, "rule", "") if trail.result == "denied" else ""
        if refused_by and refused_by in self.objectors:
            return True
        return not self.ends and verdict(trail) == self.verdict


def verdict(trail: Trail) -> tuple[str, ...]:
    """The outcome and what led to it; of a refusal, only which control it was."""
    if trail.failure is not None:
        return trail.result, trail.failure.code, getattr(trail.failure, "rule", "")
    did = {f"{d.mode} {d.outcome} {d.rule}" for d in trail.decisions}
    return trail.result, *sorted(did)


def expected(text: str, whole: Trail, bound: Bound | None) -> Expected:
    """What follows from the whole answer's trail for every stream of the same text.

    Args:
        bound: of an answer to which a control objects, what may leave at most.
    """
    app = whole.app
    if app is None:  # the key was known, or no model would have been asked
        raise FreeholdError("the journey forgot its app")
    shown = Shown().grow(text, complete=True)
    acting = {d.id: d.action for d in app.detectors if d.mode == "enforce" and d.late == "buffer"}
    found = [
        f for f in whole.answer_findings
        if f.where == "answer" and acting.get(f.detector) in {"redact", "block"}
    ]  # fmt: skip
    out, places = _masked(shown, found)
    said = "".join(whole.released)
    if bound is not None:
        places = places if out.startswith(bound.out) else ()
        out = bound.out
    elif said != out and (_has_json(shown) or _changed(whole, acting.keys())):
        out, places = said, _aligned(shown, said)
    return Expected(
        verdict=verdict(whole),
        text=text,
        out=out,
        exact=bound is None,
        places=places if places and shown == text else None,
        values=_values(shown, found),
        objectors=frozenset() if bound is None else bound.objectors,
        ends=bound is not None and whole.failure is None and whole.held is None,
    )


def _has_json(text: str) -> bool:
    """Whether masks may stand in JSON, where a bare one is quoted and none leaves its string."""
    return text.lstrip()[:1] in {"{", "["} or "```" in text


def _changed(whole: Trail, detectors: Collection[str]) -> bool:
    """Whether anything but these detectors changed the answer: a rule, a placeholder put back."""
    return any(
        d.outcome == "transform" and d.mode == "enforce" and d.rule not in detectors
        for d in whole.decisions
    )


def _masked(text: str, found: Sequence[Finding]) -> tuple[str, tuple[tuple[int, int], ...]]:
    """The text with its findings masked, and places in it beside those in the text."""
    parts: list[str] = []
    places = [(0, 0)]
    done = size = 0
    for start, end, finding in cover(found):
        parts += (text[done:start], mask(finding.kind))
        size += start - done
        places.append((size, start))
        size += len(parts[-1])
        places.append((size, end))
        done = end
    parts.append(text[done:])
    places.append((size + len(text) - done, len(text)))
    return "".join(parts), tuple(places)


def _aligned(text: str, out: str) -> tuple[tuple[int, int], ...]:
    """Places in what a rule made of the text beside those in the text: the stretches that both have
    in common, short ones apart, since a template shares letters with any sentence.
    """
    places = []
    matcher = SequenceMatcher(None, text, out, autojunk=False)
    for origin, begin, size in matcher.get_matching_blocks():
        if size >= _SAME or (size and (not begin or begin + size == len(out))):
            places += [(begin, origin), (begin + size, origin + size)]
    return ((0, 0), (0, 0), *places, (len(out), len(text)))


def place(out: int, places: Sequence[tuple[int, int]]) -> int:
    """Where in the text what has left ends; inside a mask, before what it stands for."""
    for number, (begin, origin) in enumerate(places[:-1]):
        after, beyond = places[number + 1]
        if out < after:
            return min(origin + out - begin, origin if number % 2 else beyond)
    return places[-1][1]


def _values(text: str, found: Sequence[Finding]) -> dict[str, int]:
    bare: list[str] = []
    done = 0
    for start, end, _ in cover(found):
        bare.append(text[done:start])
        done = end
    free = "\0".join((*bare, text[done:]))
    values = {text[f.start : f.end] for f in found}
    return {value: free.count(value) for value in values}


def leaked(out: str, expected: Expected) -> int:
    """Protected characters in what left: whole values, and the text itself where something else,
    or nothing any more, was to leave.
    """
    values = sum(
        len(value) * max(0, out.count(value) - often) for value, often in expected.values.items()
    )
    same = _shared(out, expected.out)
    if same == len(out):
        return values
    if not expected.exact:
        return max(values, len(out) - same)
    if expected.places is None:
        return values
    behind = expected.text[place(same, expected.places) :]
    return max(values, _shared(out[same:], behind))


def _shared(first: str, second: str) -> int:
    """How many characters both begin with."""
    size = min(len(first), len(second))
    return next((i for i in range(size) if first[i] != second[i]), size)
