"""The only place that wires: adapters behind ports, ports into stages, stages into a journey.

Nothing is imported here: a command takes the module that it needs, so that it starts quickly.
"""
