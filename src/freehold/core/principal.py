"""Who is asking, from verified sources only."""

from msgspec import Struct, field
from msgspec.structs import force_setattr

from freehold.core.limits import Limits, Scope
from freehold.core.priority import Priority

USUAL_SCOPES = frozenset({"chat", "completion", "embedding", "feedback", "models"})
"""What a key is for if nobody says otherwise: all that an app does."""


class KeyGrant(Struct, frozen=True, kw_only=True):
    """What an API key allows. The key itself is never kept.

    ``trusted_headers`` lists identity attributes which this key's holder, a back end that knows
    its users, may state in headers. Roles and clearances can never be among them. ``scope`` counts
    what is asked with the key, under its ``limits``. ``priority``: its own; none, and its app's.
    """

    key_id: str
    tenant: str
    app: str
    scopes: frozenset[str] = USUAL_SCOPES
    trusted_headers: frozenset[str] = frozenset()
    expires_ns: int | None = None
    revoked: bool = False
    name: str = ""
    limits: Limits = field(default_factory=Limits)
    priority: Priority | None = None
    scope: Scope = field(default_factory=lambda: Scope(id="", limits=Limits()))

    def __post_init__(self) -> None:
        """The key's own counter."""
        force_setattr(self, "scope", Scope(id=f"key:{self.key_id}", limits=self.limits))


class Principal(Struct, frozen=True, kw_only=True):
    """The end user of an app, as far as it is known.

    ``verified`` is true only when a signed token said so. ``attributes`` has every attribute
    that the bundle declares, at its declared default where nothing vouches for another value.
    ``tenant`` is where the token says that they belong; empty, nowhere, so they approve nothing.
    """

    id: str = ""
    verified: bool = False
    issuer: str = ""
    roles: frozenset[str] = frozenset()
    clearances: frozenset[str] = frozenset()
    attributes: dict[str, str] = {}
    tenant: str = ""
    expires_ns: int | None = None
