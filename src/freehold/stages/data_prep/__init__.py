"""Clean text: normal forms, sizes, language and the features that every head shares."""

from freehold.stages.data_prep.stage import DataPrep

__all__ = ["DataPrep"]
