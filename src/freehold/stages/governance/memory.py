"""Findings remembered by text, so that a long conversation costs only what is new in it."""

import os
from collections import OrderedDict
from hashlib import blake2b

from freehold.core.decisions import Finding

MAX_FINDINGS = 512
"""A text with more findings than this is read again rather than remembered."""


class Memory:
    """An LRU from (tenant, scanner, digest of the text) to findings.

    The digest is keyed with bytes that only this process knows; no text is kept. A tenant never
    sees what another one's texts left here, not even by timing within one entry.
    """

    def __init__(self, entries: int) -> None:
        self._entries = entries
        self._key = os.urandom(32)
        self._known: OrderedDict[tuple[str, str, bytes], tuple[Finding, ...]] = OrderedDict()

    def __len__(self) -> int:
        return len(self._known)

    def key(self, tenant: str, scanner: str, text: str) -> tuple[str, str, bytes]:
        """What to ask for and to remember under."""
        data = text.encode("utf-8", "surrogatepass")
        return tenant, scanner, blake2b(data, digest_size=16, key=self._key).digest()

    def get(self, key: tuple[str, str, bytes]) -> tuple[Finding, ...] | None:
        """The findings, or ``None`` if this text is new."""
        known = self._known  # another one after `forget`
        found = known.get(key)
        if found is not None:
            known.move_to_end(key)
        return found

    def put(self, key: tuple[str, str, bytes], findings: tuple[Finding, ...]) -> None:
        """Remember; the text asked for longest ago is forgotten."""
        if len(findings) > MAX_FINDINGS:
            return
        known = self._known
        known[key] = findings
        if len(known) > self._entries:
            known.popitem(last=False)

    def forget(self) -> None:
        """Forget everything, and the key of the digests; any thread may."""
        self._known = OrderedDict()
        self._key = os.urandom(32)
