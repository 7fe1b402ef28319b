"""Expressions over declared facts: what policy, routing and context sources all evaluate."""
