"""Tools, the choice among them and the response format, inbound: closed forms, names that agree."""

import re
from collections.abc import Mapping, Sequence
from typing import Any

from freehold.core.errors import RequestError, UnreadableContent
from freehold.server.json_bodies import only

_NAME = re.compile(r"[A-Za-z0-9_.-]{1,64}")
_CHOICES = ("none", "auto", "required")
_FUNCTION = frozenset({"name", "description", "parameters", "strict"})
_SCHEMA = frozenset({"name", "description", "schema", "strict"})
_FORMATS = {"text": {"type"}, "json_object": {"type"}, "json_schema": {"type", "json_schema"}}
_ALLOWED_FORMS = (
    "A `tool_choice` object names one function, {type, function: {name}}, or those that are "
    "allowed: {type: allowed_tools, allowed_tools: {mode: auto or required, tools: [...]}}."
)

Tools = tuple[dict[str, Any], ...]


def read_tools(tools: Sequence[dict[str, Any]] | None) -> Tools:
    """The tools as they came.

    Raises:
        UnreadableContent: not a function, or a field that nobody knows.
        RequestError: a name that is none, or that is there twice.
    """
    names: set[str] = set()
    for place, tool in enumerate(tools or ()):
        name = _function(tool, place)
        if name in names:
            raise RequestError(
                f"Two tools are called `{name}`.", param=f"tools[{place}].function.name"
            )
        names.add(name)
    return tuple(tools or ())


def check_choice(choice: str | Mapping[str, Any] | None, tools: Tools) -> None:
    """Every name in a ``tool_choice`` is the name of one of the tools, and nothing else is there.

    Raises:
        UnreadableContent, RequestError: with the parameter.
    """
    if choice is None:
        return
    if isinstance(choice, str):
        if choice not in _CHOICES:
            raise RequestError(
                "`tool_choice` must be none, auto, required or an object.", param="tool_choice"
            )
        if choice == "required" and not tools:
            raise RequestError("`tool_choice` requires a tool of none.", param="tool_choice")
        return
    names = {tool["function"]["name"] for tool in tools}
    for named, param in _named(choice):
        if named not in names:
            raise RequestError(
                f"`{param}` names no tool of this request.", param=f"{param}.function.name"
            )


def flat_tools(tools: Sequence[dict[str, Any]], choice: str | Mapping[str, Any] | None) -> Tools:
    """The tools, and the choice among them, of a wire on which a function is not an object of its
    own.

    Raises:
        UnreadableContent, RequestError: with the parameter as it is called there.
    """
    try:
        read = read_tools(tools)
        check_choice(choice, read)
    except RequestError as error:
        error.param = (error.param or "").replace(".function.name", ".name") or None
        raise
    return read


def read_format(
    response_format: dict[str, Any] | None, param: str = "response_format"
) -> dict[str, Any] | None:
    """The response format as it came; ``param`` is where.

    Raises:
        UnreadableContent: a field that nobody knows.
        RequestError: a type that nobody knows.
    """
    if response_format is None:
        return None
    kind = response_format.get("type")
    if not isinstance(kind, str) or kind not in _FORMATS:
        raise RequestError(
            f"`{param}.type` must be text, json_object or json_schema.", param=f"{param}.type"
        )
    only(response_format, _FORMATS[kind], param)
    if kind == "json_schema":
        schema = response_format.get("json_schema")
        if not isinstance(schema, dict):
            raise RequestError(
                f"`{param}.json_schema` must be an object.", param=f"{param}.json_schema"
            )
        only(schema, _SCHEMA, f"{param}.json_schema")
    return response_format


def _function(tool: dict[str, Any], place: int) -> str:
    function = tool.get("function")
    if tool.get("type") != "function" or not isinstance(function, dict):
        raise UnreadableContent(
            "Only tools of type `function` are accepted.", param=f"tools[{place}].type"
        )
    only(tool, {"type", "function"}, f"tools[{place}]")
    name = function.get("name")
    if not isinstance(name, str) or not _NAME.fullmatch(name):
        raise RequestError(
            "A tool's function needs a name of letters, digits, - . _ (64 at most).",
            param=f"tools[{place}].function.name",
        )
    only(function, _FUNCTION, f"tools[{place}].function")
    return name


def _named(choice: Mapping[str, Any]) -> list[tuple[str, str]]:
    """Each name in a ``tool_choice`` object, and the parameter that holds it."""
    if choice.get("type") == "function" and choice.keys() <= {"type", "function"}:
        return [(_one(choice, "tool_choice"), "tool_choice")]
    allowed = choice.get("allowed_tools")
    if (
        choice.get("type") == "allowed_tools"
        and choice.keys() == {"type", "allowed_tools"}
        and isinstance(allowed, dict)
        and allowed.keys() == {"mode", "tools"}
        and allowed["mode"] in ("auto", "required")
        and isinstance(allowed["tools"], list)
        and allowed["tools"]
    ):
        params = [f"tool_choice.allowed_tools.tools[{i}]" for i in range(len(allowed["tools"]))]
        return [(_one(t, p), p) for t, p in zip(allowed["tools"], params, strict=True)]
    raise UnreadableContent(_ALLOWED_FORMS, param="tool_choice")


def _one(tool: Any, param: str) -> str:
    function = tool.get("function") if isinstance(tool, dict) and len(tool) == 2 else None
    name = function.get("name") if isinstance(function, dict) and len(function) == 1 else None
    if not isinstance(name, str) or not _NAME.fullmatch(name) or tool.get("type") != "function":
        raise RequestError(
            f"`{param}.function` holds a name of letters, digits, - . _ (64 at most).",
            param=f"{param}.function.name",
        )
    return name
