"""Datasets: immutable versions, known by what is in them, split so that nothing leaks."""

from freehold.learning.datasets.folder import FolderDataset, find, latest, versions
from freehold.learning.datasets.manifest import Manifest
from freehold.learning.datasets.memory import MemoryDataset

__all__ = ["FolderDataset", "Manifest", "MemoryDataset", "find", "latest", "versions"]
