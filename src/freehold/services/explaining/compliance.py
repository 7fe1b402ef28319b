"""A decision told to a compliance officer: who, when and what for; the procedure and principles
that were applied; what was found; who was involved; what would have changed it; the evidence.
"""

from collections import Counter
from collections.abc import Iterator
from typing import Any

from freehold.core.clock import rfc3339
from freehold.core.prices import money
from freehold.ledger.record import Record
from freehold.services.explaining import account
from freehold.services.explaining.account import Proof
from freehold.services.explaining.document import Document, Section
from freehold.services.explaining.own import basis
from freehold.services.explaining.routing import told
from freehold.services.explaining.values import share

_STATES = {
    "open": "kept, sealed under a key of the person who asked",
    "none": "no text was kept",
    "erased": "erased: the key was destroyed, so nobody can read them any more",
    "expired": "their time was over: the key was destroyed, so nobody can read them any more",
    "lost": "sealed, and the vault does not have the key",
}
_RECORDED = "This account tells what was recorded when the decision was made."
_MISSES = " Why the model wrote what it wrote is not known; what the rules made of it is."


def document(record: Record, proof: Proof) -> Document:
    """Tell it to whoever answers for it."""
    sections = (
        _table("Decision", _decision(record)),
        _table("Who asked, and what for", _who(record)),
        _table("Input data by category", _inputs(record), ("category", "what, and where from")),
        Section(title="Procedure and principles applied", lines=tuple(_procedure(record))),
        _table(
            "Rules considered", _rules(record),
            ("rule", "version", "phase", "mode", "verdict", "obligations"),
        ),
        _table(
            "Findings", _findings(record),
            ("detector", "version", "kind", "class", "where", "score", "threshold"),
        ),
        _table(
            "Decisions of controls", _decisions(record),
            ("stage", "outcome", "control", "reason", "evidence"),
        ),
        Section(title="What the caller was told", lines=tuple(_public(record))),
        Section(title="Human involvement", lines=tuple(_people(record))),
        Section(title="What would have changed it", lines=tuple(_otherwise(record))),
        Section(title="What came of it", lines=tuple(told(record))),
        Section(title="Texts, retention and erasure", lines=tuple(_texts(record, proof))),
        _table(
            "Evidence in the ledger", _evidence(record, proof),
            ("entry", "writer", "sequence", "of the tenant", "at", "proof"),
        ),
        Section(title="What this rests on", lines=tuple(_basis(record))),
    )  # fmt: skip
    return Document(
        title=f"Decision record {record.exchange_id}",
        sections=tuple(section for section in sections if section.lines or section.rows),
    )


def _table(title: str, rows: Iterator[tuple[str, ...]], head: tuple[str, ...] = ()) -> Section:
    return Section(title=title, head=head, rows=tuple(rows))


def _decision(record: Record) -> Iterator[tuple[str, ...]]:
    request, failure = account.request(record), account.failure(record)
    yield "outcome", record.outcome
    yield "received", str(request.get("received_at", "unknown"))
    if record.closed:
        yield "took", f"{record.closed['duration_ns'] / 1_000_000:.1f} ms"
    shape = "streamed" if request.get("stream") else "whole"
    yield "kind", f"{request.get('operation', 'unknown')}, answer {shape}"
    if failure:
        late = ", after text had left, as the bundle accepts" if failure.get("late") else ""
        yield "refusal", f"{failure['code']} {failure['slug']}, HTTP {failure['status']}{late}"
        if failure.get("rule"):
            yield "because of", failure["rule"]
    if record.closed is None:
        yield "end", "no record of its end can be read"
    else:
        yield "characters that left", str(record.closed["released_chars"])
    tags = account.every(record, "tags")
    if tags:
        yield "tags", ", ".join(map(str, tags))


