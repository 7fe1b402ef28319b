"""Doors over HTTP: wire dialects, API and route tables."""
