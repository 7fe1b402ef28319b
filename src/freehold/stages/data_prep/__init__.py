"""Normalises, bounds and featurises what came in."""
