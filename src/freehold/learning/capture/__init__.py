"""Capture: which exchanges are worth learning from, and what was there when they happened."""
