"""AWS's part of a call: credentials and signatures, by botocore (extra ``bedrock``).

Nothing of the environment is read unless the bundle says ``aws: {chain: true}`` for a model.
"""

import asyncio
import re
from collections.abc import Mapping
from typing import Any

from freehold.core.errors import BundleError, ProviderError
from freehold.core.ports import Secrets
from freehold.core.spec import ModelSpec

_HOST = re.compile(r"//bedrock-runtime(?:-fips)?\.([a-z0-9-]+)\.")
_KEPT = 1024
MISSING = "needs the package botocore: pip install 'freehold[bedrock]'"


class Signer:
    """Signs requests with Signature Version 4 for Bedrock.

    Args:
        secrets: resolves ``env:`` and ``file:`` references.
    """

    def __init__(self, secrets: Secrets) -> None:
        self._secrets = secrets
        self._known: dict[int, tuple[ModelSpec, Any]] = {}

    async def sign(
        self, model: ModelSpec, url: str, headers: Mapping[str, str], body: bytes
    ) -> Mapping[str, str]:
        """The headers with a signature among them.

        Raises:
            ProviderError: no credentials, no region, or no botocore.
        """
        try:
            from botocore.auth import SigV4Auth
            from botocore.awsrequest import AWSRequest
        except ImportError:
            raise ProviderError(f"a signature {MISSING}") from None
        found = self._known.get(id(model))
        if found is None or found[0] is not model:
            if len(self._known) >= _KEPT:
                self._known.clear()
            found = self._known[id(model)] = (model, await self._credentials(model))
        credentials = found[1]
        if getattr(credentials, "refresh_needed", bool)():
            await asyncio.to_thread(credentials.get_frozen_credentials)
        request = AWSRequest("POST", url, headers=dict(headers), data=body)
        SigV4Auth(credentials.get_frozen_credentials(), "bedrock", _region(model)).add_auth(request)
        return {name.lower(): str(value) for name, value in request.headers.items()}

    def forget(self, model: ModelSpec) -> bool:
        """Read the credentials anew next time. Whether there were any."""
        return self._known.pop(id(model), None) is not None

    async def _credentials(self, model: ModelSpec) -> Any:
        if model.aws.get("chain") == "true":
            return await asyncio.to_thread(_chain, model.aws.get("profile"))
        from botocore.credentials import Credentials

        named = {name: model.aws.get(name, "") for name in ("access_key", "secret_key")}
        if not all(named.values()):
            raise ProviderError(
                "it has neither an `api_key` nor, under `aws`, `access_key` and `secret_key`"
            )
        token = model.aws.get("session_token")
        try:
            return Credentials(
                self._secrets.resolve(named["access_key"]),
                self._secrets.resolve(named["secret_key"]),
                self._secrets.resolve(token) if token else None,
            )
        except BundleError as error:
            raise ProviderError(str(error)) from error


def _chain(profile: str | None) -> Any:
    """Boto's own search: environment, files, container, instance. May wait for a network."""
    from botocore.exceptions import BotoCoreError
    from botocore.session import Session

    try:
        credentials = Session(profile=profile).get_credentials()
    except BotoCoreError as error:
        raise ProviderError(f"AWS's chain of credentials: {type(error).__name__}") from None
    if credentials is None:
        raise ProviderError("AWS's chain of credentials found none")
    return credentials


def _region(model: ModelSpec) -> str:
    region = model.aws.get("region")
    if region:
        return region
    found = _HOST.search(model.base_url)
    if found is None:
        raise ProviderError("say `aws: {region: …}`: its address does not tell")
    return found[1]