def _who(record: Record) -> Iterator[tuple[str, ...]]:
    app, who, key = account.app(record), account.principal(record), record.opened.get("key")
    if not app:
        yield "tenant and app", "unknown: no valid key"
        return
    yield "tenant", " > ".join(app["tenant_path"])
    yield "app", app["id"]
    yield "purpose", app["purpose"]
    for name in ("process", "owner", "risk"):
        if app.get(name):
            yield name, app[name]
    if key:
        yield "key", key["id"] + (f" ({key['name']})" if key["name"] else "")
    if who:
        how = f"verified by {who['issuer'] or 'a token'}" if who["verified"] else "not verified"
        yield "person", f"{who['id'] or 'unknown'}, {how}"
        for name in ("roles", "clearances"):
            if who[name]:
                yield name, ", ".join(sorted(who[name]))


def _inputs(record: Record) -> Iterator[tuple[str, ...]]:
    request, who = account.request(record), account.principal(record)
    features = request.get("features")
    if features:
        yield "request", f"{features['chars']} characters, language {features['language']}"
    found = Counter((f["label"], f["kind"]) for f in record.opened.get("findings") or ())
    for (label, kind), count in sorted(found.items()):
        yield f"{label} in the request and its context", f"{kind}, {count} found"
    if request.get("labels"):
        yield "classes of data", ", ".join(sorted(request["labels"]))
    if who.get("attributes"):
        yield "attributes of the person", ", ".join(sorted(who["attributes"]))
    for piece in record.opened.get("context") or ():
        trust = "trusted" if piece["trusted"] else "untrusted"
        labels = f", classes {', '.join(piece['labels'])}" if piece["labels"] else ""
        said = f"{piece['rows']} rows, {trust}{labels}, digest {piece['digest'] or 'none'}"
        yield f"source {piece['source']}", f"failed: {piece['error']}" if piece["error"] else said
    facts = account.facts_named(record)
    if facts:
        yield "facts that rules saw", ", ".join(facts)


def _procedure(record: Record) -> Iterator[str]:
    rules, calls = account.firings(record), account.calls(record)
    yield (
        "Order of the procedure: admission and limits, detection of sensitive data, context, rules "
        "on the request, choice of a model by clearance and region first, the model, detection and "
        "rules on the answer, release. Rules override the model."
    )
    fired = sum(rule["fired"] for rule in rules)
    yield f"{len(rules)} rules were considered, {fired} fired; all are evaluated, always."
    yield "Of the obligations of all rules that fired the strictest holds."
    for one in record.opened.get("candidates") or ():
        if not one["lost"]:
            yield f"Model {one['model']} was chosen."
        elif one["filtered"]:
            yield f"Model {one['model']} was ruled out: {one['lost']}."
    for call in calls:
        simulated = ", a simulator" if call["simulated"] else ""
        hidden = f", {call['redacted']} values covered" if call["redacted"] else ""
        ended = account.ended(record, call)
        failed = f", {ended}" if ended else ""
        version = f" ({call['reported_model']})" if call["reported_model"] else ""
        rests = basis(call)
        asked = f"Model {call['model']}{version} was asked{simulated}{hidden}"
        yield f"{asked}. It is one that runs here: {rests}." if rests else f"{asked}{failed}."
    if account.collected(record):
        yield (
            "No model was asked in this exchange: the answer was made, and approved or amended by a"
            f" person, in exchange {account.request(record).get('parent', '')}."
        )
    elif not calls:
        yield "No model was asked for an answer."
    for judge, times in Counter(call["model"] for call in account.guards(record)).items():
        calls_made = f"{times} call{'s' if times > 1 else ''}"
        yield f"Model {judge} was asked to judge texts, in {calls_made}."
    trial = (record.opened.get("routing") or {}).get("explored")
    if trial:
        yield "The model was tried to learn of it."
    yield _RECORDED + (_MISSES if any(map(account.spoke, calls)) else "")


def _rules(record: Record) -> Iterator[tuple[str, ...]]:
    for one in account.firings(record):
        verdict = "not evaluated" if one["errored"] else "fired" if one["fired"] else "did not fire"
        yield (
            one["rule"], str(one["version"]), one["phase"], one["mode"], verdict,
            ", ".join(one["obligations"]),
        )  # fmt: skip


def _findings(record: Record) -> Iterator[tuple[str, ...]]:
    for f in (*account.every(record, "findings"), *account.every(record, "answer_findings")):
        yield (
            f["detector"], str(f["version"]), f["kind"], f["label"],
            f"{f['where']} at {f['start']}-{f['end']}", share(f["score"]), share(f["threshold"]),
        )  # fmt: skip


