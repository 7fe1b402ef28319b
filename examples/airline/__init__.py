"""An airline's recorded conversations, replayed through a real gateway."""
