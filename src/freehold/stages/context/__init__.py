"""The company's own facts, fetched side by side and ranked."""
