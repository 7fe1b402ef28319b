"""The ledger: records in append-only segment files, and the reading of them."""
