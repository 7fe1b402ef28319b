"""The learning loop: capture, label, dataset, train, evaluate, promote. Pure; no database here."""
