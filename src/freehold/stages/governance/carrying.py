"""Labels that travel: what an answer was made from is known again when it comes back as text."""

import os
from collections.abc import Callable, Iterable, Iterator
from hashlib import blake2b

from msgspec import Struct

from freehold.core.ask import CONVERSATION_HEADER
from freehold.core.decisions import Decision
from freehold.core.handoffs import Admitted, Grounded, Prepared, Released, Stitched
from freehold.core.lineage import Lineage, Made
from freehold.core.timing import timed
from freehold.core.trail import Trail
from freehold.text.passages import LEAST_EXACT, passages, passages_in_json

RULE = "labels.carried"
_MAX_EVIDENCE = 8
_REMEMBERED = 10_000
_DIGEST = 16


class _Carried(Struct, frozen=True, kw_only=True):
    """A label that came in with a text: which message it is, or the conversation as a whole."""

    where: str
    label: str
    origin: str
    exchange_id: str


class Carrying:
    """Finds labels on the way in, and remembers them on the way out.

    Only labels that no redaction takes out: those of sources, and of detectors whose label the
    bundle does not have redacted. All others are found again by what found them first.

    Args:
        lineage: what remembers; without it nothing comes back.
    """

    def __init__(self, lineage: Lineage | None) -> None:
        self._lineage = lineage
        self._key = os.urandom(32)
        self._cut: dict[bytes, bytes] = {}

    def into(self, prepared: Prepared, trail: Trail) -> dict[str, str]:
        """The labels of earlier answers that are in this request, each with where it first came
        from; the trail says which text brought it.
        """
        found = self._find(prepared)
        if found:
            trail.decide(_decision(found))
        return _origins(found)

    def origins(self, handed: object) -> dict[str, str]:
        """The same for what a step of governance is handed."""
        if isinstance(handed, Stitched):
            return handed.screened.carried
        return _origins(self._find(handed)) if isinstance(handed, Prepared) else {}

    @timed("governance")
    def trace(self, grounded: Grounded, trail: Trail) -> None:
        """Before anything leaves: what this answer is made from, its conversation is too."""
        if self._lineage is None:
            return
        labels = dict(grounded.screened.carried)
        for piece in grounded.pieces:
            for label in piece.labels:
                labels.setdefault(label, f"source {piece.source}")
        whole = grounded.whole_labels
        for finding in (*grounded.screened.findings, *grounded.findings):
            if finding.label in whole:
                labels.setdefault(finding.label, f"detector {finding.detector}")
        if labels:
            admitted = grounded.admitted
            made = trail.made = Made(labels, admitted.arrival.exchange_id)
            app = admitted.app
            self._lineage.join(app.tenant, admitted.conversation_id, made, app.retention_days)

    def mark(self, piece: Released, place: int, trail: Trail) -> None:
        """Before a piece of a labelled answer leaves: the lines that end in it, its tool calls."""
        made, app = trail.made, trail.app
        if made is None or app is None or self._lineage is None:
            return
        text = trail.released[place] if place < len(trail.released) else ""
        done = trail.marked.get(place, 0)
        end = len(text) if piece.finish_reason is not None else text.rfind("\n", done) + 1
        if end > done:
            trail.marked[place] = end
            self._lineage.say(app.tenant, passages(text[done:end]), made, app.retention_days)
        for call in piece.tool_calls:
            found = passages_in_json(call.arguments)
            self._lineage.say(app.tenant, found, made, app.retention_days)

    @timed("governance")
    def traced(self, admitted: Admitted, trail: Trail) -> None:
        """At the end: the rest of a labelled answer that broke off; and what was said without a
        label needs none when it comes back.
        """
        lineage, app, made = self._lineage, admitted.app, trail.made
        if lineage is None or not (trail.released or trail.released_calls):
            return
        if made is not None:
            for place, text in enumerate(trail.released):
                rest = passages(text[trail.marked.get(place, 0) :])
                lineage.say(app.tenant, rest, made, app.retention_days)
        elif lineage.knows(app.tenant):
            said = Made({}, admitted.arrival.exchange_id)
            for found in _left(trail):
                lineage.say(app.tenant, found, said, app.retention_days)

    def _find(self, prepared: Prepared) -> tuple[_Carried, ...]:
        admitted, lineage = prepared.admitted, self._lineage
        tenant = admitted.app.tenant
        if lineage is None or not lineage.knows(tenant):
            return ()
        found: dict[tuple[str, str], _Carried] = {}

        def add(where: str, made: Made | None) -> None:
            if made is None:
                return
            for label, origin in made.labels.items():
                if (where, label) not in found:
                    found[where, label] = _Carried(
                        where=where, label=label, origin=origin, exchange_id=made.exchange_id
                    )

        if _continues(prepared):
            add("conversation", lineage.conversation(tenant, admitted.conversation_id))
        for number, message in enumerate(prepared.messages):
            for digest in self._digests(lineage, tenant, message.content, passages):
                add(f"message:{number}", lineage.said(digest))
            for place, call in enumerate(message.tool_calls):
                for digest in self._digests(lineage, tenant, call.arguments, passages_in_json):
                    add(f"message:{number}:call:{place}", lineage.said(digest))
        return tuple(found.values())

    def _digests(
        self, lineage: Lineage, tenant: str, text: str, cut: Callable[[str], Iterable[str]]
    ) -> Iterator[bytes]:
        """The digests of a text's stretches; those of earlier turns are remembered."""
        if len(text) < LEAST_EXACT:
            return
        whole = f"{cut is passages}\0{tenant}\0{text}".encode("utf-8", "surrogatepass")
        key = blake2b(whole, digest_size=16, key=self._key).digest()
        known = self._cut.get(key)
        if known is None:
            known = b"".join(lineage.digest(tenant, passage) for passage in cut(text))
            self._cut[key] = known
            if len(self._cut) > _REMEMBERED:
                del self._cut[next(iter(self._cut))]
        for at in range(0, len(known), _DIGEST):
            yield known[at : at + _DIGEST]


def _decision(found: tuple[_Carried, ...]) -> Decision:
    labels = ", ".join(sorted({each.label for each in found}))
    return Decision(
        stage="governance",
        outcome="allow",
        rule=RULE,
        why=f"only for models that are cleared for {labels}: earlier answers were made from that",
        evidence=tuple(
            f"{each.where} {each.label}, from {each.origin}, answered in {each.exchange_id}"
            for each in found[:_MAX_EVIDENCE]
        ),
    )


def _origins(found: Iterable[_Carried]) -> dict[str, str]:
    labels: dict[str, str] = {}
    for each in found:
        labels.setdefault(each.label, each.origin)
    return labels


def _left(trail: Trail) -> Iterator[Iterable[str]]:
    for text in trail.released:
        yield passages(text)
    for call in trail.released_calls:
        yield passages_in_json(call.arguments)


def _continues(prepared: Prepared) -> bool:
    """Whether earlier turns of the conversation may be in the request.

    A first question has none of them, and without an id from the caller all who begin with it are
    one conversation.
    """
    if prepared.admitted.arrival.client_headers.get(CONVERSATION_HEADER):
        return True
    spoken = [m for m in prepared.messages if m.role not in ("system", "developer")]
    return len(spoken) > 1
