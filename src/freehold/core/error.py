"""The root of the tree of errors, which `core.errors` draws."""

from typing import ClassVar


class FreeholdError(Exception):
    """The root. ``str(error)`` is for operators; ``public`` is all that a caller is told.

    Attributes:
        code: stable identifier, documented under this heading in ``docs/reference/errors.md``.
        status: HTTP status at the doors. Refusals by a control or a rule never use one that
            client SDKs retry (408, 409, 429, 5xx); a rate limit (429) is no such refusal, since
            the same request will do later.
        kind, slug: the ``type`` and ``code`` fields of an OpenAI error object.
    """

    code: ClassVar[str] = "FH-000"
    status: ClassVar[int] = 500
    kind: ClassVar[str] = "server_error"
    slug: ClassVar[str] = "internal_error"
    default_public: ClassVar[str] = "The gateway could not complete this request."
    plain: ClassVar[bool] = False

    def __init__(
        self, message: str, *, public: str | None = None, param: str | None = None
    ) -> None:
        super().__init__(message)
        said = message if self.plain else self.default_public
        self.public = public if public is not None else said
        self.param = param
