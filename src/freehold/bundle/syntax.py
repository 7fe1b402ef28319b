"""What a YAML parser stumbles over, said so that it can be mended."""

from typing import Any

import yaml

from freehold.bundle.problems import Problems, Spot

_SYNTAX = (
    (
        "mapping values are not allowed",
        "a `:` where no key can stand",
        "put text that holds `: ` in quotes, or check the indentation",
    ),
    (
        "did not find expected key",
        "the indentation does not fit the lines above",
        "align keys of one mapping in one column",
    ),
    ("could not find expected ':'", "a key without `:`", "write `key: value`"),
    ("did not find expected '-'", "the indentation of this list does not fit", "align its dashes"),
    ("did not find expected ',' or ']'", "a list that is not closed", "add `]`"),
    ("did not find expected ',' or '}'", "a mapping that is not closed", "add `}`"),
    ("did not find expected node content", "a `[` or `{` that is not closed", "close it"),
    ("unexpected end of stream", "a quote or bracket that is not closed", "close it"),
    (
        "expected <block end>",
        "the indentation does not fit the lines above",
        "align keys of one mapping in one column",
    ),
    ("found undefined alias", "unknown alias", ""),
)


def syntax_error(error: yaml.MarkedYAMLError, text: str, file: str, problems: Problems) -> None:
    """Say what libyaml stumbled over, in the words of somebody who writes a bundle."""
    mark: Any = error.problem_mark or error.context_mark
    line, column = (mark.line, mark.column) if mark is not None else (0, 0)
    lines = text.splitlines()
    if line >= len(lines):  # libyaml points past the end; the last line with text is what to mend
        filled = [number for number, content in enumerate(lines) if content.strip()]
        line = filled[-1] if filled else 0
        column = len(lines[line].rstrip()) if lines else 0
    spot = Spot(file, line + 1, column + 1)
    content = lines[line] if line < len(lines) else ""
    indent = content[: len(content) - len(content.lstrip())]
    if "\t" in indent:
        problems.add(
            "yaml.tab",
            Spot(file, line + 1, indent.index("\t") + 1),
            "a tab in the indentation",
            suggestion="use spaces",
        )
        return
    said = error.problem or error.context or "not YAML"
    for wording, message, suggestion in _SYNTAX:
        if wording in said:
            problems.add("yaml.syntax", spot, message, suggestion=suggestion)
            return
    if "cannot start any token" in said and column < len(content):
        problems.add(
            "yaml.syntax",
            spot,
            f"a value can't start with `{content[column]}`",
            suggestion="put it in quotes",
        )
        return
    problems.add("yaml.syntax", spot, said)


def character_error(
    error: yaml.reader.ReaderError, text: str, file: str, problems: Problems
) -> None:
    """Say where the character stands that YAML does not allow."""
    if error.encoding == "unicode":
        before = text[: error.position]
    else:
        before = text.encode()[: error.position].decode(errors="replace")
    spot = Spot(file, before.count("\n") + 1, len(before) - (before.rfind("\n") + 1) + 1)
    problems.add("yaml.character", spot, "a control character, which YAML does not allow")
