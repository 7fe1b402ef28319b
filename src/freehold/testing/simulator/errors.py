"""Refusals in the form that OpenAI's API gives them."""

from __future__ import annotations

from collections.abc import Mapping


class WireError(Exception):
    """An answer that is an OpenAI error object.

    Attributes:
        status: the HTTP status.
        headers: further headers, such as `retry-after`.
    """

    def __init__(
        self,
        status: int,
        message: str,
        *,
        kind: str = "invalid_request_error",
        code: str | None = None,
        param: str | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(message)
        self.status = status
        self.message = message
        self.kind = kind
        self.code = code
        self.param = param
        self.headers = dict(headers or {})

    def body(self) -> dict[str, object]:
        """`{"error": {...}}` as the SDKs expect it."""
        return {
            "error": {
                "message": self.message,
                "type": self.kind,
                "param": self.param,
                "code": self.code,
            }
        }


def malformed(message: str, param: str | None = None) -> WireError:
    """400: the request cannot be understood."""
    return WireError(400, message, param=param)


def unknown_model(name: str) -> WireError:
    """404: no such model."""
    return WireError(
        404, f"The simulator has no model {name!r}.", code="model_not_found", param="model"
    )
