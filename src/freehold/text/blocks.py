"""Context as it is written into a system message, and read again."""

import re
from collections.abc import Iterator

OPENING = "<context source="
# Whatever could pass for our own marks inside a text; linear, since the blanks can match one way.
_MARK = re.compile(r"<(?=\s*(?:/\s*)?context)", re.IGNORECASE)
_BLOCK = re.compile(
    r'<context source="(?P<source>[^"\n]{1,200})" id="\d{1,6}" trust="(?P<trust>(?:un)?trusted)">\n'
    r"(?P<text>.*?)\n</context>",
    re.DOTALL,
)


def packed(source: str, text: str, *, trusted: bool, rank: int) -> str:
    """One piece of context as a block; what could pass for one inside its text is disarmed."""
    source = source.replace("&", "&amp;").replace('"', "&quot;").replace("<", "&lt;")
    text = _MARK.sub("&lt;", text) if "<" in text else text
    trust = "trusted" if trusted else "untrusted"
    return f'{OPENING}"{source}" id="{rank}" trust="{trust}">\n{text}\n</context>'


def unpacked(system: str) -> Iterator[dict[str, str | bool]]:
    """Every piece of context in a system message: its ``source``, ``text`` and whether it is
    ``trusted``. No piece's text and no caller can forge a block: packing disarms what looks alike.
    """
    for found in _BLOCK.finditer(system):
        source = found["source"].replace("&lt;", "<").replace("&quot;", '"').replace("&amp;", "&")
        yield {"source": source, "text": found["text"], "trusted": found["trust"] == "trusted"}
