"""Slots: values of an approved answer that came from context, found and filled again."""
