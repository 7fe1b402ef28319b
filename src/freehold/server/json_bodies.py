"""Request bodies as JSON, for every dialect: in their shape, or a clear 400 that says where."""

import re
from collections.abc import Callable, Iterable, Mapping
from typing import Any, TypeVar

import msgspec

from freehold.core.errors import RequestError, UnreadableContent

T = TypeVar("T")
Explain = Callable[[str, str], RequestError | None]
"""What a dialect says of a validation error (what is wrong, the parameter); ``None`` for nothing
of its own.
"""

_MAX_DEPTH = 64
_MAX_SHOWN = 200
_SMALLEST, _LARGEST = -(2**63), 2**64 - 1
_HALF_PAIR = re.compile(
    rb"\\u[dD][89abAB][0-9a-fA-F]{2}(?!\\u[dD][c-fC-F])|"
    rb"(?<!\\u[dD][89abAB][0-9a-fA-F]{2})\\u[dD][c-fC-F]"
)


def _nothing(*_: str) -> RequestError | None:
    return None


def decode(decoder: "msgspec.json.Decoder[T]", body: bytes, explain: Explain = _nothing) -> T:
    """A request body in its dialect's shape.

    Raises:
        RequestError: with the parameter it is about, in words a developer can act on.
    """
    if not body.strip():
        raise RequestError("The request body is empty; a JSON object is expected.")
    try:
        return decoder.decode(body)
    except msgspec.ValidationError as error:
        raise _explained(str(error), "", explain) from None
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        if _HALF_PAIR.search(body):
            said = "The request body holds an escape (\\uD800 to \\uDFFF) that is half of a pair."
            raise RequestError(said) from None
        raise RequestError(
            f"The request body is not valid JSON in UTF-8: {_no_utf8(body) or error}."
        ) from None
    except RecursionError:
        raise RequestError("The request body is nested too deeply.") from None


def shaped(value: Any, shape: type[T], param: str) -> T:
    """A part of a body, already decoded, in the shape that its own kind has.

    Raises:
        RequestError: as ``decode``.
    """
    try:
        return msgspec.convert(value, shape)
    except msgspec.ValidationError as error:
        raise _explained(str(error), param, _nothing) from None


def bounded(value: Any, name: str) -> None:
    """Free-form JSON may not nest deeper, or hold larger numbers, than what follows can handle.

    Raises:
        RequestError: it does.
    """
    layer = [value]
    for _ in range(_MAX_DEPTH):
        if any(type(item) is int and not _SMALLEST <= item <= _LARGEST for item in layer):
            raise RequestError(f"`{name}` holds a number of more than 64 bits.", param=name)
        layer = [
            child
            for item in layer
            if isinstance(item, (dict, list))
            for child in (item.values() if isinstance(item, dict) else item)
        ]
        if not layer:
            return
    raise RequestError(f"`{name}` is nested too deeply.", param=name)


def refuse_used(body: Any, reasons: Mapping[str, str]) -> None:
    """Fields that are known and not taken may be there, but say nothing.

    Raises:
        UnreadableContent: one of them is used; ``reasons`` says why it is not taken.
    """
    for name, reason in reasons.items():
        if getattr(body, name) not in (None, False, {}, []):
            raise UnreadableContent(f"`{name}` is not accepted: {reason}.", param=name)


def only(part: Mapping[str, Any], known: Iterable[str], param: str) -> None:
    """A free-form object has no other fields than these.

    Raises:
        UnreadableContent: it has.
    """
    if not part.keys() <= set(known):
        # the name of a field may hold anything, so it is not repeated
        raise UnreadableContent(
            f"`{param}` has a field that is not accepted; it may have "
            f"{', '.join(f'`{name}`' for name in sorted(known))}.",
            param=param,
        )


def _no_utf8(body: bytes) -> str:
    """Where the body is no UTF-8, as msgspec counts from the text's own beginning; else nothing."""
    try:
        body.decode()
    except UnicodeDecodeError as error:
        return f"byte {error.start} (0x{body[error.start]:02x}) is no part of a character"
    return ""


def _explained(message: str, within: str, explain: Explain) -> RequestError:
    """A validation error with the parameter's path apart, as OpenAI's ``param``."""
    said, _, path = message.partition(" - at `")
    param = path.rstrip("`").removeprefix("$").lstrip(".")[:_MAX_SHOWN]
    if within:
        param = f"{within}{'' if not param or param.startswith('[') else '.'}{param}"
    quoted = said.split("`")
    if "unknown field" in said or "missing required field" in said:
        field = quoted[1][:_MAX_SHOWN]
        param = f"{param}.{field}" if param else field
        if "unknown field" in said:
            return UnreadableContent(f"Unknown parameter `{param}`.", param=param)
        return RequestError(f"Missing required parameter `{param}`.", param=param)
    own = explain(said, param)
    if own is not None:
        return own
    if "matching regex" in said:
        said = f"`{param}` holds characters that are not accepted there"
        return RequestError(f"{said}.", param=param)
    return RequestError(
        f"{said[:_MAX_SHOWN]}{f' (at `{param}`)' if param else ''}.", param=param or None
    )
