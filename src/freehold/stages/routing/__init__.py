"""Which targets may answer, which should, and in what order."""
