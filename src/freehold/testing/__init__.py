"""Shipped fakes and the simulator."""
