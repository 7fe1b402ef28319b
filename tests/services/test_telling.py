"""What is no value of a metric is told in words that fit it."""

import pytest

from freehold.core.errors import RequestError
from freehold.core.routes import MetricSpec
from freehold.services.telling import measured


@pytest.mark.parametrize(
    ("value", "why"), [("", "is empty"), (" \n", "is empty"), ("x" * 4_001, "4,000"), (3, "a text")]
)
def test_a_text_is_neither_empty_nor_too_long(value: object, why: str) -> None:
    with pytest.raises(RequestError, match=why):
        measured(MetricSpec(id="remark", text="comment"), value)
