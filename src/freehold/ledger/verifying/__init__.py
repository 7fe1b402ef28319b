"""Verify a Freehold ledger, an auditors' archive of it, or the proof of one record, offline.

Nothing in here imports anything but Python's standard library (3.9 or newer) and its neighbours,
and nothing is shared with what wrote the ledger. `joined` makes one file of it that runs elsewhere.
"""

from freehold.ledger.verifying.archive import ARCHIVE_FORMAT
from freehold.ledger.verifying.basics import Malformed, Unreadable, b64, read_json
from freehold.ledger.verifying.command import as_text, main
from freehold.ledger.verifying.door import read_checkpoints, verify
from freehold.ledger.verifying.ed25519 import ed25519_verify
from freehold.ledger.verifying.findings import Finding, LogReport, Report
from freehold.ledger.verifying.lines import read_line
from freehold.ledger.verifying.log_files import cut_short
from freehold.ledger.verifying.merkle import Peaks, consistent, included, leaf_hash, merkle_root
from freehold.ledger.verifying.notes import (
    Checkpoint,
    cosigned_at,
    read_checkpoint,
    read_note,
    read_vkey,
)
from freehold.ledger.verifying.proofs import (
    CONSISTENCY_FORMAT,
    PROOF,
    PROOF_FORMAT,
    read_proof,
    verify_proof,
)
from freehold.ledger.verifying.trust import Pins

__all__ = [
    "ARCHIVE_FORMAT",
    "CONSISTENCY_FORMAT",
    "PROOF",
    "PROOF_FORMAT",
    "Checkpoint",
    "Finding",
    "LogReport",
    "Malformed",
    "Peaks",
    "Pins",
    "Report",
    "Unreadable",
    "as_text",
    "b64",
    "consistent",
    "cosigned_at",
    "cut_short",
    "ed25519_verify",
    "included",
    "leaf_hash",
    "main",
    "merkle_root",
    "read_checkpoint",
    "read_checkpoints",
    "read_json",
    "read_line",
    "read_note",
    "read_proof",
    "read_vkey",
    "verify",
    "verify_proof",
]
