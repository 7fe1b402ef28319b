"""Detectors over request, context and answer; redaction and restoring."""