def _decisions(record: Record) -> Iterator[tuple[str, ...]]:
    for d in account.every(record, "decisions"):
        would = "would " if d["mode"] == "observe" else ""
        yield d["stage"], f"{would}{d['outcome']}", d["rule"], d["why"], "; ".join(d["evidence"])


def _public(record: Record) -> Iterator[str]:
    """Only the reason of the end: what other controls would have said, nobody was told."""
    failure, waits = account.failure(record), account.held(record)
    if failure:
        texts = [failure.get("public", "")]
    else:
        rule = waits.get("rule")
        texts = [d["public"] for d in account.enforced(record) if rule and d["rule"] == rule]
    yield from dict.fromkeys(filter(None, texts))


def _people(record: Record) -> Iterator[str]:
    waits = account.held(record)
    if waits:
        verb = "waited" if record.approval else "waits"
        yield f"It {verb} as {waits['approval_id']} for a {waits['role']}, rule {waits['rule']}."
    under = account.request(record).get("approval")
    if under:
        parent = account.request(record).get("parent", "")
        yield f"It went on under approval {under}, held in exchange {parent}."
        yield "Who decided, what and why, the account of that exchange tells."
    for step in record.approval:
        issuer = f" ({step['issuer']})" if step["issuer"] else ""
        role = f", as {step['role']}" if step["verdict"] != "expired" else ""
        yield (
            f"{step['verdict']} by {step['by']}{issuer}{role}, for rule {step['rule']}, at"
            f" {rfc3339(step['at_ns'])}: {step['reason']} (ledger entry {step['event_id']})"
        )
    if not (waits or under or record.approval):
        yield "No person took part. The decision was made automatically."


def _otherwise(record: Record) -> Iterator[str]:
    for each in account.counterfactuals(record):
        then = f": {each['then']} in phase {each['phase']}" if each["then"] else ""
        private = " (not told to the person concerned)" if each.get("private") else ""
        yield f"{each['rule']}, {each['why']}{then}{private}"


def _texts(record: Record, proof: Proof) -> Iterator[str]:
    content = record.opened.get("content") or (record.closed or {}).get("content") or {}
    yield f"The tenant keeps: {content.get('kept', 'none')}."
    if content.get("missing"):
        yield f"Nothing was sealed: {content['missing']}."
    if proof.content:
        when = f", on {proof.content_at}" if proof.content_at else ""
        yield f"Texts: {_STATES.get(proof.content, proof.content)}{when}."
    for hold in proof.holds:
        until = "it is lifted" if hold.until_ns is None else rfc3339(hold.until_ns)
        since = rfc3339(hold.placed_ns)
        yield f"Legal hold {hold.hold_id} since {since}, until {until}: {hold.reason}."
    mark = account.request(record).get("input")
    if mark:
        yield f"The request is committed to ({mark['alg']} {mark['mac']}); the record stays valid."


def _evidence(record: Record, proof: Proof) -> Iterator[tuple[str, ...]]:
    for line in record.lines:
        covered = proof.checkpoints.get(line["writer"])
        if covered is None:
            state = "no checkpoint at hand"
        elif line["seq"] <= covered:
            state = f"under the signed checkpoint of {covered} lines"
        else:
            state = f"not yet under a checkpoint ({covered} lines)"
        body = line["body"]
        of_tenant = str(line.get("tenant_seq", "-"))
        yield body["type"], line["writer"], str(line["seq"]), of_tenant, body["at"], state


def _basis(record: Record) -> Iterator[str]:
    app: dict[str, Any] = account.app(record)
    if app:
        yield f"Bundle {app['bundle']}: rules, detectors, models and limits as they were."
    if "runtime" in record.opened:
        yield f"Code {record.opened['runtime']}."
    closed = record.closed or {}
    if closed and app:
        cost = money(closed["cost_nano"])
        yield (
            f"{closed['prompt_tokens']} tokens in, {closed['completion_tokens']} out, {cost}"
            f" {app['currency']}."
        )
    version = next((line["body"].get("v") for line in record.lines), None)
    if version:
        yield f"Record version {version}."
