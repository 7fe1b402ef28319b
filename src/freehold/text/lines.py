"""Whether a line end parts two statements, or only wraps one.

A sentence goes on behind a single line end, as in an e-mail of 72 columns. A blank line, a list
item, a heading, a table row, a code fence and a line with a label of its own ("Seats: 12") part.
"""

import re

LABEL = 32
"""Characters of a line's beginning in which a label may stand."""

_LABEL_WORDS = 4
_LINE_BACK = 400
_CLOSERS = " \t\r\"'\u201d\u2019)*_`~"
_ENDS = frozenset(".!?\u2026:;\u3002\uff01\uff1f{}[|>")
_BEGINS = frozenset('{}[]|>"\u2022\u25e6\u25aa\u25cf\u00b7\u2023\u2013\u2014\u2705\u274c\u2714')
# A rule, a fence, a heading or a quotation: no sentence goes on behind such a line.
_APART = re.compile(r"[ \t]*(?:[-*_=~`]{3,}[\w-]*[ \t\r]*$|[>|]|#{1,6}(?:[ \t]|$))")
_ITEM = re.compile(
    r"(?:[-*+]|#{1,6}|\d{1,3}[.)]|[A-Za-z][.)])\s|[-*_=~`]{3}(?!\w)|`{3}"
    r"|\$ [a-z]"  # a prompt
    r"|<(?!/?(?:b|i|u|em|strong|mark|span|small|code|br)\b)"
)
_MAY_BE_ITEM = re.compile(r"(?:[-*+_=~`#]{1,6}|\d{1,3}[.)]?|[A-Za-z][.)]?|\$ ?|</?[a-z]{0,6})\Z")
_ESCAPED = "\\n"
_MARKS = "*_`"
_LABELLED = re.compile(rf"[^\W_][\w '\u2019&/()#-]{{0,{LABEL - 1}}}")
_VALUE = re.compile(r"[*_`]{0,3}:")


def wraps(text: str, end: int, begin: int, limit: int | None = None) -> bool | None:
    """Whether the line that ends at `end` goes on in the next, which begins at `begin`.

    `begin` is at the next line's first character that is no space. None: what is in view, up to
    `limit`, does not tell; more text will. The text before `end` decides first, so that most
    lines never wait.
    """
    if limit is None:
        limit = len(text)
    breaks = sum(text.count(sign, end, begin) for sign in ("\n", _ESCAPED, "<br"))
    if breaks > 1:
        return False
    if begin >= limit:
        return None
    line = text[max(0, end - _LINE_BACK) : end]
    line = line[line.rfind("\n") + 1 :]
    line = line[line.rfind(_ESCAPED) + 2 :] if _ESCAPED in line else line
    said = line.rstrip(_CLOSERS)
    if not said or said[-1] in _ENDS or text[begin] in _BEGINS or _APART.match(line):
        return False
    head = text[begin : min(limit, begin + LABEL + 8)]
    all_seen = len(head) == LABEL + 8
    if not all_seen and _MAY_BE_ITEM.match(head):
        return None
    if _ITEM.match(head):
        return False
    label = _is_label(head)
    return not label if label is not None or all_seen else None


def _is_label(head: str) -> bool | None:
    """Whether a line begins with a label; None when its beginning does not tell."""
    skipped = len(head) - len(head.lstrip(_MARKS))
    found = _LABELLED.match(head, skipped)
    if found is None:
        return None if skipped == len(head) else False
    words = found[0].split()
    several = len(words) > 1 or found[0].endswith(" ")
    if len(words) > _LABEL_WORDS or (several and found[0][0].islower()):
        return False
    if found.end() == len(head):
        return None if len(found[0]) < LABEL else False
    if head[found.end()] in _MARKS:
        rest = head[found.end() :]
        if rest.strip(_MARKS) == "" and len(rest) < 4:
            return None
    return _VALUE.match(head, found.end()) is not None
