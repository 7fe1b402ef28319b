"""The doors on the terminal. Data goes to stdout, everything else to stderr."""
