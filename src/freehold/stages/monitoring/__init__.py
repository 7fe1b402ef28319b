"""Latency, tokens, money and load by layer."""
