"""Who asks, through which app, within which limits."""
