"""What is wrong with a trainer's options, in words."""

import re

import msgspec

from freehold.bundle.problems import missing

_UNKNOWN = re.compile(r"unknown field `(.*?)`")
_WHERE = re.compile(r" - at `\$\.(.+)`$")


def wrong(error: msgspec.ValidationError, options: type[msgspec.Struct]) -> str:
    """Which option is none, or can't be what it is said to be."""
    told = str(error)
    unknown = _UNKNOWN.search(told)
    if unknown is not None:
        return missing("option", unknown.group(1), options.__struct_fields__)
    where = _WHERE.search(told)
    if where is None:
        return told
    return f"`{where.group(1)}`: {told[: where.start()]}"
