"""What sort of failure ended a use of a model: few words, and stable ones."""

from typing import Literal

CallError = Literal[
    "hung_up",
    "timeout",
    "rate_limited",
    "server_error",
    "refused",
    "unreachable",
    "broken_off",
    "nonsense",
    "unsure",
    "crash",
    "other",
]
"""What came of it otherwise than an answer:

- ``hung_up``: nobody wanted it any more, or another model's came first;
- ``timeout``: it took too long;
- ``rate_limited``: 429, or too many wait;
- ``server_error``: 5xx, or an error in place of an answer;
- ``refused``: any other 4xx, a redirect, or what can't be asked of it;
- ``unreachable``: no connection;
- ``broken_off``: the answer stopped in its middle;
- ``nonsense``: what came can't be read;
- ``unsure``: a custom model abstained;
- ``crash``: the provider itself failed;
- ``other``: none of these.
"""
CallEnd = CallError | Literal[""]
"""Empty: an answer."""
WENT_AWAY = "the caller went away"
"""What is said of a call that was left before its end, where nobody said why."""
NO_FAILURE: frozenset[CallEnd] = frozenset({"", "hung_up", "unsure"})
"""Ends that are no fault of the model: it answered, nobody wanted it any more, or it abstained,
which is what a custom model is to do."""
