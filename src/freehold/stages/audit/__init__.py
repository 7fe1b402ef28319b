"""Writes the exchange's record."""
