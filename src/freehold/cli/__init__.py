"""Doors on the terminal."""
