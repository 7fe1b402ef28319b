"""How held answers and requests are sealed: under the home's key, and inside of that under a key of
whoever asked, so that erasing them erases it, from backups of the database too.
"""

import os

import msgspec
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from freehold.core.approvals import Case, RequestCase, packed
from freehold.core.errors import NotFound, StorageError
from freehold.core.ports import SubjectKeys
from freehold.core.subjects import SubjectKey

_NONCE_BYTES = 12
_INNER = b"\x01"
_KEY_END = 33
_HOLD = b"hold"


class Seal:
    """AES-256-GCM, bound to the approval and tenant, around AES-SIV.

    Args:
        key: 32 bytes from ``<home>/keys/holds``.
        subjects: keys of persons.
    """

    def __init__(self, key: bytes, subjects: SubjectKeys) -> None:
        self._cipher = AESGCM(key)
        self._subjects = subjects

    def close(
        self, approval_id: str, tenant: str, case: Case | RequestCase, key: SubjectKey | None
    ) -> bytes:
        """Seal a case; without ``key``, as older versions did.

        Raises:
            StorageError: it can't be written down.
        """
        nonce = os.urandom(_NONCE_BYTES)
        try:
            content = packed(case)
        except (msgspec.MsgspecError, TypeError, ValueError, OverflowError) as error:
            why = f"what is held can't be written down to be kept: {type(error).__name__}"
            raise StorageError(why) from error
        if key is not None:
            inner = key.seal(content, _HOLD, approval_id.encode())
            content = _INNER + key.id.encode() + inner
        return nonce + self._cipher.encrypt(nonce, content, _bound(approval_id, tenant))

    def open(self, approval_id: str, tenant: str, sealed: bytes) -> bytes:
        """What `packed` gave.

        Raises:
            NotFound: the key of whoever asked was destroyed.
            StorageError: the seal is broken, or the home's key was replaced.
        """
        content = self._outer(approval_id, tenant, sealed)
        key = self._inner_key(approval_id, content)
        return content if key is None else key.open(content[_KEY_END:], _HOLD, approval_id.encode())

    def key_of(self, approval_id: str, tenant: str, sealed: bytes) -> SubjectKey | None:
        """The key inside; none where an older version sealed it. Raises as ``open``."""
        return self._inner_key(approval_id, self._outer(approval_id, tenant, sealed))

    def _outer(self, approval_id: str, tenant: str, sealed: bytes) -> bytes:
        bound = _bound(approval_id, tenant)
        try:
            return self._cipher.decrypt(sealed[:_NONCE_BYTES], sealed[_NONCE_BYTES:], bound)
        except InvalidTag as error:
            raise StorageError(f"the seal of {approval_id} does not fit this home's key") from error

    def _inner_key(self, approval_id: str, content: bytes) -> SubjectKey | None:
        if content[:1] != _INNER:
            return None
        key = self._subjects.find(content[1:_KEY_END].decode())
        if key is None:
            raise NotFound(f"the text of {approval_id} was erased with the data of whoever asked")
        return key


def _bound(approval_id: str, tenant: str) -> bytes:
    return f"{approval_id}\n{tenant}".encode()
