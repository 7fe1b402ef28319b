"""Records, the Merkle tree, checkpoints, keys and their verification."""
