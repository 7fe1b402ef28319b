"""The signature of a version: an in-toto statement over its files, in a DSSE envelope.

Both are open forms (in-toto.io/Statement/v1, github.com/secure-systems-lab/dsse), signed with the
Ed25519 key of the home's ledger, so that the same key vouches for records and for models. Anybody
who has the public key verifies it offline.
"""

import base64
import binascii
import hashlib
import json
from collections.abc import Iterable, Mapping
from typing import Any

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from freehold.core.errors import AlteredModel
from freehold.learning.registry.manifest import Manifest, encoded

PAYLOAD_TYPE = "application/vnd.in-toto+json"
STATEMENT_TYPE = "https://in-toto.io/Statement/v1"
PREDICATE_TYPE = "urn:freehold:model:1"


def key_id(public: bytes) -> str:
    """``sha256:`` and the hash of a public key, as ``freehold audit key show`` prints it."""
    return "sha256:" + hashlib.sha256(public).hexdigest()


def sign(files: Mapping[str, str], manifest: Manifest, seed: bytes) -> bytes:
    """The envelope.

    Args:
        files: SHA-256 in hex by path, of every file but the signature itself.
        seed: the private key, 32 bytes.
    """
    statement = {
        "_type": STATEMENT_TYPE,
        "subject": [{"name": name, "digest": {"sha256": files[name]}} for name in sorted(files)],
        "predicateType": PREDICATE_TYPE,
        "predicate": {
            "model": manifest.content.model,
            "version": manifest.version,
            "digest": manifest.digest,
        },
    }
    return enveloped(encoded(statement), seed)


def enveloped(payload: bytes, seed: bytes) -> bytes:
    """A payload of in-toto's type in a DSSE envelope.

    Args:
        seed: the private key, 32 bytes.
    """
    private = Ed25519PrivateKey.from_private_bytes(seed)
    public = private.public_key().public_bytes_raw()
    signature = {
        "keyid": key_id(public),
        "sig": base64.b64encode(private.sign(_pae(payload))).decode(),
    }
    envelope = {
        "payloadType": PAYLOAD_TYPE,
        "payload": base64.b64encode(payload).decode(),
        "signatures": [signature],
    }
    return json.dumps(envelope, indent=1, sort_keys=True).encode() + b"\n"


def verify(envelope: bytes, manifest: Manifest, keys: Iterable[bytes]) -> dict[str, str]:
    """The files that one of these public keys vouches for: SHA-256 in hex by path.

    Raises:
        AlteredModel: no envelope, of another version, or signed by none of the keys.
    """
    known = list(keys)
    try:
        payload, signers = taken_out(envelope, known)
    except ValueError as error:
        raise AlteredModel(f"the signature of {manifest.version} can't be read: {error}") from error
    if not signers:
        raise AlteredModel(
            f"the signature of {manifest.version} is by none of the {len(known)} keys known here"
        )
    return _files(json.loads(payload), manifest)


def taken_out(envelope: bytes, keys: Iterable[bytes]) -> tuple[bytes, list[bytes]]:
    """The payload of an envelope, and those of these public keys that signed it.

    Raises:
        ValueError: it is no DSSE envelope of an in-toto statement.
    """
    try:
        outer = json.loads(envelope)
        payload = base64.b64decode(outer["payload"], validate=True)
        signatures = [base64.b64decode(s["sig"], validate=True) for s in outer["signatures"]]
        said = outer["payloadType"]
    except (ValueError, KeyError, TypeError, binascii.Error) as error:
        raise ValueError(f"no DSSE envelope: {error}") from error
    if said != PAYLOAD_TYPE:
        raise ValueError(f"its payload is no {PAYLOAD_TYPE}")
    return payload, [key for key in keys if any(_signed(s, payload, key) for s in signatures)]


def _files(statement: Any, manifest: Manifest) -> dict[str, str]:
    about = statement["predicate"]
    if (about["model"], about["digest"]) != (manifest.content.model, manifest.digest):
        raise AlteredModel(
            f"the signature of {manifest.version} is that of {about['model']}@{about['version']}"
        )
    return {one["name"]: one["digest"]["sha256"] for one in statement["subject"]}


def _signed(signature: bytes, payload: bytes, public: bytes) -> bool:
    try:
        Ed25519PublicKey.from_public_bytes(public).verify(signature, _pae(payload))
    except (InvalidSignature, ValueError):
        return False
    return True


def _pae(payload: bytes) -> bytes:
    """DSSE's pre-authentication encoding: nothing can be read as another type."""
    kind = PAYLOAD_TYPE.encode()
    return b"DSSEv1 %d %s %d %s" % (len(kind), kind, len(payload), payload)
