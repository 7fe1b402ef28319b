"""What counts as JSON."""

from freehold.text.structured import is_json


def test_is_json_means_an_object_or_an_array() -> None:
    assert is_json(' {"a": [1]}')
    assert not is_json("1")
    assert not is_json('{"a": ')
    assert not is_json("[EMAIL_7F3A2C9B]")
