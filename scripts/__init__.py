"""Programs for those who work on Freehold itself; nothing of it ships."""
