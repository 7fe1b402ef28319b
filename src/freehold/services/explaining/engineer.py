"""One exchange told to an engineer: decision by decision, in the order of the journey."""

from typing import Any

from freehold.core.clock import rfc3339
from freehold.core.decisions import STAGES
from freehold.ledger.record import Record
from freehold.services.explaining import account
from freehold.services.explaining.document import Section
from freehold.services.explaining.own import basis
from freehold.services.explaining.routing import choice, told
from freehold.services.explaining.values import ms, ruled, said_of_fact, said_of_finding, share, us

_NANO = 1_000_000_000
_ON_CALLS = ("containment", "tool.arguments")
"""Decisions on tool calls that no rule took."""


def sections(record: Record) -> tuple[Section, ...]:
    """Tell a record. Everything said stands in it; nothing is worked out anew."""
    opened, closed = record.opened, record.closed or {}
    told_ = (
        ("Who asked", _who(opened)),
        ("What was found in the request", _found(opened)),
        ("Context", _context(opened)),
        ("Rules before the model", _rules(opened, closed, "request")),
        ("Choice of model", _candidates(opened)),
        ("Calls", _calls(record, opened, closed)),
        ("Checks on the answer", _answer(opened, closed)),
        ("Outcome", _outcome(record, closed)),
        ("What would have changed it", _otherwise(record)),
        ("Approval", _approval(record)),
        ("What came of it", list(told(record))),
        ("Tokens and money", _money(opened, closed)),
        ("Time", _time(closed or opened)),
        ("Evidence", _evidence(record)),
    )
    return tuple(Section(title=title, lines=tuple(lines)) for title, lines in told_ if lines)


def headline(record: Record) -> str:
    """Which exchange, how it ended, whose it was and when."""
    request = record.opened.get("request", {})
    where = f"{record.tenant}/{record.app}" if record.app else "a caller without a valid key"
    return f"{record.exchange_id}  {record.outcome}  {where}  {request.get('received_at', '')}"


def _who(opened: dict[str, Any]) -> list[str]:
    app, key, who = opened.get("app"), opened.get("key"), opened.get("principal")
    request = opened.get("request", {})
    shape = "streamed" if request.get("stream") else "whole"
    lines = [f"{request.get('operation', '?')} on {request.get('route', '?')}, answer {shape}"]
    if app:
        path = " > ".join(app["tenant_path"])
        lines.append(f"app {app['id']} of tenant {path}: {app['purpose']} (risk {app['risk']})")
    if key:
        lines.append(f"key {key['id']}" + (f" ({key['name']})" if key["name"] else ""))
    if who:
        proof = f"verified by {who['issuer'] or 'a token'}"
        proof = proof if who["verified"] else "not verified by a token"
        lines.append(f"principal {who['id'] or 'unknown'}, {proof}")
        named = [label for label in ("roles", "clearances") if who[label]]
        lines += [f"{label}: {', '.join(who[label])}" for label in named]
        if who["attributes"]:
            pairs = ", ".join(f"{k}={v}" for k, v in sorted(who["attributes"].items()))
            lines.append(f"attributes: {pairs}")
    lines += _decided(opened, ("admit",))
    return lines


def _found(opened: dict[str, Any]) -> list[str]:
    lines = []
    request = opened.get("request", {})
    features = request.get("features")
    if features:
        lines.append(f"{features['chars']} characters, language {features['language']}")
    named, near = request.get("intent", ""), request.get("intent_near", "")
    if named or near:
        said = f"intent {named}, before {near or 'none'}" if named else f"no intent, nearest {near}"
        lines.append(f"{said}: {share(request['intent_score'])}")
    lines += [
        f"{count} hidden characters removed: {kind}"
        for kind, count in sorted(request.get("hidden", {}).items())
    ]
    lines += [said_of_finding(f) for f in opened.get("findings", ())]
    if request.get("labels"):
        lines.append(f"labels: {', '.join(request['labels'])}")
    return lines + _decided(opened, ("data_prep", "governance"), about_answer=False)


