"""The built-in detectors, one module per kind of thing that they find."""
