"""The shared words: frozen types, decisions, errors, ids, the clock and the ports."""