def _context(opened: dict[str, Any]) -> list[str]:
    lines = []
    for piece in opened.get("context", ()):
        if piece["error"]:
            lines.append(
                f"{piece['source']}: failed after {ms(piece['took_ns'])}: {piece['error']}"
            )
            continue
        if not piece["rows"]:
            lines.append(f"{piece['source']}: nothing, after {ms(piece['took_ns'])}")
            continue
        trust = "trusted" if piece["trusted"] else "untrusted"
        labels = f", labels {', '.join(piece['labels'])}" if piece["labels"] else ""
        lines.append(
            f"{piece['source']}: {piece['rows']} rows, {piece['chars']} characters in"
            f" {ms(piece['took_ns'])}, {trust}{labels}, from {piece['locator']}"
        )
    lines += [f"{name}: left out, no room" for name in opened.get("dropped", ())]
    return lines + _decided(opened, ("context",))


def _rules(opened: dict[str, Any], closed: dict[str, Any], phase: str) -> list[str]:
    # the closing part has the later verdict of a rule that judged a growing answer
    firings = {
        f["rule"]: f
        for part in (opened, closed)
        for f in part.get("firings", ())
        if (f["phase"] == "request") == (phase == "request")
    }.values()
    lines = []
    for firing in firings:
        if firing["errored"]:
            lines.append(f"{ruled(firing)} could not be read, so its strictest outcome holds")
        elif firing["fired"]:
            lines.append(f"{ruled(firing)} fired: {', '.join(firing['obligations']) or 'no duty'}")
    quiet = [ruled(f) for f in firings if not f["fired"] and not f["errored"]]
    if quiet:
        lines.append(f"did not fire: {', '.join(quiet)}")
    return lines + _said_by_policy(opened, closed, phase)


def _candidates(opened: dict[str, Any]) -> list[str]:
    return [*choice(opened), *_decided(opened, ("routing",))]


def _calls(record: Record, opened: dict[str, Any], closed: dict[str, Any]) -> list[str]:
    lines = []
    for call in (closed or opened).get("calls", ()):
        version = f" (reported {call['reported_model']})" if call["reported_model"] else ""
        attempt = "" if call["role"] == "guard" else f"attempt {call['attempt']}, "
        line = f"{attempt}{call['role']}: {call['model']}{version}"
        if call["simulated"]:
            line += ", a simulator"
        if call["redacted"]:
            line += f", {call['redacted']} values redacted"
        if call["first_ns"] is not None:
            line += f", first byte after {ms(call['first_ns'] - call['started_ns'])}"
        if call["ended_ns"] is not None:
            line += f", done after {ms(call['ended_ns'] - call['started_ns'])}"
        rests, ended = basis(call), account.ended(record, call)
        lines.append(line + (f"; {rests}" if rests else f", {ended}" if ended else ""))
    return lines + _decided(opened, ("inference",)) + _decided(closed, ("inference",))


def _answer(opened: dict[str, Any], closed: dict[str, Any]) -> list[str]:
    lines = [said_of_finding(f) for f in closed.get("answer_findings", ())]
    lines += [said_of_fact(fact) for fact in closed.get("answer_facts", ())]
    lines += _tool_calls(closed)
    lines += _rules(opened, closed, "answer")
    # an exchange refused on its answer has all its decisions in the opened part
    lines += _decided(opened, ("governance",), about_answer=True)
    return lines + _decided(closed, ("governance",))


def _tool_calls(closed: dict[str, Any]) -> list[str]:
    """Each call, and where its arguments come from."""
    lines = []
    for call in closed.get("tool_calls", ()):
        lines.append(f"calls {call['tool']} with {call['arguments']} arguments")
        for origin in call["untrusted"]:
            source = origin["where"] + (f", from {origin['tool']}" if origin["tool"] else "")
            how = "part of it" if origin["part"] else "it"
            kind = f"a{'n' * (origin['kind'] == 'address')} {origin['kind']}"
            what = "data, a whole field" if origin["field"] else "running text"
            lines.append(
                f"{call['tool']} {origin['path']}: {how}, {kind}, stands in untrusted"
                f" {what} ({source}) at {origin['start']}-{origin['end']}"
            )
        lines += [said_of_fact(fact) for fact in call["facts"]]
    return lines


