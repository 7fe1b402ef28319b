"""Adapters for context: databases and HTTP services."""
