"""Labelling: which cases a queue takes, what its labels come to, what people are told of a case."""
