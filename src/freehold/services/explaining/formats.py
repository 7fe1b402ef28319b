"""A document as text for a terminal, as Markdown, and as a page of HTML that needs nothing else.

Names, rules' texts and locators come from bundles and callers: none of them may do anything to the
terminal, the Markdown reader or the browser that shows them.
"""

import re
from html import escape
from typing import Any

from freehold.services.explaining.document import Document, Section

_UNSEEN = re.compile(
    "[\x00-\x1f\x7f-\x9f\u061c\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff\ufff9-\ufffb]"
)
_MARKS = re.compile(r"([\\`*_{}\[\]<>#|~&])")
_STARTS = re.compile(r"^(\s*)([-+=]|\d+[.)])(?=\s)")
_WIDEST = 48
_STYLE = """
:root { color-scheme: light dark; --ink: #1b1f24; --page: #fff; --line: #c9d1d9; --soft: #57606a }
@media (prefers-color-scheme: dark) {
  :root { --ink: #e6edf3; --page: #0d1117; --line: #30363d; --soft: #9da7b1 }
}
body { margin: 0 auto; max-width: 46rem; padding: 2rem 1.25rem; color: var(--ink);
  background: var(--page); font: 1rem/1.55 system-ui, sans-serif; overflow-wrap: anywhere }
h1 { font-size: 1.4rem; line-height: 1.3 } h2 { font-size: 1.1rem; margin-top: 2rem }
ul { padding-left: 1.2rem } li { margin: 0.25rem 0 }
table { border-collapse: collapse; width: 100%; font-size: 0.9rem }
th, td { border: 1px solid var(--line); padding: 0.3rem 0.5rem }
th, td { text-align: left; vertical-align: top }
th { color: var(--soft) } section { break-inside: avoid-page }
@media print { body { max-width: none; padding: 0; color: #000; background: #fff } }
"""


def plain(text: str) -> str:
    """On one line, and with nothing in it that a terminal obeys or that hides what is read."""
    return _UNSEEN.sub(lambda m: _named(m[0]), text)


def _named(character: str) -> str:
    if character in "\t\r\n\u2028\u2029":
        return " "
    code = ord(character)
    return f"\\x{code:02x}" if code < 0x100 else f"\\u{code:04x}"


def text(document: Document) -> str:
    """For a terminal: no markup, one thought a line."""
    lines = [plain(document.title)]
    for section in document.sections:
        lines += ["", plain(section.title)]
        lines += [f"  {plain(line)}" for line in section.lines]
        lines += [f"  {line}".rstrip() for line in _columns(section)]
    return "\n".join(lines) + "\n"


def _columns(section: Section) -> list[str]:
    if not section.rows:
        return []
    rows = [[plain(cell) for cell in row] for row in (section.head, *section.rows) if row]
    widths = [
        min(_WIDEST, max(len(row[at]) for row in rows)) for at in range(len(section.rows[0]) - 1)
    ]
    return [
        "  ".join([cell.ljust(width) for cell, width in zip(row, widths, strict=False)] + row[-1:])
        for row in rows
    ]


def markdown(document: Document) -> str:
    """CommonMark with tables; everything told is text, and nothing of it is markup."""
    lines = [f"# {_marked(document.title)}"]
    for section in document.sections:
        lines += ["", f"## {_marked(section.title)}", ""]
        lines += [f"- {_marked(line)}" for line in section.lines]
        if section.rows:
            lines += [""] if section.lines else []
            head = section.head or ("",) * len(section.rows[0])
            lines += [_row(head), _row(("---",) * len(head), raw=True)]
            lines += [_row(row) for row in section.rows]
    return "\n".join(lines) + "\n"


def _row(cells: tuple[str, ...], *, raw: bool = False) -> str:
    return "| " + " | ".join(cell if raw else _marked(cell) for cell in cells) + " |"


def _marked(said: str) -> str:
    said = _MARKS.sub(r"\\\1", plain(said))
    # a bare address would become a link
    said = re.sub(r"(?i)\b(https?|ftp|mailto|www)(?=[:.])", r"\1&#8203;", said)
    return _STARTS.sub(r"\1\\\2", said)


def html(document: Document) -> str:
    """One page: no script, nothing loaded from anywhere, light or dark, ready to print."""
    body = "\n".join(_section(section, at) for at, section in enumerate(document.sections))
    return (
        '<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        '<meta http-equiv="Content-Security-Policy" content="default-src \'none\'; '
        "style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'\">\n"
        '<meta name="referrer" content="no-referrer">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f"<title>{_safe(document.title)}</title>\n<style>{_STYLE}</style>\n</head>\n<body>\n<main>\n"
        f"<h1>{_safe(document.title)}</h1>\n{body}\n</main>\n</body>\n</html>\n"
    )


def _safe(said: str) -> str:
    return escape(plain(said), quote=True)


def _section(section: Section, at: int) -> str:
    made = [f'<section aria-labelledby="s{at}">', f'<h2 id="s{at}">{_safe(section.title)}</h2>']
    if section.lines:
        made += ["<ul>", *(f"<li>{_safe(line)}</li>" for line in section.lines), "</ul>"]
    if section.rows:
        made.append("<table>")
        if section.head:
            cells = "".join(f'<th scope="col">{_safe(cell)}</th>' for cell in section.head)
            made.append(f"<thead><tr>{cells}</tr></thead>")
        made.append("<tbody>")
        for row in section.rows:
            first, *rest = (_safe(cell) for cell in row)
            cells = "".join(f"<td>{cell}</td>" for cell in rest)
            made.append(f'<tr><th scope="row">{first}</th>{cells}</tr>')
        made += ["</tbody>", "</table>"]
    return "\n".join([*made, "</section>"])


def section_dict(section: Section) -> dict[str, Any]:
    """For ``--json``; ``rows`` only where there are some."""
    made: dict[str, Any] = {"title": section.title, "lines": list(section.lines)}
    if section.rows:
        made |= {"head": list(section.head), "rows": [list(row) for row in section.rows]}
    return made
