"""What an archive tells whoever opens it, in plain words."""

from typing import Any

from freehold.ledger.shape import EVERYONE

_DAMAGED_NAMED = 20
_WHOSE = {EVERYONE: "what concerns every tenant"}

_TEXT = """# Records of decisions made by AI applications

This archive was made by Freehold {freehold} on {made_at}, from the ledger `{base}`.
It holds what was recorded when each decision was made, byte for byte, and what is needed to check
that nothing in it was altered since. You need Python for that, and nothing else.

## What was asked for

{scope}

{counts}

## What is claimed

**{claim}.** {why}

{logs}

## Check it

    python verify.py THIS-ARCHIVE.zip --key {fingerprint}

`verify.py` is in this archive; if you would rather not trust it, take the one that `freehold audit
verifier` writes on a machine of yours. It says what it checked, what does not hold, and what could
not be checked, and ends with 0 where all holds.

The line above names the key by its fingerprint. **Compare it with the one that its owner gave you
another way** (on paper, by telephone, with an earlier archive). Whoever made this archive wrote
this text too: an archive that was made up would name a key that was made up.

What it can't show by itself: that this is the only ledger there is, and that it was not written
anew from the beginning, or cut at its end, before this archive was made. A checkpoint that somebody
else kept at the time (a mirror, a witness, an earlier archive) shows that: give it to `verify.py`
with `--checkpoint`.

## What is in it

| file | what it is |
|---|---|
| `manifest.json`, `.sig` | what was asked for and is claimed, each file's hash; signed |
| `keys.jsonl` | the public keys of the ledger; each endorses the next |
| `logs/…/lines.jsonl` | the records, one a line, as they were written |
| `logs/…/skeleton.jsonl` | hashes in the place of records that are not here; they tell nothing |
| `logs/…/checkpoint` | what the ledger signed: so many lines, with this root |
| `bundles/…` | the rules, settings and models under which it was decided, by their hash |
{contents}
A record's `body` says what it is about. `type` is `opened` (what was decided before an answer
left), `closed` or `interrupted` (how it ended; the former is in it where all left at once), `event`
(an approval, a change of rules, an erasure, somebody who read texts), `started` or `counted`.
Numbers are integers: scores in millionths, money in billionths of `currency`, durations in
nanoseconds. Freehold's documentation lists every field, on its page "The record".
{damaged}{missing}{holds}
## Whom to ask

{contacts}
"""


def readme(manifest: dict[str, Any], fingerprint: str, contacts: list[str]) -> bytes:
    """The archive's ``README.md``; ``manifest`` without its files."""
    contents = manifest["contents"]
    text = _TEXT.format(
        freehold=manifest["freehold"],
        made_at=manifest["made_at"],
        base=manifest["base"],
        scope=_scope(manifest["scope"]),
        counts=f"It came to {manifest['lines']:,} lines, about {manifest['exchanges']:,} requests.",
        claim={"complete": "Complete", "authentic": "Authentic"}[manifest["claim"]],
        why=manifest["why"],
        logs="\n".join(map(_log, manifest["logs"])),
        fingerprint=fingerprint,
        contents="" if contents is None else _contents(contents),
        damaged=_damaged(manifest["logs"]),
        missing=_missing(manifest["missing_bundles"]),
        holds=_holds(manifest["holds"]),
        contacts="\n".join(f"- {each}" for each in contacts)
        or "The records name no owner of the application.",
    )
    return text.encode()


def _scope(scope: dict[str, Any]) -> str:
    below = "" if scope["only"] else " and those below it"
    said = [
        f"- tenant: {scope['tenant']}{below}" if scope["tenant"] else "- tenants: all",
        *(
            f"- {name}: {scope[name]}"
            for name in ("app", "person", "issuer", "exchange", "since", "until")
            if scope[name] is not None
        ),
    ]
    if scope["since"] or scope["until"]:
        said.append("- times are UTC; `since` is included, `until` is not")
    return "\n".join(said)


def _log(log: dict[str, Any]) -> str:
    said = {
        "proven": f"signed up to line {log['size']:,}",
        "adopted": "written before ledgers were signed; unchanged since it was taken over",
        "unproven": f"NOT PROVEN: {log['why']}",
    }[log["status"]]
    ranges = "".join(
        f"; {_WHOSE.get(each['tenant'], each['tenant'])}: all from {each['from']:,}"
        f" to {each['to']:,}"
        for each in log["tenants"]
    )
    return f"- log `{log['writer']}`: {log['lines']:,} lines here; {said}{ranges}"


def _contents(contents: dict[str, int]) -> str:
    told = ", ".join(f"{state}: {count:,}" for state, count in contents.items())
    return (
        "| `contents/…` | what was said in each request, as far as it was kept and can still be"
        f" read ({told}) |\n"
    )


def _damaged(logs: list[dict[str, Any]]) -> str:
    places = [(log["writer"], each) for log in logs for each in log["damaged"]]
    if not places:
        return ""
    named = [
        f"- log `{writer}`, line {each['index'] + 1:,}"
        + (f", segment {each['segment']} at byte {each['offset']:,}" if each["length"] else "")
        for writer, each in places[:_DAMAGED_NAMED]
    ]
    more = len(places) - len(named)
    if more:
        named.append(f"- and {more:,} more, in `manifest.json`")
    return (
        f"\n## Damaged\n\n{len(places):,} lines of the ledger are not as they were signed, or can't"
        " be read. They are not in this archive, since nobody can say whose they were:\n\n"
        + "\n".join(named)
        + "\n"
    )


def _missing(bundles: list[str]) -> str:
    if not bundles:
        return ""
    listed = "\n".join(f"- {each}" for each in bundles)
    return f"\n## Rules that were not kept\n\nThe records name these versions:\n\n{listed}\n"


def _holds(holds: list[dict[str, Any]]) -> str:
    if not holds:
        return ""
    listed = "\n".join(
        f"- {each['id']} ({each['kind']}), placed {each['placed_at']}"
        + (f", until {each['until']}" if each["until"] else "")
        + (f", lifted {each['lifted_at']}" if each["lifted_at"] else "")
        for each in holds
    )
    return f"\n## Legal holds\n\nTexts are kept beyond their time, and not erased:\n\n{listed}\n"
