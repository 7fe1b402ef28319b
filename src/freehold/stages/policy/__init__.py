"""The owner's rules, which override the model."""
