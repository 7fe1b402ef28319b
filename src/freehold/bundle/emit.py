"""What is generated from the schema: the JSON Schema for editors and the reference page.

``python -m freehold.bundle.emit`` prints the schema, ``--page`` the page.
"""

import argparse
import json
import sys
from collections.abc import Iterator
from importlib.resources import files
from typing import Any

from freehold.bundle.schema import Bundle

SCHEMA_FILE = "bundle.schema.json"


def json_schema() -> dict[str, Any]:
    """The bundle as JSON Schema, draft 7, which is what editors' YAML support reads.

    Any file may hold any of the sections, so nothing is required at the top.
    """
    schema: dict[str, Any] = _draft7(Bundle.model_json_schema(mode="validation"))
    schema.pop("required", None)
    for section in schema["properties"].values():
        section.pop("minProperties", None)
    head = {
        "$schema": "http://json-schema.org/draft-07/schema#",
        "title": "Freehold bundle",
    }
    return {**head, **{key: value for key, value in schema.items() if key not in head}}


def schema_text() -> str:
    """The JSON Schema as it is shipped."""
    return json.dumps(json_schema(), indent=1, ensure_ascii=False) + "\n"


def shipped_schema() -> str:
    """The JSON Schema in the installed package."""
    return (files("freehold.bundle") / SCHEMA_FILE).read_text(encoding="utf-8")


def _draft7(node: Any) -> Any:
    """``$defs`` and ``const`` in the older spelling; titles that only repeat the key go."""
    if isinstance(node, list):
        return [_draft7(item) for item in node]
    if not isinstance(node, dict):
        return node
    out: dict[str, Any] = {}
    for key, value in node.items():
        if key == "$defs":
            out["definitions"] = {name: _draft7(item) for name, item in value.items()}
        elif key == "properties":
            out[key] = {name: _draft7(item) for name, item in value.items()}
        elif key == "const":
            out["enum"] = [value]
        elif key == "$ref":
            out[key] = value.replace("#/$defs/", "#/definitions/")
        elif key == "default":
            out[key] = value
        elif key != "title" or not isinstance(value, str):
            out[key] = _draft7(value)
    if "$ref" in out and len(out) > 1:  # draft 7 ignores what stands beside a reference
        out = {"allOf": [{"$ref": out.pop("$ref")}], **out}
    return out


_HEAD = """\
# The bundle

<!-- Generated from the schema: python -m freehold.bundle.emit --page -->

A bundle is a folder of YAML files. Every `*.yaml` and `*.yml` in it is read, folders within it
included, and merged section by section: one file or fifty make no difference. Hidden files and
editors' scratch files are no part of it. Its version is a SHA-256 over every path and every byte.

`freehold check` reports everything that is wrong at once, with file, line and column. The editor
completes keys where a file starts with the line that `freehold init` writes:

```yaml
# yaml-language-server: $schema=.freehold-schema.json
```

Plain values are read as YAML 1.2 says: `no` is a word, not false, and `12:30` is no number. Keys
may not repeat; `<<` is not supported; an alias repeats a whole value.

**Secrets** never stand in a bundle: `env:NAME` and `file:path` say where they are.

**Inheritance.** Settings come down the tree of tenants to the app: a child overrides what it names
and inherits the rest. Below a `lock`, a step down can only tighten: lower limits, fewer regions and
models, less content kept, for a shorter time, detectors that enforce rather than observe, block
rather than redact rather than annotate, with a lower threshold, on more texts. `freehold check`
reports what would loosen. Rules add up: those of the root first, the app's last.

"""

_TAIL = """\
## Problem codes

| code | what it is about |
|---|---|
| `yaml.*` | the file is not YAML, or more than a bundle may use of it |
| `file.*`, `folder.*` | a file that can't be read or does not belong there |
| `merge.twice` | one id or key set in two files; both places are named |
| `shape.*` | an unknown or missing key, a wrong type, a value out of range |
| `ref.*` | a name that nobody declares |
| `unused.*`, `region.unused` | warnings: declared, and of no effect |
| `tenant.*` | more or less than one root, tenants in a circle |
| `lock.loosened` | a setting looser than the one that is locked above it |
| `route.*` | a route whose models can't, or may not, serve an app, or that can't learn |
| `route.policy` | a router that no installed package brings: a warning, an error at activation |
| `alert.effect` | a reaction of an alert that can change nothing: a warning |
| `ledger.*` | a mirror that is no one thing, lacks its secret or key, or shares its name |
| `metric.range` | a metric between whose ends there is nothing |
| `source.*`, `egress.host` | a source that anybody could read, that writes, or reaches too far |
| `model.*`, `identity.*` | an address, a price, a key or a file that can't be right |
| `member.*` | a declared member of JSON whose unit or default can't be right |
| `rule.*` | an expression that does not compile or is never true, an obligation that can't be met |
| `rule.late`, `rule.needs` | warnings: too late for a stream, or of no effect |
| `rule.never`, `rule.always` | warnings: no facts, or all facts, make it true (unknown app) |
| `rule.unit` | warning: a number so small that another unit is probably meant (20 % is 2000) |
| `rule.shadowed` | a warning: whenever the rule fires, another one blocks |
| `rule.conflict` | a warning: two rules rewrite the same |
| `rule.contradiction` | a warning: obligations of one rule that exclude each other |
| `rule.approver`, `rule.owner` | warnings: nobody can approve, nobody owns what observes |
| `detector.*` | a declared detector that is no one thing, lacks what it needs, or can't be loaded |
| `detector.late` | a warning: `late` for a detector that does not judge whole answers |
| `scope.example` | an example that has no word in it, or stands on both sides |
| `secret.*` | a secret in the bundle itself; it is never printed |
| `secret.inside` | a warning: the file of a secret lies in the bundle's folder |
| `identity.jwks` | keys of an issuer from neither a file nor https; a warning: no such file here |
| `model.unpriced` | a ceiling on money, and a model without a price (a warning) |
| `env.unset` | an address, a header or a secret needs a variable not set here |
| `keep.failed`, `activate.failed`, `watch.failed` | at activation: this version can't go live |
"""


