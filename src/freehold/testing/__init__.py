"""Shipped fakes and the simulator."""

from freehold.testing.launcher import Simulator, SimulatorError

__all__ = ["Simulator", "SimulatorError"]
