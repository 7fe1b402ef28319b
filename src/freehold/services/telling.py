"""What somebody says of an answer, checked against the metric that it is about."""

from typing import Any

from msgspec import Struct
from msgspec.structs import replace

from freehold.core.decisions import MILLION
from freehold.core.errors import RequestError
from freehold.core.routes import MetricSpec

MAX_COMMENT = 4_000
MAX_DEMONSTRATION = 32_000


class Said(Struct, frozen=True, kw_only=True):
    """What somebody says of an exchange or of a conversation; of one of both.

    ``conversation`` is the id that Freehold knows it by; ``by`` is a key's id, or ``terminal``.
    """

    metric: str
    value: Any
    exchange_id: str = ""
    conversation: str = ""
    comment: str = ""
    by: str = ""


def worded(metric: MetricSpec, said: Said) -> Said:
    """With a metric's text where comments are kept, since both are sealed alike; its value is not
    repeated anywhere.

    Raises:
        RequestError: it is too long, or there are two texts, or a right answer is not said of one
            exchange.
    """
    if not metric.text:
        if len(said.comment) > MAX_COMMENT:
            raise RequestError(
                f"A comment has {MAX_COMMENT:,} characters at most.", param="comment"
            )
        return said
    if said.comment:
        raise RequestError(f"`{metric.id}` is a text itself: leave `comment` out.", param="comment")
    if metric.text == "demonstration" and not said.exchange_id:
        raise RequestError(
            f"`{metric.id}` is the right answer to one exchange: name its `exchange_id`.",
            param="exchange_id",
        )
    return replace(said, comment=said.value, value=None)


def _text(metric: MetricSpec, value: Any) -> tuple[int, int]:
    most = MAX_COMMENT if metric.text == "comment" else MAX_DEMONSTRATION
    if isinstance(value, str) and not value.strip():
        raise RequestError(f"`{metric.id}` is empty: it is a text.", param="value")
    if not isinstance(value, str) or len(value) > most:
        raise RequestError(
            f"`{metric.id}` is a text of {most:,} characters at most.", param="value"
        )
    return 0, 0


def measured(metric: MetricSpec, value: Any) -> tuple[int, int]:
    """A value in millionths as it was told, and from the worst, 0, to the best, a million.

    Raises:
        RequestError: it is no value of this metric.
    """
    if metric.text:
        return _text(metric, value)
    if metric.boolean:
        if not isinstance(value, bool):
            raise RequestError(f"`{metric.id}` is true or false.", param="value")
        micro = MILLION if value else 0
    else:
        number = isinstance(value, int | float) and not isinstance(value, bool)
        micro = round(value * MILLION) if number and abs(value) <= MILLION else metric.least - 1
        if not metric.least <= micro <= metric.most:
            ends = f"{metric.least / MILLION:g} to {metric.most / MILLION:g}"
            raise RequestError(f"`{metric.id}` is a number from {ends}.", param="value")
    score = (micro - metric.least) * MILLION // (metric.most - metric.least)
    return micro, score if metric.good == "max" else MILLION - score
