"""pydantic's errors in words for people, at the line that causes them."""

import types
from collections.abc import Iterable, Sequence
from typing import Annotated, Any, Literal, Union, get_args, get_origin

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from freehold.bundle.problems import Problems, Spot, did_you_mean, one_of
from freehold.bundle.schema import Bundle
from freehold.bundle.secrets import holds_secret
from freehold.bundle.tree import Tree, shown

_WANTED = {
    "string_type": "text",
    "int_type": "a whole number",
    "int_from_float": "a whole number",
    "float_type": "a number",
    "bool_type": "`true` or `false`",
    "list_type": "a list",
    "dict_type": "a mapping",
    "model_type": "a mapping",
    "model_attributes_type": "a mapping",
}
_TRUE, _FALSE = frozenset({"yes", "on", "y"}), frozenset({"no", "off", "n"})


_PATHS = "write `amount`, `customer.email` or `lines[].price`"


def validate(root: Tree, whole: bool, problems: Problems) -> Bundle | None:
    """The typed bundle, or None with every mistake of shape in ``problems``.

    Args:
        whole: false if a file could not be read; then nothing is said about missing sections.
    """
    try:
        return Bundle.model_validate(root.plain(), strict=True)
    except ValidationError as error:
        for detail in error.errors(include_url=False):
            if whole or detail["type"] != "missing" or len(detail["loc"]) > 1:
                _report(detail, root, problems)
        return None


def _report(detail: ErrorDetails, root: Tree, problems: Problems) -> None:
    path: list[str | int] = list(detail["loc"])
    kind = detail["type"]
    if path and path[-1] == "[key]":
        path.pop()
        member = path[-2:-1] in (["arguments"], ["answer_fields"])
        problems.add(
            "shape.id",
            root.at(path),
            f"{_named(path)} is no {'path' if member else 'valid id'}",
            path=path,
            suggestion=_PATHS
            if member
            else "ids start with a letter or digit and go on with letters, digits, "
            "`.`, `_` and `-`; at most 128",
        )
        return
    if kind == "extra_forbidden":
        _unknown_key(path, root, problems)
    elif kind == "missing":
        _missing_key(path, root, problems)
    elif kind in _WANTED:
        _wrong_type(path, detail, root, problems)
    else:
        message, suggestion = _out_of_range(path, detail)
        problems.add(
            f"shape.{_CODES.get(kind, 'value')}",
            _value_spot(root, path),
            message,
            path=path,
            suggestion=suggestion,
        )


_CODES = {"literal_error": "choice", "string_pattern_mismatch": "pattern"}


def _unknown_key(path: list[str | int], root: Tree, problems: Problems) -> None:
    known = fields_at(path[:-1])
    word = str(path[-1])
    suggestion = did_you_mean(word, known)
    if not suggestion:
        suggestion = _elsewhere(word, known)
    problems.add(
        "shape.unknown-key",
        root.at(path),
        f"unknown key {shown(word)}",
        path=path,
        suggestion=suggestion,
    )


def _elsewhere(word: str, known: Iterable[str]) -> str:
    if word in Bundle.model_fields:
        return "it is a section of its own, at the start of a line"
    return f"known here: {one_of(known, limit=30)}"


def _missing_key(path: list[str | int], root: Tree, problems: Problems) -> None:
    parent = path[:-1]
    what = f"{_named(parent)} has no `{path[-1]}`" if parent else f"no `{path[-1]}` in any file"
    suggestion = "add it"
    if path == ["freehold"]:
        suggestion = "add `freehold: 1`, the version of the format"
    problems.add("shape.missing-key", root.at(parent), what, path=path, suggestion=suggestion)


def _wrong_type(
    path: list[str | int], detail: ErrorDetails, root: Tree, problems: Problems
) -> None:
    kind, value = detail["type"], detail["input"]
    wanted = _WANTED[kind]
    spot = _value_spot(root, path)
    if value is None:
        problems.add(
            "shape.empty",
            spot,
            f"{_named(path)} has no value",
            path=path,
            suggestion=f"give it {wanted}, or remove the key",
        )
        return
    suggestion = ""
    if kind == "string_type" and isinstance(value, int | float):
        suggestion = f'put it in quotes: "{str(value).lower()}"'
    elif kind == "bool_type" and str(value).lower() in _TRUE | _FALSE:
        suggestion = f"write `{str(str(value).lower() in _TRUE).lower()}`"
    elif kind in {"int_type", "float_type"} and isinstance(value, str):
        digits = value.replace("_", "").replace(",", "")
        if digits.replace(".", "", 1).isdigit():
            suggestion = f"write `{digits}`"
    elif kind.startswith("model") and value in fields_at(path):
        suggestion = f"write `{value}: {{}}`"
    elif kind == "list_type" and isinstance(value, str) and not holds_secret(value):
        suggestion = f"write `[{value}]`"
    problems.add(
        "shape.type",
        spot,
        f"{_named(path)} must be {wanted}, not {_kind_of(value)}",
        path=path,
        suggestion=suggestion,
    )


