"""Adapters to databases: engine, writer and migrations."""
