"""The asset as files: schema, loading, checking, comparing and hashing."""