def _outcome(record: Record, closed: dict[str, Any]) -> list[str]:
    if not closed:
        # the end of an exchange may also stand in a record that can't be read any more
        reason = "its process died" if record.outcome == "interrupted" else "it is under way"
        return [f"{record.outcome}: no record of its end can be read, most likely since {reason}"]
    lines = [record.outcome]
    failure, held = closed.get("failure"), closed.get("held")
    if failure:
        lines.append(f"{failure['code']} {failure['slug']}, HTTP {failure['status']}")
        if failure["rule"]:
            lines.append(f"because of {failure['rule']}")
        if failure.get("late"):
            lines.append("its text had left before, as the bundle accepts (late: terminate)")
        if failure["public"]:
            lines.append(f"the caller was told: {failure['public']}")
    if held:
        lines.append(f"waits as {held['approval_id']} for a {held['role']}, rule {held['rule']}")
    lines.append(f"{closed['released_chars']} characters left")
    tags = [*record.opened.get("tags", ()), *closed["tags"]]
    if tags:
        lines.append(f"tags: {', '.join(tags)}")
    return lines


def _otherwise(record: Record) -> list[str]:
    return [
        f"{each['rule']}: {each['why']}" + (f", {each['then']}" if each["then"] else "")
        for each in account.counterfactuals(record)
    ]


def _approval(record: Record) -> list[str]:
    """What persons decided about a held answer, and under which approval one left."""
    lines = []
    under = record.opened.get("request", {}).get("approval", "")
    if under:
        lines.append(f"it left as {under}, held in exchange {_parent(record)}")
    for step in record.approval:
        who = f"{step['by']} ({step['issuer']})" if step["issuer"] else step["by"]
        role = f", as {step['role']}" if step["verdict"] != "expired" else ""
        lines.append(
            f"{step['verdict']} by {who}{role}, for rule {step['rule']},"
            f" at {rfc3339(step['at_ns'])}: {step['reason']} [ledger entry {step['event_id']}]"
        )
    return lines


def _parent(record: Record) -> str:
    return str(record.opened.get("request", {}).get("parent", ""))


def _money(opened: dict[str, Any], closed: dict[str, Any]) -> list[str]:
    if not closed:
        return []
    currency = (opened.get("app") or {}).get("currency", "")
    cost = closed["cost_nano"]
    how = ", estimated" if closed["estimated"] else ""
    return [
        f"{closed['prompt_tokens']} tokens in, {closed['completion_tokens']} out{how}",
        f"{cost // _NANO}.{cost % _NANO:09d} {currency}".rstrip(),
    ]


def _time(part: dict[str, Any]) -> list[str]:
    lines = [f"{ms(part['duration_ns'])} in all"] if "duration_ns" in part else []
    waited = part.get("waited_ns", {})
    spent = part.get("spent_ns", {})
    for stage in (s for s in STAGES if s in spent or s in waited):
        line = f"{stage}: {us(spent.get(stage, 0))} own work"
        if stage in waited:
            line += f", {ms(waited[stage])} waiting"
        lines.append(line)
    return lines


def _evidence(record: Record) -> list[str]:
    app = record.opened.get("app") or {}
    lines = [f"bundle {app['bundle']}"] if app else []
    if "runtime" in record.opened:
        lines.append(f"runtime {record.opened['runtime']}")
    lines += [
        f"ledger {line['writer']} record {line['seq']}: {line['body']['type']} at"
        f" {line['body']['at']}"
        for line in record.lines
    ]
    return lines


def _decided(
    part: dict[str, Any], stages: tuple[str, ...], *, about_answer: bool | None = None
) -> list[str]:
    lines = []
    for decision in part.get("decisions", ()):
        evidence = decision["evidence"]
        on_answer = any(piece.startswith("answer") for piece in evidence)
        if decision["stage"] not in stages or about_answer not in (None, on_answer):
            continue
        would = "would " if decision["mode"] == "observe" else ""
        line = f"{decision['rule']}: {would}{decision['outcome']}, {decision['why']}"
        lines.append(line + (f" [{'; '.join(evidence)}]" if evidence else ""))
    return lines


def _said_by_policy(opened: dict[str, Any], closed: dict[str, Any], phase: str) -> list[str]:
    """Policy's decisions of one phase. An exchange refused on its answer has but one record, so
    the phase is that of the rule, where a rule is known.
    """
    phases = dict.fromkeys(_ON_CALLS, "tool_call") | {
        firing["rule"]: firing["phase"]
        for part in (opened, closed)
        for firing in part.get("firings", ())
    }
    lines = []
    for part, usual in ((opened, "request"), (closed, "answer")):
        mine = [
            d
            for d in part.get("decisions", ())
            if (phases.get(d["rule"], usual) == "request") == (phase == "request")
        ]
        lines += _decided({"decisions": mine}, ("policy",))
    return lines
