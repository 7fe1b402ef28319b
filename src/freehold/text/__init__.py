"""Features, numbers, money, dates and spans, for stages and learning alike."""