def reference_page() -> str:
    """``docs/reference/bundle.md``: every section and key."""
    schema = json_schema()
    lines = [_HEAD]
    lines += ["## Sections", "", *_table(schema), ""]
    lines += ["Ids may be spread over files as you like; everything else is set once.", ""]
    done: set[str] = set()
    for name in _reachable(schema):
        if name in done:
            continue
        done.add(name)
        definition = schema["definitions"][name]
        if definition.get("type") != "object":
            continue
        lines += [f"## {name}", "", definition.get("description", "").strip(), ""]
        if definition.get("properties"):
            lines += [*_table(definition), ""]
    lines.append(_TAIL)
    return "\n".join(lines)


def _reachable(node: Any, schema: dict[str, Any] | None = None) -> Iterator[str]:
    """Definitions in the order in which a reader meets them, some more than once."""
    root = node if schema is None else schema
    inner = node.get("properties", {}) if isinstance(node, dict) and schema is None else node
    for name in _references(inner):
        yield name
        yield from _reachable(root["definitions"][name], root)


def _references(node: Any) -> Iterator[str]:
    if isinstance(node, list):
        for item in node:
            yield from _references(item)
    elif isinstance(node, dict):
        for key, value in node.items():
            if key == "$ref":
                yield value.removeprefix("#/definitions/")
            elif key != "default":
                yield from _references(value)


def _table(definition: dict[str, Any]) -> list[str]:
    required = set(definition.get("required", ()))
    if definition.get("title") == "Freehold bundle":
        required = set(Bundle.model_json_schema().get("required", ()))
    rows = ["| key | value | default | |", "|---|---|---|---|"]
    for key, value in definition["properties"].items():
        default = "required" if key in required else _default(value)
        said = " ".join(value.get("description", "").split()).replace("|", "\\|")
        rows.append(f"| `{key}` | {_kind(value)} | {default} | {said} |")
    return rows


def _default(value: dict[str, Any]) -> str:
    default = value.get("default")
    if default in (None, "", [], {}) or isinstance(default, dict):
        return ""
    return f"`{json.dumps(default, ensure_ascii=False)}`"


def _kind(value: dict[str, Any]) -> str:
    if "$ref" in value:
        name = value["$ref"].removeprefix("#/definitions/")
        return f"[{name}](#{name.lower()})"
    for key in ("allOf", "anyOf"):
        if key in value:
            kinds = [_kind(item) for item in value[key] if item.get("type") != "null"]
            return " or ".join(dict.fromkeys(kinds))
    if "enum" in value:
        return ", ".join(f"`{choice}`" for choice in value["enum"])
    if value.get("type") == "array":
        return f"list of {_kind(value.get('items', {}))}"
    if value.get("type") == "object":
        inner = value.get(
            "additionalProperties", next(iter(value.get("patternProperties", {}).values()), {})
        )
        return f"id → {_kind(inner)}" if isinstance(inner, dict) and inner else "mapping"
    names = {"string": "text", "integer": "whole number", "number": "number", "boolean": "boolean"}
    return names.get(value.get("type", ""), "") + _bounds(value)


def _bounds(value: dict[str, Any]) -> str:
    low, high, above = (value.get(k) for k in ("minimum", "maximum", "exclusiveMinimum"))
    if low is not None and high is not None:
        return f" {low:,}–{high:,}"
    said = [(" >", above), (" ≥", low), (" ≤", high)]
    return ",".join(f"{sign} {bound:,}" for sign, bound in said if bound is not None)


def main() -> None:
    """Print one of the two."""
    parser = argparse.ArgumentParser(prog="python -m freehold.bundle.emit", description=__doc__)
    parser.add_argument("--page", action="store_true", help="the reference page instead")
    sys.stdout.write(reference_page() if parser.parse_args().page else schema_text())


if __name__ == "__main__":
    main()
