"""Adapters that verify who an end user is."""
