"""Packs, calls and reads the model."""
