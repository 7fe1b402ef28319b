"""Who is asking, from verified sources only."""

from msgspec import Struct


class KeyGrant(Struct, frozen=True, kw_only=True):
    """What an API key allows. The key itself is never kept.

    ``trusted_headers`` lists identity attributes which this key's holder, a back end that knows
    its users, may state in headers. Roles and clearances can never be among them.
    """

    key_id: str
    tenant: str
    app: str
    scopes: frozenset[str] = frozenset({"chat", "completion", "embedding", "models"})
    trusted_headers: frozenset[str] = frozenset()
    expires_ns: int | None = None
    revoked: bool = False
    name: str = ""


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
