"""Adapters that tell systems outside what happened."""