def _out_of_range(path: list[str | int], detail: ErrorDetails) -> tuple[str, str]:
    """The message and the suggestion for a value of the right type that is not allowed."""
    kind, context, value = detail["type"], detail.get("ctx", {}), detail["input"]
    name = _named(path)
    if kind == "literal_error":
        return _choice(path, value)
    if kind == "string_pattern_mismatch":
        pattern = str(context.get("pattern", ""))
        if "file:" in pattern:
            return f"{name} must say where the secret is", "write `env:NAME` or `file:path`"
        if "https?" in pattern:
            return f"{name} is no address", "write `https://…`, `sqlite:path` or `env:NAME`"
        if "A-Z]{3}" in pattern:
            return f"{name} is no currency code", "write three capitals, such as `EUR`"
        if pattern.startswith(r"^[^."):
            return f"{name} is no path", _PATHS
        return f"{name} is no valid id", "letters, digits, `.`, `_` and `-`"
    for bound, words in (
        ("ge", "at least"),
        ("le", "at most"),
        ("gt", "more than"),
        ("lt", "less than"),
    ):
        if bound in context:
            return f"{name} must be {words} {context[bound]:g}, not {shown(value)}", ""
    if kind in {"too_short", "string_too_short"}:
        return f"{name} must not be empty", ""
    return f"{name}: {detail['msg']}", ""


def _choice(path: list[str | int], value: Any) -> tuple[str, str]:
    choices = _choices(path)
    if path == ["freehold"]:
        return "this version of the format is unknown", "write `freehold: 1`"
    what = shown(value) if not holds_secret(str(value)) else "this"
    hint = did_you_mean(str(value), choices)
    message = f"{_named(path)}: {what} is none of {one_of(choices, limit=30)}"
    return message, hint


def _value_spot(root: Tree, path: Sequence[str | int]) -> Spot:
    """The value's own place rather than its key's, since the value is what is wrong."""
    here: Tree | None = root
    for part in path:
        if here is None:
            break
        if isinstance(part, int):
            items = here.items()
            here = items[part] if part < len(items) else None
        else:
            here = here.get(part)
    if here is None or here.value is None or isinstance(here.value, dict | list):
        return root.at(path)
    return here.spot


def _named(path: Sequence[str | int]) -> str:
    """The last thing in a path that has a name: ``model `gpt-5` `` or `` `route` ``."""
    section = {
        "models": "model",
        "routes": "route",
        "sources": "source",
        "rules": "rule",
        "invariants": "invariant",
        "apps": "app",
        "tenants": "tenant",
        "labels": "label",
    }
    if len(path) == 2 and path[0] in section:
        return f"{section[str(path[0])]} `{path[1]}`"
    if path and isinstance(path[-1], int):
        names = [part for part in path if isinstance(part, str)]
        return f"item {path[-1] + 1} of `{names[-1] if names else ''}`"
    return f"`{path[-1]}`" if path else "the bundle"


def _kind_of(value: Any) -> str:
    if isinstance(value, bool):
        return f"`{str(value).lower()}`"
    if isinstance(value, int | float):
        return f"the number `{value}`"
    if isinstance(value, dict):
        return "a mapping"
    if isinstance(value, list):
        return "a list"
    return "text"


def fields_at(path: Sequence[str | int]) -> tuple[str, ...]:
    """The keys that the schema knows at ``path``; none where ids are free."""
    annotation = _annotation_at(path)
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return tuple(f.alias or name for name, f in annotation.model_fields.items())
    return ()


def _choices(path: Sequence[str | int]) -> tuple[str, ...]:
    annotation = _annotation_at(path)
    if get_origin(annotation) is Literal:
        return tuple(str(choice) for choice in get_args(annotation))
    return ()


def _annotation_at(path: Sequence[str | int]) -> Any:
    here: Any = Bundle
    for part in path:
        here = _bare(here)
        if isinstance(here, type) and issubclass(here, BaseModel):
            fields = {f.alias or name: f for name, f in here.model_fields.items()}
            field = fields.get(str(part))
            here = field.annotation if field is not None else None
        elif get_origin(here) in {dict, list}:
            here = get_args(here)[-1]
        else:
            return None
    return _bare(here)


def _bare(annotation: Any) -> Any:
    """The annotation without ``Annotated`` and without ``| None``."""
    while True:
        origin = get_origin(annotation)
        if origin is Annotated:
            annotation = get_args(annotation)[0]
        elif origin in {Union, types.UnionType}:
            rest = [arg for arg in get_args(annotation) if arg is not type(None)]
            if len(rest) != 1:
                return annotation
            annotation = rest[0]
        else:
            return annotation
