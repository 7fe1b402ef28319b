"""The use cases behind every door."""
