"""Adapters to models, outside and inside."""
