"""The closed set of stages that a request travels; they meet only in core's types."""
