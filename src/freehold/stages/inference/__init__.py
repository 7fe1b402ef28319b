"""Packs a request to a model's window, calls the model, and gives its answer as it grows."""

from freehold.stages.inference.stage import Inference

__all__ = ["Inference"]
