"""The only place that wires: adapters behind core's ports, stages into the journey."""
