"""Which facts are words of a caller or a model, so that a record holds their length and no more."""

from functools import lru_cache

_THEIRS = ("request.", "answer.", "stream.")
_OWN = frozenset(
    {
        "answer.labels",
        "answer.missing_disclaimers",
        "answer.model",
        "request.findings",
        "request.intent",
        "request.labels",
        "request.language",
        "request.operation",
    }
)
"""What Freehold itself or the bundle says about a text; any other text among these facts is theirs.
"""


@lru_cache(maxsize=4096)
def are_words(name: str) -> bool:
    """Whether a text under this name is the caller's or the model's."""
    return (name.startswith(_THEIRS) and name not in _OWN) or name == "tool.arguments"
